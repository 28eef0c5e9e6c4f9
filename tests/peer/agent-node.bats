#!/usr/bin/env bats
# The worker of an agent's service, behind an API that is none of ours: its
# client of Kafka is the package kafkajs of npm.

load ../support/kafka
load ../support/agent

@test "agent: kafkajs gives a worker tasks, stops one and reads their progress" {
	[ -d "${JOBQ_NODE_MODULES-}" ] || timeout 120 npm install \
		--cache "$PWD/npm" --silent --no-audit --no-fund kafkajs@2
	worker
	NODE_PATH=${JOBQ_NODE_MODULES-$PWD/node_modules} timeout 90 node \
		"$TOP/tests/support/agent-peer.js" "$KAFKA" "$prefix" \
		'Step_1 é' hang exit:65 >got
	cat >expected <<-'END'
		t0 Starting...
		t0 args: agent run --input Step_1 é
		t0 Step 1
		t0 é
		t0 DONE
		t1 Starting...
		t1 args: agent run --input hang
		t1 STOPPED
		t2 Starting...
		t2 args: agent run --input exit:65
		t2 FAILED: exit status 65: RuntimeError: no such tab
	END
	same "$(<expected)" "$(<got)"
	wait_until 20 ended_at 3
}
