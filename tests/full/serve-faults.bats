#!/usr/bin/env bats
# jobq-serve when what it stands on fails: the store, the disk, descriptors.

load ../support/common
load ../support/serve

setup() {
	common_setup
	type jobq-serve curl >/dev/null 2>&1 || skip 'no jobq-serve, or no curl'
}

# ended: what it was, and within a second of the time in $begun_ms and 2 s for
# a slow machine.
ended() {
	wait_until 20 test -s code
	local took_ms=$(($(date +%s%3N) - begun_ms))
	((took_ms < 3000)) || { echo "it took $took_ms ms"; return 1; }
	same "$1" "$(<code)"
}

@test "serve: a second TERM ends it at once, also while the store hangs" {
	jobq --version | grep -q '^driver http:' || skip 'no driver http'
	local pid
	python3 -c 'import socket, time
s, kept = socket.socket(), []
s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
while True: kept.append(s.accept())' >port 3>&- 4>&- &
	spawned+=($!)
	wait_until 20 test -s port
	# While it has its first look at the store one is enough.
	for times in 1 2; do
		rm -f code
		spawn sh -c 'jobq-serve -v -S "http://127.0.0.1:$1" \
			--listen "unix:$PWD/s" 2>err; echo $? >code' - "$(<port)"
		wait_until 20 pgrep -P "$spawned_pid" -x jobq-serve
		pid=$(pgrep -P "$spawned_pid" -x jobq-serve)
		if ((times == 2)); then
			wait_until 20 grep -q 'listening at' err
			spawn curl -s -m 30 --unix-socket s http://x/api/jobs
			asked() {
				kill -USR1 "$pid"
				grep -q '1 requests wait for the store' err
			}
			wait_until 20 asked
			kill -TERM "$pid"
			wait_until 20 grep -q 'stopping, 1 running' err
		else
			wait_until 20 grep -q '^SigBlk:.*4202$' \
				"/proc/$pid/status"
			wait_until 20 test -S s
		fi
		begun_ms=$(date +%s%3N)
		kill -TERM "$pid"
		ended 0
		has "$(<err)" 'the store hangs'
		[ ! -e s ]
	done
}

@test "serve: what a full disk has no room for is refused, and taken again later" {
	local body paths=(/tasks /api/jobs) n=0
	# A file that may not grow is one on a full disk; ours to grow again.
	trap '' XFSZ
	ulimit -S -f 1024
	serve
	ulimit -S -f "$(ulimit -H -f)"
	trap - XFSZ
	body=$(head -c 50000 /dev/zero | tr '\0' a)
	for ((n = 0; n < 60; n++)); do
		post "${paths[n % 2]}" '{"project":"p","type":"t","input":1,"params":{"a":"'"$body"'"},"meta":{"a":"'"$body"'"}}' >answer
		[[ $(<status) == 20[01] ]] || break
		jq -r '.task_id // .id' answer >>taken
	done
	is 503
	((n > 2))
	has "$(<headers)" 'Content-Type: application/problem+json' Retry-After
	json '.code == "io"' <answer
	same 75 "$(echo '{"input":"'"$body$body"'"}' |
		jobq-push -S "http://$at" >/dev/null 2>&1; echo $?)"
	for path in /health /health/ready; do
		ask $path | json '.status == "unhealthy" and (.error | length > 0)'
		is 503
	done
	ask /health/live >answer
	is 200
	ask '/api/jobs?limit=1' | json 'length == 1'
	prlimit --pid "$server" --fsize=unlimited
	post /tasks '{"project":"p","type":"t","params":{}}' | jq -r .task_id >>taken
	is 200
	ask /health >answer
	is 200
	kill -KILL "$server"
	wait_until 10 gone "$server"
	jobq-list --json | jq -r .id | sort >kept
	same '' "$(sort taken | comm -23 - kept)"
}

@test "serve: when descriptors run out the oldest make room, and the store keeps its own" {
	# The hard limit counts, for it raises the soft one; ours stays.
	(ulimit -n 64 && exec timeout 120 jobq-serve --listen 127.0.0.1:0 -v) \
		2>serve.err 3>&- 4>&- &
	spawned+=($!)
	wait_until 20 grep -q 'listening at' serve.err
	has "$(<serve.err)" '64 descriptors are room for 8 watchers'
	addresses
	cat >many.py <<-'EOF'
	import http.client, json, select, socket, sys, time
	host, port = sys.argv[1].rsplit(":", 1)
	pid = sys.argv[2]
	post = ("POST", "/tasks", '{"project":"p","type":"t","params":{}}',
	        {"Content-Type": "application/json"})

	def ask(*what):
	    link = http.client.HTTPConnection(sys.argv[1], timeout=20)
	    link.request(*what)
	    answer = link.getresponse()
	    return answer.status, answer.read()

	def many(text, count):
	    links = []
	    for i in range(count):
	        link = socket.create_connection((host, int(port)), timeout=20)
	        link.sendall(text)
	        links.append(link)
	    return links

	def ticks():
	    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
	    return int(stat[11]) + int(stat[12])

	task = json.loads(ask(*post)[1])["task_id"]
	get = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for text in (b"", b"GET /hea", get % b"/health",
	             b"POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
	             b"application/json\r\nContent-Length: 9\r\n\r\n{"):
	    links = many(text, 100)
	    for i in range(3):
	        assert ask("GET", "/health")[0] == 200
	        assert ask(*post)[0] == 200
	    # The newest are there still.
	    assert select.select(links[-5:], [], [], 0)[0] == [] or b"he" in text
	    begun = ticks()
	    time.sleep(0.5)
	    assert ticks() - begun < 25, "it is busy"
	    for link in links:
	        link.close()
	links = many(get % f"/tasks/{task}/events".encode(), 12)
	said = [link.recv(15)[9:12].decode() for link in links]
	print(said.count("200"), said.count("503"))
	assert ask("GET", "/health")[0] == 200
	EOF
	timeout 60 python3 many.py "$at" "$(pgrep -P "${spawned[0]}")" >said
	same '8 4' "$(<said)"
}

@test "serve: answers that nobody reads have a bound together, the oldest go" {
	serve
	cat >unread.py <<-'EOF'
	import http.client, socket, sys
	host, port = sys.argv[1].rsplit(":", 1)
	link = http.client.HTTPConnection(sys.argv[1], timeout=20)
	for i in range(3):
	    link.request("POST", "/api/jobs", '{"input":"%s"}' % ("a" * 1048500),
	                 {"Content-Type": "application/json"})
	    answer = link.getresponse()
	    assert answer.status == 201 and answer.read()
	links = []
	for i in range(100):
	    other = socket.socket()
	    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	    other.settimeout(30)
	    other.connect((host, int(port)))
	    other.sendall(b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
	                  b"Connection: close\r\n\r\n")
	    other.recv(1)
	    links.append(other)
	link.request("GET", "/health")
	assert link.getresponse().read() == b'{"status":"healthy"}\n'

	def whole(other):
	    size = 0
	    try:
	        while part := other.recv(1 << 20):
	            size += len(part)
	    except ConnectionError:
	        return False
	    return size > 3 << 20

	print(whole(links[-1]), whole(links[0]), whole(links[1]))
	EOF
	timeout 60 python3 unread.py "$at" >said
	same 'True False False' "$(<said)"
}

@test "serve: the path of a unix socket is its owner's, who may be stopped or replaced" {
	local first
	serve --listen "unix:$PWD/s"
	first=$server
	# Its backlog is full, and it does not look.
	kill -STOP "$first"
	python3 -c 'import signal, socket
kept = []
while True:
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].setblocking(False)
    try:
        kept[-1].connect("s")
    except BlockingIOError:
        break
print("full", flush=True)
signal.pause()' >full 3>&- 4>&- &
	spawned+=($!)
	wait_until 20 grep -q full full
	run_apart timeout 20 jobq-serve --listen "unix:$PWD/s"
	same 75 "$status"
	kill -CONT "$first"
	kill "${spawned[1]}"
	rm s
	serve --listen "unix:$PWD/s"
	kill -TERM "$first"
	wait_until 20 gone "$first"
	same '{"status":"healthy"}' "$(curl -s --unix-socket s http://x/health)"
}
