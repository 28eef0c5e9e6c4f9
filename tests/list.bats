#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2028 # a $ and a \u in quotes are those of JSON

load support/common
load support/jobs

# One job in each state, in two queues.
one_of_each() {
	push done-1 && complete done-1
	push dead-1 '{"queue":"mail"}' && fail dead-1
	push off-1 && jobq-cancel off-1 >/dev/null 2>&1
	push run-1 '{"name":"square"}' && claim run-1
	push wait-1 '{"flow":"f","key":"k"}'
	push later-1 '{"run_at":"2100-01-01T00:00:00Z","flow":"f"}'
	push needs-1 '{"needs":["dead-1"]}'
}

ids() {
	jq -r .id | paste -sd ' '
}

@test "list: prints the jobs' lines in order, with their states" {
	one_of_each
	jobq-list >lines
	jq -r '"\(.id) \(.state)"' lines >states
	same "done-1 completed
dead-1 failed
off-1 cancelled
run-1 running
wait-1 pending
later-1 pending
needs-1 blocked" "$(<states)"
}

@test "list: prints nothing and exits 0 when no job is as asked for" {
	push a
	run_apart jobq-list --state failed
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "list: keeps a payload byte for byte" {
	local line='{"id":"a","input":[9007199254740993,1.10,1e400,"\u00e9\/"]'
	echo "$line"' ,"x":{ }}' | jobq-push >/dev/null
	run_apart jobq-list
	has "$stdout" "$line"' ,"x":{ }'
}

@test "list: chooses by state, queue, name, flow and key" {
	one_of_each
	same dead-1 "$(jobq-list --state failed | ids)"
	same done-1 "$(jobq-list --state completed | ids)"
	same off-1 "$(jobq-list --state cancelled | ids)"
	same run-1 "$(jobq-list -s running | ids)"
	same needs-1 "$(jobq-list --state blocked | ids)"
	same "wait-1 later-1" "$(jobq-list --state pending | ids)"
	same dead-1 "$(jobq-list --queue mail | ids)"
	same dead-1 "$(jobq-list --queue mail --state failed | ids)"
	same "" "$(jobq-list --queue default --state failed | ids)"
	same 7 "$(jobq-list -Q mail -Q default | wc -l)"
	same run-1 "$(jobq-list --name square | ids)"
	same "wait-1 later-1" "$(jobq-list --flow f | ids)"
	same "" "$(jobq-list --flow f --state failed | ids)"
	same wait-1 "$(jobq-list --key k | ids)"
	same "" "$(jobq-list --key "' or 1" | ids)"
}

@test "list: chooses by age and by silence" {
	one_of_each
	same "" "$(jobq-list --older-than 1h | ids)"
	same 7 "$(jobq-list --older-than 0 | wc -l)"
	same "" "$(jobq-list --stuck 1h | ids)"
	same "run-1 wait-1 needs-1" "$(jobq-list --stuck 0 | ids)"
	same run-1 "$(jobq-list --stuck 0 --state running | ids)"
	same wait-1 "$(jobq-list --stuck 0 --flow f | ids)"
	same "" "$(jobq-list --stuck 0 --state failed | ids)"
}

@test "list: goes on from page to page" {
	seq 1234 | jobq-lines | jobq-push >/dev/null
	jobq-list | jq .input >inputs
	seq 1234 | sed 's/.*/"&"/' | cmp - inputs
	same 1001 "$(jobq-list -n 1001 | wc -l)"
	same 500 "$(jobq-list --limit 500 | wc -l)"
	same 3 "$(jobq-list -n 3 | wc -l)"
	same 0 "$(jobq-list -n 0 | wc -l)"
}

@test "list: an id gives the job's line with the reason why" {
	one_of_each
	jobq-list dead-1 | json '.id == "dead-1" and .state == "failed" and
		(.why | test("^failed in attempt 1 of 5 \\(exit\\): exit 3$"))'
	jobq-list run-1 | json '.why | test("^on .*, lease renewed .* s ago, silent for .* s$")'
	jobq-list needs-1 | json '.why == "needs dead-1, which failed"'
	jobq-list later-1 | json '.why | test("^not before 2100-01-01 .*, in .* d$")'
	jobq-list wait-1 | json '.why | test("^ready for .* s: (the workers of default are busy|no worker has claimed from default .*)$")'
	jobq-list off-1 | json '.why == "cancelled (cancel)"'
	jobq-list done-1 | json '.why == "completed"'
}

@test "list: the reason why tells of a paused queue and of one without workers" {
	push a '{"queue":"q"}'
	jobq-list a | json '.why | test("^ready for . s: no worker has claimed from q yet$")'
	jobq-admin pause q >/dev/null 2>&1
	jobq-list a | json '.why | test("^queue q paused since ....-..-.. ..:..:..$")'
}

@test "list: the end of an id is enough when it is 6 long and no other's" {
	push 0199-aaaa11111111
	push 0199-bbbb11111111
	same 0199-aaaa11111111 "$(jobq-list aa11111111 | ids)"
	run_apart jobq-list 1111111
	same 1 "$status"
	same "" "$stdout"
	has "$stderr" "jobq-list: 1111111 is the end of several ids" \
		"0199-aaaa11111111" "0199-bbbb11111111"
	run_apart jobq-list 11111
	same 1 "$status"
	same "jobq-list: no job 11111" "$stderr"
}

@test "list: an unknown id is told on stderr and exits 1, others are printed" {
	push a
	run_apart jobq-list nosuch a "a b"
	same 1 "$status"
	same a "$(ids <<<"$stdout")"
	same $'jobq-list: no job nosuch\njobq-list: no job a b' "$stderr"
}

@test "list: a table for people on a terminal, lines in a pipe" {
	one_of_each
	NO_COLOR=1 terminal jobq-list >screen
	has "$(head -n 1 screen)" ID STATE QUEUE NAME TRY AGE NOTE
	same 8 "$(wc -l <screen)"
	grep -qE '^dead-1 +failed +mail +default +1/5 +. s +exit: exit 3$' screen
	grep -qE '^run-1 +running +default +square +1/5 +. s +on ' screen
	grep -qE '^later-1 .* due 2100-01-01T00:00:00Z$' screen
	jobq-list --table | grep -q '^ID '
	jobq-list --json | head -n 1 | json .id
	terminal 'jobq-list --json' | head -n 1 | json .id
}

@test "list: --local gives times in a table by the clock of the place" {
	push a '{"run_at":"2100-01-01T00:00:00Z"}'
	TZ=UTC+5 jobq-list --table --local | grep -q 'due 2099-12-31 19:00:00$'
	TZ=UTC+5 jobq-list --table | grep -q 'due 2100-01-01T00:00:00Z$'
}

@test "list: a table is as wide as the screen, and ids keep their end" {
	push 01234567-89ab-cdef-0123-456789abcdef \
		'{"name":"a-rather-long-name-of-a-job","queue":"a-long-queue"}'
	COLUMNS=60 jobq-list --table >table
	same 60 "$(awk 'length > m { m = length } END { print m }' table)"
	grep -qE '^[0-9a-f-]*456789abcdef  pending' table
	jobq-list --table >table
	grep -q '^01234567-89ab-cdef-0123-456789abcdef  pending .*a-rather-long-name-of-a-job ' table
}

@test "list: nothing in a job can steer a terminal" {
	echo '{"id":"b","name":"\u202e{}","input":"\u001b[2J\u202e\u009b\n"}' |
		jobq-push >/dev/null
	NO_COLOR=1 terminal 'jobq-list b; jobq-list' >screen
	grep -qF '\x1b[2J\u202e\u009b\x0a' screen
	grep -qF ' \u202e{} ' screen
	same "" "$(LC_ALL=C tr -d '\n\40-\176' <screen | tr -d '\200-\377')"
	same "" "$(LC_ALL=C.UTF-8 grep -oP '[\x{80}-\x{9f}\x{202e}]' screen)"
}

@test "list: colour only on a terminal, and by --color" {
	push a
	same "" "$(jobq-list --table | tr -cd '\33')"
	same "" "$(terminal 'NO_COLOR=1 jobq-list' | tr -cd '\33')"
	[ -n "$(terminal jobq-list | tr -cd '\33')" ]
	[ -n "$(jobq-list --table --color always | tr -cd '\33')" ]
}

@test "list: on a terminal one job is shown whole" {
	push a '{"input":{"n":[1,2]},"meta":{"m":1},"needs":[],"timeout":5}'
	claim a
	settle '{"event":"started"}' '{"event":"failed","reason":"signal",
		"signal":9,"retry_after":0,"stderr_tail":"first\nlast"}' || true
	claim a
	settle '{"event":"started"}' \
		'{"event":"output","stream":"stdout","text":"line 1\nline 2"}' \
		'{"event":"completed","output":{"n":5}}'
	NO_COLOR=1 terminal 'jobq-list a' >screen
	grep -qE '^job +a$' screen
	grep -qE '^state +completed$' screen
	grep -qE '^input +\{"n":\[1,2\]\}$' screen
	grep -qE '^timeout +5$' screen
	grep -qE '^attempt +2 of 5$' screen
	grep -qE '^pushed +20..-..-..T..:..:..Z \(.* ago\)$' screen
	grep -qE '^runs +20.* on .*: failed \(signal 9\)$' screen
	grep -qE '^ +20.* on .*: completed$' screen
	grep -qE '^output +stdout: line 1$' screen
	grep -qE '^ +stdout: line 2$' screen
	grep -qE '^result +\{"n":5\}$' screen
	not grep -q 'first' screen
}

@test "list: shows the end of the output of the last run" {
	push a
	claim a
	settle '{"event":"started"}' "$(jq -nc '{event:"output",stream:"stdout",
		text:([range(30)|"line \(.)"]|join("\n"))}')" \
		'{"event":"progress","percent":40,"note":"half way"}'
	jobq-list --table a >screen
	same 10 "$(grep -c 'stdout: line' screen)"
	grep -qE '^output +stdout: line 20$' screen
	grep -qE '^ +stdout: line 29$' screen
	grep -qE '^progress +40 % half way$' screen
}

@test "list: the tails of a failed attempt stand for output that was not kept" {
	push a
	claim a
	settle '{"event":"started"}' '{"event":"failed","reason":"exit","exit":1,
		"retry":false,"stdout_tail":"out","stderr_tail":"e1\ne2"}' || true
	jobq-list --table a >screen
	grep -qE '^output +stdout: out$' screen
	grep -qE '^ +stderr: e1$' screen
	grep -qE '^ +stderr: e2$' screen
}

@test "list: --stats counts by queue and state" {
	one_of_each
	jobq-admin pause mail >/dev/null 2>&1
	jobq-list --stats >stats
	jq -sc 'map({(.queue): del(.queue, .oldest_ready, .claimed_at)}) | add' \
		stats | json '.default == {blocked: 1, scheduled: 1, ready: 1,
			running: 1, completed: 1, cancelled: 1, failed: 0}
			and .mail.failed == 1 and (.mail.paused_at | type) == "string"'
	jobq-list --stats --queue mail | json -s 'length == 1 and .[0].queue == "mail"'
}

@test "list: --stats as a table has a row of totals" {
	one_of_each
	jobq-list --stats --table >table
	same 4 "$(wc -l <table)"
	has "$(head -n 1 table)" QUEUE BLOCKED SCHEDULED READY RUNNING COMPLETED \
		CANCELLED FAILED
	grep -qE '^default +1 +1 +1 +1 +1 +1 +0 +oldest ready for . s$' table
	grep -qE '^total +1 +1 +1 +1 +1 +1 +1$' table
}

@test "list: --format prometheus gives metrics with help and type" {
	push a '{"queue":"a\"b\\c"}'
	jobq-list --format prometheus >metrics
	for name in jobq_jobs jobq_queue_oldest_age_seconds jobq_queue_paused; do
		grep -q "^# HELP $name ." metrics
		grep -qx "# TYPE $name gauge" metrics
	done
	grep -qxF 'jobq_jobs{queue="a\"b\\c",state="ready"} 1' metrics
	grep -qxF 'jobq_queue_paused{queue="a\"b\\c"} 0' metrics
	same "" "$(grep -vE '^(# (HELP|TYPE) |[a-z_]+\{.*\} [0-9.e+]+$)' metrics)"
}

@test "list: options that do not go together are refused" {
	push a
	for options in '--stats --state failed' 'a --state failed' 'a --stats' \
		'a --queue q' '--format xml' '--state ready' '--stuck none'; do
		# shellcheck disable=SC2086
		run_apart jobq-list $options
		same 2 "$status"
		same "" "$stdout"
		[ -n "$stderr" ]
	done
}

@test "list: says that there is no store and makes none" {
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" "q.db" "jobq-admin init"
	[ ! -e q.db ]
}

@test "list: a store that is away or cannot answer is told once" {
	run_apart jobq-list -S fail:again
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	run_apart jobq-list -S fail:unsupported --stats
	same 2 "$status"
	same 1 "${#stderr_lines[@]}"
}

@test "list: a full disk is told once and exits 75" {
	push a
	run_apart bash -c 'jobq-list >/dev/full'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "No space left on device"
}

@test "list: ends by SIGPIPE when its reader is gone" {
	seq 3000 | jobq-lines | jobq-push >/dev/null
	run_apart timeout 20 bash -c 'jobq-list | head -n 1 | wc -l
		echo ${PIPESTATUS[0]}'
	same $'1\n141' "$stdout"
	same "" "$stderr"
}

@test "list: a store that keeps no events shows what its list says" {
	export JOBQ_URL="exec:$PWD/dir?adapter=dir"
	jobq-admin init >/dev/null 2>&1
	push a
	jobq-list --table a >screen
	grep -qE '^state +pending$' screen
	jobq-list a | json '.id == "a"'
}

# answering LINE: a store that answers a list with this line.
answering() {
	mkdir -p odd
	echo '{"driver":"exec","fencing":"none","renews":false,"lease":30,
		"verbs":["list","claim","settle"]}' >odd/adapter.json
	printf '%s\n' "$1" >odd/answer
	printf '#!/bin/sh\ncat "%s/odd/answer"\n' "$PWD" >odd/store
	chmod +x odd/store
	run_apart timeout 20 jobq-list -S "exec:$PWD/odd?adapter=$PWD/odd"
}

@test "list: a store that answers no lines, or goes in circles, is told" {
	answering '{"id":"a"}'
	same 0 "$status"
	same '{"id":"a"}' "$stdout"
	answering 'oops'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	answering '{"event":"page"}'
	same 75 "$status"
	has "$stderr" "the store ended a page without a cursor"
	answering '{"event":"page","after":"5"}'
	same 75 "$status"
	has "$stderr" "the store ended two pages with the same cursor"
}
