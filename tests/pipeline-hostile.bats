#!/usr/bin/env bats

# Lines and moments that are meant to do harm, between claim and report.

load support/stages

@test "pipeline: an alive line that names no jobs spoils no other event" {
	push_jobs 1
	take
	events "$completed" <claimed >lines
	{ echo '{"event":"alive","worker":"w"}'; cat lines; } >in
	report "$(<in)"
	same 2 "$status"
	has "$stderr" 'stdin:1:' '"jobs"'
	json '.settled == true' <<<"$stdout"
	same 4 "$(state j1)"
}

# texts NUMBER: so many letters.
texts() {
	head -c "$1" /dev/zero | tr '\0' r
}

@test "pipeline: a reason of a megabyte leaves the job to be listed" {
	printf '{"id":"a","input":"%s"}\n' "$(texts 1048000)" | jobq-push >a
	printf '{"id":"b","input":"%s"}\n' "$(texts 1048000)" | jobq-push >b
	take
	{
		printf '{"event":"failed","id":"a","epoch":1,"worker":%s,"n":1,' \
			"$(jq .lease.worker claimed)"
		printf '"retry":false,"reason":"%s"}\n' "$(texts 1200000)"
		printf '{"event":"cancel","id":"b","reason":"%s"}\n' \
			"$(texts 1200000)"
	} >lines
	timeout 20 jobq-report <lines >settled || same 1 $?
	run_apart timeout 20 jobq-list --json
	same 0 "$status"
	same '' "$stderr"
	same "$(printf '%s\n' a,1000 b,1000)" \
		"$(jq -r '"\(.id),\(.ended.reason | length)"' <<<"$stdout")"
	# The event itself is kept as it came.
	timeout 20 jobq-watch --no-follow a >watched || same 1 $?
	json 'select(.event == "failed").reason | length == 1200000' <watched
}

@test "pipeline: claim refuses a worker's name that no line may hold" {
	push_jobs 1
	run_apart timeout 20 jobq-claim -n 1 --worker $'a\u0085b'
	same 2 "$status"
	has "$stderr" '--worker'
	same 2 "$(state j1)"
}

@test "pipeline: a job that claim lost and claimed anew is renewed like any" {
	# With the job's second line in hand it hears that the first lease is
	# lost: a renewal is due when it goes on, and a look comes before it.
	push_jobs 1
	background claim jobq-claim --follow --lease 1500ms --interval 10ms
	wait_until 20 has_lines 1 claim.out
	send STOP claim
	later 1.7
	jobq-admin reap >/dev/null
	send CONT claim
	wait_until 20 has_lines 2 claim.out
	later 3.5
	same "$(printf '%s\n' 1 2)" "$(jq .lease.epoch claim.out)"
	send TERM claim
	exits 0 claim
}

@test "pipeline: leases are renewed while the reader of report takes nothing" {
	push_jobs 1 '{"meta":{}}'
	take -n 1 --lease 1
	mkfifo report.in lines
	spawn bash -c 'exec 4<lines; exec sleep 60'
	background report bash -c 'exec jobq-report >lines'
	exec 6>report.in
	# More than the pipe holds, so that its last line waits to be written.
	events '{"event":"started"}' <claimed >&6
	printf '{"text":"%s"}\n' "$(texts 150000)" >&6
	jq -c '{event: "alive", worker: .lease.worker, n: 1,
		jobs: [[.id, .lease.epoch]]}' claimed >alive
	for _ in 1 2 3 4 5 6; do
		later 0.4
		cat alive >&6
	done
	wait_until 5 counts 1 'renewed_ms > started_ms + 2000'
	events "$completed" <claimed >&6
	wait_until 5 state_is j1 4
	exec 6>&-
}

@test "pipeline: report writes all at the end, however slow its reader" {
	push_jobs 1
	take
	{
		printf '{"text":"%s"}\n' "$(texts 300000)"
		events "$completed" <claimed
	} >in
	mkfifo lines
	background report bash -c 'exec jobq-report <in >lines'
	exec 6<lines
	wait_until 20 state_is j1 4
	later 0.3
	same 2 "$(wc -l <&6)"
	exec 6<&-
	exits 0 report
}

# limited NUMBER COMMAND...: with so many descriptors, in $limited what it said.
limited() {
	local number=$1 code=0
	shift
	# shellcheck disable=SC2016 # for the inner shell
	limited=$(timeout -s KILL 20 prlimit --nofile="$number" "$@" 2>&1 \
		</dev/null 3>&- 4>&-) || code=$?
	lacks "$limited" ' bug at '
	[[ $code == 0 || $code == 75 ]] || {
		echo "$number descriptors, $code: $limited"
		return 1
	}
}

@test "pipeline: too few descriptors are no bug and no bad setting" {
	local number
	push_jobs 20
	for number in {5..16}; do
		limited "$number" jobq-claim -n 1
	done
}
