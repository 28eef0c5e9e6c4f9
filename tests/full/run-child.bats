#!/usr/bin/env bats
# Child processes, at the counts that are promised. tests/run-child.bats has
# each case small; those that are the same at any count are there alone.
#
# Times have no slack below and two seconds above, for a loaded machine.
# What is random comes from SEED (1).

load ../support/common

setup() {
	common_setup
	# A sleep of this test alone, so that survivors can be counted.
	nap=$BATS_TEST_TMPDIR/nap
	cp "$(type -P sleep)" "$nap"
	export nap SEED=${SEED:-1}
}

teardown() {
	local pid
	for pid in $(pgrep -f "^$nap"); do
		kill -KILL "$pid" 2>/dev/null
	done
	common_teardown
}

no_naps() {
	[[ -z $(pgrep -f "^$nap") ]]
}

# jobs_to N: N job lines with ids 1 to N.
jobs_to() {
	seq "$1" | jq -c '{id: tostring, input: .}'
}

# kinds FILE: how many events of each kind.
kinds() {
	jq -r .event "$1" | sort | uniq -c | awk '{print $2 "=" $1}' | xargs
}

# faults WORDS COMMAND...: see support/preload/run_faults.c.
faults() {
	timeout 120 env LD_PRELOAD="$JOBQ_BUILD/support/run_faults.so" \
		RUN_FAULTS="$1" RUN_FAULTS_LOG="$BATS_TEST_TMPDIR/faults" "${@:2}"
}

# took FILE: from started to the ending, in milliseconds, a line for each job.
took() {
	jq -n 'def ms: (.[0:19] + "Z" | fromdate) * 1000 +
			(.[20:23] | tonumber);
		reduce (inputs | select(.event != "output" and
			.event != "progress")) as $e ({};
			.[$e.id] += [$e.at | ms]) | .[] | .[-1] - .[0]' "$1"
}

# within LEAST MOST FILE: all times of took are so, and two seconds more.
within() {
	took "$3" | sort -n | awk -v least="$1" -v most="$2" '
		NR == 1 && $1 < least || $1 > most + 2000 {
			print $1 " ms, not from " least " to " most; bad = 1 }
		END { exit bad || NR == 0 }'
}

ended() { # ID FILE, for wait_until
	jq -e --arg id "$1" 'select(.id == $id and .event == "completed")' "$2"
}

no_child_of() {
	[[ -z $(pgrep -P "$1") ]]
}

leaves_fifty() { # [PREFIX...] of the runner
	cat >leave <<-'END'
		#!/bin/sh
		for i in $(seq 50); do
			(setsid "$nap" 1000 & "$nap" 0.01 &)
		done >/dev/null 2>&1 3>&-
	END
	chmod +x leave
	mkfifo in
	spawn sh -c 'exec "$@" jobq-run -- ./leave <in >out' - "$@"
	exec 9>in
	jobs_to 1 >&9
	wait_until 30 ended 1 out
	runner=$(pgrep -x jobq-run -P "$spawned_pid" || echo "$spawned_pid")
	# Alive, with neither a survivor nor a zombie.
	wait_until 2 no_child_of "$runner"
	no_naps
	jobs_to 2 | tail -n 1 >&9
	wait_until 30 ended 2 out
	exec 9>&-
	wait "$spawned_pid"
	no_naps
	same "completed=2 started=2" "$(kinds out)"
}

@test "run: C1 of 50 children that forked twice none is left" {
	leaves_fifty env
}

@test "run: C1 nor by the init of a pid namespace" {
	unshare -pf true 2>/dev/null || skip "no pid namespaces here"
	leaves_fifty unshare -pf
}

@test "run: C2 a timeout ends what has left the session, 100 of 100" {
	jobs_to 100 | timeout 120 jobq-run -j 20 --timeout 1 --grace 1 -- sh -c '
		setsid "$nap" 1000 & (setsid "$nap" 1000 &)
		setsid sh -c "trap \"\" TERM; \"$nap\" 1000; \"$nap\" 1000" &
		"$nap" 1000' >out || same 1 $?
	no_naps
	same 100 "$(jq -r 'select(.reason == "timeout").id' out | wc -l)"
	# The timeout, the grace, and a second.
	within 2000 3000 out
}

@test "run: C4 TERM that is ignored, and a process that is stopped" {
	jobs_to 100 | timeout 120 jobq-run -j 20 --timeout 0.5 --grace 1 -- \
		sh -c 'trap "" TERM; "$nap" 1000; "$nap" 1000' >out || same 1 $?
	no_naps
	same 100 "$(jq -r 'select(.reason == "timeout" and .signal == 9).id' \
		out | wc -l)"
	within 1500 2000 out
	jobs_to 100 | timeout 120 jobq-run -j 20 --timeout 0.5 --grace 20 -- \
		sh -c '"$nap" 1000 & kill -STOP $! $$' >out || same 1 $?
	no_naps
	same 100 "$(jq -r 'select(.reason == "timeout" and .signal == 15).id' \
		out | wc -l)"
	within 500 1000 out
}

@test "run: P12 a timeout stops everything, whatever it is, 100 of 100" {
	cat >job <<-'END'
		#!/bin/sh
		case $((JOBQ_ID % 4)) in
		0) setsid "$nap" 1000 & "$nap" 1000 ;;
		1) trap "" TERM; (setsid "$nap" 1000 &); "$nap" 1000 ;;
		2) setsid "$nap" 1000 & kill -STOP $! $$ ;;
		3) (setsid sh -c 'trap "" TERM; "$nap" 1000; "$nap" 1000' &) ;;
		esac
		"$nap" 1000
	END
	chmod +x job
	jobs_to 100 | timeout 120 jobq-run -j 20 --timeout 0.5 --grace 0.5 -- \
		./job >out || same 1 $?
	no_naps
	same 100 "$(jq -r 'select(.reason == "timeout").id' out | wc -l)"
	within 500 1500 out
}

@test "run: C3 P14 50 jobs that leak their output are each done in time" {
	jobs_to 50 | timeout 120 jobq-run -j 10 -- \
		sh -c '"$nap" 60 & exit 0' >out
	no_naps
	same "completed=50 started=50" "$(kinds out)"
	same 50 "$(jq -r 'select(.pipe_held).id' out | wc -l)"
	# --pipe-wait is two seconds.
	within 2000 2500 out
}

@test "run: C5 in 10,000 runs no process is signalled after it was reaped" {
	jobs_to 10000 | jq -c '.input = .input % 6' | timeout 200 env \
		LD_PRELOAD="$JOBQ_BUILD/support/run_faults.so" RUN_FAULTS=reaps \
		RUN_FAULTS_LOG="$BATS_TEST_TMPDIR/faults" \
		jobq-run -j 4 --timeout 0.004 -- "$nap" '0.00{input}' >out ||
		same 1 $?
	same 10000 "$(jq -r 'select(.exit or .signal).id' out | wc -l)"
	# Timeouts and exits did come close to each other.
	same 1 "$(($(grep -c signal faults) >= 1000))"
	same 1 "$(($(jq -r 'select(.event == "completed").id' out | wc -l) >= 1000))"
	same 1 "$(($(grep -c reap faults) >= 10000))"
	not grep late faults
}

@test "run: C7 P13 a runner that is killed takes its jobs along, 500 times" {
	jobs_to 2 >in
	# Half of the kills come 0 to 2 ms after the start of a child was
	# announced, half 0 to 8 ms after that of the runner.
	cat >kills.py <<-'PYTHON'
		import os, random, signal, subprocess, sys, time
		random.seed(int(os.environ["SEED"]))
		had = 0
		def spin(seconds):
		    end = time.perf_counter() + seconds
		    while time.perf_counter() < end:
		        pass
		for i in range(500):
		    with open("in") as jobs:
		        run = subprocess.Popen(["jobq-run", "-j", "2", "--",
		            os.environ["nap"], "1000"], stdin=jobs,
		            stdout=subprocess.PIPE)
		    if i % 2:
		        run.stdout.read(1)
		        spin(random.uniform(0, 0.002))
		    else:
		        spin(random.uniform(0, 0.008))
		    with open(f"/proc/{run.pid}/task/{run.pid}/children") as list:
		        had += list.read() != ""
		    run.send_signal(signal.SIGKILL)
		    if run.wait(60) != -signal.SIGKILL:
		        sys.exit("it had ended before it was killed")
		    run.stdout.close()
		print(had)
	PYTHON
	timeout 200 python3 kills.py >had
	wait_until 10 no_naps
	echo "# $(<had) of 500 had a child when they were killed" >&3
	(($(<had) >= 50))
}

@test "run: C8 100 jobs at once have descriptors 0 to 3 and no other" {
	local i
	for i in $(seq 20 69); do
		eval "exec $i</dev/null"
	done
	# The fifth is the directory that ls reads.
	jobs_to 100 | timeout 60 jobq-run -j 100 -- \
		sh -c '"$nap" 0.5; exec ls /proc/self/fd' >out
	same 100 "$(jq -r 'select(.output == "0\n1\n2\n3\n4").id' out | wc -l)"
}

@test "run: C10 1,000 jobs read their input, and there are 1,000 starts" {
	jobs_to 1000 | timeout 120 jobq-run -j 4 -- cat >out
	same "completed=1000 started=1000" "$(kinds out)"
	jq -s 'map(select(.output)) | length == 1000 and
		all(.output == .id)' out | json .
}

@test "run: C11 ten MiB that are not read are no error" {
	# A line between stages is at most 2 MiB.
	head -c 2000000 /dev/zero | tr '\0' x | jq -Rc '
		range(6) as $i | {id: "\($i)", input: .}' >in
	timeout 60 jobq-run --max-line 2MiB -j 2 -- true <in >out
	same "completed=6 started=6" "$(kinds out)"
	# Others that read it get all of it.
	timeout 60 jobq-run --max-line 2MiB -j 2 -- wc -c <in >out
	same 6 "$(jq -r 'select(.output == "2000003").id' out | wc -l)"
}

@test "run: C14 a GiB without newline fits in 20 MiB" {
	jobs_to 1 | timeout 200 jobq-run --result none -- sh -c '
		head -c 1073741824 /dev/zero | tr "\0" x
		grep VmHWM "/proc/$PPID/status" >hwm' >out
	jq -s '.[1] | .event == "output" and (.text | length) == 65536 and
		.dropped == 1073741824 - 65536 and .eof' out | json .
	jq -s '.[2] | .event == "completed" and
		.dropped == 1073741824 - 1048576' out | json .
	# A sanitizer keeps memory of its own.
	[[ $JOBQ_BUILD == */san/* ]] ||
		same 1 "$(awk '{print ($2 <= 20 * 1024)}' hwm)"
}

# random_lines FILE: a thousand, of any bytes but the newline.
random_lines() {
	python3 -c 'import os, random, sys
random.seed(int(os.environ["SEED"]))
for i in range(1000):
    # Every other one has bytes that may well be text.
    some = range(256) if i % 2 else b"azAZ 09\"\\{}[]:,\t\x7f\x1b\xc3\xa9"
    line = bytes(random.choice(some) for _ in range(random.randrange(200)))
    sys.stdout.buffer.write(line.replace(b"\n", b"\r") + b"\n")' >"$1"
}

@test "run: C15 P17 1,000 lines of any bytes come through unchanged" {
	random_lines bytes
	jobs_to 2 | timeout 60 jobq-run --result none -- \
		sh -c '[ "$JOBQ_ID" = 1 ] || exec >&2; cat bytes' >out
	jq -e . out >/dev/null
	jq -s 'map(select(.event == "output")) |
		all(has("text") != has("base64"))' out | json .
	python3 -c 'import base64, json
def get(event):
    if "text" in event:
        return event["text"].encode()
    return base64.b64decode(event["base64"], validate=True)
with open("bytes", "rb") as file:
    wanted = file.read()
for id in "1", "2":
    got = b""
    with open("out", encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if event["event"] == "output" and event["id"] == id:
                got += get(event) + (b"" if event.get("eof") else b"\n")
    assert got == wanted, id'
}

@test "run: P17 1,000 lines of any bytes as jobs, as notes and as a result" {
	random_lines bytes
	run_apart timeout 60 jobq-run -- cat <bytes
	same 2 "$status"
	printf '%s' "$stdout" >out
	jq . out >/dev/null
	same 1 "$((${#stderr_lines[@]} >= 900))"
	jobs_to 1 | timeout 60 jobq-run -- sh -c 'cat bytes >&3; cat bytes' \
		>out 2>err
	jq -e . out >/dev/null
	same completed "$(tail -n 1 out | jq -r .event)"
}

@test "run: C16 a flood of five seconds is flat, told little, delays nothing" {
	echo '{"id":"a","lease":{"epoch":1,"worker":"w","seconds":3}}' >in
	timeout 60 jobq-run -- sh -c 'yes & "$nap" 1
		grep VmRSS "/proc/$PPID/status" >early; "$nap" 4
		grep VmRSS "/proc/$PPID/status" >late; kill $!' <in >out
	same 1 "$(($(jq -r 'select(.event == "output").n' out | wc -l) <= 60))"
	# An alive line comes every second and is never more than two late.
	jq -s 'def s: (.[0:19] + "Z" | fromdate) + (.[19:23] | tonumber);
		map(select(.event != "output").at | s) | length >= 5 and
		([.[1:], .[:-1]] | transpose |
		all(.[0] - .[1] <= 1 + 2))' out | json .
	[[ $JOBQ_BUILD == */san/* ]] || paste early late | awk '
		{ print; exit $5 - $2 > 1024 }'
}

@test "run: C18 a write that fails, whichever it is, loses nothing" {
	local n what
	jobs_to 40 >in
	for n in $(seq 1 3 40); do
		what=write=$n
		((n % 2)) || what+=,eio
		faults "$what" jobq-run -- cat <in >out 2>err
		same "completed=40 started=40" "$(kinds out)"
		same "$n 1" "$n $(grep -Ec 'No space left|Input/output' err)"
	done
}

@test "run: C18 on a disk that stays full it ends with 75 and no half line" {
	local n status
	jobs_to 20 >in
	for n in 1 7; do
		status=0
		faults "write=$n,full" jobq-run -j 2 -- "$nap" 0.1 <in >out \
			2>err || status=$?
		same 75 "$status"
		no_naps
		# What did start has been told, and each line is whole.
		jq . out >/dev/null
		[[ $(tail -c 1 out) == "" ]]
		has "$(cat err)" "No space left"
	done
}

@test "run: C18 a storm of a thousand signals a second changes nothing" {
	jobs_to 500 >in
	timeout 60 jobq-run -- cat <in >calm
	# Jobs that take a while: two seconds of storm at least.
	faults alarms jobq-run -- sh -c 'cat; "$nap" 0.004' <in >storm
	same "$(jq -c '[.event, .id, .n, .output]' calm)" \
		"$(jq -c '[.event, .id, .n, .output]' storm)"
}

# limited N COMMAND...: as a user who may have so many processes.
limited() {
	setpriv --reuid 54321 --regid 54321 --clear-groups \
		--inh-caps +dac_read_search --ambient-caps +dac_read_search \
		prlimit --nproc="$1" "${@:2}"
}

@test "run: C19 at the limit of processes jobs are released, none is lost" {
	[[ $(id -u) == 0 ]] || skip "another user is needed, be root"
	limited 100 true 2>/dev/null || skip "no capabilities for this here"
	chmod 777 "$TMPDIR" .
	jobs_to 20 >in
	# Its own process is all that it may have.
	limited 1 timeout -s KILL 60 true 2>/dev/null && skip "no limit here"
	limited 1 jobq-run -j 4 -- true <in >out 2>err || same 75 $?
	same 20 "$(jq -r 'select(.event == "released").id' out | wc -l)"
	has "$(cat err)" "unable to start a process"
	# Two children find room, a third does not.
	limited 3 jobq-run -j 4 -- sleep 0.3 <in >out 2>err || same 75 $?
	same 20 "$(jq -r 'select(.event == "completed" or
		.event == "released").id' out | sort -u | wc -l)"
	same 1 "$(($(jq -r 'select(.event == "completed").id' out | wc -l) >= 2))"
	same 1 "$(($(jq -r 'select(.event == "released").id' out | wc -l) >= 1))"
}

@test "run: P16 500 killed writers, one reader: a bad line is told, no more" {
	seq 100 | jq -c '{id: tostring, input: "\u00e9"}' >in
	seq 6000 >long
	cat >kills.py <<-'PYTHON'
		import json, os, random, signal, subprocess, time
		random.seed(int(os.environ["SEED"]))
		everything = b""
		cut = 0
		for i in range(500):
		    with open("in") as jobs:
		        run = subprocess.Popen(["jobq-run", "-j", "2", "--",
		            "cat", "long"], stdin=jobs, stdout=subprocess.PIPE)
		    got = run.stdout.read1(1)
		    time.sleep(random.uniform(0, 0.006))
		    run.send_signal(signal.SIGKILL)
		    got += run.stdout.read()
		    run.wait()
		    lines = got.split(b"\n")
		    for line in lines[:-1]:
		        json.loads(line)
		    cut += lines[-1] != b""
		    everything += got
		# The first line of the next stands behind a line that was cut.
		everything += b'{"event":"next"}\n{"event":"last"}\n{"event":"cut'
		with open("all", "wb") as file:
		    file.write(everything)
		with open("bad", "w") as file:
		    for number, line in enumerate(everything.split(b"\n"), 1):
		        try:
		            json.loads(line)
		        except ValueError:
		            print(number, file=file)
		print(cut)
	PYTHON
	timeout 200 python3 kills.py >torn
	echo "# $(<torn) of 500 left a line that was cut" >&3
	run_apart timeout 60 jobq-run -- true <all
	same 2 "$status"
	printf '%s\n' "$stdout" >out
	jq -e . out >/dev/null
	same "$(($(wc -l <all) + 1 - $(wc -l <bad)))" "$(wc -l <out)"
	same 1 "$(grep -cx '{"event":"last"}' out)"
	printf '%s\n' "${stderr_lines[@]}" >err
	same "$(cat bad)" "$(grep -oE '^jobq-run: stdin:[0-9]+' err |
		cut -d: -f3)"
	(($(<torn) >= 20))
}

@test "run: S23 the environment of a job is this and nothing else" {
	local outer=(PATH="$PATH" HOME=/h LANG=C LC_ALL=C.UTF-8 TZ=UTC
		TMPDIR="$TMPDIR" A_OWN=1 JOBQ_OTHER=2 EMPTY= 'SPACE=a b'
		JOBQ_URL=sqlite:x JOBQ_TOKEN=t JOBQ_TOKEN_FILE=t JOBQ_X_TOKEN=t
		JOBQ_XTOKENX=t NOTIFY_SOCKET=n WATCHDOG_PID=1 WATCHDOG_USEC=1
		LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=l
		CREDENTIALS_DIRECTORY=/c JOBQ_ID=old JOBQ_NAME=old
		JOBQ_QUEUE=old JOBQ_ATTEMPT=9 JOBQ_EPOCH=9 JOBQ_TMPDIR=/old
		TRACEPARENT=old)
	echo '{"id":"a","name":"n","queue":"q","attempt":3,"trace":"00-1-2-01",
		"lease":{"epoch":9,"worker":"w"}}' | tr -d '\n' >in
	echo >>in
	local ours=(JOBQ_ATTEMPT=3 JOBQ_EPOCH=9 JOBQ_ID=a JOBQ_NAME=n
		JOBQ_QUEUE=q JOBQ_TMPDIR=DIR TRACEPARENT=00-1-2-01)
	env -i "${outer[@]}" timeout 60 "$(type -P jobq-run)" --result text -- \
		env <in >out
	got() {
		jq -r 'select(.output).output' out |
			sed "s|^JOBQ_TMPDIR=$TMPDIR/.*|JOBQ_TMPDIR=DIR|" | sort
	}
	same "$(printf '%s\n' "${ours[@]}" A_OWN=1 EMPTY= HOME=/h JOBQ_OTHER=2 \
		LANG=C LC_ALL=C.UTF-8 "PATH=$PATH" 'SPACE=a b' \
		"TMPDIR=$TMPDIR" TZ=UTC | sort)" "$(got)"
	env -i "${outer[@]}" timeout 60 "$(type -P jobq-run)" --clean-env \
		--result text -- env <in >out
	same "$(printf '%s\n' "${ours[@]}" HOME=/h JOBQ_OTHER=2 LANG=C \
		LC_ALL=C.UTF-8 "PATH=$PATH" "TMPDIR=$TMPDIR" TZ=UTC |
		sort)" "$(got)"
	# A job without a lease and a trace: no epoch, the outer trace.
	echo '{"id":"a"}' >in
	env -i "${outer[@]}" timeout 60 "$(type -P jobq-run)" --clean-env \
		--result text -- env <in >out
	same "$(printf '%s\n' JOBQ_ATTEMPT=1 JOBQ_ID=a JOBQ_NAME=default \
		JOBQ_QUEUE=default JOBQ_TMPDIR=DIR TRACEPARENT=old HOME=/h \
		JOBQ_OTHER=2 LANG=C LC_ALL=C.UTF-8 "PATH=$PATH" \
		"TMPDIR=$TMPDIR" TZ=UTC | sort)" "$(got)"
}

@test "run: JOBQ_TMPDIR that was not touched for long is empty all the same" {
	cat >job <<-'END'
		#!/bin/sh
		ls -A "$JOBQ_TMPDIR"
		case $JOBQ_ID in
		1) exec "$nap" 4 ;;
		3) echo x >"$JOBQ_TMPDIR/x"; chmod 500 "$JOBQ_TMPDIR" ;;
		4) exec stat -c %a "$JOBQ_TMPDIR" ;;
		esac
	END
	chmod +x job
	jobs_to 5 | timeout 60 jobq-run -- ./job >out
	same '1=
2=
3=
4=700
5=' "$(jq -r 'select(.event == "completed") | "\(.id)=\(.output // "")"' out)"
}

@test "run: 2,000 jobs are stopped in seconds" {
	# Eight descriptors for each.
	(($(ulimit -Hn) >= 16100)) || skip "too few files may be open here"
	jobs_to 2000 >in
	spawn sh -c 'exec jobq-run -j 2000 -- "$nap" 1000 <in >out 2>err'
	all_run() { [[ $(pgrep -c -f "^$nap") == 2000 ]]; }
	wait_until 60 all_run
	kill "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	no_naps
	same "released=2000 started=2000" "$(kinds out)"
	lacks "$(head -n 5 err)" survive
}
