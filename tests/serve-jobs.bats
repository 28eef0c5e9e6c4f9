#!/usr/bin/env bats
# The API of jobs of jobq-serve.
# bats file_tags=server

load support/common
load support/serve

setup() {
	common_setup
	type jobq-serve curl >/dev/null 2>&1 || skip 'no jobq-serve, or no curl'
	serve
}

# create BODY [CURL-OPTION...]: makes a job, its id in $id.
create() {
	id=$(post /api/jobs "$@" | jq -r .id)
	is 201
}

# bats test_tags=smoke
@test "serve: a job of the API goes from pending to completed" {
	local text='{"n":9007199254740993,"z":1.10,"e":1e400,"s":"\u0000"}'
	create "{\"input\":$text,\"queue\":\"q\",\"name\":\"n\"}"
	has "$(<headers)" "Location: /api/jobs/$id"
	json --arg id "$id" '. == {$id, "status": "pending"}' <body
	ask '/api/jobs?status=pending' >listed
	json --arg id "$id" 'length == 1 and (.[0] | .id == $id
		and .status == "pending" and .queue == "q" and .name == "n"
		and (.created_at | test("^20.*Z$")))' <listed
	has "$(<listed)" "\"input\":$text"
	post "/api/jobs/$id/completed" '{"output":1}' >refused
	is 409
	has "$(<refused)" 'is not running: it is pending'

	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	is 200
	json --arg id "$id" \
		'. == {$id, "status": "running", "worker": "w1"}' <answer
	post "/api/jobs/$id/started" '{"worker":"w1"}' | cmp - answer
	is 200
	post "/api/jobs/$id/started" '{"worker":"w2"}' >refused
	is 409
	has "$(<refused)" 'was started by w1'
	ask '/api/jobs?status=pending' | json '. == []'
	ask '/api/jobs?status=running' | json '.[0].worker == "w1"'
	jobq-list "$id" | json '.held.worker == "w1"'

	post "/api/jobs/$id/completed" '{"worker":"w2","output":1}' >refused
	is 409
	post "/api/jobs/$id/completed" "{\"output\":"$'\n'"$text}" \
		| json '.status == "completed"'
	is 200
	# Told again, it is the same ending; another one is not.
	post "/api/jobs/$id/completed" '{"worker":"w1","output":2}' >again
	is 200
	post "/api/jobs/$id/failed" '{"error":"late"}' >refused
	is 409
	post "/api/jobs/$id/started" '{"worker":"w1"}' >refused
	is 409
	has "$(<refused)" 'it is completed'
	ask "/api/jobs/$id" | json '.status == "completed" and .attempt == 1'
	jobq-watch --no-follow "$id" >log
	same 1 "$(grep -c '"event":"started"' log)"
	has "$(<log)" "\"output\":$text"
}

@test "serve: a job of the API that fails has failed, unless it is to be tried again" {
	create '{"input":1}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	post "/api/jobs/$id/failed" '{"error":"no such file"}' |
		json '.status == "failed"'
	ask "/api/jobs/$id" |
		json '.status == "failed" and .error == "no such file"'
	create '{"input":2}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	post "/api/jobs/$id/failed" '{"error":"busy","retry":true}' |
		json '.status == "pending"'
	# It is due later, and so it is none that can be started now.
	ask '/api/jobs?status=pending' | json '. == []'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >refused
	is 409
	has "$(<refused)" 'cannot be started now'
}

@test "serve: what was claimed and not said to have started can be started by the same worker" {
	create '{"input":1}'
	for _ in 1 2 3; do
		jobq-claim --worker gone <<<"{\"id\":\"$id\"}" >job
		jq -c '{event: "released", id, epoch: .lease.epoch,
			worker: .lease.worker, reason: "lost"}' job | jobq-report \
			>reported
	done
	jobq-claim --worker w1 <<<"{\"id\":\"$id\"}" >job
	json '.lease.epoch == 4' <job
	post "/api/jobs/$id/completed" '{"output":1}' >refused
	is 409
	has "$(<refused)" 'was not started yet'
	post "/api/jobs/$id/started" '{"worker":"w2"}' >refused
	is 409
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	is 200
	post "/api/jobs/$id/completed" '{"output":1}' >answer
	is 200
	jobq-list "$id" | json '.state == "completed"'
	# Nor does it matter that an older claim of the worker did start.
	create '{"input":2}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	jq -nc --arg id "$id" '{event: "released", $id, epoch: 1, worker: "w1",
		reason: "lost"}' | jobq-report >reported
	jobq-claim --worker w1 <<<"{\"id\":\"$id\"}" >job
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	is 200
	post "/api/jobs/$id/completed" '{"output":1}' >answer
	is 200
}

# pages: how often the server has asked the store for events.
pages() {
	ask /metrics | sed -n \
		's/^jobq_store_roundtrip_seconds_count{.*verb="events".*} //p'
}

@test "serve: of a job whose log is long beyond use no more than 20 pages are read" {
	create '{"input":1}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	jq -nc --arg id "$id" 'range(2; 10602) | {event: "output", $id, epoch: 1,
		worker: "w1", n: ., at: "2026-11-27T10:00:00.000Z",
		stream: "stdout", text: "x"}' | jobq-report -q >/dev/null
	post "/api/jobs/$id/failed" '{"worker":"w2","error":"e"}' >refused
	is 409
	has "$(<refused)" 'was started by w1'
	same 20 "$(pages)"
	post "/api/jobs/$id/started" '{"worker":"w1"}' |
		json '.status == "running" and .worker == "w1"'
	same 40 "$(pages)"
	post "/api/jobs/$id/completed" '{"output":[1]}' |
		json '.status == "completed"'
	same 60 "$(pages)"
	jobq-list "$id" | json '.state == "completed"'
	post "/api/jobs/$id/completed" '{"output":[1]}' >refused
	is 409
	has "$(<refused)" 'is not running: it is completed'
}

# bats test_tags=smoke
@test "serve: an Idempotency-Key makes one job, also when that has ended" {
	create '{"input":1,"id":"not-this"}' -H 'Idempotency-Key: a key'
	first=$id
	[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}- ]]
	jobq-work --until-empty -- cat
	create '{"input":1}' -H 'Idempotency-Key: a key'
	same "$first" "$id"
	json '.status == "completed"' <body
	create '{"input":1}' -H 'Idempotency-Key: another key'
	[ "$first" != "$id" ]
	ask /api/jobs | json 'length == 2'
	# At another server, the store being the same.
	serve
	create '{"input":1}' -H 'Idempotency-Key: a key'
	same "$first" "$id"
}

@test "serve: lists of the API come in pages, in the order of claims" {
	jq -nc 'range(7) | {id: "j\(.)", priority: (if . == 5 then 1 else 0 end),
		queue: (if . == 6 then "other" else "q" end)}' | jobq-push >pushed
	next='/api/jobs?status=pending&limit=2&queue=q'
	while [ -n "$next" ]; do
		ask "$next" >page
		is 200
		jq -r '.[].id' page >>ids
		next=$(sed -n 's/^Link: <\(.*\)>; rel="next"\r$/\1/p' headers)
	done
	same 'j5 j0 j1 j2 j3 j4' "$(tr '\n' ' ' <ids | sed 's/ $//')"
	ask '/api/jobs?limit=500' | json 'length == 7'
	jobq-cancel j1
	ask '/api/jobs?status=cancelled' | json 'map(.id) == ["j1"]'
}

@test "serve: a bad request of the API is answered as by FastAPI" {
	while IFS=$'\t' read -r status path body test; do
		if [ "$body" = - ]; then
			ask "$path" >answer
		else
			post "$path" "$body" >answer
		fi
		is "$status" || { echo "$path $body"; false; }
		json "$test" <answer || { cat answer; false; }
	done <<-'EOF'
	422	/api/jobs	{"inpu":1}	.detail == [{"type": "missing", "loc": ["body", "input"], "msg": "Field required", "input": {"inpu": 1}}]
	422	/api/jobs	{"input":1	.detail[0] | .type == "json_invalid" and .loc == ["body", 10] and (.ctx.error | test("byte 11"))
	422	/api/jobs	[1]	.detail[0].type == "model_attributes_type"
	422	/api/jobs	{"input":1,"id":7}	.detail[0].msg | test("id")
	422	/api/jobs	{"input":1,"id":"../x"}	.detail[0].msg | test("id")
	422	/api/jobs	{"input":1,"priority":"high"}	.detail[0].msg | test("priority")
	422	/api/jobs	{"input":1,"event":"completed"}	.detail[0].msg | test("event")
	422	/api/jobs?status=nope	-	.detail[0] | .loc == ["query", "status"] and .input == "nope"
	422	/api/jobs?limit=501	-	.detail[0].loc == ["query", "limit"]
	422	/api/jobs?after=%7B	-	.detail[0].loc == ["query", "after"]
	422	/api/jobs?queue=%FF	-	.detail[0].loc == ["query", "queue"]
	422	/api/jobs/x/started	{}	.detail[0].loc == ["body", "worker"]
	422	/api/jobs/x/started	{"worker":5}	.detail[0].type == "string_type"
	422	/api/jobs/x/started	{"worker":""}	.detail[0].type == "string_too_short"
	422	/api/jobs/x/failed	{}	.detail[0].loc == ["body", "error"]
	422	/api/jobs/x/failed	{"error":{}}	.detail[0].type == "string_type"
	404	/api/jobs/x	-	.code == "unknown"
	404	/api/jobs/x/started	{"worker":"w"}	.code == "unknown"
	404	/api/jobs/x/completed	{"output":1}	.code == "unknown"
	404	/api/jobs/x/failed	{"error":"e"}	.code == "unknown"
	404	/api/jobs/..%2fx	-	.status == 404
	405	/api/jobs/x/started	-	.detail | test("POST")
	EOF
	ask /api/jobs | json '. == []'
}

@test "serve: workers of the store and of the API do not get the same job" {
	seq 40 | jobq-lines | jobq-push >pushed
	jobq-work -j 2 --until-empty --events -- true >events &
	ask '/api/jobs?status=pending' | jq -r '.[].id' >ids
	while read -r id; do
		post "/api/jobs/$id/started" '{"worker":"api"}' >answer
		[ "$(<status)" = 200 ] || { is 409; continue; }
		post "/api/jobs/$id/completed" '{"output":1}' >answer
		is 200
		echo "$id" >>mine
	done <ids
	wait $!
	jq -r 'select(.event == "completed").id' events >theirs
	touch mine
	same 40 "$(sort -u mine theirs | wc -l)"
	same 40 "$(cat mine theirs | wc -l)"
	jobq-list --state completed | json -s 'length == 40 and
		all(.[]; .attempt == 1)'
}

@test "serve: a worker of the adapter workers-api runs the jobs of this API" {
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	create '{"input":{"n":9007199254740993}}'
	first=$id
	create '{"input":{"n":1.10},"name":"bad"}'
	timeout 60 jobq-work -S "http://$at/?adapter=workers-api" --worker w1 \
		--until-empty -- sh -c 'read -r line
			[ "$JOBQ_NAME" != bad ] || { echo "too bad" >&2; exit 3; }
			echo "$line"' || same 1 $?
	ask "/api/jobs/$first" | json '.status == "completed"'
	jobq-watch --no-follow "$first" >log
	has "$(<log)" '"output":{"n":9007199254740993}' '"worker":"w1"'
	ask "/api/jobs/$id" | json '.status == "failed" and (.error | test("too bad"))'
}

# bats test_tags=smoke
@test "serve: /metrics tells what the store has and what passed through" {
	create '{"input":1,"queue":"a\"b\\c"}'
	jobq-push --queue elsewhere <<<'{"input":1}' >pushed
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	post "/api/jobs/$id/completed" '{"output":1}' >answer
	post "/api/jobs/$id/failed" '{"error":"x"}' >answer
	create '{"input":1}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	post "/api/jobs/$id/failed" '{"error":"x","retry":true}' >answer
	# What is told twice is not lost for that.
	create '{"input":2}'
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	post "/api/jobs/$id/started" '{"worker":"w1"}' >answer
	is 200
	printf '{"events":[{"event":"alive","worker":"w1","jobs":[["no",1]],
		"line":"%s"}]}' \
		'{\"event\":\"alive\",\"worker\":\"w1\",\"jobs\":[[\"no\",1]]' \
		>alive
	post /v1/settle @alive >answer
	is 200
	ask /metrics >metrics
	has "$(<headers)" 'text/plain; version=0.0.4'
	for line in 'jobq_jobs{queue="a\"b\\c",state="completed"} 1' \
		'jobq_jobs{queue="elsewhere",state="ready"} 1' \
		'jobq_jobs_submitted_total 3' \
		'jobq_jobs_finished_total{queue="a\"b\\c",outcome="completed"} 1' \
		'jobq_job_retries_total 1' 'jobq_leases_expired_total 1' \
		'jobq_stale_outcomes_total 1' 'jobq_job_run_seconds_count 2' \
		'jobq_job_wait_seconds_count 3' 'jobq_watchers 0' \
		'jobq_job_run_seconds_bucket{le="+Inf"} 2' \
		'jobq_watcher_dropped_events_total 0' \
		'jobq_store_errors_total{store="sqlite",verb="push"} 0' \
		'jobq_store_roundtrip_seconds_count{verb="push"} 3'; do
		grep -qxF "$line" metrics || { echo "no $line"; cat metrics; false; }
	done
	grep -q '^jobq_queue_oldest_age_seconds{queue="elsewhere"} [0-9]' metrics
	grep -q '^jobq_build_info{version="' metrics
	# Each sample has a help and a type, and none an id.
	sed -n 's/^\([a-z_]*\)[{ ].*/\1/p' metrics |
		sed 's/_\(bucket\|sum\|count\)$//' | sort -u >samples
	sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' metrics | sort >types
	same "" "$(comm -23 samples types)"
	sed -n 's/^# HELP \([a-z_]*\) .*/\1/p' metrics | sort | cmp - types
	lacks "$(<metrics)" "$id" w1
	# The buckets of a histogram only grow.
	sed -n 's/^jobq_job_wait_seconds_bucket.* //p' metrics | sort -nc
}
