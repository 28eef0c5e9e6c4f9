#!/usr/bin/env bats
# jobq-work: the circle made, watched, built anew, stopped.
# shellcheck disable=SC2016 # scripts of the jobs

load support/stages
load support/http

# What takes longest goes on beside the other cases: five deaths of a circle,
# and a job that kills its runner, each in a folder of its own.
setup_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR common_setup
	(
		mkdir "$BATS_FILE_TMPDIR/deaths"
		cd "$BATS_FILE_TMPDIR/deaths"
		fake jobq-run 'exit 1'
		slow deaths fake/bin/jobq-work -- true
	)
	(
		mkdir "$BATS_FILE_TMPDIR/crash"
		cd "$BATS_FILE_TMPDIR/crash"
		export JOBQ_URL=sqlite:$PWD/q.db
		jobs 20 | jobq-push >/dev/null
		echo '{"id":"killer","max_attempts":1}' | jobq-push >/dev/null
		slow crash jobq-work -j 2 --lease 0.5 --interval 0.2 \
			--until-done -- sh -c 'echo "$1" >>ran
			[ "$1" != killer ] || exec kill -9 $PPID' - '{id}'
	)
}

teardown_file() {
	local file
	for file in "$BATS_FILE_TMPDIR"/*/pid; do
		kill "$(<"$file")" 2>/dev/null
	done
	return 0
}

# slow NAME COMMAND...: its pid in pid, its exit code in status.
slow() {
	shift
	(
		timeout -k 1 120 "$@" >out 2>err &
		echo $! >pid
		wait $! && code=0 || code=$?
		echo "$code" >status
	) 3>&- 4>&- </dev/null >/dev/null 2>&1 &
}

# fake COMMAND SCRIPT: a build in the folder fake whose COMMAND is a script.
fake() {
	mkdir -p fake/bin
	cp "$JOBQ_BUILD"/bin/jobq-{work,claim,run} fake/bin
	[ ! -x "$JOBQ_BUILD/bin/jobq-serve" ] ||
		cp "$JOBQ_BUILD/bin/jobq-serve" fake/bin
	ln -sfn "$JOBQ_BUILD/drivers" fake/drivers
	ln -sfn "$TOP/share" fake/share
	printf '#!/bin/sh\n%s\n' "$2" >"fake/bin/$1"
}

# work OPTION...: jobq-work in the background, as "work" of background.
work() {
	background work jobq-work --interval 0.2 "$@"
	wait_until 20 test -s work.pid
}

# stage NAME: the pid of a stage of it.
stage() {
	[ -s work.pid ] && pgrep -P "$(<work.pid)" -x "jobq-$1"
}

# another NAME PID: a stage of that name runs, and it is not this one.
another() {
	local pid
	pid=$(stage "$1") && [[ $pid != "$2" ]]
}

# once NUMBER WHERE: soon so many jobs are so.
once() {
	wait_until 30 counts "$@" && return
	sql 'SELECT stage, count(*) FROM job GROUP BY stage'
	cat work.err
	return 1
}

# ends CODE: the work ends, with that code.
ends() {
	exits "$1" work && return
	cat work.err
	return 1
}

# listen NAME COUNT: receives so many datagrams at the socket NAME (@NAME: an
# abstract one) and writes them to the file told, a line each.
listen() {
	background listen timeout 60 python3 -uc '
import socket, sys
name, count = sys.argv[1:]
link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
link.bind("\0" + name[1:] if name[0] == "@" else name)
print("listens")
with open("told", "w") as file:
    for i in range(int(count)):
        print(link.recv(4096).decode(), file=file, flush=True)' "$@"
	wait_until 20 grep -q listens listen.out
}

@test "work: with nothing to do --until-empty ends at once, exit 0, no word" {
	run_apart timeout 30 jobq-work --until-empty -- true
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "work: all jobs are run, four at a time, and nothing is printed" {
	push_jobs 20
	run_apart timeout 60 jobq-work -j 4 --until-empty -- \
		sh -c 'echo "$1" >>ran' - '{id}'
	same 0 "$status"
	same "" "$stdout$stderr"
	same "$(seq 20 | sed 's/^/j/' | sort)" "$(sort ran)"
	counts 20 "stage = 4"
}

@test "work: the log's options hold for all, --log-jobs and --output-log" {
	push_jobs 1
	run_apart timeout 60 jobq-work --until-empty --worker w1 --interval 2 \
		--log-jobs --log-level info --log-file log --log-stderr always \
		--log-name n --output-log all -- sh -c 'echo out; echo err >&2'
	same 0 "$status"
	same "$(<log)" "$stderr"
	same out,err "$(<all_stdout.log),$(<all_stderr.log)"
	same "started as worker w1, up to 1 at a time, polling every 2.000 s
job j1 started, attempt 1
job j1 completed in T
stopped" "$(sed -E 's/.* - n - INFO - //; s/ in [0-9.]+ s$/ in T/' log)"
}

@test "work: exits 1 when a job has failed for good, not when it is retried" {
	push_jobs 1
	run_apart timeout 30 jobq-work --max-jobs 1 -- sh -c 'exit 3'
	same 0 "$status"
	echo '{"id":"x"}' | jobq-push >/dev/null
	run_apart timeout 30 jobq-work --max-jobs 1 -- sh -c 'exit 64'
	same 1 "$status"
	same 6 "$(state x)"
}

@test "work: options reach the stage they are for" {
	jobs 3 '{"queue": "q", "input": "in"}' | jobq-push >/dev/null
	echo '{"id":"other"}' | jobq-push >/dev/null
	run_apart timeout 30 jobq-work -Q q --max-jobs 2 --worker me \
		--stdin none --result none --events --ahead 0 -- cat
	same 0 "$status"
	jq -es '[.[] | select(.event == "completed")] | length == 2 and
		all(.worker == "me" and (has("output") | not))' <<<"$stdout"
	same 2 "$(state j3)"
	same 2 "$(state other)"
}

@test "work: it has the options of jobq-run, but for those of unleased jobs" {
	jobq-work --dump-options | sort >of-work
	jobq-run --dump-options | sort >of-run
	same "backoff max-line one resume retries strict unclaimed" \
		"$(comm -13 of-work of-run | cut -f1 | xargs)"
}

@test "work: --dir, --joblog and --output-dir reach the runner" {
	mkdir -p plugins/a plugins/b
	printf '#!/bin/sh\necho "a $1 $(cat)"\n' >plugins/a/run
	printf '#!/bin/sh\necho "b $1 $(cat)"\n' >plugins/b/run
	chmod +x plugins/*/run
	for name in a b; do
		echo '{"id":"'$name'","name":"'$name'","input":1}' |
			jobq-push >/dev/null
		run_apart timeout 30 jobq-work --until-empty --dir plugins \
			--joblog log --output-dir kept -- 'of {name}'
		same "0:" "$status:$stdout$stderr"
	done
	same "a of a 1" "$(<kept/a.out)"
	same "b of b 1" "$(<kept/b.out)"
	# The second worker has kept what the first had written.
	same "Command
plugins/a/run 'of a'
plugins/b/run 'of b'" "$(cut -f9 log)"
}

@test "work: --argv and --env-from reach the runner" {
	echo '["sh", "-c", "echo $X; exec cat", "-"]' >f.jq
	echo '{"id":"x","input":7,"meta":{"env":{"X":"of the job"}}}' |
		jobq-push >/dev/null
	run_apart timeout 30 jobq-work --until-empty --argv f.jq --events \
		--env-from .meta.env
	same 0 "$status"
	jq -es 'last.output == "of the job\n7"' <<<"$stdout"
}

@test "work: --post reaches the runner, with header, token, body and result" {
	spawn "$TOP/tests/support/http-server" .
	wait_until 20 test -s ports
	(umask 077 && echo t0ken >token)
	echo '{sent: .input}' >body.jq
	echo '{status, got: .body}' >result.jq
	echo '{"id":"x","input":7}' | jobq-push >/dev/null
	run_apart timeout 30 jobq-work --until-empty --events \
		--post "http://127.0.0.1:$(jq .http ports)/echo" \
		--header 'X-A: 1' --header 'X-B: 2' --token-file token \
		--body body.jq --result-map result.jq
	same 0 "$status"
	jq -es 'last.output == {status: 200, got: {sent: 7}}' <<<"$stdout"
	json '.headers | .authorization == "Bearer t0ken" and .["x-a"] == "1"
		and .["x-b"] == "2"' log
}

@test "work: --fetch puts jobq-fetch into the circle, and into the script" {
	mkdir server
	spawn "$TOP/tests/support/http-server" server
	wait_until 20 test -s server/ports
	url="http://127.0.0.1:$(jq .http server/ports)/gate={input.gate}"
	url+='/status={input.code}/body=%7B%22env%22:%7B%22X%22:%22of-it%22%7D%7D'
	one='{"input":{"gate":".","code":200}}'
	printf '%s\n' "$one" "${one/200/404}" "$one" | jobq-push >/dev/null
	options=(--env-from .context.env --until-empty --fetch "$url" -j 2)
	run_apart timeout 30 jobq-work "${options[@]}" --events \
		-- sh -c 'echo $X$JOBQ_URL'
	same 1 "$status"
	same '["completed","of-it"] ["completed","of-it"] ["failed",null]' "$(
		jq -c 'select(.event == ("failed", "completed")) |
			[.event, .output]' <<<"$stdout" | sort | xargs -d '\n')"
	jobq-push <<<"$one" >/dev/null
	jobq-work "${options[@]}" --print -- sh -c 'echo $X$JOBQ_URL >got' >w.sh
	timeout 30 sh w.sh
	same of-it "$(<got)"

	# What kills it is a death, what it holds comes back; TERM gives it back.
	jobq-push <<<"${one/./late}" >/dev/null
	background work jobq-work --fetch "$url" --lease 2 -- touch ran
	wait_until 20 grep -q late server/log
	kill -KILL "$(stage fetch)"
	wait_until 20 grep -q 'jobq-fetch was killed by signal 9' work.err
	: >server/late
	wait_until 30 test -e ran
	jobq-push <<<"${one/./later}" >/dev/null
	wait_until 20 grep -q later server/log
	send TERM work
	exits 0 work
	same 1 "$(sql 'SELECT count(*) FROM job WHERE stage IN (1, 2) AND
		attempt = 0')"

	for bad in nothing ftp://h/x 'http://u:s3cr3t@h/x'; do
		run_apart timeout 30 jobq-work --fetch "$bad" -- true
		same 2 "$status"
		lacks "$stderr" s3cr3t
	done
	jobq-push <<<'{"id":"plain"}' >/dev/null
	run_apart timeout 30 jobq-work --fetch '' --max-jobs 1 -- true
	same 0 "$status"
	has "$stderr" 'nothing is fetched'
}

@test "work: a secret that jobq-run would show to others is refused" {
	for option in --post=http://u:s3cr3t@localhost/ \
		'--header=authorization: s3cr3t'; do
		run_apart jobq-work --post http://localhost/ "$option"
		same 2 "$status"
		has "$stderr" "can be read by others" "(--token-file)"
		lacks "$stdout$stderr" s3cr3t
	done
	not test -e q.db
}

@test "work: what does the work is checked as in jobq-run, in its words" {
	while read -r arguments; do
		# shellcheck disable=SC2086 # several words
		run_apart jobq-work $arguments
		same "2:" "$status:$stdout"
		work=${stderr//jobq-work/jobq-run}
		# shellcheck disable=SC2086
		run_apart jobq-run $arguments </dev/null
		same "2:$stderr" "$status:$work"
		has "$stderr" jobq-run
	done <<-'END'

		true
		--argv f -- true
		--argv f --dir d
		--post http://localhost/ -- true
		--post http://localhost/ --dir d
		--coprocess --dir d
		--coprocess --post http://localhost/
		--coprocess --result text -- true
		--depth 2 -- true
		--token-file t -- true
		--output-limit 1 -- true
		--halt often -- true
		--permanent x -- true
	END
	not test -e q.db
	# What only the runner can see, it says before anything is taken.
	run_apart timeout 30 jobq-work --dir nosuch
	same 2 "$status"
	has "$stderr" "jobq-run: " nosuch
	not test -e q.db
}

@test "work: --halt ends it when so many have failed, exit 1" {
	push_jobs 9
	run_apart timeout 30 jobq-work --halt soon,fail=3 -- sh -c 'exit 3'
	same 1 "$status"
	counts 3 "attempt = 1"
	counts 6 "attempt = 0"
	# Fewer are no reason to end, nor to exit 1: they are repeated later.
	run_apart timeout 30 jobq-work --halt now,fail=7 --until-empty \
		--lease 1 -- sh -c 'exit 3'
	same 0 "$status"
}

@test "work: --halt counts on when the circle is built anew" {
	push_jobs 6
	run_apart timeout 30 jobq-work --lease 1 --interval 0.1 \
		--halt now,fail=3 -- sh -c 'echo >>ran
		case $(wc -l <ran) in
		2) kill -KILL $PPID ;; # its own attempt is one of nobody
		*) exit 3 ;;
		esac'
	same 1 "$status"
	has "$stderr" "a new circle"
	same 4 "$(wc -l <ran)"
	counts 3 "stage = 1"
}

@test "work: the runner and its jobs know nothing of the store" {
	push_jobs 1
	export JOBQ_A_TOKEN=secret NOTIFY_SOCKET=
	url=$JOBQ_URL
	unset JOBQ_URL
	work -S "$url" -- sh -c 'env >seen; tr "\0" "\n" \
		</proc/$PPID/environ >runner; : >there; exec sleep 60'
	wait_until 20 test -e there
	same "" "$(grep -hE '^(JOBQ_URL|JOBQ_A_TOKEN|NOTIFY)' seen runner)"
	lacks "$(tr '\0' ' ' <"/proc/$(stage claim)/cmdline")" "$url"
	grep -qxz "JOBQ_URL=$url" "/proc/$(stage claim)/environ"
	send TERM work
	ends 0
}

@test "work: stages have no descriptor that is not theirs" {
	: >mark
	exec 8<mark
	work -- true
	exec 8<&-
	for name in claim run; do
		wait_until 20 stage "$name"
		pid=$(stage "$name")
		wait_until 20 test -e "/proc/$pid/fd/3"
		same "0 1" "$(find "/proc/$pid/fd" -lname 'pipe:*' \
			-printf '%f\n' | sort | xargs)"
		same "" "$(find "/proc/$pid/fd" -lname '*/mark')"
	done
	send TERM work
	ends 0
}

@test "work: when claim is killed a new circle is built and nothing is lost" {
	push_jobs 12
	work -j 2 --lease 3 --until-empty -- sh -c 'echo "$1" >>ran; sleep 0.1' - '{id}'
	wait_until 20 has_lines 2 ran
	kill -KILL "$(stage claim)"
	ends 0
	counts 12 "stage = 4"
	grep -q 'jobq-claim was killed by signal 9 .* a new circle in' work.err
	counts 0 "attempt > 1"
}

@test "work: when run is killed its descendants die and nothing is lost" {
	push_jobs 6
	work -j 2 --lease 1 --until-empty -- sh -c '[ -e killed ] && exit
		setsid sh -c "echo \$\$ >>left; exec sleep 98" >/dev/null 2>&1 \
			3>&- & sleep 97'
	wait_until 20 has_lines 2 left
	: >killed
	kill -KILL "$(stage run)"
	while read -r pid; do
		wait_until 10 gone "$pid"
	done <left
	ends 0
	counts 6 "stage = 4"
	same "" "$(ps --ppid "$(<work.pid)" -o pid=)"
}

@test "work: what a killed runner left dies also where others are about" {
	push_jobs 1
	background work sh -c 'JOBQ_ID=x sleep 96 & echo $! >mine
		exec jobq-work --lease 60 -- sh -c '\''
			setsid sleep 95 >/dev/null 2>&1 3>&- & echo $! >left
			: >there; sleep 97'\'
	wait_until 20 test -e there
	wait_until 20 stage run
	kill -KILL "$(stage run)"
	wait_until 10 gone "$(<left)"
	not gone "$(<mine)"
	wait_until 20 grep -q 'a new circle' work.err
	send TERM work
	ends 0
	not gone "$(<mine)"
	kill "$(<mine)"
}

@test "work: TERM in mid-job gives the job back with its attempt" {
	push_jobs 3
	work -j 2 --grace 0.5 -- sh -c 'trap "" TERM; echo >>there; sleep 60; sleep 60'
	wait_until 20 has_lines 2 there
	begun=$SECONDS
	send TERM work
	ends 0
	((SECONDS - begun < 6))
	counts 3 "stage = 2 AND attempt = 0"
	counts 0 "worker IS NOT NULL AND stage = 3"
}

@test "work: what ends well when it is told to is completed" {
	push_jobs 2
	work -j 2 -- sh -c 'trap "exit 0" TERM; echo >>there; sleep 60 & wait'
	wait_until 20 has_lines 2 there
	send TERM work
	ends 0
	counts 2 "stage = 4"
}

@test "work: a second TERM kills, and the job is given back all the same" {
	push_jobs 1
	work --grace 60 -- sh -c 'trap "" TERM; : >there; sleep 60; sleep 60'
	wait_until 20 test -e there
	send TERM work
	wait_until 20 grep -q 'jobq-run: stopping' work.err
	begun=$SECONDS
	send TERM work
	ends 0
	((SECONDS - begun < 4))
	counts 1 "stage = 2 AND attempt = 0"
}

@test "work: --shutdown bounds the stop" {
	push_jobs 1
	work --grace 60 --shutdown 1 -- sh -c 'trap "" TERM; : >there; sleep 60; sleep 60'
	wait_until 20 test -e there
	begun=$SECONDS
	send TERM work
	ends 0
	((SECONDS - begun < 5))
	counts 1 "stage = 2 AND attempt = 0"
	grep -q -- --shutdown work.err
}

@test "work: a stop is bounded also by a second TERM when a stage is stopped" {
	push_jobs 1
	work -- sh -c ': >there; sleep 60'
	wait_until 20 test -e there
	kill -STOP "$(stage claim)"
	begun=$SECONDS
	send TERM work
	wait_until 20 grep -q 'jobq-work: stopping' work.err
	send TERM work
	ends 75
	((SECONDS - begun < 10))
	grep -q 'come back when their leases end' work.err
}

@test "work: Ctrl-C in a terminal loses no ending" {
	push_jobs 3
	run_apart timeout 60 python3 -c '
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
end = time.monotonic() + 30
while time.monotonic() < end:
    if os.path.exists("there") and len(open("there").readlines()) == 2:
        break
    time.sleep(0.02)
os.write(fd, b"\3")
try:
    while os.read(fd, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' \
		jobq-work -j 2 -- sh -c 'echo >>there; [ "$1" = j1 ] &&
			trap "exit 0" TERM; sleep 60 & wait' - '{id}'
	same 0 "$status"
	same 4 "$(state j1)"
	counts 2 "stage = 2 AND attempt = 0"
}

@test "work: TERM while it waits for a new circle ends it" {
	fake jobq-run 'exit 1'
	background work fake/bin/jobq-work -- true
	wait_until 20 grep -q 'a new circle' work.err
	send TERM work
	ends 0
}

@test "work: a command that is not found is told before any job is taken" {
	push_jobs 1
	run_apart timeout 30 jobq-work -- ./nosuch
	same 2 "$status"
	has "$stderr" nosuch
	fake jobq-run 'sleep 0.5; exit 2'
	run_apart timeout 30 fake/bin/jobq-work -- true
	same 2 "$status"
	counts 1 "stage = 2 AND attempt = 0 AND epoch = 0"
}

@test "work: a stage that exits 2 is the end, exit 2" {
	run_apart timeout 30 jobq-work --ahead many -- true
	same 2 "$status"
	has "$stderr" --ahead
	run_apart timeout 30 jobq-work -S nosuch:x -- true
	same 2 "$status"
	has "$stderr" nosuch
	run_apart timeout 30 jobq-work --permanent x -- true
	same 2 "$status"
}

@test "work: without a command, or with one before --, exit 2" {
	run_apart jobq-work --until-empty
	same 2 "$status"
	has "$stderr" "which command"
	run_apart jobq-work true
	same 2 "$status"
	run_apart jobq-work --print --events -- true
	same 2 "$status"
	has "$stderr" --print
}

@test "work: --max-jobs counts on after a death" {
	push_jobs 9
	work --lease 1 --ahead 0 --max-jobs 4 -- sh -c 'echo "$1" >>ran
		[ -e killed ] || sleep 0.3' - '{id}'
	wait_until 20 has_lines 2 ran
	: >killed
	kill -KILL "$(stage run)"
	ends 0
	once 4 "stage = 4"
	counts 5 "stage IN (2, 3)"
}

@test "work: --for ends it, and what runs is waited for" {
	push_jobs 1
	run_apart timeout 30 jobq-work --for 0.3 -- sleep 0.8
	same 0 "$status"
	counts 1 "stage = 4"
}

@test "work: USR1 says what it waits for, and so do the stages" {
	push_jobs 1
	work -- sh -c ': >there; sleep 60'
	wait_until 20 test -e there
	asked() {
		kill -USR1 "$(<work.pid)"
		grep -q 'jobq-work: circle 1 .* waits for' work.err &&
		    grep -q 'jobq-claim: .*waits for' work.err &&
		    grep -q 'jobq-run: waits for' work.err
	}
	wait_until 20 asked
	send TERM work
	ends 0
}

@test "work: --events prints whole events, and none that say alive" {
	push_jobs 2
	run_apart timeout 30 jobq-work -j 2 --lease 0.5 --until-empty --events \
		-- sh -c 'echo out; sleep 0.4'
	same 0 "$status"
	jq -es 'map(.event) | unique == ["completed", "output", "started"] and
		length >= 4' <<<"$stdout"
	jq -es '[.[] | select(.event == "completed")] | length == 2' <<<"$stdout"
	counts 2 "stage = 4"
}

@test "work: a reader of --events that takes nothing does not hold the ring" {
	push_jobs 12
	mkfifo pipe
	exec 9<>pipe
	background work sh -c 'exec jobq-work -j 2 --until-empty --events -- \
		sh -c "head -c 900000 /dev/zero | tr \\\\0 x" >pipe 9>&-'
	once 12 "stage = 4"
	grep -q 'events are left out' work.err
	exec 8<pipe 9>&-
	timeout 30 jq -c .event <&8 >seen
	exec 8<&-
	ends 0
	(($(wc -l <seen) > 8))
}

@test "work: when the reader of --events goes away jobs are given back" {
	push_jobs 3
	run bash -c 'timeout 40 jobq-work --ahead 0 --grace 1 --events -- sleep 60 |
		head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"'
	has "$output" 141
	counts 3 "stage = 2 AND attempt = 0"
}

@test "work: one process has a --lock, another is told so, exit 75" {
	work --lock one -- true
	wait_until 20 stage claim
	run_apart timeout 30 jobq-work --lock one -- true
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$(<work.pid)" one
	run_apart timeout 30 jobq-work --lock two --until-empty -- true
	same 0 "$status"
	kill -KILL "$(<work.pid)"
	wait_until 20 test -s work.status
	run_apart timeout 30 jobq-work --lock one --until-empty -- true
	same 0 "$status"
	run_apart jobq-work --lock ../one -- true
	same 2 "$status"
}

# has_server: for the cases with --health.
has_server() {
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
}

@test "work: --health answers over TCP, does not hold up work, and comes back" {
	local teller again
	has_server
	work -v --health 127.0.0.1:0 -- sh -c 'env >env.new; mv env.new env'
	wait_until 20 grep -q 'health is told at' work.err
	where=$(sed -n 's/.*health is told at //p' work.err)
	wait_until 20 gives 200 "$where" /health
	gives 200 "$where" /health/ready | json --argjson claim "$(stage claim)" \
		'.status == "ok" and .stages.claim == $claim and .circles == 1'
	gives 200 "$where" '/health/live?x=1' | json '.status == "ok"'
	gives 404 "$where" /
	gives 404 "$where" /v1/info
	gives 200 "$where" /metrics | grep '^jobq_build_info'
	gives 404 "$where" /health/other
	gives 405 "$where" /health POST
	# What answers to anybody cannot tell what it was never given.
	teller=$(stage serve)
	not grep -zq '^JOBQ_URL=' "/proc/$teller/environ"
	kill -STOP "$teller"
	push_jobs 1
	once 1 "stage = 4"
	not grep -E '^(JOBQ_URL|JOBQ_HEALTH|LISTEN_)' env
	kill -KILL "$teller"
	wait_until 20 another serve "$teller"
	wait_until 20 gives 200 "$where" /health
	grep -q 'jobq-serve was killed by signal 9 .* started again' work.err
	again=$(stage serve)
	kill -KILL "$(<work.pid)"
	wait_until 20 gone "$again"
}

@test "work: --health without jobq-serve says so at once, exit 2" {
	fake jobq-run 'exit 1'
	rm -f fake/bin/jobq-serve
	run_apart timeout 30 fake/bin/jobq-work --health unix:h.sock -- true
	same 2 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$PWD/fake/bin/jobq-serve" libwebsockets
	not test -e h.sock
}

@test "work: --health bounds its clients, and they do not hide the answer" {
	has_server
	work --health unix:h.sock -- true
	wait_until 20 gives 200 unix:h.sock /health
	same 600 "$(stat -c %a h.sock)"
	timeout 60 python3 -c '
import socket
def connect():
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(30)
    link.connect("h.sock")
    return link
def ask(text):
    link = connect()
    try:
        link.sendall(text)
    except BrokenPipeError:
        pass
    return link.makefile("rb").read().split(b"\r\n", 1)[0]
idle = [connect() for i in range(262)]
assert b" 200 " in ask(b"GET /health HTTP/1.1\r\nHost: any\r\n\r\n")
for link in idle[:6]:                  # the oldest made room
    assert link.recv(1) == b""
idle[200].setblocking(False)
try:
    raise AssertionError(idle[200].recv(1))
except BlockingIOError:
    pass
assert b" 414 " in ask(b"GET /" + b"x" * 9000)
assert b" 431 " in ask(b"GET / HTTP/1.1\r\nA: " + b"x" * 17000)
assert b" 400 " in ask(b"rubbish\r\n\r\n")
assert b" 400 " in ask(b"GET  /health HTTP/1.1\r\n\r\n")
assert b" 400 " in ask(b"GET /health HTTP/1.1\r\n\r\n") # no Host
assert b" 200 " in ask(b"HEAD /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
parts = connect()
for byte in b"GET /health HTTP/1.0\r\n\r\n":
    parts.sendall(bytes([byte]))
assert b" 200 " in parts.makefile("rb").readline()'
	send TERM work
	ends 0
	not test -e h.sock
}

@test "work: --health says 503 while no circle runs, and takes a dead socket" {
	has_server
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("h.sock")'
	fake jobq-run 'exit 1'
	background work fake/bin/jobq-work --health unix:h.sock -- true
	wait_until 20 gives 503 unix:h.sock /health/ready
	wait_until 20 gives 503 unix:h.sock /health
	gives 200 unix:h.sock /health/live
	run_apart timeout 30 jobq-work --health unix:h.sock -- true
	same 75 "$status"
	run_apart timeout 30 jobq-work --health nowhere -- true
	same 2 "$status"
	send TERM work
	ends 0
}

@test "work: --health-store is ready only while the store answers" {
	has_server
	make_picky_store
	work -S "$picky" --health unix:h.sock --health-store \
		--health-unready '{"error":{error},"again":{error}}' -- true
	wait_until 20 gives 200 unix:h.sock /health/ready
	gives 200 unix:h.sock /health | json '.status == "ok"'
	gives 200 unix:h.sock /metrics | grep '^jobq_build_info'
	: >away
	wait_until 20 gives 503 unix:h.sock /health/ready
	gives 503 unix:h.sock /health | json '.error == .again and
		(.error | contains("the disk is in another room"))'
	gives 200 unix:h.sock /health/live
	rm away
	wait_until 20 gives 200 unix:h.sock /health/ready
	# The one who asks is started again, and ends with the work.
	teller=$(stage serve)
	not grep -zq "$picky" "/proc/$teller/cmdline"
	: >away
	kill -KILL "$teller"
	wait_until 20 another serve "$teller"
	wait_until 20 eval 'gives 503 unix:h.sock /health | grep "disk is in"'
	teller=$(stage serve)
	send TERM work
	ends 0
	wait_until 20 gone "$teller"
}

@test "work: --health-store does not wait for a store that hangs" {
	has_server
	make_picky_store
	sed -i "2i while [ -e '$PWD/hangs' ]; do sleep 0.05; done" \
		adapters/picky/store
	work -S "$picky" --health unix:h.sock --health-store -- true
	wait_until 20 gives 200 unix:h.sock /health/ready
	: >hangs
	wait_until 20 gives 503 unix:h.sock /health/ready
	gives 503 unix:h.sock /health/ready | json '.error != "" and
		.status == "the store does not answer" and .circles == 1'
	gives 200 unix:h.sock /health/live
	rm hangs
	wait_until 20 gives 200 unix:h.sock /health/ready
	send TERM work
	ends 0
}

@test "work: the bodies of --health can be given" {
	local option
	has_server
	work --health unix:h.sock --health-live '{"status": "alive"}' \
		--health-ready '{"status":"ready","n":1.10}' \
		--health-unready '{"why":{error}}' -- true
	wait_until 20 gives 200 unix:h.sock /health/ready
	same '{"status":"ready","n":1.10}' "$(gives 200 unix:h.sock /health/ready)"
	same '{"status":"ready","n":1.10}' "$(gives 200 unix:h.sock /health)"
	same '{"status": "alive"}' "$(gives 200 unix:h.sock /health/live)"
	send TERM work
	ends 0
	fake jobq-run 'exit 1'
	background work fake/bin/jobq-work --health unix:h.sock \
		--health-unready '{"why":{error}}' -- true
	wait_until 20 gives 503 unix:h.sock /health/ready
	same '{"why":"stages do not run"}' "$(gives 503 unix:h.sock /health)"
	send TERM work
	ends 0
	for option in live ready unready; do
		run_apart timeout 30 jobq-work --health "unix:i.sock" \
			"--health-$option" '{"status":{why}}' -- true
		same 2 "$status"
		has "$stderr" "--health-$option is no JSON"
	done
	for option in --health-store --health-live=1; do
		run_apart timeout 30 jobq-work "$option" -- true
		same 2 "$status"
		has "$stderr" 'go with --health'
	done
}

@test "work: --store-retry bounds how long a store is left alone" {
	work -vv --store-retry 0.2 -S fail:again -- true
	tried() { [[ $(grep -c 'trying again' "$1") -ge 5 ]]; }
	wait_until 20 tried work.err
	send TERM work
	ends 0
	background claim jobq-claim -vv --follow --store-retry 0.2 -S fail:again
	wait_until 20 tried claim.err
	send TERM claim
	exits 0 claim
	cat ./*.err | grep 'trying again' >tries
	not grep -vE 'in (1[89].|2[01].|220) ms$' tries
	has "$(jobq-work --print --store-retry 0.2 -- true)" '--store-retry 200ms'
}

@test "work: a supervisor is told, and stages are not told of it" {
	listen "$PWD/n.sock" 4
	NOTIFY_SOCKET=$PWD/n.sock work -- true
	wait_until 20 grep -qx READY=1 told
	grep -q '^STATUS=working, circle 1' told
	not grep -qz NOTIFY_SOCKET "/proc/$(stage claim)/environ"
	send TERM work
	ends 0
	wait_until 20 grep -qx STOPPING=1 told
}

@test "work: the watchdog of a supervisor is fed, also by an abstract socket" {
	listen "@jobq-$$-$RANDOM" 5
	name=$(tr '\0' '\n' <"/proc/$(<listen.pid)/cmdline" | grep '^@jobq-')
	NOTIFY_SOCKET=$name WATCHDOG_USEC=400000 work -- true
	fed() { [[ $(grep -cx WATCHDOG=1 told) -ge 2 ]]; }
	wait_until 20 fed
	send TERM work
	ends 0
}

@test "work: --print prints a script that does the same" {
	push_jobs 8
	jobq-work -j 2 --until-empty --print -- sh -c 'echo "$1" >>ran' - \
		"it's \$HOME \"{id}\" *" >w.sh
	sh -n w.sh
	shellcheck -s sh -e SC2016,SC2086,SC2094,SC2317 w.sh
	run_apart timeout 60 sh <w.sh
	same 0 "$status"
	same "" "$stdout$stderr"
	counts 8 "stage = 4"
	same "$(printf "it's \$HOME \"j%s\" *\n" {1..8} | sort)" "$(sort ran)"
	echo '{"id":"bad"}' | jobq-push >/dev/null
	run_apart timeout 60 bash -c \
		'jobq-work --until-empty --print -- sh -c "exit 64" | sh'
	same 1 "$status"
	same 6 "$(state bad)"
}

@test "work: the script of --print has every option of the runner" {
	cat >there <<-'END'
		--jobs 2 --dir a/dir --timeout 5000ms --grace 1000ms
		--stdin none --result text --output-limit 2048
		--line-events --pipe-wait 100ms --permanent 3 --clean-env
		--halt soon,fail=2 --joblog log --output-dir out
		--env-from .meta.env -- '{id}'
	END
	jobq-work -j 2 --print --env-from .meta.env --output-dir out \
		--joblog log --halt soon,fail=2 --clean-env --permanent 3 \
		--line-events \
		--pipe-wait 0.1 --output-limit 2KiB --result text --stdin none \
		--grace 1 --timeout 5 --dir a/dir -- '{id}' >w.sh
	same "$(xargs -0 <there | tr -s '\n' ' ')" \
		"$(sed -n 's/.*jobq-run" //p' w.sh | sed "s,--resume /dev/null ,,") "
	jobq-work --print --post http://h/ --header a:1 --header b:2 \
		--token-file t --body b --result-map r >w.sh
	has "$(<w.sh)" "--post http://h/ --header a:1 --header b:2 --token-file\
 t --body b --result-map r --"
	jobq-work --print --coprocess --depth 3 -- c >w.sh
	has "$(<w.sh)" " --coprocess --depth 3 -- c"
}

@test "work: the script of --print ends by --halt, exit 1" {
	push_jobs 5
	jobq-work --print --halt soon,fail=2 -- sh -c 'exit 3' >w.sh
	shellcheck -s sh -e SC2016,SC2086,SC2094,SC2317 w.sh
	run_apart timeout 30 sh w.sh
	same 1 "$status"
	counts 2 "attempt = 1"
}

@test "work: the script of --print stops in good order" {
	push_jobs 2
	jobq-work -j 2 --grace 1 --print -- sh -c 'echo >>there; exec sleep 60' >w.sh
	background work sh w.sh
	wait_until 20 has_lines 2 there
	send TERM work
	ends 0
	counts 2 "stage = 2 AND attempt = 0"
	not grep -q JOBQ_URL= w.sh
}

@test "work: the script of --print builds a new circle" {
	push_jobs 6
	jobq-work -j 2 --lease 1 --until-empty --print -- \
		sh -c 'echo >>ran; sleep 0.2' >w.sh
	background work sh w.sh
	wait_until 20 has_lines 2 ran
	kill -KILL "$(stage run)"
	ends 0
	counts 6 "stage = 4"
	has "$(<work.err)" 'jobq-run with 137'
}

@test "work: the script of --print exits 2 as a stage does, without a password" {
	run_apart jobq-work -S 'postgresql://me:pw@host/db' --print -- true
	lacks "$stdout" pw
	has "$stdout" 'JOBQ_URL:?'
	jobq-work --print -- ./nosuch >w.sh
	run_apart timeout 30 sh w.sh
	same 2 "$status"
	not test -e q.db
}

@test "work: a job that kills its runner fails after three rescues" {
	cd "$BATS_FILE_TMPDIR/crash"
	wait_until 100 test -s status || cat err
	same 1 "$(<status)"
	same "6|crash" "$(job killer stage reason)"
	same 4 "$(grep -c killer ran)"
	counts 20 "stage = 4"
}

@test "work: five deaths within a minute are the end, exit 75" {
	cd "$BATS_FILE_TMPDIR/deaths"
	wait_until 100 test -s status || cat err
	same 75 "$(<status)"
	same 4 "$(grep -c 'a new circle in' err)"
	has "$(tail -n 1 err)" "fifth death"
}
