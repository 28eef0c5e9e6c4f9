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

@test "serve: of two thousand submits the answers of five hundred are cut, and each is one task" {
	serve
	cat >cut.py <<-'EOF'
	import http.client, json, random, socket, struct, sys
	where = sys.argv[1]
	host, port = where.rsplit(":", 1)
	chance = random.Random(int(sys.argv[2]))
	cut = set(chance.sample(range(2000), 500))
	body = '{"project":"p","type":"t","params":{}}'
	head = (f"POST /tasks HTTP/1.1\r\nHost: {where}\r\nContent-Type: "
	        "application/json\r\nContent-Length: %d\r\nIdempotency-Key: k%d\r\n\r\n")
	kept, ids = http.client.HTTPConnection(where, timeout=30), set()
	for i in range(2000):
	    if i in cut:
	        # The client is gone before, while, or after it is answered.
	        link = socket.create_connection((host, int(port)))
	        link.sendall((head % (len(body), i) + body).encode())
	        link.settimeout(chance.choice([0.0001, 0.001, 0.01]))
	        try:
	            link.recv(1)
	        except TimeoutError:
	            pass
	        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
	            struct.pack("ii", 1, 0))
	        link.close()
	    kept.request("POST", "/tasks", body, {"Content-Type":
	        "application/json", "Idempotency-Key": f"k{i}"})
	    answer = kept.getresponse()
	    assert answer.status == 200
	    ids.add(json.load(answer)["task_id"])
	print(len(ids))
	EOF
	timeout 120 python3 cut.py "$at" "${JOBQ_TEST_SEED:-$RANDOM}" >said
	same 2000 "$(<said)"
	same 2000 "$(jobq-list --json | wc -l)"
}
