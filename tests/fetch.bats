#!/usr/bin/env bats
# jobq-fetch: the answer of a URL becomes the context of jobs.

load support/ring
load support/http

setup_file() {
	common_setup
	http_server
}

teardown_file() { http_server_end; }

setup() {
	common_setup
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY \
		ALL_PROXY NO_PROXY
	# What this test asks for is told from what others did by its path.
	own=t$BATS_TEST_NUMBER
	url=http://127.0.0.1:$(jq .http "$BATS_FILE_TMPDIR/ports")/$own
	# {"env":{"A":"canary-7"},"n":1.10}
	body='body=%7B%22env%22:%7B%22A%22:%22canary-7%22%7D,%0A%22n%22:1.10%7D'
	context='{"env":{"A":"canary-7"}, "n":1.10}'
	# A worker that holds what the test is to see waiting.
	gate=$BATS_FILE_TMPDIR/$own
}

# fetch URL ARG...: what becomes of stdin in out, words in err.
fetch() {
	timeout 60 jobq-fetch "$@" >out 2>err
}

# follow URL ARG...: one on a pipe that stays open as descriptor 9.
follow() {
	rm -f follow.*
	mkfifo follow.in
	background follow jobq-fetch "$@"
	exec 9>follow.in
}

# requests JQ: of those that this test has made so far.
requests() {
	jq -c --arg own "/$own/" "select((.path // \"\") | startswith(\$own)) |
		$1" "$BATS_FILE_TMPDIR/log"
}

came() {
	[[ $(requests .path | wc -l) == "$1" ]]
}

# leased ID [SECONDS] [PATH]: a job line with a lease of the ring.
leased() {
	jq -nc --arg id "$1" --argjson seconds "${2-30}" --arg path "${3-x}" '
		{$id, input: {$path}, lease: ({epoch: 4, worker: "w", ring: true} +
		(if $seconds > 0 then {$seconds} else {} end))}'
}

@test "fetch: jobs get the body as their context, all else as it was" {
	export JOBQ_LOG_LEVEL=debug
	printf '%s\r\n' '{"id":"a","input":{"p":"x","context":1,"n":9007199254740993}}' >in
	cat >>in <<-'END'
		{"id":"b", "context" : {"old":1},"input":{"p":"x"},"n":1e400}
		{"event":"output","id":"q","text":"x",  "more":1.10}

		{"cont\u0065xt":7,"input":{"p":"x"}}
	END
	fetch "$url/$body/{input.p}" <in
	same "{\"event\":\"output\",\"id\":\"q\",\"text\":\"x\",  \"more\":1.10}
{\"id\":\"a\",\"input\":{\"p\":\"x\",\"context\":1,\"n\":9007199254740993},\"context\":$context}
{\"id\":\"b\",\"input\":{\"p\":\"x\"},\"n\":1e400,\"context\":$context}
{\"input\":{\"p\":\"x\"},\"context\":$context}" "$(<out)"
	# One request for all three, and no log has what came.
	came 1
	requests .headers | json '.accept == "application/json" and
		."user-agent" == "jobq" and (has("authorization") or
		has("content-type") | not)'
	grep -q ': [0-9]* bytes' err
	lacks "$(<err)" canary-7
}

@test "fetch: an empty URL fetches nothing, which is said once" {
	printf '%s\n' '{"id":"a","context":1}' '{"id":"b"}' >in
	fetch '' <in
	same "$(<in)" "$(<out)"
	same 1 "$(grep -c 'nothing is fetched' err)"
	same 1 "$(wc -l <err)"
}

@test "fetch: an answer is good for its --ttl, one for each URL" {
	follow --ttl 1h "$url/$body/{input}"
	echo '{"id":"1","input":"x"}' >&9
	wait_until 20 has_lines 1 follow.out
	printf '{"id":"%s","input":"%s"}\n' 2 x 3 y 4 x >&9
	exec 9>&-
	exits 0 follow
	same '1 2 3 4' "$(jq -r .id follow.out | sort | xargs)"
	came 2
	own=$own-b
	url=$url-b
	follow --ttl 0.2 "$url/$body/"
	echo '{"id":"1"}' >&9
	wait_until 20 has_lines 1 follow.out
	later 0.3
	echo '{"id":"2"}' >&9
	exec 9>&-
	exits 0 follow
	came 2
}

@test "fetch: nothing waits behind a slow host that need not" {
	follow "$url/$body/gate={input}/"
	leased slow 0 | jq -c --arg gate "$own" '.input = $gate' >&9
	printf '%s\n' '{"id":"a","input":"."}' '{"id":"b","input":"ports"}' \
		'{"event":"alive","worker":"w","n":1,"jobs":[],"lost":[]}' \
		'{"event":"stop","id":"other","epoch":4,"reason":"cancel"}' \
		'{"id":"c","input":"ports"}' >&9
	wait_until 20 has_lines 5 follow.out
	same 'a/alive/b/c/other' "$(jq -r '.id // .event' follow.out | sort |
		xargs | tr ' ' /)"
	kill -USR1 "$(<follow.pid)"
	wait_until 20 grep -q '1 jobs wait for their context, 1 requests' follow.err
	# The end of the input does not end what is on its way.
	exec 9>&-
	: >"$gate"
	exits 0 follow
	tail -n 1 follow.out | json --argjson context "$context" \
		'.id == "slow" and .context == $context'
}

@test "fetch: placeholders are encoded, and lead to no other path or host" {
	cat >in <<-'END'
		{"id":"1","name":"a b","input":{"v":"x/../é?#%2e&\"\r\n","n":1.10}}
		{"id":"2","input":{"v":".."}}
		{"id":"3","input":{"v":""}}
		{"id":"4","input":{"v":"."}}
		{"id":"5","input":{"v":{}}}
		{"id":"6","input":{"w":1}}
		{"id":"7","input":{"v":"a\u0000"}}
	END
	fetch "$url/$body/{id}/{input.v}/-{name}?n={input.n}" <in || same 1 $?
	json --argjson context "$context" '.context == $context' \
		<<<"$(grep '"id":"1"' out)"
	same "\"/$own/$body/1/x%2F..%2F%C3%A9%3F%23%252e%26%22%0D%0A/-a%20b?n=1.10\"" \
		"$(requests .path)"
	same 6 "$(jq -c 'select(.event == "failed" and .reason == "spawn" and
		.retry == false and .n == 1)' out | wc -l)"
	for bad in 'http://{input.v}/' 'http://h:{input.v}/x' 'http:{input.v}' \
		'{input.v}://h/' 'http://h/{nothing}' ftp://h/x file:///etc/passwd \
		'http://u:s3cr3t-^&%-@{input.v}/x' nothing; do
		run_apart jobq-fetch "$bad" <in
		same "2:" "$status:$output"
		lacks "$stderr" s3cr3t
	done
}

@test "fetch: what cannot work fails for good, at once and without the body" {
	while read -r id words; do
		echo "{\"id\":\"$id\",\"name\":\"$words\"}"
	done >table <<-END
		s400 status=400/$body
		s401 status=401/$body
		s404 status=404/$body
		s301 status=301/header=Location:%2Ft-other%2F/$body
		s204 status=204
		list body=%5B%22canary-7%22%5D
		text body=canary-7
		two body=%7B%7D%7B%7D
		half-json body=%7B%22a%22:%22canary-7
		binary binary
		big bytes=1048577
		endless endless
		deep body=$(printf '%%7B%%22a%%22:%.0s' {1..64})1$(printf '%%7D%.0s' {1..64})
	END
	while read -r line; do
		status=0
		fetch "$url/$(jq -r .name <<<"$line")" --retries 5 \
			<<<"{\"id\":$(jq .id <<<"$line"),\"lease\":{\"epoch\":3,\"worker\":\"w\"}}" ||
			status=$?
		same 1 "$status"
		json --arg url "$url" 'keys == ["at", "epoch", "error", "event", "id",
			"n", "reason", "retry", "worker"] and .epoch == 3 and
			.worker == "w" and .n == 1 and .event == "failed" and
			.reason == "http" and .retry == false and
			(.error | startswith("GET \($url)") and length < 700)' <out
		jq -r .error out | cut -d ' ' -f 3- >why
		lacks "$(<why)" canary-7
	done <table
	came 13
	# One level less is a context.
	fetch "$url/$(tail -n 1 table | jq -r .name |
		sed 's/%7B%22a%22:// ; s/%7D$//')" <<<'{"id":"a"}'
	json '.context' <out
	not grep -q '"path": "/t-other' "$BATS_FILE_TMPDIR/log"
}

@test "fetch: what may work later is tried again, then fails to be retried" {
	follow --retries 2 --backoff 0.1 "$url/{input}/fails=2/$body"
	printf '{"id":"%s","input":"%s"}\n' a x b x >&9
	exec 9>&-
	exits 0 follow
	same "$(printf '%s\n' '"a"' '"b"')" "$(jq -c 'select(.context).id' follow.out)"
	came 3
	[ ! -s follow.err ]
	for words in status=503/$body status=408 status=429 reset close garbage \
		half/$body; do
		own=t$BATS_TEST_NUMBER-${words%%/*}
		printf '%s\n' '{"id":"a"}' '{"id":"b"}' >in
		status=0
		fetch --retries 1 --backoff 0.1 "${url%/*}/$own/$words" <in ||
			status=$?
		same 1 "$status"
		same 'true true' "$(jq -r 'select(.event == "failed" and
			.reason == "http").retry' out | xargs)"
		came 2
		same 1 "$(wc -l <err)"
	done
	# Nobody listens; one that says no word; one that says when.
	status=0
	fetch --retries 0 http://127.0.0.1:1/ <in || status=$?
	same '1 true true' "$status $(jq .retry out | xargs)"
	fetch --retries 0 --timeout 0.2 \
		"http://127.0.0.1:$(jq .mute "$BATS_FILE_TMPDIR/ports")/" \
		<in || same 1 $?
	has "$(<out)" 'no answer within 0.200 s'
	fetch --retries 0 "$url/status=429/header=Retry-After:7" <in || same 1 $?
	same '7 7' "$(jq .retry_after out | xargs)"
}

@test "fetch: a stop ends what is held in its place, and goes on" {
	follow "$url/$body/gate=$own/{input.path}"
	{
		leased a
		leased b
		leased c
	} >&9
	for stop in '"a","epoch":4,"reason":"cancel"' \
		'"b","epoch":4,"reason":"lost"' '"c","epoch":3,"reason":"cancel"'; do
		echo "{\"event\":\"stop\",\"id\":$stop}"
	done | tee stops >&9
	wait_until 20 has_lines 5 follow.out
	json -s --slurpfile stops stops '. as $got |
		[.[] | select(.event == "stop")] == $stops and
		(.[0] | del(.at)) == {event: "cancelled", id: "a", epoch: 4,
			worker: "w", n: 1, reason: "cancel"} and
		(.[2] | del(.at)) == {event: "released", id: "b", epoch: 4,
			worker: "w", n: 1, reason: "lost"}' <follow.out
	: >"$gate"
	exec 9>&-
	exits 0 follow
	same '"c"' "$(tail -n 1 follow.out | jq -c 'select(.context).id')"
}

@test "fetch: what has waited half of its lease fails to be retried" {
	follow --timeout 60 "$url/$body/gate=$own/{input.path}"
	{
		leased a 0.4
		leased b 60
	} >&9
	wait_until 20 has_lines 1 follow.out
	json '.id == "a" and .event == "failed" and .reason == "http" and
		.retry == true and (.error | contains("half of the job'\''s lease"))' \
		<follow.out
	# The request goes on, and the next attempt finds its answer.
	: >"$gate"
	wait_until 20 has_lines 2 follow.out
	leased a 0.4 >&9
	exec 9>&-
	exits 1 follow
	came 1
	same '"a"' "$(tail -n 1 follow.out | jq -c 'select(.context).id')"
}

@test "fetch: TERM gives back what is held, and passes lines until the end" {
	follow "$url/$body/gate=$own/{input.path}"
	{
		leased a
		leased b 0
		echo '{"id":"c"}'
	} >&9
	wait_until 20 has_lines 1 follow.out # c, which came last
	send TERM follow
	wait_until 20 has_lines 3 follow.out
	printf '%s\n' '{"event":"idle","id":"x"}' >&9
	leased d >&9
	exec 9>&-
	exits 1 follow
	tail -n 2 follow.out | jq -r '.event' | xargs | grep -qx 'idle released'
	same 'a released shutdown b released shutdown c failed spawn d released shutdown' \
		"$(jq -r 'select(.reason) | "\(.id) \(.event) \(.reason)"' \
			follow.out | sort | xargs)"
	has "$(<follow.err)" 'given back'
	follow "$url/$body/"
	wait_until 20 test -s follow.pid
	echo '{"id":"a"}' >&9
	wait_until 20 has_lines 1 follow.out
	send INT follow
	wait_until 20 grep -q stopping follow.err
	send INT follow
	exits 75 follow
	exec 9>&-
}

@test "fetch: a reader that is gone ends it as any filter" {
	run bash -c 'yes "{\"id\":\"a\"}" | jobq-fetch "$1" | head -n 2 >/dev/null
		echo "${PIPESTATUS[1]}"' - "$url/$body/"
	same 141 "$output"
	# A held job keeps nobody: the reader's end is seen at once.
	mkfifo in
	exec 8<>in
	run timeout 30 bash -c '{ jobq-fetch "$1" <in; echo $? >code; } | true' \
		- "$url/$body/gate=none/"
	same 141 "$(<code)"
}

@test "fetch: bad lines are skipped by number, with --strict they end it" {
	printf '%s\n' '{"id":"a"}' garbage '[1]' '{"id":7}' '{"id":"b"}' >in
	head -c 2100000 /dev/zero | tr '\0' x >>in
	printf '\n%s' '{"id":"c"}' >>in
	status=0
	fetch "$url/$body/" <in || status=$?
	same 2 "$status"
	same 'a b c' "$(jq -r .id out | xargs)"
	for number in 2 3 4 6; do
		grep -q "stdin:$number: " err
	done
	run_apart jobq-fetch --strict "$url/$body/gate=none/" <in
	same 2 "$status"
	same 'released' "$(jq -r .event <<<"$output")"
	# What does not fit into a line of 2 MiB is no context.
	jq -nc '{id: "a", input: ("x" * 2097000)}' >in
	fetch "$url/body=%7B%22a%22:%22$(printf 'x%.0s' {1..400})%22%7D/" <in ||
		same 1 $?
	json '.event == "failed" and .retry == false and
		(.error | contains("longer than 2097152 bytes"))' <out
}

@test "fetch: --token-file is sent, and told nobody" {
	(umask 077 && echo s3cr3t.canary >token)
	fetch -vv --token-file token "$url/$body/" <<<'{"id":"a"}'
	same '"Bearer s3cr3t.canary"' "$(requests .headers.authorization)"
	fetch -vv --retries 0 --token-file token \
		"${url/127/u:s3cr3t-^&%-@127}/status=503" <<<'{"id":"a"}' || same 1 $?
	lacks "$(cat out err)" s3cr3t canary
	chmod 604 token
	run_apart jobq-fetch --token-file token "$url/" <<<'{"id":"a"}'
	same "2:" "$status:$output"
	has "$stderr" chmod
}

@test "fetch: in the ring a job runs with its context, which nobody is told" {
	for id in a b c; do
		jq -nc --arg id "$id" '{$id, input: {path: "x"}}'
	done | jobq-push >/dev/null
	# shellcheck disable=SC2016 # for the job
	more='--log-jobs -vv -- sh -c "echo \$A\$JOBQ_ID >>ran"'
	circle r 'jobq-claim --ring 2 --until-empty -vv' \
		"jobq-fetch -vv $url/$body/{input.path}" \
		'tee jobs' \
		"jobq-run -j 2 --env-from .context.env --joblog joblog $more" \
		'tee events'
	ends r '0 0 0 0 0'
	same 'canary-7a canary-7b canary-7c' "$(sort ran | xargs)"
	counts 3 'stage = 4 AND attempt = 1'
	came 1
	same 3 "$(grep -c canary jobs)"
	[ -s events ]
	[ -s joblog ]
	lacks "$(cat events joblog r.*.err)" canary
	lacks "$(sqlite3 q.db .dump)" canary
}

@test "fetch: in the ring what it ends frees its place and is settled" {
	for job in again/503/ports never/404/ports good/200/ports \
		"late/200/$own"; do
		IFS=/ read -r id code gate <<<"$job"
		jq -nc '{$id, input: {$code, $gate}}' --arg id "$id" \
			--arg code "$code" --arg gate "$gate"
	done | jobq-push >/dev/null
	circle r 'jobq-claim --ring 4 --ahead 0 --interval 0.1' \
		"jobq-fetch --retries 0 $url/status={input.code}/gate={input.gate}/$body" 'jobq-run -j 4 -- true'
	once 1 "id = 'never' AND stage = 6"
	once 1 "id = 'again' AND stage = 1 AND attempt = 1"
	once 1 "id = 'good' AND stage = 4"
	wait_until 30 came 4
	jobq-cancel late >/dev/null
	once 1 "id = 'late' AND stage = 5"
	tell TERM r 0
	ends r '1 1 0'
}

@test "fetch: in the plain pipeline few jobs are taken before their time" {
	push_jobs 60
	# shellcheck disable=SC2016 # for the inner shell
	spawn bash -c 'jobq-claim --follow | jobq-fetch "$1" |
		jobq-run -- sleep 60 | jobq-report >reported' - "$url/$body/"
	wait_until 20 test -s reported
	later 0.5
	(($(sql "SELECT count(*) FROM job WHERE stage = 3") <= 10))
}

@test "fetch: no more than 1000 jobs are held, then reading rests" {
	follow "$url/$body/gate=$own"
	for ((i = 0; i < 1100; i++)); do
		echo "{\"id\":\"j$i\",\"lease\":{\"epoch\":1,\"worker\":\"w\",\"ring\":true}}"
	done >&9
	exec 9>&-
	full() {
		kill -USR1 "$(<follow.pid)"
		tail -n 1 follow.err | grep -q ': 1000 jobs wait'
	}
	wait_until 20 full
	: >"$gate"
	exits 0 follow
	same 1100 "$(jq -c 'select(.context).id' follow.out | sort -u | wc -l)"
	came 1
}
