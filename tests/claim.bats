#!/usr/bin/env bats

load support/stages

claim() {
	run_apart timeout -s KILL 60 jobq-claim "$@"
}

# claim_ids TEXT [ARGUMENT...]
claim_ids() {
	claim "${@:2}" < <(printf '%s\n' "$1")
}

# ids: of the lines on stdin, in one line.
ids() {
	jq -r '.id // .event' | paste -sd' '
}

# running NUMBER: so many jobs are, for wait_until.
running() {
	counts "$1" 'stage = 3'
}

# more_running NUMBER
more_running() {
	(($(sql 'SELECT count(*) FROM job WHERE stage = 3') > $1))
}

# --- with -n -----------------------------------------------------------------

@test "claim: prints nothing and exits 1 on an empty queue" {
	claim -n 1
	same 1 "$status"
	same '' "$stdout$stderr"
	[[ -s q.db ]]
}

@test "claim: prints the job with its lease and state" {
	echo '{"id":"a","input":[1.10,"\u0000"],"x":1e400}' | jobq-push >pushed
	claim -n 1
	same 0 "$status"
	same '' "$stderr"
	[[ $stdout =~ ^'{"id":"a","input":[1.10,"\u0000"],"x":1e400,'.*\
'"attempt":1,"run_at":"'.*'","state":"running","lease":{"epoch":1,'\
'"worker":"'[^\":]+:[0-9]+:[0-9a-f]+'","seconds":30}}'$ ]]
	same '3|1|1' "$(job a stage attempt epoch)"
}

@test "claim: an id may be written with escapes" {
	echo '{"id":"\u0061-1","name":"x"}' | jobq-push >pushed
	claim -n 1
	same 0 "$status"
	same '' "$stderr"
	same a-1 "$(ids <<<"$stdout")"
	same 3 "$(state a-1)"
}

@test "claim: -n takes so many, higher priorities first, then by age" {
	jq -nc '["a", 0], ["b", 5], ["c", -1], ["d", 5], ["e", 0]
		| {id: .[0], priority: .[1]}' | jobq-push >pushed
	claim -n 3
	same 0 "$status"
	same 'b d a' "$(ids <<<"$stdout")"
	claim -n 5
	same 0 "$status"
	same 'e c' "$(ids <<<"$stdout")"
}

@test "claim: -n 0 takes nothing, exit 1" {
	push_jobs 1
	claim -n 0
	same 1 "$status"
	same '' "$stdout"
	same 2 "$(state j1)"
}

@test "claim: -n of more than a batch, with jobs of more than a page" {
	push_jobs 1200 "$(jq -nc '{input: ("x" * 6000)}')"
	claim -n 1300
	same 0 "$status"
	same 1200 "$(jq -r .id <<<"$stdout" | sort -u | wc -l)"
	same 1200 "${#lines[@]}"
	json -s 'all(.input == "x" * 6000)' <<<"$stdout"
}

@test "claim: takes no job twice" {
	local i
	push_jobs 300
	for i in 1 2 3 4; do
		background c$i jobq-claim -n 75
	done
	for i in 1 2 3 4; do
		exits 0 c$i
	done
	same 300 "$(cat c[1-4].out | jq -r .id | sort -u | wc -l)"
	same 4 "$(cat c[1-4].out | jq -r .lease.worker | sort -u | wc -l)"
	claim -n 1
	same 1 "$status"
}

@test "claim: does not take what is put off, blocked, expired or paused" {
	jq -nc '{id: "later", run_at: "2099-01-01T00:00:00Z"},
		{id: "child", needs: ["later"]},
		{id: "old", expires_at: "2001-01-01T00:00:00Z"},
		{id: "held", queue: "q"}, {id: "ready"}' | jobq-push >pushed
	jobq-admin pause q
	claim -n 9
	same ready "$(ids <<<"$stdout")"
	same 5 "$(state old)"
	jobq-admin resume q
	claim -n 9
	same held "$(ids <<<"$stdout")"
}

@test "claim: --queue, several times, and --flow choose" {
	jq -nc '["a", "x"], ["b", "y"], ["c", "z"]
		| {id: .[0], queue: .[1], flow: "f\(.[1])"}' | jobq-push >pushed
	claim -n 9 --queue nosuch
	same 1 "$status"
	claim -n 9 --flow fz
	same c "$(ids <<<"$stdout")"
	claim -n 9 --queue y -Q z -Q x --flow fz
	same 1 "$status"
	claim -n 9 --queue y -Q z -Q x
	same 'a b' "$(ids <<<"$stdout")"
}

@test "claim: --worker names who claims, odd names are refused" {
	push_jobs 2
	claim -n 1 --worker 'büro "7"'
	json '.lease.worker == "büro \"7\""' <<<"$stdout"
	same 'büro "7"' "$(job j1 worker)"
	local name
	for name in '' $'a\nb' $'\xff' "$(printf '%256s' '')"; do
		claim -n 1 --worker "$name"
		same 2 "$status"
		has "$stderr" --worker
	done
	same 2 "$(state j2)"
}

@test "claim: --lease is how long a claim holds" {
	push_jobs 1
	claim -n 1 --lease 0.3
	json '.lease.seconds == 0.3' <<<"$stdout"
	wait_until 20 take
	# It had not started, so the attempt was given back.
	json '.attempt == 1 and .lease.epoch == 2 and .lease.seconds == 30' \
		<claimed
	same '1|0' "$(job j1 attempt rescues)"
}

@test "claim: a job that had started and lapsed comes back as a rescue" {
	push_jobs 1
	take -n1 --lease 0.3
	settle '{"event":"started"}'
	wait_until 20 take
	json '.attempt == 1 and .lease.epoch == 2' <claimed
	same '1|1' "$(job j1 attempt rescues)"
}

@test "claim: refuses what it cannot mean" {
	local given
	for given in '--lease 0.05' '--lease x' '--limit -1' '--limit x' \
		'--interval 0' operand; do
		# shellcheck disable=SC2086 # an option and its value
		claim -n 1 $given
		same 2 "$status"
		has "$stderr" "${given##* }"
	done
	run timeout -s KILL 30 script -qec jobq-claim /dev/null </dev/null
	same 2 "$status"
	has "$output" 'standard input' --follow
}

# --- with ids ----------------------------------------------------------------

@test "claim: takes the jobs that its input names, bare or in a line" {
	jobs 4 | sed 's/}/,"input":1.10}/' | jobq-push >pushed
	claim_ids 'j3
{"id":"j1","input":"not the store'\''s","queue":"other"}

j4'
	same 0 "$status"
	same 'j3 j1 j4' "$(ids <<<"$stdout")"
	# What is printed is the store's job.
	same 3 "$(grep -c '"input":1.10,' <<<"$stdout")"
	same 2 "$(state j2)"
}

@test "claim: what is gone, taken or not ready is not passed on" {
	jq -nc '{id: "taken"}, {id: "done"}, {id: "free"}, {id: "held", queue: "q"},
		{id: "later", run_at: "2099-01-01T00:00:00Z"},
		{id: "child", needs: ["free"]}' | jobq-push >pushed
	take -n1
	jobq-claim <<<"done" >claimed
	settle "$completed"
	jobq-admin pause q
	claim_ids 'nosuch
taken
done
held
later
child
free
free'
	same 0 "$status"
	same free "$(ids <<<"$stdout")"
	claim_ids 'taken
nosuch'
	same 1 "$status"
	same '' "$stdout$stderr"
	claim </dev/null
	same 1 "$status"
}

@test "claim: --queue holds for jobs that are named, too" {
	push_jobs 1 '{"queue":"x"}'
	claim_ids j1 -Q y
	same 1 "$status"
	claim_ids j1 -Q y -Q x
	same j1 "$(ids <<<"$stdout")"
}

@test "claim: event lines pass through unchanged, in their place" {
	push_jobs 2
	claim_ids '{"event":"a","x":1.10}
j2
{"event" : "b", "y":"\u0000"}
j1'
	same 0 "$status"
	same '{"event":"a","x":1.10}' "${lines[0]}"
	same '{"event" : "b", "y":"\u0000"}' "${lines[2]}"
	same 'a j2 b j1' "$(ids <<<"$stdout")"
}

@test "claim: bad lines are named by number and skipped, exit 2" {
	push_jobs 3
	claim < <(printf '%s\n' j1 '{"id":5}' '{}' 'a b' '"j2"' '[]' \
		'{"id":"j2"' '' $'j\xff' j2
		printf '{"id":"j3"}\r\n{"id":"j')
	same 2 "$status"
	same 'j1 j2 j3' "$(ids <<<"$stdout")"
	same '2 3 4 5 6 7 9 12' "$(grep -o 'stdin:[0-9]*:' <<<"$stderr" |
		tr -dc '0-9\n' | paste -sd' ')"
}

@test "claim: --strict stops at the bad line and keeps what it has printed" {
	push_jobs 2
	claim_ids 'j1
bad line
j2' --strict
	same 2 "$status"
	same j1 "$(ids <<<"$stdout")"
	same 1 "${#stderr_lines[@]}"
	same '3 2' "$(state j1) $(state j2)"
}

@test "claim: takes a named job when its line comes, not at the end" {
	push_jobs 2
	mkfifo c.in
	background c jobq-claim
	exec 5>c.in
	echo j2 >&5
	wait_until 20 has_lines 1 c.out
	same 2 "$(state j1)"
	echo j1 >&5
	exec 5>&-
	exits 0 c
	same 'j2 j1' "$(ids <c.out)"
}

# --- with --follow -----------------------------------------------------------

@test "claim: --follow takes jobs as they come, TERM ends it with 0" {
	background c jobq-claim --follow --interval 1h
	wait_until 20 test -s q.db
	push_jobs 1
	wait_until 20 has_lines 1 c.out
	jobs 3 | tail -n 2 | jobq-push >pushed
	wait_until 20 has_lines 3 c.out
	same 'j1 j2 j3' "$(ids <c.out)"
	send TERM c
	exits 0 c
	has "$(<c.err)" stopping
}

@test "claim: --follow with -n ends when it has so many" {
	push_jobs 1
	background c jobq-claim --follow -n 2
	wait_until 20 has_lines 1 c.out
	not wait_until 0.3 test -s c.status
	jobs 3 | jobq-push >pushed
	exits 0 c
	same 'j1 j2' "$(ids <c.out)"
	same 2 "$(state j3)"
}

@test "claim: --follow takes one job at a time, as fast as its reader" {
	local line
	push_jobs 5
	mkfifo c.out
	background c jobq-claim --follow
	exec 6<c.out
	wait_until 20 running 1
	not wait_until 0.5 more_running 1
	read -ru6 line
	same j1 "$(jq -r .id <<<"$line")"
	wait_until 20 running 2
	not wait_until 0.3 more_running 2
	exec 6<&-
	exits 141 c
}

@test "claim: --follow takes a job when its time has come" {
	jobq-push --name a --in 0.5 >pushed
	background c jobq-claim --follow --interval 1h
	wait_until 20 has_lines 1 c.out
	json '.name == "a"' <c.out
}

@test "claim: --follow finds jobs without a hint" {
	echo '{"id":"a"}' | jobq-push -Q q >pushed
	background c jobq-claim --follow --interval 0.1
	wait_until 20 has_lines 1 c.out
	jobq-push --name b -Q r --in 1h >pushed
	# As another program would that rings no bell.
	sql "UPDATE job SET run_ms = 1, stage = 2 WHERE name = 'b'"
	wait_until 20 has_lines 2 c.out
}

@test "claim: --follow takes the jobs of a queue that is resumed" {
	jobq-push --name a -Q q >pushed
	jobq-admin pause q
	background c jobq-claim --follow --interval 0.3
	not wait_until 0.7 has_lines 1 c.out
	jobq-admin resume q
	wait_until 20 has_lines 1 c.out
}

# --- leases ------------------------------------------------------------------

@test "claim: keeps a job beyond its lease while it waits in a pipe" {
	push_jobs 250 "$(jq -nc '{input: ("x" * 200)}')"
	jobq-push --name follow -Q q >pushed
	mkfifo f.out n.out
	background f jobq-claim --follow --lease 1.5 -Q q
	background n jobq-claim -n 250 --lease 1.5 -Q default
	exec 5<f.out 6<n.out
	wait_until 20 running 251
	later 3.5
	claim -n 1
	same 1 "$status"
	same '1|0' "$(sql 'SELECT max(epoch), max(rescues) FROM job')"
	timeout 20 cat <&6 >claimed
	exec 5<&- 6<&-
	exits 0 n
	same 250 "$(wc -l <claimed)"
}

@test "claim: a job that has started is not renewed by it" {
	push_jobs 1
	background c jobq-claim --follow --lease 1 -n 2
	wait_until 20 has_lines 1 c.out
	cp c.out claimed
	settle '{"event":"started"}'
	wait_until 30 take
	same '2|1' "$(job j1 epoch rescues)"
	not test -s c.status
}

@test "claim: says once that a filter may be holding jobs" {
	push_jobs 2
	background c jobq-claim --follow --lease 0.9
	wait_until 20 grep -q 'jq --unbuffered' c.err
	later 1.2
	same 1 "$(wc -l <c.err)"
	has "$(<c.err)" 2 'grep --line-buffered'
}

@test "claim: says nothing of filters once a job has started" {
	push_jobs 1
	background c jobq-claim --follow --lease 1.2
	wait_until 20 has_lines 1 c.out
	cp c.out claimed
	settle '{"event":"started"}'
	jobs 2 | jobq-push >pushed
	wait_until 20 has_lines 2 c.out
	later 1.2
	same '' "$(<c.err)"
}

# --- the end -----------------------------------------------------------------

@test "claim: TERM gives back what is not handed out, the rest is handed on" {
	local kept
	push_jobs 40 "$(jq -nc '{input: ("x" * 1000)}')"
	mkfifo c.out
	background c jobq-claim -n 40
	exec 6<c.out
	wait_until 20 running 40
	send TERM c
	wait_until 20 counts 37 'stage = 2 AND attempt = 0'
	has "$(<c.err)" stopping again
	not test -s c.status
	kept=$(sql 'SELECT id FROM job WHERE stage = 3 ORDER BY seq')
	timeout 20 cat <&6 >claimed
	exec 6<&-
	exits 0 c
	same "$kept" "$(jq -r .id claimed)"
}

@test "claim: a second TERM ends it at once, exit 75" {
	push_jobs 2
	mkfifo c.out
	background c jobq-claim --follow
	exec 6<c.out
	wait_until 20 running 1
	send TERM c
	wait_until 20 grep -q stopping c.err
	not test -s c.status
	send INT c
	exits 75 c
	same 2 "$(wc -l <c.err)"
	exec 6<&-
	same 2 "$(state j2)"
}

@test "claim: when its reader is gone it gives back what is not read, exit 141" {
	push_jobs 100 "$(jq -nc '{input: ("x" * 1000)}')"
	# shellcheck disable=SC2016 # for the inner shell
	run_apart timeout -s KILL 60 bash -c '
		jobq-claim -n 100 --lease 0.5 | head -n 1 >first
		echo "${PIPESTATUS[0]}"'
	same 141 "$stdout"
	same '' "$stderr"
	same j1 "$(jq -r .id first)"
	# What was in the pipe comes back with its lease.
	all_back() {
		jobq-admin reap
		running 0
	}
	wait_until 20 all_back
	counts 100 'stage = 2 AND attempt = 0 AND rescues = 0'
}

@test "claim: --follow ends when its reader is gone, though there is no job" {
	mkfifo c.out
	background c jobq-claim --follow --interval 1h
	exec 6<c.out
	wait_until 20 test -s q.db
	exec 6<&-
	exits 141 c
	same '' "$(<c.err)"
}

@test "claim: a full disk is told, exit 75, and the jobs are given back" {
	push_jobs 3
	run_apart timeout -s KILL 30 bash -c 'jobq-claim -n 3 >/dev/full'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'No space left on device'
	counts 3 'stage = 2 AND attempt = 0'
}

@test "claim: USR1 says what it waits for" {
	push_jobs 1
	mkfifo c.out
	background c jobq-claim --follow
	exec 6<c.out
	wait_until 20 running 1
	send USR1 c
	wait_until 20 grep -q 'its reader' c.err
	has "$(<c.err)" '1 claimed' '1 not started'
	timeout 20 head -n 1 <&6 >claimed
	send USR1 c
	wait_until 20 grep -q 'a job' c.err
	exec 6<&-
}
