#!/usr/bin/env bats
# The plugin sidecar, asked by an independent peer: the package redis of npm.

load ../support/common

redis=$TOP/tests/support/redis

setup() {
	common_setup
	unset JOBQ_URL REDISCLI_AUTH
	local missing
	! missing=$("$TOP/tests/support/servers/redis" missing) ||
		skip "$missing"
	timeout 120 npm install --cache "$PWD/npm" --silent \
		--no-audit --no-fund redis@4
	dir=$(mktemp -d "$BATS_RUN_TMPDIR/r.XXXXXX")
	timeout 60 "$redis" start "$dir" 3>&- 4>&-
}

teardown() {
	common_teardown
	[ -z "${dir-}" ] || timeout 60 "$redis" stop "$dir"
}

@test "crewai: a client of Node sends requests, and parses each result once" {
	export REDIS_URL=unix:$dir/s PLUGIN_DIR=$TOP/tests/support/plugins
	spawn timeout -k 5 100 "$TOP/share/recipes/crewai-sidecar" \
		--health none --workers 2
	NODE_PATH=$PWD/node_modules timeout 90 node \
		"$TOP/tests/support/crewai-peer.js" "$dir/s" 30 >results
	json '
		length == 30
		and all(.fields == ["payload", "schema_version"]
			and .version == "v1")
		and ([.[].plugin_run_id] | sort)
			== ([range(30) | "run \"\(.)\" é"] | sort)
		and ([.[] | select(.status == "completed" and .error == null)
			| .output] | sort)
			== ([range(0; 30; 3) | "demo was told i = \(.)"] | sort)
		and ([.[] | select(.status == "failed" and .output == null)
			| .error] | sort)
			== ([range(1; 30; 3) | "no \(.)"]
				+ [range(2; 30; 3) | "Plugin crew not found: nosuch"]
				| sort)' <results
	same 0 "$("$redis" cli "$dir" XPENDING plugin:requests crewai-workers |
		head -n 1)"
}
