#!/usr/bin/env bats
# shellcheck disable=SC2016 # scripts of the jobs
# The variables that a job brings along: jobq-run --env-from.

load support/common

# go LINE ARG...: runs jobq-run with one job line; events in out.
go() {
	printf '%s\n' "$1" >in
	shift
	timeout 60 jobq-run "$@" <in >out 2>err
}

# variables LINE ARG...: the environment of the job, sorted, in got.
variables() {
	go "$@" --result text -- env
	jq -r 'select(.event == "completed").output' out | sort >got
}

# refused NAME MEMBER: whether a job with that member in its object fails for
# good before it starts, with an error that begins so and names the variable.
refused() {
	go "{\"id\":\"a\",\"env\":{\"A\":\"1\",$2}}" --env-from env -- env ||
		same 1 $?
	error=$(jq -rs 'if length == 1 and .[0].event == "failed" and
		.[0].reason == "spawn" and .[0].retry == false
		then .[0].error else . end' out)
	[[ $error == "bad_env: the job cannot set the variable '$1': "* ]] ||
		same "$1" "$error"
}

@test "run: --env-from makes variables of an object in the job line" {
	variables '{"id":"a","context":{"env":{"S":"a b=c $(id)\n\"é","E":"","N":1.10,"BIG":9007199254740993,"T":true,"F":false,"_X9":"y"}}}' \
		--env-from .context.env
	for line in 'S=a b=c $(id)' '"é' E= N=1.10 BIG=9007199254740993 T=true \
		F=false _X9=y JOBQ_ID=a; do
		grep -qxF -- "$line" got
	done
	variables '{"id":"a","input":{"list":[0,{"V":"w"}]}}' \
		--env-from input.list.1
	grep -qx V=w got
}

@test "run: --env-from: they take the place of inherited ones, null unsets" {
	export OUTER=1 GONE=1 GONE_TOO=1
	variables '{"id":"a","env":{"OUTER":"2","GONE":null,"NEVER":null}}' \
		--env-from env
	same "GONE_TOO=1 OUTER=2" "$(grep -E '^(OUTER|GONE|NEVER)' got | xargs)"
	# so with --clean-env, which it comes after
	variables '{"id":"a","env":{"OUTER":"2","LANG":"C","TZ":null}}' \
		--env-from env --clean-env
	same "LANG=C OUTER=2" "$(grep -E '^(OUTER|GONE|LANG|TZ)' got | xargs)"
	# of several of one name the last one counts
	variables '{"id":"a","env":{"X":"1","Y":null,"X":"2","Y":"3"}}' \
		--env-from env
	same "X=2 Y=3" "$(grep -E '^[XY]=' got | xargs)"
}

@test "run: --env-from: each job has its own and no other" {
	export OUTER=1
	printf '%s\n' '{"id":"1","env":{"A":"x","OUTER":null}}' '{"id":"2"}' \
		'{"id":"3","env":null}' '{"id":"4","env":{}}' \
		'{"id":"5","env":{"B":"y"}}' >in
	timeout 60 jobq-run -j 4 --env-from env -- \
		sh -c 'echo "$JOBQ_ID $A $B $OUTER"' <in >out
	same "1 x  / 2   1/ 3   1/ 4   1/ 5  y 1/ " \
		"$(jq -r 'select(.output).output' out | sort | tr '\n' / |
			sed 's,/,/ ,g')"
}

@test "run: --env-from refuses what decides how programs run" {
	for name in PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES \
		IFS ENV BASH_ENV BASHOPTS PS4 HOME SHELL PYTHONPATH \
		PYTHONSTARTUP PERL5OPT PERL5LIB RUBYOPT NODE_OPTIONS NODE_PATH \
		GIT_SSH_COMMAND GIT_EXEC_PATH SSH_ASKPASS X_ASKPASS EDITOR \
		MY_PAGER LESSOPEN JAVA_TOOL_OPTIONS _JAVA_OPTIONS TAR_OPTIONS \
		GLIBC_TUNABLES SHELLOPTS XZ_OPT HTTPS_PROXY \
		FAKE_PRELOAD_X SSL_CERT_FILE; do
		refused "$name" "\"$name\":\"x\""
	done
	# not even to unset it
	refused PATH '"PATH":null'
	# what only looks alike is no such name
	variables '{"id":"a","env":{"MY_PATH":"1","HOMER":"2","PATHS":"3","ENVY":"4","OPTIONS_X":"5","LDX":"6"}}' \
		--env-from env
	same 6 "$(grep -cE '^(MY_PATH|HOMER|PATHS|ENVY|OPTIONS_X|LDX)=[1-6]$' got)"
}

@test "run: --env-from refuses what is jobq's own" {
	for name in JOBQ_ID JOBQ_URL JOBQ_ANY TRACEPARENT NOTIFY_SOCKET \
		WATCHDOG_USEC LISTEN_FDS CREDENTIALS_DIRECTORY; do
		refused "$name" "\"$name\":\"x\""
	done
}

@test "run: --env-from refuses what is no name of a variable" {
	for name in '' 1A A-B 'A B' a Ab A_b path ld_preload https_proxy \
		npm_config_x A=B 'A.B' é 'BASH_FUNC_x%%' '\u0050ATH' 'A\n'; do
		go "{\"id\":\"a\",\"env\":{\"$name\":\"x\"}}" --env-from env -- \
			env || same 1 $?
		json -s 'length == 1 and .[0].reason == "spawn" and
			(.[0].error | startswith("bad_env: "))' <out
	done
}

@test "run: --env-from refuses values that no variable can have" {
	refused X '"X":{}'
	refused X '"X":["y"]'
	refused X '"X":"a\u0000b"'
	refused X '"X":"\ud800"'
	for value in '"text"' 7 true '[]' '["A=b"]'; do
		go "{\"id\":\"a\",\"env\":$value}" --env-from env -- env || same 1 $?
		json -s 'length == 1 and .[0].reason == "spawn" and
			(.[0].error | startswith("bad_env: ") and
			contains(".env"))' <out
	done
}

@test "run: --env-from: 1000 are the most, and 128 KiB of one" {
	for count in 1000 1001; do
		jq -nc --argjson count "$count" '{id: "a", env:
			([range($count) | {"V\(.)": "x"}] | add)}' >in
		timeout 60 jobq-run --env-from env --result text -- \
			sh -c 'env | grep -c ^V' <in >out || same 1 $?
	done
	json -s 'length == 1 and (.[0].error | contains("'\''V1000'\''"))' <out
	jq -nc '{id: "a", env: {V: ("x" * 140000)}}' >in
	timeout 60 jobq-run --env-from env -- true <in >out || same 1 $?
	tail -n 1 out | json '.reason == "spawn" and .retry == false and
		(.error | startswith("argument_too_long: "))'
}

@test "run: --env-from: no event and no log has what a job brings along" {
	printf '%s\n' '{"id":"a","context":{"env":{"A":"canary"},"b":"canary"}}' \
		'{"id":"b","context":{"env":{"a":"canary"}}}' \
		'{"id":"c","context":{"env":{"A":["canary"]}}}' >in
	timeout 60 jobq-run -vv --log-jobs --joblog joblog --output-dir o \
		--env-from .context.env -- \
		sh -c 'test ${#A} = 6; echo "$?"; echo e >&2; exit 3' \
		<in >out 2>err || same 1 $?
	same 'exit spawn spawn' \
		"$(jq -r 'select(.event == "failed").reason' out | sort | xargs)"
	same 0 "$(jq -r 'select(.reason == "exit").output' out)"
	[ -s err ]
	[ -s joblog ]
	not grep -rq canary out err joblog o
}

@test "run: --env-from goes with --argv and --dir" {
	echo '["sh", "-c", "echo $V"]' >p.jq
	go '{"id":"a","env":{"V":"w"}}' --env-from env --argv p.jq
	tail -n 1 out | json '.output == "w"'
	mkdir -p h/default
	printf '#!/bin/sh\necho "$V"\n' >h/default/run
	chmod +x h/default/run
	go '{"id":"a","env":{"V":"w"}}' --env-from env --dir h
	tail -n 1 out | json '.output == "w"'
}
