#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# The adapter cape, over the table of issues of a worker that was there before:
# each test has that table in a schema of its own, of one server.

load "${BATS_TEST_DIRNAME%/support}/support/store"

store_kind() { echo postgresql; }

setup() {
	store_setup
	export PGHOST=$store_server_dir PGDATABASE=jobq
	export PGOPTIONS="-c search_path=t$BATS_TEST_NUMBER"
	base='postgresql://?adapter=cape'
	export JOBQ_URL=$base
	sql "CREATE SCHEMA t$BATS_TEST_NUMBER"
}

# sql TEXT...: runs them and prints what they answer.
sql() {
	local text each=()
	for text; do
		each+=(-c "$text")
	done
	psql -XqAt -v ON_ERROR_STOP=1 "${each[@]}"
}

# The table as it is documented where it comes from.
seed_table() {
	sql "CREATE TABLE cape_issues (
	    id SERIAL PRIMARY KEY,
	    description TEXT NOT NULL,
	    status VARCHAR(20) NOT NULL DEFAULT 'pending',
	    assigned_worker_id VARCHAR(100),
	    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
	    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
	    started_at TIMESTAMP,
	    completed_at TIMESTAMP
	)"
}

issues() { # COUNT: both tables, with so many issues in the first
	seed_table
	jobq-admin init
	sql "INSERT INTO cape_issues (description)
		SELECT 'issue ' || g FROM generate_series(1, $1) g"
}

rows() { # [COLUMNS [WHERE]]: the rows, in order, each a line
	sql "SELECT ${1:-id, status} FROM cape_issues ${2:+WHERE $2}
		ORDER BY id"
}

# age SECONDS [WHERE]: as if that had passed since the issues were touched.
age() {
	sql "UPDATE cape_issues SET
		started_at = started_at - interval '$1 s',
		updated_at = updated_at - interval '$1 s',
		created_at = created_at - interval '$1 s'
		WHERE ${2:-true}"
}

# Settles events of the lease that the latest $answers have.
settle() { # EVENTS, as of the suite, less id, epoch and worker
	local lease
	lease=$(jq -c 'select(.lease) | {id, epoch: .lease.epoch,
		worker: .lease.worker}' <<<"${claimed:-$answers}" | tail -n 1)
	store "settle($1 | map($lease + .))"
}

# --- the tables --------------------------------------------------------------

columns='SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
	pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = to_regclass($$cape_issues$$) AND a.attnum > 0
	ORDER BY a.attnum'
whole="SELECT relfilenode, xmin, relhastriggers, relhasindex, (SELECT
	count(*) FROM pg_index i WHERE i.indrelid = c.oid) FROM pg_class c
	WHERE oid = to_regclass('cape_issues')"

# bats test_tags=smoke
@test "cape: init makes the table as it is documented" {
	local made
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" cape_issues 'jobq-admin init'
	jobq-admin init
	made=$(sql "$columns")
	sql 'DROP TABLE cape_issues'
	seed_table
	same "$(sql "$columns")" "$made"
	same 8 "$(wc -l <<<"$made")"
}

@test "cape: init never changes a table that is there" {
	local before
	seed_table
	sql 'ALTER TABLE cape_issues ADD COLUMN ours NUMERIC' \
		"INSERT INTO cape_issues (description) VALUES ('x')"
	before=$(sql "$columns" "$whole" 'SELECT xmin, * FROM cape_issues')
	jobq-admin init
	jobq-admin init
	same "$before" "$(sql "$columns" "$whole" \
		'SELECT xmin, * FROM cape_issues')"
	same 0 "$(sql 'SELECT count(*) FROM cape_issues_attempt')"
}

@test "cape: two that run init at once both succeed" {
	local i pids=()
	for i in 1 2 3; do
		jobq-admin init 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same 0 "$(sql 'SELECT count(*) FROM cape_issues')"
}

# bats test_tags=smoke
@test "cape: where no table can be made init says so and all else works" {
	local schema=t$BATS_TEST_NUMBER
	seed_table
	sql "INSERT INTO cape_issues (description) VALUES ('a'), ('b')" \
		"CREATE ROLE $schema LOGIN" "GRANT USAGE ON SCHEMA $schema
		TO $schema" "GRANT SELECT, UPDATE ON cape_issues TO $schema"
	export PGUSER=$schema
	run_apart jobq-admin init
	same 0 "$status"
	has "$stderr" cape_issues_attempt 'permission denied' 'after 60 s'
	jobq-doctor >doctor || true
	has "$(grep '"check":"attempts"' doctor)" '"ok":true' \
		'waits 60 s' 'jobq-admin init'

	store 'claim({limit: 2})'
	claimed=$answers
	settle '[{event: "failed", n: 1, error: "e"}]'
	answered '.[0].settled == true and .[0].state == "pending"
		and ((.[0].run_at | ms) / 1000 - now | . > 50 and . < 61)'
	# Nothing is kept of it but the wait.
	settle '[{event: "failed", n: 1}]'
	answered '.[0].settled == "stale"'
	store 'claim({limit: 2})'
	answered 'length == 1 and (.[0].next_in | . > 40 and . <= 60)
		and .[0].unfinished == 2'
	age 61 "status = 'pending'"
	store 'claim({limit: 2})'
	answered 'map(.id // empty) == ["2"]'
	claimed=$answers
	settle '[{event: "released", n: 2}]'
	answered '.[0].settled == true'
	store 'claim({})'
	answered 'map(.id // empty) == ["2"] and .[0].attempt == 1'
}

# --- claims ------------------------------------------------------------------

# bats test_tags=smoke
@test "cape: a claim starts the first issue, and its row is the input" {
	issues 3
	store 'claim({worker: "alleycat-1", lease: 3660})'
	answered 'length == 1 and (.[0] | .id == "1" and .name == "cape"
		and .queue == "default" and .attempt == 1 and .state == "running"
		and .input.description == "issue 1" and .input.id == 1
		and .input.status == "started"
		and .input.assigned_worker_id == "alleycat-1"
		and .lease.worker == "alleycat-1"
		and (.lease | has("seconds") | not))'
	same "started|alleycat-1|$(jq .lease.epoch <<<"$answers")||t" \
		"$(rows "status, assigned_worker_id, (extract(epoch FROM
			started_at) * 1000000)::bigint, completed_at,
			updated_at > created_at" 'id = 1')"
	store 'claim({limit: 5, ring: true})'
	answered 'map(.id // .event) == ["2", "3", "idle"] and .[0].lease.ring
		and .[2].unfinished == 3 and (.[2] | has("next_in") | not)'
}

# bats test_tags=smoke
@test "cape: whatever a description holds arrives as it is" {
	seed_table
	local i texts=("- a bullet" "it's \"quoted\" \\ 'n'" $'two\nlines\r\n\t\x01\x1f\x7f'
		"'); DROP TABLE cape_issues; --" '$1 {id} {{id}} %s $(id) `id`'
		'é漢字🎉‮' '{"event":"stop","id":"1"}' ':"failed" :'"'heartbeat'"
		'' "$(printf '\x01%.0s' {1..5000})")
	for i in "${texts[@]}"; do
		psql -Xq -v text="$i" <<<'INSERT INTO cape_issues (description)
			VALUES (:'"'text'"')'
	done
	jobq-claim -n 20 --worker "w'\"\\ é" >claimed
	same "${#texts[@]}" "$(wc -l <claimed)"
	for i in "${!texts[@]}"; do
		same "${texts[i]}x" "$(jq -rs ".[$i].input.description + \"x\"" claimed)"
	done
	jobq-run -j 4 -- sh -c 'cat >in.{id}' <claimed | jobq-report >settled
	same "${#texts[@]}" "$(grep -c '"event":"completed".*"settled":true' settled)"
	same "$(printf 'completed\n%.0s' "${texts[@]}")" "$(rows status)"
	same "${texts[1]}" "$(jq -r .description in.2)"
}

@test "cape: columns of the site's own are in the input, whatever their names" {
	seed_table
	sql 'ALTER TABLE cape_issues ADD state JSON, ADD attempts NUMERIC,
		ADD place TEXT, ADD issue TEXT, ADD made TEXT, ADD line TEXT,
		ADD wait_seconds TEXT, ADD epoch TEXT, ADD worker TEXT'
	jobq-admin init
	sql "INSERT INTO cape_issues (description, state, attempts) VALUES ('x',
		E'{\"n\": [1e400,\n 1.10],\r\n \"z\":\"\\\\u0000\"}', 'NaN')"
	store 'claim({}), list({}), call("stats"; {})'
	same '{"n": [1e400,  1.10],   "z":"\u0000"}' "$(sed -n \
		's/.*"state":\({"n".*}\),"attempts":"NaN",.*/\1/p;q' \
		<<<"$answers")"
	claimed=$(head -n 1 <<<"$answers")
	settle '[{event: "failed", n: 1}]'
	answered '.[0].settled == true'
	store 'call("retry"; {ids: ["1"]}), claim({})'
	answered '.[1].attempt == 1'
}

@test "cape: times that are missing, or no times of a calendar, do no harm" {
	issues 4
	sql "UPDATE cape_issues SET created_at = NULL, updated_at = NULL" \
		"UPDATE cape_issues SET created_at = 'infinity',
			updated_at = '-infinity' WHERE id = 2" \
		"UPDATE cape_issues SET created_at = '44444-01-01',
			updated_at = '0001-01-01 BC' WHERE id = 3" \
		"UPDATE cape_issues SET status = 'started',
			started_at = 'infinity', assigned_worker_id = 'w1',
			updated_at = '290000-01-01' WHERE id = 4" \
		"UPDATE cape_issues SET completed_at = 'infinity'"
	store 'claim({limit: 9, held: [["4", 1]]}), list({}),
		call("stats"; {}), call("check"; {})'
	answered '(.[:5] | map(.event // .id)) == ["stop", "1", "2", "3", "idle"]
		and all(.[1:4][]; .run_at | ms > 0)'
	same '' "$said"
	claimed=$(sed -n 2p <<<"$answers")
	settle '[{event: "failed", n: 1}, {event: "completed", id: "4", n: 1}]'
	answered 'map(.settled) == [true, "stale"]'
	store 'claim({}), list({})'
	answered '.[0].next_in > 10 and all(.[1:][]; .run_at | ms > 0)'
}

@test "cape: the doctor proposes an index where one would help" {
	issues 0
	sql "INSERT INTO cape_issues (description, status)
		SELECT '', 'completed' FROM generate_series(1, 60000)" \
		'ANALYZE cape_issues'
	jobq-doctor >doctor || true
	has "$(grep '"check":"index"' doctor)" '60000 rows' 'CREATE INDEX'
	sql "CREATE INDEX ON cape_issues (id) WHERE status = 'pending'"
	jobq-doctor >doctor || true
	lacks "$(<doctor)" '"check":"index"'
}

@test "cape: the doctor works on an issue, and takes it back" {
	local before
	issues 2
	before=$(sql 'SELECT xmin, * FROM cape_issues ORDER BY id')
	jobq-doctor >doctor || true
	has "$(grep '"check":"rehearsal"' doctor)" '"ok":true' 'taken back'
	same "$before" "$(sql 'SELECT xmin, * FROM cape_issues ORDER BY id')"
	same 0 "$(sql 'SELECT count(*) FROM cape_issues_attempt')"
}

@test "cape: an issue too long for a line is passed over, and the doctor says so" {
	seed_table
	sql "INSERT INTO cape_issues (description) VALUES
		(repeat('x', 2000000)), (repeat(chr(1), 350000)),
		(repeat('x', 1600000)), ('short')"
	store 'claim({limit: 9})'
	answered 'map(.id // .event) == ["3", "4", "idle"]
		and (.[0].input.description | length) == 1600000'
	store 'list({ids: ["1", "2"], by: "ids"})'
	answered 'map([.id, .input]) == [["1", null], ["2", null]]'
	jobq-doctor >doctor || true
	has "$(grep '"check":"length"' doctor)" '"ok":false' '2 pending'
}

@test "cape: an answer is at most some 4 MiB, and what is left out stays" {
	seed_table
	sql "INSERT INTO cape_issues (description)
		SELECT repeat('x', 900000) FROM generate_series(1, 7)"
	store 'claim({limit: 9})'
	answered 'map(.id) == ["1", "2", "3", "4"]'
	same 'pending' "$(rows status 'id = 5')"
	store 'list({})'
	answered '.[-1].event == "page" and length == 5'
	store "list({after: $(tail -n 1 <<<"$answers" | jq .after)}),
		claim({limit: 9})"
	answered 'map(.id // .event)
		== ["5", "6", "7", "5", "6", "7", "idle"]'
}

@test "cape: of many claimers no two get the same issue" {
	local i pids=()
	issues 60
	for i in 1 2 3; do
		jq -nr -L "$TOP/tests/support" "include \"requests\";
			range(5) | claim({worker: \"w$i\", limit: 4})" >"r$i"
		storecall "$JOBQ_URL" <"r$i" >"out$i" 3>&- 4>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same 60 "$(cat out? | jq -r 'select(.lease).id' | sort -u | wc -l)"
	same 60 "$(cat out? | jq -r 'select(.lease).id' | wc -l)"
}

@test "cape: a row that another session has locked is passed over" {
	issues 2
	lock() {
		printf '%s\n' 'BEGIN;' 'SELECT id FROM cape_issues WHERE id = 1
			FOR UPDATE;' '\! touch locked; cat hold' 'COMMIT;' |
			psql -Xq >/dev/null
	}
	mkfifo hold
	spawn lock
	wait_until 20 test -e locked
	store 'claim({limit: 2})'
	answered 'map(.id // .event) == ["2", "idle"]'
	: >hold
	wait_until 20 claims 1
}

@test "cape: a claim by ids takes those that can start, and no others" {
	issues 4
	store 'claim({ids: ["3"]}),
		claim({limit: 9, ids: ["3", "x", "02", "-1", "99999999999999999999",
			"2", "2"]}), claim({limit: 9, ids: []}),
		claim({limit: 9, queues: ["q"]}), claim({limit: 9, flow: "f"}),
		claim({limit: 0}), claim({limit: 9, queues: ["q", "default"]})'
	answered 'map(select(.lease).id) == ["3", "2", "1", "4"]'
	run_apart jobq-claim <<<4
	same '1 ' "$status $stdout"
}

@test "cape: a name that the column cannot hold is refused, and nothing taken" {
	local long
	issues 1
	long=$(printf 'é%.0s' {1..101})
	run_apart jobq-claim -n 1 --worker "$long"
	same '2 ' "$status $stdout"
	has "$stderr" '101 characters' '100' --worker
	run_apart timeout 20 jobq-work --until-empty --worker "$long" -- true
	same 2 "$status"
	store "claim({worker: \"$long\"})"
	has "$said" 'invalid: '
	same '1|pending|' "$(rows 'id, status, assigned_worker_id')"
	jobq-claim -n 1 --worker "${long%é}" >claimed
	same "${long%é}" "$(rows assigned_worker_id)"
}

# --- endings -----------------------------------------------------------------

# bats test_tags=smoke
@test "cape: an ending counts once, and only from the lease that holds the issue" {
	issues 1
	store 'claim({})'
	claimed=$answers
	settle '[{event: "completed", n: 3, epoch: 7},
		{event: "completed", n: 3, worker: "w2"},
		{event: "completed", n: 3, id: "2"},
		{event: "completed", n: 3, id: "a"},
		{event: "completed", n: 3, epoch: null},
		{event: "started", n: 1}, {event: "output", n: 2, text: "x"},
		{event: "progress", n: 3, percent: 1},
		{event: "completed", n: 4, output: 1.10},
		{event: "completed", n: 4}, {event: "failed", n: 5}]'
	answered 'map(.settled) == ["stale", "stale", "unknown", "unknown",
		"unknown", true, "unsupported", "unsupported", true, true, "stale"]
		and map(.state) == [null, null, null, null, null, null, null, null,
		"completed", null, null]'
	same 'completed|w1|t|t' "$(rows "status, assigned_worker_id,
		completed_at >= started_at, completed_at = updated_at")"
	settle '[{event: "completed", n: 4}, {event: "failed", n: 4},
		{event: "released", n: 4}, {event: "output", n: 2},
		{event: "completed", n: 4, epoch: 7}]'
	answered 'map(.settled)
		== [true, "stale", "stale", "unsupported", "stale"]'
}

# bats test_tags=smoke
@test "cape: what failed waits longer each time, and its attempts are counted" {
	local attempt least=13 most=17
	issues 1
	for attempt in 1 2 3 4; do
		store 'claim({})'
		answered ".[0].attempt == $attempt"
		claimed=$answers
		settle '[{event: "failed", n: 1, error: "no \"luck\""}]'
		answered ".[0].settled == true and .[0].state == \"pending\"
			and ((.[0].run_at | ms) / 1000 - now
			| . > $least - 2 and . < $most)"
		same 'pending||' "$(rows 'status, assigned_worker_id, started_at')"
		settle '[{event: "failed", n: 1}, {event: "completed", n: 2}]'
		answered 'map(.settled) == [true, "stale"]'
		store 'claim({}), list({})'
		answered ".[0].next_in > 0 and .[0].next_in < $most
			and .[1].attempt == $attempt
			and .[1].ended.error == \"no \\\"luck\\\"\""
		age $most
		least=$((least * 2)) most=$((most * 2))
	done
	store 'claim({})'
	claimed=$answers
	settle '[{event: "failed", n: 1}]'
	answered '.[0].state == "pending"
		and ((.[0].run_at | ms) / 1000 - now | . > 3590 and . < 3602)'
	age 3601
	store 'claim({})'
	answered '.[0].attempt == 6'
	claimed=$answers
	settle '[{event: "completed", n: 1}]'
	same 0 "$(sql 'SELECT count(*) FROM cape_issues_attempt')"
}

@test "cape: failed=NAME is the status of what is used up, or fails for good" {
	issues 4
	export JOBQ_URL="$base&failed=given_up"
	sql "INSERT INTO cape_issues_attempt VALUES (1, 4, 0, NULL, 'failed', 1,
		'w')"
	store 'claim({limit: 4})'
	store "$(jq -rs '"settle([{event: \"failed\", id: \"1\", n: 1},
		{event: \"failed\", id: \"2\", n: 1, retry: false},
		{event: \"cancelled\", id: \"3\", n: 1, reason: \"x\"},
		{event: \"failed\", id: \"4\", n: 1}] | [., \([.[] | select(.lease)
			.lease.epoch])] | transpose
		| map(.[0] + {epoch: .[1]}))"' <<<"$answers")"
	answered 'map(.state) == ["failed", "failed", "failed", "pending"]
		and all(.settled)'
	same $'1|given_up|w1\n2|given_up|w1\n3|given_up|w1\n4|pending|' \
		"$(rows 'id, status, assigned_worker_id')"
	same $'1\n2\n3' "$(jobq-list --state failed | jq -r .id)"
	store 'call("stats"; {})'
	answered '.[0] | .failed == 3 and .scheduled == 1 and .ready == 0'

	jobq-list --state failed | jobq-retry
	store 'claim({limit: 4})'
	answered 'map(.id // empty) == ["1", "2", "3"] and .[0].attempt == 1'
}

@test "cape: a status that the column cannot hold is refused at once" {
	local name
	issues 1
	for name in pending started completed a23456789012345678901; do
		JOBQ_URL="$base&failed=$name" run_apart jobq-claim -n 1
		same '2 ' "$status $stdout"
		has "$stderr" "failed=$name"
	done
	JOBQ_URL="$base&heartbeat=yes" run_apart jobq-claim -n 1
	same '2 ' "$status $stdout"
	has "$stderr" 'heartbeat=yes'
	same '1|pending' "$(rows)"
}

@test "cape: what is released is due at once, what is snoozed later" {
	issues 2
	store 'claim({})'
	claimed=$answers
	settle '[{event: "released", n: 1, reason: "shutdown"}]'
	answered '.[0].settled == true and .[0].state == "pending"'
	store 'claim({})'
	answered '.[0].id == "1" and .[0].attempt == 1'
	claimed=$answers
	settle '[{event: "snoozed", n: 1, retry_after_ms: 5000}]'
	answered '(.[0].run_at | ms) / 1000 - now | . > 3 and . < 6'
	store 'claim({limit: 2})'
	answered '.[0].id == "2" and .[1].next_in <= 5'
	store 'call("retry"; {ids: ["1", "2", "7"]}), claim({})'
	answered '(.[:3] | map([.was, .done])) == [["pending", true],
		["running", false], ["unknown", false]]
		and .[3].id == "1" and .[3].attempt == 1'
}

# --- leases ------------------------------------------------------------------

# bats test_tags=smoke
@test "cape: whoever has an issue for longer than 3660 s loses it" {
	issues 3
	sql "UPDATE cape_issues SET status = 'started', started_at = now()
		- interval '3600 s', assigned_worker_id = 'theirs' WHERE id < 3"
	store 'claim({limit: 9, lease: 1})'
	answered 'map(.id // .event) == ["3", "idle"]'
	sql "UPDATE cape_issues SET started_at = now() - interval '3670 s'
		WHERE id = 2"
	store 'claim({limit: 9, lease: 4000})'
	answered 'map(.id // .event) == ["idle"]'
	store 'claim({limit: 9, lease: 1, worker: "w2"})'
	answered 'map(.id // .event) == ["2", "idle"]'
	same $'theirs\nw2\nw1' "$(rows assigned_worker_id)"
}

@test "cape: a worker that lost its issue is told so, and changes nothing" {
	local held
	issues 1
	store 'claim({})'
	claimed=$answers
	held=$(jq -c '[.id, .lease.epoch]' <<<"$answers")
	# A claim has nothing to renew, and need not go on asking.
	settle "[{event: \"alive\", waiting: true, jobs: [$held]}]"
	answered ".[0] | .lost == [] and .started == [$held]"
	age 3700
	store 'claim({worker: "w2"})'
	answered '.[0].id == "1"'
	settle '[{event: "completed", n: 1}, {event: "output", n: 2}]'
	answered 'map(.settled) == ["stale", "stale"]'
	settle "[{event: \"alive\", n: 1, jobs: [$held, [\"9\", 1]]}]"
	answered ".[0].lost == [$held, [\"9\", 1]]"
	store "claim({limit: 0, held: [$held]})"
	answered ".[0] == {event: \"stop\", id: \"1\", epoch: ($held | .[1]),
		reason: \"lost\"}"
	same 'started|w2' "$(rows 'status, assigned_worker_id')"
}

@test "cape: with heartbeat=1 leases are renewed, and lapse by updated_at" {
	local held
	issues 2
	export JOBQ_URL="$base&heartbeat=1"
	store 'claim({lease: 60})'
	answered '.[0].lease.seconds == 60'
	# It was started long ago, which does not matter while it is renewed.
	age 100
	claimed=$(jq ".lease.epoch -= 100000000" <<<"$answers")
	held=$(jq -c '[.id, .lease.epoch]' <<<"$claimed")
	sql "UPDATE cape_issues SET updated_at = now() - interval '50 s'"
	settle "[{event: \"alive\", n: 1, jobs: [$held, [\"2\", 1]]}]"
	answered '.[0].lost == [["2", 1]] and .[0].n == 1'
	settle "[{event: \"alive\", waiting: true, jobs: [$held]}]"
	answered '.[0] | .lost == [] and .started == []'
	same t "$(rows "updated_at > now() - interval '20 s'" 'id = 1')"
	store "claim({limit: 0, lease: 60, held: [$held]})"
	answered 'all(.event != "stop")'
	sql "UPDATE cape_issues SET updated_at = now() - interval '70 s'
		WHERE id = 1"
	store 'claim({limit: 2, lease: 60, worker: "w2"})'
	answered 'map(.id // .event) == ["1", "2"]'
	settle '[{event: "completed", n: 1}]'
	answered '.[0].settled == "stale"'
	has "$(jobq-doctor 2>/dev/null | grep 'leases of')" \
		'leases of 60 s are renewed'
	JOBQ_URL=$base jobq-doctor >doctor 2>/dev/null || true
	has "$(<doctor)" 'leases are not renewed' 'cannot do renew: '
}

# Local times jump when the clocks change: a zone whose hour was left out
# five minutes ago makes what was started before look an hour older.
@test "cape: a change of the clocks takes no issue from its worker" {
	local zone
	day() { echo $((10#$(date -u -d "$1" +%j) - 1)); }
	zone="AAA0BBB,$(day '5 minutes ago')/$(date -u -d '5 minutes ago' +%T)"
	zone+=",$(day '60 days')/3"
	PGOPTIONS+=" -c timezone=$zone"
	issues 2
	same 01:00:00 "$(sql 'SELECT localtimestamp(0) - now()::timestamptz(0)
		AT TIME ZONE $$UTC$$')"
	sql "UPDATE cape_issues SET status = 'started', assigned_worker_id = 'x',
		started_at = (now() - interval '10 minutes')::timestamp
		WHERE id = 1"
	same t "$(rows "localtimestamp - started_at > interval '3660 s'" 'id = 1')"
	store 'claim({limit: 2})'
	answered 'map(.id // .event) == ["2", "idle"]
		and ((.[0].run_at | ms) / 1000 - now | . > -60 and . < 5)'
	sql "UPDATE cape_issues SET
		started_at = (now() - interval '62 minutes')::timestamp
		WHERE id = 1"
	store 'claim({limit: 2})'
	answered '.[0].id == "1"'
	claimed=$answers
	settle '[{event: "failed", n: 1, retry_after_ms: 9000}]'
	answered '(.[0].run_at | ms) / 1000 - now | . > 5 and . < 10'
	store 'claim({}), list({ids: ["1"], by: "ids"})'
	answered '(.[0].next_in | . > 3 and . <= 9)
		and ((.[1].run_at | ms) / 1000 - now | . > 3 and . < 10)'
}

# --- lists -------------------------------------------------------------------

@test "cape: issues are listed by what they are, in pages" {
	issues 6
	sql "UPDATE cape_issues SET status = 'on hold' WHERE id = 6" \
		"INSERT INTO cape_issues (id, description) VALUES (-5, 'x')"
	store 'claim({limit: 3})'
	store "$(jq -rs 'map(select(.lease)) | "settle([{event: \"completed\",
		id: \"1\", n: 1, epoch: \(.[0].lease.epoch)}, {event: \"failed\",
		id: \"2\", n: 1, epoch: \(.[1].lease.epoch)}])"' <<<"$answers")"
	store 'list({}), list({state: "running"}), list({by: "ready"}),
		list({by: "running"}), list({state: "cancelled"}),
		list({by: "tail", tail: "6"}), list({queues: ["q"]}),
		list({name: "cape", state: "completed"}), list({flow: "f"}),
		list({by: "ids", ids: ["4", "2", "x"]}), list({key: "k"}),
		list({older_ms: 3600000}), list({stuck_ms: 3600000}),
		list({limit: 2, after: 4})'
	answered 'map(.id // .event) == ["1", "2", "3", "4", "5", "6", "3",
		"4", "5", "3", "6", "6", "1", "2", "4", "5", "6", "page"]'
	answered '(.[:6] | map(.state)) == ["completed", "pending", "running",
		"pending", "pending", "cancelled"]
		and .[2].held.worker == "w1" and .[2].held.age < 60
		and .[1].attempt == 1 and .[5].ended.reason == "on hold"
		and (.[0].ended.at | ms) / 1000 - now < 2'
	store 'call("stats"; {}), call("stats"; {queues: ["q"]})'
	answered 'map(del(.oldest_ready)) == [{queue: "default", blocked: 0,
		scheduled: 1, ready: 2, running: 1, completed: 1, cancelled: 1,
		failed: 0}]'
}

@test "cape: what the table has no place for is refused by name" {
	local verb
	issues 1
	for verb in push cancel events reap prune pause resume; do
		refuses "call(\"$verb\"; {})" "the verb '$verb'"
	done
	same '1|pending' "$(rows)"
}

# --- through the commands ----------------------------------------------------

# bats test_tags=smoke
@test "cape: jobq-work runs issues, and what fails goes back" {
	issues 8
	run_apart timeout 60 jobq-work --until-empty --max-jobs 8 -j 2 \
		--worker alleycat-1 --interval 0.2 -- sh -c \
		'echo {id} >>effects; echo out; [ {id} != 5 ]'
	same 0 "$status"
	same "$(seq 8)" "$(sort -n effects)"
	same "$(printf '%s|completed|alleycat-1\n' 1 2 3 4)
5|pending|
$(printf '%s|completed|alleycat-1\n' 6 7 8)" \
		"$(rows 'id, status, assigned_worker_id')"
	same '5|1|exit status 1' "$(sql 'SELECT issue_id, attempts, last_error
		FROM cape_issues_attempt')"
}

# Both kinds of workers take from one table, and some of each are killed. What
# those had is theirs until the lease is over, which the test makes come soon.
# bats test_tags=smoke
@test "cape: beside workers of the other kind no issue is run twice or lost" {
	local count=60 i dead=() killed
	[ -z "${JOBQ_TEST_FULL-}" ] || count=500
	issues "$count"
	mkdir held
	cat >handler <<-'END'
	#!/bin/bash
	exec 9>"held/$1"
	flock -n 9 || echo "overlap $1" >>effects
	sleep 0.1
	echo "done $1" >>effects
	END
	chmod +x handler
	for i in 1 2; do
		spawn "$TOP/tests/support/cape-original" "old-$i" ./handler
	done
	for i in 1 2 3 4; do
		spawn jobq-work -j 2 --worker "new-$i" --interval 0.2 \
			-- ./handler '{id}'
	done
	all_done() {
		local gone=${dead[*]}
		[ -z "$gone" ] || age 3700 "status = 'started'
			AND assigned_worker_id IN ('${gone// /\',\'}')"
		[ "$(rows 'count(*)' "status <> 'completed'" | head -n 1)" = 0 ]
	}
	rows() { sql "SELECT $1 FROM cape_issues WHERE $2"; }
	some() { [ "$(grep -c '^done' effects)" -ge "$1" ]; }
	# One of each at a time, in the middle of an issue, and new ones come.
	for i in 1 2; do
		wait_until 60 some $((count * i / 4))
		killed=("${spawned[0]}" "${spawned[2]}")
		spawned=("${spawned[1]}" "${spawned[@]:3}")
		mapfile -t pids < <(for pid in "${killed[@]}"; do tree "$pid"; done)
		kill -KILL "${killed[@]}" "${pids[@]}" 2>/dev/null || true
		for pid in "${pids[@]}"; do
			wait_until 20 gone "$pid"
		done
		dead+=("old-$i" "new-$i")
		spawn "$TOP/tests/support/cape-original" "old-$((i + 2))" ./handler
		spawned=("$spawned_pid" "${spawned[@]:0:${#spawned[@]}-1}")
		spawned=("${spawned[1]}" "${spawned[0]}" "${spawned[@]:2}")
		spawn jobq-work -j 2 --worker "new-$((i + 4))" \
			--interval 0.2 -- ./handler '{id}'
	done
	wait_until 90 all_done
	not grep overlap effects
	same "$(seq "$count")" "$(grep '^done' effects | cut -d' ' -f2 | sort -nu)"
	# A killed one had two issues at most, and one of the other kind one.
	(($(grep -c '^done' effects) <= count + 6))
	same 0 "$(rows 'count(*)' 'completed_at IS NULL')"
	# Both kinds had their share.
	same t "$(sql "SELECT count(DISTINCT left(assigned_worker_id, 3)) = 2
		FROM cape_issues")"
}
