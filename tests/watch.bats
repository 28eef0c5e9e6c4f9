#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's

load support/common
load support/jobs

# watching FILE ARGUMENT...: jobq-watch in the background, its lines in FILE,
# what it says in FILE.err, its exit code in FILE.exit.
watching() {
	local file=$1
	shift
	spawn bash -c 'timeout 60 jobq-watch "${@:2}" >"$1" 2>"$1.err"
		echo $? >"$1.exit"' watching "$file" "$@"
}

# listening: the command spawned last has looked and waits for the store.
listening() {
	local pid
	for pid in $(tree "$spawned_pid"); do
		readlink /proc/"$pid"/fd/* 2>/dev/null | grep -q inotify &&
			grep -qx 'State:	S.*' /proc/"$pid"/status && return
	done
	return 1
}

# ended FILE CODE: that watch ends, with this exit code.
ended() {
	wait_until 20 test -s "$1.exit"
	same "$2" "$(<"$1.exit")"
}

# has_event FILE EVENT ID
has_event() {
	jq -e --arg event "$2" --arg id "$3" \
		'select(.event == $event and .id == $id)' "$1"
}

kinds() {
	jq -r '"\(.event) \(.id)"'
}

@test "watch: prints the events of all jobs in the order of seq" {
	push a
	push b
	complete a
	fail b
	run_apart jobq-watch --no-follow
	same 0 "$status"
	same "started a
completed a
started b
output b
failed b" "$(kinds <<<"$stdout")"
	json -s 'map(.seq) | . == sort and . == unique and length == 5' \
		<<<"$stdout"
}

@test "watch: an event comes back byte for byte" {
	local tail='"output":[9007199254740993,1.10,1e400,"\u00e9\/"],"x":{ }'
	push a
	claim a
	jq -r '"{\"event\":\"completed\",\"id\":\"a\",\"n\":1,\"epoch\":\(
		.lease.epoch),\"worker\":\"\(.lease.worker)\","' claimed |
		tr -d '\n' >event
	echo "$tail}" >>event
	jobq-report <event >/dev/null
	has "$(jobq-watch --no-follow a)" "$tail"
}

@test "watch: --since gives only what is behind the cursor" {
	push a
	complete a
	seq=$(jobq-watch --no-follow | head -n 1 | jq .seq)
	same "completed a" "$(jobq-watch --no-follow --since "$seq" | kinds)"
	same "" "$(jobq-watch --no-follow --since $((seq + 1)))"
	same "" "$(jobq-watch --no-follow --since now)"
}

@test "watch: --flow gives only the events of its jobs" {
	push a '{"flow":"f"}'
	push b
	complete a b
	same $'started a\ncompleted a' "$(jobq-watch --no-follow --flow f | kinds)"
	same "" "$(jobq-watch --no-follow --flow g)"
}

@test "watch: ids give only the events of these jobs" {
	push a
	push b
	push c
	complete a b c
	same "started a
completed a
started c
completed c" "$(jobq-watch --no-follow c a | kinds)"
}

@test "watch: prints what happens while it happens" {
	push a
	push b
	push c
	complete a
	watching live
	wait_until 20 has_event live completed a
	complete b
	wait_until 20 has_event live completed b
	complete c
	wait_until 20 has_event live completed c
	same "started a
completed a
started b
completed b
started c
completed c" "$(kinds <live)"
}

@test "watch: polling is complete where no hint comes" {
	push a
	watching live --interval 0.1
	wait_until 20 listening
	mv q.db.turn hidden
	printf '{"ids":["a"]}' | storecall "$JOBQ_URL" cancel >/dev/null
	wait_until 20 has_event live cancelled a
}

@test "watch: a hint makes it early" {
	push a
	watching live --interval 1h a
	wait_until 20 listening
	complete a
	wait_until 30 has_event live completed a
	ended live 0
}

@test "watch: with one id ends with that job, 0 when it completed" {
	push a
	watching live a
	wait_until 20 test -e live
	complete a
	ended live 0
	same $'started a\ncompleted a' "$(kinds <live)"
	same "" "$(<live.err)"
}

@test "watch: exits 1 when the job failed or was cancelled" {
	push a
	push b
	watching failed a
	watching cancelled b
	wait_until 20 test -e cancelled
	fail a
	ended failed 1
	jobq-cancel b >/dev/null 2>&1
	ended cancelled 1
	same "cancelled b" "$(kinds <cancelled)"
}

@test "watch: an attempt that is tried again is not the end" {
	push a
	claim a
	settle '{"event":"failed","reason":"exit","exit":1,"retry_after":0}' ||
		[ $? = 1 ]
	watching live a
	wait_until 20 has_event live failed a
	complete a
	ended live 0
	same "failed a
started a
completed a" "$(kinds <live)"
}

@test "watch: a failed job that was retried is followed to its next end" {
	push a
	fail a
	jobq-retry a >/dev/null 2>&1
	watching live a
	wait_until 20 has_event live failed a
	complete a
	ended live 0
	same "completed a" "$(kinds <live | tail -n 1)"
}

@test "watch: a job that has ended already is told and ends it" {
	push a
	push b
	complete a
	fail b
	run_apart timeout 20 jobq-watch a
	same 0 "$status"
	same $'started a\ncompleted a' "$(kinds <<<"$stdout")"
	run_apart timeout 20 jobq-watch b
	same 1 "$status"
}

@test "watch: with several ids ends with the last, 1 when any failed" {
	push a
	push b
	watching both a b
	watching good a
	wait_until 20 test -e good
	fail b
	wait_until 20 has_event both failed b
	[ ! -s both.exit ]
	complete a
	ended both 1
	ended good 0
}

@test "watch: takes ids and lines from standard input" {
	push a
	push b
	complete a
	jobq-list >listed
	run_apart timeout 20 jobq-watch --no-follow - <listed
	same 0 "$status"
	same $'started a\ncompleted a' "$(kinds <<<"$stdout")"
	run_apart timeout 20 jobq-watch - </dev/null
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "watch: follows more jobs than go into a request" {
	seq 1100 | jobq-lines | jobq-push | jq -r .id >ids
	spawn bash -c 'timeout 60 jobq-watch - <ids >live; echo $? >live.exit'
	wait_until 20 test -e live
	timeout 20 jobq-claim -n 1100 | jq -c '{event: "completed", id, n: 1,
		epoch: .lease.epoch, worker: .lease.worker, output: .input}' |
		timeout 20 jobq-report >/dev/null
	ended live 0
	same 1100 "$(jq -r .id live | sort -u | wc -l)"
}

@test "watch: an unknown id exits 1 and is told" {
	run_apart jobq-watch a
	same 2 "$status"
	push a
	complete a
	run_apart timeout 20 jobq-watch nosuch
	same 1 "$status"
	same "jobq-watch: no job nosuch" "$stderr"
	same "" "$stdout"
	run_apart timeout 20 jobq-watch nosuch a
	same 1 "$status"
	same $'started a\ncompleted a' "$(kinds <<<"$stdout")"
	run_apart timeout 20 jobq-watch - <<<nosuch
	same 1 "$status"
	same "jobq-watch: job nosuch is not in the store" "$stderr"
}

@test "watch: a job that is deleted while it is watched ends it" {
	push a
	push b
	fail a
	watching live --interval 0.1 a b
	wait_until 20 has_event live failed a
	jobq-admin prune --older-than 0 >/dev/null 2>&1
	complete b
	wait_until 20 has_event live completed b
	ended live 1
}

@test "watch: a job that is deleted before it has ended ends it" {
	push a
	watching live --interval 0.05 a
	wait_until 20 listening
	sqlite3 q.db "PRAGMA busy_timeout = 5000; DELETE FROM job" >/dev/null
	ended live 1
	same "jobq-watch: job a is not in the store" "$(<live.err)"
}

@test "watch: a run that is given back is the end of a job called off" {
	push a
	claim a
	jobq-cancel a >/dev/null 2>&1
	watching live --interval 1h a
	wait_until 20 listening
	settle '{"event":"released","reason":"shutdown"}'
	ended live 1
	json '.event == "released" and .state == "cancelled"' <live
}

@test "watch: a gap is told once, however many pages follow it" {
	push a
	claim a
	settle "$(jq -nc '{event: "started"}, (range(700) | {event: "output",
		stream: "stdout", text: "\(.)"})')"
	push b
	complete b
	jobq-admin prune --older-than 0 >/dev/null 2>&1
	jobq-watch --no-follow | json -s 'map(.event) |
		.[0] == "gap" and (map(select(. == "gap")) | length) == 1
		and length == 702'
}

@test "watch: what was deleted before it was seen is told as one gap" {
	push a
	complete a
	jobq-admin prune --older-than 0 >/dev/null 2>&1
	push b
	complete b
	jobq-watch --no-follow >lines
	json -s '.[0].event == "gap" and .[0].until > 0 and
		([.[] | select(.event == "gap")] | length) == 1' <lines
	same "started completed" "$(jq -r 'select(.id == "b").event' lines |
		paste -sd ' ')"
	until=$(head -n 1 lines | jq .until)
	jobq-watch --no-follow --since "$until" | json -s 'map(.event) ==
		["started", "completed"]'
	jobq-watch --no-follow b | json -s 'map(.event) == ["started", "completed"]'
}

@test "watch: a flow is told of no gap before what it has looked at" {
	push f '{"flow":"f"}'
	push a
	complete f
	complete a
	echo '{"flow":"f"}' | storecall "$JOBQ_URL" events >answers
	json '.event == "page" and .more == false' < <(tail -n 1 answers)
	after=$(tail -n 1 answers | jq .after)
	jobq-admin prune --older-than 0 >/dev/null 2>&1
	push g '{"flow":"f"}'
	complete g
	same $'started g\ncompleted g' \
		"$(jobq-watch --no-follow --flow f --since "$after" | kinds)"
}

@test "watch: goes on from page to page" {
	seq 700 | jobq-lines | jobq-push >/dev/null
	timeout 20 jobq-claim -n 700 | jq -c '{event: ("started", "completed"), id,
		epoch: .lease.epoch, worker: .lease.worker}' |
		jq -c '.n = (if .event == "started" then 1 else 2 end)' |
		timeout 20 jobq-report >/dev/null
	jobq-watch --no-follow >lines
	same 1400 "$(wc -l <lines)"
	json -s 'map(.seq) | . == sort and . == unique' <lines
}

@test "watch: INT and TERM end it quietly, as they do other programs" {
	push a
	for signal in INT TERM; do
		spawn bash -c "trap - INT; exec env --default-signal=INT \
			jobq-watch >live 2>err"
		wait_until 20 test -e live
		wait_until 20 grep -q 'jobq-watch' "/proc/$spawned_pid/comm"
		kill -$signal "$spawned_pid"
		code=0
		wait "$spawned_pid" || code=$?
		same $((128 + $(kill -l $signal))) "$code"
		same "" "$(<err)"
	done
}

@test "watch: ends by SIGPIPE when its reader is gone" {
	push a
	push b
	complete a
	run_apart timeout 20 bash -c 'jobq-watch --no-follow | head -n 1 | wc -l'
	same 1 "$stdout"
	same "" "$stderr"
}

@test "watch: ends when its reader is gone, also while nothing happens" {
	push a
	complete a
	spawn bash -c 'timeout 60 jobq-watch | head -n 1 >line; : >ended'
	wait_until 20 test -e ended
	same "started a" "$(kinds <line)"
}

@test "watch: says that its reader is gone when SIGPIPE is ignored" {
	push a
	run_apart timeout 20 bash -c 'trap "" PIPE
		{ jobq-watch; echo $? >code; } | :'
	same 75 "$(<code)"
	same 1 "${#stderr_lines[@]}"
}

@test "watch: USR1 makes it say what it has seen and waits for" {
	push a
	complete a
	watching live
	wait_until 20 has_event live completed a
	kill -USR1 "$(tree "$spawned_pid" | tail -n 1)"
	wait_until 20 grep -q \
		'1 completed, 0 failed, 0 running; waits for events' live.err
}

@test "watch: a full disk is told and exits 75" {
	push a
	complete a
	run_apart timeout 20 bash -c 'jobq-watch >/dev/full'
	same 75 "$status"
	has "$stderr" "No space left on device"
}

@test "watch: on a terminal counts what happens, and says how it ended" {
	push a
	push b
	complete a
	fail b
	terminal 'jobq-watch a b' >screen || [ $? = 1 ]
	grep -q 'jobq-watch: job a completed' screen
	grep -q 'jobq-watch: job b failed' screen
	not grep -q '"event"' screen
	push c
	spawn bash -c 'TERM=xterm script -qec "jobq-watch c" /dev/null >screen'
	wait_until 20 grep -q '0 completed, 0 failed, 0 running' screen
	claim c
	settle '{"event":"started"}'
	wait_until 20 grep -q '0 completed, 0 failed, 1 running' screen
	settle '{"event":"started"}' '{"event":"completed"}'
	wait_until 20 grep -q 'job c completed' screen
}

@test "watch: on a terminal a job that fails is named, also among all" {
	push a
	fail a
	terminal 'jobq-watch --no-follow --no-progress' >screen
	same "jobq-watch: job a failed (exit)" "$(<screen)"
	terminal 'jobq-watch --no-follow --json' | head -n 1 | json .seq
}

@test "watch: a store that is away is asked again" {
	push a
	complete a
	spawn bash -c 'timeout 30 jobq-watch -S fail:again >live 2>err'
	wait_until 20 grep -qE 'looking again in [0-9.]+ s' err
	run_apart timeout 20 jobq-watch -S fail:again --no-follow
	same 75 "$status"
	run_apart timeout 20 jobq-watch -S fail:config
	same 2 "$status"
}

@test "watch: options that make no sense are refused" {
	push a
	for options in '--since x' '--since -1' 'a --flow f' '--interval 0'; do
		# shellcheck disable=SC2086
		run_apart timeout 20 jobq-watch $options
		same 2 "$status"
		[ -n "$stderr" ]
	done
}
