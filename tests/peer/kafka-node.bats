#!/usr/bin/env bats
# The Kafka of the tests, used by an independent peer, the package kafkajs of
# npm, beside kcat.

load ../support/kafka

@test "kafka: kafkajs and kcat read what the other one wrote" {
	[ -d "${JOBQ_NODE_MODULES-}" ] || timeout 120 npm install \
		--cache "$PWD/npm" --silent --no-audit --no-fund kafkajs@2
	topic tasks 3
	topic answers 2
	jq -nc 'range(20) | {task_id: "t\(.)", update: "says \(.) é"}' >answers
	jq -r '.task_id + "|" + tojson' answers |
		produce answers -K '|' -H epoch=1
	NODE_PATH=${JOBQ_NODE_MODULES-$PWD/node_modules} timeout 90 node \
		"$TOP/tests/support/kafka-peer.js" "$KAFKA" "$prefix-tasks" \
		"$prefix-answers" 20 >got
	same "$(sort answers)" "$(jq -r '.[].value' got | sort)"
	json 'all(.headers == {epoch: "1"}
		and .key == (.value | fromjson | .task_id))' <got
	consume tasks -J >tasks
	json -s 'length == 20 and all(.key == (.payload | fromjson | .task_id)
		and .headers == ["n", .key[1:]])
		and ([.[].payload | fromjson | .text] | sort)
			== ([range(20) | "\"é\" \(.)"] | sort)' <tasks
	# What it has read it has committed.
	same 20 "$( (committed "$prefix-answers-peer" answers 0
		committed "$prefix-answers-peer" answers 1) |
		awk '$1 > 0 { n += $1 } END { print n }')"
}
