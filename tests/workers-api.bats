#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The adapter workers-api beside an API that is none of ours and misbehaves
# when it is told to (support/workers-api.js has the words).
# bats file_tags=server

load "${BATS_TEST_DIRNAME%/support}/support/store"

setup_file() { common_setup; }
teardown_file() { :; }

setup() {
	common_setup
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	unset JOBQ_TOKEN_FILE CREDENTIALS_DIRECTORY
	mkdir api
	spawn node "$TOP/tests/support/workers-api.js" api /v9
	wait_until 20 test -e api/port
	api=http://127.0.0.1:$(<api/port)/v9
	export JOBQ_URL="$api/?adapter=workers-api"
	answers='' said='' status=0
}

# jobs TEXT...: that wait at the API, JSON as it is written.
jobs() {
	jq -cn '[$ARGS.positional[] | [., "pending"]]' --args "$@" >api/jobs
}

# states: of the API's jobs, in their order.
states() {
	jq -r 'map(.[1]) | join(" ")' api/jobs
}

# mood LINE...: what the API does with the next requests of these kinds.
mood() {
	printf '%s\n' "$@" >api/mood
}

# asked [WORD]: the requests so far, less the prefix, those with the word.
asked() {
	sed 's| /v9/api/jobs| |' api/log | grep -F -- "${1-}"
}

ids() {
	jq -rs 'map(select(.event | not).id) | join(" ")' <<<"$answers"
}

@test "workers-api: jobs are listed in each shape, and their texts are kept" {
	local shape text
	text='{"n":9007199254740993,"z":1.10,"e":[1e400,"\ud800\u0000"]}'
	jobs "{\"id\":7, \"input\":$text,\"createdAt\":1}" \
		'{"id":"a-1","payload":1.10,"input":null,"name":"mail"}' \
		'{"id":"b","input":{ "x":'$'\n''[1 ]},"payload":2,"name":3}' \
		'{"id":"c"}'
	for shape in array jobs data; do
		mood "list $shape"
		jobq-list >listed
		has "$(sed -n 1p listed)" "\"id\":\"7\"" "\"input\":$text,"
		has "$(sed -n 2p listed)" '"name":"mail"' '"input":1.10,'
		has "$(sed -n 3p listed)" '"name":"default"' \
			'"input":{ "x": [1 ]},'
		has "$(sed -n 4p listed)" '"input":null,' '"attempt":0,'
		same 4 "$(grep -c '"max_attempts":1,"state":"pending"}$' listed)"
	done
	store 'list({limit: 3}), list({by: "ids", ids: ["c", "7"]}),
		list({by: "tail", tail: "-1"}), list({name: "mail"}),
		list({queues: ["x"]}), list({limit: 3, after: 3})'
	# jq does not take the surrogate.
	answers=${answers//'\ud800'/}
	same '7 a-1 b 7 c a-1 a-1 c' "$(ids)"
	answered '.[3] == {event: "page", after: 3}'
	refuses 'list({by: "running"})' states
	refuses 'list({state: "completed"})' states
	refuses 'list({key: "k"})' key
	refuses 'list({older_ms: 1})' older
	refuses 'call("stats"; {})' stats
	same 9 "$(asked 'GET ?status=pending' | wc -l)"
}

@test "workers-api: what is no job is passed over, and said once" {
	jq -n '{id: "long", input: ("x" * 1048576)} | ["{\"id\":\"bad id\"}", "5",
		"{\"input\":1}", "{\"id\":\"ok\",\"status\":\"pending\"}",
		"{\"id\":\"done\",\"status\":\"completed\"}", tojson] |
		map([., "pending"])' >api/jobs
	store 'list({}), list({}), claim({limit: 9})'
	same 'ok ok ok' "$(ids)"
	same 4 "$(grep -c 'is passed over' said)"
	has "$said" 'the id "bad id", is passed over' 'longer than 1 MiB'
	answered '.[2].lease == {epoch: 1, worker: "w1"} and .[2].attempt == 1
		and .[3].event == "idle"'
}

@test "workers-api: a list that is none fails, and a retry may help" {
	local how word
	jobs '{"id":"a"}'
	while read -r how word; do
		mood "list $how"
		run_apart jobq-list
		same "75 $how" "$status $how"
		same '1 ' "${#stderr_lines[@]} $stdout"
		has "$stderr" "$api" '/api/jobs?status=pending' "$word"
	done <<-'EOT'
		junk byte
		none array
		500 500
		429 429
		cut reach
	EOT
	for how in 401 404 302; do
		mood "list $how"
		run_apart jobq-list
		same "2 $how" "$status $how"
		has "$stderr" "was answered $how; "
	done
	# What has worked is away, and not set up wrongly.
	mood 'list array' 'list 404'
	store 'list({}), list({})'
	same 75 "$status"
	run_apart jobq-list --store "${JOBQ_URL/v9/v8}"
	same 2 "$status"
	has "$stderr" "is this the API's URL"
}

# bats test_tags=smoke
@test "workers-api: a claim is a started that was answered 2xx" {
	jobs '{"id":1}' '{"id":2}' '{"id":3}' '{"id":4}' '{"id":5}' '{"id":6}'
	mood 'started 409' 'started 404' 'started slow' 'started 410' \
		'started 422'
	store 'claim({limit: 2, worker: "x\"y", ring: true})'
	same '3 6' "$(ids)"
	answered '.[0].lease == {epoch: 1, worker: "x\"y", ring: true}
		and all(.state == "running" and .max_attempts == 1)
		and length == 2'
	has "$said" 'job 5 is passed over'
	same 'POST /6/started {"worker":"x\"y"}' "$(asked | tail -n 1)"
	# What fails after one was taken does not take it back.
	mood 'started slow' 'started 503'
	store 'claim({limit: 9})'
	same '1 0' "$(ids) $status"
	answered 'length == 1'
	has "$said" 503 '1 jobs were claimed before'
	mood 'started 503'
	store 'claim({limit: 9}), claim({limit: 9, ids: ["4"]}),
		claim({limit: 9, queues: ["x"]}), claim({limit: 0}),
		claim({limit: 9, held: [["5", 1]]})'
	same '4 2' "$(ids)"
	has "$said" 'again: ' 503
	answered '.[-1] == {event: "idle", unfinished: 2}'
	same 'started started started started pending started' "$(states)"
}

@test "workers-api: a started whose answer was lost is sent again, and run once" {
	# The API had not taken it; had taken it and takes it again for another,
	# not naming whom; had, and names us.
	jobs '{"id":"a"}' '{"id":"b"}' '{"id":"c"}'
	mood 'started cut'
	store 'claim({})'
	same 'a ' "$(ids) $said"
	mood 'started done-cut'
	store 'claim({})'
	same b "$(ids)"
	has "$said" 'job b is run' '409' 'our own first try'
	mood 'started done-cut' 'started named'
	store 'claim({})'
	same 'c ' "$(ids) $said"
	same 'started started started' "$(states)"
	# Both tries: the next claim tries again, before what is listed.
	jobs '{"id":"d"}' '{"id":"e"}'
	mood 'started done-cut' 'started cut' 'list array' 'started named'
	store 'claim({}), claim({limit: 2})'
	same 'd e' "$(ids)"
	has "$said" 'again: POST /api/jobs/d/started: unable to reach'
	# Neither try was taken: it is listed, and like any other.
	jobs '{"id":"f"}'
	mood 'started cut' 'started cut'
	store 'claim({}), claim({})'
	same f "$(ids)"
	same 3 "$(asked POST\ /f/started | wc -l)"
	# A list that is older than what we did, or names a job twice.
	jobs '{"id":"k"}' '{"id":"k"}'
	mood 'list array' 'started 200' 'list array' 'started 200'
	store 'claim({limit: 2}), claim({limit: 2})'
	same k "$(ids)"
	same 1 "$(asked POST\ /k/started | wc -l)"
	# An error that was answered is believed, unless we are named later.
	jobs '{"id":"g"}' '{"id":"h"}'
	mood 'started done-500' 'list array' 'started named' 'started done-500'
	store 'claim({}), claim({}), claim({}), claim({limit: 2})'
	same g "$(ids)"
	has "$said" 'job h is not run' 'look there'
	# A proxy that has lost the answer has not refused anything.
	jobs '{"id":"l"}'
	mood 'started done-504' 'list array' 'started blank'
	store 'claim({}), claim({})'
	same l "$(ids)"
	has "$said" 504 'job l is run' 'our own first try'
	# Another was first in the meantime, and is named.
	jobs '{"id":"i"}'
	mood 'started cut' 'started cut'
	jq -nr -L "$TOP/tests/support" 'include "requests"; claim({})' >claim
	{
		cat claim
		wait_until 10 test ! -s api/mood
		store 'claim({worker: "w2"})'
		mood 'started named'
		cat claim
	} | timeout 60 storecall "$JOBQ_URL" >out 2>err || same 75 $?
	same '{"event":"idle","unfinished":1}' "$(<out)"
	same 'again: ' "$(grep -o '^[a-z]*: ' err)"
	# One that is never answered is not lost without a word.
	jobs '{"id":"j"}'
	mood 'started done-cut' 'started cut'
	run_apart jobq-claim -n 1
	same '75 ' "$status $stdout"
	has "$stderr" 'job j may be started at' 'is not run here'
}

# bats test_tags=smoke
@test "workers-api: endings are told once, each in its words" {
	local id
	jobs '{"id":"a"}' '{"id":"b"}' '{"id":"c"}' '{"id":"d"}' '{"id":"e"}' \
		'{"id":"f"}' '{"id":"g"}' '{"id":"h"}'
	store 'claim({limit: 9})'
	store 'settle([{event: "started", id: "a", n: 1},
		{event: "output", id: "a", n: 2, stream: "stdout", text: "x"},
		{event: "alive", jobs: [["a", 1]]},
		{event: "alive", jobs: [["a", 1]], waiting: true},
		{event: "completed", id: "a", n: 3,
			line: "{\"event\":\"completed\",\"output\":[1e400,1.10,\"\\ud800\"]"},
		{event: "completed", id: "b", n: 1, base64: "AA=="},
		{event: "failed", id: "c", n: 1, reason: "exit", error: "é\"",
			stderr_tail: "no"},
		{event: "failed", id: "d", n: 1, reason: "exit", exit: 3,
			stderr_tail: "one\ntwo\n \n"},
		{event: "failed", id: "e", n: 1, reason: "signal", signal: 9},
		{event: "cancelled", id: "f", n: 1, reason: "why not"},
		{event: "released", id: "g", n: 1, reason: "shutdown"},
		{event: "snoozed", id: "h", n: 1},
		{event: "completed", id: "a", n: 3}, {event: "failed", id: "a", n: 4},
		{event: "completed", id: "nosuch", n: 1},
		{event: "completed", id: "b", n: 1, epoch: 2},
		{event: "completed", id: "b", epoch: null}])'
	answers=${answers//'\ud800'/}
	answered '(map(.settled // .lost) | .[:15]) == [true, true, [], [], true,
		true, true, true, true, true, true, true, true, "stale", "unknown"]
		and .[15].settled == "stale" and .[16].settled == "unknown"
		and .[3].started == [] and .[4].state == "completed"
		and all(.[6:12][]; .state == "failed")'
	same "$(asked POST | grep -v started)" "$(printf 'POST /%s\n' \
		'a/completed {"output":[1e400,1.10,"\ud800"]}' \
		'b/completed {"output":"AA==","encoding":"base64"}' \
		'c/failed {"error":"é\""}' 'd/failed {"error":"two"}' \
		'e/failed {"error":"killed by signal 9"}' \
		'f/failed {"error":"cancelled: why not"}' \
		'g/failed {"error":"given back before it was done: the worker was stopped"}' \
		'h/failed {"error":"put off by its handler"}' \
		'nosuch/completed {"output":null}')"
}

@test "workers-api: a settle that fails is made again, without what was answered" {
	local text
	jobs '{"id":"a"}' '{"id":"b"}' '{"id":"c"}' '{"id":"d"}'
	text='settle(["a", "b", "c"] | map({event: "completed", id: ., n: 1}))'
	mood 'completed 200' 'completed 503' 'completed 429'
	store "claim({limit: 9}), $text, $text, $text"
	# The mood of 200 is an answer, nothing is done: its job stays started.
	answered '.[5:] | map(.settled) == [true, true, true]'
	same 2 "$(grep -c '^again: ' said)"
	same 'started completed completed started' "$(states)"
	same 1 "$(asked /a/completed | wc -l)"
	same 3 "$(asked /b/completed | wc -l)"
	# A repetition that finds it done was ours; a first one was not.
	mood 'completed done-cut'
	text='settle([{event: "completed", id: "d", n: 1}])'
	store "$text, $text, $text"
	answered 'map(.settled) == [true, true]'
	same 2 "$(asked /d/completed | wc -l)"
	store "$text"
	answered '.[0].settled == "stale"'
	mood 'completed 400'
	store 'settle([{event: "completed", id: "a", n: 1}])'
	same 2 "$status"
	has "$said" 'invalid: ' 'completed was answered 400'
	mood 'completed 410'
	store 'settle([{event: "completed", id: "a", n: 1}])'
	answered '.[0].settled == "unknown"'
}

# bats test_tags=smoke
@test "workers-api: jobs run once beside an API that misbehaves" {
	jobs '{"id":1,"input":{"n":9007199254740993}}' '{"id":2,"input":2}' \
		'{"id":3,"payload":"bad"}' '{"id":4,"input":4}'
	mood 'list junk' 'started done-cut' 'started named' \
		'completed done-cut' 'failed cut'
	timeout 100 jobq-work -j 2 --interval 0.2 --max-jobs 4 -- sh -c \
		'read -r x; echo "$JOBQ_ID" >>effects
		[ "$x" != \"bad\" ] || { echo oops >&2; exit 65; }; echo "$x"' \
		2>err || same 1 $?
	same '1 2 3 4' "$(sort effects | paste -sd ' ')"
	same 'completed completed failed completed' "$(states)"
	has "$(asked /3/failed)" '{"error":"exit status 65: oops"}'
	same '' "$(<api/mood)"
	has "$(asked /1/completed)" '{"output":{"n":9007199254740993}}'
	# What the API refuses fails the job, with a plain reason.
	jobs '{"id":"big","input":1}'
	mood 'completed 413'{,,,}
	timeout 100 jobq-work --interval 0.2 --max-jobs 1 -- cat 2>err ||
		same 1 $?
	same failed "$(states)"
	has "$(asked /big/failed)" 'refused'
}

@test "workers-api: the plain pipeline works, and a token goes along" {
	echo s3cr3t-canary >token
	chmod 600 token
	export JOBQ_TOKEN_FILE=$PWD/token
	jobs '{"id":1,"input":1}' '{"id":"x","input":2}'
	jobq-claim -n 1 | jobq-run -- cat | jobq-report >settled
	json '.event != "completed" or (.settled == true and
		.state == "completed")' <settled
	jobq-poll | jobq-claim | jobq-run -- cat | jobq-report >settled
	same 'completed completed' "$(states)"
	same "$(wc -l <api/log)" "$(grep -c ' Bearer s3cr3t-canary ' api/log)"
	run_apart jobq-claim -n 1
	same '1 ' "$status $stdout$stderr"
	run_apart jobq-push <<<'{"input":1}'
	same 2 "$status"
	has "$stderr" "does not have the verb 'push'"
}

@test "workers-api: an adapter that is wrong is refused before anything is asked" {
	local change
	export JOBQ_ADAPTER_PATH=$PWD/adapters
	mkdir -p adapters/mine
	cp "$TOP/share/adapters/workers-api/"* adapters/mine
	jobs '{"id":"a"}'
	for change in '.http = []' 'del(.http.failed)' '.http.list.path = "x"' \
		'.http.list.in = [1]' '.http.started.stale = [200]' \
		'.http.started.method = "post it"' '.http.list.huh = 1' \
		'.http.list.headers = {"a": "b\nc"}' '.http.completed = 1'; do
		jq "$change" "$TOP/share/adapters/workers-api/adapter.json" \
			>adapters/mine/adapter.json
		run_apart jobq-list --store "$api?adapter=mine"
		same "2 $change" "$status $change"
		has "$stderr" 'adapter.json: "http"'
	done
	jq '.http.list.headers = {"X-Key": "k 1"} | del(.http.started.method)' \
		"$TOP/share/adapters/workers-api/adapter.json" \
		>adapters/mine/adapter.json
	echo '{' >adapters/mine/event.jq
	jobq-list --store "$api?adapter=mine" >listed
	same 'GET ?status=pending k 1 ' "$(asked)"
	run_apart jobq-claim -n 1 --store "$api?adapter=mine"
	same 2 "$status"
	has "$stderr" 'unable to compile' event.jq
	echo '{id, input: 5}' >adapters/mine/job.jq
	run_apart jobq-list --store "$api?adapter=mine"
	has "$stderr" 'member "input" is no string that holds JSON text'
	same 0 "$(asked started | wc -l)"
}
