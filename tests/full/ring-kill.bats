#!/usr/bin/env bats
# Workers that are killed, many at once.

load ../support/ring

# claimable: all that can be taken is added to the file claimed; whether that
# is all of them, for wait_until.
claimable() {
	jobq-claim -n 100 --lease 600 --worker heir >>claimed
	has_lines 100 claimed
}

@test "ring: P7 the jobs of 100 killed workers come back after their leases" {
	push_jobs 100
	cat >worker <<-'END'
		#!/bin/bash
		# A hundred small rings in one process group.
		for i in {1..100}; do
			mkfifo "ring.$i"
			jobq-claim --ring 1 --ahead 0 --lease 10 <"ring.$i" |
				jobq-run -- sh -c 'echo $$ >>up; exec sleep 1000' \
				>"ring.$i" &
		done
		wait
	END
	spawn setsid bash worker
	wait_until 120 has_lines 100 up
	wait_until 60 counts 100 'stage = 3 AND started_ms IS NOT NULL'
	kill -KILL -- "-$spawned_pid"
	local begun took pid
	begun=$(date +%s%N)
	wait_until 60 claimable
	took=$((($(date +%s%N) - begun) / 1000000))
	echo "# claimable again $took ms after the kill, the lease is 10 s" >&3
	same 100 "$(jq -r .id claimed | sort -u | wc -l)"
	counts 100 "worker = 'heir' AND attempt = 1 AND rescues = 1"
	# The lease, two seconds, and what a loaded machine may add.
	((took <= 12000 + 4000))
	for pid in $(<up); do
		wait_until 20 gone "$pid"
	done
}

@test "ring: P8 a job that kills its runner fails, a hundred others complete" {
	jq -nc '{id: "poison"}' | jobq-push >/dev/null
	push_jobs 100
	cat >handler <<-'END'
		#!/bin/sh
		[ "$JOBQ_ID" != poison ] || { kill -9 $PPID; exec sleep 1000; }
	END
	chmod +x handler
	local i
	for ((i = 0; i < 30; i++)); do
		rm -f a.*
		circle a 'jobq-claim --ring 2 --lease 1 --until-done' \
			'jobq-run -j 2 -- ./handler'
		wait_until 60 test -s a.codes
		[[ $(<a.codes) == *137* ]] || break
	done
	same '6|crash|3' "$(job poison stage reason rescues)"
	counts 100 'stage = 4'
}
