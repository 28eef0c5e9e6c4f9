#!/usr/bin/env bats
load ../support/common

@test "readme: the table of features is what the suite sees" {
	"$TOP/tests/support/features" 3>&- >seen
	sed -n '/^<!-- features/,/^<!-- end/p' "$TOP/README.md" | grep '^|' >told
	same "$(<seen)" "$(<told)"
}
