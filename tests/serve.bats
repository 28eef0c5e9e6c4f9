#!/usr/bin/env bats
# How jobq-serve starts and stops, whom it lets in, and what it refuses.

load support/common
load support/serve

setup() {
	common_setup
	unset LISTEN_PID LISTEN_FDS CREDENTIALS_DIRECTORY
	type jobq-serve curl >/dev/null 2>&1 || skip 'no jobq-serve, or no curl'
	token=0123456789abcdef-canary
	(umask 077 && echo "$token" >token)
}

# cannot_start WORDS OPTION...: exit 2, and the words are said.
cannot_start() {
	run_apart timeout 20 jobq-serve "${@:2}"
	same 2 "$status"
	same '' "$stdout"
	has "$stderr" "$1"
	lacks "$stderr" "$token"
}

@test "serve: what others can reach is not opened without a token or --open" {
	cp token readable
	chmod 644 readable
	echo short >short
	chmod 600 short
	cannot_start 'give a --token-file, or say --open' --listen 0.0.0.0:0
	cannot_start 'give a --token-file, or say --open' --listen :0
	cannot_start 'give a --token-file, or say --open' \
		--listen 127.0.0.1:0 --listen 0.0.0.0:0
	cannot_start "no token file 'none'" --listen 0.0.0.0:0 --token-file none
	cannot_start 'chmod 600' --token-file readable
	cannot_start '16 to 1024' --token-file short
	cannot_start 'exclude each other' --open --token-file token
	cannot_start 'needs --health' --health-only
	cannot_start 'exclude each other' --health-only --health 127.0.0.1:0 \
		--listen 127.0.0.1:0
	cannot_start 'nowhere' --listen nowhere

	serve --listen 0.0.0.0:0 --open
	same 1 "$(grep -c 'is open: whoever reaches it can' serve.err)"
	at=127.0.0.1:${at##*:}
	ask /health >answer
	is 200
	serve --listen 127.0.0.1:0 --health 0.0.0.0:0 --listen unix:s.sock
	lacks "$(<serve.err)" 'is open'
	ask /v1/info | json '.adapter == "sqlite"'
	at=127.0.0.1:${addresses[2]##*:}
	for path in /health /health/live /health/ready /api/health /metrics; do
		ask $path -H 'Host: anybody' >answer
		is 200
	done
	for path in /v1/info / /docs /api/jobs /tasks/x /openapi.json; do
		ask $path >answer
		is 404
	done
	post /v1/push '{"jobs":[]}' >answer
	is 404
	spawn timeout 20 jobq-serve -v --health 127.0.0.1:0 --health-only \
		2>only.err
	wait_until 20 grep -q 'health alone' only.err
	same 1 "$(grep -c 'listening at' only.err)"
}

@test "serve: a token lets in, and nothing else does" {
	serve --listen 0.0.0.0:0 --token-file token --allow-host jobs.example
	at=127.0.0.1:${at##*:}
	ask /health >answer
	is 200
	for header in 'X: y' 'Authorization: Bearer wrong' "Authorization: $token" \
		"Authorization: Bearer ${token}x" "Authorization: Bearer ${token%?}"; do
		ask /api/jobs -H "$header" >answer
		is 401
		has "$(<headers)" 'WWW-Authenticate: Bearer'
		post /v1/stats '{}' -H "$header" >answer
		is 401
		ask /metrics -H "$header" >answer
		is 401
	done
	ask /api/jobs -H "Authorization: Bearer $token" | json '. == []'
	ask /api/jobs -H "Authorization: Bearer $token" -H 'Host: jobs.example' |
		json '. == []'
	ask /api/jobs -H "Authorization: Bearer $token" -H 'Host: evil.example' \
		>answer
	is 421
	has "$(<answer)" '--allow-host'
	# The page is for everybody, and has nothing of the store.
	ask /openapi.json | json '.openapi == "3.1.0"'
	ask /www/docs.js >answer
	is 200
}

@test "serve: with --read-only all can be read and nothing is changed" {
	local path method verb why before ws=$TOP/tests/support/ws
	why='this server is read-only: nothing can be changed here'
	run_apart jobq-serve --read-only --listen 127.0.0.1:0
	same 2 "$status"
	has "$stderr" 'there is no store'
	run_apart jobq-serve --read-only --tool -- true
	same 2 "$status"
	printf '{"id":"%s"}\n' a b | jobq-push >/dev/null
	jobq-cancel b >/dev/null
	before=$(jobq-list --json)
	serve --read-only
	# Each route that is not GET.
	sed -zE 's/\n\t +/ /g' "$TOP/lib/serve/route.c" | sed -nE \
		's/^\t\{ JOBQ_(POST|DELETE), "([^"]*)", STORE.*/\1 \2/p' |
		grep -v '^POST /v1/' >routes
	(($(wc -l <routes) >= 6))
	for verb in init push claim settle cancel retry reap prune pause \
		resume check nosuch; do
		echo "POST /v1/$verb"
	done >>routes
	while read -r method path; do
		echo "$method $path"
		ask "${path/'{id}'/a}" -X "$method" -H "$json" -d '{}' |
			json --arg why "$why" '.detail == $why
				and .status == 403 and .code == "unsupported"'
		is 403
	done <routes
	for verb in list stats events; do
		post "/v1/$verb" '{}' | grep -q .
		is 200
	done
	for path in / '/jobs?id=a' /tasks/a /api/jobs /api/jobs/a /metrics \
		/health /health/ready; do
		ask "$path" >answer
		is 200
	done
	ask /v1/info | json '.writes == false'
	same "close 1008 $why" "$("$ws" "$at" /tasks/a/watch --send ' STOP ')"
	same $'STOPPED\nclose 1000' "$("$ws" "$at" /tasks/b/watch --send other)"
	same "$before" "$(jobq-list --json)"
	# So it is behind a command, too.
	if jobq --version | grep -q '^driver http:'; then
		same "$before" "$(jobq-list --store "http://$at" --json)"
		run_apart jobq-cancel --store "http://$at" a
		same 2 "$status"
		same "jobq-cancel: http://$at: $why" "$stderr"
	fi
}

@test "serve: what a page of another site sends changes nothing" {
	serve
	body='{"input":1}'
	for header in 'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-site' \
		'Origin: http://evil.example' 'Origin: null'; do
		post /api/jobs "$body" -H "$header" >answer
		is 403
		ask /tasks/x -X DELETE -H "$header" >answer
		is 403
	done
	ask /api/jobs -d "$body" >answer
	is 415
	ask /api/jobs -H 'Content-Type: text/plain' -d "$body" >answer
	is 415
	for method in PUT PATCH DELETE OPTIONS; do
		ask /api/jobs -X $method >answer
		is 405
	done
	ask /api/jobs | json '. == []'
	post /api/jobs "$body" -H "Origin: http://$at" >answer
	is 201
	post /api/jobs "$body" -H 'Sec-Fetch-Site: same-origin' >answer
	is 201
	for origin in null http://evil.example "http://$at.evil.example"; do
		refused 403 "GET /tasks/x/watch HTTP/1.1\r\nHost: $at\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: $origin\r\n\r\n"
	done
}

@test "serve: every answer tells browsers to keep to themselves" {
	serve
	for path in /health /docs /openapi.json /www/docs.js /nothing /api/jobs \
		/metrics /v1/info; do
		ask $path >answer
		for header in "Content-Security-Policy: default-src 'none'" \
			'X-Content-Type-Options: nosniff' \
			'Referrer-Policy: no-referrer'; do
			has "$(<headers)" "$header"
		done
		lacks "$(<headers)" "unsafe" "Access-Control"
	done
}

@test "serve: malformed requests are refused, and nothing behind them is read" {
	serve
	local start='GET /health HTTP/1.1\r\nHost: localhost\r\n'
	local smuggled='GET /v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n'
	refused 200 "${start}Connection: close\r\n\r\n"
	refused 400 'GET /health HTTP/1.1\nHost: localhost\n\n'
	refused 400 'GET /health HTTP/1.1\r\n\r\n'
	refused 400 'GET http://localhost/health HTTP/1.1\r\nHost: a\r\n\r\n'
	refused 400 'GET /www/%%2e%%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n'
	refused 400 "${start}Host: evil\r\n\r\n"
	refused 400 "${start} folded\r\n\r\n"
	refused 400 "${start}X\\\\0: a\r\n\r\n"
	refused 400 "${start}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n$smuggled"
	refused 400 "${start}Content-Length: 1\r\nContent-Length: 2\r\n\r\n$smuggled"
	local chunked='POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n'
	for size in '' z 0x1 -1 ' 1' 1ffffffffffffffff "1;$(
		head -c 300 /dev/zero | tr '\0' a)"; do
		refused 400 "$chunked\r\n$size\r\na\r\n0\r\n\r\n$smuggled"
	done
	refused 400 "$chunked\r\n1\r\nab\r\n0\r\n\r\n$smuggled"
	refused 400 "$chunked\r\n1\na\n0\n\n$smuggled"
	refused 501 "${start}Transfer-Encoding: gzip, chunked\r\n\r\n$smuggled"
	refused 201 "${chunked}Connection: close\r\n\r\nb;x=y\r\n{\"input\":1}\r\n0\r\n\r\n$smuggled"
	ask /api/jobs | json 'length == 1'
	refused 421 'GET /health HTTP/1.1\r\nHost: localhost.evil\r\nConnection: close\r\n\r\n'
	refused 505 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
	refused 501 "${start}Upgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n"
	# As a second request of a connection that was good so far, too.
	raw "${start}\r\nGET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n${start}Connection: close\r\n\r\n$smuggled" |
		tr -d '\r' | grep '^HTTP/1.1' >answers
	same $'HTTP/1.1 200 OK\nHTTP/1.1 421 Misdirected Request\nHTTP/1.1 200 OK' \
		"$(<answers)"
	raw "${start}\r\n${start}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$smuggled" |
		tr -d '\r' | grep '^HTTP/1.1' >answers
	same $'HTTP/1.1 200 OK\nHTTP/1.1 400 Bad Request' "$(<answers)"
	ask /health >answer
	is 200
}

@test "serve: limits hold, and a body is taken up to its own" {
	serve
	local long
	long=$(head -c 8200 /dev/zero | tr '\0' a)
	refused 414 "GET /$long HTTP/1.1\r\nHost: localhost\r\n\r\n"
	refused 431 "GET / HTTP/1.1\r\nHost: localhost\r\nX: $long\r\nY: $long\r\n\r\n"
	refused 431 "GET / HTTP/1.1\r\nHost: localhost\r\n$(
		printf 'X: a\\r\\n%.0s' {1..100})\r\n"
	for size in 1048575 1048576; do
		{ printf '{"input":"'; head -c $((size - 12)) /dev/zero |
			tr '\0' a; printf '"}'; } >big
		same $size "$(stat -c %s big)"
		ask /api/jobs -H "$json" --data-binary @big -H 'Expect:' >answer
		is 201
	done
	printf ' ' >>big
	ask /api/jobs -H "$json" --data-binary @big -H 'Expect:' >answer
	is 413
	ask /api/jobs -H "$json" --data-binary @big -H 'Expect:' \
		-H 'Transfer-Encoding: chunked' >answer
	is 413
	refused 413 "POST /v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16777217\r\n\r\n"
	{ printf '{"input":'; printf '[%.0s' {1..64}; printf ']%.0s' {1..64}
		printf '}'; } >deep
	ask /api/jobs -H "$json" -d @deep >answer
	is 422
}

@test "serve: slow clients do not keep others waiting" {
	serve
	cat >slow.py <<-'EOF'
	import socket, sys, threading, time, urllib.request
	host, port = sys.argv[1].rsplit(":", 1)
	clients = []
	for i in range(64):
	    s = socket.create_connection((host, int(port)))
	    s.sendall(b"GET /health HT")
	    clients.append(s)
	worst = 0
	for i in range(20):
	    for s in clients[i::20]:
	        s.sendall(b"T")
	    begun = time.monotonic()
	    body = urllib.request.urlopen("http://" + sys.argv[1] + "/health",
	                                  timeout=20).read()
	    worst = max(worst, time.monotonic() - begun)
	    assert b"healthy" in body
	print(worst)
	EOF
	timeout 60 python3 slow.py "$at" >worst
	json '. < 2' <worst
}

@test "serve: of bodies that do not come the oldest make room" {
	serve
	cat >bodies.py <<-'EOF'
	import select, socket, sys, urllib.request
	host, port = sys.argv[1].rsplit(":", 1)
	head = (b"POST /tasks HTTP/1.1\r\nHost: localhost\r\n"
	        b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
	clients = []
	for i in range(266):
	    s = socket.create_connection((host, int(port)))
	    s.sendall(head)
	    clients.append(s)
	urllib.request.urlopen("http://" + sys.argv[1] + "/health").read()
	assert [s.recv(1) for s in clients[:10]] == [b""] * 10
	assert select.select(clients[10:], [], [], 0)[0] == []
	EOF
	timeout 60 python3 bodies.py "$at"
}

@test "serve: of one peer 32 requests that are not whole stand, and it holds up no other" {
	unshare -n true 2>/dev/null || skip 'no network namespaces here'
	(umask 077 && echo 0123456789abcdef >token)
	cat >peers.py <<-'EOF'
	import fcntl, os, select, socket, struct, subprocess, sys, time

	def ioctl(name, request, value):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        fcntl.ioctl(s, request, struct.pack("16s16s", name, value))

	def wait_until(ready):
	    end = time.monotonic() + 20
	    while not ready() and time.monotonic() < end:
	        time.sleep(0.02)

	A, B, LOCAL = "10.9.8.7", "10.9.8.8", "127.0.0.1"
	ioctl(b"lo", 0x8914, struct.pack("h", 0x41))  # SIOCSIFFLAGS: up
	for name, address in ((b"lo:1", A), (b"lo:2", B)):  # SIOCSIFADDR
	    ioctl(name, 0x8916, struct.pack("HH4s", socket.AF_INET, 0,
	        socket.inet_aton(address)))
	server = subprocess.Popen(["jobq-serve", "--token-file", "token",
	    "--listen", A + ":8000", "--listen", LOCAL + ":8000"])

	def connect(source, text):
	    s = socket.create_connection((LOCAL if source == LOCAL else A, 8000),
	        timeout=20, source_address=(source, 0))
	    s.sendall(text)
	    return s

	def up():
	    try:
	        connect(LOCAL, b"").close()
	        return True
	    except ConnectionRefusedError:
	        return False

	# Which are still open.
	def standing(links):
	    ended, _, _ = select.select(links, [], [], 0)
	    return [s not in ended for s in links]

	def expect(what, links, wanted):
	    wait_until(lambda: standing(links) == wanted)
	    seen = standing(links)
	    assert seen == wanted, (what, [int(s) for s in seen])

	head = (b"POST /tasks HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer "
	    b"0123456789abcdef\r\nContent-Type: application/json\r\n"
	    b"Content-Length: 9\r\n\r\n{" % A.encode())
	try:
	    wait_until(up)
	    # The heads of requests, and then the bodies: each bound is for itself.
	    for text in b"GET /he", head:
	        first = [connect(A, text) for _ in range(40)]
	        expect("of a peer", first, 8 * [False] + 32 * [True])
	        other = [connect(B, text) for _ in range(32)]
	        expect("of another", other, 32 * [True])
	        local = [connect(LOCAL, text) for _ in range(40)]
	        expect("of this machine", local, 40 * [True])
	        expect("as before", first, 8 * [False] + 32 * [True])
	        # Who asks meanwhile is answered.
	        for source in A, B, LOCAL:
	            s = connect(source, b"GET /health HTTP/1.1\r\nHost: %s\r\n\r\n"
	                % A.encode())
	            assert s.recv(15) == b"HTTP/1.1 200 OK", source
	        for s in first + other + local:
	            s.close()
	finally:
	    server.terminate()
	    server.wait()
	print("well")
	EOF
	run_apart timeout -k 5 60 unshare -n python3 peers.py
	echo "$stderr"
	same well "$stdout"
}

@test "serve: a unix socket is its owner's, and takes a dead one's place" {
	serve --listen "unix:$PWD/s.sock"
	same 600 "$(stat -c %a s.sock)"
	same '{"status":"healthy"}' \
		"$(curl -s --unix-socket s.sock http://anything/health)"
	same '[]' "$(curl -s --unix-socket s.sock http://anything/api/jobs)"
	run_apart timeout 20 jobq-serve --listen "unix:$PWD/s.sock"
	same 75 "$status"
	has "$stderr" "$PWD/s.sock"
	kill -KILL "$server"
	wait_until 10 not curl -s -m 5 --unix-socket s.sock http://x/health
	[ -S s.sock ]
	serve --listen "unix:$PWD/s.sock"
	same '{"status":"healthy"}' \
		"$(curl -s --unix-socket s.sock http://anything/health)"
	kill -TERM "$server"
	wait_until 10 gone "$server"
	[ ! -e s.sock ]
}

@test "serve: sockets of systemd are listened at, and looked at" {
	cat >parent.py <<-'EOF'
	import os, socket, sys
	tcp = socket.socket()
	tcp.bind((sys.argv[1], 0))
	unix = socket.socket(socket.AF_UNIX)
	unix.bind("handed.sock")
	for s in (tcp, unix):
	    s.listen()
	fds = [os.dup(s.fileno()) for s in (tcp, unix)]
	high = [os.fcntl if False else s for s in ()]
	for place, fd in enumerate(fds):
	    os.dup2(fd, 20 + place)
	for place in range(2):
	    os.dup2(20 + place, 3 + place, inheritable=True)
	os.environ["LISTEN_PID"] = str(os.getpid())
	os.environ["LISTEN_FDS"] = "2"
	os.execvp("jobq-serve", ["jobq-serve", "-v"] + sys.argv[2:])
	EOF
	sed -i '/high = /d' parent.py
	spawn timeout 60 python3 parent.py 127.0.0.1 2>serve.err
	wait_until 20 grep -q 'listening at.*handed.sock' serve.err
	addresses
	same 2 "${#addresses[@]}"
	ask /health >answer
	is 200
	same '{"status":"healthy"}' \
		"$(curl -s --unix-socket handed.sock http://anything/health)"
	rm handed.sock
	run_apart timeout 20 python3 parent.py 0.0.0.0
	same 2 "$status"
	has "$stderr" 'give a --token-file, or say --open'
}

@test "serve: a stop answers what is under way, and takes nothing new" {
	serve
	cat >drain.py <<-'EOF'
	import http.client, os, signal, socket, sys, time
	at, pid = sys.argv[1], int(sys.argv[2])
	host, port = at.rsplit(":", 1)
	kept = http.client.HTTPConnection(at, timeout=20)
	kept.request("GET", "/health")
	answer = kept.getresponse()
	print(answer.status, answer.read())
	slow = socket.create_connection((host, int(port)))
	slow.sendall(b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\n"
	             b"Content-Type: application/json\r\n"
	             b"Expect: 100-continue\r\n"
	             b"Content-Length: 11\r\n\r\n")
	assert slow.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
	slow.sendall(b"{\"inp")
	os.kill(pid, signal.SIGTERM)
	while "stopping" not in open("serve.err").read():
	    time.sleep(0.02)
	kept.request("GET", "/health")
	print(kept.getresponse().status)
	# Who comes now is told so, too.
	for path in "/health/ready", "/health/live", "/v1/info":
	    fresh = http.client.HTTPConnection(at, timeout=20)
	    fresh.request("GET", path)
	    print(path, fresh.getresponse().status)
	slow.sendall(b"ut\":1}")
	text = b""
	while True:
	    part = slow.recv(65536)
	    if not part:
	        break
	    text += part
	print(text.split(b"\r\n")[0].decode())
	print("close" if b"Connection: close" in text else "keeps")
	EOF
	timeout 60 python3 drain.py "$at" "$server" >said
	same "200 b'{\"status\":\"healthy\"}\\n'
503
/health/ready 503
/health/live 200
/v1/info 503
HTTP/1.1 201 Created
close" "$(<said)"
	wait_until 10 gone "$server"
	exited=0
	wait "$spawned_pid" || exited=$?
	same 0 "$exited"
	has "$(<serve.err)" 'stopping, 1 running'
	jobq-list | json '.state == "pending"'
}

@test "serve: secrets are in no answer and no message" {
	local canary='s3cr3t-canary' url
	if jobq --version | grep -q '^driver redis:'; then
		url=redis://user:$canary@127.0.0.1:1
	elif jobq --version | grep -q '^driver postgresql:'; then
		url=postgresql://user:$canary@127.0.0.1:1/db
	else
		skip 'no driver takes a password'
	fi
	export JOBQ_URL=$url JOBQ_TOKEN_SECRET=$canary
	echo "0123456789-$canary" >token
	serve -vv --token-file token
	kill -USR1 "$server"
	for path in /health /v1/info /metrics /api/jobs /api/jobs/x /tasks/x /docs; do
		ask $path
		ask $path -H "Authorization: Bearer 0123456789-$canary"
		cat headers
	done >said
	post /api/jobs '{"input":1}' \
		-H "Authorization: Bearer 0123456789-$canary" >answer
	is 503
	ask /health >>answer
	is 503
	ask /api/jobs -H "Authorization: Bearer $canary-wrong" >>answer
	wait_until 10 grep -q 'requests wait for the store' serve.err
	cat answer serve.err "/proc/$server/cmdline" >>said
	same '' "$(grep -aF "$canary" said)"
	grep -qaE 'redis|postgresql' said
}

# operations: "METHOD PATH" of each, with {} for what a path leaves open.
operations() {
	sed -E 's/\{[a-z]+\}/{}/g' | sort
}

@test "serve: openapi.json tells of the routes that there are, and of no others" {
	sed -zE 's/\n\t +/ /g' "$TOP/lib/serve/route.c" |
		sed -nE 's/^\t\{ JOBQ_([A-Z]+), "([^"]*)",.*/\1 \2/p' |
		operations >routes
	(($(wc -l <routes) > 20))
	serve
	ask /openapi.json >openapi.json
	jq -r '.paths | to_entries[] | .key as $path | .value | keys[] |
		ascii_upcase + " " + $path' openapi.json | operations >told
	diff -u routes told
	# What is referred to is there, and no operation has two names.
	jq -r '.. | objects | .["$ref"] // empty' openapi.json | sort -u |
		while read -r ref; do
			jq -e --arg ref "$ref" 'getpath($ref[2:] | split("/"))
				| type == "object"' openapi.json >/dev/null ||
				echo "no $ref"
		done >missing
	same '' "$(<missing)"
	json '[.. | .operationId? // empty] | length == (unique | length)' \
		<openapi.json
	# Without a description or an answer an operation tells nothing.
	json '[.paths[][]] | all(.summary != null and (.responses | length) > 0)' \
		<openapi.json
}

@test "serve: files of the page are sent once, and only those" {
	serve
	ask /docs >docs
	is 200
	has "$(<headers)" 'Content-Type: text/html; charset=utf-8'
	cmp docs "$TOP/share/www/docs.html"
	grep -oE '(href|src)="www/[^"]*' docs | sed 's/.*="//' >files
	same 2 "$(wc -l <files)"
	while read -r file; do
		ask "/$file" | cmp - "$TOP/share/$file"
		is 200
	done <files
	ask /www/docs.js >answer
	etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/p' headers)
	ask /www/docs.js -H "If-None-Match: \"x\", $etag" >answer
	is 304
	[ ! -s body ]
	ask /www/docs.js -H 'If-None-Match: "x"' >answer
	is 200
	for path in /www/ /www/nothing.js /www/docs /www/route.c /www/.docs.js \
		/www/docs.html.bak /www; do
		ask $path >answer
		is 404
	done
	# Nothing in it is from elsewhere, and nothing is in the page itself.
	lacks "$(cat "$TOP"/share/www/docs.*)" http:// https:// style= onclick
	same '' "$(grep -E '<script(>| [^>]*>[^<])|<style' docs)"
}

@test "serve: no token is compared byte by byte" {
	same '' "$(grep -nE '(strn?(case)?cmp|memcmp)\(.*token' \
		"$TOP"/lib/serve/*.c)"
	same '' "$(sed -n '/^jobq_guard_same/,/^}/p' "$TOP/lib/serve/guard.c" |
		grep -E 'cmp\(|break|return false')"
}

@test "serve: its units are ones that systemd takes, and safe ones" {
	type systemd-analyze >/dev/null 2>&1 || skip 'no systemd-analyze'
	sed "s,/usr/local/bin,$JOBQ_BUILD/bin," \
		"$TOP/share/systemd/jobq-serve.service" >jobq-serve.service
	cp "$TOP/share/systemd/jobq-serve.socket" .
	timeout 60 systemd-analyze verify --man=no ./jobq-serve.service \
		./jobq-serve.socket
	timeout 60 systemd-analyze security --offline=true --threshold=20 \
		./jobq-serve.service
}
