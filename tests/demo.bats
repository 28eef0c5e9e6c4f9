#!/usr/bin/env bats
load support/common

@test "demo: says so when nothing is built" {
	mkdir -p copy/share/demo
	cp "$TOP/share/demo/run" copy/share/demo
	run_apart env JOBQ_BUILD="$PWD/nothing" copy/share/demo/run
	same 2 "$status"
	has "$stderr" "not built"
}
