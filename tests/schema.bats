#!/usr/bin/env bats
# share/schema, and the lines that the commands print.
# shellcheck disable=SC1083,SC2094,SC2129 # placeholders; a file that grows

load support/common

job() {
	"$TOP/tests/support/schema" "$TOP/share/schema/job.schema.json"
}

event() {
	"$TOP/tests/support/schema" "$TOP/share/schema/event.schema.json"
}

# A handler with an ending of every kind, and jobs for it.
handler() {
	cat >handler <<-'EOF'
	#!/bin/sh
	case $1 in
	say)	echo '{"percent":50,"note":"half","data":[1e400]}' >&3
		echo out; echo err >&2; printf '\377\0'; sleep 0.3; printf end ;;
	fail)	echo why >&2; echo '{"retry_after":0.1}' >&3; exit 1 ;;
	good)	exit 64 ;;
	kill)	kill -9 $$ ;;
	long)	sleep 30 ;;
	snooze)	echo '{"snooze":1}' >&3 ;;
	cancel)	echo '{"cancel":"why not"}' >&3 ;;
	object)	echo '{"a":1}' ;;
	esac
	EOF
	chmod +x handler
}

jobs() {
	printf '{"input":"%s"}\n' say fail good kill snooze cancel object
	echo '{"input":"long","timeout":0.2}'
	echo '{"name":"without an argument"}'
}

@test "schema: job lines of every command satisfy it" {
	seq 3 | jobq-lines | tee all | jobq-push --priority 7 --key a >>all
	jobq-push --name n --in 1h --needs x --flow f --timeout 1.5 >>all
	echo '{"input":[],"meta":{"a":1},"trace":"00-a-b-01","expires_at":
		"2100-01-01T00:00:00+02:00","own":1}' | tr -d '\n' |
		jobq-push >>all
	jobq-push --name n --dry-run >>all
	jobq-poll >>all
	jobq-claim -n 1 --lease 0.5 >claimed
	cat claimed >>all
	jobq-list >>all
	json -s 'map(select(.held)) | length == 1' <all
	jobq-list "$(jq -r .id claimed)" >>all
	json -s 'last.why | startswith("on ")' <all
	jobq-run -- ./no-such 2>err <claimed || same 2 $?
	jobq-run -- false <claimed | jobq-report >/dev/null || same 1 $?
	jobq-list >>all
	json -s 'map(select(.ended)) | length == 1' <all
	(($(wc -l <all) > 15))
	job <all
}

@test "schema: event lines of every kind satisfy it" {
	handler
	jobs | jobq-push >/dev/null
	jobq-claim -n 20 --lease 0.6 | timeout 60 jobq-run -j 4 --grace 0.2 -- \
		./handler {input} >all || same 1 $?
	for kind in started output progress alive completed failed cancelled \
		snoozed; do
		json -s --arg kind "$kind" 'map(.event) | index($kind)' <all
	done
	json -s 'map(select(.event == "failed").reason) | unique ==
		["exit", "signal", "spawn", "timeout"]' <all
	json -s 'map(select(.base64)) | length > 0' <all
	event <all
	jobq-report <all >settled || same 1 $?
	json -s 'map(.settled) | unique | map(. == null or . == true) | all' \
		<settled
	event <settled
	jobq-report <all >again || same 1 $?
	event <again
	jobq-watch --since 0 --no-follow >replayed || same 0 $?
	json -s 'all(.seq > 0)' <replayed
	event <replayed
}

@test "schema: what cancel, retry and admin print satisfies it" {
	seq 4 | jobq-lines | jobq-push | jq -r .id >ids
	jobq-claim -n 1 >claimed
	{
		jobq-cancel --reason "no need" <ids
		jobq-cancel <claimed
		jobq-cancel nothing || same 1 $?
		jobq-retry <ids
		jobq-admin pause default
		jobq-admin resume default
		jobq-cancel <ids
		jobq-admin prune --older-than 0s --dry-run
	} >all 2>said
	json -s 'map(.event) | unique ==
		["cancel", "paused", "pruned", "resumed", "retry"]' <all
	json -s 'map(select(.asked_before)) | length > 0' <all
	event <all
}

@test "schema: events of jobs without an id and a lease satisfy it" {
	handler
	jobs | timeout 60 jobq-run -j 4 --grace 0.2 -- ./handler {input} >all ||
		same 1 $?
	json -s 'map(select(.event == "completed")) | length == 2' <all
	event <all
}

@test "schema: what is to be read is refused where the schema refuses it" {
	cat >lines <<-'EOF'
	{"input":1}
	{"id":"a"}
	{"id":""}
	{"id":"-a"}
	{"id":"a b"}
	{"id":1}
	{"id":null}
	{"queue":""}
	{"queue":"a\u0007"}
	{"name":["a"]}
	{"priority":1.5}
	{"priority":1e3}
	{"priority":2147483648}
	{"priority":-2147483648}
	{"priority":true}
	{"max_attempts":0}
	{"max_attempts":1000001}
	{"run_at":"2026-11-22T10:30:45Z"}
	{"run_at":"2026-11-22"}
	{"run_at":5}
	{"expires_at":"2026-11-22 10:30:45.5+01:00"}
	{"timeout":0}
	{"timeout":0.001}
	{"timeout":"5"}
	{"timeout":3155760001}
	{"key":""}
	{"flow":"a\u0007"}
	{"needs":["a","b"]}
	{"needs":"a"}
	{"needs":["a","b c"]}
	{"meta":[]}
	{"meta":{}}
	{"lease":{"epoch":1}}
	{"lease":{"epoch":0,"worker":"a"}}
	{"lease":{"epoch":1,"worker":"a","seconds":0}}
	{"lease":{"epoch":1,"worker":"a","ring":1}}
	{"attempt":-1}
	EOF
	job <lines | sed -n 's/^\([0-9]*\): .*/\1/p' | uniq >by_schema
	run_apart jobq-push --dry-run <lines
	same 2 "$status"
	printf '%s\n' "${stderr_lines[@]}" | cut -d : -f 3 >by_push
	same "$(<by_schema)" "$(<by_push)"
	(($(wc -l <by_push) > 20))
	(($(wc -l <<<"$stdout") > 10))
}

@test "schema: the checker finds what is wrong, and keywords it does not know" {
	run "$TOP/tests/support/schema" "$TOP/share/schema/event.schema.json" \
		<<<'{"event":"failed","id":"a","at":"now"}'
	same 1 "$status"
	has "$output" '$.at does not match' 'has no reason'
	run event </dev/null
	same 1 "$status"
	echo '{"formatt":"x"}' >wrong
	run "$TOP/tests/support/schema" wrong <<<'{}'
	same 2 "$status"
	has "$output" "formatt"
}
