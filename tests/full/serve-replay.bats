#!/usr/bin/env bats
# Watchers that lose their connection at any moment.
load ../support/common
load ../support/tasks

@test "serve: a watcher that reconnects a hundred times sees each of 20,000 events once" {
	local seed=${JOBQ_TEST_SEED:-$RANDOM}
	echo "seed $seed"
	serve
	id=$(submit)
	jobq-claim -n 1 </dev/null >job
	# What happens is written while it is watched.
	spawn sh -c 'jq -cn --slurpfile job job "\$job[0] as \$j
		| range(1; 20000) | {event: \"output\", id: \$j.id,
			epoch: \$j.lease.epoch, worker: \$j.lease.worker, n: .,
			at: \"2026-11-27T10:00:00.000Z\", stream: \"stdout\",
			text: \"line \(.)\"}, (select(. == 19999)
			| {event: \"completed\", id: \$j.id,
				epoch: \$j.lease.epoch, worker: \$j.lease.worker,
				n: 20000, at: \"2026-11-27T10:00:00.000Z\"})" |
		jobq-report -q >settled'
	cat >replay.py <<-'EOF'
	import importlib.machinery, json, random, sys
	sys.dont_write_bytecode = True
	ws = importlib.machinery.SourceFileLoader("ws", sys.argv[1]).load_module()
	where, task, seed = sys.argv[2], sys.argv[3], int(sys.argv[4])
	chance = random.Random(seed)
	since, wanted, cuts = 0, 1, 0
	while wanted <= 20000:
	    # Each is closed without a word, as a network does it.
	    link = ws.Socket(where, f"/tasks/{task}/watch?format=json&since={since}")
	    assert link.status == 101, link.status
	    most = chance.randrange(1, 300) if cuts < 100 else 20000
	    for _ in range(most):
	        opcode, data = link.frame()
	        if opcode != 1:
	            break
	        event = json.loads(data)
	        assert event["event"] != "gap", event
	        assert event["n"] == wanted, (event["n"], wanted, cuts)
	        assert event["seq"] > since
	        since, wanted = event["seq"], wanted + 1
	        if wanted > 20000:
	            break
	    link.link.close()
	    cuts += 1
	assert cuts >= 100, cuts
	print(cuts, "connections")
	EOF
	timeout 120 python3 replay.py "$ws" "$at" "$id" "$seed" >said
	[[ $(<said) == *connections ]]
}
