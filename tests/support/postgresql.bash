# shellcheck shell=bash
# A PostgreSQL for the tests of what is its own, over stages.bash. The server
# is one for a file, in $PG_DIR; each test has a schema of its own, $schema,
# in the database jobq.
#   load support/postgresql

# shellcheck disable=SC2034 # what is set here is for the tests

load "${BASH_SOURCE[0]%/*}/stages"

postgresql_setup_file() {
	local dir=${JOBQ_TEST_SERVERS-}
	export PG_DIR='' PG_URI='' PG_MISSING=''
	"$JOBQ_BUILD/bin/jobq" --version | grep -q '^driver postgresql' ||
		PG_MISSING="this build has no driver 'postgresql'"
	[ -n "$PG_MISSING" ] ||
		PG_MISSING=$("$TOP/tests/support/servers/postgresql" missing) ||
		PG_MISSING=
	[ -z "$PG_MISSING" ] || return 0
	if [ -z "$dir" ]; then
		dir=$BATS_RUN_TMPDIR
		chmod go+x "$dir"
	fi
	PG_DIR=$(mktemp -d "$dir/pg.XXXXXX")
	PG_URI=$(timeout 90 "$TOP/tests/support/servers/postgresql" \
		start "$PG_DIR" 3>&- 4>&-)
}

postgresql_teardown_file() {
	[ -n "$PG_DIR" ] || return 0
	timeout 60 "$TOP/tests/support/pg" bouncer-stop "$PG_DIR"
	timeout 60 "$TOP/tests/support/pg" stop "$PG_DIR" immediate
	rm -rf "$PG_DIR"
}

postgresql_setup() {
	common_setup
	unset "${!PG[A-CE-HJ-LN-Z]@}"
	[ -z "$PG_MISSING" ] || skip "$PG_MISSING"
	schema=t$BATS_TEST_NUMBER
	export JOBQ_URL="postgresql:///jobq?host=$PG_URI&schema=$schema"
	sessions=()
}

setup_file() { postgresql_setup_file; }
teardown_file() { postgresql_teardown_file; }
setup() { postgresql_setup; }
teardown() { common_teardown; }

pg() {
	timeout 90 "$TOP/tests/support/pg" "$@" 3>&- 4>&-
}

# psql [ARGUMENT...]: in the test's schema.
psql() {
	PGHOST=$PG_DIR PGDATABASE=jobq PGOPTIONS="-c search_path=$schema" \
		timeout 60 psql -XqAt -v ON_ERROR_STOP=1 "$@"
}

sql() { # QUERY
	psql -c "$1"
}

# is TEXT QUERY, for wait_until.
is() {
	[[ $(sql "$2") == "$1" ]]
}

state_is() { # ID STATE
	is "$2" "SELECT state FROM job WHERE id = '$1'"
}

# verb PROGRAM: the SQL of a request that is made by a function of
# requests.jq.
verb() {
	jq -nr -L "$TOP/tests/support" "include \"requests\"; $1" |
		sed "s/'/''/g; s/^\([a-z]*\) \(.*\)\$/SELECT verb_\1('\2');/"
}

# session NAME: a psql that keeps its connection; what it is told (tell_sql,
# which does not wait, ask) it answers into NAME.out and NAME.err.
session() {
	mkfifo "$1.in"
	background "$1" env PGHOST="$PG_DIR" PGDATABASE=jobq \
		PGOPTIONS="-c search_path=$schema" timeout 100 psql -XqAt
	exec {fd}>"$1.in"
	eval "session_$1=$fd session_$1_asked=0"
}

tell_sql() { # NAME SQL
	local fd=session_$1 asked=session_$1_asked
	printf '%s\n\\echo answered %d\n' "$2;" $((!asked + 1)) >&"${!fd}"
	eval "$asked=$((!asked + 1))"
}

answered() { # NAME: all that it was told
	local asked=session_$1_asked
	grep -qx "answered ${!asked}" "$1.out"
}

ask() { # NAME SQL
	tell_sql "$@"
	wait_until 30 answered "$1" || {
		echo "session $1 does not answer: $2"
		cat "$1.err"
		return 1
	}
}

# waits_for_lock COUNT, for wait_until.
waits_for_lock() {
	is "$1" "SELECT count(*) FROM pg_stat_activity
		WHERE datname = 'jobq' AND wait_event_type = 'Lock'"
}

# No transaction of the tests has been the victim of a deadlock.
no_deadlock() {
	not grep -n 'deadlock detected' "$PG_DIR/log"
}
