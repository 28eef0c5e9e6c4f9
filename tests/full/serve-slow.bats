#!/usr/bin/env bats
# jobq-serve beside clients that never finish what they ask.

load ../support/common
load ../support/serve

setup() {
	common_setup
	type jobq-serve curl >/dev/null 2>&1 || skip 'no jobq-serve, or no curl'
}

@test "serve: 256 clients of a byte a second are closed in time and keep nobody waiting" {
	serve
	cat >slow.py <<-'EOF'
	import json, select, socket, sys, time, urllib.request
	at, pid = sys.argv[1], sys.argv[2]
	host, port = at.rsplit(":", 1)

	def memory():
	    for line in open("/proc/%s/status" % pid):
	        if line.startswith("VmRSS"):
	            return int(line.split()[1])

	before, begun, clients, closed, worst = memory(), time.monotonic(), {}, {}, 0
	for i in range(256):
	    s = socket.create_connection((host, int(port)))
	    s.setblocking(False)
	    clients[s.fileno()] = s
	poll = select.poll()
	for fd in clients:
	    poll.register(fd, select.POLLIN | select.POLLHUP)
	text, most, tick = {fd: b"" for fd in clients}, 0, 0
	while clients and time.monotonic() < begun + 40:
	    if time.monotonic() >= begun + tick:
	        byte = b"GET /health HTTP/1.1 and so on"[tick:tick + 1]
	        for fd, s in clients.items():
	            try:
	                s.send(byte)
	            except OSError:
	                pass
	        tick += 1
	    for fd, _ in poll.poll(50):
	        try:
	            part = clients[fd].recv(4096)
	        except ConnectionError:
	            part = b""
	        text[fd] += part
	        if not part:
	            poll.unregister(fd)
	            closed[fd] = time.monotonic() - begun
	            clients.pop(fd).close()
	    asked = time.monotonic()
	    urllib.request.urlopen("http://" + at + "/health", timeout=20).read()
	    worst = max(worst, time.monotonic() - asked)
	    most = max(most, memory())
	print(json.dumps({
	    "open": len(clients), "worst": worst, "last": max(closed.values()),
	    "late": sum(b" 408 " in t for t in text.values()),
	    "early": sum(when < 9 for when in closed.values()),
	    "kib": most - before}))
	EOF
	timeout 100 python3 slow.py "$at" "$server" >said
	cat said
	# Each question about health takes a place, which the oldest gives up.
	json '.open == 0 and .worst < 2 and .last < 15 and .late > 0
		and .kib < 16384' <said
}
