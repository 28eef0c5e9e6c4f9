#!/usr/bin/env bats
# Cancelling running jobs, many times over.

load ../support/ring

# noted NUMBER WORD: so many files NOTE.* are there, for wait_until.
noted() {
	local files=("$2".*)
	[[ -e ${files[0]} && ${#files[@]} == "$1" ]]
}

@test "ring: P15 the signal reaches 200 cancelled jobs within a second" {
	push_jobs 200
	cat >handler <<-'END'
		#!/bin/sh
		trap 'date +%s%N >.ended.$$; mv .ended.$$ ended.$JOBQ_ID
			exit 1' TERM
		touch "up.$JOBQ_ID"
		sleep 1000 &
		wait
	END
	chmod +x handler
	circle a 'jobq-claim --ring 8 --ahead 0 --until-empty' \
		'jobq-run -j 8 -- ./handler'
	local batch file
	for ((batch = 1; batch <= 25; batch++)); do
		wait_until 60 noted 8 up
		for file in up.*; do
			mv "$file" "seen.${file#up.}"
			date +%s%N >"asked.${file#up.}"
			jobq-cancel <<<"${file#up.}" 2>>told
		done
		wait_until 60 noted $((batch * 8)) ended
	done
	ends a '0 0'
	counts 200 "stage = 5"
	for file in ended.*; do
		echo $((($(<"$file") - $(<"asked.${file#ended.}")) / 1000000))
	done | sort -n >waits
	same 200 "$(wc -l <waits)"
	local p50 p99
	p50=$(sed -n 100p waits)
	p99=$(sed -n 198p waits)
	echo "# from cancel to signal: p50 $p50 ms, p99 $p99 ms" >&3
	# A second, and what a loaded machine may add.
	((p99 <= 1000 + 2000))
}
