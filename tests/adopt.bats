#!/usr/bin/env bats
# A table that exists becomes a store: jobq-admin adopt, and what it writes.
# bats file_tags=server

load support/common

# One server for the file, a database for each test.
setup_file() {
	local dir=$BATS_RUN_TMPDIR
	export PG_DIR PG_MISSING
	if ! PG_MISSING=$("$TOP/tests/support/pg" where 2>&1 >/dev/null); then
		return
	fi
	chmod go+x "$dir"
	PG_DIR=$(mktemp -d "$dir/adopt.XXXXXX")
	timeout 90 "$TOP/tests/support/pg" start "$PG_DIR" template 3>&- 4>&-
}

teardown_file() {
	[ -n "$PG_DIR" ] || return 0
	timeout 60 "$TOP/tests/support/pg" stop "$PG_DIR" immediate
	rm -rf "$PG_DIR"
}

setup() {
	common_setup
	export PGHOST=$PG_DIR PGDATABASE=d$BATS_TEST_NUMBER
	export JOBQ_URL='postgresql://?adapter=./adapters/emails'
}

# sql [QUERY]: or what is on standard input.
sql() {
	timeout 30 psql -XqAt -v ON_ERROR_STOP=1 ${1+-c "$1"}
}

database() {
	[ -z "$PG_MISSING" ] || skip "$PG_MISSING"
	timeout 30 psql -Xq -d template -c "CREATE DATABASE $PGDATABASE"
}

# emails [COLUMNS]: a database with a table of twenty emails, with columns of
# its own between the ones that all have.
emails() {
	database
	sql "CREATE TABLE emails (id serial PRIMARY KEY,
			recipient text NOT NULL, ${1:+$1,}
			status text NOT NULL DEFAULT 'new');
		INSERT INTO emails (recipient)
		SELECT 'u' || i || '@example.org' FROM generate_series(1, 20) i"
}

# adopt [OPTION...]: the table of the examples.
adopt() {
	jobq-admin -q adopt --table emails --id id --state status \
		--pending new --running sending --completed sent \
		--failed error "$@"
}

statuses() {
	sql 'SELECT status, count(*) FROM emails GROUP BY 1 ORDER BY 1'
}

status_is() { # ID STATUS
	[ "$(sql "SELECT status FROM emails WHERE id = $1")" = "$2" ]
}

# index: makes those that the README of the adapter speaks of.
index() {
	sed -n '/CREATE INDEX/,/;/p' adapters/emails/README | sql
}

# finding CHECK: of the findings in $stdout, its "ok" and its text.
finding() {
	jq -r --arg check "$1" 'select(.check == $check) | "\(.ok) \(.text)"' \
		<<<"$stdout"
}

attempts='tries integer NOT NULL DEFAULT 0, error text, sent_at timestamptz'
keeps=(--attempts tries --error error --finished-at sent_at)
lease='worker varchar(60), started_at timestamptz'
holds=(--worker worker --started-at started_at)

# bats test_tags=smoke
# bats test_tags=smoke
@test "adopt: two workers send what a table holds, and what fails is tried again" {
	emails "$attempts, $lease"
	run_apart jobq-admin adopt --table emails --id id --state status \
		--pending new --running sending --completed sent \
		--failed error "${keeps[@]}" "${holds[@]}" --max-attempts 2
	same 0 "$status"
	has "$stderr" "wrote the adapter ./adapters/emails" jobq-doctor
	same 20 "$(jobq-list --state pending | wc -l)"
	jobq-list 7 | json '.id == "7" and .state == "pending" and
		.attempt == 0 and .input.recipient == "u7@example.org"'
	spawn timeout 60 jobq-work -q --until-done -j 2 -- \
		sh -c 'test "$1" != u7@example.org && echo "$1" >>sent' sh \
		'{input.recipient}'
	one=$spawned_pid
	spawn timeout 60 jobq-work -q --until-done -j 2 -- \
		sh -c 'test "$1" != u7@example.org && echo "$1" >>sent' sh \
		'{input.recipient}'
	wait "$one" || true
	wait "$spawned_pid" || true
	same $'error|1\nsent|19' "$(statuses)"
	same 19 "$(sort -u sent | wc -l)"
	same 19 "$(wc -l <sent)"
	same '2|t|exit status 1' "$(sql "SELECT tries, sent_at > started_at,
		error FROM emails WHERE id = 7")"
	same 1 "$(sql "SELECT DISTINCT tries FROM emails WHERE id <> 7")"
	jobq-list --state failed | json '.id == "7" and .attempt == 2 and
		.ended.error == "exit status 1"'
}

@test "adopt: a failed row begins anew by retry, what runs or is done stays" {
	emails "$attempts"
	adopt "${keeps[@]}"
	sql "UPDATE emails SET tries = id;
		UPDATE emails SET status = 'error' WHERE id = 3;
		UPDATE emails SET status = 'sending' WHERE id = 4;
		UPDATE emails SET status = 'sent' WHERE id = 5"
	jobq-retry 3 2 4 5 99 >answers 2>/dev/null || true
	json -s 'map([.id, .was, .done]) == [["3", "failed", true],
		["2", "pending", true], ["4", "running", false],
		["5", "completed", false]]' <answers
	same $'2|new|2\n3|new|0\n4|sending|4\n5|sent|5' "$(sql 'SELECT id, status,
		tries FROM emails WHERE id BETWEEN 2 AND 5 ORDER BY id')"
}

# bats test_tags=smoke
# bats test_tags=smoke
@test "adopt: of a worker that is killed the rows come back to another" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}" --lease 2
	spawn jobq-work -q -j 3 --ahead 0 -- sh -c 'echo "$1" >>held; exec sleep 60' sh '{id}'
	victim=$spawned_pid
	held() { [ -e held ] && [ "$(wc -l <held)" = 3 ]; }
	wait_until 20 held
	mapfile -t all < <(tree "$victim")
	kill -KILL "${all[@]}"
	wait_until 10 gone "$victim"
	same 3 "$(sql "SELECT count(*) FROM emails WHERE status = 'sending'")"
	timeout 60 jobq-work -q --until-done -j 2 -- true
	same 'sent|20' "$(statuses)"
	same $'1|17\n2|3' "$(sql 'SELECT tries, count(*) FROM emails
		GROUP BY 1 ORDER BY 1')"
}

@test "adopt: a row whose worker died too often has failed" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}" --lease 2 --max-attempts 3
	sql "UPDATE emails SET status = 'sending', tries = 3,
		started_at = now() - interval '1 hour' WHERE id = 1;
		UPDATE emails SET status = 'sending', tries = 2,
		started_at = now() - interval '1 hour' WHERE id = 2;
		UPDATE emails SET status = 'sending', tries = 2,
		started_at = now() WHERE id = 3"
	timeout 20 jobq-claim -n 1 </dev/null | json '.id == "2" and .attempt == 3'
	status_is 1 error
	status_is 3 sending
	has "$(sql 'SELECT error FROM emails WHERE id = 1')" crashed
}

@test "adopt: a time without a zone is of the session's, also for a lease" {
	emails "began timestamp, worker text"
	sql "ALTER DATABASE $PGDATABASE SET timezone = 'Pacific/Auckland'"
	adopt --started-at began --worker worker
	sql "UPDATE emails SET status = 'draft';
		UPDATE emails SET status = 'sending',
			began = localtimestamp - interval '59 min' WHERE id = 1;
		UPDATE emails SET status = 'sending',
			began = localtimestamp - interval '61 min' WHERE id = 2"
	claimed job
	json -s 'length == 1 and .[0].id == "2"' <job
	jobq-run -q -- true <job | jobq-report | json -s 'all(.settled == true)'
	status_is 1 sending
	status_is 2 sent
}

# claimed FILE [OPTION...]: claims a row into the file.
claimed() {
	timeout 20 jobq-claim -n 1 "${@:2}" </dev/null >"$1" 2>/dev/null
	[ -s "$1" ]
}

# bats test_tags=smoke
@test "adopt: an ending counts for who holds the row, by its time or its epoch" {
	emails "$attempts, $lease, fence bigint"
	for fence in --started-at=started_at --epoch=fence; do
		adopt --force --worker worker "$fence"
		sql "UPDATE emails SET status = 'draft';
			UPDATE emails SET status = 'new' WHERE id = 5"
		claimed old --worker w
		status_is 5 sending
		sql "UPDATE emails SET status = 'new' WHERE id = 5"
		claimed new --worker w
		jobq-run -q -- true <old >old.events
		jobq-run -q -- true <new >new.events
		jobq-report <old.events | json -s 'map(.settled) ==
			["stale", "stale"]'
		status_is 5 sending
		jobq-report <new.events | json -s 'map([.event, .settled,
			.state]) == [["started", true, null],
			["completed", true, "completed"]]'
		status_is 5 sent
		jobq-report <new.events | json -s 'all(.settled == true)'
		jobq-report <old.events | json -s 'all(.settled == "stale")'
		jq -c '.id = "77"' new.events | jobq-report |
			json -s 'all(.settled == "unknown")'
		jq -c '.id = "x"' new.events | jobq-report |
			json -s 'all(.settled == "unknown")'
	done
}

@test "adopt: of a batch the first ending of a row counts, and logs are unsupported" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}"
	claimed job
	jq -c '{id, epoch: .lease.epoch, worker: .lease.worker} as $h |
		{event: "started", n: 1}, {event: "output", n: 2, text: "x"},
		{event: "progress", n: 3}, {event: "failed", n: 4, reason: "exit"},
		{event: "completed", n: 5}, {event: "failed", n: 4} |
		{event} + $h + . + {at: "2026-01-01T00:00:00Z"}' job >events
	jobq-report <events >answers
	json -s 'map([.settled, .state]) == [[true, null],
		["unsupported", null], ["unsupported", null],
		[true, "pending"], ["stale", null], [true, null]]' <answers
	same 'new|1' "$(sql 'SELECT status, tries FROM emails WHERE id = 1')"
}

@test "adopt: without any further column a table is worked on all the same" {
	emails
	adopt
	json '.fencing == "none" and .renews == false and (.cannot | length) > 5' \
		<adapters/emails/adapter.json
	[ ! -e adapters/emails/lapse.sql ]
	run_apart timeout 60 jobq-work -q --until-empty -j 2 -- \
		sh -c 'test "$1" != 7' sh '{id}'
	same 1 "$status"
	same $'error|1\nsent|19' "$(statuses)"
	same "" "$stderr"
	run_apart jobq-cancel 3
	same 2 "$status"
	has "$stderr" cancel
	run_apart jobq-push <<<'{"input":1}'
	same 2 "$status"
	has "$stderr" push
	same 20 "$(sql 'SELECT count(*) FROM emails')"
}

@test "adopt: only the name of the worker is a fence for others" {
	emails "worker text"
	adopt --worker worker
	json '.fencing == "owner"' <adapters/emails/adapter.json
	claimed old
	sql "UPDATE emails SET status = 'new' WHERE id = 1"
	claimed new
	jobq-run -q -- true <old | jobq-report | json -s 'all(.settled == "stale")'
	jobq-run -q -- true <new | jobq-report | json -s 'all(.settled == true)'
	status_is 1 sent
}

# bats test_tags=smoke
@test "adopt: every column is used, of whatever type" {
	emails "kind varchar(9), lane text, prio smallint, due timestamp,
		fence integer, worker text, began timestamp(6), beat timestamptz,
		body json, result jsonb, $attempts"
	sql "CREATE TYPE s AS ENUM ('new', 'sending', 'sent', 'error', 'x');
		ALTER TABLE emails ALTER status DROP DEFAULT,
			ALTER status TYPE s USING status::s;
		DELETE FROM emails WHERE id > 5;
		UPDATE emails SET body = E'{\"a\":1,\\n\"b\":[1e400,\"\\\\u0000\"]}',
			kind = 'k' || id, prio = id, lane = 'mail';
		UPDATE emails SET lane = NULL, prio = NULL WHERE id = 2;
		UPDATE emails SET due = now() + interval '1 hour' WHERE id = 5;
		UPDATE emails SET status = 'x' WHERE id = 3"
	adopt "${keeps[@]}" --input body --queue lane --name kind \
		--priority prio --run-at due --worker worker --epoch fence \
		--started-at began --output result --updated-at beat --lease 3
	same 4,1,2 "$(jobq-poll | jq -r .id | paste -sd ,)"
	jobq-list 4 >line
	json '[.queue, .name, .priority] == ["mail", "k4", 4]' <line
	has "$(<line)" '"input":{"a":1, "b":[1e400,"\u0000"]}'
	same 3 "$(jobq-list --queue mail | wc -l)"
	jobq-list 5 | json '.run_at > "2026"'
	index
	run_apart jobq-doctor
	same '' "$(jq -r 'select(.ok | not).text' <<<"$stdout")"
	claimed job
	json '.id == "4" and .lease.epoch == 1 and .lease.seconds == 3' <job
	jobq-list 4 | json '.held.worker | length > 5'
	jobq-run -q -- echo '{"r":[1.50]}' <job | jobq-report >/dev/null
	same 'sent|{"r": [1.50]}|1|t' "$(sql "SELECT status, result, tries,
		sent_at > began FROM emails WHERE id = 4")"
	claimed job
	jobq-run -q -- sh -c 'exit 75' <job | jobq-report |
		json -s '.[1].state == "pending" and .[1].run_at > .[1].at'
	same 'new|t|t' "$(sql "SELECT status, due > localtimestamp
		+ interval '10 s', error LIKE '%75%' FROM emails WHERE id = 1")"
	jobq-list --stats | json -s 'map([.queue, .ready, .scheduled, .completed])
		== [["default", 1, 0, 0], ["mail", 0, 2, 1]]'
}

@test "adopt: what says that it lives keeps its row beyond the lease" {
	emails "worker text, beat timestamptz, fence bigint"
	adopt --worker worker --epoch fence --updated-at beat --lease 2
	sql "UPDATE emails SET status = 'draft' WHERE id > 1"
	spawn timeout 60 jobq-work -q --until-done -- \
		sh -c 'echo >>began; exec sleep 3' sh
	wait_until 20 test -e began
	timeout 60 jobq-work -q --until-done -- sh -c 'echo >>began'
	status_is 1 sent
	same 1 "$(wc -l <began)"
	same 1 "$(sql 'SELECT fence FROM emails WHERE id = 1')"
}

@test "adopt: ids may be uuids or texts" {
	database
	for type in uuid text; do
		sql "DROP TABLE IF EXISTS emails;
			CREATE TABLE emails (id $type PRIMARY KEY, status integer);
			INSERT INTO emails SELECT gen_random_uuid(), 0
			FROM generate_series(1, 6)"
		[ "$type" = uuid ] || sql "INSERT INTO emails VALUES
			('a b', 0), ('ok:1', 0)"
		jobq-admin -q adopt --table emails --id id --id-type "$type" \
			--state status --pending 0 --running 1 --completed 2 \
			--failed 3 --force
		count=$(sql "SELECT count(*) FROM emails WHERE id::text <> 'a b'")
		id=$(sql "SELECT id FROM emails WHERE id::text <> 'a b'
			ORDER BY id LIMIT 1")
		echo "$id" | timeout 20 jobq-claim | jobq-run -q -- true |
			jobq-report | json -s 'all(.settled == true)'
		same 2 "$(sql "SELECT status FROM emails WHERE id = '$id'")"
		timeout 60 jobq-work -q --until-empty -- true
		same "$count" "$(sql "SELECT count(*) FROM emails
			WHERE status = 2")"
	done
}

@test "adopt: a list goes on from page to page" {
	emails
	sql "INSERT INTO emails (recipient)
		SELECT i FROM generate_series(1, 1180) i"
	adopt
	jobq-list | jq .id -r >ids
	seq 1200 | cmp - ids
	jobq-poll | jq .id -r | cmp ids -
	same 700 "$(head -n 700 ids | xargs jobq-list | wc -l)"
	run_apart jobq-list --older 1h
	same 2 "$status"
	has "$stderr" "older"
}

# bats test_tags=smoke
# bats test_tags=smoke
@test "adopt: hostile rows, workers and ids are only text" {
	emails "worker text, note text"
	adopt --worker worker
	sql <<-'END'
	UPDATE emails SET note = E'- a bullet\n''); DROP TABLE emails; -- "\\ {id} \u2028';
	END
	jobq-list 1 | jq -r .input.note >note
	same "- a bullet
'); DROP TABLE emails; -- \"\\ {id} $(printf '\u2028')" "$(<note)"
	for hostile in "x'); DROP TABLE emails; --" "é'\"\\" '$1%s:"schema"'; do
		timeout 20 jobq-claim -n 1 --worker "$hostile" </dev/null >job
		jobq-run -q -- true <job | jobq-report |
			json -s 'all(.settled == true)'
		same "$hostile" "$(sql "SELECT worker FROM emails
			WHERE status = 'sent' ORDER BY id DESC LIMIT 1")"
		run_apart timeout 20 jobq-claim -n 1 --queue "$hostile"
		same 1 "$status"
		same '' "$(jobq-list --queue "$hostile")"
		same '' "$(jobq-list --name "$hostile")"
	done
	for id in 01 -1 1.0 99999999999999999999 x 0x1 1e0; do
		run_apart jobq-list -- "$id"
		same '' "$stdout"
	done
	same 20 "$(sql 'SELECT count(*) FROM emails')"
}

@test "adopt: hostile statuses are only text" {
	emails
	for hostile in "x'; DROP TABLE emails; --" '$$%s' ":{id}:'id'" '/*é' \
		'---'; do
		timeout 30 psql -Xq -v "hostile=$hostile" <<-'END'
		UPDATE emails SET status = 'draft';
		UPDATE emails SET status = :'hostile' WHERE id = 3;
		END
		jobq-admin -q adopt --table emails --id id --state status \
			--pending "$hostile" --running 1 --completed "2$hostile" \
			--failed "3$hostile" --force
		claimed job
		same 1 "$(sql 'SELECT status FROM emails WHERE id = 3')"
		jobq-run -q -- true <job | jobq-report |
			json -s 'all(.settled == true)'
		same "2$hostile" "$(sql 'SELECT status FROM emails WHERE id = 3')"
		same 20 "$(sql 'SELECT count(*) FROM emails')"
	done
}

@test "adopt: names that are none, and statuses that no text can hold, are refused" {
	long=$(printf 'a%.0s' {1..64})
	for name in '' Emails 'x"y' "x'y" 'x y' 1x x-y x.y.z .x x. "$long" é \
		'x;--' $'x\ny'; do
		run_apart jobq-admin adopt --table "$name" --id id \
			--state status --pending 1 --running 2 --completed 3 \
			--failed 4
		same 2 "$status"
		has "$stderr" '--table'
		run_apart jobq-admin adopt --table t --id id --state status \
			--pending 1 --running 2 --completed 3 --failed 4 \
			--run-at "$name"
		same 2 "$status"
		has "$stderr" '--run-at'
		same 1 "${#stderr_lines[@]}"
	done
	for word in '' $'a\nb' $'\x01' $'\x7f' $'\xff' 'a"b' 'a\b' 'a$1' \
		"$long"; do
		run_apart jobq-admin adopt --table t --id id --state status \
			--pending 1 --running "$word" --completed 3 --failed 4
		same 2 "$status"
		has "$stderr" '--running'
	done
	[ ! -e adapters ]
}

@test "adopt: what is missing or does not go together is refused" {
	local all=(--table t --id id --state s --pending 1 --running 2
		--completed 3 --failed 4)
	for ((left = 0; left < ${#all[@]}; left += 2)); do
		run_apart jobq-admin adopt "${all[@]:0:left}" \
			"${all[@]:left + 2}"
		same 2 "$status"
		has "$stderr" "needs ${all[left]}:"
	done
	run_apart jobq-admin adopt "${all[@]}" --running 1
	same 2 "$status"
	has "$stderr" "--running" "--pending"
	run_apart jobq-admin adopt "${all[@]}" --worker id
	same 2 "$status"
	has "$stderr" "--worker" "--id"
	run_apart jobq-admin adopt "${all[@]}" --max-attempts 3
	same 2 "$status"
	has "$stderr" "--attempts"
	run_apart jobq-admin adopt "${all[@]}" --lease 3
	same 2 "$status"
	has "$stderr" "--updated-at"
	run_apart jobq-admin init --table t
	same 2 "$status"
	run_apart jobq-admin adopt "${all[@]}" more
	same 2 "$status"
	[ ! -e adapters ]
}

@test "adopt: files that are there stay, unless --force is given" {
	run_apart adopt --dry-run
	same 0 "$status"
	[ ! -e adapters ]
	adopt
	echo mine >adapters/emails/claim.sql
	echo mine >adapters/emails/notes
	run_apart adopt
	same 2 "$status"
	has "$stderr" ./adapters/emails --force --into
	same mine "$(<adapters/emails/claim.sql)"
	adopt --into other/place
	same "$(ls other/place)" "$(cd adapters/emails && ls -I notes)"
	adopt --force
	cmp adapters/emails/claim.sql other/place/claim.sql
	same mine "$(<adapters/emails/notes)"
	mkdir closed
	: >closed/file
	run_apart adopt --into closed/file/x
	same 2 "$status"
	has "$stderr" closed/file
}

# bats test_tags=smoke
@test "adopt: the doctor wants indexes, and says which" {
	emails "$attempts, $lease, prio integer"
	for options in '' '--priority prio'; do
		# shellcheck disable=SC2086
		adopt --force "${keeps[@]}" "${holds[@]}" $options
		sql 'CREATE INDEX other ON emails (tries, status)'
		run_apart jobq-doctor
		same 1 "$status"
		has "$(finding plan)" false emails 'CREATE INDEX CONCURRENTLY'
		sql 'DROP INDEX other'
		finding plan | grep -o 'CREATE INDEX CONCURRENTLY.*' >advice
		while read -r line; do
			sql "$line"
		done <advice
		run_apart jobq-doctor
		same 0 "$status"
		has "$(finding plan)" true 'Index Scan using'
	done
	same 1 "$(wc -l <advice)"
	sql 'DROP INDEX emails_id_idx1'
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding plan)" "= 'sending'"
}

@test "adopt: a claim finds the first row behind many that are done" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}"
	sql "INSERT INTO emails (recipient)
		SELECT i FROM generate_series(1, 20000) i"
	index
	sql "ANALYZE emails"
	sql "UPDATE emails SET status = 'sent' WHERE id < 20000"
	run_apart jobq-doctor
	has "$(finding plan)" true
	sql "SELECT pg_stat_reset()" >/dev/null
	claimed job
	json '.id == "20000"' <job
	sql "SELECT pg_stat_force_next_flush()" >/dev/null
	read_rows() {
		sql "SELECT seq_tup_read + idx_tup_fetch < 1000 FROM
			pg_stat_user_tables WHERE relname = 'emails'
			AND idx_tup_fetch > 0" | grep -qx t
	}
	wait_until 10 read_rows
}

# bats test_tags=smoke
@test "adopt: the doctor does a row's whole way and takes it back" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}"
	index
	sql 'SELECT * FROM emails ORDER BY id' >before
	run_apart jobq-doctor
	same 0 "$status"
	same 'true list, claim and settle do what they should; all of it was taken back' \
		"$(finding rehearsal)"
	sql 'SELECT * FROM emails ORDER BY id' | cmp before -
	sed -i 's/^(extract.*/true OR v.epoch IS NULL/' adapters/emails/holds.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal)" false 'settle of another epoch' stale
	sql 'SELECT * FROM emails ORDER BY id' | cmp before -
	sql "UPDATE emails SET status = 'sent'"
	adopt --force "${keeps[@]}" "${holds[@]}"
	run_apart jobq-doctor
	same 0 "$status"
	has "$(finding rehearsal)" true 'no job is ready'
}

@test "adopt: the doctor says which column is not there, or too narrow" {
	emails "$attempts, worker varchar(5)"
	adopt "${keeps[@]}" --worker worker --started-at began
	run_apart jobq-doctor
	[ "$status" != 0 ]
	has "$stdout$stderr" began 'does not exist'
	adopt --force "${keeps[@]}" --worker worker
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal)" false 'too long'
}

@test "adopt: sixteen claims at once take no row twice" {
	emails "$attempts, $lease"
	adopt "${keeps[@]}" "${holds[@]}"
	sql "INSERT INTO emails (recipient)
		SELECT i FROM generate_series(21, 320) i"
	for i in {1..16}; do
		spawn timeout 60 jobq-claim -n 20 </dev/null >"took.$i"
	done
	for pid in "${spawned[@]}"; do
		wait "$pid"
	done
	same 320 "$(cat took.* | jq -r .id | sort -u | wc -l)"
	same 320 "$(cat took.* | wc -l)"
}

# literal N: the Nth literal block of the page's section about tables.
literal() {
	sed -n '/^\.Sh ADOPTING A TABLE/,/^\.Sh PROGRAMS/p' \
		"$TOP/man/jobq-adapter.7" |
		awk -v n="$1" '/^\.Bd/ { at++; next }
			/^\.Ed/ && at == n { exit } at == n' |
		sed 's/\\&//; s/\\e/\\/g; s/^ \{8\}/\t/'
}

# bats test_tags=smoke
@test "adopt: the example of jobq-adapter(7) is what is written, and works" {
	database
	literal 1 | sql
	literal 2 >commands
	bash -e commands 2>/dev/null
	for at in 3:job 4:ready 5:holds; do
		literal "${at%:*}" >lines
		[ -s lines ]
		while IFS= read -r line; do
			grep -qxF -- "$line" "adapters/emails/${at#*:}.sql"
		done <lines
	done
	literal 7 >index
	sql <index
	same "$(tr -d '\n' <index | tr -s ' ')" "$(sed -n '/CREATE/,/;/p' \
		adapters/emails/README | sed 's/^    //' | tr -d '\n' | tr -s ' ')"
	sql "INSERT INTO emails (\"to\", subject)
		VALUES ('a@example.org', 'x'), ('b@example.org', 'y')"
	printf '#!/bin/sh\necho "$1" >>sent\n' >send
	chmod +x send
	literal 8 | sed "s,///shop,//,; s/jobq-work/timeout 60 & -q --until-empty/" \
		>commands
	grep -q '^jobq-doctor$' commands
	bash -e commands >output
	same $'a@example.org\nb@example.org' "$(sort sent)"
	same 'sent|2' "$(statuses)"
	grep -q '"check":"plan","ok":true' output
	not grep -q '"ok":false' output
}
