#!/usr/bin/env bats
# shellcheck disable=SC2016 # programs are written here, to be run elsewhere
#
# exec: a store that is any program. Each test writes one.

load support/common

# A store program of the test's own, the rest of its text on stdin; its verbs
# are all but prune.
program() {
	mkdir -p adapter
	cat >adapter/adapter.json <<-'EOF'
		{"driver": "exec", "fencing": "epoch", "verbs": ["init",
		"push", "list", "claim", "settle", "stats"]}
	EOF
	{
		echo '#!/bin/sh'
		cat
	} >adapter/store
	chmod +x adapter/store
	export JOBQ_URL="exec:?adapter=$PWD/adapter"
}

# call VERB: with a request, one line said at most.
call() {
	run_apart timeout 60 storecall -w "${@:2}" "$JOBQ_URL" "$1" \
		<<<'{"limit":1}'
	((${#stderr_lines[@]} <= 1))
}

@test "exec: a program gets the verb, the request and the URL's parameters" {
	program <<-'EOF'
		jq -c --arg verb "$*" '{$verb, request: ., env: (env
			| with_entries(select(.key | startswith("JOBQ_STORE_"))))}'
	EOF
	mkdir 'a b?'
	JOBQ_URL="exec:a%20b%3F?adapter=$PWD/adapter&a-host=x%20y%26&token=s3cr3t"
	JOBQ_STORE_OLD=1 JOBQ_STORE_TOKEN=2 call list
	same 0 "$status"
	json '. == {verb: "list", request: {limit: 1}, env: {JOBQ_STORE_PATH:
		"a b?", JOBQ_STORE_A_HOST: "x y&", JOBQ_STORE_TOKEN: "s3cr3t"}}' \
		<<<"$stdout"
}

@test "exec: secrets are in no command line and in no message" {
	program <<-'EOF'
		tr '\0' ' ' </proc/$$/cmdline | jq -cR '{args: .}'
		[ "$1" = list ] || exit 75
	EOF
	JOBQ_URL+='&token=s3cr3t'
	call list
	same "{\"args\":\"/bin/sh $PWD/adapter/store list \"}" "$stdout"
	call claim
	same 75 "$status"
	[[ $stderr != *s3cr3t* ]]
}

@test "exec: exit codes are those of sysexits.h" {
	local code word exit
	program <<-'EOF'
		echo "the first line" >&2
		echo "because" >&2
		exit "$JOBQ_STORE_CODE"
	EOF
	local url=$JOBQ_URL
	while read -r code exit word; do
		JOBQ_URL="$url&code=$code"
		call list
		same "$code $exit $word" "$code $status ${stderr%%:*}"
		same '' "$stdout"
		has "$stderr" "/store list': because"
		[[ $stderr != *first* ]]
	done <<-'EOF'
		1 75 io
		2 75 io
		3 75 io
		64 2 config
		65 2 invalid
		69 2 unsupported
		74 75 io
		75 75 again
		126 75 io
		255 75 io
	EOF
	JOBQ_URL="$url&code=0"
	call list
	same '0 ' "$status $stdout$stderr"
}

@test "exec: a silent exit is a negative answer, or told by its number" {
	program <<<'exit 1'
	call claim
	same 1 "$status"
	has "$stderr" 'empty: ' 'exited with 1'
	program <<<'exit 9'
	call claim
	same 75 "$status"
	has "$stderr" 'io: ' 'exited with 9'
	program <<<'kill -SEGV $$'
	call claim
	same 75 "$status"
	has "$stderr" 'io: ' 'signal 11'
}

@test "exec: lines are handed out only when all went well" {
	program <<-'EOF'
		echo '{"id":"a"}'
		exit 75
	EOF
	call list
	same '75 ' "$status $stdout"
	program <<-'EOF'
		echo '{"id":"a"}'
		cat answer
	EOF
	local answer answers=('no line' '{"a":1' '[1]' '{"a":NaN}' '{}{}' '')
	for answer in "${answers[@]}"; do
		printf '%s\n' "$answer" >answer
		call list
		same "75 $answer " "$status $answer $stdout"
		has "$stderr" 'io: ' 'line 2'
	done
	program <<<'printf "{\"id\":\"a\"}\n{\"id\":\"b\"}"'
	call list
	same '75 ' "$status $stdout"
	has "$stderr" 'line 2'
}

@test "exec: lines come as they are" {
	program <<-'EOF'
		printf '%s\n' '{ "n":9007199254740993,"x":1.10,"y":1e400,"s":"\u0000\ud800" }'
	EOF
	call list
	same '{ "n":9007199254740993,"x":1.10,"y":1e400,"s":"\u0000\ud800" }' "$stdout"
}

@test "exec: a program that takes too long is killed with all it started" {
	program <<-'EOF'
		trap '' TERM
		sleep 60 &
		echo $! >child
		echo $$ >self
		echo '{"id":"a"}'
		wait
	EOF
	# Long enough to begin on a slow machine.
	call list -d 2000
	same '75 ' "$status $stdout"
	has "$stderr" 'again: ' 'did not end in time'
	gone "$(<self)"
	wait_until 5 gone "$(<child)"
}

@test "exec: a program that closes its output but does not end is killed" {
	program <<<'echo $$ >self; exec >&- 2>&-; sleep 60'
	call list -d 2000
	same 75 "$status"
	has "$stderr" 'did not end in time'
	gone "$(<self)"
}

@test "exec: what a program leaves behind is gone when it has ended" {
	program <<-'EOF'
		sleep 60 >/dev/null 2>&1 &
		echo $! >child
		echo '{"id":"a"}'
	EOF
	call list
	same '0 {"id":"a"}' "$status $stdout"
	wait_until 5 gone "$(<child)"
}

@test "exec: a program need not read its request" {
	program <<<'exec <&-; echo "{\"id\":\"a\"}"'
	head -c 3000000 /dev/zero | tr '\0' ' ' >request
	echo '{}' >>request
	run_apart timeout 60 storecall -w "$JOBQ_URL" push <request
	same '0 {"id":"a"}' "$status $stdout"
	same '' "$stderr"
}

@test "exec: requests and answers of 4 MiB pass while both sides write" {
	program <<-'EOF'
		echo begun >&2
		cat
	EOF
	jq -nc '{x: ("y" * 1500000)} | (., .)' >request
	run_apart timeout 60 storecall -w "$JOBQ_URL" push <request
	same 0 "$status"
	printf '%s\n' "${lines[@]}" | cmp - request
}

@test "exec: an answer without end is cut off" {
	program <<<'yes "{\"id\":\"a\"}"'
	call list
	same '75 ' "$status $stdout"
	has "$stderr" 'io: ' 'more than'
}

@test "exec: a program starts with fresh signals and no descriptors of ours" {
	program <<-'EOF'
		find /proc/self/fd -type l -printf '%f\n' | jq -cs '{fds: .}'
		sed -n 's/^SigBlk:.//p; s/^SigIgn:.//p' /proc/self/status |
			jq -cR '{s: .}'
	EOF
	# An ignored SIGCHLD would lose the exit code.
	(
		trap '' PIPE INT CHLD
		echo '{}' >request
		{
			find /proc/self/fd -type l -printf '%f\n' 2>said |
				jq -cs '{fds: .}'
		} <request >fds
		storecall -w "$JOBQ_URL" list <request >answer 2>said
	)
	same '' "$(<said)"
	same "$(<fds)" "$(sed -n 1p answer)"
	same '{"s":"0000000000000000"}' "$(sed -n 2p answer)"
	# Signals 32 and 33 are the C library's own.
	sed -n 3p answer | json '.s | ltrimstr("0000000") | .[-7:] == "0000000"
		and (.[:-7] | test("^0*[0-3]?[08]$"))'
}

@test "exec: a store that may be made is given the verb init at its opening" {
	program <<-'EOF'
		echo "$1" >>"$JOBQ_STORE_PATH"
	EOF
	JOBQ_URL="exec:$PWD/log?adapter=$PWD/adapter"
	call list
	same 2 "$status"
	has "$stderr" "config: there is no store at '$PWD/log'"
	storecall "$JOBQ_URL" push <<<'{}'
	storecall -w "$JOBQ_URL" claim <<<'{}'
	same $'init\npush\nclaim' "$(<log)"
}

@test "exec: a verb that the adapter does not have starts nothing" {
	program <<<'echo "$1" >>log'
	call prune
	same 2 "$status"
	has "$stderr" 'unsupported: ' "'prune'"
	[ ! -e log ]
}

@test "exec: what is wrong with an adapter is told" {
	program <<<'exit 0'
	JOBQ_URL=exec:q call list
	same 2 "$status"
	has "$stderr" "config: there is no adapter 'exec'"
	JOBQ_URL='exec:q?adapter=sqlite' call list
	same 2 "$status"
	has "$stderr" "config: adapter 'sqlite' is for stores of 'sqlite:'"
	local name
	for name in path A 'a.b'; do
		JOBQ_URL="exec:?adapter=$PWD/adapter&$name=1" call list
		same 2 "$status"
		has "$stderr" "config: " "'$name'"
	done
	chmod -x adapter/store
	call list
	same 2 "$status"
	has "$stderr" "config: " "$PWD/adapter/store" 'Permission denied'
	echo '#!/nosuch/interpreter' >adapter/store
	chmod +x adapter/store
	call list
	same 2 "$status"
	has "$stderr" 'config: ' "unable to start '$PWD/adapter/store'"
}

# example N: the text of that example in the page.
example() {
	awk -v wanted="$1" '/^\.Sh/ { within = /EXAMPLES/ }
	/^\.Ed/ { shown = 0 }
	shown { gsub(/\\e/, "\\"); print }
	within && /^\.Bd/ { shown = ++at == wanted }' "$TOP/man/jobq-adapter.7"
}

@test "exec: the examples of jobq-adapter(7) work" {
	unset JOBQ_URL
	example 1 >first
	timeout 60 sh -eu first >settled
	same 3 "$(grep -c '"settled":true,"state":"completed"' settled)"
	example 2 >second
	run_apart timeout 60 sh -eu second
	same '75 ' "$status $stdout"
	has "$stderr" "adapters/mine/store list': {\"by\":"
}

# --- the directory store -----------------------------------------------------

@test "dir: a call that is killed leaves the store as it was" {
	export JOBQ_URL="exec:$PWD/q?adapter=dir"
	jq -nr -L "$TOP/tests/support" 'include "requests";
		push([{id: "a"}, {id: "b"}])' >requests
	storecall "$JOBQ_URL" <requests >pushed
	cp q/jobs before
	# Its jq says half of what it has to say, and then no more.
	mkdir slow
	printf '#!/bin/sh\n%s "$@" | head -c 90; sleep 60\n' "$(command -v jq)" \
		>slow/jq
	chmod +x slow/jq
	PATH=$PWD/slow:$PATH call claim -d 1500
	same '75 ' "$status $stdout"
	cmp before q/jobs
	run_apart storecall -w "$JOBQ_URL" claim <<<'{"limit":1,"worker":"w",
		"lease":9}'
	same 0 "$status"
	json '.id == "a" and .lease.epoch == 1' <<<"$stdout"
}

@test "dir: a damaged file is told, and nothing is written" {
	export JOBQ_URL="exec:$PWD/q?adapter=dir"
	storecall "$JOBQ_URL" init <<<'{}'
	echo '{"half' >>q/jobs
	cp q/jobs before
	run_apart storecall "$JOBQ_URL" push <<<'{"jobs":[{"id":"a","queue":"q",
		"name":"n","priority":0,"max_attempts":1,"line":"{"}]}'
	same '75 ' "$status $stdout"
	has "$stderr" 'io: '
	same 1 "${#stderr_lines[@]}"
	cmp before q/jobs
}

@test "dir: only its owner can read it, whatever the umask" {
	umask 000
	JOBQ_URL="exec:$PWD/q?adapter=dir" jobq-push --name x >pushed
	same 700 "$(stat -c %a q)"
	same 600 "$(stat -c %a q/* | sort -u)"
}
