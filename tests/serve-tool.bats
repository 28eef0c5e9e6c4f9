#!/usr/bin/env bats
# shellcheck disable=SC2016 # scripts of handlers
# jobq-serve --tool: a handler of jobq-run behind POST /execute.
# bats file_tags=server

load support/common

setup() {
	common_setup
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
	answer='' code=''
}

# tool OPTION... HANDLER: a server of it at the socket s.
tool() {
	rm -f code
	spawn sh -c 'jobq-serve --tool --listen unix:s "$@" 2>>err
		echo $? >code' - "$@"
	tool_pid=$spawned_pid
	wait_until 20 healthy
}

healthy() {
	[[ $(curl -sf --unix-socket s http://localhost/health) == *'"healthy"'* ]]
}

server() {
	pgrep -P "$tool_pid" -x jobq-serve
}

runner() {
	pgrep -P "$(server)" -x jobq-run
}

# execute BODY: $code and $answer.
execute() {
	code=$(timeout 30 curl -s --unix-socket s -X POST -d "$1" -o answer \
		-w '%{http_code}' -H 'Content-Type: application/json' \
		"${@:2}" http://localhost/execute)
	answer=$(<answer)
}

# gives CODE ANSWER BODY: the request has exactly that answer.
gives() {
	execute "$3"
	same "$1 $2" "$code $answer"
}

# stop CODE: ends the server by TERM, and it exits so.
stop() {
	kill "$(server)"
	wait_until 20 test -s code
	same "$1" "$(<code)"
}

# bats test_tags=smoke
@test "serve: --tool runs its handler for each request and keeps every digit" {
	tool -- sh -c 'read -r text
		case $text in
		*double*) printf "%s" "$text" | jq -c "{doubled: (.double * 2)}" ;;
		*plain*) printf "two\nlines\n" ;;
		*silent*) ;;
		*bytes*) printf "\377\000" ;;
		*) printf "%s" "$text" ;;
		esac'
	gives 200 '{"output":{"doubled":42}}' '{"input":{"double":21}}'
	gives 200 '{"output":{"a":1e400,"b":[9007199254740993,1.10],  "\ud800":"\n"}}' \
		'{"x":1,"input":{"a":1e400,"b":[9007199254740993,1.10],
'$'\r''"\ud800":"\n"},"more":[]}'
	gives 200 '{"output":"two\nlines"}' '{"input":["plain"]}'
	gives 200 '{"output":""}' '{"input":["silent"]}'
	gives 200 '{"output":"/wA=","encoding":"base64"}' '{"input":"bytes"}'
	gives 200 '{"output":{"n":2}}' '{"input":{"n":1},"inp\u0075t":{"n":2}}'
	gives 200 '{"output":"null"}' '{"input":null}'
	stop 0
	# Only what was asked for is said.
	same 'jobq-serve: listening at unix:s' "$(head -1 err)"
	same 2 "$(wc -l <err)"
}

@test "serve: --tool tells what is no request as FastAPI does" {
	tool -- cat
	gives 422 '{"detail":[{"type":"missing","loc":["body","input"],"msg":"Field required","input":{"x":1e400}}]}' \
		'{"x":1e400}'
	gives 422 '{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}' ''
	gives 422 '{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":[9007199254740993]}]}' \
		' [9007199254740993]'
	execute '{"input":nul}'
	same 422 "$code"
	json '.detail | length == 1 and (.[0] | .type == "json_invalid"
		and .loc == ["body", 9] and .msg == "JSON decode error"
		and .input == {} and (.ctx.error | length > 0))' <<<"$answer"
	same 415 "$(curl -s --unix-socket s -d '{"input":1}' -o /dev/null \
		-w '%{http_code}' http://localhost/execute)"
	same 404 "$(curl -s --unix-socket s -o /dev/null -w '%{http_code}' \
		-H 'Connection: Upgrade' -H 'Upgrade: websocket' \
		-H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
		http://localhost/tasks/1/watch)"
	printf '{"input":"%01048576d"}' 0 >large
	execute @large
	same 413 "$code"
	execute '{"input":1}' -X GET
	same 405 "$code"
	for path in tasks v1/info api/jobs nothing; do
		same 404 "$(curl -s --unix-socket s -o /dev/null \
			-w '%{http_code}' "http://localhost/$path")"
	done
	gives 200 '{"output":{}}' '{"input":{}}'
}

# bats test_tags=smoke
@test "serve: --tool has a status for each way in which a run can end" {
	tool --timeout 0.5s -- sh -c 'read -r how
		case $how in
		*exit*) echo worse; echo bad >&2; exit 3 ;;
		*signal*) kill -KILL $$ ;;
		*late*) sleep 50 ;;
		*snooze*) echo "{\"snooze\":5}" >&3 ;;
		*cancel*) echo "{\"cancel\":\"not \\\"wanted\\\"\"}" >&3 ;;
		*says*) echo "{\"output\":[1e400]}" >&3 ;;
		*deep*) printf %063d 0 | tr 0 "["; printf %063d 0 | tr 0 "]" ;;
		esac'
	gives 200 "{\"output\":$(printf %063d 0 | tr 0 '[')$(
		printf %063d 0 | tr 0 ']')}" '{"input":"deep"}'
	gives 500 '{"error":"exit status 3: bad","exit":3}' '{"input":"exit"}'
	gives 500 '{"error":"killed by signal 9 (Killed)","exit":null}' \
		'{"input":"signal"}'
	gives 504 '{"error":"still running after its timeout of 0.500 s","exit":null}' \
		'{"input":"late"}'
	gives 200 '{"output":[1e400]}' '{"input":"says"}'
	execute '{"input":"snooze"}' -D headers
	same 503 "$code"
	grep -qi '^Retry-After: 1' headers
	execute '{"input":"cancel"}'
	same 500 "$code"
	json '.error == "not \"wanted\""' <<<"$answer"
}

@test "serve: --tool lets a bounded number wait and sends the others away" {
	local n
	tool -j 2 -- sh -c 'read -r n; echo "$n" >>began
		until [ -e go ]; do sleep 0.05; done; echo "$n"'
	for n in {1..10}; do
		spawn timeout 40 curl -s --unix-socket s -d "{\"input\":{\"n\":$n}}" \
			-H 'Content-Type: application/json' -o "answer.$n" \
			http://localhost/execute
	done
	in_hand() {
		kill -USR1 "$(server)"
		grep -q ': 10 requests wait' err
	}
	wait_until 20 in_hand
	execute '{"input":{"n":11}}' -D headers
	same 429 "$code"
	same '{"error":"too many requests are waiting; try again","exit":null}' \
		"$answer"
	grep -qi '^Retry-After: 1' headers
	same 2 "$(wc -l <began)"
	healthy
	touch go
	answered() { [[ $(cat answer.? answer.10 | wc -l) == 10 ]]; }
	wait_until 20 answered || cat answer.*
	for n in {1..10}; do
		same "{\"output\":{\"n\":$n}}" "$(<"answer.$n")"
	done
	# Fifty at once, of which each gets its own.
	stop 0
	tool -j 10 --result json -- cat
	for n in {1..50}; do
		printf '%s\n' next 'unix-socket = "s"' 'header = "Content-Type: application/json"' \
			"data = {\"input\":$n}" "output = \"many.$n\"" \
			'url = "http://localhost/execute"'
	done | tail -n +2 >many.curl
	timeout 40 curl -sZ --parallel-max 50 --parallel-immediate -K many.curl
	for n in {1..50}; do
		same "{\"output\":$n}" "$(<"many.$n")"
	done
}

@test "serve: --tool finishes a run whose client has gone" {
	tool -j 1 -- sh -c 'read -r n; echo "$n" >>began
		until [ -e go ]; do sleep 0.05; done; echo "$n" >>ended'
	spawn curl -s --unix-socket s -d '{"input":"a"}' \
		-H 'Content-Type: application/json' http://localhost/execute
	wait_until 20 test -s began
	kill "${spawned[-1]}"
	wait_until 10 gone "${spawned[-1]}"
	touch go
	wait_until 20 test -s ended
	gives 200 '{"output":""}' '{"input":"b"}'
	same '"a" "b"' "$(xargs -d '\n' <ended)"
}

@test "serve: --tool outlives its jobq-run, and tells that it is away" {
	local first begun unwell
	tool -j 2 -- sh -c 'read -r n; [ "$n" != 1 ] ||
		{ setsid sleep 71.5 & echo $! >left; sleep 72; }; echo "{\"n\":$n}"'
	spawn curl -s --unix-socket s -d '{"input":1}' -o away \
		-H 'Content-Type: application/json' http://localhost/execute
	wait_until 20 test -s left
	first=$(runner)
	begun=$(date +%s%N)
	kill -KILL "$first"
	wait_until 10 test -s away
	same '{"error":"jobq-run was killed by signal 9 (Killed)","exit":null}' \
		"$(<away)"
	execute '{"input":2}' -D headers
	unwell=$(curl -s --unix-socket s -o unwell -w '%{http_code}' \
		http://localhost/health)
	# It is started anew after 0.9 s at the earliest.
	if (($(date +%s%N) - begun < 900000000)); then
		same '503 503' "$code $unwell"
		grep -qi '^Retry-After: 1' headers
		json '.status == "unhealthy" and (.error | contains("jobq-run"))' \
			<unwell
	fi
	wait_until 20 healthy
	gives 200 '{"output":{"n":3}}' '{"input":3}'
	not same "$first" "$(runner)"
	# Also what the job had started, in a session of its own.
	wait_until 10 gone "$(<left)"
	has "$(<err)" 'killed by signal 9 (Killed); it is started anew in'
	stop 0
	same '' "$(pgrep -f 'sleep 7[12]' || :)"
}

@test "serve: --tool that is stopped answers what it has, and nothing more" {
	tool -j 1 -- sh -c 'read -r n; echo >>began
		until [ -e go ]; do sleep 0.05; done; echo "{\"n\":$n}"'
	spawn curl -s --unix-socket s -d '{"input":1}' -o first \
		-H 'Content-Type: application/json' http://localhost/execute
	wait_until 20 test -s began
	cat >kept.py <<-'END'
		import http.client, os, signal, socket, sys
		link = http.client.HTTPConnection("localhost")
		link.sock = socket.socket(socket.AF_UNIX)
		link.sock.settimeout(20)
		link.sock.connect("s")
		def ask(method, path, body=None):
		    link.request(method, path, body, {"Content-Type": "application/json"})
		    answer = link.getresponse()
		    return answer.status, answer.read().decode().strip()
		print(*ask("GET", "/health"))
		os.kill(int(sys.argv[1]), signal.SIGTERM)
		status = 200
		while status == 200:
		    status, text = ask("GET", "/health")
		print(status, text)
	END
	timeout 30 python3 kept.py "$(server)" >kept
	same '200 {"status":"healthy"}' "$(sed -n 1p kept)"
	has "$(sed -n 2p kept)" '503 ' '"unhealthy"' stopped
	not test -e code
	touch go
	wait_until 20 test -s code
	same 0 "$(<code)"
	same '{"output":{"n":1}}' "$(<first)"
	# What does not end within the grace is ended.
	rm began go
	tool --grace 0.3s -- sh -c 'echo >>began; sleep 73'
	spawn curl -s --unix-socket s -d '{"input":1}' -o late \
		-H 'Content-Type: application/json' http://localhost/execute
	wait_until 20 test -s began
	stop 0
	same '' "$(pgrep -f 'sleep 73' || :)"
}

@test "serve: --tool lets in who has the token, and tells anybody its health" {
	(umask 077 && echo 0123456789abcdef >token)
	export JOBQ_TOKEN=canary
	tool --token-file token --health unix:h -- env
	execute '{"input":1}'
	same 401 "$code"
	code=$(curl -s --unix-socket s -d '{"input":1}' -o answer -w '%{http_code}' \
		-H 'Content-Type: application/json' \
		-H "Authorization: Bearer $(<token)" http://localhost/execute)
	same 200 "$code"
	has "$(jq -r .output answer)" 'JOBQ_ID=' "HOME=$HOME"
	lacks "$(<answer)" JOBQ_URL canary
	same '{"status":"healthy"}' "$(curl -s --unix-socket h http://localhost/health)"
	same 404 "$(curl -s --unix-socket h -d '{"input":1}' -o /dev/null \
		-w '%{http_code}' -H 'Content-Type: application/json' \
		http://localhost/execute)"
	grep -q '^jobq_build_info' < <(curl -s --unix-socket h http://localhost/metrics)
	grep -q '^jobq_build_info' < <(curl -s --unix-socket s \
		-H "Authorization: Bearer $(<token)" http://localhost/metrics)
	run_apart timeout 20 jobq-serve --tool --listen 0.0.0.0:0 -- cat
	same 2 "$status"
	has "$stderr" '--token-file' '--open'
}

@test "serve: --tool takes every handler of jobq-run, and refuses what is none" {
	local args
	mkdir -p plugins/default
	printf '#!/bin/sh\necho "in $1"\n' >plugins/default/run
	chmod +x plugins/default/run
	tool --dir plugins -- word
	gives 200 '{"output":"in word"}' '{"input":1}'
	stop 0
	echo '["echo", "\(.input.n)"]' >argv.jq
	tool --argv argv.jq
	gives 200 '{"output":"7"}' '{"input":{"n":7}}'
	execute '{"input":5}'
	same 500 "$code"
	has "$answer" 'argv.jq'
	stop 0
	tool --coprocess -j 2 --joblog log -- jq -c --unbuffered \
		'{id, output: [.input, .input]}'
	gives 200 '{"output":[3,3]}' '{"input":3}'
	gives 200 '{"output":["x","x"]}' '{"input":"x"}'
	stop 0
	same 3 "$(wc -l <log)"
	spawn jobq-serve --tool --listen 127.0.0.1:0 --result json -- cat 2>inner
	wait_until 20 grep -q 'listening at' inner
	tool --post "http://$(sed 's/.* at //' inner)/execute" \
		--wrap input --unwrap output
	gives 200 '{"output":9007199254740993}' '{"input":9007199254740993}'
	gives 200 '{"output":"x"}' '{"input":"x"}'
	stop 0
	for args in --tool '--tool -- ' '--tool --halt now,fail=1 -- cat' '-j 3' \
		'--timeout 3s' '-- cat' '--tool --store sqlite:q -- cat' \
		'--tool -- nosuch-command' '--tool --health-only --health unix:h -- cat' \
		'--tool --post http://u:p@localhost/' '--tool --depth 2 -- cat'; do
		# shellcheck disable=SC2086 # words
		run_apart timeout 20 jobq-serve --listen unix:x $args
		same 2 "$status"
		[ -n "$stderr" ]
	done
}
