#!/usr/bin/env bats
# --post: jobs that an HTTP server does.

load support/common
load support/http

setup_file() {
	common_setup
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 2 -subj /CN=localhost -addext \
		subjectAltName=IP:127.0.0.1 -keyout key -out cert 2>/dev/null
	http_server cert key
	# This takes its time, so it runs beside the tests.
	jobq-run --post "https://127.0.0.1:$(jq .mute ports)/" \
		<<<'{"id":"a"}' >mute 2>&1 3>&- 4>&- &
}

teardown_file() { http_server_end; }

setup() {
	common_setup
	unset TRACEPARENT http_proxy https_proxy all_proxy no_proxy \
		HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE
	port=$(jq .http "$BATS_FILE_TMPDIR/ports")
	# What this test asks for is told from what others did by its path.
	own=t$BATS_TEST_NUMBER
	url=http://127.0.0.1:$port/$own
	job='{"id":"a","input":{"n":1}}'
}

# post URL ARG...: runs the job lines of stdin; events in out, words in err.
post() {
	timeout 60 jobq-run --post "$@" >out 2>err
}

# one URL ARG...: the same for $job, and prints its ending.
one() {
	local status=0
	post "$@" <<<"$job" || status=$?
	((status <= 1)) || return
	tail -n 1 out
}

# requests JQ: of those that this test has made so far.
requests() {
	jq -c --arg own "/$own/" "select((.path // \"\") | startswith(\$own)) |
		$1" "$BATS_FILE_TMPDIR/log"
}

# dropped N: whether so many requests of this test were given up.
dropped() {
	[[ $(jq --arg own "/$own/" 'select((.gone // "") | startswith($own))
		.gone' "$BATS_FILE_TMPDIR/log" | wc -l) == "$1" ]]
}

came() {
	[[ $(requests .path | wc -l) == "$1" ]]
}

# serve ARG...: a runner on a pipe that stays open, its events in out.
serve() {
	mkfifo in
	exec 9<>in
	spawn sh -c 'exec jobq-run "$@" <in >out 2>err' - "$@" 9>&-
}

seen() {
	[[ $(jq -c "select($2)" out | wc -l) == "$1" ]]
}

@test "run: --post sends the job line and gets the result" {
	line='{"id":"a.1","name":"mail","queue":"q","attempt":2,"input":[1.10]}'
	post "$url/echo" <<<"$line"
	[ ! -s err ]
	same "started completed" "$(jq -r .event out | xargs)"
	tail -n 1 out | json ".output == $line and (.seconds | type) == \"number\" and
		(has(\"exit\") or has(\"user\") or has(\"max_rss\") | not)"
	[[ $(<out) == *'"input":[1.10]'* ]]
	same "$line" "$(requests .body | jq -r .)"
	requests .headers | json '
		."content-type" == "application/json" and ."user-agent" == "jobq" and
		."jobq-id" == "a.1" and ."jobq-name" == "mail" and
		."jobq-queue" == "q" and ."jobq-attempt" == "2" and
		."idempotency-key" == "a.1" and (has("expect") or
		has("jobq-epoch") or has("traceparent") or has("authorization") |
		not)'
}

@test "run: --post tells lease and trace in headers" {
	trace=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	export TRACEPARENT=${trace/0af/0be}
	{
		echo '{"id":"a","lease":{"epoch":7,"worker":"w","seconds":30}}'
		jq -nc --arg trace "$trace" '{id: "b", $trace}'
	} | post "$url/"
	requests .headers | jq -s . | json --arg trace "$trace" '
		.[0]["jobq-epoch"] == "7" and .[0]["idempotency-key"] == "a:7" and
		.[0].traceparent == env.TRACEPARENT and
		.[1].traceparent == $trace and .[1]["jobq-name"] == "default" and
		.[1]["jobq-attempt"] == "1"'
}

@test "run: --post lets no job write headers" {
	jq -nc '{id: "a", name: " x é%0D%0A", queue: "q: \"",
		trace: "00, Evil: 3"}' | post "$url/"
	requests .headers | json '."jobq-name" == "%20x%20%C3%A9%250D%250A" and
		."jobq-queue" == "q:%20\"" and (has("traceparent") | not)'
	# A line with worse in these is a bad one.
	run_apart jobq-run --post "$url/" <<<'{"id":"a","name":"x\r\nEvil: 1"}'
	same "2:" "$status:$output"
	came 1
}

@test "run: --header adds headers and replaces ours" {
	one "$url/" --header 'X-One: 1' --header 'x-two:  b c ' --header 'X-None:' \
		--header 'CONTENT-TYPE: text/x' --header 'Idempotency-Key: k' |
		json '.event == "completed"'
	requests .headers | json '."x-one" == "1" and ."x-two" == "b c" and
		."x-none" == "" and ."content-type" == "text/x" and
		."idempotency-key" == "k"'
}

@test "run: --header refuses what would break a request" {
	for header in $'X: a\r\nEvil: 1' $'X: a\nb' $'X: \x01' 'no colon' ': x' \
		'a b: c' 'Content-Length: 3' 'transfer-encoding: chunked'; do
		run_apart jobq-run --post "$url/" --header "$header" <<<"$job"
		same "2:" "$status:$output"
		has "$stderr" --header
	done
	came 0
}

@test "run: --token-file is sent, and read again for each job" {
	(umask 077 && echo first.T0k-en= >token)
	serve --post "$url/" --token-file token
	echo '{"id":"a"}' >&9
	wait_until 20 seen 1 '.event == "completed"'
	printf second >token
	echo '{"id":"b"}' >&9
	wait_until 20 seen 2 '.event == "completed"'
	same '"Bearer first.T0k-en=" "Bearer second"' \
		"$(requests .headers.authorization | xargs -d '\n')"
	# One that others can read by now is not used.
	chmod 604 token
	echo '{"id":"c"}' >&9
	wait_until 20 seen 1 '.event == "released" and .reason == "worker-fault"'
	has "$(<err)" "chmod 600 'token'"
	came 2
	not grep -E 'Bearer|T0k|second[^s]' out err
}

@test "run: --token-file must be private, and one word" {
	refused() {
		run_apart jobq-run --post "$url/" --token-file token <<<"$job"
		same "2:" "$status:$output"
		has "$stderr" "$@"
		lacks "$stderr" s3cr3t
	}
	refused "no token file 'token'"
	mkfifo -m 600 token
	refused "no regular file"
	rm token
	echo s3cr3t >token
	refused "chmod 600 'token'" 0644
	chmod 640 token
	refused 0640
	chmod 600 token
	printf 's3cr3t\r\nEvil: 1' >token
	refused "one word"
	echo >token
	refused empty
	echo s3cr3t >token
	run_apart jobq-run --post "$url/" --token-file token \
		--header 'authorization: x' <<<"$job"
	[ "$status" = 2 ]
	has "$stderr" "one of them"
	came 0
}

@test "run: --post follows no redirect" {
	(umask 077 && echo s3cr3t >token)
	to="http://user:pass@127.0.0.1:$port/$own/other?q=1"
	for status in 301 302 303 307 308; do
		one "$url/status=$status/header=Location:$(jq -rn --arg to "$to" \
			'$to | @uri')" --token-file token | json --arg to \
			"redirect to http://127.0.0.1:$port/$own/other that" "
			.event == \"failed\" and .reason == \"http\" and
			.retry == false and (.error | contains(\"$status\") and
			contains(\$to))"
	done
	came 5
	not grep -E 's3cr3t|user:pass' out err
}

@test "run: --body makes the body, --result-map the result" {
	echo '{text: .input.t, me: .id}' >body.jq
	echo '{s: .status, h: .headers["x-a"], b: .body.text}' >map.jq
	job='{"id":"a","input":{"t":"é"}}'
	one "$url/echo/status=201/header=X-A:z/" --body body.jq \
		--result-map map.jq | json '.output == {s: 201, h: "z", b: "é"}'
	same '{"text":"é","me":"a"}' "$(requests .body | jq -r .)"
	echo .body >map.jq
	one "$url/body=words" --result-map map.jq | json '.output == "words"'
	echo '[.base64, has("body")]' >map.jq
	one "$url/binary" --result-map map.jq | json '.output == ["/wD+", false]'
	echo empty >map.jq
	one "$url/body=words" --result-map map.jq |
		json '.event == "completed" and .output == null'
}

@test "run: --wrap sends the input alone, --unwrap takes a member, as they stand" {
	local text='{"n":9007199254740993,"z":[1.10,1e400,"\\ud800"]}'
	{
		echo "{\"id\":\"a\",\"name\":\"n\",\"input\":$text}"
		echo '{"id":"b"}'
	} >in
	post "$url/echo" --wrap 'in "1"' --unwrap 'in "1"' <in
	same "$text null" "$(sed -n '/completed/s/.*"output":\(.*\),"seconds".*/\1/p' \
		out | xargs -d '\n')"
	same "{\"in \\\"1\\\"\":$text}" "$(requests .body | head -1 | jq -r .)"
	job='{"id":"c","input":1}'
	for text in '"body"' '[1]' '{"x":1}' '{' ''; do
		one "$url/body=$(jq -rn --arg text "$text" '$text | @uri')" \
			--unwrap y | json '.event == "failed" and .retry == false
			and .reason == "http" and (.error | startswith("POST to "))'
	done
	# An answer may have lines; an event is one.
	has "$(one "$url/body=%7B%22y%22:%5B1,%0A%221%20%22%0D%0A%5D%7D" --unwrap y)" \
		'"output":[1, "1 "  ]'
	has "$(one "$url/status=500" --unwrap y)" '"retry":true' 'status 500'
	has "$(one "$url/bytes=2000" --unwrap y --output-limit 1KiB)" \
		'longer than --output-limit'
	for text in '--wrap x -- true' '--unwrap x -- true' \
		"--post $url --wrap x --body f" "--post $url --unwrap x --result-map f"; do
		# shellcheck disable=SC2086 # words
		run_apart jobq-run $text </dev/null
		same 2 "$status"
	done
}

@test "run: programs of --post that fail, fail the job for good" {
	echo '.input.t + {}' >body.jq
	echo '{"id":"a","input":{"t":7}}' | post "$url/" --body body.jq || :
	json '.event == "failed" and .reason == "spawn" and .retry == false and
		(.error | contains("--body"))' <out
	echo empty >body.jq
	one "$url/" --body body.jq | json '.reason == "spawn" and
		(.error | contains("no value"))'
	came 0
	echo '.body | error("not so")' >map.jq
	one "$url/body=words" --result-map map.jq | json '.event == "failed" and
		.reason == "http" and .retry == false and
		(.error | contains("--result-map") and contains("not so"))'
	echo '"x" * 2000' >map.jq
	one "$url/" --result-map map.jq --output-limit 1KiB | json '
		.retry == false and (.error | contains("--output-limit"))'
	echo . >map.jq
	one "$url/bytes=2000" --result-map map.jq --output-limit 1KiB | json '
		.retry == false and (.error | contains("--output-limit"))'
	echo 'reduce range(64) as $i (1; [.])' >map.jq
	one "$url/" --result-map map.jq | json '.event == "failed"'
	for option in --body --result-map; do
		run_apart jobq-run --post "$url/" $option nosuch.jq <<<"$job"
		same "2:" "$status:$output"
	done
	echo '{' >bad.jq
	run_apart jobq-run --post "$url/" --body bad.jq <<<"$job"
	same "2:" "$status:$output"
}

@test "run: --post reads an answer as --result says" {
	while read -r path option output; do
		post "$url/$path" --result "$option" <<<"$job" || :
		same "$output" "$(tail -n 1 out |
			jq -c '[.event[:4], .output, .base64]')"
		seen 0 '.event == "output"'
	done <<-'END'
		body=%7B%22a%22%3A1%0A%7D auto ["comp",{"a":1},null]
		body=%20[1] auto ["comp",[1],null]
		body=7%0A auto ["comp",7,null]
		body=%22q%22 auto ["comp","q",null]
		body=null auto ["comp",null,null]
		body=7%208 auto ["comp","7 8",null]
		body=%7Bwords%0A auto ["comp","{words",null]
		status=204 auto ["comp","",null]
		binary auto ["comp",null,"/wD+"]
		body=7 text ["comp","7",null]
		body=7 json ["comp",7,null]
		body=%22q%22 none ["comp",null,null]
	END
	one "$url/body=words" --result json | json '.event == "failed" and
		.reason == "http" and .retry == false and
		(.error | contains("no JSON"))'
}

@test "run: --post keeps --output-limit of an answer" {
	one "$url/bytes=5000000" --output-limit 2KiB | json '
		.event == "completed" and (.output | length) == 2046 and
		.dropped == 5000000 - 2046'
	one "$url/bytes=100000" | json '(.output | length) == 100000 and
		(has("dropped") | not)'
}

@test "run: the status of an answer decides" {
	while read -r status event retry; do
		one "$url/status=$status/body=b" | json --arg event "$event" \
			--argjson retry "$retry" '.event == $event and
			.retry == $retry and (has("retry_after") | not)'
		[ "$event" = completed ] || tail -n 1 out | json \
			--arg status "$status" '.reason == "http" and
			(.error | contains("status " + $status + ": b") and
			contains("POST to http://127.0.0.1:")) and .output == "b"'
	done <<-'END'
		200 completed null
		202 completed null
		299 completed null
		302 failed false
		400 failed false
		401 failed false
		404 failed false
		408 failed true
		410 failed false
		422 failed false
		429 failed true
		499 failed false
		500 failed true
		502 failed true
		503 failed true
		599 failed true
	END
}

@test "run: --post exits 1 when an attempt failed" {
	run jobq-run --post "$url/status=500" <<<"$job"
	[ "$status" = 1 ]
	run jobq-run --post "$url/" <<<"$job"
	[ "$status" = 0 ]
}

@test "run: Retry-After is honoured where another attempt may help" {
	retry_after() {
		one "$url/status=${2:-503}/header=Retry-After:$1" |
			jq -c '[.retry, .retry_after]'
	}
	date='Date:Sun,%2006%20Nov%202094%2008:49:37%20GMT'
	same '[true,7]' "$(retry_after 7)"
	same '[true,0]' "$(retry_after 0 429)"
	same '[true,7]' "$(retry_after %207%20 408)"
	same '[true,86400]' "$(retry_after 86401)"
	same '[true,86400]' "$(retry_after 99999999999999999999999)"
	same '[true,86400]' "$(retry_after Sun,%2006%20Nov%202094%2008:49:37%20GMT)"
	same '[true,0]' "$(retry_after Sun,%2006%20Nov%201994%2008:49:37%20GMT)"
	same '[true,null]' "$(retry_after soon)"
	same '[true,null]' "$(retry_after -1)"
	same '[false,null]' "$(retry_after 7 404)"
	same '[null,null]' "$(retry_after 7 200)"
}

@test "run: an error tells the beginning of the body in one line" {
	body=$(printf '%%0A%%09a%%0Ab%%1Bc%%C3%%A9'; printf 'd%.0s' {1..400})
	one "$url/status=400/body=$body?secret=1" | json '.error |
		test("status 400: a b c\u00e9d{248,250}$") and
		contains("secret") == false'
	seen 0 '.event == "output"'
}

@test "run: what happens to a connection is no fault of the job" {
	while read -r path text; do
		one "$url/$path?secret=s3cr3t" | json --arg text "$text" \
			--arg start "POST to $url/$path: " '
			.event == "failed" and .reason == "http" and
			.retry == true and .output == "" and (.error |
			startswith($start) and contains($text))'
		not grep s3cr3t out err
	done <<-'END'
		close Empty reply
		reset reset by peer
		half/body=abc closed with
		garbage HTTP/0.9
	END
	url=http://u:s3cr3t@127.0.0.1:1
	one "$url/x" 2>err | json '.retry and (.error |
		startswith("POST to http://127.0.0.1:1/x: ") and
		contains("connect"))'
	not grep s3cr3t out
}

@test "run: names that are not found, or not soon, stop nothing else" {
	export LD_PRELOAD=$JOBQ_BUILD/support/slow_names.so
	one http://nowhere.test/x | json '.reason == "http" and .retry and
		(.error | contains("resolve") and contains("nowhere.test"))'
	SECONDS=0
	post http://slow.test/ -j 2 --timeout 0.5 <<-'END' || :
		{"id":"a"}
		{"id":"b"}
		{"id":"c"}
	END
	same "timeout timeout timeout" \
		"$(jq -r 'select(.event == "failed").reason' out | xargs)"
	((SECONDS < 20))
}

@test "run: --post speaks https, and to those alone whom it can trust" {
	https=https://127.0.0.1:$(jq .https "$BATS_FILE_TMPDIR/ports")/$own
	one "$https/" | json '.event == "failed" and .reason == "http" and
		.retry and (.error | contains("certificate"))'
	came 0
	export SSL_CERT_FILE=$BATS_FILE_TMPDIR/cert
	one "$https/body=x" | json '.event == "completed" and .output == "x"'
}

@test "run: the timeout of a job ends its request" {
	{
		echo '{"id":"a","timeout":0.3}'
		echo '{"id":"b"}'
	} | post "$url/hold/" --timeout 0.5 --grace 100 || :
	jq -s 'map(select(.event == "failed")) | map(.reason) ==
		["timeout", "timeout"] and all(.retry and (.error |
		contains("timeout"))) and .[0].seconds >= 0.3 and
		.[1].seconds >= 0.5' out | json .
	wait_until 20 dropped 2
}

@test "run: a body without an end fills no memory" {
	serve --post "$url/endless/" --timeout 1
	echo '{"id":"a"}' >&9
	wait_until 20 came 1
	wait_until 30 seen 1 '.event == "failed" and .reason == "timeout"'
	[[ $JOBQ_BUILD == */san/* ]] ||
		(($(awk '/^VmHWM/ { print $2 }' "/proc/$spawned_pid/status") < 40000))
	wait_until 20 dropped 1
}

@test "run: a cancelled or lost job's request is dropped at once" {
	lease='"lease":{"epoch":3,"worker":"w","seconds":60,"ring":true}'
	serve -j 2 --grace 100 --post "$url/hold/"
	echo '{"id":"a",'"$lease"'}' >&9
	echo '{"id":"b",'"$lease"'}' >&9
	wait_until 20 came 2
	echo '{"event":"stop","id":"a","epoch":3,"reason":"cancel"}' >&9
	wait_until 20 seen 1 '.id == "a" and .event == "cancelled"'
	wait_until 20 dropped 1
	echo '{"event":"stop","id":"b","epoch":3,"reason":"lost"}' >&9
	wait_until 20 seen 1 '.id == "b" and .event == "released" and
		.reason == "lost"'
	wait_until 20 dropped 2
}

@test "run: TERM gives requests the grace to be answered" {
	serve -j 2 --grace 20 --post "$url/delay=1/"
	echo '{"id":"a"}' >&9
	echo '{"id":"b"}' >&9
	wait_until 20 came 2
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	seen 2 '.event == "completed"'
	wait "$spawned_pid"
}

@test "run: after the grace, or a second TERM, requests are dropped" {
	serve --grace 0.5 --post "$url/hold/"
	echo '{"id":"a"}' >&9
	wait_until 20 came 1
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	seen 1 '.event == "released" and .reason == "shutdown"'
	wait_until 20 dropped 1
	rm in
	serve --grace 1000 --post "$url/hold/"
	echo '{"id":"b"}' >&9
	wait_until 20 came 2
	kill "$spawned_pid"
	wait_until 20 grep -q stopping err
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	seen 1 '.id == "b" and .event == "released" and .reason == "shutdown"'
	wait_until 20 dropped 2
}

@test "run: what fails while TERM waits for it is released" {
	serve --grace 20 --post "$url/delay=1/status=500/body=b"
	echo '{"id":"a"}' >&9
	wait_until 20 came 1
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	same "started released" "$(jq -r .event out | xargs)"
}

@test "run: connections are kept, and not more than places" {
	seq 40 | jq -c '{id: "j\(.)"}' | post "$url/delay=0.01" -j 2
	came 40
	peers=$(requests .peer | sort -u | wc -l)
	((peers >= 1 && peers <= 2))
	seen 40 '.event == "completed"'
}

@test "run: a kept connection that the server closed is replaced" {
	for word in last once; do
		seq 10 | jq -c '{id: "j\(.)"}' | post "$url/$word/" || :
		seen 10 '.event == "completed"'
	done
	same 20 "$(requests .peer | sort -u | wc -l)"
}

@test "run: two hundred requests are under way at the same time" {
	seq 400 | jq -c '{id: "j\(.)"}' | post "$url/meet=200/{id}" -j 200
	seen 400 '.event == "completed"'
	same 400 "$(requests .path | sort -u | wc -l)"
	(($(requests .peer | sort -u | wc -l) <= 200))
}

@test "run: the URL of --post is filled in from the job, encoded" {
	# Their own encoder, for jq's @uri leaves some characters as they are.
	cat >encode.py <<-'END'
		import json, os, sys, urllib.parse
		for line in sys.stdin:
		    value = json.loads(line)["input"]["a"][0]
		    value = urllib.parse.quote(value, safe="")
		    print("/%s/%s/e?q=%s" % (os.environ["own"], value, value))
	END
	jq -c '{input: {a: [.]}}' >lines <<-'END'
		"$(id)" "a/../b" "a b" "?x=1" "#f" "%2e" "é" "http://evil/" "@host"
		"\\" "\"" "'" "a\r\nb" "&x=1" "{id}" "-._~" "..a" "*"
	END
	post "$url/{input.a.0}/e?q={input.a.0}" <lines
	same "$(own=$own python3 encode.py <lines)" "$(requests .path | jq -r .)"
	post "$url/{id}/{name}/{input}?id={id}" <<-'END'
		{"id":"x:1","name":"n/m","input":12.50}
		{"id":"y","input":true}
	END
	same "/$own/x%3A1/n%2Fm/12.50?id=x%3A1 /$own/y/default/true?id=y" \
		"$(requests .path | tail -n 2 | jq -r . | xargs)"
}

@test "run: a job cannot lead its request to another path" {
	post "$url/jobs/{input.a}/{input.b}{input.c}" <<-'END' || :
		{"id":"1","input":{"a":"..","b":"b","c":"c"}}
		{"id":"2","input":{"a":".","b":"b","c":"c"}}
		{"id":"3","input":{"a":"","b":"b","c":"c"}}
		{"id":"4","input":{"a":"a","b":".","c":"."}}
		{"id":"5","input":{"a":"a","b":"","c":""}}
		{"id":"6","input":{"a":{"x":1},"b":"b","c":"c"}}
		{"id":"7","input":{"a":["x"],"b":"b","c":"c"}}
		{"id":"8","input":{"b":"b","c":"c"}}
		{"id":"9","input":{"a":"a\u0000b","b":"b","c":"c"}}
	END
	jq -s 'length == 9 and all(.event == "failed" and .reason == "spawn" and
		.retry == false)' out | json .
	tail -n 2 out | head -n 1 | json '.error |
		contains("missing_member") and contains("input.a")'
	came 0
}

@test "run: a bad --post is refused at once" {
	while read -r bad word; do
		run_apart jobq-run --post "$bad" <<<"$job"
		same "2:" "$status:$output"
		has "$stderr" --post "$word"
	done <<-END
		ftp://host/x ftp
		file:///etc/passwd file
		host/x http
		http:// http
		http://host:99999/ 65535
		http://{input.host}/x host
		{input.url} http
		http://host:{input.port}/x port
		http://host?{id} path
		http://{id}@host/x host
		$url/{nosuch} {nosuch}
		$url/{input.a brace
	END
	run_apart jobq-run --post "http://a b/" <<<"$job"
	[ "$status" = 2 ]
}

@test "run: options of --post and a command do not mix" {
	run_apart jobq-run --post "$url/" -- true <<<"$job"
	same "2:" "$status:$output"
	has "$stderr" "either a command or a server"
	for option in '--header=a: b' --token-file=x --body=x --result-map=x; do
		run_apart jobq-run "$option" -- true <<<"$job"
		same "2:" "$status:$output"
		has "$stderr" "go with --post"
	done
}

@test "run: secrets in arguments are warned about, used, and hidden" {
	serve --post "http://user:s3cr3t@127.0.0.1:$port/$own/?token=s3cr3t" \
		--header 'X-A: 1'
	echo '{"id":"a"}' >&9
	wait_until 20 seen 1 '.event == "completed"'
	has "$(<err)" "command line"
	not grep -q s3cr3t "/proc/$spawned_pid/cmdline"
	not grep s3cr3t out err
	requests .headers.authorization | json '. == "Basic " +
		("user:s3cr3t" | @base64)'
	exec 9>&-
	rm in
	serve --post "$url/" --header 'Authorization: s3cr3t'
	echo '{"id":"a"}' >&9
	wait_until 20 came 2
	has "$(<err)" "command line"
	not grep -q s3cr3t "/proc/$spawned_pid/cmdline"
	requests .headers.authorization | tail -n 1 | json '. == "s3cr3t"'
	for bad in http://u:s3cr3t@host:port/ http://u:s3/cr3t@host/ \
		'http://u:s3cr3t@a b/' ftp://u:s3cr3t@host/; do
		run_apart jobq-run --post "$bad" <<<"$job"
		[ "$status" = 2 ]
		lacks "$stderr" s3cr3t cr3t
	done
}

@test "run: --post goes through the proxy of the environment" {
	export http_proxy=http://127.0.0.1:$port
	one "http://elsewhere.test/$own/body=x" | json '.output == "x"'
	same "\"http://elsewhere.test/$own/body=x\"" \
		"$(jq -c --arg own "/$own/" \
			'select((.path // "") | contains($own)).path' \
			"$BATS_FILE_TMPDIR/log")"
	no_proxy=127.0.0.1 one "$url/body=y" | json '.output == "y"'
	came 1
}

@test "run: USR1 says that answers are waited for" {
	serve --post "$url/hold/" --grace 0
	echo '{"id":"a"}' >&9
	wait_until 20 came 1
	kill -USR1 "$spawned_pid"
	wait_until 20 grep -q 'waits for answers: 1 running' err
}

@test "run: a runner of commands does not load libcurl" {
	LD_DEBUG=files LD_DEBUG_OUTPUT=$PWD/files jobq-run -- true <<<"$job"
	not grep -q libcurl files.*
	rm files.*
	LD_DEBUG=files LD_DEBUG_OUTPUT=$PWD/files jobq-run --post "$url/" <<<"$job"
	grep -q libcurl files.*
}

@test "run: a server that takes connections and is mute is given up" {
	answered() {
		tail -n 1 "$BATS_FILE_TMPDIR/mute" | json '.event == "failed"'
	}
	wait_until 30 answered
	tail -n 1 "$BATS_FILE_TMPDIR/mute" | json '.reason == "http" and .retry and
		(.error | contains("time")) and .seconds >= 10 and .seconds < 20'
}
