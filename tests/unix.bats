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
		j4) echo $$ >up; exec sleep 1000 ;;
		*) cat ;;
		esac
	END
	chmod +x handler
}

# works CODES: cancels the endless job, waits for the end of the circle, and
# looks at what became of the jobs.
works() {
	wait_until 30 test -s up
	wait_until 30 json '.state == "running"' < <(jobq-list --json j4)
	jobq-cancel <<<j4 2>told
	ends a "$1"
	same '{"cancelled":["j4"],"completed":["j1","j3","j5","j6","j7","j8"],'\
'"failed":["j2"]}' "$(jobq-list --json | jq -sc 'group_by(.state) |
		map({(.[0].state): (map(.id) | sort)}) | add')"
	jobq-list --json | json -s 'all(.attempt == 1 and .rescues == null)'
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
	works '1 1'
}

@test "unix: jobq-run may be a shell script" {
	make_jobs
	circle a 'jobq-claim --ring 3 --ahead 0 --until-empty --lease 2' \
		"$TOP/tests/unix/run ./handler"
	works '1 0'
}

@test "unix: jobq-report may be a shell script" {
	export JOBQ_URL="exec:$BATS_TEST_TMPDIR/jobs?adapter=dir"
	export JOBQ_STORE_PATH=$BATS_TEST_TMPDIR/jobs
	make_jobs
	circle a 'jobq-claim --ring 3 --ahead 0 --until-empty --lease 6' \
		'jobq-run -j 3 -- ./handler' \
		"$TOP/tests/unix/report $TOP/share/adapters/dir/store"
	works '1 1 1'
}

@test "unix: jobq-claim and jobq-run may both be shell scripts" {
	make_jobs
	circle a "env LEASE=2 $TOP/tests/unix/claim 3" \
		"$TOP/tests/unix/run ./handler"
	works '1 0'
}
