#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of the inner shell
#
# Workers of one group that come, go, stand still, and take long.

load ../support/kafka-jobs

@test "group: P10 five workers that come and go beside one lose nothing" {
	local first i
	log_store 4
	cat >handler <<-'END'
		#!/bin/sh
		echo "$JOBQ_ID" >>ran
		sleep 0.01
	END
	chmod +x handler
	jobs 2000 | produce jobs
	work first -j 4 -- ./handler
	first=$spawned_pid
	wait_until 30 has_lines 50 ran
	for i in {1..5}; do
		work "$i" -j 4 -- ./handler
		later 1.2
		# What it had not begun may leave it without a runner: 75.
		kill -TERM "$spawned_pid"
		wait "$spawned_pid" || same 75 $?
	done
	wait_until 90 ended 2000
	wait_until 20 committed_all 2000 4
	leave "$first" 0
	# Each takes away what two workers hold at most, which is 6 of each.
	ran_all 2000 $((10 * 12)) '10 rebalances'
	same 2000 "$(told 'select(.event == "completed").id' | sort -u | wc -l)"
}

@test "group: a worker without a partition holds up nobody when it goes" {
	local first at
	log_store 1
	export -f answers
	work first -j 1 --coprocess -- bash -c answers
	first=$spawned_pid
	jobs 1 | produce jobs
	wait_until 30 ended 1
	work second -j 1 -- true
	later 2.5
	leave "$spawned_pid" 0
	at=$(date +%s%N)
	# For who comes next the group waits until all that it knows of say so.
	work third -j 1 --coprocess -- bash -c answers
	later 1
	jobs 20 '{"name": "later"}' | jq -c '.id += "b"' | produce jobs
	wait_until 30 ended 21
	wait_until 30 committed_all 21 1
	# The session of one that does not say that it goes is 10 s long.
	(($(date +%s%N) - at < 7000000000))
	leave "$spawned_pid" 0
	leave "$first" 0
}

@test "group: P6 of a worker that stood still the child dies, its run is stale" {
	local first second claim child at
	log_store 1 "$(settings session.timeout.ms=2000)"
	cat >handler <<-'END'
		#!/bin/sh
		echo $$ >"child.$JOBQ_EPOCH"
		[ "$JOBQ_EPOCH" -gt 1 ] || exec sleep 1000
	END
	chmod +x handler
	jobs 1 | produce jobs
	work first -j 1 --grace 0.5 -- ./handler
	first=$spawned_pid
	wait_until 30 test -s child.1
	claim=$(pgrep -P "$first" jobq-claim)
	kill -STOP "$claim"
	work second -j 1 -- ./handler
	second=$spawned_pid
	wait_until 40 ended 1
	at=$(date +%s%N)
	child=$(<child.1)
	not gone "$child"
	kill -CONT "$claim"
	wait_until 20 gone "$child"
	echo "# dead $((($(date +%s%N) - at) / 1000000)) ms after its claim went on" >&3
	(($(date +%s%N) - at < 4000000000))
	leave "$first" 0
	leave "$second" 0
	same '2 completed' "$(told 'select(.state) | "\(.epoch) \(.state)"')"
	committed_all 1 1
}

@test "group: P11 a job that is longer than the poll interval keeps its place" {
	log_store 1 "$(settings max.poll.interval.ms=10000)"
	jobs 1 | produce jobs
	timeout 100 jobq-work -j 1 --until-empty -- \
		sh -c 'echo "$JOBQ_EPOCH" >>ran; sleep 60' 2>said
	same 1 "$(<ran)"
	same '' "$(<said)"
	same '1 completed' "$(told 'select(.state) | "\(.epoch) \(.state)"')"
	committed_all 1 1
}

@test "group: a job that a stage drops is run again, by the same worker" {
	log_store 1
	jobs 3 | produce jobs
	cat >drop <<-'END'
		#!/bin/bash
		while IFS= read -r line; do
			if [[ $line == *'"j2"'* && ! -e dropped ]]; then
				>dropped
				continue
			fi
			printf '%s\n' "$line"
		done
	END
	chmod +x drop
	mkfifo ring
	timeout 90 sh -c 'jobq-claim --ring 2 --until-empty <ring | ./drop |
		jobq-run -j 2 -- true >ring'
	same $'j1 1\nj2 2\nj3 1' "$(told 'select(.event == "completed")
		| "\(.id) \(.epoch)"' | sort)"
	committed_all 3 1
}

@test "group: a hundred thousand jobs that wait take less than 40 MiB" {
	local claim size
	log_store 4
	jobs 100000 '{"input": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' |
		produce jobs
	work w -j 4 -- sleep 0.5
	wait_until 30 ended 8
	claim=$(pgrep -P "$spawned_pid" jobq-claim)
	size=$(awk '/^VmHWM/ {print $2}' "/proc/$claim/status")
	echo "# jobq-claim has $size kB" >&3
	((size < 40 * 1024))
	leave "$spawned_pid" 0
}
