#!/usr/bin/env bats

load support/stages

poll() {
	run_apart timeout -s KILL 60 jobq-poll "$@"
}

# ids: of the lines on stdin, in one line.
ids() {
	jq -r .id | paste -sd' '
}

# printed IDS: whether jobq-poll of background has printed these, for
# wait_until.
printed() {
	[[ $(ids <p.out) == "$1" ]]
}

@test "poll: prints what is ready in the order of a claim, and takes nothing" {
	jq -nc '["a", 0], ["b", 5], ["c", -1], ["d", 5], ["e", 0]
		| {id: .[0], priority: .[1]}' | jobq-push >pushed
	poll
	same 0 "$status"
	same '' "$stderr"
	same 'b d a e c' "$(ids <<<"$stdout")"
	json -s 'all(.state == "pending" and .attempt == 0
		and (has("lease") | not))' <<<"$stdout"
	counts 5 'stage = 2 AND attempt = 0 AND epoch = 0'
	take -n9
	same 'b d a e c' "$(ids <claimed)"
}

@test "poll: the job's own bytes are kept" {
	local line='{ "id":"a","n":[1.10,1e400],"s":"\u00e9\/\u0000\ud800"'
	jobq-push <<<"$line}" >pushed
	poll
	[[ $stdout == "$line"',"queue":"default",'* ]]
	same 1 "${#lines[@]}"
}

@test "poll: prints nothing and exits 0 when nothing is ready" {
	jobq-push </dev/null
	poll
	same 0 "$status"
	same '' "$stdout$stderr"
}

@test "poll: leaves out what cannot be taken now" {
	jq -nc '{id: "later", run_at: "2099-01-01T00:00:00Z"},
		{id: "child", needs: ["later"]}, {id: "done"}, {id: "taken"},
		{id: "held", queue: "q"}, {id: "ready"}' | jobq-push >pushed
	take
	settle "$completed"
	take
	jobq-admin pause q
	poll
	same ready "$(ids <<<"$stdout")"
	jobq-admin resume q
	# What is due is there, though nobody has claimed since.
	sql "UPDATE job SET run_ms = 1 WHERE id = 'later'"
	poll
	same 'later held ready' "$(ids <<<"$stdout")"
}

@test "poll: -n prints so many, --queue chooses" {
	jq -nc '["a", "x"], ["b", "y"], ["c", "z"], ["d", "x"]
		| {id: .[0], queue: .[1]}' | jobq-push >pushed
	poll -n 2
	same 'a b' "$(ids <<<"$stdout")"
	poll -n 0
	same 0 "$status"
	same '' "$stdout"
	poll --queue x -Q z
	same 'a c d' "$(ids <<<"$stdout")"
	poll -Q x -n 1
	same a "$(ids <<<"$stdout")"
	poll -Q nosuch
	same 0 "$status"
	same '' "$stdout"
}

@test "poll: many jobs come in the same order as a claim takes them" {
	jq -nc 'range(1300) | {id: "j\(.)", priority: (. % 3),
		queue: "q\(. % 2)"}' | jobq-push >pushed
	poll
	ids <<<"$stdout" >polled
	poll -n 700
	same 700 "${#lines[@]}"
	take -n1300
	ids <claimed | cmp - polled
}

@test "poll: writes nothing, and is not kept waiting by who writes" {
	push_jobs 2
	cp q.db before
	poll
	cmp before q.db
	[[ ! -s q.db-wal ]]
	lock_store
	poll
	same 0 "$status"
	same 'j1 j2' "$(ids <<<"$stdout")"
	unlock_store
}

@test "poll: without a store it says how to make one, exit 2" {
	poll
	same 2 "$status"
	same '' "$stdout"
	has "$stderr" 'no store' jobq-push
	same 1 "${#stderr_lines[@]}"
	[[ ! -e q.db ]]
}

@test "poll: a store that is away is told, exit 75" {
	poll --store fail:again
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
}

@test "poll: refuses operands and odd numbers" {
	local given
	for given in operand '-n -1' '--interval 0' '--interval x'; do
		# shellcheck disable=SC2086 # an option and its value
		poll $given
		same 2 "$status"
		has "$stderr" "${given##* }"
	done
}

# --- with --follow -----------------------------------------------------------

@test "poll: --follow prints each job once while it stays ready" {
	push_jobs 1
	background p jobq-poll --follow --interval 0.1
	wait_until 20 printed j1
	jobs 2 | jobq-push >pushed
	wait_until 20 printed 'j1 j2'
	not wait_until 0.5 has_lines 3 p.out
	same '' "$(<p.err)"
}

@test "poll: --follow prints a job again each time it becomes ready again" {
	push_jobs 1
	background p jobq-poll --follow --interval 0.1
	wait_until 20 printed j1
	# It failed and is tried again,
	take
	settle '{"event":"failed","reason":"exit","retry_after":0.1}'
	wait_until 20 printed 'j1 j1'
	# its lease ran out,
	take -n1 --lease 0.2
	lapsed() {
		jobq-admin reap
		state_is j1 2
	}
	wait_until 20 lapsed
	wait_until 20 printed 'j1 j1 j1'
	# and it was retried by hand.
	take
	settle '{"event":"failed","reason":"exit","retry":false}' || :
	jobq-retry <<<j1 >retried
	wait_until 20 printed 'j1 j1 j1 j1'
}

@test "poll: --follow sees a job released between two looks" {
	push_jobs 1
	background p jobq-poll --follow --interval 1h
	wait_until 20 printed j1
	# A claim gives no hint, so the look comes after the release.
	take
	settle '{"event":"released","reason":"shutdown"}'
	wait_until 20 printed 'j1 j1'
}

@test "poll: --follow prints a job when its time has come" {
	jobq-push --name a --in 0.4 >pushed
	background p jobq-poll --follow --interval 0.1
	wait_until 20 has_lines 1 p.out
}

@test "poll: --follow needs no hint" {
	jobq-push --name a --in 1h >pushed
	background p jobq-poll --follow --interval 0.1
	wait_until 20 test -s p.pid
	# As another program would that rings no bell.
	sql 'UPDATE job SET run_ms = 1, stage = 2'
	wait_until 20 has_lines 1 p.out
}

@test "poll: --follow with -n ends when it has printed so many" {
	push_jobs 1
	background p jobq-poll --follow -n 2
	wait_until 20 printed j1
	jobs 3 | jobq-push >pushed
	exits 0 p
	printed 'j1 j2'
}

@test "poll: --follow goes on when a store that was away is back" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 1
	background p jobq-poll --follow --interval 0.1
	wait_until 20 printed j1
	touch away
	wait_until 20 grep -q 'in another room; trying again in' p.err
	rm away
	jobs 2 | jobq-push >pushed
	wait_until 20 printed 'j1 j2'
}

@test "poll: --follow ends by SIGPIPE when its reader is gone" {
	jobq-push </dev/null
	mkfifo p.out
	background p env --default-signal=PIPE jobq-poll --follow --interval 1h
	exec 6<p.out
	exec 6<&-
	exits 141 p
	same '' "$(<p.err)"
}

@test "poll: --follow tells what it waits for on USR1, TERM ends it" {
	push_jobs 3
	background p jobq-poll --follow --interval 1h
	wait_until 20 has_lines 3 p.out
	send USR1 p
	wait_until 20 grep -q '3 printed, 3 ready' p.err
	send TERM p
	exits 143 p
}
