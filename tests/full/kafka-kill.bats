#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of the inner shell
#
# Workers that are killed, and a broker that is.

load ../support/kafka-jobs

ran_more() { # THAN
	has_lines "$(($1 + 1))" ran
}

make_handler() {
	cat >handler <<-'END'
		#!/bin/sh
		echo "$JOBQ_ID" >>ran
		sleep 0.02
	END
	chmod +x handler
}

@test "kill: P1 six circles that are killed lose nothing" {
	local i
	log_store 4 "$(settings session.timeout.ms=1500)"
	make_handler
	: >ran
	jobs 600 | produce jobs
	for i in {1..6}; do
		spawn setsid jobq-work -j 4 -- ./handler
		wait_until 40 ran_more "$(($(wc -l <ran) + 40))"
		kill -KILL -- "-$spawned_pid"
	done
	work last -j 4 -- ./handler
	wait_until 60 ended 600
	wait_until 20 committed_all 600 4
	leave "$spawned_pid" 0
	# The four that ran and the two that waited.
	ran_all 600 $((6 * 6)) '6 kills'
}

@test "kill: P8 a job that kills its runner is dead after three rescues" {
	log_store 2
	cat >handler <<-'END'
		#!/bin/sh
		echo "$JOBQ_ID" >>ran
		[ "$JOBQ_ID" != poison ] || { kill -9 $PPID; exec sleep 1000; }
	END
	chmod +x handler
	{ echo '{"id":"poison"}'; jobs 100; } | jobq-push >pushed
	run_apart timeout 100 jobq-work -j 2 --until-empty -- ./handler
	same 1 "$status"
	same 4 "$(grep -c poison ran)"
	same 101 "$(sort -u ran | wc -l)"
	same 'failed crash' "$(told 'select(.id == "poison" and .state)
		| "\(.state) \(.reason)"')"
	same 100 "$(told 'select(.event == "completed").id' | sort -u | wc -l)"
	same poison "$(consume dead -f '%k\n')"
	committed_all 101 2
}

@test "kill: P5 worker, push, watch and serve go on when the broker is back" {
	local worker at
	own_kafka
	log_store 4
	make_handler
	work w -j 4 -- ./handler
	worker=$spawned_pid
	spawn sh -c 'exec jobq-watch --since 0 >watched 2>watch.err'
	spawn jobq-serve --listen "unix:$PWD/s"
	wait_until 20 test -S s
	jobs 400 >all
	spawn sh -c 'while read -r line; do
			echo "$line"
			sleep 0.015
		done <all | jobq-push >pushed 2>push.err; echo $? >push.code'
	wait_until 60 has_lines 100 ran
	kafka_kill
	later 2
	kafka_restart
	at=$(date +%s%N)
	wait_until 90 test -s push.code
	same 0 "$(<push.code)"
	wait_until 60 ended 400
	echo "# all jobs were done $((($(date +%s%N) - at) / 1000000)) ms after the broker was back" >&3
	same 400 "$(sort -u ran | wc -l)"
	watched() { same 400 "$(jq -r 'select(.event == "completed").id' \
		watched | sort -u | wc -l)"; }
	wait_until 20 watched
	same 400 "$(curl -s -m 20 --unix-socket s http://s/v1/stats -d '{}' \
		-H 'Content-Type: application/json' | jq .completed)"
	wait_until 20 committed_all 400 4
	leave "$worker" 0
}
