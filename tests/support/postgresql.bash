# shellcheck shell=bash disable=SC2016 # a $ in single quotes is one of jq's
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

# workers NUMBER JOBS: runs all jobs with so many, and looks meanwhile at how
# old transactions become.
workers() {
	local i
	jq -nc "range($2) | {id: \"j\(.)\", input: .}" | jobq-push >pushed
	same "$2" "$(wc -l <pushed)"
	cat >handler <<-'END'
		#!/bin/sh
		echo "$JOBQ_ID $JOBQ_EPOCH" >>effects
	END
	chmod +x handler
	for ((i = 0; i < $1; i++)); do
		background "w$i" timeout 250 jobq-work -j 8 --worker "w$i" \
			--until-empty -- ./handler
	done
	session old
	tell_sql old "SELECT extract(epoch FROM clock_timestamp()
			- min(xact_start)) FROM pg_stat_activity
		WHERE datname = 'jobq' AND pid <> pg_backend_pid()"
	while [ -n "$(compgen -G 'w*.pid')" ] && ! ended_all "$1"; do
		ask old '\g'
		later 0.2
	done
	for ((i = 0; i < $1; i++)); do
		exits 0 "w$i"
	done
	same "$2" "$(sort -u effects | wc -l)"
	same "$2" "$(wc -l <effects)"
	same "$2|$2|1" "$(sql "SELECT count(*), count(DISTINCT job), max(epoch)
		FROM event_log WHERE line LIKE '%\"event\":\"started\"%'")"
	same "$2" "$(sql "SELECT count(*) FROM job WHERE state = 'completed'
		AND attempt = 1 AND epoch = 1 AND rescues = 0")"
	not grep -E '^([5-9]|[1-9][0-9]+)\.' old.out
	no_deadlock
}

ended_all() {
	[ "$(compgen -G 'w*.status' | wc -l)" = "$1" ]
}

# fill READY SCHEDULED COMPLETED: without a word to the planner.
fill() {
	sql "ALTER TABLE job_entry SET (autovacuum_enabled = off);
		ALTER TABLE job_state SET (autovacuum_enabled = off);
		ALTER TABLE event_log SET (autovacuum_enabled = off);
		INSERT INTO queue_state VALUES ('q') ON CONFLICT DO NOTHING;
		INSERT INTO job_entry (id, queue, name, pushed_ms, line)
		SELECT 'f' || i, 'q', 'n', now_ms(), concat('{\"id\":\"f', i, '\"')
		FROM generate_series(1, $1 + $2 + $3) i;
		INSERT INTO job_state (seq, stage, max_attempts, priority, bytes,
			run_ms, prune_ms, queue)
		SELECT seq, CASE WHEN n <= $1 THEN 2 WHEN n <= $1 + $2 THEN 1
			ELSE 4 END, 5, n % 3, 20,
			now_ms() + CASE WHEN n <= $1 THEN 0 ELSE 3600000 END,
			CASE WHEN n > $1 + $2 THEN now_ms() + 3600000 END, 'q'
		FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS n
			FROM job_entry) e;
		INSERT INTO event_log (seq, job, epoch, n, line)
		SELECT seq, seq, 1, 1, '{\"event\":\"completed\"'
		FROM job_state WHERE stage = 4"
}

# plans REQUEST: those of a verb's statements, in the file plans.
plans() {
	psql -c "LOAD 'auto_explain'" -c 'SET auto_explain.log_min_duration = 0' \
		-c 'SET auto_explain.log_nested_statements = on' \
		-c 'SET client_min_messages = log' -c "$(verb "$1")" \
		>answer 2>plans
	grep -q 'Query Text' plans
	not grep -E 'Seq Scan on (job_state|job_entry|event_log|job_key|job_need)' \
		plans
}

# hot_plans READY SCHEDULED COMPLETED: among so many rows the statements of the
# verbs that run all the time walk indexes, before the planner knows of the
# rows and after.
hot_plans() {
	local i
	jobq-admin init >said
	fill "$@"
	for i in 1 2; do
		plans 'claim({limit: 100})'
		same 100 "$(grep -c '"lease"' answer)"
		grep -q 'using job_ready on job_state' plans
		plans 'claim({queues: ["q"]})'
		grep -q 'using job_ready on job_state' plans
		plans 'push([{id: "new", key: "k", queue: "q"},
			{id: "newer", queue: "q", needs: ["f1"]}])'
		plans "settle([$(jq -c '{event: "completed", id, n: 1}' answer |
			head -n 1)])"
		plans 'claim({limit: 2, held: [["f3", 1]], events: [
			{event: "completed", id: "f3", n: 1}]})'
		plans 'settle([{event: "alive", worker: "w1", n: 1,
			jobs: [["f2", 1]]}, {event: "completed", id: "f5", n: 2}])'
		plans 'claim({limit: 1, queues: ["empty"]})'
		sql 'ANALYZE job_state, job_entry, event_log'
	done
}
