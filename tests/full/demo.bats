#!/usr/bin/env bats
# The demonstration, on a terminal, too, and where something is not as it tells.

load ../support/common

@test "demo: does what it says, checks it, and leaves nothing behind" {
	run_apart timeout 120 "$TOP/share/demo/run"
	same 0 "$status"
	lacks "$stderr" "demo:" $'\e'
	has "$stdout" "jobs, all as told" '$ jobq-claim --follow |' \
		"failed in attempt 1 of 1"
	same "" "$(ls "$TMPDIR")"
}

@test "demo: draws the numbers where standard error is a terminal" {
	timeout 120 script -qec "$TOP/share/demo/run" screen >/dev/null </dev/null
	has "$(<screen)" "all as told" $'\r\e[K'"scheduled "
	same "" "$(ls "$TMPDIR")"
}

@test "demo: says what is not as told, exits 1 and cleans up" {
	mkdir fake
	printf '#!/bin/sh\necho 0 -\n' >fake/sha256sum
	chmod +x fake/sha256sum
	run_apart timeout 120 env PATH="$PWD/fake:$PATH" "$TOP/share/demo/run"
	same 1 "$status"
	has "$stderr" "demo: sums: expected"
	same "" "$(ls "$TMPDIR")"
}
