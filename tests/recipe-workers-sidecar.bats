#!/usr/bin/env bats
# shellcheck disable=SC2016 # scripts of handlers
# The recipe that takes the place of the Python sidecar of a Workers API,
# beside an API that is none of ours (support/workers-api.js has its words).
# bats file_tags=server

load support/common

setup() {
	common_setup
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	# What names a store elsewhere is not where these jobs come from.
	export JOBQ_URL=sqlite:$PWD/none.db
	unset TOOL_API_URL ENVIRONMENT API_HOST POLL_INTERVAL JOBQ_TOKEN_FILE
	PATH=$TOP/share/recipes:$PATH
	mkdir api
	spawn node "$TOP/tests/support/workers-api.js" api
	wait_until 20 test -e api/port
	WORKERS_URL=http://127.0.0.1:$(<api/port)
	API_PORT=$(free_port)
	export WORKERS_URL API_PORT
}

free_port() {
	python3 -c 'import socket; s = socket.socket()
s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# jobs TEXT...: that wait at the API, JSON as it is written.
jobs() {
	jq -cn '[$ARGS.positional[] | [., "pending"]]' --args "$@" >api/new
	mv api/new api/jobs
}

states() {
	[[ $(jq -r 'map(.[1]) | join(" ")' api/jobs) == "$1" ]]
}

# mood LINE...: what the API does with the next requests of these kinds.
mood() {
	printf '%s\n' "$@" >api/mood
}

# sidecar ARG...: in the background, its stderr in err, its exit in code.
sidecar() {
	rm -f code
	spawn sh -c 'workers-sidecar "$@" 2>>err; echo $? >code' - "$@"
	sidecar_pid=$spawned_pid
}

# stop CODE: ends it by TERM, and it exits so.
stop() {
	kill "$(pgrep -P "$sidecar_pid")"
	wait_until 20 test -s code
	same "$1" "$(<code)"
}

# said: what the processor says of jobs and troubles, without times.
said() {
	sed -nE 's/^[0-9-]{10} [0-9:]{8} - job-processor - //p' err |
		grep -vE 'looked for jobs|INFO - st(arted|opped)|stopping' |
		sed "s|$WORKERS_URL|API|g; s/:$API_PORT/:PORT/g"
}

# posted: the requests that changed something, without the worker.
posted() {
	grep POST api/log | sed 's|POST /api/jobs/||; s/"worker":"[^"]*"//'
}

@test "workers-sidecar: what it is called with wrongly it says and ends" {
	local args
	for args in x 'api x' '--bogus' 'both --'; do
		# shellcheck disable=SC2086 # words
		run_apart timeout 20 workers-sidecar $args
		same "2 " "$status $stdout"
		has "$stderr" 'usage: workers-sidecar [api|processor] [-- HANDLER'
	done
	for args in API_PORT=x POLL_INTERVAL=5s WORKERS_URL=localhost; do
		run_apart timeout 20 env "$args" workers-sidecar
		same 2 "$status"
		[ -n "$stderr" ]
	done
	run_apart timeout 20 workers-sidecar --help
	same 0 "$status"
	has "$stdout" WORKERS_URL TOOL_API_URL POLL_INTERVAL API_PORT ENVIRONMENT
}

# bats test_tags=smoke
@test "workers-sidecar: both halves do the jobs, and say it as the seed does" {
	local text='{"n":9007199254740993,"z":[1.10,1e400]}'
	jobs "{\"id\":7,\"input\":$text}" '{"id":"abc123","payload":"x"}'
	mood 'started 503'
	POLL_INTERVAL=0.2 sidecar
	wait_until 20 states 'completed completed'
	# A webhook that was not taken has called no tool.
	same "7/started {}
7/started {}
7/completed {\"output\":$text}
abc123/started {}
abc123/completed {\"output\":\"x\"}" "$(posted)"
	# New ones are found by and by.
	jobs '{"id":"late","input":{"a":1}}'
	wait_until 20 states completed
	stop 0
	same "ERROR - 'API': POST /api/jobs/{id}/started was answered 503
INFO - Processing job 7
INFO - Job 7 completed successfully
INFO - Processing job abc123
INFO - Job abc123 completed successfully
INFO - Processing job late
INFO - Job late completed successfully" "$(said | grep -v WARNING)"
	grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} - job-processor - INFO - Processing job 7$' err
	grep -q ' - job-processor - INFO - looked for jobs: 0 taken$' err
	grep -q " - tool-api - INFO - listening at 127.0.0.1:$API_PORT\$" err
	not test -e none.db
}

@test "workers-sidecar: no job is taken while the Tool API is not well" {
	jobs '{"id":"a","input":{}}'
	export TOOL_API_URL=http://localhost:$API_PORT/ ENVIRONMENT=production
	sidecar processor
	warned() { [[ $(grep -c '"code":"backing_off"' err) == "$1" ]]; }
	wait_until 20 warned 2
	not test -e api/log
	json -s 'map(select(.code == "not_ready" or .code == "backing_off"))[:4]
		| (map(.level | ascii_downcase) | unique == ["warning"]) and
		(map(.msg | sub(": .*"; ""))) ==
		["http://localhost:'"$API_PORT"'/health is not ready",
			"backing off for 1 s",
			"http://localhost:'"$API_PORT"'/health is not ready",
			"backing off for 2 s"]' <err
	spawn workers-sidecar api -- sh -c 'echo "{\"by\":\"tool\"}"' 2>tool
	wait_until 20 states completed
	same 'a/started {}
a/completed {"output":{"by":"tool"}}' "$(posted)"
	json -e '.level | ascii_downcase == "info"' < <(tail -1 tool)
	stop 0
}

@test "workers-sidecar: all errors count, and wait exactly, until a job is done" {
	local begun
	jobs '{"id":"a","input":"bad"}' '{"id":"b","input":"good"}' \
		'{"id":"c","input":"bad"}'
	mood 'list 500' 'completed 500'
	spawn workers-sidecar api -- sh -c 'read -r input; echo "$input" >>ran
		tail -1 api/log >>before
		case $input in *bad*) echo no >&2; exit 3 ;; esac
		echo "list 502" >>api/mood; echo done' 2>tool
	wait_until 20 grep -q listening tool
	begun=$(date +%s%N)
	sidecar processor
	wait_until 60 states 'failed completed failed'
	# 1 before a is taken, 2 when it has failed, 4 until the webhook of b is
	# taken; that begins anew, though the next poll fails.
	(($(date +%s%N) - begun >= 8000000000))
	stop 0
	said >told
	same "ERROR - 'API': GET /api/jobs?status=pending was answered 500
WARNING - backing off for 1 s
INFO - Processing job a
ERROR - job a failed after T: POST to http://localhost:PORT/execute: status 500: {\"error\":\"exit status 3: no\",\"exit\":3}
WARNING - backing off for 2 s
INFO - Processing job b
INFO - Job b completed successfully
ERROR - 'API': POST /api/jobs/{id}/completed was answered 500
WARNING - backing off for 4 s
ERROR - 'API': GET /api/jobs?status=pending was answered 502
WARNING - backing off for 1 s
INFO - Processing job c
ERROR - job c failed after T: POST to http://localhost:PORT/execute: status 500: {\"error\":\"exit status 3: no\",\"exit\":3}
WARNING - backing off for 2 s" "$(sed -E 's/[0-9]+\.[0-9]{3} s:/T:/' told)"
	same '"bad" "good" "bad"' "$(xargs -d '\n' <ran)"
	# The tool was called when the webhook of its job had been heard.
	same '/api/jobs/a/started /api/jobs/b/started /api/jobs/c/started' \
		"$(cut -d ' ' -f 2 before | xargs)"
	posted >told
	same 'a/started a/failed b/started b/completed b/completed c/started c/failed' \
		"$(cut -d ' ' -f 1 told | xargs)"
	grep -qxF 'b/completed {"output":"done"}' told
	has "$(grep c/failed told)" '{"error":"POST to http://localhost:' \
		'status 500'
}
