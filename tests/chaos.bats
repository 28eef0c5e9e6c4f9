#!/usr/bin/env bats
# The judge of the chaos runs, on histories that it must pass or catch. The
# runs themselves are in chaos-run.bats.

load support/common

# check HISTORY
check() {
	run_apart "$TOP/tests/chaos/check" \
		"$TOP/tests/chaos/histories/$1.ndjson"
}

# catches WORD HISTORY...: each has this violation and no other.
catches() {
	local history
	for history in "${@:2}"; do
		check "$history"
		same 1 "$status"
		json --arg word "$1" '.violations | keys == [$word]' \
			<<<"${lines[-1]}"
		json --arg word "$1" '.violation == $word and .why != ""' \
			<<<"${lines[0]}"
	done
}

@test "chaos: a sound history passes, and its sets are counted" {
	check sound
	same 0 "$status"
	same 1 "${#lines[@]}"
	same '{"attempts":4,"acknowledged":3,"started":4,"ended":3,'\
'"recovered":1,"outcomes":{"completed":3,"failed":1},"kills":1,'\
'"leases_lost":0,"duplicates":1,"bound":2,"lost":0,"unexpected":0,'\
'"violations":{}}' "$(jq -c . <<<"$stdout")"
	check sound-empty
	same 0 "$status"
}

@test "chaos: an acknowledged job that is gone or not over is caught" {
	catches lost lost-gone lost-unfinished
}

@test "chaos: a job that nobody pushed is caught" {
	catches unexpected unexpected-effect unexpected-job
}

@test "chaos: more runs than the kills explain are caught" {
	catches duplicated duplicated
}

@test "chaos: two accepted outcomes are caught" {
	catches two-outcomes two-outcomes two-outcomes-of-a-run
}

@test "chaos: what was accepted from an old epoch is caught" {
	catches old-epoch old-epoch old-epoch-outcome old-epoch-after-the-lapse
}

@test "chaos: attempts beyond the limit are caught" {
	catches attempts attempts attempts-counted
}

@test "chaos: a fourth rescue is caught" {
	catches rescues rescues
}

@test "chaos: a job that is over and can be claimed is caught" {
	catches claimable claimable
}

@test "chaos: an event after the outcome is caught" {
	catches after-end after-end
}

@test "chaos: a completed run that did no work is caught" {
	catches unworked unworked unworked-in-that-run
}

@test "chaos: a log and a store that disagree are caught" {
	catches disagree disagree
}

@test "chaos: every doctored history is one of a test" {
	local history
	for history in "$TOP"/tests/chaos/histories/*.ndjson; do
		history=${history##*/}
		grep -q "[ ]${history%.ndjson}\( \|\$\)" "$BATS_TEST_FILENAME"
	done
}

@test "chaos: what is no history is refused" {
	run_apart "$TOP/tests/chaos/check" < <(echo '{"op":"ok","id":"a"}
{"op":"okay","id":"a"}')
	same 2 "$status"
	has "$stderr" 'line 2'
}
