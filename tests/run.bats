#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1083,SC2054,SC1003 # scripts and templates of the jobs

load support/common

# go LINE ARG...: runs jobq-run with one job line; events in out.
go() {
	printf '%s\n' "$1" >in
	shift
	timeout 60 jobq-run "$@" <in >out 2>err
}

# writes_in_vain: whether nobody can read any more what goes to descriptor 9.
writes_in_vain() {
	! (echo >&9)
}

# last CODE: whether the last event is so.
last() {
	tail -n 1 out | json "$1" || {
		cat out err
		return 1
	}
}

jobs_to() {
	seq "$1" | jq -c '{id: tostring, input: .}'
}

# serve ARG...: a runner on a pipe that stays open, its events in out.
serve() {
	mkfifo in
	exec 9<>in
	# shellcheck disable=SC2016
	spawn sh -c 'exec jobq-run "$@" <in >out 2>err' - "$@" 9>&-
}

# --- lines -------------------------------------------------------------------

@test "run: a job is started and completed, its output is the result" {
	go '{"id":"a","input":{"n":3}}' -- jq .n
	same "started a 1 completed a 2" "$(jq -r '.event, .id, .n' out | xargs)"
	last '.output == "3" and .exit == 0 and .seconds >= 0 and .user >= 0 and
		.sys >= 0 and .max_rss > 0 and .dropped == null and .at'
	same "" "$(cat err)"
}

@test "run: prints nothing and exits 0 on empty input" {
	run_apart jobq-run -- true </dev/null
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "run: exits 1 when an attempt failed, 2 after a bad line" {
	run_apart jobq-run -- false <<<'{"id":"a"}'
	same 1 "$status"
	run_apart jobq-run -- true < <(printf '{"id":"a"}\n[]\n{"id":"b"}\n')
	same 2 "$status"
	same "a a b b" "$(jq -r .id <<<"$stdout" | xargs)"
	has "$stderr" "stdin:2:"
	run_apart jobq-run -- false < <(printf '{"id":"a"}\n[]\n')
	same 2 "$status"
}

@test "run: with a closed standard output it takes nothing and says so once" {
	echo '{"id":"a"}' >in
	run_apart sh -c 'timeout 30 jobq-run -- touch ran <in >&-'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "standard output" "Bad file descriptor"
	not test -e ran
}

@test "run: --strict stops at the first bad line" {
	run_apart jobq-run --strict -- true < <(printf '[]\n{"id":"b"}\n')
	same 2 "$status"
	lacks "$stdout" completed
	has "$stderr" "stdin:1:"
}

@test "run: a last line that is cut short is a bad line" {
	run_apart jobq-run -- true < <(printf '{"id":"a"}\n{"id":"b')
	same 2 "$status"
	same "a a" "$(jq -r .id <<<"$stdout" | xargs)"
	has "$stderr" "line 2"
}

@test "run: events of others pass through, byte for byte and in order" {
	cat >in <<-'END'
		{ "event" : "x", "n":9007199254740993, "a":1.10,"b":1e400 }
		{"event":"alive","worker":"w","jobs":[["a",1]]}
		{"z":"\u00e9\/\u0000\ud800","event":"completed","id":"o"}
		{"event":"cancel","id":"o"}
	END
	timeout 60 jobq-run -- true <in >out
	cmp in out
}

@test "run: stop and answered alive lines are for it and go no further" {
	run_apart jobq-run -- true <<-'END'
		{"event":"stop","id":"a","epoch":1,"reason":"cancel"}
		{"event":"alive","worker":"w","n":1,"jobs":[["a",1]],"lost":[]}
	END
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "run: a line without an id gets one from its hash, repeats too" {
	printf '%s\n' '{"input":1}' '{"input":2}' '{"input":1}' '{"input":1}' >in
	timeout 60 jobq-run -- true <in >out
	one=$(printf '{"input":1}' | sha256sum | cut -c 1-16)
	two=$(printf '{"input":2}' | sha256sum | cut -c 1-16)
	same "$one $two $one.2 $one.3" \
		"$(jq -r 'select(.event == "started").id' out | xargs)"
}

@test "run: a job of a store that is not claimed is refused" {
	run_apart jobq-run -- true <<<'{"id":"a","state":"pending"}'
	same 2 "$status"
	same "" "$stdout"
	has "$stderr" "stdin:1:" "jobq-claim" "--unclaimed"
	run_apart jobq-run --unclaimed -- true <<<'{"id":"a","state":"pending"}'
	same 0 "$status"
	has "$stdout" completed
	go '{"id":"a","state":"running","lease":{"epoch":7,"worker":"w"}}' -- true
	last '.event == "completed" and .epoch == 7 and .worker == "w"'
}

@test "run: a lease that is held already is not run twice" {
	line='{"id":"a","lease":{"epoch":1,"worker":"w","seconds":30}}'
	run_apart jobq-run -j 2 -- sleep 0.2 < <(printf '%s\n%s\n' "$line" "$line")
	same 2 "$status"
	has "$stderr" "stdin:2:"
	same 1 "$(jq -r 'select(.event == "completed").id' <<<"$stdout" | wc -l)"
}

@test "run: started is written before the process is made" {
	go '{"id":"a"}' -- sh -c 'cat out'
	last '.output.event == "started"'
}

@test "run: a line is read only while a place is free" {
	serve -j 2 -- sleep 1000
	jobs_to 2 >&9
	wait_until 20 sh -c '[ "$(grep -c started out)" = 2 ]'
	jobs_to 1 >&9
	# What nobody has read is still in the pipe.
	timeout 20 head -n 1 <in >got
	same '{"id":"1","input":1}' "$(cat got)"
}

# --- endings -----------------------------------------------------------------

@test "run: exit statuses: 64 and 65 are for good, all else is not" {
	for code in 1 64 65 75 255; do
		go '{"id":"a"}' -- sh -c "exit $code" || same 1 $?
		last ".event == \"failed\" and .reason == \"exit\" and
			.exit == $code and .retry == ([64, 65] |
			index($code) | not)"
	done
	go '{"id":"a"}' --permanent 3,7 -- sh -c 'exit 7' || same 1 $?
	last '.retry == false'
	go '{"id":"a"}' --permanent 3,7 -- sh -c 'exit 64' || same 1 $?
	last '.retry == true'
}

@test "run: --permanent wants exit codes" {
	for codes in x 0 256 1,,2 1,x 99999999999; do
		run_apart jobq-run --permanent "$codes" -- true </dev/null
		same 2 "$status"
		has "$stderr" --permanent
	done
}

@test "run: a signal that kills is told by its number" {
	go '{"id":"a"}' -- sh -c 'kill -USR1 $$' || same 1 $?
	last '.reason == "signal" and .signal == 10 and .exit == null and
		.retry and (.error | contains("signal 10"))'
}

@test "run: a failure has both tails and the last word in its error" {
	go '{"id":"a"}' -- sh -c 'echo out; echo one >&2; echo two >&2; exit 3' ||
		same 1 $?
	last '.stdout_tail == "out\n" and .stderr_tail == "one\ntwo\n" and
		.error == "exit status 3: two" and .output == "out"'
}

@test "run: tails are the end, from the beginning of a line, at most 4 KiB" {
	go '{"id":"a"}' --output-limit 2KiB -- sh -c 'seq 10000 >&2; exit 1' ||
		same 1 $?
	last '.stderr_tail | length <= 4096 and length > 4000 and
		endswith("\n9999\n10000\n") and test("^[0-9]{4}\n")'
	last '.dropped == 48894 - 2048'
}

@test "run: tails and errors hold U+FFFD for what is no text" {
	go '{"id":"a"}' -- sh -c 'printf "a\\377\\000b\\n" >&2; exit 1' || same 1 $?
	last '.stderr_tail == "a\ufffd\ufffdb\n"'
	last '.error | startswith("exit status 1: a")'
}

@test "run: the timeout of the job comes before --timeout" {
	go '{"id":"a","timeout":0.2}' --timeout 60 -- sleep 1000 || same 1 $?
	last '.reason == "timeout" and .signal == 15 and .retry and
		(.error | contains("0.200"))'
	go '{"id":"a","timeout":60}' --timeout 0.1 -- sleep 0.4
	last '.event == "completed"'
}

@test "run: a timeout decides, whatever the exit status then is" {
	go '{"id":"a"}' --timeout 0.2 -- \
		sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done' || same 1 $?
	last '.event == "failed" and .reason == "timeout" and .exit == 0'
}

# --- results -----------------------------------------------------------------

@test "run: --result auto takes an object or an array as it stands" {
	go '{"id":"a"}' -- printf '\n {"b" : 1.10,\r\n "a":[1e400]}\n\n'
	has "$(tail -n 1 out)" ',"output":{"b" : 1.10,   "a":[1e400]},"exit"'
	go '{"id":"a"}' -- printf '[9007199254740993,"\\u0000"]'
	has "$(tail -n 1 out)" ',"output":[9007199254740993,"\u0000"],"exit"'
}

@test "run: --result auto takes all else as a string" {
	for text in '42' 'true' '{' '{"a":1}{"b":2}' '{"a":1},"output":{}' \
		'x' '' '[1] x'; do
		go '{"id":"a"}' -- printf '%s\n' "$text"
		tail -n 1 out | json --arg text "$text" '.output == $text'
	done
	go '{"id":"a"}' -- printf 'two\n\n'
	last '.output == "two\n"'
}

@test "run: an object that is too deep for an ending is a string" {
	deep=$(printf '[%.0s' $(seq 63))$(printf ']%.0s' $(seq 63))
	go '{"id":"a"}' -- printf %s "$deep"
	has "$(tail -n 1 out)" ",\"output\":$deep,"
	go '{"id":"a"}' -- printf %s "[$deep]"
	last '.output | type == "string"'
	go '{"id":"a"}' --result json -- printf %s "[$deep]" || same 1 $?
	last '.event == "failed" and .retry == false'
}

@test "run: a line break inside a JSON string makes it no JSON" {
	go '{"id":"a"}' -- printf '{"a":"x\ny"}'
	last '.output == "{\"a\":\"x\ny\"}"'
}

@test "run: --result text is always a string, none is nothing" {
	go '{"id":"a"}' --result text -- printf '{"a":1}\n'
	last '.output == "{\"a\":1}"'
	go '{"id":"a"}' --result none -- printf 'x\n'
	last 'has("output") | not'
	same x "$(jq -r 'select(.event == "output").text' out)"
}

@test "run: --result json takes any value, and fails for good without one" {
	go '{"id":"a"}' --result json -- printf ' 42\n'
	last '.output == 42'
	go '{"id":"a"}' --result json -- printf 'oops\n' || same 1 $?
	last '.event == "failed" and .reason == "exit" and .exit == 0 and
		.retry == false and .stdout_tail == "oops\n"'
	# An attempt that failed anyway keeps its own reason.
	go '{"id":"a"}' --result json -- sh -c 'echo oops; exit 1' || same 1 $?
	last '.exit == 1 and .retry and .stdout_tail == "oops\n"'
}

@test "run: a result is cut at the limit of its JSON text" {
	go '{"id":"a"}' --output-limit 1KiB -- sh -c 'yes "" | head -c 3000'
	# Each newline is two bytes of JSON; the quotes count, too.
	last '(.output | length) == 511 and .dropped == 3000 - 511'
	go '{"id":"a"}' --output-limit 1KiB -- \
		sh -c 'yes "éééé" | tr -d "\n" | head -c 1501'
	last '(.output | utf8bytelength) <= 1022 and (.output | test("^é+$")) and
		.dropped == 1501 - (.output | utf8bytelength)'
	go '{"id":"a"}' --output-limit 1KiB -- \
		sh -c 'head -c 3000 /dev/zero'
	last '(.base64 | length) <= 1022 and .dropped >= 3000 - 768'
}

@test "run: a short output is in the result and not told apart" {
	go '{"id":"a"}' -- sh -c 'echo out; echo err >&2'
	same "started output:err completed:out" "$(jq -r \
		'.event + ([":" + (.text // .output // empty)] | add // "")' out |
		xargs)"
}

@test "run: what is written while a job runs on is told at once" {
	mkfifo go
	printf '{"id":"a"}\n' >in
	spawn sh -c 'exec jobq-run -- sh -c "echo one; echo two >&2; read x <go
		echo three" <in >out'
	wait_until 20 grep -q '"text":"one"' out
	wait_until 20 grep -q '"text":"two"' out
	echo >go
	wait_until 20 grep -q completed out
	last '.output == "one\nthree"'
	same '[1,2,3,4]' "$(jq -sc 'map(.n)' out)"
}

@test "run: lines that come together are told together" {
	go '{"id":"a"}' --result none -- sh -c 'seq 1000; sleep 0.3'
	same 1 "$(jq -r 'select(.event == "output").n' out | wc -l)"
	same "$(seq 1000)" "$(jq -r 'select(.event == "output").text' out)"
}

# --- descriptor 3 ------------------------------------------------------------

@test "run: with --line-events each line is told by itself" {
	job='{"id":"a"}'
	timeout 60 jobq-run --line-events --result none -- sh -c \
		'seq 3000; echo; printf end' <<<"$job" >out
	json -s 'map(select(.event == "output")) | length == 3002
		and map(.text) == ([range(3000) | . + 1 | tostring] + ["", "end"])
		and (map(has("eof")) | index(true)) == 3001' <out
	json -s 'map(.n) == [range(length) | . + 1]' <out
}

@test "run: descriptor 3: progress is told, of several the last of each" {
	go '{"id":"a"}' -- sh -c '
		echo "{\"percent\":1}" >&3; echo "{\"note\":\"x\",\"data\":[1e400]}" >&3
		for i in $(seq 2 1000); do echo "{\"percent\":$i.0e-1}" >&3; done'
	has "$(grep progress out)" '"percent":1000.0e-1' '"note":"x"' \
		'"data":[1e400]'
	same 1 "$(($(grep -c progress out) <= 20))"
	jq -s 'map(.n) == [range(1; length + 1)]' out | json .
}

@test "run: descriptor 3: a result there takes the place of the output" {
	go '{"id":"a"}' -- sh -c 'echo "{\"output\":1}" >&3
		printf "{\"output\":{\"x\":1.10}}" >&3; echo text'
	has "$(tail -n 1 out)" '"output":{"x":1.10},'
	same text "$(jq -r 'select(.event == "output").text' out)"
	go '{"id":"a"}' -- sh -c 'echo "{\"output\":1}" >&3; exit 1' || same 1 $?
	last '.event == "failed" and .output == 1 and .exit == 1'
}

@test "run: descriptor 3: cancel, snooze and retry_after decide in this order" {
	all='{"cancel":"w\u0000hy","snooze":5,"retry_after":7}'
	go '{"id":"a"}' -- sh -c "echo '$all' >&3"
	last '.event == "cancelled" and .reason == "w\ufffdhy"'
	go '{"id":"a"}' -- sh -c 'echo "{\"snooze\":5,\"retry_after\":7}" >&3; exit 1'
	last '.event == "snoozed" and .retry_after == 5'
	go '{"id":"a"}' -- sh -c 'echo "{\"snooze\":true}" >&3'
	last '.event == "snoozed" and .retry_after == 60'
	go '{"id":"a"}' -- sh -c 'echo "{\"retry_after\":7.5}" >&3' || same 1 $?
	last '.event == "failed" and .retry and .retry_after == 7.5 and .exit == 0'
	go '{"id":"a"}' -- sh -c 'echo "{\"retry_after\":7}" >&3; exit 64' ||
		same 1 $?
	last '.event == "failed" and .retry and .retry_after == 7'
}

@test "run: descriptor 3: what is no such line is ignored and mentioned once" {
	go '{"id":"a"}' -- sh -c 'echo nonsense >&3; echo "[]" >&3
		echo "{\"percent\":\"x\"}" >&3; echo "{\"snooze\":-1}" >&3
		echo "{\"cancel\":1}" >&3; echo "{\"other\":1}" >&3'
	last '.event == "completed"'
	same 1 "$(wc -l <err)"
	has "$(cat err)" "job a" "descriptor 3"
}

# --- arguments ---------------------------------------------------------------

@test "run: placeholders are filled in, other braces stay" {
	echo '{"id":"i1","name":"nm","input":{"a":{"b":[10,"x y"]},"n":1.10}}' >in
	timeout 60 jobq-run --result text -- printf '%s\n' {id} {name} \
		'<{input.a.b.1}>' {input.n} {input.a} {} '{other}' '{{id}}' \
		'{{}}' '{{input.n}}' '{ id }' '{' '}' '{id' '{{x}}' \
		'{id}{name}' <in >out
	cat >expected <<-'END'
		i1
		nm
		<x y>
		1.10
		{"b":[10,"x y"]}
		{}
		{other}
		{id}
		{}
		{input.n}
		{ id }
		{
		}
		{id
		{{x}}
		i1nm
	END
	same "$(cat expected)" "$(jq -r 'select(.output).output' out)"
}

@test "run: {} is the input when that is a scalar" {
	for input in '"a b"' 42 true null; do
		go "{\"id\":\"a\",\"input\":$input}" --result text -- printf %s {}
		tail -n 1 out | json --argjson input "$input" \
			'.output == ($input | tostring)'
	done
	go '{"id":"a"}' --result text -- printf %s {}
	last '.output == "{}"'
}

@test "run: a member that is missing fails for good and is named" {
	go '{"id":"a","input":{"x":1}}' -- echo 'n={input.path.to}' || same 1 $?
	last '.event == "failed" and .reason == "spawn" and .retry == false and
		(.error | contains("input.path.to") and contains("n={input.path.to}"))'
	same 1 "$(wc -l <out)"
	go '{"id":"a"}' -- echo {input} || same 1 $?
	last '.reason == "spawn"'
}

@test "run: a NUL or a lone surrogate in an argument fails for good" {
	for text in 'a\u0000b' '\ud800'; do
		go "{\"id\":\"a\",\"input\":{\"x\":\"$text\"}}" -- echo {input.x} ||
			same 1 $?
		last '.reason == "spawn" and .retry == false and
			(.error | contains("input.x"))'
	done
}

@test "run: an argument that is too long fails for good, the worker goes on" {
	{
		head -c 140000 /dev/zero | tr '\0' x | jq -Rc '{id: "a", input: .}'
		echo '{"id":"b","input":"short"}'
	} >in
	timeout 60 jobq-run -- echo {} <in >out || same 1 $?
	jq -s '.[1] | .id == "a" and .reason == "spawn" and .retry == false and
		(.error | startswith("argument_too_long:"))' out | json .
	last '.id == "b" and .output == "short"'
}

@test "run: a job never chooses the program" {
	for name in {input} 'bin/{name}' {}; do
		run_apart jobq-run -- "$name" x </dev/null
		same 2 "$status"
		has "$stderr" "never chooses the program"
	done
}

# --- environment -------------------------------------------------------------

@test "run: S23 a job sees the environment less what is jobq's own" {
	export A_OWN=1 JOBQ_OTHER=2 JOBQ_URL=secret JOBQ_TOKEN=t JOBQ_X_TOKEN_FILE=f \
		NOTIFY_SOCKET=n WATCHDOG_PID=w WATCHDOG_USEC=w LISTEN_FDS=l \
		LISTEN_PID=l LISTEN_FDNAMES=l CREDENTIALS_DIRECTORY=c \
		JOBQ_EPOCH=old JOBQ_ID=old TRACEPARENT=outer
	{
		env | grep -vE '^(JOBQ_(URL|.*TOKEN.*|EPOCH|ID)|NOTIFY_SOCKET|_|SHLVL|OLDPWD|WATCHDOG_.*|LISTEN_.*|CREDENTIALS_DIRECTORY)='
		printf '%s\n' JOBQ_ID=a JOBQ_NAME=default JOBQ_QUEUE=default \
			JOBQ_ATTEMPT=1 JOBQ_TMPDIR=X
	} | sort >expected
	go '{"id":"a"}' --result text -- env
	jq -r 'select(.output).output' out | grep -vE '^(_|SHLVL|OLDPWD)=' |
		sed 's/^JOBQ_TMPDIR=.*/JOBQ_TMPDIR=X/' | sort >got
	diff -u expected got
}

@test "run: a job is told about itself" {
	go '{"id":"a","name":"n","queue":"q","attempt":3,"trace":"00-1-2-01","lease":{"epoch":9,"worker":"w"}}' \
		--result text -- env
	jq -r 'select(.output).output' out >got
	for word in JOBQ_ID=a JOBQ_NAME=n JOBQ_QUEUE=q JOBQ_ATTEMPT=3 \
		JOBQ_EPOCH=9 TRACEPARENT=00-1-2-01; do
		grep -qx -- "$word" got
	done
}

@test "run: S23 --clean-env hands on a list of names and no other" {
	printf '{"id":"a"}\n' >in
	env -i PATH="$PATH" HOME=/h LANG=C LC_ALL=C LC_TIME=C TZ=UTC \
		TMPDIR="$TMPDIR" JOBQ_X=1 JOBQ_URL=u JOBQ_TOKEN=t \
		TRACEPARENT=p USER=me X=1 PATHX=1 LANGUAGE=x \
		ASAN_OPTIONS="${ASAN_OPTIONS-}" \
		timeout 60 jobq-run --clean-env --result text -- env <in >out
	same "HOME JOBQ_ATTEMPT JOBQ_ID JOBQ_NAME JOBQ_QUEUE JOBQ_TMPDIR JOBQ_X LANG LC_ALL LC_TIME PATH TMPDIR TRACEPARENT TZ" \
		"$(jq -r 'select(.output).output' out | cut -d= -f1 | sort | xargs)"
}

@test "run: works without HOME, without TMPDIR, in any locale" {
	printf '{"id":"a","timeout":1.5}\n' >in
	timeout 60 env -u HOME -u XDG_STATE_HOME -u XDG_CONFIG_HOME \
		LC_ALL=de_DE.UTF-8 jobq-run -- sleep 0.01 <in >out
	last '.event == "completed" and .seconds > 0'
}

@test "run: JOBQ_TMPDIR is empty for each job, and gone at the end" {
	cat >use <<-'END'
		#!/bin/sh
		ls -A "$JOBQ_TMPDIR"; echo "$JOBQ_TMPDIR"
		mkdir -p "$JOBQ_TMPDIR/a/b"; echo x >"$JOBQ_TMPDIR/a/b/.c"
		ln -s "$HOME" "$JOBQ_TMPDIR/link"; touch "$JOBQ_TMPDIR/.h"
		chmod 0 "$JOBQ_TMPDIR/a/b"
	END
	chmod +x use
	touch "$HOME/keep"
	jobs_to 5 | timeout 60 jobq-run -j 2 -- ./use >out
	jq -r 'select(.output).output' out | sort -u >got
	same 1 "$(($(wc -l <got) <= 2))"
	not grep -vE "^$TMPDIR/jobq-run-[A-Za-z0-9]+\$" got
	same "" "$(ls -A "$TMPDIR")"
	[[ -e $HOME/keep ]]
}

@test "run: a job that removes its directory does not spoil the next" {
	jobs_to 3 | timeout 60 jobq-run -- \
		sh -c 'test -d "$JOBQ_TMPDIR" && rm -r "$JOBQ_TMPDIR"' >out
	same 3 "$(jq -r 'select(.event == "completed").id' out | wc -l)"
}

# --- the command line --------------------------------------------------------

@test "run: wants a command behind --" {
	run_apart jobq-run </dev/null
	same 2 "$status"
	has "$stderr" "--"
	run_apart jobq-run true </dev/null
	same 2 "$status"
	has "$stderr" "'true'" "--"
	run_apart jobq-run -- '' </dev/null
	same 2 "$status"
	run_apart jobq-run --output-limit 3MiB -- true </dev/null
	same 2 "$status"
	has "$stderr" --output-limit
	run_apart jobq-run -j 0 -- true </dev/null
	same 2 "$status"
}

@test "run: a closed or full standard output is an error" {
	run_apart sh -c 'echo "{\"id\":\"a\"}" | timeout 60 jobq-run -- true >&-'
	same 75 "$status"
	has "$stderr" "standard output"
}

@test "run: S20 nothing from a job steers the terminal" {
	go $'{"id":"a","lease":{"epoch":1,"worker":"w"},"x":1' -- true || same 2 $?
	lacks "$(cat err)" $'\e'
	printf '{"name":"\x1b]0;x\x07"}\n' >in
	timeout 60 jobq-run -- true <in >out 2>err || same 2 $?
	same 1 "$(wc -l <err)"
	same "" "$(tr -d '\n' <err | tr -d ' -~')"
}

# --- stopping ----------------------------------------------------------------

@test "run: P9 TERM releases what waits and stops what runs" {
	serve -j 2 --grace 20 -- sleep 1000
	jq -c '.lease = {epoch: 1, worker: "w", seconds: 30}' < <(jobs_to 5) >&9
	wait_until 20 sh -c '[ "$(grep -c started out)" = 2 ]'
	kill -TERM "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	wait "$spawned_pid"
	same "1 2 3 4 5" "$(jq -r 'select(.event == "released" and
		.reason == "shutdown").id' out | sort | xargs)"
	same 2 "$(grep -c started out)"
	same "jobq-run: stopping, 2 running, again to force" "$(cat err)"
}

@test "run: a job that still exits 0 after TERM has completed" {
	serve -- sh -c 'trap "echo bye; exit 0" TERM; echo ready >&2
		while :; do sleep 0.05; done'
	jobs_to 1 >&9
	wait_until 20 grep -q ready out
	kill -TERM "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	last '.event == "completed" and .output == "bye"'
}

@test "run: a second signal kills at once" {
	serve --grace 1000 -- sh -c 'trap "" TERM; echo ready >&2; sleep 1000
		sleep 1000'
	jobs_to 1 >&9
	wait_until 20 grep -q ready out
	kill -TERM "$spawned_pid"
	wait_until 20 grep -q stopping err
	kill -TERM "$spawned_pid"
	wait_until 20 gone "$spawned_pid"
	last '.event == "released" and .reason == "shutdown"'
}

@test "run: SIGUSR1 prints one line about what it waits for" {
	serve -j 3 -- sleep 1000
	jobs_to 1 >&9
	wait_until 20 grep -q started out
	kill -USR1 "$spawned_pid"
	wait_until 20 test -s err
	same 1 "$(wc -l <err)"
	has "$(cat err)" "1 running" "2 places free" "0 waiting"
}

@test "run: a reader that is slow loses nothing" {
	jobs_to 40 >in
	timeout 60 jobq-run -j 4 -- seq 5000 <in | {
		sleep 0.5
		cat
	} >out
	same 40 "$(jq -r 'select(.event == "completed").id' out | wc -l)"
	jq -s 'map(select(.event == "completed").output | length) |
		unique == [23892]' out | json .
}

@test "run: once stopped it lets its input go while its jobs have their grace" {
	mkfifo in
	spawn sh -c 'exec jobq-run --grace 30 -- sh -c "
		trap : TERM; : >ready
		until test -e end; do sleep 0.02; done" <in >out'
	exec 9>in
	echo '{"id":"a"}' >&9
	wait_until 20 test -e ready
	kill -TERM "$spawned_pid"
	wait_until 20 writes_in_vain
	kill -0 "$spawned_pid"
	same 1 "$(wc -l <out)"
	touch end
	wait "$spawned_pid"
	exec 9>&-
	last '.event == "completed"'
}

# --- out of memory -----------------------------------------------------------

# tells_kills: in a mount namespace of its own, a control group whose file the
# test writes; for kernels where none can be made.
tells_kills() {
	unshare -m sh -c '
		mount -t tmpfs tmpfs /sys/fs/cgroup
		mkdir /sys/fs/cgroup/memory
		echo "oom_kill 3" >/sys/fs/cgroup/memory.events
		echo "oom_kill 3" >/sys/fs/cgroup/memory/memory.oom_control
		exec timeout 60 jobq-run -- sh -c '\''
			test "$JOBQ_ID" = b || for file in memory.events memory/memory.oom_control; do
				echo "oom_kill 4" >/sys/fs/cgroup/$file
			done
			kill -9 $$'\'' <in >out'
}

@test "run: a job that the kernel kills for want of memory is failed as oom" {
	local group=/sys/fs/cgroup/memory/jobq-test.$$
	printf '{"id":"%s"}\n' a b >in
	if mkdir "$group" 2>/dev/null; then
		echo 64M >"$group/memory.limit_in_bytes"
		sh -c 'echo $$ >"$0/cgroup.procs"
			exec timeout 60 jobq-run -- sh -c '\''
				test "$JOBQ_ID" = b || exec tail /dev/zero
				kill -9 $$'\'' <in >out' "$group" || true
		wait_until 10 rmdir "$group"
	else
		tells_kills || true
	fi
	same 'a oom b signal' "$(jq -r 'select(.event == "failed")
		| "\(.id) \(.reason)"' out | xargs)"
	jq -s -e 'any(.id == "a" and .retry and (.error | test("out of memory")))' out
}
