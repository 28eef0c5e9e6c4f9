#!/usr/bin/env bats

load support/stages

# row ID: stage, attempt, epoch, rescues, and the ending of a job.
row() {
	job "$1" stage attempt epoch rescues "coalesce(settled, '-')"
}

# line EVENT...: the events of the claimed jobs, as text.
line() {
	events "$@" <claimed
}

# settled: what the lines of $stdout say of each, in one line.
settled() {
	jq -c '[.event, .settled]' <<<"$stdout" | paste -sd' '
}

# --- what becomes of a job ---------------------------------------------------

@test "report: a completed job is settled, its line kept byte for byte" {
	local text
	push_jobs 1
	take
	text=$(line '{"event":"completed"}')
	text=${text%\}}',"output":{"z":1e400,"a":[1.10,9007199254740993]},'
	text+='"x" : "\u00e9\/\u0000\ud800"'
	report "$text}"
	same 0 "$status"
	same "$text"',"settled":true,"state":"completed"}' "$stdout"
	same '' "$stderr"
	same '4|1|1|0|completed' "$(row j1)"
}

@test "report: the events of a run are kept and answered true" {
	push_jobs 1
	take
	report "$(line '{"event":"started"}' \
		'{"event":"output","stream":"stdout","text":"a\nb"}' \
		'{"event":"output","stream":"stderr","base64":"/wA="}' \
		'{"event":"progress","percent":50,"note":"half"}' \
		'{"event":"later-version","what":1}' "$completed")"
	same 0 "$status"
	json -s 'map(.settled) == [range(6) | true] and .[5].state == "completed"
		and all(.[:5][]; has("state") | not)' <<<"$stdout"
	same 6 "$(sql 'SELECT count(*) FROM event')"
}

@test "report: a failed attempt is tried again later, the last one is not" {
	echo '{"id":"a","max_attempts":2}' | jobq-push >pushed
	take
	report "$(line "$failed")"
	same 0 "$status"
	# 15 s less or more a tenth, and what a slow machine takes.
	json '.settled == true and .state == "pending"
		and ((.run_at[:19] + "Z" | fromdate) - now
		| . > 5 and . <= 16.5)' <<<"$stdout"
	same '1|1|1|0|failed' "$(row a)"
	sql "UPDATE job SET run_ms = 1 WHERE id = 'a'"
	take
	report "$(line "$failed")"
	same 1 "$status"
	json '.settled == true and .state == "failed" and (has("run_at") | not)' \
		<<<"$stdout"
	same '6|2|2|0|failed' "$(row a)"
}

@test "report: retry and retry_after of a failure are heeded" {
	push_jobs 2
	take -n2
	report "$(line '{"event":"failed","reason":"exit","retry":false}' |
		head -n 1)"
	same 1 "$status"
	same '6|1|1|0|failed' "$(row j1)"
	report "$(line '{"event":"failed","reason":"exit","retry_after":0.2}' |
		tail -n 1)"
	same 0 "$status"
	wait_until 20 take
	json '.id == "j2" and .attempt == 2' <claimed
}

@test "report: cancelled, released and snoozed" {
	push_jobs 3
	take -n3
	report "$(jq -c 'select(.id == "j1")' claimed |
		events '{"event":"cancelled","reason":"cancel"}'
	jq -c 'select(.id == "j2")' claimed |
		events '{"event":"released","reason":"shutdown"}'
	jq -c 'select(.id == "j3")' claimed |
		events '{"event":"snoozed","retry_after":300}')"
	same 0 "$status"
	json -s 'map(.settled, .state) == [true, "cancelled", true, "pending",
		true, "pending"]
		and ((.[2].run_at[:19] + "Z" | fromdate) - now | . > 280)' \
		<<<"$stdout"
	same '5|1|1|0|cancelled' "$(row j1)"
	same '2|0|1|0|released' "$(row j2)"
	same '1|0|1|0|snoozed' "$(row j3)"
}

@test "report: a job that others need is released by the ending" {
	push_jobs 1
	echo '{"id":"child","needs":["j1"]}' | jobq-push >pushed
	take
	report "$(line "$completed")"
	same 2 "$(state child)"
}

@test "report: an alive line renews and is answered with what is lost" {
	push_jobs 2
	take -n2 --lease 100
	sql 'UPDATE job SET lease_until = lease_until - 99000'
	report "$(jq -sc '{event: "alive", worker: .[0].lease.worker, n: 4,
		jobs: [["j1", 1], ["j2", 7], ["gone", 1]]}' claimed)"
	same 0 "$status"
	json '.lost == [["j2", 7], ["gone", 1]] and .n == 4
		and (has("settled") | not)' <<<"$stdout"
	same 1 "$(sql 'SELECT count(*) FROM job WHERE lease_until >
		(SELECT lease_until + 50000 FROM job WHERE id = '\''j2'\'')')"
}

# --- one accepted outcome ----------------------------------------------------

@test "report: an ending that comes again is answered true again" {
	push_jobs 1
	take
	report "$(line "$completed" "$completed")"
	same '["completed",true] ["completed",true]' "$(settled)"
	report "$(line "$completed")"
	same 0 "$status"
	same '["completed",true]' "$(settled)"
	same 1 "$(sql 'SELECT count(*) FROM event')"
	same '4|1|1|0|completed' "$(row j1)"
}

@test "report: another ending after the first is stale and changes nothing" {
	push_jobs 1
	take
	report "$(line "$completed" "$failed" '{"event":"released"}')"
	same 0 "$status"
	same '["completed",true] ["failed","stale"] ["released","stale"]' \
		"$(settled)"
	report "$(line "$failed")"
	same '["failed","stale"]' "$(settled)"
	same '4|1|1|0|completed' "$(row j1)"
}

@test "report: a stale epoch and a stranger are told so" {
	push_jobs 1
	take -n1 --lease 0.2
	cp claimed old
	wait_until 20 take
	report "$(line "$completed" <old; events "$completed" <old
	line "$completed" | jq -c '.worker = "me"'
	line "$completed" | jq -c '.epoch = 9')"
	same 0 "$status"
	json -s 'map(.settled) == [true, "stale", "stale", "stale"]' <<<"$stdout"
	same '4|1|2|0|completed' "$(row j1)"
}

@test "report: a job that another has taken over is not settled by the first" {
	push_jobs 1
	take -n1 --lease 0.2
	cp claimed old
	wait_until 20 take
	report "$(events '{"event":"started"}' "$completed" <old)"
	same '["started","stale"] ["completed","stale"]' "$(settled)"
	same '3|1|2|0|-' "$(row j1)"
	report "$(line "$completed")"
	same '["completed",true]' "$(settled)"
}

@test "report: an unknown job, or an event without a lease, is unknown" {
	push_jobs 1
	report '{"event":"completed","id":"nosuch","epoch":1,"worker":"w","n":1}
{"event":"completed","id":"j1","n":1}
{"event":"failed","id":"j1"}'
	same 0 "$status"
	same '["completed","unknown"] ["completed","unknown"] ["failed","unknown"]' \
		"$(settled)"
	same '2|0|0|0|-' "$(row j1)"
}

@test "report: what comes out of order changes nothing twice" {
	push_jobs 1
	take
	line '{"event":"started"}' '{"event":"progress","percent":1}' \
		"$completed" >lines
	report "$(tac lines)"
	same 0 "$status"
	json -s '.[0].settled == true' <<<"$stdout"
	same '4|1|1|0|completed' "$(row j1)"
	report "$(cat lines lines)"
	json -s 'map(select(.event == "completed").settled) == [true, true]' \
		<<<"$stdout"
	same '4|1|1|0|completed' "$(row j1)"
}

@test "report: what the store refuses is answered refused, the job fails" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 3
	take -n3
	report "$(line '{"event":"started"}' \
		'{"event":"completed","output":1}' |
		sed '/completed.*j2/s/"output":1/"output":"poison"/')"
	same 1 "$status"
	json -s 'map([.id, .event, .settled, .state]) == [
		["j1", "started", true, null],
		["j1", "completed", true, "completed"],
		["j2", "started", true, null],
		["j2", "completed", "refused", null],
		["j2", "failed", true, "failed"],
		["j3", "started", true, null],
		["j3", "completed", true, "completed"]]' <<<"$stdout"
	has "$stderr" 'line 4' 'poison is not kept here'
	json '.output == "poison"' <<<"$(sed -n 4p <<<"$stdout")"
	json '.reason == "refused" and .retry == false' \
		<<<"$(sed -n 5p <<<"$stdout")"
}

# --- what passes -------------------------------------------------------------

@test "report: what is not for it passes through unchanged, in its place" {
	push_jobs 1
	take
	{
		echo '{"input": 1.10,"id":"j9"}'
		line '{"event":"started"}'
		cat <<-'END'
			{"event":"stop","id":"j1","epoch":1,"reason":"cancel"}
			{"event" : "idle","next_in":1e400}
			{"event":"gap"}
			{"event":"completed","id":"j1","settled":true,"x":1.10}
			{"event":"failed","id":"j1","settled":"stale","state":"failed"}
			{"event":"alive","worker":"w","jobs":[],"lost":[]}
			{"event":"cancel","id":"j1","settled":true}
			{"event":"of a later version","id":"j1","y":"\u0000"}
			{}
		END
	} >lines
	report "$(<lines)"
	same 0 "$status"
	same '' "$stderr"
	same "$(sed '2d' lines)" "$(sed '2d' <<<"$stdout")"
	same 'true' "$(jq -s '.[1].settled' <<<"$stdout")"
	same 3 "$(state j1)"
}

@test "report: a request to cancel reaches the store" {
	push_jobs 2
	take
	report '{"event":"cancel","id":"j1","reason":"too late"}
{"event":"cancel","id":"j2"}
{"event":"cancel","id":"nosuch"}
{"event":"cancel"}'
	same 0 "$status"
	json -s 'map([.event, .id, .was, .done]) == [
		["cancel", "j1", "running", true], ["cancel", "j2", "pending", true],
		["cancel", "nosuch", "unknown", false],
		["cancel", null, null, null]]' <<<"$stdout"
	same '3|too late' "$(job j1 stage cancel)"
	same '5|cancel' "$(job j2 stage reason)"
}

@test "report: a request that the store cannot grant is told, and all goes on" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 1
	take
	report "{\"event\":\"cancel\", \"id\":\"j1\" }
$(line "$completed")"
	same 0 "$status"
	same '{"event":"cancel", "id":"j1" ,"settled":"unsupported"}' \
		"${lines[0]}"
	json '.settled == true' <<<"${lines[1]}"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "'cancel'"
}

@test "report: a request to cancel waits while another program writes" {
	push_jobs 1
	echo '{"event":"cancel","id":"j1"}' >r.in
	lock_store
	background r jobq-report
	not wait_until 0.5 test -s r.status
	unlock_store
	exits 0 r
	json '.done == true' <r.out
	same 5 "$(state j1)"
}

@test "report: a thousand jobs in order, none delayed, none lost" {
	push_jobs 1000
	take -n1000
	report "$(line '{"event":"started"}' "$completed")"
	same 0 "$status"
	same 2000 "${#lines[@]}"
	json -s '[.[] | select(.settled == true) | .id]
		== [range(1000) | "j\(. + 1)" | ., .]' <<<"$stdout"
	counts 1000 'stage = 4'
}

@test "report: settles what is there at once, not at the end" {
	push_jobs 1
	take
	mkfifo r.in
	background r jobq-report
	exec 5>r.in
	line '{"event":"started"}' >&5
	wait_until 20 has_lines 1 r.out
	line '{"event":"started"}' "$completed" | tail -n 1 >&5
	wait_until 20 has_lines 2 r.out
	same 4 "$(state j1)"
	echo '{"event":"gap"}' >&5
	wait_until 20 has_lines 3 r.out
	exec 5>&-
	exits 0 r
	same '' "$(<r.err)"
}

@test "report: --dry-run reads and prints, and changes nothing" {
	push_jobs 1
	take
	line "$completed" >lines
	report "$(<lines)
{\"event\":1}" --dry-run
	same 2 "$status"
	same "$(<lines)" "$stdout"
	has "$stderr" stdin:2:
	same 3 "$(state j1)"
}

# --- what is wrong -----------------------------------------------------------

@test "report: bad lines are named by number and skipped, exit 2" {
	push_jobs 1
	take
	{
		printf '\xef\xbb\xbf'
		line '{"event":"started"}'
		echo 'no json'
		echo '{"event":"completed","id":"j1","id":"j1"}'
		echo '{"event":"completed","id":"j1","epoch":0}'
		echo '{"event":5}'
		echo
		echo '{"event":"alive","worker":"w","jobs":[["j1"]]}'
		line "$completed" | jq -c '.n = 2' | sed 's/$/\r/'
		printf '{"event":"comp'
	} >lines
	run_apart timeout -s KILL 30 jobq-report <lines
	same 2 "$status"
	same '["started",true] ["completed",true]' "$(settled)"
	same '2 3 4 5 7 9' "$(grep -o 'stdin:[0-9]*:' <<<"$stderr" |
		tr -dc '0-9\n' | paste -sd' ')"
}

@test "report: --strict stops at the bad line, what came before is settled" {
	push_jobs 2
	take -n2
	line "$completed" | sed '1a bad' >lines
	report "$(<lines)" --strict
	same 2 "$status"
	same '["completed",true]' "$(settled)"
	same '4 3' "$(state j1) $(state j2)"
}

@test "report: an event for which the next stage has no room is a bad line" {
	push_jobs 2
	take -n2
	{
		printf '{"event":"completed","id":"j1","epoch":1,"worker":"w",'
		printf '"output":"%2097152s"}\n' ''
		printf '{"event":"completed","id":"j1","epoch":1,"worker":"w",'
		printf '"output":"%2090000s"}\n' ''
		line "$completed" |
			jq -c 'select(.id == "j2") | .output = "x" * 1048576'
	} >lines
	run_apart timeout -s KILL 60 jobq-report <lines
	same 2 "$status"
	same '["completed",true]' "$(settled)"
	same 'stdin:1: stdin:2:' "$(grep -o 'stdin:[0-9]*:' <<<"$stderr" |
		paste -sd' ')"
}

@test "report: without a store it says how to make one, exit 2" {
	report '{"event":"completed","id":"a"}'
	same 2 "$status"
	same '' "$stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'no store' jobq-push 'jobq-admin init'
	[[ ! -e q.db ]]
	run_apart timeout -s KILL 30 jobq-report </dev/null
	same 2 "$status"
	has "$stderr" 'no store'
	report '{"event":"completed","id":"a"}' --store fail:config
	same 2 "$status"
}

@test "report: an unknown kind of store is told at once" {
	mkfifo r.in
	background r jobq-report --store nosuch:x
	exec 5>r.in
	exits 2 r
	has "$(<r.err)" "nosuch" sqlite
	exec 5>&-
}

@test "report: the store may be made while it waits for events" {
	mkfifo r.in
	background r jobq-report
	exec 5>r.in
	wait_until 20 test -s r.pid
	push_jobs 1
	take
	line "$completed" >&5
	exec 5>&-
	exits 0 r
	same 4 "$(state j1)"
}

@test "report: a store that is away is waited for, then all is settled" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 1
	take
	line "$completed" >r.in
	touch away
	background r jobq-report
	wait_until 20 grep -q 'in another room; trying again in' r.err
	not test -s r.status
	rm away
	exits 0 r
	json '.settled == true and .state == "completed"' <r.out
}

@test "report: a store that goes away in the middle loses nothing" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 2
	take -n2
	mkfifo r.in
	background r jobq-report
	exec 5>r.in
	line "$completed" | head -n 1 >&5
	wait_until 20 has_lines 1 r.out
	touch away
	line "$completed" | tail -n 1 >&5
	wait_until 20 grep -q 'trying again' r.err
	send USR1 r
	wait_until 20 grep -q 'waits for the store' r.err
	rm away
	exec 5>&-
	exits 0 r
	json -s 'map(.id) == ["j1", "j2"] and all(.settled == true)' <r.out
}

@test "report: exits 1 when a job failed for good, not when it will be retried" {
	push_jobs 2 '{"max_attempts":1}'
	take -n2
	report "$(line "$completed" | head -n 1)"
	same 0 "$status"
	report "$(line "$failed" | tail -n 1)"
	same 1 "$status"
	# It is told again when the ending comes again.
	report "$(line "$failed" | tail -n 1)"
	same '["failed",true]' "$(settled)"
}

@test "report: goes on settling when its reader is gone" {
	push_jobs 1000
	take -n1000
	line "$completed" >lines
	# shellcheck disable=SC2016 # for the inner shell
	run_apart timeout -s KILL 60 bash -c '
		jobq-report <lines | head -n 1 >first
		echo "${PIPESTATUS[0]}"'
	same 0 "$status"
	same 0 "$stdout"
	has "$stderr" 'settled all the same'
	counts 1000 'stage = 4'
}

@test "report: goes on settling on a full disk, exit 75 at the end" {
	push_jobs 2
	take -n2
	line "$completed" >lines
	run_apart timeout -s KILL 30 bash -c 'jobq-report <lines >/dev/full'
	same 75 "$status"
	has "$stderr" 'No space left on device' 'settled all the same'
	counts 2 'stage = 4'
}

# --- signals -----------------------------------------------------------------

@test "report: TERM and INT are noted, it ends at the end of its input" {
	push_jobs 1
	take
	mkfifo r.in
	background r jobq-report
	exec 5>r.in
	echo '{"event":"gap"}' >&5
	wait_until 20 has_lines 1 r.out
	send TERM r
	wait_until 20 grep -q 'stopping at the end of the input' r.err
	line "$completed" >&5
	wait_until 20 has_lines 2 r.out
	exec 5>&-
	exits 0 r
	same 4 "$(state j1)"
	same 1 "$(wc -l <r.err)"
}

@test "report: a second signal ends it, exit 75" {
	mkfifo r.in
	jobq-push </dev/null
	background r jobq-report
	exec 5>r.in
	echo '{"event":"gap"}' >&5
	wait_until 20 has_lines 1 r.out
	send TERM r
	wait_until 20 grep -q stopping r.err
	send INT r
	exits 75 r
	exec 5>&-
	same 2 "$(wc -l <r.err)"
}

@test "report: a second signal ends it also under a flood of lines" {
	local text
	jobq-push </dev/null
	for text in garbage '{"event":"gap"}' \
		'{"event":"completed","id":"a","epoch":1,"worker":"w","n":1}'; do
		rm -f r.*
		mkfifo r.in
		background r jobq-report
		spawn bash -c 'exec yes "$1" >r.in' - "$text"
		wait_until 20 test -s r.out -o -s r.err
		send TERM r
		wait_until 20 grep -q stopping r.err
		send TERM r
		exits 75 r
	done
}

@test "report: a second signal ends it under a flood that nobody reads" {
	jobq-push </dev/null
	# A file never keeps its reader waiting.
	yes '{"event":"completed","id":"a","epoch":1,"worker":"w","n":1}' |
		head -n 300000 >r.in
	mkfifo r.out
	background r jobq-report
	exec 6<r.out
	exec 6<&-
	wait_until 20 grep -q 'all the same' r.err
	send TERM r
	wait_until 20 grep -q stopping r.err
	send TERM r
	exits 75 r
}

@test "report: a second signal ends it in the middle of an endless line" {
	jobq-push </dev/null
	ln -s /dev/zero r.in
	background r jobq-report
	wait_until 20 grep -q stdin:1: r.err
	send TERM r
	wait_until 20 grep -q stopping r.err
	send TERM r
	exits 75 r
}

@test "report: a second signal ends it when its reader takes nothing" {
	jobq-push </dev/null
	yes '{"event":"gap"}' | head -n 20000 >r.in
	mkfifo r.out
	background r jobq-report
	exec 6<r.out
	# There is room for a page or two, not for all.
	timeout 20 head -c 8192 <&6 >taken
	send USR1 r
	wait_until 20 grep -q 'bytes to write; waits for its reader' r.err
	send TERM r
	wait_until 20 grep -q stopping r.err
	send TERM r
	exits 75 r
	exec 6<&-
}

@test "report: a second signal ends the wait for a store that is away" {
	echo '{"event":"completed","id":"a"}' >r.in
	background r jobq-report --store fail:again
	wait_until 20 grep -q 'trying again' r.err
	send TERM r
	wait_until 20 grep -q stopping r.err
	send TERM r
	exits 75 r
	has "$(tail -n 1 r.err)" '1 events' 'not taken'
}

@test "report: USR1 says what it waits for" {
	mkfifo r.in
	jobq-push </dev/null
	background r jobq-report
	exec 5>r.in
	echo '{"event":"gap"}' >&5
	wait_until 20 has_lines 1 r.out
	send USR1 r
	wait_until 20 grep -q '0 events to settle.* waits for events' r.err
	exec 5>&-
	exits 0 r
}
