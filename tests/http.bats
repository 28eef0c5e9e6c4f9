#!/usr/bin/env bats
# The driver of HTTP beside a server that is none of ours: what it makes of
# every answer, and what it tells of who asks. What it is for is in
# store-http.bats.

load support/common
load support/http

setup_file() {
	common_setup
	http_server
}

teardown_file() { http_server_end; }

setup() {
	common_setup
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY \
		ALL_PROXY NO_PROXY SSL_CERT_FILE JOBQ_TOKEN_FILE \
		CREDENTIALS_DIRECTORY
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	port=$(jq .http "$BATS_FILE_TMPDIR/ports")
	own=t$BATS_TEST_NUMBER
	ndjson=header=Content-Type:application%2Fx-ndjson
}

# ask WORDS [PARAMETERS] [USER]: a list from a server that answers as the
# words say; exit code in $status, what was said in $stderr.
ask() {
	run_apart timeout 60 storecall -r ${deadline:+-d "$deadline"} \
		"http://${3-}127.0.0.1:$port/$own/$1${2-}" list <<<'{"by":"all"}'
}

# fails STATUS WORDS TEXT...: the call ends with that, said with these texts,
# in one line, and prints nothing.
fails() {
	ask "$2"
	same 1 "${#stderr_lines[@]}"
	same '' "$stdout"
	has "$stderr" "$1: " "http://127.0.0.1:$port/$own/" "${@:3}"
}

# problem CODE DETAIL: the words of such an answer's body.
problem() {
	printf 'body=%s' "$(jq -rn --arg code "$1" --arg detail "$2" \
		'{$code, $detail} | tojson | @uri')"
}

requests() { # JQ: of those that this test has made so far
	jq -c --arg own "/$own/" "select((.path // \"\") | startswith(\$own)) |
		$1" "$BATS_FILE_TMPDIR/log"
}

@test "http: what a server answers becomes an error that says what to do" {
	local name
	fails config status=401 401 JOBQ_TOKEN_FILE
	fails config status=403 403 'token file'
	fails config status=421 421 --allow-host
	fails config status=404 'is it a jobq-serve'
	fails config status=405 'is it a jobq-serve'
	fails invalid status=413 413
	for name in 408 429 500 502 503 504; do
		fails again status=$name "$name"
	done
	for name in 302 400 409 418; do
		fails io "status=$name/header=Location:http:%2F%2Fx%2F" "$name"
	done
	# A redirect was not followed, so each asked once.
	same 16 "$(requests .path | wc -l)"
	for name in invalid unsupported again io config stale empty; do
		fails "$name" "status=418/$(problem $name 'the cause')" \
			': the cause'
	done
	fails config "status=421/$(problem config 'no such host')" \
		'no such host; ' --allow-host
	# A name of ours that is no failure, and others, are not believed.
	fails again "status=503/$(problem ok 'all is well')" 'all is well'
	fails again "status=503/$(problem nosuch x)" ': x'
	fails again 'status=503/body=%7B%22detail%22:1%7D' 503
}

@test "http: an answer counts when it is lines, and whole" {
	local text
	ask "$ndjson/body=%7B%22a%22:1e400%7D%0A%7B%7D%0A"
	same $'0 {"a":1e400}\n{}' "$status $stdout"
	ask "$ndjson"
		same '0 ' "$status $stdout"
	fails config 'body=%7B%7D%0A' 'no lines of JSON'
	fails io "$ndjson/body=%7B%7D" 'line 1' 'no end'
	for text in '%7B%7D%0A%5B%5D' '%7B%7D%0A' 'x' '%7B%22a%22:01%7D'; do
		[ "$text" != '%7B%7D%0A' ] || text+=%0A
		fails io "$ndjson/body=$text%0A" 'of its answer: '
	done
	fails io "$ndjson/bytes=2097153" 'line 1' 'no end'
	fails io "$ndjson/unframed/body=%7B%7D%0A" 'no Content-Length'
	fails io "$ndjson/endless" 'longer than'
	fails again "$ndjson/half/body=%7B%7D%0A" 'unable to reach'
	fails again close 'unable to reach'
	fails again reset 'unable to reach'
	fails again garbage 'unable to reach'
	deadline=300 fails again hold 'unable to reach'
	run_apart timeout 60 storecall -r http://127.0.0.1:1/ list <<<'{}'
	same 75 "$status"
	has "$stderr" 'again: ' "unable to reach 'http://127.0.0.1:1': "
}

@test "http: a kept connection that was closed meanwhile costs nothing" {
	# The server never answers twice on a connection, and does not say so.
	seq 12 | sed 's/.*/list {"by":"all"}/' |
		timeout 60 storecall -r "http://127.0.0.1:$port/$own/once/$ndjson"
	same 12 "$(requests .peer | sort -u | wc -l)"
	own+=-kept
	seq 5 | sed 's/.*/list {"by":"all"}/' |
		timeout 60 storecall -r "http://127.0.0.1:$port/$own/$ndjson"
	same 1 "$(requests .peer | sort -u | wc -l)"
}

@test "http: a request is the verb, its JSON and the time that is left" {
	local text
	printf '%s\n' 'list {"by":"all","x":[1e400,"\u0000"]}' |
		timeout 60 storecall -r -d 7000 \
			"http://127.0.0.1:$port/$own/$ndjson///"
	text=$(requests .)
	json --arg path "/$own/$ndjson/v1/list" '.path == $path and
		.body == "{\"by\":\"all\",\"x\":[1e400,\"\\u0000\"]}" and
		(.headers | ."content-type" == "application/json" and
		(."jobq-deadline" | tonumber | . > 0 and . <= 7000) and
		(has("expect") or has("authorization") | not))' <<<"$text"
	# Who may make a store asks for that first, once.
	own+=-make
	printf '%s\n' 'list {}' 'list {}' |
		timeout 60 storecall "http://127.0.0.1:$port/$own/$ndjson"
	same 'init list list' "$(requests '.path | split("/")[-1]' | tr -d '"' |
		paste -sd ' ')"
	# What a URL cannot say is named.
	for text in 'http:' 'http://' 'https:x' 'http://a b/' 'http://h:x/'; do
		run_apart timeout 20 storecall -r "$text" list <<<'{}'
		same "2 $text" "$status $text"
		has "$stderr" 'config: ' '[user:password@]host'
	done
	ask "$ndjson" '?nosuch=1'
	has "$stderr" 'config: ' "no parameter 'nosuch'"
	ask "$ndjson" "?socket=$(printf 'x%.0s' {1..200})"
	has "$stderr" 'config: ' 'the path of a socket'
}

@test "http: the token is read from a private file, and told to the server" {
	local said canary=s3cr3t-canary
	echo "$canary" >token
	ask "$ndjson" "?token_file=$PWD/token"
	same 2 "$status"
	has "$stderr" 'config: ' "chmod 600 '$PWD/token'"
	chmod 600 token
	ask "$ndjson" "?token_file=$PWD/token"
	same 0 "$status"
	export JOBQ_TOKEN_FILE=$PWD/token
	ask "$ndjson"
	same 0 "$status"
	unset JOBQ_TOKEN_FILE
	export CREDENTIALS_DIRECTORY=$PWD
	ask "$ndjson"
	cp token jobq-token
	ask "$ndjson"
	ask "$ndjson" '' "ann:$canary%25@"
	said=$(requests '.headers.authorization // "none"')
	same "\"Bearer $canary\" \"Bearer $canary\" \"none\" $(:
		)\"Bearer $canary\" \"Basic $(printf 'ann:%s%%' $canary | base64)\"" \
		"$(paste -sd ' ' <<<"$said")"
	ask "$ndjson" "?token_file=$PWD/token" "ann:$canary@"
	has "$stderr" 'config: ' 'give one of them'
	lacks "$stderr" "$canary"
	ask "$ndjson" "?token_file=$PWD/nosuch"
	has "$stderr" 'config: ' "no token file '$PWD/nosuch'"
	: >token
	ask "$ndjson" "?token_file=$PWD/token"
	has "$stderr" 'config: ' 'is empty'
	printf 'one two\n' >token
	ask "$ndjson" "?token_file=$PWD/token"
	has "$stderr" 'config: ' 'more than a token'
	lacks "$stderr" one\ two
	# Beyond this machine plain http is not quiet about it.
	printf '%s\n' "$canary" >token
	run_apart timeout 60 storecall -r -d 2000 \
		"http://nosuch.invalid/?token_file=$PWD/token" list <<<'{}'
	same '75 2' "$status ${#stderr_lines[@]}"
	has "$stderr" 'can be read on the way: use https' 'again: '
	lacks "$stderr" "$canary"
	run_apart timeout 60 storecall -r -d 2000 \
		"http://ann:$canary@nosuch.invalid/" list <<<'{}'
	has "$stderr" 'the password for'
	lacks "$stderr" "$canary"
}

@test "http: a proxy is asked for what is elsewhere, not for this machine" {
	export http_proxy=http://127.0.0.1:$port/
	ask "$ndjson"
	same 0 "$status"
	run_apart timeout 60 storecall -r "http://nosuch.invalid/$own/$ndjson" \
		list <<<'{}'
	same 0 "$status"
	same 1 "$(jq -c .path "$BATS_FILE_TMPDIR/log" |
		grep -c "^\"http://nosuch.invalid/$own/")"
	same 1 "$(requests .path | wc -l)"
}

@test "http: who waits hears the bell, finds it again, and does without one" {
	local idle=body=%7B%22event%22:%22idle%22%7D%0A url
	claims() { # at least this many were asked for
		(($(requests 'select(.path | endswith("/v1/claim"))' |
			wc -l) >= $1))
	}
	streams() { # this many were begun
		same "$1" "$(requests 'select(.said == ":\n\n")' | wc -l)"
	}
	url=http://127.0.0.1:$port/$own/bell/$ndjson/$idle
	spawn jobq-claim --follow --interval 600 --store "$url" >out 2>err
	wait_until 20 streams 1
	wait_until 20 claims 2 # one more when it began to listen
	touch "$BATS_FILE_TMPDIR/ring"
	wait_until 20 claims 3
	touch "$BATS_FILE_TMPDIR/hangup"
	wait_until 20 streams 2
	wait_until 20 claims 5
	touch "$BATS_FILE_TMPDIR/ring"
	wait_until 20 claims 6
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	same '' "$(<out)"
	# A server that has no bell is asked for one once, and polled.
	own+=-none
	url=http://127.0.0.1:$port/$own/$ndjson/$idle
	spawn jobq-claim --follow --interval 0.2 --store "$url" >out 2>err
	wait_until 20 claims 5
	streams 0
	same '' "$(<out)$(<err)"
}
