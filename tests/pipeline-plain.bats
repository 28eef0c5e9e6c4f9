#!/usr/bin/env bats
#
# The plain pipeline: every stage a process of its own, the store between
# claim and report.

load support/stages

# follow COMMAND...: the pipeline that goes on until claim is told to stop.
follow() {
	stage claim jobq-claim --follow --interval 0.2 |
		stage run jobq-run -j 2 --grace 0.5 -- "$@" |
		stage report jobq-report >reported
	tell follow "${PIPESTATUS[@]}"
}

# once COMMAND...: over all jobs there are, for the codes of its stages.
once() {
	stage claim jobq-claim -n 100 |
		stage run jobq-run -j 2 -- "$@" |
		stage report jobq-report >reported
	tell once "${PIPESTATUS[@]}"
}

# all_back NUMBER: whether so many jobs are ready again, for wait_until.
all_back() {
	jobq-admin reap
	counts "$1" 'stage = 2 AND attempt = 0 AND rescues = 0'
}

# --- law 2: what is not changed by anyone ------------------------------------

@test "pipeline: a job's bytes are the same in every stage and back" {
	local line input
	input='{"n":[9007199254740993,1.10,1e400,-0,1E+2],"s":"\u00e9\/é",'
	input+='"z":1,"a":{"y":"\u0000","x":"\ud800"}}'
	line='{"unknown" : [ 1.0 ],"id":"a","input":'$input',"meta":{"b":1.0,'
	line+='"a":"\udfff\u0000"},"name":"n\u0061me","Id":"\/"'
	jobq-push <<<"$line}" >pushed
	jobq-poll >polled
	jobq-claim <polled >claimed
	jobq-run --stdin job -- sh -c 'cat >seen; printf "%s" "$JOBQ_NAME"' \
		<claimed >ran
	jobq-report <ran >reported
	jobq-list --json a >listed
	for file in pushed polled claimed seen listed; do
		[[ $(<$file) =~ ^"$line"[,\}] ]] || same "$line" "$(<$file)"
	done
	json -s '.[-1] | .settled == true and .output == "name"' <reported
}

@test "pipeline: an input is the same on a job's stdin and as its output" {
	local input
	input='{"n":[9007199254740993,1.10,1e400,-0],"z":"\u0000","a":"\ud800"}'
	printf '{"id":"a","input":%s}\n' "$input" | jobq-push | jobq-claim |
		jobq-run -- tee seen | jobq-report >reported
	same "$input" "$(<seen)"
	has "$(tail -n 1 reported)" "\"output\":$input," '"settled":true'
	has "$(jobq-watch a | tail -n 1)" "\"output\":$input,"
}

@test "pipeline: binary output comes through and is kept" {
	printf 'a\377\0b' >result
	printf 'e\200\n' >said
	jobq-push --name a | jobq-claim |
		jobq-run -- sh -c 'cat said >&2; cat result' |
		jobq-report >reported
	json -s 'all(.settled == true)' <reported
	tail -n 1 reported | jq -r .base64 | base64 -d | cmp - result
	jobq-watch "$(jq -r .id reported | head -n 1)" >watched
	tail -n 1 watched | jq -r .base64 | base64 -d | cmp - result
	# The line's own end is not part of it.
	jq -r 'select(.event == "output").base64' watched | base64 -d >back
	head -c 2 said | cmp - back
}

@test "pipeline: lines that are for nobody pass through all stages in order" {
	local a='{"event":"note", "x":1.10,"s":"\u0000"}' b='{"event":"other"}'
	push_jobs 1
	printf '%s\n' "$a" j1 "$b" | jobq-claim | jobq-run -- true |
		jobq-report >reported
	same "$a" "$(head -n 1 reported)"
	same 1 "$(grep -cxF "$b" reported)"
	same 4 "$(wc -l <reported)"
	same 4 "$(state j1)"
}

@test "pipeline: jq, grep and tee may stand between the stages" {
	push_jobs 3 '{"input":{"n":1}}'
	jobq-poll | jq -c 'select(.id != "j2")' | jobq-claim |
		jq --unbuffered -c '.input.n += 1' | jobq-run -- jq .n |
		tee ran | grep --line-buffered -v '"started"' |
		jobq-report >reported
	json -s 'map([.id, .output, .state]) == [["j1", "2", "completed"],
		["j3", "2", "completed"]]' <reported
	same 4 "$(wc -l <ran)"
	same '4 2 4' "$(state j1) $(state j2) $(state j3)"
}

@test "pipeline: the runner needs no store, no home and no settings" {
	push_jobs 1
	jobq-claim -n 1 | env -i PATH="$PATH" jobq-run -- true |
		jobq-report >reported
	same 4 "$(state j1)"
}

# --- as it is shown ----------------------------------------------------------

@test "pipeline: squares, as told in the manual" {
	printf '#!/bin/sh\nn=$(jq .n); echo $((n*n))\n' >square
	chmod +x square
	seq 20 | jq -c '{name:"square",input:{n:.}}' | jobq-push >pushed
	same 20 "$(wc -l <pushed)"
	jobq-claim -n 2 | jobq-run -- ./square | jobq-report |
		jq -c '[.event,.output,.settled]' >out
	same '["started",null,true] ["completed","1",true] ["started",null,true] ["completed","4",true]' \
		"$(paste -sd' ' out)"
	jobq-poll | jq -c 'select(.input.n > 15)' | jobq-claim |
		jobq-run -j 4 -- ./square | jobq-report >out
	same '256 289 324 361 400' "$(jq -r '.output // empty' out | sort -n |
		paste -sd' ')"
	counts 13 'stage = 2'
	pipeline follow ./square
	wait_until 30 counts 20 'stage = 4'
	send TERM claim
	ended '0 0 0' follow
	counts 20 'stage = 4 AND attempt = 1 AND rescues = 0'
}

@test "pipeline: a dead letter, and its retry" {
	echo '{"id":"a","input":{"n":"x"},"max_attempts":1}' | jobq-push |
		jobq-claim | jobq-run -- false | jobq-report >reported || :
	json -s '.[-1] | .event == "failed" and .state == "failed"' <reported
	jobq-list --state failed | jobq-retry >retried
	jobq-poll | jobq-claim | jobq-run -- true | jobq-report >reported
	same 4 "$(state a)"
}

# --- leases ------------------------------------------------------------------

# One of two pipelines whose jobs last longer than a lease, with a filter that
# reads ahead of a runner that has too few places.
crowded() {
	stage "claim$1" jobq-claim --follow --lease 1.5 --interval 0.2 | cat |
		stage "run$1" jobq-run -j 5 -- \
			sh -c 'echo "$JOBQ_ID" >>starts; sleep 1.7' |
		stage "report$1" jobq-report >"reported$1"
	tell "crowded$1" "${PIPESTATUS[@]}"
}

@test "pipeline: two of them beside each other, each job starts once" {
	push_jobs 20
	pipeline crowded 1
	pipeline crowded 2
	wait_until 60 counts 20 'stage = 4'
	send TERM claim1
	send TERM claim2
	ended '0 0 0 0' crowded1
	ended '0 0 0 0' crowded2
	seq -f j%g 20 | sort | diff - <(sort starts)
	counts 20 'attempt = 1 AND rescues = 0 AND epoch = 1'
	json -s 'all(.settled == true) and length == 40' <(grep -hv \
		'"alive"' reported1 reported2)
}

@test "pipeline: what a reader has taken and thrown away comes back" {
	push_jobs 5
	timeout -s KILL 30 jobq-claim --follow --lease 0.4 | head -n 2 >taken || :
	same 'j1 j2' "$(jq -r .id taken | paste -sd' ')"
	wait_until 20 all_back 5
	counts 5 'attempt = 0 AND rescues = 0'
}

# --- the end -----------------------------------------------------------------

@test "pipeline: ends from the left, when all is settled" {
	push_jobs 3
	pipeline once sleep 0.3
	ended '0 0 0' once
	counts 3 'stage = 4'
	json -s 'map(select(.event == "completed")) | length == 3
		and all(.settled == true)' <reported
	same '' "$(cat claim.err run.err report.err)"
}

@test "pipeline: TERM to claim ends it when what runs has ended" {
	push_jobs 9
	pipeline follow sh -c 'echo "$JOBQ_ID" >>starts; sleep 0.5'
	wait_until 30 has_lines 2 starts
	send TERM claim
	ended '0 0 0' follow
	counts 0 'stage = 3 OR rescues > 0'
	counts "$(wc -l <starts)" 'stage = 4 AND attempt = 1'
	counts "$((9 - $(wc -l <starts)))" 'stage = 2 AND attempt = 0'
}

@test "pipeline: TERM to the runner gives its jobs back" {
	push_jobs 4
	pipeline follow sh -c 'echo "$JOBQ_ID" >>starts; exec sleep 60'
	wait_until 30 has_lines 2 starts
	send TERM run
	ended '141 0 0' follow
	same 2 "$(wc -l <starts)"
	for id in $(<starts); do
		same 'shutdown|released|0' "$(job "$id" reason settled attempt)"
	done
	# One that stood in the pipe waits for the end of its lease.
	sql 'UPDATE job SET lease_until = 1 WHERE stage = 3'
	wait_until 20 all_back 4
}

@test "pipeline: TERM to the runner lets finish what ends in time" {
	push_jobs 1
	pipeline follow sh -c 'trap "exit 0" TERM; touch up; sleep 60 & wait'
	wait_until 30 test -e up
	send TERM run
	ended '141 0 0' follow
	same '4|1' "$(job j1 stage attempt)"
}

@test "pipeline: TERM to report loses nothing" {
	push_jobs 4
	pipeline follow sleep 0.3
	wait_until 30 test -s reported
	send TERM report
	wait_until 30 counts 4 'stage = 4'
	send TERM claim
	ended '0 0 0' follow
	has "$(<report.err)" stopping
	same 1 "$(wc -l <report.err)"
}

@test "pipeline: TERM to all stages at once loses nothing" {
	push_jobs 6
	pipeline follow sh -c 'echo "$JOBQ_ID" >>starts; exec sleep 60'
	wait_until 30 has_lines 2 starts
	wait_until 30 has_lines 2 reported
	send TERM claim
	send TERM run
	# It may have read to its end by now.
	kill -s TERM "$(<report.pid)" || true
	wait_until 60 test -s follow.codes
	has ' 0 0 0 141 0 0' " $(<follow.codes)"
	sql 'UPDATE job SET lease_until = 1 WHERE stage = 3'
	jobq-admin reap
	counts 6 'stage = 2 AND attempt = 0 AND rescues = 0'
}

# --- exit codes --------------------------------------------------------------

# codes COMMAND...: of the stages of once, in one line.
codes() {
	pipeline once "$@"
	wait_until 60 test -s once.codes
	cat once.codes
	rm once.codes
}

@test "pipeline: the codes of its stages say what became of the jobs" {
	push_jobs 2
	same '0 0 0' "$(codes true)"
	same '1 0 0' "$(codes true)"
	jobq-push --name a >pushed
	same '0 1 0' "$(codes false)"
	jobq-push --name a --max-attempts 1 >pushed
	same '0 1 1' "$(codes false)"
	jobq-push --name a >pushed
	same '0 1 1' "$(codes sh -c 'exit 65')"
	jobq-push --name a >pushed
	run timeout -s KILL 60 bash -c '
		set -o pipefail
		jobq-claim -n 2 | sed "1a no line" | jobq-run -- true |
			jobq-report >reported'
	same 2 "$status"
	counts 3 'stage = 4'
}

@test "pipeline: pipefail sees success, a failure, and nothing to do" {
	push_jobs 2 '{"max_attempts":1}'
	all() {
		timeout -s KILL 60 bash -o pipefail -c 'jobq-claim -n 1 |
			jobq-run -- "$@" | jobq-report >reported' - "$@"
	}
	all true
	run all false
	same 1 "$status"
	run all true
	same 1 "$status"
	same '' "$output"
}

@test "pipeline: a command that is not there takes no job" {
	push_jobs 3
	pipeline follow nosuch-command
	wait_until 30 test -s follow.codes
	same '141 2 0' "$(<follow.codes)"
	has "$(<run.err)" nosuch-command
	sql 'UPDATE job SET lease_until = 1 WHERE stage = 3'
	jobq-admin reap
	counts 3 'stage = 2 AND attempt = 0 AND rescues = 0'
}
