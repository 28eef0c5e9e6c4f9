#!/usr/bin/env bats
# shellcheck disable=SC2016 # scripts of fakes
# bats file_tags=server

# The recipe that takes the place of the Python sidecar, on a Redis of its own,
# with redis-cli as the program on the other side.

load support/common
load support/http

redis=$TOP/tests/support/redis

setup_file() {
	local dir=${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}
	export SERVER_DIR='' SERVER_MISSING
	SERVER_MISSING=$("$TOP/tests/support/servers/redis" missing) && return
	SERVER_DIR=$(mktemp -d "$dir/redis.XXXXXX")
	timeout 60 "$redis" start "$SERVER_DIR" 3>&- 4>&-
}

teardown_file() {
	[ -n "$SERVER_DIR" ] || return 0
	timeout 60 "$redis" stop "$SERVER_DIR"
	rm -rf "$SERVER_DIR"
}

setup() {
	common_setup
	unset JOBQ_URL REDISCLI_AUTH
	export PLUGIN_DIR=$TOP/tests/support/plugins CONSUMER_NAME=host-a
	PATH=$PWD/bin:$TOP/share/recipes:$PATH
	mkdir bin work
	cd work || return
}

teardown() {
	common_teardown
	[ ! -e "$BATS_TEST_TMPDIR/own/pid" ] || "$redis" stop "$BATS_TEST_TMPDIR/own"
}

# server: a database of the Redis of this file. own: a Redis of this test,
# that is not started yet.
server() {
	[ -n "$SERVER_DIR" ] || skip "$SERVER_MISSING"
	dir=$SERVER_DIR
	export REDIS_URL="unix:$dir/s?db=$BATS_TEST_NUMBER"
	cli FLUSHDB
}

own() {
	[ -n "$SERVER_DIR" ] || skip "$SERVER_MISSING"
	dir=$BATS_TEST_TMPDIR/own
	export REDIS_URL=unix:$dir/s
}

cli() {
	local db=$BATS_TEST_NUMBER
	[ "$dir" = "$SERVER_DIR" ] || db=0
	timeout 20 "$redis" cli "$dir" -n "$db" "$@"
}

# request RUN PLUGIN [SETTINGS]: sends it, as the Go program does.
request() {
	cli XADD plugin:requests '*' payload \
		"{\"plugin_run_id\":\"$1\",\"plugin_name\":\"$2\",\"user_id\":1,\"settings\":${3-{\}}}" \
		schema_version v1 >/dev/null
}

# results: the payload of each result, in order.
results() {
	cli XRANGE plugin:results - + | sed -n '/^payload$/{n;p}'
}

# done_with COUNT: whether there are so many results.
done_with() {
	[[ $(cli XLEN plugin:results) == "$1" ]]
}

# pending: the consumer of each request that is not acknowledged.
pending() {
	cli XPENDING plugin:requests crewai-workers - + 100 |
		paste -d ' ' - - - - | awk 'NF { print $2 }'
}

pending_is() {
	[[ $(pending | xargs) == "$1" ]]
}

# sidecar OPTION...: in the background, its stderr in err, its exit in code.
sidecar() {
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
	rm -f pid code
	spawn sh -c '
		trap "" TERM
		(trap - TERM; exec timeout -k 5 90 sh -c "echo \$\$ >pid; exec \"\$@\"" \
			- crewai-sidecar "$@") 2>>err
		echo $? >code' - --health "unix:$PWD/h" "$@"
	wait_until 20 test -s pid
}

# stop CODE: ends it by TERM, and it exits so.
stop() {
	kill "$(<pid)"
	wait_until 30 test -s code
	same "$1" "$(<code)" || {
		cat err
		return 1
	}
}

# said: what the log says, without times and numbers that differ.
said() {
	sed -E 's/^[0-9-]{10} [0-9:]{8} - crewai-sidecar - //
		s/[0-9]+\.[0-9]{3} s/T/g; s/job [0-9]+-[0-9]+/job ID/g' err
}

# fake [SCRIPT]: a jobq-work that tells what it was called with.
fake() {
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" >args\nenv -0 >env\n%s\n' \
		"${1-exit 2}" >../bin/jobq-work
	chmod +x ../bin/jobq-work
}

# told NAME: the variable as the fake had it; fails when it had none.
told() {
	local entry
	while IFS= read -r -d '' entry; do
		[[ $entry == "$1="* ]] && printf '%s\n' "${entry#*=}" && return
	done <./env
	return 1
}

# --- how it is called --------------------------------------------------------

# bats test_tags=smoke
@test "crewai-sidecar: what it is called with wrongly it says and ends" {
	local args
	fake
	for args in x '--workers 0' '--workers -1' '--workers 1.5' --workers \
		'--workers 1000' '--workers --health x' '--log-level loud' --bogus; do
		# shellcheck disable=SC2086 # words
		run_apart timeout 20 crewai-sidecar $args
		same 2 "$status"
		same '' "$stdout"
		has "$stderr" 'usage: crewai-sidecar [--workers N]'
	done
	for args in 0 -1 1.5 5m; do
		CREW_TIMEOUT_SECONDS=$args run_apart timeout 20 crewai-sidecar
		same 2 "$status"
		has "$stderr" "CREW_TIMEOUT_SECONDS: '$args' is no number"
	done
	REDIS_URL=mysql://u:s3cr3t@h run_apart timeout 20 crewai-sidecar
	same 2 "$status"
	has "$stderr" 'REDIS_URL is no redis:// or unix:// URL'
	lacks "$stderr" s3cr3t
	same '' "$(ls -A)"
	run_apart timeout 20 crewai-sidecar --help
	same 0 "$status"
	has "$stdout" CREW_TIMEOUT_SECONDS plugin:requests /health/ready
}

# bats test_tags=smoke
@test "crewai-sidecar: it is jobq-work with these options" {
	local url with
	fake
	unset CONSUMER_NAME PLUGIN_DIR
	run_apart timeout 20 crewai-sidecar
	same 2 "$status"
	same 'redis://localhost:6379?adapter=crewai' "$(told JOBQ_URL)"
	same ../plugins "$(told PLUGIN_DIR)"
	diff -u - args <<-END
		--worker=$(uname -n)
		--ahead=0
		--timeout=300s
		--grace=1s
		--shutdown=10s
		--store-retry=1s
		--log-name=crewai-sidecar
		--log-format=text
		--log-level=INFO
		--log-started=Processing plugin_run_id={input.plugin_run_id} plugin={input.plugin_name}
		--log-ended=Completed plugin_run_id={input.plugin_run_id} status={event}
		--health=0.0.0.0:8000
		--health-store
		--health-live={"status":"alive"}
		--health-ready={"status":"ready","redis":"connected"}
		--health-unready={"status":"not_ready","error":{error}}
		--coprocess
		--
		$TOP/share/handlers/crew-shim
	END
	CONSUMER_NAME=me CREW_TIMEOUT_SECONDS=7 run_apart timeout 20 \
		crewai-sidecar --health none --log-level=debug
	same 2 "$status"
	same '--worker=me --timeout=7s --log-level=DEBUG' \
		"$(grep -E '^--(worker|timeout|log-level|health.*)=' args | xargs)"
	while read -r url with; do
		REDIS_URL=$url run_apart timeout 20 crewai-sidecar
		same "$with" "$(told JOBQ_URL)"
	done <<-'EOF'
		redis://h:1/3 redis://h:1/3?adapter=crewai
		redis://u:s3cr3t%40@h redis://u:s3cr3t%40@h?adapter=crewai
		unix:///run/r.sock?db=2 unix:///run/r.sock?db=2&adapter=crewai
		redis://h?prefix=p&adapter=mine redis://h?prefix=p&adapter=mine
		redis://h?myadapter=x redis://h?myadapter=x&adapter=crewai
	EOF
	not grep s3cr3t args
	JOBQ_URL=sqlite:x run_apart timeout 20 crewai-sidecar
	same sqlite:x "$(told JOBQ_URL)"
}

# bats test_tags=smoke
@test "crewai-sidecar: .env is read under the environment, never evaluated" {
	fake
	printf '%s\n' '# a comment' '' 'A=$(touch evil)' 'touch evil' \
		'B="it is"' 'export C=c # why' 'LD_PRELOAD=/x.so' 'health=h' \
		'ending=1' 'PATH=/nowhere' 'PLUGIN_DIR=plugins' \
		'REDIS_URL=redis://from.env/1' 'CREW_TIMEOUT_SECONDS=9' >.env
	printf 'CONSUMER_NAME=from-env\r\nLAST=no newline' >>.env
	CONSUMER_NAME=host-b run_apart timeout 20 crewai-sidecar
	same '$(touch evil)' "$(told A)"
	same 'it is' "$(told B)"
	same c "$(told C)"
	same 'no newline' "$(told LAST)"
	same "$PATH" "$(told PATH)"
	same "$TOP/tests/support/plugins" "$(told PLUGIN_DIR)"
	same 'redis://from.env/1?adapter=crewai' "$(told JOBQ_URL)"
	same '--worker=host-b --timeout=9s --health=0.0.0.0:8000' \
		"$(grep -E '^--(worker|timeout|health)=' args | xargs)"
	not told LD_PRELOAD
	[ ! -e evil ]
}

@test "crewai-sidecar: its workers have names, one health, and one end" {
	fake 'for word; do
		case $word in --worker=*) name=${word#*=} ;; esac
	done
	printf "%s\n" "$@" >"args.$name"
	sleep 60 &
	trap "kill $!; : >\"end.$name\"; exit 0" TERM
	: >"up.$name"
	wait'
	sidecar --workers 3
	wait_until 20 eval 'test -e up.host-a -a -e up.host-a-2 -a -e up.host-a-3'
	same args.host-a "$(grep -l '^--health=' args.*)"
	same 3 "$(grep -lx -- --ahead=0 args.* | wc -l)"
	stop 0
	same 'end.host-a end.host-a-2 end.host-a-3' "$(echo end.*)"
}

@test "crewai-sidecar: it is begun again but when it is called wrongly" {
	fake 'echo x >>times; [ "$(wc -l <times)" -gt 1 ] || exit 75
		[ "$(wc -l <times)" -gt 2 ] || exit 1
		: >third; exec sleep 60'
	sidecar --workers 2
	wait_until 20 test -e third
	stop 0
	# A store may be refused in the midst of it all, too.
	rm -f third times
	fake 'echo x >>times; echo 99999999999 >later
		[ "$(wc -l <times)" -gt 1 ] || exit 2; : >third; exec sleep 60'
	# By a clock of its own, for wait_until has one, too.
	mkdir clock
	printf '#!/bin/sh\ncat later 2>/dev/null || echo 0\n' >clock/date
	chmod +x clock/date
	PATH=$PWD/clock:$PATH sidecar
	wait_until 20 test -e third
	stop 0
	fake
	run_apart timeout 20 crewai-sidecar --workers 3
	same 2 "$status"
}

# --- what it does ------------------------------------------------------------

# bats test_tags=smoke
@test "crewai-sidecar: requests become results, and the log tells them" {
	server
	# Those of before it began, too.
	request r1 demo '{"n":9007199254740993}'
	request r2 nosuch
	sidecar
	wait_until 30 done_with 2
	request 'no "json"' demo
	request r3 demo '{"fail":"no \"luck\""}'
	request r4 shout '{"topic":"news"}'
	request r5 ../demo
	cli XADD plugin:requests '*' payload '{"plugin_run_id":"r6","plugin_name":"demo","user_id":"7","settings":{"x":1},"more":[]}' \
		schema_version v1
	wait_until 30 done_with 6
	diff -u - <(results) <<-'END'
		{"plugin_run_id":"r1","status":"completed","output":"demo was told n = 9007199254740993","error":null}
		{"plugin_run_id":"r2","status":"failed","output":null,"error":"Plugin crew not found: nosuch"}
		{"plugin_run_id":"r3","status":"failed","output":null,"error":"no \"luck\""}
		{"plugin_run_id":"r4","status":"completed","output":"NEWS","error":null}
		{"plugin_run_id":"r5","status":"failed","output":null,"error":"Plugin crew not found: ../demo"}
		{"plugin_run_id":"r6","status":"completed","output":"demo was told x = 1","error":null}
	END
	same 6 "$(cli XRANGE plugin:results - + | grep -cx v1)"
	pending_is ''
	stop 0
	diff -u - <(said | sed 's/at unix.*/at/; s/entry [0-9-]*/entry ID/; 9q') <<-'END'
		INFO - health is told at
		INFO - started as worker host-a, up to 1 at a time, polling every T
		INFO - Processing plugin_run_id=r1 plugin=demo
		INFO - Completed plugin_run_id=r1 status=completed
		INFO - Processing plugin_run_id=r2 plugin=nosuch
		ERROR - job ID failed after T: Plugin crew not found: nosuch
		INFO - Completed plugin_run_id=r2 status=failed
		ERROR - job ID failed: bad_entry: entry ID of plugin:requests is no job: its payload is no JSON object
		INFO - Processing plugin_run_id=r3 plugin=demo
	END
	same 'INFO - stopped' "$(said | tail -n 1)"
}

# bats test_tags=smoke
@test "crewai-sidecar: a crew that takes too long fails, and the next is run" {
	server
	request slow demo '{"seconds":60}'
	request after demo
	CREW_TIMEOUT_SECONDS=1 sidecar
	wait_until 30 done_with 2
	diff -u - <(results) <<-'END'
		{"plugin_run_id":"slow","status":"failed","output":null,"error":"Workflow exceeded 1s timeout"}
		{"plugin_run_id":"after","status":"completed","output":"demo was told nothing","error":null}
	END
	pending_is ''
	stop 0
	grep -q 'Completed plugin_run_id=slow status=failed' err
}

@test "crewai-sidecar: it waits for Redis, at the start and in between" {
	own
	sidecar
	wait_until 20 gives 503 "unix:h" /health/ready
	gives 503 unix:h /health/ready | json '
		.status == "not_ready" and keys == ["error", "status"]
		and (.error | length > 10)'
	same '{"status":"alive"}' "$(gives 200 unix:h /health/live)"
	wait_until 20 grep -q 'WARNING - .*trying again in' err
	"$redis" start "$dir" 3>&- 4>&-
	request r1 demo
	wait_until 30 done_with 1
	wait_until 20 gives 200 unix:h /health/ready
	same '{"status":"ready","redis":"connected"}' \
		"$(gives 200 unix:h /health/ready)"
	"$redis" kill "$dir"
	wait_until 20 gives 503 unix:h /health/ready
	gives 200 unix:h /health/live
	"$redis" start "$dir" 3>&- 4>&-
	request r2 demo
	wait_until 30 done_with 2
	wait_until 20 gives 200 unix:h /health/ready
	same 2 "$(grep -c 'trying again in' err)"
	"$redis" kill "$dir"
	stop 0
}

# bats test_tags=smoke
@test "crewai-sidecar: TERM gives the request back, and its name takes it up" {
	server
	mkdir -p plugins/once/crew
	cat >plugins/once/crew/run <<-'END'
		#!/bin/sh
		[ -e begun ] && echo second && exit
		: >begun
		exec sleep 60
	END
	chmod +x plugins/once/crew/run
	export PLUGIN_DIR=plugins
	request r1 once
	sidecar
	wait_until 30 test -e begun
	pending_is host-a
	stop 0
	done_with 0
	same 1 "$(cli XPENDING plugin:requests crewai-workers | head -n 1)"
	sidecar
	wait_until 30 done_with 1
	same '{"plugin_run_id":"r1","status":"completed","output":"second","error":null}' \
		"$(results)"
	pending_is ''
	stop 0
}

@test "crewai-sidecar: killed, it leaves nothing but what is taken up again" {
	local all
	server
	request r1 demo '{"seconds":1}'
	sidecar --workers 2
	wait_until 30 eval '[ "$(pending | wc -l)" = 1 ]'
	wait_until 20 grep -q Processing err
	mapfile -t all < <(tree "$(<pid)")
	((${#all[@]} > 6))
	kill -KILL "$(<pid)"
	for one in "${all[@]}"; do
		wait_until 20 gone "$one"
	done
	sidecar --workers 2
	wait_until 60 done_with 1
	stop 0
	has "$(results)" '"status":"completed"'
}

@test "crewai-sidecar: each worker runs one crew at a time, under its name" {
	server
	request r1 demo '{"seconds":1}'
	request r2 demo '{"seconds":1}'
	request r3 demo
	sidecar --workers 2
	wait_until 30 pending_is 'host-a host-a-2' ||
		wait_until 1 pending_is 'host-a-2 host-a'
	wait_until 30 done_with 3
	same 'host-a host-a-2' "$(cli XINFO CONSUMERS plugin:requests crewai-workers |
		grep '^host' | sort | xargs)"
	stop 0
	same 3 "$(grep -c 'Completed plugin_run_id=r. status=completed' err)"
}
