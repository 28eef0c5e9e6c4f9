#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1083 # scripts and templates of the jobs
# bats file_tags=server

# The recipe that takes the place of the Cape Worker, on a PostgreSQL of its
# own with the table cape_issues.

load support/common

setup_file() {
	local dir=${JOBQ_TEST_SERVERS-}
	export SERVER_DIR SERVER_MISSING
	if SERVER_MISSING=$("$TOP/tests/support/servers/postgresql" missing); then
		return
	fi
	if [ -z "$dir" ]; then
		dir=$BATS_RUN_TMPDIR
		chmod go+x "$dir"
	fi
	SERVER_DIR=$(mktemp -d "$dir/postgresql.XXXXXX")
	PG_FAST=1 timeout 90 "$TOP/tests/support/pg" start "$SERVER_DIR" test \
		3>&- 4>&-
}

teardown_file() {
	[ -n "$SERVER_DIR" ] || return 0
	timeout 60 "$TOP/tests/support/pg" stop "$SERVER_DIR" immediate
	rm -rf "$SERVER_DIR"
}

setup() {
	common_setup
	unset "${!PG@}" JOBQ_URL DATABASE_URL
	PATH=$PWD/bin:$TOP/share/recipes:$TOP/tests/support:$PATH
	mkdir bin work
	cd work || return
}

# database: an empty table of issues, found by the environment alone.
database() {
	[ -n "$SERVER_DIR" ] || skip "$SERVER_MISSING"
	export PGHOST=$SERVER_DIR PGDATABASE=test
	sql 'DROP TABLE IF EXISTS cape_issues, cape_issues_attempt'
	jobq-admin init --quiet --store 'postgresql://?adapter=cape'
}

sql() {
	timeout 20 psql -XqAtc "$1"
}

# issues DESCRIPTION...: adds them; their ids begin with 1.
issues() {
	local text
	for text; do
		timeout 20 psql -Xq -v text="$text" <<-'SQL'
			INSERT INTO cape_issues (description) VALUES (:'text')
		SQL
	done
}

# issue ID: its status, its worker, and whether it has the times.
issue() {
	sql "SELECT concat_ws(' ', status, coalesce(assigned_worker_id, '-'),
		started_at IS NOT NULL, completed_at IS NOT NULL)
		FROM cape_issues WHERE id = $1"
}

is() {
	[ "$(issue "$1")" = "$2" ]
}

# worker OPTION...: in the background, its stderr in err, its exit in code.
worker() {
	spawn sh -c '
		trap "" TERM
		(trap - TERM; exec timeout -k 5 60 sh -c "echo \$\$ >pid; exec \"\$@\"" \
			- cape-worker --poll-interval 1 "$@") 2>err
		echo $? >code' - "$@"
	wait_until 20 test -s pid
}

# stop CODE: ends it by TERM, and it exits so.
stop() {
	kill "$(<pid)"
	wait_until 30 test -s code
	same "$1" "$(<code)"
}

# fake: a jobq-work that only tells what it was called with.
fake() {
	cat >../bin/jobq-work <<-'EOS'
		#!/bin/sh
		printf '%s\n' "$@" >args
		env -0 >env
	EOS
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
# bats test_tags=smoke
@test "cape-worker: without a good worker id it says how and touches nothing" {
	local long args
	fake
	long=$(printf '%0101d' 0)
	for args in '' --worker-id '--worker-id=' '--worker-id --' '--worker-id a/b' \
		'--worker-id ä' "--worker-id $long" '--poll-interval 5 -- true' \
		'--worker-id --poll-interval 5'; do
		# shellcheck disable=SC2086 # words
		run_apart cape-worker $args </dev/null
		same 2 "$status"
		same '' "$stdout"
		has "$stderr" 'usage: cape-worker --worker-id ID'
	done
	run_apart cape-worker --worker-id 'a b'
	same 2 "$status"
	run_apart cape-worker --worker-id $'a\nb'
	same 2 "$status"
	same '' "$(ls -A)"
}

@test "cape-worker: so does any other bad option" {
	local args
	fake
	for args in '--poll-interval 0' '--poll-interval 1.5' '--poll-interval -1' \
		'--poll-interval' '--log-level loud' '--timeout' '--bogus 1' 'true'; do
		# shellcheck disable=SC2086 # words
		run_apart cape-worker --worker-id a $args
		same 2 "$status"
		has "$stderr" 'usage: cape-worker --worker-id ID'
	done
	same '' "$(ls -A)"
	run_apart cape-worker --help
	same 0 "$status"
	has "$stdout" 'cape-worker --worker-id ID' 'cape-adw {id}'
	same '' "$stderr$(ls -A)"
}

@test "cape-worker: every 10 s, for 3600 s, cape-adw {id} are the defaults" {
	fake
	cape-worker --worker-id alleycat-1
	diff -u - args <<-'EOF'
		--worker=alleycat-1
		--interval=10s
		--timeout=3600s
		--ahead=0
		--log-level=INFO
		--log-name=cape_worker_alleycat-1
		--log-format=text
		--log-file=logs/worker_alleycat-1.log
		--log-stderr=always
		--log-jobs
		--output-log=logs/worker_alleycat-1
		--result=none
		--
		cape-adw
		{id}
	EOF
	same 'postgresql://?adapter=cape' "$(told JOBQ_URL)"
	cape-worker --worker-id=-x --poll-interval=5 --log-level debug \
		--timeout 1m -- a 'b  c' -- d
	same '--worker=-x --interval=5s --timeout=1m --log-level=DEBUG' \
		"$(grep -xE -- '--(worker|interval|timeout|log-level)=.*' args | xargs)"
	same $'--\na\nb  c\n--\nd' "$(tail -n 5 args)"
}

@test "cape-worker: the database is that of JOBQ_URL, DATABASE_URL or PGHOST" {
	fake
	while read -r given url; do
		DATABASE_URL=$given cape-worker --worker-id a
		same "$url" "$(told JOBQ_URL)"
		same "$given" "$(told DATABASE_URL)"
	done <<-'EOF'
		postgres://u:s3cr3t@h/db postgres://u:s3cr3t@h/db?adapter=cape
		postgresql://h/db?sslmode=require postgresql://h/db?sslmode=require&adapter=cape
		postgresql+psycopg2://h/db postgresql://h/db?adapter=cape
		postgresql:///db?adapter=cape&heartbeat=1 postgresql:///db?adapter=cape&heartbeat=1
	EOF
	not grep s3cr3t args
	DATABASE_URL=postgres://h/db JOBQ_URL=sqlite:x cape-worker --worker-id a
	same sqlite:x "$(told JOBQ_URL)"
	DATABASE_URL=mysql://u:s3cr3t@h/db run_apart cape-worker --worker-id a
	same 2 "$status"
	has "$stderr" 'DATABASE_URL is no postgresql:// URL'
	lacks "$stderr" s3cr3t
}

# bats test_tags=smoke
@test "cape-worker: .env is read under the environment and never evaluated" {
	fake
	printf '%s\n' '# a comment' '' 'A=$(touch evil)' 'B=`touch evil`; touch evil' \
		'C="${HOME}"' "D='it''s'" 'export E=e # why' 'F=a=b' \
		'G=x;touch evil' 'touch evil' 'H;touch evil=1' '1H=1' 'H-I=1' \
		'OPTIND=$(touch evil)' 'PPID=1' 'LD_PRELOAD=/x.so' 'line=l' 'key=k' \
		'id=other' 'PATH=/nowhere' 'SET=from .env' 'IFS=x' \
		'DATABASE_URL=postgres:///from_env' >.env
	printf 'CR=cr\r\nLAST=no newline' >>.env
	export SET='from outside'
	run_apart cape-worker --worker-id a
	same 0 "$status"
	same '' "$stdout$stderr"
	same '$(touch evil)' "$(told A)"
	same '`touch evil`; touch evil' "$(told B)"
	same '${HOME}' "$(told C)"
	same "it''s" "$(told D)"
	same e "$(told E)"
	same a=b "$(told F)"
	same 'x;touch evil' "$(told G)"
	same cr "$(told CR)"
	same 'no newline' "$(told LAST)"
	same other "$(told id)"
	same 'from outside' "$(told SET)"
	same "$PATH" "$(told PATH)"
	same 'postgres:///from_env?adapter=cape' "$(told JOBQ_URL)"
	not told LD_PRELOAD
	same --worker=a "$(head -n 1 args)"
	[ ! -e evil ]
}

@test "cape-worker: one of an id at a time in a folder" {
	fake
	printf '#!/bin/sh\n: >begun; until [ -e end ]; do sleep 0.02; done\n' \
		>../bin/jobq-work
	spawn cape-worker --worker-id a
	wait_until 20 test -e begun
	run_apart timeout 20 cape-worker --worker-id a
	same 75 "$status"
	has "$stderr" 'a worker a runs in this folder already'
	: >end
	wait "$spawned_pid"
	timeout 20 cape-worker --worker-id a
}

# --- what it does ------------------------------------------------------------

# bats test_tags=smoke
# bats test_tags=smoke
@test "cape-worker: issues are completed, the lines of the log are dated" {
	local line when='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}'
	database
	ln -s "$TOP/tests/support/fake-cape-adw" ../bin/cape-adw
	issues '- a bullet' $'two\nlines "of" {id} $(touch evil)'
	worker --worker-id alleycat-1
	wait_until 30 is 1 'completed alleycat-1 t t'
	wait_until 30 is 2 'completed alleycat-1 t t'
	# One that comes later is seen at the next poll.
	issues three
	wait_until 30 is 3 'completed alleycat-1 t t'
	stop 0
	cmp logs/worker_alleycat-1.log err
	line="^$when - cape_worker_alleycat-1 - (INFO|WARNING) - .+\$"
	not grep -vE "$line" err
	diff -u - <(sed -E '/stopping/d; s/.* - INFO - //; s/[0-9]+\.[0-9]{3} s$/T/' err) <<-'EOF'
		started as worker alleycat-1, up to 1 at a time, polling every T
		job 1 started, attempt 1
		job 1 completed in T
		job 2 started, attempt 1
		job 2 completed in T
		job 3 started, attempt 1
		job 3 completed in T
		stopped
	EOF
	diff -u - logs/worker_alleycat-1_stdout.log <<-'EOF'
		issue 1: - a bullet
		issue 2: two
		lines "of" {id} $(touch evil)
		issue 3: three
	EOF
	same '' "$(<logs/worker_alleycat-1_stderr.log)"
}

@test "cape-worker: what fails, or takes too long, is pending again" {
	database
	issues 'fail no space' hang 'env SECRET' row
	echo 'SECRET=for the command' >.env
	worker --worker-id a --timeout 1 --log-level error -- fake-cape-adw {id}
	wait_until 30 is 4 'completed a t t'
	is 3 'completed a t t'
	is 1 'pending - f f'
	is 2 'pending - f f'
	stop 0
	same 'no space' "$(<logs/worker_a_stderr.log)"
	same 'for the command' "$(head -n 1 logs/worker_a_stdout.log)"
	tail -n +2 logs/worker_a_stdout.log | json '
		.id == 4 and .description == "row" and .status == "started"
		and .assigned_worker_id == "a" and .completed_at == null
		and has("created_at") and has("updated_at") and has("started_at")'
	diff -u - <(sed -E 's/.* - cape_worker_a - //; s/after [0-9.]+ s/after T/' err) <<-'EOF'
		ERROR - job 1 failed after T: exit status 1: no space
		ERROR - job 2 failed after T: still running after its timeout of 1.000 s
	EOF
}

# bats test_tags=smoke
# bats test_tags=smoke
@test "cape-worker: TERM ends the command, and its issue is pending again" {
	local pid
	database
	issues hang two
	worker --worker-id a --log-level debug -- fake-cape-adw {id}
	wait_until 30 test -e hangs
	wait_until 30 is 1 'started a t f'
	is 2 'pending - f f'
	pid=$(pgrep -f '^sleep 1000$' | while read -r pid; do
		[ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] || echo "$pid"
	done)
	[ -n "$pid" ]
	stop 0
	gone "$pid"
	is 1 'pending - f f'
	is 2 'pending - f f'
	has "$(<err)" ' - DEBUG - ' 'WARNING - stopping' \
		'INFO - job 1 released after' 'INFO - stopped'
}

@test "cape-worker: logs of 10 MiB are rotated, and five old ones stay" {
	local name file
	database
	mkdir logs
	for name in a a_stdout a_stderr; do
		truncate -s 10485760 "logs/worker_$name.log"
		for file in 1 2 3 4 5; do
			echo "old $file" >"logs/worker_$name.log.$file"
		done
	done
	issues 'print 3' 'fail'
	worker --worker-id a -- fake-cape-adw {id}
	wait_until 30 grep -q 'job 2 failed' logs/worker_a.log
	stop 0
	for name in a a_stdout a_stderr; do
		same 10485760 "$(stat -c %s "logs/worker_$name.log.1")"
		same 'old 1 old 4' "$(cat "logs/worker_$name.log."[25] | xargs)"
		[ ! -e "logs/worker_$name.log.6" ]
	done
	cmp err logs/worker_a.log
	same '1 2 3' "$(xargs <logs/worker_a_stdout.log)"
	same fail "$(<logs/worker_a_stderr.log)"
}

@test "cape-worker: a command or a folder that is not there ends it, exit 2" {
	database
	issues one
	run_apart timeout 30 cape-worker --worker-id a -- ./nosuch
	same 2 "$status"
	has "$(<logs/worker_a.log)" ./nosuch
	is 1 'pending - f f'
	rm -r logs
	: >logs
	run_apart timeout 30 cape-worker --worker-id a -- true
	same 2 "$status"
	is 1 'pending - f f'
}

@test "cape-worker: its unit is one that systemd takes" {
	local unit=$TOP/share/systemd/cape-worker@.service
	type systemd-analyze >/dev/null 2>&1 || skip 'no systemd-analyze'
	sed "s,/usr/local/share/jobq,$TOP/share,; s,=cape\$,=$(id -un),
		s,/srv/cape,$PWD," "$unit" >cape-worker@a-1.service
	timeout 60 systemd-analyze verify --man=no ./cape-worker@a-1.service
	timeout 60 systemd-analyze security --offline=true --threshold=40 \
		./cape-worker@a-1.service
}
