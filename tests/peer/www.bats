#!/usr/bin/env bats
# The page of jobq-serve in Debian's chromium, driven by playwright-core of npm;
# support/www-peer.js has what is done there.

load ../support/common
load ../support/jobs
load ../support/stages

setup_file() {
	type -P "${CHROMIUM:-/usr/bin/chromium}" >/dev/null || return 0
	# The last one for the Node of Debian 12.
	timeout 200 npm install --prefix "$BATS_FILE_TMPDIR" --silent \
		--cache "$BATS_FILE_TMPDIR/npm" --no-audit --no-fund \
		playwright-core@1.57
	export NODE_PATH=$BATS_FILE_TMPDIR/node_modules
}

setup() {
	common_setup
	type -P "${CHROMIUM:-/usr/bin/chromium}" >/dev/null ||
		skip 'chromium is not installed'
}

# serve [OPTION...]: a server of the test's store, at $url.
serve() {
	spawn timeout 250 jobq-serve -v --listen 127.0.0.1:0 "$@" 2>serve.err
	wait_until 20 grep -q 'listening at' serve.err
	url=$(sed -n 's/.*listening at //p' serve.err | head -n 1)
	url=http://${url#http://}
	url=${url%/}/
}

# browse SCENARIO [ARGUMENT...]
browse() {
	timeout -k 5 120 node "$TOP/tests/support/www-peer.js" "$1" "$url" \
		"${@:2}"
}

# Jobs in all states, and two of them at a worker on another machine.
some_jobs() {
	for i in 1 2 3 4 5; do
		push "wait-$i" '{"queue":"mail","name":"welcome"}'
		push "done-$i" '{"queue":"mail","name":"welcome","priority":9}'
	done
	push later '{"queue":"reports","name":"nightly",
		"run_at":"2100-01-01T00:00:00Z"}'
	push blocked '{"needs":["wait-1","nowhere"],"queue":"reports"}'
	complete done-1 done-2
	claim done-3 done-4 done-5
	settle '{"event":"started"}' '{"event":"failed","reason":"exit",
		"exit":65,"error":"550 no such user <ann@example.org>",
		"retry":false}' || [ $? = 1 ]
	for i in 1 2; do
		push "busy-$i" '{"queue":"thumbs","name":"thumbnail"}'
	done
	printf '{"id":"busy-%s"}\n' 1 2 |
		timeout 20 jobq-claim --worker host1:4321:abcd >claimed
	settle '{"event":"started"}' '{"event":"output","stream":"stdout",
		"text":"hello from host1"}'
}

# many QUEUE COUNT
many() {
	jobq-push --queue "$1" --name n --input '{"x":1}' --repeat "$2" \
		>/dev/null
}

@test "www: every screen is reached by clicks, and its buttons do what they say" {
	some_jobs
	serve
	browse screens
}

@test "www: values are shown and copied as they were written" {
	cat <<'end' | jobq-push | jq -r .id >id
{"name":"a b","queue":"it's","input":{"n":9007199254740993,"r":1.10,"e":1e400,"q":"it's$(id)`x`\"\u0000"},"priority":-3,"timeout":1.5}
end
	serve
	browse exact "$(<id)"
}

@test "www: output, progress and the end of a job are seen as they happen" {
	push here
	spawn timeout 60 jobq-work -q --max-jobs 1 -- sh -c '
		echo step one; echo to stderr >&2
		echo "{\"percent\":50,\"note\":\"half of it\"}" >&3
		until [ -e "$0/go" ]; do sleep 0.05; done
		echo step two' "$PWD"
	serve
	browse live here "$PWD/go"
}

@test "www: a list does not jump, and its pages are kept by the address" {
	many many 120
	serve
	browse pages
}

@test "www: what is not there is a page that says so" {
	push here
	serve
	browse missing here "$spawned_pid"
}

@test "www: with --read-only there is nothing on the page that acts" {
	some_jobs
	serve
	browse acting all
	serve --read-only
	browse acting none
}

@test "www: all of it is reached by keys" {
	some_jobs
	serve
	browse keys
}

@test "www: nothing is wider than a small phone" {
	some_jobs
	push "$(printf 'x%.0s' {1..128})" "$(jq -nc '("w" * 255) as $long |
		{queue: $long, name: $long, key: $long, flow: $long,
		input: {($long * 9): ($long * 9)}, more: $long}')"
	claim "$(printf 'x%.0s' {1..128})"
	settle '{"event":"started"}' "$(jq -nc '{event: "output",
		stream: "stderr", text: ("o" * 3000)}')" "$(jq -nc '
		{event: "progress", percent: 3, note: ("p" * 500)}')" "$(jq -nc '
		{event: "failed", reason: "exit", exit: 1, retry: false,
		error: ("e" * 3000)}')" || [ $? = 1 ]
	serve
	browse narrow busy-1 done-1 done-3 blocked \
		"$(printf 'x%.0s' {1..128})"
}

@test "www: without JavaScript overview and lists are there to be read" {
	some_jobs
	many many 120
	serve
	browse plain
}

@test "www: a server that wants a token is asked once" {
	push here '{"queue":"mail"}'
	echo 0123456789abcdef0123456789abcdef >token
	chmod 600 token
	serve --token-file token
	browse token "$(<token)"
}

# Each hostile text is a queue, a name, an input, a flow, a member, a worker,
# and in the output, the progress and the error of a run.
@test "www: no text of a job becomes anything but text" {
	cat >texts <<'end'
"<script>window.hostile=1</script>"
"\"><script>window.hostile=1</script>"
"'><img src=x onerror=window.hostile=1>"
"<img src=x onerror=\"window.hostile=1\">"
"<svg onload=window.hostile=1>"
"<svg><script>window.hostile=1</script></svg>"
"</title><script>window.hostile=1</script>"
"</textarea><script>window.hostile=1</script>"
"</pre></details><script>window.hostile=1</script>"
"<iframe srcdoc='<script>parent.hostile=1</script>'></iframe>"
"<a href=\"javascript:window.hostile=1\">x</a>"
"javascript:window.hostile=1//"
"data:text/html,<script>window.hostile=1</script>"
"<style>*{background:url(http://127.0.0.2/x)}</style>"
"<base href=http://127.0.0.2/>"
"<meta http-equiv=refresh content=0;url=http://127.0.0.2/>"
"${window.hostile=1}{{window.hostile=1}}<%=1%>"
"&lt;script&gt;window.hostile=1&lt;/script&gt;&#x3c;b&#x3e;"
"<!-- main --><!--><script>window.hostile=1</script>"
"<details open ontoggle=window.hostile=1><body onload=window.hostile=1>"
end
	jq -c '{id: "h-\(input_line_number)", queue: ., name: ., input: [.],
		meta: {(.): .}, key: ., flow: ., other: .}' texts | jobq-push >/dev/null
	jq -r '"\(input_line_number) \(@base64)"' texts |
		while read -r number text; do
			worker=$(base64 -d <<<"$text")
			echo "{\"id\":\"h-$number\"}" | timeout 20 jobq-claim \
				--worker "$worker" >claimed
			settle '{"event":"started"}' "$(jq -nc --arg t "$worker" '
				{event: "progress", percent: 1, note: $t, data: $t}')" \
				"$(jq -nc --arg t "$worker" '{event: "output",
				stream: "stdout", text: $t}')" "$(jq -nc --arg t \
				"$worker" '{event: "failed", reason: "exit",
				retry: false, output: $t, error: $t}')" || [ $? = 1 ]
		done
	serve
	browse hostile h-1 "$PWD/texts"
	# The server's own markup, without a script.
	timeout 20 curl -s "$url" "${url}jobs" "${url}jobs?state=failed" >html
	lacks "$(<html)" '<script>' '<img' '<svg' '<iframe' '<base' \
		'<meta http' '<style' '<details'
	has "$(<html)" '&lt;script&gt;window.hostile=1'
}

# 300 ms for each is the goal; what is asserted leaves room for a busy machine.
@test "www: overview and lists of 100,000 jobs are there at once" {
	many big 100000
	serve
	browse large >times
	cat times
}
