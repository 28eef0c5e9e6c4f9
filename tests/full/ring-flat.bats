#!/usr/bin/env bats
# The ring over many jobs: 20,000 here, 100,000 by make chaos.

load ../support/ring

# measure NAME: memory in KiB and number of descriptors of both stages.
measure() {
	local i
	for i in 0 1; do
		awk -v OFS=' ' '/^VmRSS/ { print $2 }' \
			"/proc/$(<a.$i.pid)/status"
		find "/proc/$(<a.$i.pid)/fd" -type l | wc -l
	done | paste -sd' ' >"$1"
}

# idle: nothing is left to do; asks once a second.
idle() {
	later 1
	same 0 "$(sql 'SELECT count(*) FROM job WHERE stage < 4')"
}

@test "ring: P18 many jobs later memory and descriptors are the same" {
	local jobs=${JOBQ_TEST_RING_JOBS:-20000} first last CIRCLE_LIMIT=1500
	circle a 'jobq-claim --ring 16' 'jobq-run -j 16 -- true'
	seq $((jobs / 10)) | jq -c '{input: .}' | jobq-push >/dev/null
	wait_until $((jobs / 100 + 60)) idle
	measure first
	seq $((jobs - jobs / 10)) | jq -c '{input: .}' | jobq-push >/dev/null
	wait_until $((jobs / 100 + 60)) idle
	measure last
	tell TERM a 0
	ends a '0 0'
	counts "$jobs" 'stage = 4 AND attempt = 1 AND rescues = 0'
	echo "# KiB and descriptors of claim and run: $(<first), $(<last)" >&3
	read -ra first < <(cat first)
	read -ra last < <(cat last)
	same "${first[1]}" "${last[1]}"
	# A place opens its folder when it is used for the first time.
	((last[3] <= first[3] + 16))
	((last[0] <= first[0] + 1024))
	((last[2] <= first[2] + 1024))
}
