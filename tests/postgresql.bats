#!/usr/bin/env bats
# The driver of PostgreSQL, by a small adapter of this file's own. What the
# adapter postgresql does is tested by the suite of all stores.
# bats file_tags=server

load support/common

# One server for the file; each test has a schema of its own.
setup_file() {
	local dir=${JOBQ_TEST_SERVERS-}
	export SERVER MISSING
	MISSING=$("$TOP/tests/support/pg" where 2>&1 >/dev/null) || return 0
	"$JOBQ_BUILD/bin/jobq" --version | grep -q '^driver postgresql' || {
		MISSING='built without PostgreSQL'
		return 0
	}
	if [ -z "$dir" ]; then
		dir=$BATS_RUN_TMPDIR
		chmod go+x "$dir"
	fi
	SERVER=$(mktemp -d "$dir/postgresql.XXXXXX")
	PG_FAST=1 timeout 90 "$TOP/tests/support/pg" start "$SERVER" jobs \
		3>&- 4>&-
}

teardown_file() {
	[ -n "$SERVER" ] || return 0
	timeout 60 "$TOP/tests/support/pg" stop "$SERVER" immediate
	rm -rf "$SERVER"
}

setup() {
	common_setup
	unset "${!PG@}"
	[ -z "$MISSING" ] || skip "$MISSING"
	schema=t$BATS_TEST_NUMBER
	export JOBQ_URL
	make_adapter
	JOBQ_URL=$(url)
}

# url [PARAMETERS]: the store of this test.
url() {
	echo "postgresql:///jobs?host=$SERVER&adapter=$PWD/mini&schema=$schema${1:+&$1}"
}

sql() {
	timeout 20 psql -h "$SERVER" -d jobs -XqAt -v ON_ERROR_STOP=1 -c "$1"
}

# text VERB: its text, from standard input.
text() {
	cat >"mini/$1.sql"
}

# A queue of ids. A note is told by one row that another session may read.
make_adapter() {
	mkdir mini
	cat >mini/adapter.json <<-'END'
	{"driver":"postgresql","version":2,"fencing":"none",
	 "verbs":["init","push","list","claim","settle","stats","rehearse"],
	 "reads":["list"],"parameters":{"heartbeat":"0","site":"a.b-C"}}
	END
	text version <<<'SELECT version FROM :"schema".meta'
	text init <<-'END'
	SELECT pg_advisory_xact_lock(1);
	CREATE SCHEMA IF NOT EXISTS :"schema";
	CREATE TABLE IF NOT EXISTS :"schema".meta (version int);
	---
	CREATE TABLE IF NOT EXISTS :"schema".job (
		id text PRIMARY KEY, queue text, line text, worker text);
	CREATE OR REPLACE FUNCTION :"schema".same(bigint) RETURNS bigint
		LANGUAGE sql AS 'SELECT $1';
	DELETE FROM :"schema".meta;
	---
	INSERT INTO :"schema".meta VALUES (2)
	END
	text push <<-'END'
	INSERT INTO :"schema".job
	SELECT j->>'id', j->>'queue', j->>'line'
	FROM json_array_elements($1::json->'jobs') j
	---
	SELECT j->>'line' || '}' FROM json_array_elements($1::json->'jobs') j
	END
	text list <<-'END'
	-- only by ready
	SELECT line || '}' FROM :"schema".job WHERE worker IS NULL
	---
	-- unless limit
	SELECT '{"no":"limit"}'
	---
	-- only by all
	SELECT line || ',"worker":' || coalesce('"' || worker || '"', 'null')
		|| '}'
	FROM :"schema".job ORDER BY id
	END
	text claim <<-'END'
	UPDATE :"schema".job SET worker = $1::json->>'worker'
	WHERE id IN (SELECT id FROM :"schema".job WHERE worker IS NULL
		ORDER BY id LIMIT ($1::json->>'limit')::int
		FOR UPDATE SKIP LOCKED)
	RETURNING line || ',"attempt":1,"state":"running","lease":{"epoch":1,'
		|| '"worker":"' || worker || '"}}'
	END
	text settle <<<'SELECT NULL WHERE false'
	text stats <<<'SELECT NULL WHERE false'
}

# call VERB [REQUEST]: its answer in $stdout, its status in $status.
call() {
	echo "$1 ${2-{\}}" >request
	run_apart timeout 60 storecall "$JOBQ_URL" <request
}

push() {
	local id jobs=''
	for id; do
		jobs+=",{\"id\":\"$id\",\"queue\":\"q\",\"line\":\"{\\\"id\\\":\\\"$id\\\"\"}"
	done
	call push "{\"jobs\":[${jobs#,}]}"
}

# ids: what is in the store.
ids() {
	sql "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM $schema.job"
}

# --- the URL -----------------------------------------------------------------

# bats test_tags=smoke
@test "postgresql: the environment says where the server is, also to postgres:" {
	export PGHOST=$SERVER PGDATABASE=jobs
	for url in postgresql: postgresql:// postgres: postgres:///jobs; do
		JOBQ_URL="$url?adapter=$PWD/mini&schema=$schema"
		call list '{"by":"all","limit":1}'
		same '0 ' "$status $stdout$stderr"
	done
	unset PGHOST PGDATABASE
	printf '[here]\nhost=%s\ndbname=jobs\n' "$SERVER" >service
	export PGSERVICEFILE=$PWD/service
	JOBQ_URL="postgresql:?service=here&adapter=$PWD/mini&schema=$schema"
	call list '{"by":"all","limit":1}'
	same '0 ' "$status $stdout$stderr"
}

@test "postgresql: a parameter that neither jobq nor libpq knows is refused by name" {
	JOBQ_URL=$(url nosuch=1)
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" "has no parameter 'nosuch'"
	JOBQ_URL=$(url 'sslmode=nosuch')
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" sslmode nosuch
	JOBQ_URL=$(url 'listen=maybe')
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" listen=maybe '1 or 0'
}

@test "postgresql: a schema is a plain name, whatever is tried" {
	local name long=a123456789
	long=$long$long$long$long$long$long
	jobq-admin init 2>/dev/null
	for name in '' 1a A 'a"b' 'a;b' "a'" a.b a-b 'a%20b' %C3%A9 "${long}abcd" \
	    'x%22.job%3B%20DROP%20SCHEMA%20public%3B%20--'; do
		run_apart storecall "$(url "schema=$name")" list <<<'{}'
		same 2 "$status"
		has "$stderr" 'config: schema ' 'cannot be used'
	done
	schema=${long}abc
	JOBQ_URL=$(url)
	push a
	same 0 "$status"
	same a "$(ids)"
}

@test "postgresql: parameters of the adapter are literals in its texts" {
	text claim <<<"SELECT :'heartbeat' || ' ' || :'site' || ' ' || :'schema'
		|| (1::\"char\")::text || '{\"a\":\"b\"}'"
	call claim '{"limit":1}'
	same "0 a.b-C $schema"$'\001{"a":"b"}' "${stdout/1\{/$'\001'\{}"
	JOBQ_URL=$(url 'heartbeat=on&site=')
	call claim '{"limit":1}'
	has "$stdout" "on  $schema"
	for value in "a'b" 'a%20b' 'a%3Bb' "$(printf 'x%.0s' {1..64})"; do
		JOBQ_URL=$(url "site=$value")
		call claim '{"limit":1}'
		same 2 "$status"
		has "$stderr" 'config: site=' 'at most 63'
	done
	sed -i 's/"0"/"a b"/' mini/adapter.json
	JOBQ_URL=$(url)
	call claim
	same 2 "$status"
	has "$stderr" mini/adapter.json '"parameters"'
}

@test "postgresql: no message shows a password" {
	local rest
	for rest in "me:s3cr3t-^&%25@/jobs?host=$SERVER/nosuch" \
	    "me:s3cr3t%zz@host/jobs?" "me:s3cr3t@host:bad/jobs?" \
	    "me:s3cr3t@[::1/jobs?" "me@/jobs?host=$SERVER&password=s3cr3t" \
	    "me:s3cr3t@/nosuch?host=$SERVER" 'me:s3cr3t"@h:1:2:3/x?' \
	    "me:s3cr3t@/jobs?host=$SERVER&nosuch=1" \
	    "me:s3cr3t@/jobs?host=$SERVER&sslpassword=s3cr3t&port=x"; do
		JOBQ_URL="postgresql://$rest&adapter=$PWD/mini" \
			run_apart jobq-list -vv
		[ "$status" = 2 ] || [ "$status" = 75 ]
		[ -n "$stderr" ]
		lacks "$stderr" s3cr3t
	done
}

# --- connecting --------------------------------------------------------------

@test "postgresql: a server that is away is named, and may come back" {
	JOBQ_URL="postgresql://me:s3cr3t@/jobs?host=$TMPDIR&adapter=$PWD/mini"
	run_apart jobq-list
	same 75 "$status"
	has "$stderr" "postgresql://me@/jobs?host=$TMPDIR" '(schema jobq)' \
		'No such file'
	same 1 "${#stderr_lines[@]}"
	JOBQ_URL="postgresql://localhost:1/jobs?adapter=$PWD/mini"
	run_apart jobq-list
	same 75 "$status"
	has "$stderr" localhost:1 refused
}

@test "postgresql: of several hosts one that answers is enough" {
	JOBQ_URL="postgresql:///jobs?host=$TMPDIR,$SERVER"
	JOBQ_URL+="&adapter=$PWD/mini&schema=$schema"
	push a
	same 0 "$status"
	same a "$(ids)"
	# What the first may do later outweighs what the second refuses.
	JOBQ_URL="postgresql:///nosuch?host=$TMPDIR,$SERVER&adapter=$PWD/mini"
	call list
	same 75 "$status"
}

@test "postgresql: a user, database or password that is wrong is no matter of time" {
	JOBQ_URL="postgresql://nosuch@/jobs?host=$SERVER&adapter=$PWD/mini"
	call list
	same 2 "$status"
	has "$stderr" 'config: ' '"nosuch" does not exist' '(SQLSTATE 28000)'
	JOBQ_URL="postgresql:///nosuch?host=$SERVER&adapter=$PWD/mini"
	call list
	same 2 "$status"
	has "$stderr" 'config: ' 'FATAL: database "nosuch" does not exist' \
		'(SQLSTATE 3D000)'
	lacks "$stderr" LOCATION
	JOBQ_URL="postgresql:?service=nosuch&adapter=$PWD/mini"
	call list
	same 2 "$status"
	has "$stderr" 'config: ' nosuch
}

# listens_for CONNECTIONS: a socket that takes them and answers nothing.
silent_server() {
	spawn perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Listen => 9,
			Local => "$ARGV[0]/.s.PGSQL.5432") or die;
		my @all; while (my $c = $s->accept) { push @all, $c }' "$TMPDIR"
	wait_until 10 test -S "$TMPDIR/.s.PGSQL.5432"
}

@test "postgresql: a server that takes a connection and says nothing is not waited for" {
	local begun=$SECONDS
	silent_server
	JOBQ_URL="postgresql:///jobs?host=$TMPDIR&adapter=$PWD/mini"
	run_apart timeout 30 storecall -d 300 "$JOBQ_URL" list <<<'{}'
	same 75 "$status"
	has "$stderr" 'again: ' "$TMPDIR did not answer within 0."
	run_apart timeout 30 storecall "$JOBQ_URL&connect_timeout=1" list <<<'{}'
	same 75 "$status"
	has "$stderr" "$TMPDIR did not answer within 1."
	[ $((SECONDS - begun)) -le 6 ]
}

@test "postgresql: a deadline ends a statement that lasts, and the next call is fine" {
	local begun=$SECONDS
	text claim <<<'SELECT NULL FROM pg_sleep(60)'
	push a
	printf 'claim {}\nlist {"by":"all","limit":9}\n' >requests
	run_apart timeout 50 storecall -d 1000 "$JOBQ_URL" <requests
	same 75 "$status"
	has "$stderr" 'again: ' "$SERVER did not answer within 1."
	same '{"id":"a","worker":null}' "$stdout"
	[ $((SECONDS - begun)) -le 10 ]
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" \
		>/dev/null
}

# A store that is called whenever a line is written to the FIFO requests.
fed() {
	exec storecall "$JOBQ_URL" <requests 9>&-
}

# terminated NAME: whether a session of that name was there to be ended.
terminated() {
	[ -n "$(sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = '$1' AND state = 'idle'")" ]
}

# bats test_tags=smoke
@test "postgresql: a connection that was lost while it was idle costs nothing" {
	push a
	mkfifo requests
	JOBQ_URL=$(url application_name=idle$schema)
	exec 9<>requests
	spawn fed >answers 2>said
	echo 'list {"by":"ready","limit":9}' >&9
	wait_until 10 terminated "idle$schema"
	wait_until 10 not terminated "idle$schema"
	echo 'list {"by":"all","limit":9}' >&9
	exec 9>&-
	wait_until 10 gone "$spawned_pid"
	same $'{"id":"a"}\n{"id":"a","worker":null}' "$(<answers)"
	same '' "$(<said)"
}

# --- statements --------------------------------------------------------------

@test "postgresql: the statements of a verb are one transaction" {
	push a b
	same 0 "$status"
	same $'{"id":"a"}\n{"id":"b"}' "$stdout"
	cat >>mini/push.sql <<-'END'
	---
	SELECT 1 / (($1::json->'jobs'->0->>'id' = 'c')::int - 1)::text::int
	END
	push c
	same 2 "$status"
	has "$stderr" 'invalid: ' "(schema $schema): division by zero" \
		'(SQLSTATE 22012)'
	same '' "$stdout"
	same 'a b' "$(ids)"
	# Nothing is left open, and the same connection goes on.
	text list <<<"SELECT '{\"pid\":' || pg_backend_pid() || '}'"
	printf 'list {}\npush {"jobs":[{"id":"c"}]}\nlist {}\n' >requests
	run_apart timeout 60 storecall "$JOBQ_URL" <requests
	has "$stderr" 'SQLSTATE 22012'
	json -s 'length == 2 and .[0] == .[1]' <<<"$stdout"
	printf 'push %s\n' '{"jobs":[{"id":"c"}]}' '{"jobs":[{"id":"d","line":"{"}]}' \
		>requests
	run_apart timeout 60 storecall "$JOBQ_URL" <requests
	same 2 "$status"
	same 'a b d' "$(ids)"
	has "$stdout" '{}'
}

@test "postgresql: a statement is run for the requests that it names" {
	push a
	call list '{"by":"ready","limit":1}'
	same '{"id":"a"}' "$stdout"
	call list '{"by":"all"}'
	same $'{"no":"limit"}\n{"id":"a","worker":null}' "$stdout"
	call list '{"by":"ids","limit":1}'
	same '0 ' "$status $stdout"
}

@test "postgresql: of a probe the first statement that answers is the answer" {
	text list.probe <<-'END'
	SELECT '{"no":1}' WHERE false
	---
	SELECT NULL WHERE $1::json ? 'x'
	---
	SELECT '{"probe":2}' WHERE $1::json->>'by' = 'ready'
	END
	sed -i 's/json ? /jsonb ? /' mini/list.probe.sql
	push a
	call list '{"by":"ready","limit":1}'
	same '{"probe":2}' "$stdout"
	call list '{"by":"ready","limit":1,"x":1}'
	same '0 ' "$status $stdout"
	call list '{"by":"all","limit":1}'
	same '{"id":"a","worker":null}' "$stdout"
}

@test "postgresql: requests and answers of megabytes come through" {
	local long
	long=$(head -c 3000000 /dev/zero | tr '\0' x)
	text claim <<<"SELECT '{\"n\":' || length(\$1) || '}'
		---
		SELECT '{\"x\":\"' || repeat('é', 500000) || '\"}'
		FROM generate_series(1, 4)"
	sed -i 's/^\t*---/---/' mini/claim.sql
	printf 'claim {"x":"%s"}\n' "$long" >requests
	timeout 60 storecall "$JOBQ_URL" <requests >answers
	same '{"n":3000008}' "$(head -n 1 answers)"
	same 5 "$(wc -l <answers)"
	json -s '.[1:] | map(.x | length) == [500000, 500000, 500000, 500000]' \
		<answers
}

@test "postgresql: what a statement raises is one of our classes" {
	local state class rest
	jobq-admin init 2>/dev/null
	text claim <<-'END'
	SELECT set_config('jobq.t', $1, true)
	---
	DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = E'two\nlines', HINT = 'do',
		DETAIL = 'payload',
		ERRCODE = current_setting('jobq.t')::json->>'state'; END $$
	END
	while read -r state class; do
		echo "claim {\"state\":\"$state\"}"
	done >requests <<-'END'
	08006 again
	40001 again
	40P01 again
	53300 again
	55P03 again
	57014 again
	22023 invalid
	23505 invalid
	54000 invalid
	P0001 invalid
	42501 config
	28000 config
	3D000 config
	0A000 unsupported
	55000 io
	XX000 io
	END
	run_apart timeout 60 storecall "$JOBQ_URL" <requests
	same 'again again again again again again invalid invalid invalid invalid config config config unsupported io io' \
		"$(cut -d: -f1 <<<"$stderr" | tr '\n' ' ' | sed 's/ $//')"
	has "$stderr" "/jobs?host=$SERVER' (schema $schema): two lines: do (SQLSTATE 40P01)" \
		'(SQLSTATE 42501, statement 2 of claim.sql)'
	lacks "$stderr" payload
	same 16 "${#stderr_lines[@]}"
	# Each was taken back at once: nobody is in a transaction.
	same 0 "$(sql "SELECT count(*) FROM pg_stat_activity
		WHERE application_name = 'jobq' AND state LIKE 'idle in%'")"
}

@test "postgresql: a text that copies is refused, and does not hang" {
	text claim <<<'COPY (SELECT 1) TO STDOUT'
	printf 'claim {}\nlist {"by":"ready","limit":1}\n' >requests
	run_apart timeout 30 storecall "$JOBQ_URL" <requests
	same 2 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" mini/claim.sql 'must not copy'
}

@test "postgresql: hostile ids, queues and payloads are values" {
	local count=0 text
	for text in "'; DROP TABLE job; --" '$1' "\\'" "a\"b" ':"schema"' \
	    "E'\\\\''" '%s%n' $'\xc3\xa9' '$$' "/* */" "');" "\\u0000" "\\ud800"; do
		((count += 1))
		jq -cn --arg i "$count" --arg t "$text" '{jobs: [{id: $i,
			queue: $t, line: ("{\"id\":\"" + $i + "\",\"input\":"
				+ ($t | tojson))}]}' | sed 's/^/push /'
	done >requests
	run_apart timeout 60 storecall "$JOBQ_URL" <requests
	same '0 ' "$status $stderr"
	same "$count $count" "$(sql "SELECT count(*), count(DISTINCT queue)
		FROM $schema.job" | tr '|' ' ')"
	printf 'push {"jobs":[{"id":"\xff","line":"{"}]}\n' >requests
	run_apart timeout 60 storecall "$JOBQ_URL" <requests
	same 2 "$status"
	has "$stderr" 'invalid: ' 'SQLSTATE 22021'
	same "$count" "$(sql "SELECT count(*) FROM $schema.job")"
}

# --- versions ----------------------------------------------------------------

@test "postgresql: a store is made by who may make one, and missed by others" {
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" "no store in schema '$schema' of" \
		"/jobs?host=$SERVER'" 'jobq-admin init'
	run_apart storecall -w "$JOBQ_URL" claim <<<'{"limit":1}'
	same 2 "$status"
	same 0 "$(sql "SELECT count(*) FROM pg_namespace
		WHERE nspname = '$schema'")"
	run_apart jobq-admin init
	same 0 "$status"
	has "$stderr" 'made store'
	run_apart jobq-admin init
	same 0 "$status"
	has "$stderr" 'is there already'
	run_apart jobq-list
	same '0 ' "$status $stderr"
}

@test "postgresql: an older store is brought up to date, a newer one is refused" {
	jobq-admin init 2>/dev/null
	sql "UPDATE $schema.meta SET version = 1"
	run_apart storecall -w "$JOBQ_URL" claim <<<'{"limit":1}'
	same 2 "$status"
	has "$stderr" 'config: ' 'version 1, this one needs 2' 'jobq-admin init'
	same 1 "$(sql "SELECT version FROM $schema.meta")"
	run_apart storecall "$JOBQ_URL" claim <<<'{"limit":1}'
	same '0 ' "$status $stderr"
	same 2 "$(sql "SELECT version FROM $schema.meta")"
	sql "UPDATE $schema.meta SET version = 3"
	for mode in -r -w ''; do
		run_apart storecall $mode "$JOBQ_URL" list <<<'{"by":"all"}'
		same 2 "$status"
		has "$stderr" 'config: ' 'newer jobq (version 3, this one knows 2)'
	done
	sed -i 's/"version":2/"version":4/' mini/adapter.json
	run_apart storecall "$JOBQ_URL" list <<<'{"by":"all"}'
	same 2 "$status"
	has "$stderr" mini/init.sql 'made version 2' 'says 4'
}

@test "postgresql: an init that fails leaves nothing, and eight at once make one" {
	local i pids=()
	cp mini/init.sql good
	cat >>mini/init.sql <<<"; SELECT 1/0"
	run_apart jobq-admin init
	same 2 "$status"
	has "$stderr" mini/init.sql 'division by zero'
	same 0 "$(sql "SELECT count(*) FROM pg_namespace
		WHERE nspname = '$schema'")"
	cp good mini/init.sql
	for i in {1..8}; do
		timeout 60 storecall "$JOBQ_URL" list <<<'{"by":"all"}' \
			>/dev/null 2>>said &
		pids+=($!)
	done
	wait "${pids[@]}"
	same '' "$(<said)"
	same 1 "$(sql "SELECT count(*) FROM $schema.meta")"
}

@test "postgresql: an adapter without a version is used as it is" {
	sed -i 's/"version":2,//' mini/adapter.json
	rm mini/version.sql
	push a
	same 2 "$status"
	has "$stderr" 'SQLSTATE 42P01' 'statement 1 of push.sql' 'jobq-admin init'
	run_apart jobq-admin init
	same 0 "$status"
	push a
	same '0 a' "$status $(ids)"
}

# --- rehearsal ---------------------------------------------------------------

@test "postgresql: a rehearsal says what its steps say, and changes nothing" {
	push a
	jq -cn '{steps: [
		{verb: "push", request: ({jobs: [{id: "b", line: "{\"id\":\"b\""}]}
			| tojson)},
		{verb: "claim", request: ({limit: 2, worker: "w"} | tojson)},
		{verb: "settle", request: "{}"},
		{verb: "list", request: ({by: "all", limit: 9} | tojson)}]}' >steps
	run_apart timeout 60 storecall "$JOBQ_URL" rehearse <steps
	same '0 ' "$status $stderr"
	same '{"id":"b"}
{"step":1}
a
b
{"step":2}
{"step":3}
{"id":"a","worker":"w"}
{"id":"b","worker":"w"}
{"step":4}' "$(sed -E 's/.*"id":"(.)","attempt".*/\1/; s/^\{"id":"(.)",.*lease.*/\1/' <<<"$stdout")"
	call list '{"by":"all","limit":9}'
	same '{"id":"a","worker":null}' "$stdout"
	text settle <<<'SELECT nosuch'
	run_apart timeout 60 storecall "$JOBQ_URL" rehearse <steps
	same 2 "$status"
	has "$stderr" nosuch 'statement 1 of settle.sql'
	same '' "$stdout"
	same a "$(ids)"
}

# --- listening ---------------------------------------------------------------

channel() { # [QUEUE]
	printf 'jobq:%s' "$(printf '%s%s' "$schema" "${1+:$1}" | md5sum | cut -c1-32)"
}

# listens CHANNELS: whether a session was asked for just these.
listens() {
	local query='UNLISTEN *' channel
	for channel; do
		query+="; LISTEN \"$channel\""
	done
	[ "$(sql "SELECT count(*) FROM pg_stat_activity
		WHERE query = '$query' AND state = 'idle'")" = 1 ]
}

# put ID QUEUE: a job that nobody is told of.
put() {
	sql "INSERT INTO $schema.job VALUES ('$1', '$2', '{\"id\":\"$1\"')"
}

follow() {
	spawn timeout 60 jobq-claim --follow --interval 60 "$@" </dev/null \
		>claimed 2>said
}

has_line() {
	grep -q "\"id\":\"$2\"" "$1"
}

# bats test_tags=smoke
@test "postgresql: a NOTIFY wakes who waits for jobs of all queues" {
	jobq-admin init 2>/dev/null
	follow
	wait_until 10 listens "$(channel)"
	put a q
	sql "NOTIFY \"$(channel)\""
	wait_until 5 has_line claimed a
	same '' "$(<said)"
}

@test "postgresql: who waits for some queues hears of these alone" {
	jobq-admin init 2>/dev/null
	follow --queue mail --queue 'a"b'
	wait_until 10 listens "$(channel mail)" "$(channel 'a"b')"
	put a mail
	sql "NOTIFY \"$(channel)\""
	sql "NOTIFY \"$(channel other)\""
	not wait_until 1 has_line claimed a
	sql "NOTIFY \"$(channel 'a"b')\""
	wait_until 5 has_line claimed a
}

@test "postgresql: a listener that was ended comes back by itself" {
	local query
	jobq-admin init 2>/dev/null
	follow
	wait_until 10 listens "$(channel)"
	query="SELECT pid FROM pg_stat_activity
		WHERE query LIKE '%LISTEN \"$(channel)\"' AND state = 'idle'"
	pid=$(sql "$query")
	sql "SELECT pg_terminate_backend($pid)" >/dev/null
	wait_until 15 eval "[ \"\$(sql \"\$query\")\" -ne $pid ]"
	put a q
	sql "NOTIFY \"$(channel)\""
	wait_until 5 has_line claimed a
	same '' "$(<said)"
}

@test "postgresql: a server that was stopped at once is listened to again" {
	jobq-admin init 2>/dev/null
	follow
	wait_until 10 listens "$(channel)"
	# This one does not wait for its disk.
	sql CHECKPOINT
	timeout 60 "$TOP/tests/support/pg" kill "$SERVER" 3>&- 4>&-
	PG_FAST=1 timeout 90 "$TOP/tests/support/pg" start "$SERVER" jobs \
		3>&- 4>&-
	wait_until 20 listens "$(channel)"
	put a q
	sql "NOTIFY \"$(channel)\""
	wait_until 5 has_line claimed a
	lacks "$(<said)" s3cr3t
}

@test "postgresql: without a listener jobs are found by polling" {
	jobq-admin init 2>/dev/null
	JOBQ_URL=$(url listen=0)
	spawn timeout 60 jobq-claim --follow --interval 0.2 </dev/null \
		>claimed 2>said
	put a q
	wait_until 10 has_line claimed a
	same 1 "$(sql "SELECT count(*) FROM pg_stat_activity
		WHERE application_name = 'jobq' AND query LIKE '%\"$schema\"%'")"
	not listens "$(channel)"
}

# --- beside ------------------------------------------------------------------

@test "postgresql: a pooler by transactions works" {
	PATH=$PATH:/usr/sbin type -P pgbouncer >/dev/null ||
		skip 'PgBouncer is not installed'
	timeout 60 "$TOP/tests/support/pg" bouncer "$SERVER" 3>&- 4>&-
	JOBQ_URL="postgresql://$(id -un)@/jobs?host=$SERVER/bouncer&port=6432"
	JOBQ_URL+="&listen=0&adapter=$PWD/mini&schema=$schema"
	push a b
	same '0 a b' "$status $(ids)"
	push c a
	same 2 "$status"
	has "$stderr" 'invalid: ' 'SQLSTATE 23505'
	call claim '{"limit":1,"worker":"w"}'
	has "$stdout" '"worker":"w"'
	timeout 60 "$TOP/tests/support/pg" bouncer-stop "$SERVER"
}

@test "postgresql: --version names the library" {
	run_apart jobq-claim --version
	[[ $stdout =~ 'driver postgresql: libpq '[0-9]+\.[0-9]+ ]]
}
