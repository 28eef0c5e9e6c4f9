#!/usr/bin/env bats
# Each stage of the ring in turn is a shell script of at most 40 lines
# (tests/unix): the lines between the stages are the whole interface.

load support/ring

# A job fails for good, one lasts longer than most leases here, one until it is
# cancelled; the others are over at once.
make_jobs() {
	jobs 8 '{"input":"x"}' | jobq-push >/dev/null
	cat >handler <<-'END'
		#!/bin/sh
		echo "$JOBQ_ID" >>ran
		case $JOBQ_ID in
		j2) exit 65 ;;
		j3) sleep 2.3 ;;
		j4) echo $$ >up; until [ -e go ]; do sleep 0.1; done ;;
		*) cat ;;
		esac
	END
	chmod +x handler
}

# in_state ID STATE, for wait_until.
in_state() {
	[[ $(jobq-list --json | jq -r --arg id "$1" \
		'select(.id == $id).state') == "$2" ]]
}

# works CODES STATE: lets the endless job become cancelled or, in a store that
# cannot do this, completed, waits for the end of the circle, and looks at what
# became of the jobs.
works() {
	wait_until 30 test -s up
	wait_until 30 in_state j4 running
	if [ "$2" = cancelled ]; then
		jobq-cancel <<<j4 2>told || { cat told; return 1; }
	else
		touch go
	fi
	ends a "$1"
	jobq-list --json >after
	same 'j1 completed
j2 failed
j3 completed
j4 '"$2"'
j5 completed
j6 completed
j7 completed
j8 completed' "$(jq -r '"\(.id) \(.state)"' after | sort)"
	json -s 'all(.attempt == 1 and .rescues == null)' <after
	same "$(jobs 8 | jq -r .id)" "$(sort ran)"
	wait_until 20 gone "$(<up)"
}

@test "unix: the scripts have at most 40 lines" {
	local script
	for script in claim run report; do
		same 1 "$(($(wc -l <"$TOP/tests/unix/$script") <= 40))"
	done
}

@test "unix: jobq-claim may be a shell script" {
	make_jobs
	circle a "env LEASE=2 $TOP/tests/unix/claim 3" \
		'jobq-run -j 3 -- ./handler'
	works '1 1' cancelled
}

@test "unix: jobq-run may be a shell script" {
	make_jobs
	circle a 'jobq-claim --ring 3 --ahead 0 --until-empty --lease 2' \
		"$TOP/tests/unix/run ./handler"
	works '1 0' cancelled
}

@test "unix: jobq-report may be a shell script" {
	export JOBQ_URL="exec:$BATS_TEST_TMPDIR/jobs?adapter=dir"
	export JOBQ_STORE_PATH=$BATS_TEST_TMPDIR/jobs
	make_jobs
	circle a 'jobq-claim --ring 3 --ahead 0 --until-empty --lease 6' \
		'jobq-run -j 3 -- ./handler' \
		"$TOP/tests/unix/report $TOP/share/adapters/dir/store"
	works '1 1 1' completed
}

@test "unix: jobq-claim and jobq-run may both be shell scripts" {
	make_jobs
	circle a "env LEASE=2 $TOP/tests/unix/claim 3" \
		"$TOP/tests/unix/run ./handler"
	works '1 0' cancelled
}
