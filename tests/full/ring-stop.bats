#!/usr/bin/env bats
# The ring told to stop, many times over.

load ../support/ring

@test "ring: P9 a hundred stops in mid-job lose no work and no attempt" {
	push_jobs 1
	cat >handler <<-'END'
		#!/bin/sh
		# Every third ignores the signal.
		[ $((JOBQ_EPOCH % 3)) != 0 ] || trap '' TERM
		echo "$JOBQ_EPOCH" >>up
		sleep 1000 &
		wait
		sleep 1000
	END
	chmod +x handler
	local i begun longest=0
	for ((i = 1; i <= 100; i++)); do
		rm -f a.*
		circle a 'jobq-claim --ring 1' \
			'jobq-run --grace 0.3 -- ./handler'
		wait_until 30 has_lines "$i" up || {
			echo "round $i: the job does not start"
			job j1 stage attempt epoch worker
			tail -n 5 up a.*
			return 1
		}
		begun=$(date +%s%N)
		tell TERM a $((i % 2))
		# Without the runner's TERM the job would go on.
		((i % 2)) || tell TERM a 1
		ends a '0 0'
		begun=$((($(date +%s%N) - begun) / 1000000))
		((begun <= longest)) || longest=$begun
		same "2|0|0|$i" "$(job j1 stage attempt rescues epoch)"
	done
	echo "# the longest of 100 stops took $longest ms" >&3
	# The grace, a second, and what a loaded machine may add.
	((longest <= 1300 + 3000))
}

@test "ring: a second TERM ends the runner within a second, a hundred times" {
	push_jobs 1
	local i begun longest=0
	for ((i = 1; i <= 100; i++)); do
		rm -f a.*
		circle a 'jobq-claim --ring 1' 'jobq-run --grace 1000 -- sh -c \
			"trap \"\" TERM; echo \$\$ >>up; sleep 1000; sleep 1000"'
		wait_until 30 has_lines "$i" up
		tell TERM a 1
		wait_until 30 said a 1 stopping
		begun=$(date +%s%N)
		tell TERM a 1
		ends a '0 0'
		begun=$((($(date +%s%N) - begun) / 1000000))
		((begun <= longest)) || longest=$begun
		same "2|0" "$(job j1 stage attempt)"
		wait_until 20 gone "$(tail -n 1 up)"
	done
	echo "# the longest of 100 second signals took $longest ms" >&3
	((longest <= 1000 + 3000))
}
