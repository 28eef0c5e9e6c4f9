#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# PostgreSQL as it is met from outside: servers that are not there, names and
# payloads of anybody, roles, other people's transactions, the server's plans.
# bats file_tags=server

load support/postgresql

# --- a server that is away ---------------------------------------------------

# The server is reached by a link to its socket, which comes and goes.
away() {
	mkdir -p h
	away_url="postgresql://$(id -un):s3cr3t-%5e@/jobq?host=$(jq -rn \
		--arg dir "$PWD/h" '$dir | @uri')&schema=$schema"
}

comes() {
	ln -s "$PG_DIR/.s.PGSQL.5432" h/
}

# bats test_tags=smoke
@test "postgresql: one-shots exit 75 at once without a server, and name the host" {
	local command
	away
	export JOBQ_URL=$away_url
	while read -r command; do
		# shellcheck disable=SC2086 # a command and its options
		run_apart timeout 15 $command </dev/null
		same "75 $command " "$status $command $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" "$PWD/h"
		lacks "$stderr" s3cr3t
	done <<-'EOT'
		jobq-push --name x
		jobq-list
		jobq-list --stats
		jobq-poll
		jobq-claim -n 1
		jobq-cancel 0123456789
		jobq-retry 0123456789
		jobq-admin reap
		jobq-admin init
		jobq-watch --no-follow
	EOT
}

@test "postgresql: what runs for long waits for a server, and says so once" {
	local name
	jq -nc '{id: "c", queue: "c"}, {id: "w", queue: "w"},
		{id: "p", queue: "p"}' | jobq-push >pushed
	echo '{"event":"started","id":"none","epoch":1,"worker":"x","n":1,'\
'"at":"2026-11-26T10:00:00.000Z"}' >report.in
	mkfifo claim.in
	away
	export JOBQ_URL=$away_url
	background claim jobq-claim --ring 1 --queue c
	exec 8>claim.in
	background work jobq-work -j 1 --queue w --until-empty -- true
	background watch jobq-watch --since 0
	background poll jobq-poll --follow --queue p
	background report jobq-report
	for name in claim work watch poll report; do
		wait_until 20 grep -q "$PWD/h" "$name.err"
	done
	# A second attempt, a second or two later, fails in silence.
	later 2.5
	for name in claim work watch poll report; do
		not test -e "$name.status"
		same "$name 1" "$name $(grep -c "$PWD/h" "$name.err")"
	done
	comes
	wait_until 35 grep -q '"id":"c".*"lease"' claim.out
	exits 0 work
	wait_until 35 grep -q '"completed","id":"w"' watch.out
	wait_until 35 grep -q '"id":"p"' poll.out
	exits 0 report
	same unknown "$(jq -r .settled report.out)"
	exec 8>&-
	lacks "$(cat ./*.err ./*.out)" s3cr3t
}

# --- the listener ------------------------------------------------------------

# The process that listens for the worker.
listener() {
	sql "SELECT pid FROM pg_stat_activity WHERE datname = 'jobq'
		AND query LIKE '%LISTEN \"jobq:' || md5('$schema') || '\"'"
}

listens_anew() {
	local pid
	pid=$(listener)
	[ -n "$pid" ] && [ "$pid" != "$first" ]
}

# P23. So long an interval that only a bell wakes the worker in time.
@test "postgresql: a listener that dies costs latency, and another comes" {
	local first
	echo '{"id":"a"}' | jobq-push >pushed
	background work jobq-work -j 1 --interval 55 -- true
	wait_until 20 state_is a completed
	heard() { [ -n "$(listener)" ]; }
	wait_until 20 heard
	first=$(listener)
	# The first look that found nothing, so that who pushes rings.
	wait_until 20 is 1 'SELECT count(*) FROM queue_state
		WHERE idle_ms IS NOT NULL'
	echo '{"id":"b"}' | jobq-push >pushed
	wait_until 20 state_is b completed
	sql "SELECT pg_terminate_backend($first)" >ended
	echo '{"id":"c"}' | jobq-push >pushed
	wait_until 20 state_is c completed
	wait_until 40 listens_anew
	echo '{"id":"d"}' | jobq-push >pushed
	wait_until 20 state_is d completed
	# The first job of a queue rings, too.
	echo '{"id":"e","queue":"new"}' | jobq-push >pushed
	wait_until 20 state_is e completed
	not test -e work.status
}

@test "postgresql: who hears the bell looks less often than who does not" {
	local last
	jobq-push </dev/null
	mkfifo rung.in polls.in
	looks() { [ "$(grep -c 'claim took' rung.err)" -ge 4 ]; }
	background rung jobq-claim --ring 1 --log-level debug --log-format json
	background polls jobq-claim -S "$JOBQ_URL&listen=0" --ring 1 \
		--log-level debug
	exec 8>rung.in 9>polls.in
	wait_until 60 looks
	last=$(jq -r 'select(.msg | contains("claim took")).ts' rung.err |
		tail -n 2 | jq -Rs 'def ms: (.[:19] + "Z" | fromdate) * 1000
			+ (.[20:23] | tonumber);
			split("\n") | (.[1] | ms) - (.[0] | ms)')
	((last >= 2900))
	(($(grep -c 'claim took' polls.err) > $(grep -c 'claim took' rung.err)))
	exec 8>&- 9>&-
}

# --- names and payloads ------------------------------------------------------

# Thirty texts that are names.
# shellcheck disable=SC1003 # each quote ends the one before it
hostile() {
	jq -nc '["'\''; DROP TABLE job_entry; --", "\u0027\u0027", "\"", "\\",
		"\\'\'' OR 1=1 --", "$1", "$$", "$a$x$a$", "%s%n%d", "{}",
		"{\"a\":1}", "NULL", "null", "a,b", "(1,2)", "{1,2}", "--",
		"/* */", ";", "E'\''\\x27'\''", "\u00e9\u00e8", "\u202e",
		"\ud83d\ude00", " ", "  x ", "\u00a0", "😀'\''", "`id`",
		"$(id)", ("x" * 255)]'
}

rows() {
	sql "SELECT (SELECT count(*) FROM job_entry), (SELECT count(*)
		FROM job_state), (SELECT count(*) FROM event_log),
		(SELECT count(*) FROM pg_tables WHERE schemaname = '$schema')"
}

# bats test_tags=smoke
@test "postgresql: S15 hostile texts are texts, wherever they stand" {
	local text i=0 tables
	jobq-admin init >said
	tables=$(rows)
	tables=${tables##*|}
	hostile | jq -c 'to_entries[] | {id: "h\(.key)", queue: .value,
		name: .value, key: .value, flow: .value, input: .value,
		meta: {(.value): .value}}' >lines
	same 30 "$(wc -l <lines)"
	jobq-push <lines >pushed
	same 30 "$(wc -l <pushed)"
	same "30|30|0|$tables" "$(rows)"
	# The list and the claim by each of its names.
	while read -r text; do
		text=$(jq -r . <<<"$text")
		same "h$i" "$(jobq-list --flow "$text" --key "$text" \
			--name "$text" --queue "$text" | jq -r .id)"
		jobq-claim -n 1 --queue "$text" --flow "$text" \
			--worker "$text" >>claimed
		((i += 1))
	done < <(hostile | jq -c '.[]')
	same "$(jq -c '[.id, .name, .input, .meta]' lines)" \
		"$(jq -c '[.id, .name, .input, .meta]' claimed)"
	same "$(jq -c .name lines)" "$(jq -c .lease.worker claimed)"
	# A failure says why in the same words.
	jq -c '{event: "failed", id, epoch: 1, worker: .lease.worker, n: 1,
		at: "2026-11-26T10:00:00.000Z", reason: "exit", retry: false,
		error: .name, stderr_tail: .name}' claimed >told
	jobq-report <told >settled || same 1 $?
	same 30 "$(grep -c '"settled":true,"state":"failed"' settled)"
	same "$(jq -c .name lines)" \
		"$(jobq-list --state failed | jq -c .ended.error)"
	same "30|30|30|$tables" "$(rows)"
	# Tails of ids, and reasons.
	while read -r text; do
		text=$(jq -r . <<<"$text")
		run_apart jobq-list -- "tail$text"
		not same 0 "$status"
		run_apart jobq-cancel -- "$text"
		not same 0 "$status"
	done < <(hostile | jq -c '.[:6][]')
	same "30|30|30|$tables" "$(rows)"
}

@test "postgresql: S15 what is no UTF-8 is refused before the store sees it" {
	local before
	jobq-admin init >said
	before=$(rows)
	run_apart jobq-push < <(printf '{"name":"\xff"}\n{"input":"\xc0\xaf"}\n')
	same '2 ' "$status $stdout"
	# As an option it is no name of anything that is there.
	for option in --queue --flow --key --name; do
		run_apart jobq-list "$option" $'\xff'
		same '' "$stdout"
		run_apart timeout 20 jobq-claim -n 1 --queue $'\xff'
		same '1 ' "$status $stdout"
	done
	run_apart jobq-claim -n 1 --worker $'\xff'
	same '2 ' "$status $stdout"
	run_apart jobq-push < <(printf '{"queue":"a\\u0000b","name":"x"}\n')
	same '2 ' "$status $stdout"
	same "$before" "$(rows)"
}

@test "postgresql: S15 NULs in values, and inputs of a megabyte, pass through" {
	printf '{"id":"nul","input":{"a\\u0000":"\\u0000\\ud800"}}\n' >lines
	printf '{"id":"big","input":"%s"}\n' "$(head -c 1000000 /dev/zero |
		tr '\0' x)" >>lines
	jobq-push <lines >pushed
	same 2 "$(wc -l <pushed)"
	jobq-claim -n 2 | jobq-run -- cat | jobq-report >settled
	same 2 "$(grep -c '"settled":true,"state":"completed"' settled)"
	same 1000000 "$(sed -n 's/.*"completed","id":"big".*"output":"[\\]"\(x*\)[\\]"".*/\1/p' \
		settled | tr -d '\n' | wc -c)"
	sql "SELECT line FROM job WHERE id = 'nul'" >line
	grep -qF '"input":{"a\u0000":"\u0000\ud800"}' line
	same 2 "$(jobq-watch --since 0 --no-follow | grep -c '"completed"')"
	# The views show all other members of such a line.
	same nul "$(sql "SELECT id FROM job WHERE id = 'nul' AND input IS NULL")"
}

# --- a transaction of one's own ----------------------------------------------

# bats test_tags=smoke
@test "postgresql: a job is pushed with the transaction that it belongs to" {
	jobq-admin init >said
	sql 'CREATE TABLE mine (i integer)'
	background work jobq-work -j 2 -- true
	sql "BEGIN; INSERT INTO mine VALUES (1);
		INSERT INTO job (id, name, input) VALUES ('a', 'x', '{\"n\":1.10}');
		SELECT push('{\"id\":\"b\",\"input\":9007199254740993}'); ROLLBACK" >said
	same '0|0|0' "$(sql 'SELECT (SELECT count(*) FROM mine),
		(SELECT count(*) FROM job), (SELECT count(*) FROM queue_state)')"
	session me
	ask me "BEGIN; INSERT INTO mine VALUES (1);
		INSERT INTO job (id, name, input) VALUES ('a', 'x', '{\"n\":1.10}');
		INSERT INTO job (id, input, needs, priority, run_at)
			VALUES ('c', '3', '{a,b}', 7, now() - interval '1 h');
		SELECT push('{\"id\":\"b\",\"input\":9007199254740993,\"x\":[1e400]}')"
	# The workers go on meanwhile, and take nothing of it.
	echo '{"id":"other"}' | timeout 20 jobq-push >pushed
	wait_until 20 state_is other completed
	same 0 "$(sql "SELECT count(*) FROM job WHERE id <> 'other'")"
	ask me COMMIT
	wait_until 20 state_is a completed
	wait_until 20 state_is b completed
	wait_until 20 state_is c completed
	same '{"n":1.10}|9007199254740993|3' "$(sql "SELECT
		max(input::text) FILTER (WHERE id = 'a'),
		max(input::text) FILTER (WHERE id = 'b'),
		max(input::text) FILTER (WHERE id = 'c') FROM job")"
	same 2 "$(sql "SELECT count(*) FROM job WHERE line LIKE '%[1e400]%'
		OR priority = 7")"
	send TERM work
	exits 0 work
}

@test "postgresql: what is no job is an error, and nothing of it is pushed" {
	local bad
	jobq-admin init >said
	while read -r bad; do
		run_apart sql "SELECT push('$bad')"
		not same 0 "$status" || { echo "pushed: $bad"; return 1; }
		has "$stderr" ERROR
	done <<-'EOT'
		[]
		{
		{"queue":"q"}
		{"name":""}
		{"name":"a\u0007"}
		{"name":"x","id":"-a"}
		{"name":"x","id":"a b"}
		{"name":"x","name":"y"}
		{"name":"x","needs":["a b"]}
		{"name":"x","priority":"high"}
		{"name":"x","max_attempts":0}
		{"name":"x","timeout":0}
		{"name":"x","run_at":"soon"}
	EOT
	run_apart sql "INSERT INTO job (queue) VALUES ('q')"
	not same 0 "$status"
	has "$stderr" 'needs a member'
	same '0|0' "$(sql 'SELECT (SELECT count(*) FROM job_entry),
		(SELECT count(*) FROM queue_state)')"
}

# --- plans -------------------------------------------------------------------

@test "postgresql: hot statements walk indexes, also when nothing is analyzed" {
	hot_plans 20000 10000 10000
}

# --- stores of several -------------------------------------------------------

@test "postgresql: two that make the store at once both find it made" {
	background one jobq-admin init
	background two jobq-admin init
	jobq-push --name x >pushed
	exits 0 one
	exits 0 two
	jobq-admin init
	same 1 "$(jobq-list | wc -l)"
}

@test "postgresql: schemas of one database neither see nor hear each other" {
	local other=${JOBQ_URL/schema=/schema=order_} name
	# Names that are words of SQL are names, too.
	for name in order user end; do
		JOBQ_URL=${JOBQ_URL%schema=*}schema=$name jobq-push --name x >pushed
		JOBQ_URL=${JOBQ_URL%schema=*}schema=$name jobq-claim -n 1 >claimed
		same 1 "$(wc -l <claimed)"
	done
	jobq-admin init >said
	JOBQ_URL=$other jobq-push </dev/null
	session ear
	ask ear "LISTEN \"jobq:$(printf %s "$schema" | md5sum | cut -c1-32)\""
	JOBQ_URL=$other jobq-push --name x >pushed
	ask ear 'SELECT 1'
	lacks "$(<ear.out)" 'notification'
	jobq-push --name y >pushed
	ask ear 'SELECT 1'
	has "$(<ear.out)" 'notification "jobq:'
	same 'y x' "$(jobq-list | jq -r .name) $(JOBQ_URL=$other jobq-list |
		jq -r .name)"
	run_apart env JOBQ_URL="${JOBQ_URL%schema=*}schema=Bad" jobq-list
	same 2 "$status"
}

# What rights it needs init.sql says.
@test "postgresql: another role needs rights to the tables, and is told so" {
	local theirs
	jobq-admin init >said
	theirs=${JOBQ_URL/:\/\/\//:\/\/app@\/}
	sql "CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA $schema TO app"
	run_apart env JOBQ_URL="$theirs" timeout 20 jobq-push --name x
	same '2 ' "$status $stdout"
	has "$stderr" 'permission denied' 'SQLSTATE 42501'
	sql "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $schema
		TO app"
	JOBQ_URL=$theirs jobq-push --name x --key k >pushed
	JOBQ_URL=$theirs timeout 60 jobq-work --until-empty -- true
	JOBQ_URL=$theirs jobq-list --state completed | grep -q '"name":"x"'
	JOBQ_URL=$theirs jobq-watch --since 0 --no-follow | grep -q completed
	PGUSER=app sql "INSERT INTO job (id, name) VALUES ('mine', 'z');
		SELECT push('{\"name\":\"u\",\"queue\":\"new\"}')" >pushed
	JOBQ_URL=$theirs timeout 20 jobq-cancel mine >said
	state_is mine cancelled
	JOBQ_URL=$theirs timeout 20 jobq-admin pause new >said
	# It may make none, but in a schema that it was given.
	run_apart env JOBQ_URL="${theirs}_b" timeout 20 jobq-admin init
	same 2 "$status"
	has "$stderr" 'permission denied for database'
	sql "CREATE SCHEMA ${schema}_b AUTHORIZATION app"
	JOBQ_URL=${theirs}_b timeout 20 jobq-push --name x >pushed
	same 1 "$(JOBQ_URL=${theirs}_b timeout 20 jobq-list | wc -l)"
}
