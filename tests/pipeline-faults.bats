#!/usr/bin/env bats
#
# The plain pipeline when things go wrong: a store that is locked, away or
# full, stages that are killed or stopped, lines that are long or hostile.

load support/stages

# follow ARGUMENTS COMMAND...: the pipeline, with these arguments for claim.
follow() {
	# shellcheck disable=SC2086 # arguments, divided by spaces
	stage claim jobq-claim --follow --interval 0.1 $1 |
		stage run jobq-run -j 2 --grace 0.5 -- "${@:2}" |
		stage report jobq-report >reported
	tell follow "${PIPESTATUS[@]}"
}

# all_back NUMBER: whether so many jobs are ready again, for wait_until.
all_back() {
	jobq-admin reap
	counts "$1" 'stage = 2'
}

# letters NUMBER LETTER: so many of them.
letters() {
	head -c "$1" /dev/zero | tr '\0' "$2"
}

# --- the store ---------------------------------------------------------------

@test "faults: while the store is locked nothing is lost, and all goes on" {
	push_jobs 12
	pipeline follow '' sh -c 'echo "$JOBQ_ID" >>starts; sleep 0.2'
	wait_until 30 has_lines 2 starts
	lock_store
	not wait_until 1.5 counts 12 'stage = 4'
	unlock_store
	wait_until 30 counts 12 'stage = 4'
	send TERM claim
	ended '0 0 0' follow
	same 12 "$(sort -u starts | wc -l)"
	counts 12 'attempt = 1 AND rescues = 0 AND epoch = 1'
	json -s 'map(select(.event == "completed")) | length == 12
		and all(.settled == true)' <reported
}

@test "faults: claim says that the store is locked, and takes jobs after" {
	push_jobs 1
	lock_store
	background c jobq-claim --follow --lease 0.6 --interval 0.1
	wait_until 30 grep -q 'locked it; trying again in' c.err
	not test -s c.status
	unlock_store
	wait_until 30 has_lines 1 c.out
	send TERM c
	exits 0 c
}

@test "faults: claim goes on when a store that was away is back" {
	make_picky_store
	export JOBQ_URL=$picky
	push_jobs 1
	touch away
	background c jobq-claim -n 1
	exits 75 c
	same 1 "$(wc -l <c.err)"
	rm -f away c.*
	background c jobq-claim --follow --interval 0.1
	wait_until 30 has_lines 1 c.out
	touch away
	wait_until 30 grep -q 'in another room; trying again' c.err
	rm away
	jobs 2 | jobq-push >pushed
	wait_until 30 has_lines 2 c.out
}

@test "faults: report waits for room on a full disk and loses nothing" {
	push_jobs 300
	take -n300
	events '{"event":"started"}' "$completed" <claimed >r.in
	# The limit of a file's size stands for the end of the disk.
	background r bash -c 'trap "" XFSZ; ulimit -S -f 40; exec jobq-report'
	wait_until 30 grep -q 'trying again in' r.err
	not test -s r.status
	counts 300 'stage = 3'
	prlimit --fsize=unlimited: --pid "$(<r.pid)"
	exits 0 r
	counts 300 'stage = 4'
	json -s 'length == 600 and all(.settled == true)' <r.out
}

@test "faults: claim on a full disk takes nothing, exit 75" {
	push_jobs 300
	run_apart bash -c 'trap "" XFSZ; ulimit -f 20; jobq-claim -n 300'
	same 75 "$status"
	same '' "$stdout"
	same 1 "${#stderr_lines[@]}"
	counts 300 'stage = 2 AND attempt = 0'
	take -n300
	same 300 "$(wc -l <claimed)"
}

# --- stages that die ---------------------------------------------------------

@test "faults: a report that was killed is started again on the same input" {
	local i
	push_jobs 400
	take -n400
	events '{"event":"started"}' '{"event":"progress","percent":1}' \
		"$completed" <claimed >lines
	mkfifo r.in
	background r jobq-report
	exec 5>r.in
	head -n 300 lines >&5
	wait_until 30 has_lines 300 r.out
	tail -n +301 lines >&5 &
	wait_until 30 has_lines 301 r.out
	send KILL r
	exits 137 r
	exec 5>&-
	jobq-report <lines >reported
	json -s 'length == 1200 and all(.settled == true)' <reported
	counts 400 'stage = 4 AND attempt = 1'
	same 1200 "$(sql 'SELECT count(*) FROM event')"
	# What the first one had said is said again, but for what it did then.
	head -n 300 r.out | sed 's/,"state":"completed"}$/}/' |
		cmp - <(head -n 300 reported)
}

@test "faults: what a killed claim had taken comes back with its lease" {
	push_jobs 30 "$(jq -nc '{input: ("x" * 1000)}')"
	mkfifo c.out
	background c jobq-claim -n 30 --lease 0.5
	exec 6<c.out
	wait_until 30 counts 30 'stage = 3'
	send KILL c
	exits 137 c
	exec 6<&-
	wait_until 30 all_back 30
	counts 30 'attempt = 0 AND rescues = 0'
	take -n30
	same 30 "$(wc -l <claimed)"
}

@test "faults: after the death of a runner its jobs start elsewhere" {
	push_jobs 4
	pipeline follow '--lease 0.7' \
		sh -c 'echo $$ >>pids; echo "$JOBQ_ID" >>starts; exec sleep 60'
	wait_until 30 has_lines 2 starts
	send KILL run
	ended '141 137 0' follow
	while read -r pid; do
		wait_until 10 gone "$pid"
	done <pids
	wait_until 30 all_back 4
	counts 2 'rescues = 1 AND attempt = 0'
	counts 2 'rescues = 0 AND attempt = 0'
	rm follow.codes
	pipeline follow '-n 4' true
	ended '0 0 0' follow
	counts 4 'stage = 4 AND attempt = 1'
}

@test "faults: after the death of report nothing is lost, nothing is twice" {
	push_jobs 8
	pipeline follow '--lease 0.7' sh -c 'echo "$JOBQ_ID" >>ends; sleep 0.2'
	wait_until 30 has_lines 3 ends
	send KILL report
	wait_until 60 test -s follow.codes
	[[ $(<follow.codes) == *' 137' ]]
	all_free() {
		jobq-admin reap
		counts 0 'stage = 3'
	}
	wait_until 30 all_free
	rm follow.codes
	pipeline follow "-n $(sql 'SELECT count(*) FROM job WHERE stage = 2')" \
		sh -c 'echo "$JOBQ_ID" >>ends'
	ended '0 0 0' follow
	counts 8 'stage = 4 AND attempt = 1'
	same 8 "$(sort -u ends | wc -l)"
	same 8 "$(sql "SELECT count(*) FROM event
		WHERE line LIKE '{\"event\":\"completed\"%'")"
}

@test "faults: a runner that was stopped too long is told that it is stale" {
	push_jobs 1
	pipeline follow '--lease 0.7' sh -c 'echo >>starts; sleep 0.3; echo slow'
	wait_until 30 has_lines 1 starts
	send STOP claim
	send STOP run
	wait_until 30 all_back 1
	same '0|1' "$(job j1 attempt rescues)"
	take
	json '.attempt == 1 and .lease.epoch == 2' <claimed
	settle '{"event":"started"}' '{"event":"completed","output":"quick"}'
	send CONT run
	send CONT claim
	wait_until 30 grep -q '"stale"' reported
	send TERM claim
	wait_until 60 test -s follow.codes
	same '4|1|2' "$(job j1 stage attempt epoch)"
	json -s '[.[] | select(.settled == true) | .event] == ["started"]' \
		<reported
	jobq-watch j1 | tail -n 1 >last
	json '.output == "quick"' <last
}

# --- long and odd lines ------------------------------------------------------

@test "faults: jobs of 100 KiB go through" {
	local text
	text=$(letters 102400 x)
	seq 40 | sed "s/.*/{\"id\":\"j&\",\"input\":\"$text\"}/" |
		jobq-push >pushed
	same 40 "$(wc -l <pushed)"
	jobq-claim -n 40 | jobq-run -j 2 -- wc -c | jobq-report >reported
	same 40 "$(jq -r 'select(.event == "completed").output' reported |
		grep -c '^102403$')"
	counts 40 'stage = 4'
}

@test "faults: batches of more than 4 MiB go in, through and back" {
	local text
	text=$(letters 1048000 x)
	for i in {1..9}; do
		printf '{"id":"j%d","input":"%s"}\n' "$i" "$text"
	done | jobq-push >pushed
	same 9 "$(wc -l <pushed)"
	take -n9
	same 9 "$(wc -l <claimed)"
	for i in {1..9}; do
		printf '{"event":"completed","id":"j%d","epoch":1,' "$i"
		printf '"worker":%s,"n":1,"output":"%s%d"}\n' \
			"$(head -n 1 claimed | jq .lease.worker)" "$text" "$i"
	done | jobq-report >reported
	same 9 "$(grep -c '"settled":true,"state":"completed"}$' reported)"
	jobq-list --json --state completed >listed
	same 9 "$(wc -l <listed)"
}

@test "faults: a result of a megabyte is settled" {
	jobq-push --name a | jobq-claim |
		jobq-run -- sh -c 'head -c 1048500 /dev/zero | tr "\0" "\""' \
		>ran || :
	jobq-report <ran >reported || :
	tail -n 1 reported | json '.settled == true and (.event == "completed"
		or .event == "failed")'
	counts 0 'stage = 3'
}

@test "faults: a line that was torn between the stages is named" {
	push_jobs 3
	take -n3
	events "$completed" <claimed | sed '2s/.\{20\}$//' >lines
	run_apart timeout -s KILL 60 jobq-report <lines
	same 2 "$status"
	has "$stderr" stdin:2:
	same 1 "${#stderr_lines[@]}"
	same '4 3 4' "$(state j1) $(state j2) $(state j3)"
	head -c -10 claimed >torn
	run_apart timeout -s KILL 60 jobq-run -- true <torn
	same 2 "$status"
	has "$stderr" stdin:3:
}

# bytes SEED: four thousand that are the same for the same seed.
bytes() {
	LC_ALL=C awk -v seed="$1" 'BEGIN {
		srand(seed)
		for (i = 0; i < 4000; i++)
			printf "%c", int(rand() * 256)
	}'
}

# nested DEPTH
nested() {
	printf '{"id":"n%d","event":"completed","input":%s1%s}\n' "$1" \
		"$(letters "$1" '[')" "$(letters "$1" ']')"
}

# Files with what nobody should send.
make_hostile() {
	seed=${JOBQ_TEST_SEED:-$RANDOM}
	echo "JOBQ_TEST_SEED=$seed"
	mkdir hostile
	cd hostile || return
	bytes "$seed" >random
	bytes "$((seed + 1))" | tr '\200-\377' '{}[]":,\\\n0-9a-z' >random-json
	printf '\0\0\0\n\0' >nul
	letters 3000000 x >one-long-line
	{ printf '{"id":"'; letters 1000000 a; echo '"}'; } >long-id
	{ nested 62; nested 63; nested 64; nested 100000; } >deep
	for i in 1e99999999999 -0.0e-0 123456789012345678901234567890 1e-400; do
		printf '{"id":"a","priority":%s}\n' "$i"
		printf '{"event":"completed","id":"a","epoch":%s,"n":%s}\n' "$i" "$i"
		printf '{"event":"failed","id":"a","retry_after":%s}\n' "$i"
		printf '{"id":"a","timeout":%s,"max_attempts":%s}\n' "$i" "$i"
	done >numbers
	cat >duplicates <<-'END'
		{"id":"a","id":"b"}
		{"event":"completed","event":"failed","id":"a"}
		{"id":"a","\u0069d":"b"}
		{"id":"a","lease":{"epoch":1,"epoch":2,"worker":"w"}}
	END
	cat >types <<-'END'
		{"event":null,"id":null}
		{"event":{},"id":[]}
		{"event":"alive","worker":"w","jobs":[["a",1],["a"],[],1]}
		{"event":"alive","jobs":[]}
		{"event":"completed","id":"a'; DROP TABLE job; --","epoch":1}
		{"event":"completed","id":"a","epoch":1,"worker":"'; DROP TABLE job; --"}
		{"id":"a","lease":null,"state":"running"}
		{"id":"a","lease":{"epoch":1,"worker":"\u0000"}}
		{"id":"a","needs":["a"]}
		{"id":"\ud800"}
		{"event":"\udfff"}
		null
		true
		[[[[]]]]
		"\u001b]0;x\u0007"
		{"\u0000":1}
	END
	{ letters 200000 '\n'; letters 1000 '\r'; } >blank
	printf '\xef\xbb\xbf\xef\xbb\xbf{}\r\r\n\xff\xfe{\0}\0' >marks
	: >empty
	cd ..
}

# survives FILE COMMAND...: neither a signal nor an odd exit code ends it, and
# it says nothing that could steer a terminal. What it prints is added to
# printed.
survives() {
	local code=0
	timeout -s KILL 60 "${@:2}" <"$1" >out 2>err || code=$?
	[[ $code == @(0|1|2|75) ]] || {
		echo "$* ended with $code:"
		tail -n 5 err
		return 1
	}
	cat out >>printed
	not grep -q '[[:cntrl:]]' err
}

@test "faults: hostile lines crash no command and spoil no store" {
	make_hostile
	push_jobs 5
	for file in hostile/*; do
		survives "$file" jobq-lines
		survives "$file" jobq-lines -0
		survives "$file" jobq-push
		survives "$file" jobq-claim
		survives "$file" jobq-run -- true
		survives "$file" jobq-report
		survives "$file" jobq-cancel
		survives "$file" jobq-retry
	done
	same ok "$(sql 'PRAGMA integrity_check')"
	counts 5 "id LIKE 'j_'"
	# jq does not take half a surrogate pair.
	python3 -c 'import json, sys
for line in sys.stdin:
	assert isinstance(json.loads(line), dict)' <printed
}

@test "faults: hostile lines go through a whole pipeline" {
	make_hostile
	for file in hostile/*; do
		timeout -s KILL 60 bash -c 'jobq-push | jobq-claim |
			jobq-run -- true | jobq-report
			for code in "${PIPESTATUS[@]}"; do
				[[ $code == @(0|1|2) ]] || exit
			done' <"$file" >out 2>err || {
			tail -n 5 err
			return 1
		}
	done
	same ok "$(sql 'PRAGMA integrity_check')"
	counts 0 'stage IN (2, 3)'
}
