#!/usr/bin/env bats
# Child processes: each test is a way in which runners of commands go wrong.

load support/common

setup() {
	common_setup
	# A sleep of this test alone, so that survivors can be counted.
	nap=$BATS_TEST_TMPDIR/nap
	cp "$(type -P sleep)" "$nap"
	export nap
}

teardown() {
	pkill_naps
	common_teardown
}

naps() {
	pgrep -f "^$nap" || true
}

no_naps() {
	[[ -z $(naps) ]]
}

some_naps() {
	[[ -n $(naps) ]]
}

# stopped PID: by a signal, such as STOP.
stopped() {
	[[ $(ps -o stat= -p "$1") == T* ]]
}

pkill_naps() {
	local pid
	for pid in $(naps); do
		kill -KILL "$pid" 2>/dev/null
	done
	return 0
}

# jobs_to N: N job lines with ids 1 to N.
jobs_to() {
	seq "$1" | jq -c '{id: tostring, input: .}'
}

# kinds FILE: how many events of each kind.
kinds() {
	jq -r .event "$1" | sort | uniq -c | awk '{print $2 "=" $1}' | xargs
}

# says PATTERN: whether the spawned runner tells so of itself. Before it has
# USR1 blocked (bit 9) that would end it.
says() {
	local mask
	mask=$(awk '/^SigBlk/ { print $2 }' "/proc/$spawned_pid/status")
	((0x$mask & 0x200)) || return
	kill -USR1 "$spawned_pid"
	grep -q "$1" err
}

# faults WORDS COMMAND...: see support/preload/run_faults.c.
faults() {
	timeout 60 env LD_PRELOAD="$JOBQ_BUILD/support/run_faults.so" RUN_FAULTS="$1" \
		RUN_FAULTS_LOG="$BATS_TEST_TMPDIR/faults" "${@:2}"
}

@test "run: C1 what a job leaves behind is ended and reaped" {
	cat >leave <<-'END'
		#!/bin/sh
		if [ "$JOBQ_ID" = 2 ]; then
			ps --ppid "$PPID" -o stat= | wc -l
			exit
		fi
		for i in $(seq 50); do
			(setsid "$nap" 1000 &)
		done >/dev/null 2>&1 3>&-
	END
	chmod +x leave
	jobs_to 2 | timeout 60 jobq-run -- ./leave >out
	no_naps
	same "completed=2 started=2" "$(kinds out)"
	same 1 "$(jq -r 'select(.id == "2" and .output).output' out)"
}

@test "run: C1 so does it as the init of a pid namespace" {
	unshare -pf true 2>/dev/null || skip "no pid namespaces here"
	jobs_to 3 | timeout 60 unshare -pf jobq-run -- sh -c '
		(setsid "$nap" 1000 &) >/dev/null 2>&1 3>&-
		"$nap" 0.05 & ' >out
	same "completed=3 started=3" "$(kinds out)"
	no_naps
}

@test "run: C1 a job's exit status is seen where SIGCHLD was ignored" {
	jobs_to 1 | timeout 30 env --ignore-signal=CHLD jobq-run -- \
		sh -c 'exit 3' >out || same 1 $?
	jq -s '.[1] | .event == "failed" and .exit == 3' out | json .
}

@test "run: C2 a timeout ends what has left the group, too" {
	jobs_to 20 | timeout 60 jobq-run -j 10 --timeout 0.2 --grace 5 -- \
		sh -c 'setsid "$nap" 1000 & (setsid "$nap" 1000 &); "$nap" 1000' \
		>out || same 1 $?
	no_naps
	same 20 "$(jq -r 'select(.reason == "timeout").id' out | wc -l)"
	# Nothing ignored TERM, so nobody waited for the grace.
	jq -s 'map(.seconds // 0) | max < 5' out | json .
}

@test "run: C3 who holds the output of a finished job is not waited for" {
	jobs_to 1 | timeout 30 jobq-run --pipe-wait 0.3 -- \
		sh -c '"$nap" 60 & exit 0' >out
	jq -s '.[1] | .event == "completed" and .pipe_held' out | json .
	no_naps
}

@test "run: C3 what comes within the wait is taken" {
	jobs_to 1 | timeout 30 jobq-run --pipe-wait 20 -- \
		sh -c '("$nap" 0.3; echo late) & exit 0' >out
	jq -s '.[1] | .output == "late" and .pipe_held == null' out | json .
}

@test "run: C4 TERM, then after the grace KILL" {
	jobs_to 1 | timeout 30 jobq-run --timeout 0.2 --grace 0.4 -- \
		sh -c 'trap "" TERM; "$nap" 1000; "$nap" 1000' >out || same 1 $?
	jq -s '.[1] | .reason == "timeout" and .signal == 9 and .seconds >= 0.6' \
		out | json .
	no_naps
}

@test "run: C4 a stopped job ends, too" {
	jobs_to 1 | timeout 30 jobq-run --timeout 0.2 --grace 20 -- \
		sh -c 'kill -STOP $$' >out || same 1 $?
	jq -s '.[1] | .reason == "timeout" and .signal == 15' out | json .
}

@test "run: C5 no process is signalled after it was reaped" {
	jobs_to 60 | faults reaps jobq-run -j 4 --timeout 0.02 -- \
		sh -c '"$nap" 0.0$((JOBQ_ID % 4))' >out || same 1 $?
	same 60 "$(jq -r 'select(.exit or .signal).id' out | wc -l)"
	grep -q signal faults
	same 1 "$(($(grep -c reap faults) >= 60))"
	not grep late faults
}

@test "run: C6 a jump of the wall clock stops nobody" {
	jobs_to 1 | faults day jobq-run --timeout 20 -- \
		sh -c '"$nap" 0.4; echo awake; "$nap" 0.4' >out
	same completed "$(tail -n 1 out | jq -r .event)"
	# The clock did jump.
	jq -s '(.[0].at[0:10] != .[-1].at[0:10])' out | json .
}

@test "run: C7 a runner that is killed takes its jobs with it" {
	local i
	jobs_to 2 >in
	for i in $(seq 20); do
		rm -f out
		# shellcheck disable=SC2016
		spawn sh -c 'exec jobq-run -j 2 -- "$nap" 1000 <in >out'
		# Near the start, and right after an announcement.
		if ((i % 2)); then
			wait_until 20 test -e out
		else
			wait_until 20 grep -q started out
		fi
		kill -KILL "$spawned_pid"
		wait "$spawned_pid" || true
	done
	wait_until 20 no_naps
}

@test "run: C8 a job has descriptors 0 to 3 and no other" {
	local i
	for i in $(seq 20 69); do
		eval "exec $i</dev/null"
	done
	jobs_to 1 | timeout 30 jobq-run -- ls /proc/self/fd 3>&- >out
	# The fifth is the directory that ls reads.
	same $'0\n1\n2\n3\n4' "$(jq -r 'select(.output).output' out)"
	jobs_to 1 | timeout 30 jobq-run -- ls /proc/self/fd \
		2>/dev/null 4>&1 5<. >out
	same $'0\n1\n2\n3\n4' "$(jq -r 'select(.output).output' out)"
}

@test "run: C9 a job has no signal blocked, ignored or caught" {
	jobs_to 1 | timeout 30 env --ignore-signal=HUP,USR2,QUIT \
		--block-signal=WINCH,ALRM jobq-run -- cat /proc/self/status >out
	jq -r 'select(.output).output' out | grep -E '^Sig(Blk|Ign|Cgt)' >got
	same 3 "$(wc -l <got)"
	not grep -v 0000000000000000 got
}

@test "run: C9 nor the two signals that the C library hides" {
	# rt_sigaction(2) is number 13 on x86-64 and 134 elsewhere.
	cat >ignore.py <<'PYTHON'
import ctypes, os, platform, sys
number = 13 if platform.machine() == "x86_64" else 134
ignore = (ctypes.c_ulong * 4)(1, 0, 0, 0)
for signal in (32, 33):
    if ctypes.CDLL(None).syscall(number, signal, ignore, None, 8) != 0:
        sys.exit("rt_sigaction failed")
os.execvp(sys.argv[1], sys.argv[1:])
PYTHON
	jobs_to 1 | timeout 30 python3 ignore.py jobq-run -- \
		cat /proc/self/status >out
	jq -r 'select(.output).output' out | grep -E '^SigIgn' >got
	same "SigIgn:	0000000000000000" "$(cat got)"
}

@test "run: C10 a job that reads its input gets its own, and no other line" {
	jobs_to 100 | timeout 60 jobq-run -j 3 -- cat >out
	same "completed=100 started=100" "$(kinds out)"
	jq -s 'map(select(.output)) | all(.output == .id)' out | json .
}

@test "run: C10 --stdin job gives the line, none gives nothing" {
	echo '{"id":"a", "input":{"x":1.10},"more":1e400}' >in
	timeout 30 jobq-run --stdin job --result text -- cat <in >out
	same "$(cat in)" "$(jq -r 'select(.output).output' out)"
	timeout 30 jobq-run --stdin none -- cat <in >out
	same "" "$(jq -r 'select(.output).output' out)"
	timeout 30 jobq-run --stdin input --result text -- cat <in >out
	same '{"x":1.10}' "$(jq -r 'select(.output).output' out)"
}

@test "run: C11 a job that does not read its input is no error" {
	head -c 1500000 /dev/zero | tr '\0' x |
		jq -Rc '{id: "big", input: .}' >in
	timeout 30 jobq-run -- true <in >out
	same "completed=1 started=1" "$(kinds out)"
	# Another that reads it gets all of it.
	timeout 30 jobq-run -- wc -c <in >out
	same 1500003 "$(jq -r 'select(.output).output' out)"
}

@test "run: C12 without a reader it stops its jobs and dies of SIGPIPE" {
	mkfifo in
	exec 9<>in
	jobs_to 1 >&9
	timeout 60 jobq-run -- "$nap" 1000 <in 9>&- | head -n 1 >out
	same "141 0" "${PIPESTATUS[*]}"
	same "started" "$(jq -r .event out)"
	no_naps
}

@test "run: C12 so it does with nothing to do" {
	mkfifo in
	exec 9<>in
	echo '{"event":"x"}' >&9
	timeout 60 jobq-run -- true <in 9>&- | head -n 1 >out
	same "141 0" "${PIPESTATUS[*]}"
}

@test "run: C13 a last line without newline is one event and says so" {
	jobs_to 1 | timeout 30 jobq-run --result none -- printf abc >out
	same "completed=1 output=1 started=1" "$(kinds out)"
	jq -s '.[1] | .text == "abc" and .eof' out | json .
	jobs_to 1 | timeout 30 jobq-run --result none -- printf 'abc\n' >out
	jq -s '.[1] | .text == "abc" and .eof == null' out | json .
}

@test "run: C14 a line without end is cut, counted and survived" {
	jobs_to 1 | timeout 100 jobq-run --result none -- sh -c '
		head -c 200000000 /dev/zero | tr "\0" x
		grep VmHWM "/proc/$PPID/status" >hwm' >out
	jq -s '.[1] | .event == "output" and (.text | length) == 65536 and
		.dropped == 200000000 - 65536 and .eof' out | json .
	jq -s '.[2] | .event == "completed" and
		.dropped == 200000000 - 1048576' out | json .
	# A sanitizer keeps memory of its own.
	[[ $JOBQ_BUILD == */san/* ]] ||
		same 1 "$(awk '{print ($2 < 20 * 1024)}' hwm)"
}

@test "run: C14 lines behind a long one are whole" {
	jobs_to 1 | timeout 30 jobq-run --result none -- sh -c '
		echo before; head -c 100000 /dev/zero | tr "\0" x; echo
		echo after' >out
	jq -r 'select(.text) | .text | if length > 99 then length else . end' \
		out >got
	same $'before\n65536\nafter' "$(cat got)"
	jq -s 'map(.dropped // 0) | add == 100000 - 65536' out | json .
}

@test "run: C15 any bytes come through, as text or as base64, never as both" {
	head -c 100000 /dev/urandom >bytes
	printf 'plain\n\0nul\n\xff\xfe\n\xed\xa0\x80\ne\xcc\x81\n' >>bytes
	jobs_to 1 | timeout 30 jobq-run -- sh -c 'cat bytes >&2' >out
	jq -c 'select(.event == "output")' out >events
	jq -s 'all(has("text") != has("base64"))' events | json .
	while IFS= read -r line; do
		jq -r '.base64 // empty' <<<"$line" | base64 -d
		jq -j '.text // empty' <<<"$line"
		jq -j 'if .eof then "" else "\n" end' <<<"$line"
	done <events >back
	cmp bytes back
}

@test "run: C15 a result that is no text is base64 instead of output" {
	printf 'a\0\xff\n' >bytes
	jobs_to 1 | timeout 30 jobq-run -- cat bytes >out
	jq -s '.[1] | has("output") | not' out | json .
	jq -r 'select(.base64).base64' out | base64 -d >back
	same "$(printf 'a\0\xff' | xxd)" "$(xxd back)"
}

@test "run: C16 a flood makes few events and delays no alive line" {
	echo '{"id":"a","lease":{"epoch":1,"worker":"w","seconds":1}}' |
		timeout 60 jobq-run --timeout 2 -- yes >out || same 1 $?
	same 1 "$(($(jq -r 'select(.event == "output").n' out | wc -l) <= 60))"
	same 1 "$(($(jq -r 'select(.event == "alive").n' out | wc -l) >= 3))"
	jq -s 'map(select(.n and .id).n) | . == [range(1; length + 1)]' out |
		json .
}

@test "run: C17 a command that is not there takes nothing" {
	run_apart timeout 30 jobq-run -- ./nosuch <<<'{"id":"a"}'
	same 2 "$status"
	same "" "$stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "./nosuch" "No such file"
	run_apart timeout 30 jobq-run -- no-such-command <<<'{"id":"a"}'
	same 2 "$status"
	same "" "$stdout"
	has "$stderr" "no-such-command"
}

@test "run: C17 a command that goes away releases jobs, waits, gives up" {
	printf '#!/bin/sh\nrm -f "$0"\n' >once
	chmod +x once
	jobs_to 20 >in
	run_apart timeout 60 jobq-run -- ./once <in
	same 75 "$status"
	printf '%s\n' "$stdout" >out
	same "completed=1 released=19 started=6" "$(kinds out)"
	same 5 "$(jq -r 'select(.reason == "worker-fault").id' out | wc -l)"
	same 14 "$(jq -r 'select(.reason == "shutdown").id' out | wc -l)"
	same 2 "${#stderr_lines[@]}"
}

@test "run: C17 exit 127 of a command that ran is an ordinary failure" {
	jobs_to 1 | timeout 30 jobq-run -- sh -c 'nosuch x' >out || same 1 $?
	jq -s '.[-1] | .event == "failed" and .reason == "exit" and
		.exit == 127 and .retry' out | json .
}

@test "run: C18 a full disk is waited for, and no line is torn" {
	jobs_to 20 >in
	faults write=7 jobq-run -- true <in >out 2>err
	same "completed=20 started=20" "$(kinds out)"
	has "$(cat err)" "No space left"
	faults write=7,full jobq-run -- true <in >out 2>err ||
		same 75 $?
	same 1 "$(($(jq -r .id out | wc -l) >= 6))"
	has "$(cat err)" "No space left"
}

@test "run: C18 a disk that gets room within a second has lost nothing" {
	# Children that write make the runner's rounds many and short.
	printf '%s\n' '{"event":"x"}' '{"id":"a"}' >in
	(cat in; seq 300 | while read -r i; do echo "{\"event\":\"$i\"}"; done) |
		faults room=1000 jobq-run -j 4 -- true >out 2>err
	same 303 "$(wc -l <out)"
	has "$(cat err)" "No space left"
	same 1 "$(wc -l <err)"
}

@test "run: C18 a storm of signals changes nothing" {
	jobs_to 30 >in
	timeout 60 jobq-run -- cat <in >calm
	faults alarms jobq-run -- cat <in >storm
	same "$(jq -c '[.event, .id, .n, .output]' calm)" \
		"$(jq -c '[.event, .id, .n, .output]' storm)"
}

@test "run: C19 a fork that fails releases the job; five in a row end it" {
	jobs_to 8 >in
	faults clone=2 jobq-run -- true <in >out 2>err
	same "completed=6 released=2 started=8" "$(kinds out)"
	same 2 "$(jq -r 'select(.reason == "worker-fault").id' out | wc -l)"
	same 1 "$(wc -l <err)"
	faults clone=5 jobq-run -- true <in >out 2>err ||
		same 75 $?
	same "released=8 started=5" "$(kinds out)"
}

@test "run: C19 jobs that were announced together and fail together are one try" {
	mkfifo out
	exec 9<>out
	# While nobody reads, announced jobs wait for their line to be written.
	(seq 60 | jq -c '{event: "pad", text: ("x" * 1500)}' && jobs_to 40) >in
	# shellcheck disable=SC2016
	spawn sh -c 'LD_PRELOAD=$JOBQ_BUILD/support/run_faults.so \
		RUN_FAULTS=clone=30 exec jobq-run -j 30 -- true \
		<in >out 2>err' 9>&-
	wait_until 20 says '30 running'
	timeout 60 cat <out >all 9>&- &
	exec 9>&-
	wait "$spawned_pid"
	wait
	grep -v pad all >got
	same "completed=10 released=30 started=40" "$(kinds got)"
}

# After brief jobs the next one is not watched from its start.

@test "run: what brief jobs wrote is told, all of it" {
	jobs_to 30 | timeout 60 jobq-run -j 2 -- sh -c 'read -r n; echo "out $n"
		echo "err $n" >&2; echo "{\"percent\":$n}" >&3' >out
	same "completed=30 output=30 progress=30 started=30" "$(kinds out)"
	same "$(seq -f 'out %g' 30)" \
		"$(jq -r 'select(.exit == 0).output' out | sort -nk2)"
	same "$(seq -f 'err %g' 30)" "$(jq -r 'select(.text).text' out | sort -nk2)"
	same "$(seq 30)" "$(jq -r 'select(.percent).percent' out | sort -n)"
}

@test "run: a job that is longer than those before it is heard as it runs" {
	cat >job <<-'END'
		#!/bin/sh
		[ "$JOBQ_ID" = 9 ] || exit 0
		echo first
		echo '{"percent":40}' >&3
		until [ -e go ]; do "$nap" 0.05; done
	END
	chmod +x job
	jobs_to 9 >in
	spawn sh -c 'exec timeout 60 jobq-run --result none -- ./job <in >out'
	wait_until 20 grep -q '"text":"first"' out
	wait_until 20 grep -q '"percent":40' out
	touch go
	wait "$spawned_pid"
	same "completed=9 output=1 progress=1 started=9" "$(kinds out)"
}

@test "run: a job that is longer than those before it has its timeout" {
	jobs_to 9 | timeout 60 jobq-run --timeout 1 --grace 1 -- \
		sh -c '[ "$JOBQ_ID" -lt 9 ] || exec "$nap" 1000' >out && return 1
	same "completed=8 failed=1 started=9" "$(kinds out)"
	same timeout "$(jq -r 'select(.event == "failed").reason' out)"
	no_naps
}

@test "run: a brief job that was over in time has not run out of it" {
	cat >job <<-'END'
		#!/bin/sh
		[ "$JOBQ_ID" -lt 9 ] || kill -STOP "$PPID"
	END
	chmod +x job
	jobs_to 9 >in
	spawn sh -c 'exec jobq-run --timeout 1 -- ./job <in >out'
	wait_until 20 stopped "$spawned_pid"
	sleep 1.2 # more than the timeout, by the clock
	kill -CONT "$spawned_pid"
	wait "$spawned_pid"
	same "completed=9 started=9" "$(kinds out)"
}

@test "run: long input and long output after brief jobs come whole" {
	(
		jobs_to 8
		head -c 300000 /dev/zero | tr '\0' a | jq -Rc '{id: "9", input: .}'
	) | timeout 60 jobq-run -- cat >out
	same 300002 "$(jq 'select(.id == "9" and .exit == 0).output | length' out)"
	jobs_to 9 | timeout 60 jobq-run -- sh -c '[ "$JOBQ_ID" -lt 9 ] ||
		head -c 300000 /dev/zero | tr "\0" b' >out
	same 300000 "$(jq 'select(.id == "9" and .exit == 0).output | length' out)"
}

@test "run: P14 many jobs that leak their pipes are all done" {
	jobs_to 20 | timeout 60 jobq-run -j 10 --pipe-wait 0.2 -- \
		sh -c '"$nap" 60 & exit 0' >out
	same "completed=20 started=20" "$(kinds out)"
	same 20 "$(jq -r 'select(.pipe_held).id' out | wc -l)"
	no_naps
}

@test "run: P16 every whole line parses when the runner is killed" {
	local i
	seq 3000 | jq -c '{id: tostring, input: "\u00e9"}' >in
	for i in $(seq 10); do
		rm -f out
		spawn sh -c 'exec jobq-run -j 2 -- sh -c "cat; cat /etc/passwd" \
			<in | cat >out'
		wait_until 20 test -s out
		kill -KILL "$(pgrep -P "$spawned_pid" jobq-run)"
		wait "$spawned_pid" || true
		# What stands behind the last newline is no line.
		head -n "$(wc -l <out)" out >lines
		jq -e . lines >/dev/null
	done
}

@test "run: a child of the shell that became jobq-run is left alone" {
	jobs_to 1 >in
	timeout 60 sh -c '"$nap" 1000 & exec jobq-run -- true <in >out'
	same "completed=1 started=1" "$(kinds out)"
	some_naps
}
