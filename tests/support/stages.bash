# Jobs on their way through the stages, for the tests of jobq-push, -poll,
# -claim, -report and of their pipelines, over common.bash.
#   load support/stages

# shellcheck disable=SC2034 # what is set here is for the tests

load "${BASH_SOURCE[0]%/*}/common"

# sql STATEMENT: asks the test's own store, as another program would.
sql() {
	sqlite3 -cmd '.timeout 5000' q.db "$1"
}

# job ID COLUMN...: those columns of its row, divided by "|".
job() {
	local id=$1
	shift
	sql "SELECT $(IFS=,; echo "$*") FROM job WHERE id = '$id'"
}

# state ID: its state in the store's own numbers: 0 blocked, 1 scheduled,
# 2 ready, 3 running, 4 completed, 5 cancelled, 6 failed.
state() {
	job "$1" stage
}

# state_is ID STATE, for wait_until.
state_is() {
	[[ $(state "$1") == "$2" ]]
}

# counts NUMBER WHERE: whether so many jobs are so, for wait_until.
counts() {
	[[ $(sql "SELECT count(*) FROM job WHERE $2") == "$1" ]]
}

# has_lines NUMBER FILE: at least so many, for wait_until.
has_lines() {
	[[ -e $2 && $(wc -l <"$2") -ge $1 ]]
}

# jobs COUNT [MEMBERS]: job lines with the ids j1, j2, ...
jobs() {
	jq -nc --argjson more "${2-{\}}" "range($1) | {id: \"j\(. + 1)\"} + \$more"
}

# push_jobs COUNT [MEMBERS]
push_jobs() {
	jobs "$@" | jobq-push >/dev/null
}

# take [ARGUMENT...]: claims into the file claimed, by default one job.
take() {
	timeout -s KILL 30 jobq-claim "${@:--n1}" >claimed
}

# events EVENT...: for each claimed job on stdin the events, JSON objects, as
# a runner prints them.
events() {
	jq -c '. as $job | $ARGS.positional | to_entries[] | {event: "",
		id: $job.id, epoch: $job.lease.epoch, worker: $job.lease.worker,
		n: (.key + 1), at: "2026-11-26T10:00:00.000Z"} + .value' \
		--jsonargs "$@"
}

# settle EVENT...: reports them for the jobs of the file claimed, into the
# file settled.
settle() {
	events "$@" <claimed | timeout -s KILL 60 jobq-report >settled
}

# report LINES: what jobq-report makes of the text, in $stdout, $stderr and
# $status; not more than 60 s.
report() {
	run_apart timeout -s KILL 60 jobq-report "${@:2}" < <(printf '%s\n' "$1")
}

completed='{"event":"completed","output":1}'
failed='{"event":"failed","reason":"exit","exit":1}'

# later SECONDS: waits until they are over.
later() {
	# shellcheck disable=SC2317 # called by wait_until
	past() { (($(date +%s%N) > $1)); }
	wait_until 60 past $(($(date +%s%N) + $(seconds_to_ns "$1")))
}

# background NAME COMMAND...: runs it with stdin from NAME.in, if that is there
# (a named pipe, say, which the caller opens next), stdout and stderr in
# NAME.out and NAME.err, its pid in NAME.pid, and its exit code, when it has
# ended, in NAME.status.
background() {
	local name=$1 in=/dev/null
	shift
	[[ ! -e $name.in ]] || in=$name.in
	# shellcheck disable=SC2016 # for the inner shell
	spawn bash -c 'name=$1 in=$2; shift 2
		bash -c '\''echo $$ >"$0.pid"; exec "$@"'\'' "$name" "$@" \
			<"$in" >"$name.out" 2>"$name.err" &
		wait $!
		echo $? >"$name.status"' - "$name" "$in" "$@"
}

# send SIGNAL NAME: to a command of background or a stage.
send() {
	wait_until 20 test -s "$2.pid"
	kill -s "$1" "$(<"$2.pid")" || {
		echo "$2 has ended:"
		tail -n +1 "$2.err" ./*.status ./*.codes
		return 1
	}
}

# exits CODE NAME: a command of background ends, and with that code.
exits() {
	wait_until 40 test -s "$2.status" || {
		echo "$2 does not end"
		return 1
	}
	same "$1" "$(<"$2.status")" || {
		cat "$2.err"
		return 1
	}
}

# lock_store, unlock_store: another program that writes to it.
lock_store() {
	rm -f lock.in
	mkfifo lock.in
	background lock sqlite3 q.db
	exec 7>lock.in
	echo "BEGIN IMMEDIATE; SELECT 'locked';" >&7
	wait_until 20 grep -q locked lock.out
}

unlock_store() {
	printf '%s\n' 'ROLLBACK;' .quit >&7
	exec 7>&-
	exits 0 lock
}

# A store of files whose program may be away (while there is a file "away") or
# refuse what has the word poison in it: its URL is in $picky.
make_picky_store() {
	export JOBQ_ADAPTER_PATH=$BATS_TEST_TMPDIR/adapters
	picky="exec:$BATS_TEST_TMPDIR/jobs?adapter=picky"
	mkdir -p "$JOBQ_ADAPTER_PATH/picky"
	cp "$TOP/share/adapters/dir/adapter.json" "$JOBQ_ADAPTER_PATH/picky"
	cat >"$JOBQ_ADAPTER_PATH/picky/store" <<-END
		#!/bin/sh
		if [ -e '$BATS_TEST_TMPDIR/away' ]; then
			echo 'the disk is in another room' >&2
			exit 75
		fi
		request=\$(cat)
		case \$request in
		*poison*)
			echo 'poison is not kept here' >&2
			exit 65
			;;
		esac
		printf '%s\n' "\$request" |
			exec '$TOP/share/adapters/dir/store' "\$@"
	END
	chmod +x "$JOBQ_ADAPTER_PATH/picky/store"
}

# stage NAME COMMAND...: an element of a pipeline, with its pid in NAME.pid and
# what it says in NAME.err.
stage() {
	echo "$BASHPID" >"$1.pid"
	exec "${@:2}" 2>"$1.err"
}

# pipeline FUNCTION [ARGUMENT...]: runs a function in the background that
# consists of a pipeline and then: tell FUNCTION "${PIPESTATUS[@]}"
pipeline() {
	# shellcheck disable=SC2317 # called by spawn
	without_e() {
		set +e
		"$@"
	}
	spawn without_e "$@"
}

# tell NAME CODE...: where ended looks for them.
tell() {
	echo "${@:2}" >"$1.new"
	mv "$1.new" "$1.codes"
}

# ended CODES FUNCTION: a pipeline ends, and its stages with these codes.
ended() {
	wait_until 60 test -s "$2.codes" || {
		echo "$2 does not end"
		return 1
	}
	same "$1" "$(<"$2.codes")"
}
