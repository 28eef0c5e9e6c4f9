#!/usr/bin/env bats
load support/common

@test "demo: does what it says, checks it, and leaves nothing behind" {
	run_apart timeout 120 "$TOP/share/demo/run"
	same 0 "$status"
	lacks "$stderr" "demo:" $'\e'
	has "$stdout" "jobs, all as told" '$ jobq-claim --follow |' \
		"failed in attempt 1 of 1"
	same "" "$(ls "$TMPDIR")"
}

@test "demo: says so when nothing is built" {
	mkdir -p copy/share/demo
	cp "$TOP/share/demo/run" copy/share/demo
	run_apart env JOBQ_BUILD="$PWD/nothing" copy/share/demo/run
	same 2 "$status"
	has "$stderr" "not built"
}
