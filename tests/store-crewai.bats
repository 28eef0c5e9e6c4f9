#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The adapter crewai: requests and results of the plugin sidecar, as the other
# side of its two streams knows them. Each test has a database of its own, for
# the streams have the names that they have.
# bats file_tags=server

load "${BATS_TEST_DIRNAME%/support}/support/store"

store_kind() { echo redis-streams; }

setup() {
	store_setup
	[ -n "${store_server-}" ] || return 0
	export JOBQ_URL="unix:$store_server?adapter=crewai&db=$BATS_TEST_NUMBER"
}

cli() { # WORD...
	redis-cli -s "$store_server" -n "$BATS_TEST_NUMBER" "$@"
}

request() { # PAYLOAD: prints the entry's id
	printf '%s' "$1" | cli -x XADD plugin:requests '*' schema_version v1 \
		payload
}

# run_request RUN [PLUGIN]: a request as the other side writes it.
run_request() {
	cli XADD plugin:requests '*' payload "{\"plugin_run_id\":\"$1\",$(:
		)\"plugin_name\":\"${2-demo}\",\"user_id\":42,$(:
		)\"settings\":{\"n\":9007199254740993}}" schema_version v1
}

results() { # each result as four lines of the entry, less its id
	cli XRANGE plugin:results - + | grep -vE '^[0-9]+-[0-9]+$'
}

pending() {
	cli XPENDING plugin:requests crewai-workers - + 1000 |
		paste -d ' ' - - - - | awk 'NF { print $2, $4 }'
}

# result RUN STATUS OUTPUT ERROR: what an entry of the results must be.
result() {
	printf '%s\n' payload "{\"plugin_run_id\":\"$1\",\"status\":\"$2\",$(:
		)\"output\":$3,\"error\":$4}" schema_version v1
}

# plugin NAME: a handler of that name from standard input.
plugin() {
	mkdir -p "plugins/$1"
	cat >"plugins/$1/run"
	chmod +x "plugins/$1/run"
}

# takes MEMBERS: whether a claim with these gets a job.
takes() {
	store "claim($1)"
	[[ $answers == *'"lease":'* ]]
}

worker() {
	mkdir -p plugins
	timeout 60 jobq-work --until-empty --dir plugins \
		--timeout "${seconds-60}"
}

# --- requests ----------------------------------------------------------------

# bats test_tags=smoke
@test "crewai: a request is a job: the entry's id, the plugin, the payload" {
	local id
	id=$(run_request r1 demo)
	store 'call("init"; {}), claim({})'
	has "$answers" "{\"id\":\"$id\",\"queue\":\"default\",\"name\":\"demo\",$(:
		)\"input\":{\"plugin_run_id\":\"r1\",\"plugin_name\":\"demo\",$(:
		)\"user_id\":42,\"settings\":{\"n\":9007199254740993}},$(:
		)\"max_attempts\":1,\"attempt\":1,"
	same 'w1 1' "$(pending)"
	same 0 "$(cli EXISTS plugin:results)"
}

@test "crewai: a run's id is any string, and unknown members are allowed" {
	local text ids=() n=0
	ids=('' 'a\"b' 'é\u00e9\/' '\ud800' '😀' "$(printf 'x%.0s' {1..300})")
	for text in "${ids[@]}"; do
		request '{"x":1,"plugin_run_id":"'"$text"'","user_id":"42",
			"plugin_name":"de\u006do","settings":{},"y":[1e400]}'
	done
	plugin demo <<-'END'
		#!/bin/sh
		printf 'ran'
	END
	worker
	while read -r text; do
		same "$(result "${ids[n]}" completed '"ran"' null | sed -n 2p)" \
			"$text"
		n=$((n + 1))
	done < <(results | grep plugin_run_id)
	same 6 "$n"
	same '' "$(pending)"
}

@test "crewai: a user's id is a whole number in whatever way" {
	local id
	for id in 42 '"42"' 42.0 '"42.0"' -1 4.2e1 '" 42 "' 0 1e3; do
		request '{"plugin_run_id":"r","plugin_name":"demo","user_id":'"$id"',
			"settings":{}}'
	done
	store 'call("init"; {}), claim({limit: 20})'
	answered 'map(select(.lease)) | length == 9'
}

# bats test_tags=smoke
@test "crewai: a payload that is missing or malformed is said and acknowledged" {
	local text count=0 good
	good='"plugin_run_id":"r","plugin_name":"d","user_id":1,"settings":{}'
	cli XADD plugin:requests '*' schema_version v1
	while read -r text; do
		request "$text"
		count=$((count + 1))
	done <<-END

		{
		[]
		null
		{$good
		{$good}x
		{}
		{"plugin_run_id":1,"plugin_name":"d","user_id":1,"settings":{}}
		{"plugin_name":"d","user_id":1,"settings":{}}
		{"plugin_run_id":"r","user_id":1,"settings":{}}
		{"plugin_run_id":"r","plugin_name":null,"user_id":1,"settings":{}}
		{"plugin_run_id":"r","plugin_name":"d","settings":{}}
		{"plugin_run_id":"r","plugin_name":"d","user_id":1.5,"settings":{}}
		{"plugin_run_id":"r","plugin_name":"d","user_id":"x","settings":{}}
		{"plugin_run_id":"r","plugin_name":"d","user_id":null,"settings":{}}
		{"plugin_run_id":"r","plugin_name":"d","user_id":1}
		{"plugin_run_id":"r","plugin_name":"d","user_id":1,"settings":[]}
		{$good,"x":01}
	END
	printf '{%s,"x":"\xff"}' "$good" |
		cli -x XADD plugin:requests '*' payload
	run_apart worker
	same 1 "$status"
	same $((count + 2)) "$(grep -c \
		'bad_entry: entry [0-9-]* of plugin:requests is no job: ' \
		<<<"$stderr")"
	has "$stderr" 'it has no field payload' 'user_id must be a whole number'
	same '' "$(pending)"
	same 0 "$(cli EXISTS plugin:results)"
}

# --- results -----------------------------------------------------------------

# bats test_tags=smoke
@test "crewai: a result has its fields and members in this order, byte for byte" {
	run_request r1
	run_request r2 json
	run_request r3 none
	plugin demo <<-'END'
		#!/bin/sh
		printf 'Hello "wörld"\n\ttwo\n'
	END
	plugin json <<-'END'
		#!/bin/sh
		printf '{"a": [1.10, 9007199254740993],"b":"x"}'
	END
	plugin none <<-'END'
		#!/bin/sh
		printf '{"output":null}\n' >&3
	END
	worker
	same "$(result r1 completed '"Hello \"wörld\"\n\ttwo"' null
		result r2 completed \
			'"{\"a\": [1.10, 9007199254740993],\"b\":\"x\"}"' null
		result r3 completed null null)" "$(results)"
	same '' "$(pending)"
	same 3 "$(cli XLEN plugin:requests)"
}

@test "crewai: a name with a NUL is no plugin's, and is said" {
	request '{"plugin_run_id":"r","plugin_name":"de\u0000mo","user_id":1,
		"settings":{}}'
	run_apart worker
	same 1 "$status"
	has "$stderr" 'bad_entry: Plugin crew not found: de'
	same "$(result r failed null '"Plugin crew not found: de\u0000mo"')" \
		"$(results)"
	same '' "$(pending)"
	jobq-list --json --state failed | json '.ended.reason == "bad_entry"'
}

@test "crewai: what fails is published once, and acknowledged" {
	local seconds=1.5
	run_request r1
	run_request r2 nosuch
	run_request r3 '../demo'
	run_request r4 ''
	run_request r5 '\ud800'
	run_request r6 quick
	plugin demo <<-'END'
		#!/bin/sh
		echo 'no "luck"' >&2
		exit 3
	END
	plugin quick <<-'END'
		#!/bin/sh
		exec sleep 60
	END
	run_apart worker
	same 1 "$status"
	same "$(result r1 failed null '"exit status 3: no \"luck\""'
		result r2 failed null '"Plugin crew not found: nosuch"'
		result r3 failed null '"Plugin crew not found: ../demo"'
		result r4 failed null '"Plugin crew not found: "'
		result r5 failed null '"Plugin crew not found: \"\\ud800\""'
		result r6 failed null '"Workflow exceeded 1.5s timeout"')" \
		"$(results | paste - - - - | sort | tr '\t' '\n')"
	same '' "$(pending)"
	run_apart worker
	same 0 "$status"
	same 6 "$(cli XLEN plugin:results)"
}

@test "crewai: an answer of a resident handler is the result as it is said" {
	run_request r1
	run_request r2
	cat >crew <<-'END'
		#!/bin/sh
		while read -r line; do
			id=${line#*'"id":"'}
			id=${id%%'"'*}
			case $line in
			*'"r1"'*) printf '{"id":"%s","output":"a\\u00e9\\/b"}\n' "$id" ;;
			*) printf '{"id":"%s","error":"boom \\"x\\"","retry":true}\n' \
				"$id" ;;
			esac
		done
	END
	chmod +x crew
	run_apart timeout 60 jobq-work --until-empty --coprocess -- ./crew
	same "$(result r1 completed '"a\u00e9\/b"' null
		result r2 failed null '"boom \"x\""')" "$(results)"
	same '' "$(pending)"
}

@test "crewai: the seconds of a timeout are said as they were given" {
	local n=0 seconds
	for seconds in 300 1.5 0.25; do
		n=$((n + 1))
		run_request "r$n" >id
		store "call(\"init\"; {}), claim({}), settle([{event: \"failed\",
			id: \"$(<id)\", n: 1, reason: \"timeout\", error: \"still $(:
			)running after its timeout of $(printf %.3f $seconds) s: x\"}])"
		answered '.[-1].state == "failed"'
	done
	same '300 1.5 0.25' "$(results | grep -oP 'exceeded \K[0-9.]+(?=s timeout)' |
		paste -sd ' ')"
}

@test "crewai: what is cancelled is published as failed" {
	run_request r1 >id
	store "call(\"init\"; {}), claim({}), settle([{event: \"cancelled\",
		id: \"$(<id)\", n: 1, reason: \"not now\"}])"
	same "$(result r1 failed null '"not now"')" "$(results)"
}

# --- what stays pending ------------------------------------------------------

@test "crewai: what is released, or whose result cannot be written, stays pending" {
	run_request r1 >id
	store "call(\"init\"; {}), claim({}), settle([{event: \"released\",
		id: \"$(<id)\", n: 1, reason: \"worker-fault\"}])"
	same 'jobq-parked 1' "$(pending)"
	cli SET plugin:results x
	store "claim({}), settle([{event: \"completed\", epoch: 2,
		id: \"$(<id)\", n: 1}])"
	same 2 "$status"
	same 'w1 2' "$(pending)"
	cli DEL plugin:results
	store "settle([{event: \"completed\", epoch: 2, id: \"$(<id)\", n: 1},
		{event: \"completed\", epoch: 2, id: \"$(<id)\", n: 1}])"
	answered 'map(.settled) == [true, true]'
	same "$(result r1 completed null null)" "$(results)"
	same '' "$(pending)"
}

# bats test_tags=smoke
@test "crewai: a job is rescued three times, the fourth crash is published" {
	local i
	run_request r1 >id
	jobq-admin init
	for i in 1 2 3 4; do
		wait_until 10 takes '{lease: 0.1}'
		answered ".[0].attempt == 1 and .[0].lease.epoch == $i"
		store "settle([{event: \"started\", id: \"$(<id)\", n: 1,
			epoch: $i}])"
		same "w1 $i" "$(pending)"
	done
	crashed() {
		store 'claim({ring: true})'
		[[ $answers == *crash* ]]
	}
	wait_until 10 crashed
	answered '.[0] | .event == "failed" and .reason == "crash" and .epoch == 4
		and .error == "crashed 4 times" and .state == "failed"'
	same "$(result r1 failed null '"crashed 4 times"')" "$(results)"
	same '' "$(pending)"
}

@test "crewai: what was begun and is trimmed away is published as failed" {
	run_request r1 >id
	run_request r2
	store 'call("init"; {}), claim({}), settle([{event: "started",
		id: "'"$(<id)"'", n: 1}])'
	cli XTRIM plugin:requests MAXLEN 0
	store 'claim({ring: true, first: true})'
	answered '.[0].reason == "lost_payload" and .[1].event == "idle"'
	same "$(result r1 failed null "\"entry $(<id) of plugin:requests was $(:
		)trimmed away before it was done\"")" "$(results)"
	same '' "$(pending)"
}

@test "crewai: a peer's running request is not taken before it is idle for long" {
	run_request r1
	jobq-admin init
	cli XREADGROUP GROUP crewai-workers peer STREAMS plugin:requests '>'
	store 'claim({lease: 0.01})'
	answered '.[0].event == "idle"'
	export JOBQ_URL+='&idle=0'
	wait_until 10 takes '{}'
	same 'w1 2' "$(pending)"
}

@test "crewai: what the sidecar never did is refused by name" {
	run_request r1
	jobq-admin init
	run_apart jobq-push --name x
	same 2 "$status"
	has "$stderr" "does not have the verb 'push'"
	refuses 'claim({flow: "f"})' flow
	same 1 "$(jobq-list | wc -l)"
	jobq-list --stats --json | json '.ready == 1 and .running == 0'
	jobq-doctor >doctor || true
	has "$(<doctor)" 'group crewai-workers of plugin:requests'
}
