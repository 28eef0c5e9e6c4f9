#!/usr/bin/env bats
# The PostgreSQL of the tests, support/pg, and the bench that is its bound.

load support/common

# One server for the file, as a first use makes it. Its folder is where
# support/store.bash makes those of the suites.
setup_file() {
	local dir=${JOBQ_TEST_SERVERS-}
	export PG_DIR PG_MISSING
	if ! PG_MISSING=$("$TOP/tests/support/pg" where 2>&1 >/dev/null); then
		return
	fi
	if [ -z "$dir" ]; then
		dir=$BATS_RUN_TMPDIR
		chmod go+x "$dir"
	fi
	PG_DIR=$(mktemp -d "$dir/postgresql.it's a XXXXXX")
	timeout 90 "$TOP/tests/support/pg" start "$PG_DIR" 'jobs "x"' 3>&- 4>&-
}

teardown_file() {
	[ -n "$PG_DIR" ] || return 0
	timeout 60 "$TOP/tests/support/pg" stop "$PG_DIR" immediate
	rm -rf "$PG_DIR"
}

setup() {
	common_setup
	[ -z "$PG_MISSING" ] || skip "$PG_MISSING"
	pid=$(head -n 1 "$PG_DIR/data/postmaster.pid" 2>/dev/null) || pid=
}

pg() {
	timeout 90 "$TOP/tests/support/pg" "$@" 3>&- 4>&-
}

sql() { # DATABASE QUERY
	timeout 20 psql -h "$PG_DIR" -d "$1" -XqAtc "$2"
}

@test "pg: who starts it is a superuser of its database, by the socket alone" {
	same "$(id -un)|on" "$(PGHOST=$PG_DIR PGDATABASE='jobs "x"' timeout 20 psql -XAtc \
		"SELECT current_user, rolsuper::text FROM pg_roles
			WHERE rolname = current_user" | sed 's/true/on/')"
	same '' "$(sql postgres 'SHOW listen_addresses')"
	same on "$(sql postgres 'SHOW fsync')"
}

@test "pg: root's server runs as another user, whose the folder is" {
	[ "$(id -u)" = 0 ] || skip 'not root'
	owner=$(ps -o uid= -p "$pid" | tr -d ' ')
	[ "$owner" != 0 ]
	same "$owner 700" "$(stat -c '%u %a' "$PG_DIR")"
}

@test "pg: a start of one that runs leaves it alone, and makes a database" {
	run_apart pg start "$PG_DIR" second
	same '0 ' "$status $stdout$stderr"
	same "$pid" "$(head -n 1 "$PG_DIR/data/postmaster.pid")"
	same 1 "$(sql second 'SELECT 1')"
	sql second 'CREATE TABLE kept ()'
	pg start "$PG_DIR" second
	same kept "$(sql second "SELECT relname FROM pg_class
		WHERE relname = 'kept'")"
}

@test "pg: after a kill it recovers, a stop of one that is stopped is fine" {
	sql postgres 'CREATE TABLE written AS SELECT 7 AS n'
	pg kill "$PG_DIR"
	gone "$pid"
	run_apart pg stop "$PG_DIR"
	same '0 ' "$status $stdout$stderr"
	not sql postgres 'SELECT 1'
	PG_FAST=1 pg start "$PG_DIR"
	same '7 off' "$(sql postgres 'SELECT n FROM written') $(
		sql postgres 'SHOW fsync')"
	grep -q 'automatic recovery in progress' "$PG_DIR/log"
	pg stop "$PG_DIR"
	not sql postgres 'SELECT 1'
	grep -q 'database system is shut down' "$PG_DIR/log"
	pg start "$PG_DIR"
	same on "$(sql postgres 'SHOW fsync')"
}

@test "pg: settings of who starts it do not reach it" {
	pg stop "$PG_DIR" immediate
	PGPORT=1 PGDATABASE=nosuch PGDATA=/nosuch PGOPTIONS=-cnosuch=1 \
		PGHOST=/nosuch pg start "$PG_DIR"
	same 1 "$(sql postgres 'SELECT 1')"
}

@test "pg: a PgBouncer stands before it, in transaction mode" {
	through() {
		PGHOST=$PG_DIR/bouncer PGPORT=6432 timeout 20 psql -XqAt "$@"
	}
	PATH=$PATH:/usr/sbin type -P pgbouncer || skip 'PgBouncer is not installed'
	pg bouncer "$PG_DIR"
	bouncer=$(<"$PG_DIR/bouncer/pid")
	pg bouncer "$PG_DIR"
	same "$bouncer" "$(<"$PG_DIR/bouncer/pid")"
	same "$(id -un)" "$(through -d 'jobs "x"' -c 'SELECT current_user')"
	same transaction "$(through -d pgbouncer -F ' ' \
		-c 'SHOW CONFIG' | sed -n 's/^pool_mode \([a-z]*\) .*/\1/p')"
	pg bouncer-stop "$PG_DIR"
	gone "$bouncer"
	not through -d postgres -c 'SELECT 1'
	pg bouncer-stop "$PG_DIR"
}

@test "pg: a folder of somebody else is refused and left alone" {
	mkdir -m 755 theirs
	: >theirs/file
	before=$(stat -c '%u %a' theirs)
	run_apart pg start "$PWD/theirs"
	same "2 $before" "$status $(stat -c '%u %a' theirs)"
	has "$stderr" theirs 'neither empty nor'
	same file "$(ls -A theirs)"
	for command in stop kill bouncer; do
		run_apart pg "$command" "$PWD/theirs"
		same 2 "$status"
		has "$stderr" 'there is no server in' theirs
	done
}

@test "pg: a folder that the server's user cannot reach is named" {
	[ "$(id -u)" = 0 ] || skip 'not root'
	mkdir -m 700 closed
	run_apart pg start "$PWD/closed/pg"
	same 2 "$status"
	has "$stderr" "$PWD/closed/pg" 'cannot reach'
}

@test "pg: misuse shows what there is, a long path says why" {
	for words in '' start 'start a b c' 'stop a lazily' 'jump a'; do
		# shellcheck disable=SC2086 # these are words
		run_apart pg $words
		same 2 "$status"
		has "$stderr" 'pg start DIR'
	done
	run_apart pg start "/tmp/$(printf '%0100d' 0)"
	same 2 "$status"
	has "$stderr" 'too long for the name of a socket'
	run_apart pg start "$PWD/a\`b"
	same 2 "$status"
	has "$stderr" 'that pg_ctl or libpq cannot take'
	[ ! -e 'a`b' ]
}

@test "pgclaim: claims all, once each, by one process and by two" {
	[ -x "$JOBQ_BUILD/bench/pgclaim" ] || skip 'libpq-fe.h is not installed'
	pgclaim() {
		timeout 60 "$JOBQ_BUILD/bench/pgclaim" "$@"
	}
	export PGHOST=$PG_DIR
	for processes in 1 2; do
		run_apart pgclaim claim dbname=postgres 1203 $processes
		same 0 "$status"
		[[ $stdout =~ ^[1-9][0-9]*$ ]]
	done
	run_apart pgclaim notify dbname=postgres 20
	same 0 "$status"
	[[ $stdout =~ ^[1-9][0-9]*\ [1-9][0-9]*$ ]]
	run_apart pgclaim claim dbname=nosuch 1 1
	same 75 "$status"
	has "$stderr" nosuch
	run_apart pgclaim claim dbname=postgres 0 1
	same 2 "$status"
}
