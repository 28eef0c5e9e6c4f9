#!/usr/bin/env bats
# jobq-serve, asked by independent peers: the packages ws and undici of npm.

load ../support/common
load ../support/tasks

@test "serve: ws and undici of Node see tasks as they are" {
	[ -d "${JOBQ_NODE_MODULES-}" ] || timeout 120 npm install \
		--cache "$PWD/npm" --silent --no-audit --no-fund ws@8 undici@6
	serve
	spawn timeout -k 5 100 jobq-work -q --interval 0.2 -j 2 -- sh -c '
		case {name} in
		steps) for i in 1 2 3; do echo " $i "; sleep 0.3; done ;;
		long) echo begun; exec sleep 100 ;;
		esac'
	NODE_PATH=${JOBQ_NODE_MODULES-$PWD/node_modules} timeout 90 node \
		"$TOP/tests/support/serve-peer.js" "http://$at" >seen
	json -s 'map({(.name): .value}) | add
		| {frames: ["Starting...", "1", "2", "3", "DONE"], code: 1000} as $run
		| .two == [$run, $run] and .late == $run and .replay == $run
		and .resumed == .all and (.all | length > 2)
		and .unknown == {status: 404}
		and .stopped == {frames: ["Starting...", "begun", "STOPPED"],
			code: 1000}
		and .status == "stopped"
		and .answers == [range(60) | 200]' <seen
}
