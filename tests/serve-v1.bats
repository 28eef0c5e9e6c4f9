#!/usr/bin/env bats
# A store behind jobq-serve: what it lets into the store, and workers elsewhere
# that have its URL and a token. What such a store keeps is in store-http.bats.

load support/common

setup() {
	common_setup
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
	jobq --version | grep -q '^driver http:' ||
		skip "this build has no driver 'http'"
	unset JOBQ_TOKEN_FILE CREDENTIALS_DIRECTORY
	server=()
	serve
	export JOBQ_URL="http://localhost?socket=$PWD/serve"
}

serve() {
	spawn jobq-serve --store "sqlite:$PWD/q.db" --listen "unix:$PWD/serve" \
		"${server[@]}" >>serve.log 2>&1
	server_pid=$spawned_pid
	wait_until 20 curl -s --unix-socket serve http://localhost/health || {
		cat serve.log
		return 1
	}
}

stop() {
	kill "-${1-TERM}" "$server_pid"
	wait_until 20 gone "$server_pid"
}

# ask VERB REQUEST: prints the code of the answer, whose body is in answer.
ask() {
	curl -s --unix-socket serve -H 'Content-Type: application/json' \
		-d "$2" -o answer -w '%{http_code}' "http://localhost/v1/$1"
}

@test "serve: a store gets no line that others could not read" {
	local line more job='"id":"a","queue":"q","name":"n"' event
	job+=',"priority":0,"max_attempts":5'
	while read -r line more; do
		echo "$line $more"
		ask push "{\"jobs\":[{$job,\"line\":\"$line\"$more}]}" >code
		json '.code == "invalid" and (.detail | contains("element 1"))' \
			<answer
	done <<-'EOT'
		x
		{
		{\"id\":\"b\"
		{\"id\":\"a\",\"id\":\"a\"
		{\"id\":\"a\",\"priority\":1
		{\"id\":\"a\",\"x\":[}
		{\"id\":\"a\",\n\"x\":1
		{\"id\":\"a\"}
		{\"id\":\"a\",\"state\":\"completed\"
		{\"id\":\"a\",\"lease\":{}
		{\"id\":\"a\" ,"id":"b"
		{\"id\":\"a\" ,"key":5
		{\"id\":\"a\" ,"run_at_ms":"x"
		{\"id\":\"a\" ,"needs":["/"]
	EOT
	event='{"event":"started","id":"a","epoch":1,"worker":"w","n":1,"line":'
	for line in '"{\"event\":\"completed\""' '"{\"settled\":true"' '5' \
		'"{\"epoch\":2"' '"{\"seq\":1"'; do
		for more in settle claim; do
			ask "$more" "{\"limit\":0,\"worker\":\"w\",\"lease\":1,$(:
				)\"events\":[$event$line}]}" >code
			json '.code == "invalid"' <answer
		done
	done
	ask push "{\"jobs\":[],\"jobs\":[{$job,\"line\":\"x\"}]}" >code
	json '.detail | contains("twice")' <answer
	same 200 "$(ask push "{\"jobs\":[{$job,\"line\":\"{\\\"id\\\":\\\"a\\\"\"}]}")"
	same 1 "$(jobq-list | wc -l)"
}

@test "serve: workers elsewhere need its URL and a token, and hear its bell" {
	echo s3cr3t-canary-0123 >token
	chmod 600 token
	stop
	server=(--token-file "$PWD/token")
	serve
	run_apart jobq-push --name x
	same '2 ' "$status $stdout"
	has "$stderr" 'JOBQ_TOKEN_FILE'
	export JOBQ_TOKEN_FILE=$PWD/token
	seq 5 | jq -c '{input: .}' | jobq-push >pushed
	spawn jobq-work -j 2 --interval 600 -- sh -c 'read -r n; echo "$n" >>did'
	worker=$spawned_pid
	wait_until 20 test -e did
	wait_until 20 eval '[ "$(sort did | paste -sd " ")" = "1 2 3 4 5" ]'
	# It looks again because the server rings, and not after 10 minutes.
	wait_until 20 eval '[ "$(jobq-list --state completed | wc -l)" = 5 ]'
	jobq-push --name x --input 6 >pushed
	wait_until 20 grep -qx 6 did
	wait_until 20 eval '[ "$(jobq-list --state completed | wc -l)" = 6 ]'
	# Both come back to a server that was away.
	stop KILL
	rm serve
	run_apart jobq-push --name x --input 7
	same 75 "$status"
	serve
	jobq-push --name x --input 7 >pushed
	wait_until 20 grep -qx 7 did
	jobq-push --name x --input 8 >pushed
	wait_until 20 grep -qx 8 did
	wait_until 20 eval '[ "$(jobq-list --state completed | wc -l)" = 8 ]'
	same "$(seq 8)" "$(sort did)"
	jobq-list --stats >listed
	has "$(<listed)" '"completed":8'
	kill "$worker"
	wait_until 20 gone "$worker"
	lacks "$(cat serve.log)" s3cr3t-canary
}
