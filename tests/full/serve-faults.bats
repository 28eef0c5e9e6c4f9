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
