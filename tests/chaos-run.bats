#!/usr/bin/env bats
# Small chaos runs; make chaos does large ones. A failing run names its seed
# and the folder with its history.

load support/common

@test "chaos: P1, P2 kills at random stages lose nothing and invent nothing" {
	run_apart timeout -k 5 240 "$TOP/tests/chaos/kill-run" \
		--kills 50 --jobs 2000 --places 8
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.attempts == 2000 and .kills >= 50 and .lost == 0 and
		.unexpected == 0 and .duplicates <= .bound' <<<"${lines[-1]}"
}

@test "chaos: P6 a runner that was stopped changes nothing any more" {
	run_apart timeout -k 5 240 "$TOP/tests/chaos/pause-run" \
		--rounds 10 --lease 0.5
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	json '.rounds == 10 and .taken_by_another >= 1' <<<"${lines[0]}"
	json '.lost == 0 and .violations == {}' <<<"${lines[-1]}"
}
