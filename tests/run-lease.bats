#!/usr/bin/env bats
# Leases: alive, stop, the ring.
# shellcheck disable=SC2016 # scripts of the jobs

load support/common

# job ID SECONDS [RING [WORKER]]: a claimed job line.
job() {
	jq -nc --arg id "$1" --argjson seconds "$2" --argjson ring "${3:-false}" \
		--arg worker "${4:-w}" '{$id, lease: ({epoch: 3, $worker} +
		if $seconds then {$seconds} else {} end +
		if $ring then {$ring} else {} end)}'
}

# copies N: N copies of a job line with ids of their own.
copies() {
	local line
	read -r line
	seq "$1" | sed "s/.*/$line/; s/\"id\":\"[a-z]*/&N/" | awk '{sub("N", NR)} 1'
}

# serve ARG...: a runner on a pipe that stays open, its events in out.
serve() {
	mkfifo in
	exec 9<>in
	spawn sh -c 'exec jobq-run "$@" <in >out 2>err' - "$@" 9>&-
}

# seen N CODE: whether N lines of out are so.
seen() {
	[[ $(jq -c "select($2)" out | wc -l) == "$1" ]]
}

# usr1_until PATTERN: whether a status line is so; asks for one each time.
usr1_until() {
	kill -USR1 "$spawned_pid"
	grep -q "$1" err
}

no_sleep() {
	! pgrep -P "$spawned_pid" sleep
}

last() {
	tail -n 1 out | json "$1" || {
		cat out err
		return 1
	}
}

# answer_alive: answers the alive lines of out until the runner is gone.
answer_alive() {
	local line
	tail -n +1 -s 0.02 -f out --pid "$spawned_pid" |
		while IFS= read -r line; do
			[[ $line == *'"event":"alive"'* ]] || continue
			echo "${line%\}},\"lost\":[]}"
		done >in
}

@test "run: alive lines name what runs and what waits" {
	serve -j 1 -- sleep 1000
	job a 0.6 >&9
	wait_until 20 seen 1 '.event == "started"'
	wait_until 20 seen 3 '.event == "alive"'
	jq -s 'map(select(.event == "alive")) |
		all(.worker == "w" and .jobs == [["a", 3]] and (has("id") | not)) and
		map(.n) == [range(1; length + 1)]' out | json .
}

@test "run: what one read brought beyond the places is kept alive, too" {
	serve -j 1 -- sleep 1000
	{
		job a 0.6
		job b 0.6
		job c 0.6
	} >lines
	cat lines >&9
	wait_until 20 seen 2 '.event == "alive"'
	last '.jobs == [["a", 3], ["b", 3], ["c", 3]]'
	seen 1 '.event == "started"'
}

@test "run: jobs of two claims are named in two lines, at most 100 in one" {
	{
		job a 0.9 true | copies 150
		job b 0.9 true v
	} >in
	timeout 60 jobq-run -- sleep 0.5 <in >out
	jq -s 'map(select(.event == "alive" and .n == 1)) |
		map([.worker, (.jobs | length)]) == [["w", 100], ["w", 50], ["v", 1]]' \
		out | json .
}

@test "run: a job without a lease makes no alive line" {
	echo '{"id":"a"}' | timeout 60 jobq-run -- sleep 0.5 >out
	same 2 "$(wc -l <out)"
}

@test "run: outside of the ring no deadline ends a job" {
	job a 0.3 | timeout 60 jobq-run -- sleep 1 >out
	last '.event == "completed"'
	same 1 "$(($(jq -c 'select(.event == "alive")' out | wc -l) >= 2))"
}

@test "run: in the ring a lease that nobody renews ends its job" {
	job a 0.5 true | timeout 60 jobq-run -- sleep 1000 >out
	last '.event == "released" and .reason == "lost" and .epoch == 3'
}

@test "run: a lost job that ignores TERM is killed within seconds" {
	job a 0.5 true | timeout 60 jobq-run --grace 1000 -- \
		sh -c 'trap "" TERM; sleep 1000; sleep 1000' >out
	last '.event == "released" and .reason == "lost"'
}

@test "run: in the ring answered alive lines keep a job going" {
	serve -- sleep 2.5
	job a 1 true >&9
	wait_until 20 test -s out
	answer_alive &
	wait_until 30 seen 1 '.event == "completed"'
	seen 0 '.event == "released"'
	kill -TERM "$spawned_pid"
	wait
}

@test "run: an answer says what is lost" {
	serve -- sleep 1000
	job a 30 true >&9
	wait_until 20 seen 1 '.event == "started"'
	echo '{"event":"alive","worker":"w","n":1,"jobs":[["a",3]],"lost":[["a",2],["b",3]]}' >&9
	echo '{"event":"alive","worker":"w","n":1,"jobs":[["a",3]],"lost":[["a",3]]}' >&9
	wait_until 20 seen 1 '.reason == "lost"'
	last '.event == "released" and .id == "a"'
}

@test "run: a lease without seconds has no deadline" {
	job a null true | timeout 60 jobq-run -- sleep 0.5 >out
	last '.event == "completed"'
}

@test "run: stop cancels, or says that a job is lost" {
	serve -j 2 --grace 1000 -- sleep 1000
	{ job a 30 true; job b 30 true; } >lines
	cat lines >&9
	wait_until 20 seen 2 '.event == "started"'
	echo '{"event":"stop","id":"a","epoch":2,"reason":"cancel"}' >&9
	echo '{"event":"stop","id":"x","epoch":3,"reason":"cancel"}' >&9
	echo '{"event":"stop","id":"b","epoch":3,"reason":"cancel"}' >&9
	wait_until 20 seen 1 '.event == "cancelled"'
	last '.id == "b" and .reason == "cancel"'
	echo '{"event":"stop","id":"a","epoch":3,"reason":"lost"}' >&9
	wait_until 20 seen 1 '.event == "released"'
	last '.id == "a" and .reason == "lost"'
}

@test "run: stop ends a job that ignores TERM after the grace" {
	serve --grace 0.3 -- sh -c 'trap "" TERM; echo up >&2; sleep 1000; sleep 9'
	job a 30 true >&9
	wait_until 20 grep -q '"up"' out
	echo '{"event":"stop","id":"a","epoch":3,"reason":"cancel"}' >&9
	wait_until 20 seen 1 '.event == "cancelled"'
}

@test "run: the ring is read on while no place is free" {
	serve -j 1 -- sleep 1000
	job a 30 true >&9
	wait_until 20 seen 1 '.event == "started"'
	job b 30 true >&9
	echo '{"event":"stop","id":"b","epoch":3,"reason":"cancel"}' >&9
	echo '{"event":"stop","id":"a","epoch":3,"reason":"cancel"}' >&9
	wait_until 20 seen 2 '.event == "cancelled"'
	seen 1 '.event == "started"'
}

@test "run: the ring is heard while nobody reads the output" {
	mkfifo in out
	exec 9<>in 8<>out
	spawn sh -c 'exec jobq-run -j 3 -- sh -c "
		if [ \$JOBQ_ID = a ]; then exec sleep 1000; fi
		seq 100000" <in >out 2>err' 9>&- 8>&-
	{ job a 30 true; job b 30 true; job c 30 true; } >&9
	wait_until 20 pgrep -P "$spawned_pid" sleep
	# The pipe is full, two long endings are not written.
	kill -USR1 "$spawned_pid"
	wait_until 20 usr1_until '[12] running, 0 waiting.* [0-9]\{6,\} bytes unsent'
	echo '{"event":"stop","id":"a","epoch":3,"reason":"cancel"}' >&9
	wait_until 20 no_sleep
	timeout 60 cat <out >all 3>&- 8>&- 9>&- &
	exec 9>&- 8>&-
	kill -TERM "$spawned_pid"
	wait
	same "a b c" "$(jq -r 'select(.event != "started" and
		.event != "alive").id' all | sort -u | xargs)"
	same cancelled "$(jq -r 'select(.id == "a").event' all | tail -n 1)"
}

@test "run: in the ring a job that waits for a second is released" {
	serve -j 1 -- sleep 1000
	{ job a 30 true; job b 30 true; } >lines
	cat lines >&9
	wait_until 20 seen 1 '.event == "released"'
	last '.id == "b" and .reason == "waiting" and .n == 1'
	# Outside of it jobs wait as long as it takes.
	{ job a 30; job b 30; } >lines
	timeout 60 jobq-run -- sh -c '[ $JOBQ_ID = b ] || sleep 1.2' \
		<lines >out
	seen 2 '.event == "completed"'
}

@test "run: P6 a runner that was stopped for longer than the lease gives up" {
	serve --grace 1000 -- sleep 1000
	job a 0.6 true >&9
	wait_until 20 seen 1 '.event == "started"'
	kill -STOP "$spawned_pid"
	sleep 1.5 # more than two leases, by the clock
	kill -CONT "$spawned_pid"
	wait_until 20 seen 1 '.reason == "lost"'
	same "" "$(pgrep -P "$spawned_pid")"
}

@test "run: told to end, it releases what still comes round the ring" {
	serve -- sh -c 'trap "" TERM; echo up >&2; sleep 1'
	job a 30 true >&9
	wait_until 20 grep -q '"up"' out
	kill -TERM "$spawned_pid"
	wait_until 20 grep -q stopping err
	job b 30 true >&9
	wait_until 20 seen 1 '.id == "b" and .reason == "shutdown"'
	wait_until 20 gone "$spawned_pid"
	# It ignored TERM and exits 0 by itself.
	seen 1 '.id == "a" and .event == "completed"'
}

@test "run: told to end, it releases claimed jobs that are in its pipe" {
	serve -j 1 -- sleep 1000
	job a 30 >&9
	wait_until 20 seen 1 '.event == "started"'
	job b 30 | copies 100 >lines
	cat lines >&9
	kill -TERM "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	seen 101 '.event == "released" and .reason == "shutdown"'
}
