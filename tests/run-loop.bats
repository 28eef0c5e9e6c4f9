#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1083,SC2094 # scripts and templates of the jobs

# jobq-run without a store: repeating, halting, logs, going on later.

load support/common

jobs_to() {
	seq "$1" | jq -c '{id: "j\(.)", input: .}'
}

# go ARG...: runs jobq-run on the lines of in; events in out, its status.
go() {
	status=0
	timeout 60 jobq-run "$@" <in >out 2>err || status=$?
}

ends() {
	jq -r 'select(.event == "completed" or .event == "failed" or
		.event == "released" or .event == "cancelled")
		| "\(.id) \(.event)"' out | sort -V | xargs
}

# --- retries -----------------------------------------------------------------

@test "run: --retries repeats a failed job, and one ending remains" {
	jobs_to 2 >in
	go --retries 2 --backoff 0.05s -- sh -c '
		echo "$JOBQ_ID $JOBQ_ATTEMPT" >>tries
		test "$JOBQ_ID$JOBQ_ATTEMPT" = j13 && exit; echo no >&2; exit 3'
	same 1 "$status"
	same 'j1 completed j2 failed' "$(ends)"
	same 'j1 1 j1 2 j1 3 j2 1 j2 2 j2 3' "$(sort -V tries | xargs)"
	jq -c 'select(.event == "progress" and .id == "j2")' out |
		jq -s -e 'map([.reason, .attempt, .exit, .error]) ==
			[["exit", 1, 3, "exit status 3: no"],
			["exit", 2, 3, "exit status 3: no"]]
		and all(.[]; .retry_after >= 0.04 and .retry_after < 0.06)'
	same '1 2 3 4 5 6 7 8 9' "$(jq -r 'select(.id == "j2").n' out | xargs)"
}

@test "run: --retries leaves alone what failed for good" {
	jobs_to 1 >in
	go --retries 5 -- sh -c 'echo >>tries; exit 65'
	same 1 "$(wc -l <tries)"
	same 'j1 failed' "$(ends)"
}

@test "run: --retries is not for jobs of a store" {
	echo '{"id":"a","state":"running","lease":{"epoch":1,"worker":"w","seconds":30}}' >in
	go --retries 5 --backoff 0.01s -- sh -c 'echo >>tries; exit 1'
	same 1 "$(wc -l <tries)"
	same 'a failed' "$(ends)"
}

@test "run: --retries repeats what timed out or was killed by a signal" {
	jobs_to 2 >in
	go --retries 1 --backoff 0.01s --timeout 0.3 --grace 0.2 -- sh -c '
		test "$JOBQ_ATTEMPT" = 2 && exit
		test "$JOBQ_ID" = j1 && kill -9 $$; sleep 60'
	same 0 "$status"
	same 'j1 completed j2 completed' "$(ends)"
	same 'signal timeout' "$(jq -r 'select(.event == "progress").reason' out |
		sort | xargs)"
}

@test "run: a job that asks for retry_after decides the wait itself" {
	jobs_to 1 >in
	go --retries 1 --backoff 60s -- sh -c '
		test "$JOBQ_ATTEMPT" = 2 && exit
		echo "{\"retry_after\":0.1}" >&3; exit 1'
	same 'j1 completed' "$(ends)"
	jq -s -e 'any(.event == "progress" and .retry_after == 0.1)' out
}

@test "run: while a job waits for its next attempt others run" {
	jobs_to 5 >in
	go --retries 1 --backoff 0.5s -- sh -c '
		test "$JOBQ_ID$JOBQ_ATTEMPT" != j11'
	same 'j2 j3 j4 j5 j1' "$(jq -r 'select(.event == "completed").id' out |
		xargs)"
}

@test "run: TERM releases what waits for another attempt" {
	jobs_to 1 >in
	spawn sh -c 'exec jobq-run --retries 1 --backoff 60s -- false <in >out 2>err'
	wait_until 10 grep -q progress out
	kill -TERM "$spawned_pid"
	wait "$spawned_pid" || true
	same 'j1 released' "$(ends)"
	tail -n 1 out | jq -e '.reason == "shutdown"'
}

@test "run: --backoff that is none is refused" {
	local wrong
	for wrong in '' x 3s..1s 1s.. ..1s 1s..x -1s; do
		run_apart jobq-run --backoff "$wrong" -- true </dev/null
		same 2 "$status"
		has "$stderr" --backoff
	done
}

# --- halt --------------------------------------------------------------------

@test "run: --halt soon starts nothing more and lets what runs end" {
	jobs_to 6 >in
	go -j 2 --halt soon,fail=1 -- sh -c '
		case $JOBQ_ID in
		j1) until [ -e begun ]; do sleep 0.02; done; exit 1 ;;
		j2) : >begun; sleep 0.5 ;;
		esac'
	same 1 "$status"
	same 'j1 failed j2 completed j3 released j4 released j5 released j6 released' \
		"$(ends)"
	has "$(<err)" 'nothing more is started'
}

@test "run: --halt now ends what runs, too" {
	jobs_to 3 >in
	go -j 2 --grace 0.2 --halt now,fail=1 -- sh -c '
		case $JOBQ_ID in
		j1) until [ -e begun ]; do sleep 0.02; done; exit 1 ;;
		*) : >begun; sleep 60 ;;
		esac'
	same 1 "$status"
	same 'j1 failed j2 released j3 released' "$(ends)"
}

@test "run: --halt counts jobs, not attempts" {
	jobs_to 3 >in
	# The others fail when the first has completed in its second attempt.
	go -j 3 --retries 1 --backoff 0.01s --halt soon,fail=2 -- sh -c '
		case $JOBQ_ID$JOBQ_ATTEMPT in
		j11) exit 1 ;;
		j12) exec touch done ;;
		esac
		until test -e done; do sleep 0.01; done
		exit 1'
	same 'j1 completed j2 failed j3 failed' "$(ends)"
}

@test "run: TERM after --halt soon ends what runs" {
	jobs_to 2 >in
	spawn sh -c 'exec jobq-run -j 2 --grace 0.2 --halt soon,fail=1 -- sh -c "
		test \$JOBQ_ID = j2 || exec sleep 60; exit 1" <in >out 2>err'
	wait_until 10 grep -q failed out
	kill -TERM "$spawned_pid"
	wait "$spawned_pid" || true
	same 'j1 released j2 failed' "$(ends)"
}

# unsent: whether the spawned runner has ended what ran, and waits for a reader.
unsent() {
	kill -USR1 "$spawned_pid"
	grep -q 'reader of its output: 0 running.* [1-9][0-9]* bytes unsent' err
}

@test "run: one TERM after --halt now leaves no ending unwritten" {
	jobs_to 6 | jq -c '.lease = {epoch: 1, worker: "w"}' >in
	head -c 40000 /dev/zero | tr '\0' x >pad
	mkfifo pipe
	exec 8<>pipe
	# shellcheck disable=SC2016
	spawn sh -c 'exec jobq-run -j 6 --halt now,fail=1 -- sh -c "
		if [ \$JOBQ_ID = j1 ]; then
			until [ -e j2 ] && [ -e j3 ] && [ -e j4 ] &&
				[ -e j5 ] && [ -e j6 ]; do sleep 0.02; done
			exit 1
		fi
		trap \"cat pad; exit 0\" TERM
		: >\$JOBQ_ID
		while :; do sleep 0.05; done" <in >pipe 2>err 8>&-'
	wait_until 20 test -e j6
	wait_until 20 unsent
	kill -TERM "$spawned_pid"
	wait_until 20 grep -q 'again to force' err
	timeout 30 cat <pipe >out 8>&- &
	exec 8>&-
	wait "$spawned_pid" || status=$?
	wait "$!"
	same 1 "$status"
	same 6 "$(ends | wc -w | awk '{ print $1 / 2 }')"
	same 5 "$(ends | grep -o completed | wc -l)"
}

@test "run: after --halt soon what runs is ended when the reader goes away" {
	jobs_to 2 >in
	timeout 30 jobq-run -j 2 --grace 0.2 --halt soon,fail=1 -- sh -c '
		test $JOBQ_ID = j1 && { sleep 0.2; exit 1; }
		trap ": >ended; exit 1" TERM
		while :; do echo on; sleep 0.1; done' <in 2>err |
		grep -m 1 '"failed"' >out
	has "$(<err)" 'nothing more is started'
	[ -e ended ]
}

@test "run: --halt that is none is refused" {
	local wrong
	for wrong in '' now soon,fail=0 later,fail=1 now,fail= now,fail=x; do
		run_apart jobq-run --halt "$wrong" -- true </dev/null
		same 2 "$status"
		has "$stderr" --halt
	done
}

# --- files -------------------------------------------------------------------

@test "run: --joblog writes the columns of GNU parallel" {
	jobs_to 3 >in
	go --joblog log -- sh -c 'cat; case $JOBQ_ID in j2) exit 7;; j3) kill -9 $$;; esac' \
		"it's" $'two\nlines' {id}
	head -n 1 log >titles
	printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n' |
		cmp - titles
	same '1 : 2 2 0 0 2 : 2 2 7 0 3 : 2 2 0 9' \
		"$(tail -n +2 log | cut -f 1,2,5-8 | xargs)"
	same 3 "$(tail -n +2 log | cut -f 3 | grep -c '^[0-9]*\.[0-9][0-9][0-9]$')"
	same 3 "$(tail -n +2 log | cut -f 4 | grep -c '^ *[0-9]*\.[0-9][0-9][0-9]$')"
	# The command is words of a shell.
	tail -n 1 log | cut -f 9 >words
	bash -c "set -- $(<words); printf '%s|' \"\$@\"" >said
	same "$(printf '%s|' sh -c 'cat; case $JOBQ_ID in j2) exit 7;; j3) kill -9 $$;; esac' \
		"it's" $'two\nlines' j3)" "$(<said)"
}

@test "run: --joblog begins anew, and goes on with --resume" {
	jobs_to 2 >in
	go --joblog log -- true
	go --joblog log -- true
	same 3 "$(wc -l <log)"
	go --joblog log --resume none -- true
	same 5 "$(wc -l <log)"
	same 1 "$(grep -c ^Seq log)"
}

@test "run: a job log that cannot be written is told before any job runs" {
	jobs_to 3 >in
	go --joblog /dev/full -- true
	same 75 "$status"
	has "$(<err)" /dev/full
	same '' "$(<out)"
	go --joblog /nowhere/log -- true
	same 2 "$status"
	has "$(<err)" /nowhere/log
}

@test "run: a job log that is full later stops no job" {
	jobs_to 40 >in
	# Room for some lines; a file that would grow beyond it takes no more.
	{
		(
			ulimit -f 1
			trap '' XFSZ
			exec timeout 60 jobq-run --joblog log -- true <in 2>err
		) && status=0 || status=$?
		echo "$status" >code
	} | cat >out
	same 75 "$(<code)"
	same 1 "$(grep -c 'job log' err)"
	same 40 "$(grep -c '"completed"' out)"
}

@test "run: --output-dir keeps all that a job writes, without limit" {
	jobs_to 2 >in
	go -j 2 --output-limit 1KiB --output-dir dir/ -- sh -c '
		head -c 300000 /dev/zero; test "$JOBQ_ID" = j1 || echo bad >&2'
	same 0 "$status"
	same './j1.out ./j2.err ./j2.out' "$(cd dir && echo ./*)"
	same '300000 4 300000' "$(stat -c %s dir/* | xargs)"
	same bad "$(<dir/j2.err)"
}

@test "run: --output-dir holds the last attempt" {
	jobs_to 1 >in
	go --retries 1 --backoff 0.01s --output-dir dir -- sh -c '
		echo "$JOBQ_ATTEMPT"; test "$JOBQ_ATTEMPT" = 2 && exit; echo no >&2; exit 1'
	same 2 "$(<dir/j1.out)"
	[ ! -e dir/j1.err ]
}

@test "run: --output-dir follows no link and is told what it cannot write" {
	jobs_to 2 >in
	mkdir dir
	ln -s "$PWD/elsewhere" dir/j1.out
	go --output-dir dir -- echo hi
	same 75 "$status"
	[ ! -e elsewhere ]
	same hi "$(<dir/j2.out)"
	same 'j1 completed j2 completed' "$(ends)"
	has "$(<err)" dir/j1.out
	run_apart jobq-run --output-dir in -- true <in
	same 2 "$status"
}

@test "run: --output-log adds what all jobs write to two files, line by line" {
	jobs_to 8 >in
	echo before >all_stdout.log
	go -j 4 --output-limit 1KiB --output-log all -- sh -c '
		printf "%s" "$JOBQ_ID"; sleep 0.05; printf " %02000d\n" 0
		printf "%s ends" "$JOBQ_ID"; test "$JOBQ_ID" = j1 || echo "bad $JOBQ_ID" >&2'
	same 0 "$status"
	same before "$(head -n 1 all_stdout.log)"
	same "$(seq 8 | sed 's/.*/j& /')" \
		"$(grep -oE '^j[0-9] 0{2000}$' all_stdout.log | cut -c 1-3 | sort)"
	same "$(seq 8 | sed 's/.*/j& ends/')" "$(grep ends all_stdout.log | sort)"
	same 17 "$(wc -l <all_stdout.log)"
	same "$(seq 2 8 | sed 's/^/bad j/')" "$(sort all_stderr.log)"
}

@test "run: --output-log rotates as the log does, between lines" {
	jobs_to 3 >in
	go --output-log all --log-rotate 10000 --log-keep 2 -- sh -c 'seq 2000'
	same 0 "$status"
	same 'all_stderr.log all_stdout.log all_stdout.log.1 all_stdout.log.2' \
		"$(echo all*)"
	not grep -hvE '^[0-9]{1,4}$' all_stdout.log*
	same 2000 "$(tail -n 1 all_stdout.log)"
}

@test "run: --output-log says what it cannot write, and loses no ending" {
	jobs_to 2 >in
	go --output-log no/all -- true
	same 2 "$status"
	has "$(<err)" "'no/all_stdout.log': No such file"
	ln -s /dev/full all_stdout.log
	go --output-log all -- echo hi
	same 75 "$status"
	same 'j1 completed j2 completed' "$(ends)"
	same 1 "$(grep -c "all_stdout.log': No space left" err)"
}

@test "run: --log-jobs says what becomes of each job" {
	jobs_to 4 >in
	echo '{"id":"j5","timeout":0.2}' >>in
	go --log-jobs --log-level info --log-format text --log-name n -- sh -c '
		case $JOBQ_ID in
		j2) echo no space >&2; exit 3 ;;
		j3) echo "{\"cancel\":\"why\"}" >&3 ;;
		j4) echo "{\"snooze\":7}" >&3 ;;
		j5) exec sleep 60 ;;
		esac'
	sed -E 's/^[0-9-]{10} [0-9:]{8} - n - //; s/[0-9]+\.[0-9]{3} s/T/g' err >said
	cat >expected <<-'EOF'
		INFO - job j1 started
		INFO - job j1 completed in T
		INFO - job j2 started
		ERROR - job j2 failed after T: exit status 3: no space
		INFO - job j3 started
		INFO - job j3 cancelled after T: "why"
		INFO - job j4 started
		INFO - job j4 snoozed after T
		INFO - job j5 started
		ERROR - job j5 failed after T: still running after its timeout of T
	EOF
	diff -u expected said
	go --log-jobs -- false
	same 5 "$(wc -l <err)"
	not grep -v '^jobq-run: job j[1-5] failed after' err
	go -v -- true
	same '' "$(<err)"
}

@test "run: --log-started and --log-ended say it in other words" {
	cat >in <<-'END'
		{"id":"a","name":"mail","input":{"to":"-x","event":"{event} {id}\n"}}
		{"id":"b","name":"mail","input":{"to":1.10,"event":[1]}}
		{"id":"c"}
		{"id":"d","input":{"to":"d","event":"e"}}
	END
	go -v --log-name n --log-started '{name} {id} to {input.to}: {input.event}' \
		--log-ended '{event}, {event}: {input.to} {other} {{id}}' -- sh -c '
		case $JOBQ_ID in
		b) echo no space >&2; exit 64 ;;
		d) echo "{\"snooze\":7}" >&3 ;;
		esac'
	sed -E 's/[0-9]+\.[0-9]{3} s/T/' err >said
	cat >expected <<-'EOF'
		n: mail a to -x: {event} {id}\x0a
		n: completed, completed: -x {other} {id}
		n: mail b to 1.10: [1]
		n: job b failed after T: exit status 64: no space
		n: failed, failed: 1.10 {other} {id}
		n: job c started
		n: job c completed in T
		n: default d to d: e
		n: job d snoozed after T
	EOF
	diff -u expected said
	# One that is tried again has not ended.
	echo '{"id":"a"}' >in
	go -v --log-ended '{id} is {event}' --retries 1 --backoff 0.05s -- false
	same 'a is failed' "$(sed -n 's/.*: a is/a is/p' err)"
	same 2 "$(grep -c 'job a failed after' err)"
	go --log-started x -- true
	same '' "$(<err)"
}

@test "run: --log-jobs tells repeats, and what could not be started" {
	jobs_to 1 >in
	go --log-jobs -v --retries 1 --backoff 0.05s -- false
	grep -qE '^jobq-run: job j1 failed after [0-9.]+ s: exit status 1; again in 0\.[0-9] s$' err
	same 1 "$(grep -c 'started, attempt 2' err)"
	go --log-jobs --log-format json -- echo {input.x}
	json '.level == "ERROR" and .code == "job_ended" and .job_id == "j1"
		and (.msg | startswith("job j1 failed: "))' <err
}

@test "run: --resume skips what is completed, by id" {
	jobs_to 6 >in
	go -- sh -c 'case $JOBQ_ID in j2 | j5) exit 1 ;; esac'
	cp out earlier
	printf '{"event":"completed","id":"j5' >>earlier # cut
	{
		echo '{"id":"j9"}'
		tac in
	} >in.new && mv in.new in
	go --resume earlier -- true
	same 0 "$status"
	same 'j2 completed j5 completed j9 completed' "$(ends)"
	cp out later
	go --resume later -- false
	same 4 "$(ends | wc -w | awk '{ print $1 / 2 }')"
}

@test "run: --resume knows lines without an id by their hash" {
	printf '{"input":%s}\n' 1 2 1 3 >in
	go -- sh -c 'test "$(cat)" != 2'
	cp out earlier
	printf '{"input":%s}\n' 3 0 2 1 1 1 >in
	go --resume earlier -- cat
	same '0 2 1' "$(jq -r 'select(.event == "completed").output' out | xargs)"
}

@test "run: --resume from many jobs, from nothing, and from no file" {
	jobs_to 5000 >in
	seq 2 5000 | jq -c '{event: "completed", id: "j\(.)"}' >earlier
	go --resume earlier -- true
	same 'j1 completed' "$(ends)"
	jobs_to 1 >in
	go --resume nosuch -- true
	same 'j1 completed' "$(ends)"
	run_apart jobq-run --resume in/nosuch -- true <in
	same 2 "$status"
	has "$stderr" "unable to open 'in/nosuch'"
}

@test "run: --resume skips no job that has a lease" {
	echo '{"event":"completed","id":"a"}' >earlier
	echo '{"id":"a","state":"running","lease":{"epoch":2,"worker":"w","seconds":30}}' >in
	go --resume earlier -- true
	same 'a completed' "$(ends)"
}

# --- one ---------------------------------------------------------------------

@test "run: --one exits as its job does" {
	local code
	echo '{"id":"a"}' >in
	for code in 0 1 7 64 125 255; do
		go --one -- sh -c "exit $code"
		same "$code" "$status"
	done
	go --one -- sh -c 'kill -9 $$'
	same 137 "$status"
	go --one --timeout 0.2 --grace 0.2 -- sleep 60
	same 124 "$status"
	go --one -- /nowhere/x
	same 127 "$status"
	go --one -- nosuchcommand
	same 127 "$status"
	go --one -- /etc/passwd
	same 126 "$status"
	go --one -- ls {input.none}
	same 126 "$status"
}

@test "run: --one runs the first job alone; without one it exits 125" {
	jobs_to 3 >in
	go --one -- echo hi
	same 0 "$status"
	same 'j1 completed' "$(ends)"
	: >in
	go --one -- true
	same 125 "$status"
	echo '[]' >in
	go --one -- true
	same 125 "$status"
	jobs_to 1 >in
	go --one --joblog /nowhere/log -- true
	same 125 "$status"
}

@test "run: --one gives back the other jobs that are claimed" {
	seq 300 | jq -c '{id: "j\(.)", state: "running",
		lease: {epoch: 1, worker: "w", seconds: 30}}' >in
	status=0
	timeout 30 sh -c 'cat in | jobq-run --one -- sh -c "exit 3" >out' || status=$?
	same 3 "$status"
	same 'j1 failed' "$(ends | cut -d ' ' -f 1,2)"
	same 299 "$(grep -c '"released"' out)"
	# What has no lease is nobody's loss.
	jobs_to 300 >in
	go --one -- true
	same 'j1 completed' "$(ends)"
}

@test "run: --one says which signal ended it" {
	echo '{"id":"a"}' >in
	spawn sh -c 'exec jobq-run --one -- sleep 60 <in >out 2>err'
	wait_until 10 grep -q started out
	kill -TERM "$spawned_pid"
	status=0
	wait "$spawned_pid" || status=$?
	same 143 "$status"
	same 'a released' "$(ends)"
}

@test "run: --one with --retries exits as the last attempt" {
	echo '{"id":"a"}' >in
	go --one --retries 3 --backoff 0.01s -- sh -c 'exit $((4 - JOBQ_ATTEMPT))'
	same 0 "$status"
	same 4 "$(grep -c started out)"
}

# --- a line on the terminal --------------------------------------------------

# on_terminal COMMAND: what a terminal of 80 columns shows of it in the end.
on_terminal() {
	timeout 60 script -qefc "stty cols 80; $1" screen </dev/null >typed
}

@test "run: on a terminal a line tells how it goes, and is gone in the end" {
	jobs_to 30 >in
	on_terminal "TERM=xterm jobq-run -j 2 -- sh -c 'sleep 0.1; test \$JOBQ_ID != j3' <in >out" || true
	grep -q ' done, . failed, . running, [0-9.]*/s, 0:0[0-9] left' typed
	tr '\r' '\n' <typed | tail -n 1 >last
	same "$(printf '\033[K')" "$(<last)"
}

@test "run: nothing is drawn elsewhere, nor when it is not wanted" {
	local command
	jobs_to 5 >in
	for command in 'jobq-run -- sleep 0.1 <in >out 2>err' \
		'jobq-run --quiet -- sleep 0.1 <in >out' \
		'jobq-run --log-format json -- sleep 0.1 <in >out' \
		'TERM=dumb jobq-run -- sleep 0.1 <in >out' \
		'jobq-run -- sleep 0.1 <in'; do
		on_terminal "TERM=\${TERM:-xterm} $command"
		run grep ' done, ' typed
		same 1 "$status"
	done
}

@test "run: a file of --output-dir that cannot take more loses no ending" {
	jobs_to 2 >in
	mkdir dir
	mkfifo dir/j2.out
	(
		ulimit -f 4
		timeout -s KILL 20 jobq-run --output-dir dir -- \
			sh -c 'head -c 9000 /dev/zero; exit 0' <in 2>err |
			grep -c '"event":"completed"' >count
	)
	same 2 "$(<count)"
	has "$(<err)" 'dir/j1.out'
	has "$(<err)" 'dir/j2.out'
}
