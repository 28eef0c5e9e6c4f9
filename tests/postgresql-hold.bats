#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# What must hold where jobs are in PostgreSQL, beside what every store keeps:
# transactions that meet, servers that go away, names from outside, plans.
# bats file_tags=server

load support/postgresql

# all_over NUMBER, for wait_until.
all_over() {
	is "$1" "SELECT count(*) FROM job_state WHERE stage = 4"
}

# --- many workers ------------------------------------------------------------

@test "postgresql: four workers claim no job twice, and never wait long" {
	workers 4 800
}

# --- transactions that meet --------------------------------------------------

# bats test_tags=smoke
@test "postgresql: of two needs that complete at once the later frees the job" {
	jq -nc '{id: "a"}, {id: "b"}, {id: "c", needs: ["a", "b"]}' |
		jobq-push >pushed
	session a
	session b
	ask a "$(verb 'claim({ids: ["a"]})')"
	ask b "$(verb 'claim({ids: ["b"]})')"
	ask a "BEGIN; $(verb 'settle([{event: "completed", id: "a", n: 1}])')"
	tell_sql b "BEGIN; $(verb 'settle([{event: "completed", id: "b", n: 1}])')"
	wait_until 20 waits_for_lock 1
	ask a COMMIT
	wait_until 20 answered b
	ask b COMMIT
	state_is c pending
	same '' "$(sql 'SELECT * FROM job_need')"
}

@test "postgresql: a push waits for the settle of what it needs" {
	jq -nc '{id: "a"}, {id: "b"}' | jobq-push >pushed
	session a
	session b
	ask a "$(verb 'claim({limit: 2})')"
	ask a "BEGIN; $(verb 'settle([{event: "completed", id: "a", n: 1}])')"
	tell_sql b "$(verb 'push([{id: "c", needs: ["a"]}])')"
	wait_until 20 waits_for_lock 1
	ask a COMMIT
	wait_until 20 answered b
	state_is c pending
	# The other way round: the settle waits for the push.
	ask b "BEGIN; $(verb 'push([{id: "d", needs: ["b"]}])')"
	tell_sql a "$(verb 'settle([{event: "completed", id: "b", n: 2}])')"
	wait_until 20 waits_for_lock 1
	ask b COMMIT
	wait_until 20 answered a
	state_is d pending
}

@test "postgresql: a need that came and completed beside its push is seen" {
	echo '{"id":"old"}' | jobq-push --queue q >pushed
	session slow
	# Neither its new queue nor what it needs keeps anybody waiting.
	ask slow "BEGIN; SELECT push('{\"id\":\"c\",\"name\":\"c\",
		\"needs\":[\"a\",\"old\"]}')"
	echo '{"id":"a"}' | jobq-push >pushed
	take -n 2
	settle "$completed"
	state_is a completed
	state_is old completed
	ask slow COMMIT
	state_is c blocked
	frees() {
		jobq-claim -n 1 --worker x >taken || true
		state_is c running
	}
	wait_until 20 frees
	same 0 "$(sql 'SELECT count(*) FROM job_need')"
	# One that has come but has not completed is no longer looked for.
	jq -nc '{id: "e", needs: ["f"]}, {id: "f", run_at: "2099-01-01T00:00:00Z"}' |
		jobq-push >pushed
	unmarked() {
		jobq-claim -n 1 >taken || true
		is 0 'SELECT count(*) FROM job_need WHERE early'
	}
	wait_until 20 unmarked
	state_is e blocked
}

# bats test_tags=smoke
@test "postgresql: a push whose key's holder ends meanwhile is answered" {
	jq -nc '{id: "a", key: "k"}, {id: "b"}' | jobq-push >pushed
	session a
	ask a "$(verb 'claim({limit: 2})')"
	session lock
	ask lock "BEGIN; SELECT 1 FROM job_state WHERE stage = 3
		AND seq = (SELECT seq FROM job_entry WHERE id = 'b') FOR UPDATE"
	jq -nc '{id: "c", key: "k"}, {id: "d", needs: ["b"]}' >two
	mv two push.in
	background push timeout 60 jobq-push
	wait_until 20 waits_for_lock 1
	ask a "$(verb 'settle([{event: "completed", id: "a", n: 1}])')"
	ask lock ROLLBACK
	exits 0 push
	same 'a d' "$(jq -r .id push.out | paste -sd ' ')"
	same 0 "$(sql "SELECT count(*) FROM job WHERE id = 'c'")"
}

@test "postgresql: pushes of the same keys in another order do not deadlock" {
	local i
	jobq-admin init >said
	for i in 1 2 3; do
		jq -nc "range(300) | {id: \"x$i-\(.)\", key: \"k\(.)\"}" |
			jobq-push >"p$i" &
		jq -nc "range(300; 0; -1) | {id: \"y$i-\(.)\", key: \"k\(. - 1)\"}" |
			jobq-push >"q$i" &
		wait
		same 600 "$(cat "p$i" "q$i" | wc -l)"
	done
	same 300 "$(sql 'SELECT count(*) FROM job_key')"
	same 300 "$(sql 'SELECT count(*) FROM job')"
	no_deadlock
}

# --- what is watched ---------------------------------------------------------

# watched: the numbers that the watcher has printed.
watched() {
	jq -r 'select(.event != "gap") | .seq' watch.out
}

has_seen() { # ID
	grep -q "\"completed\",\"id\":\"$1\"" watch.out
}

@test "postgresql: a watcher sees each event once, in order, beside settlers" {
	local i
	jq -nc 'range(4) | {id: "s\(.)", queue: "slow"}' | jobq-push >pushed
	sql 'CREATE TABLE mine (i integer)'
	# Another's transaction holds nothing up, however long it is.
	session long
	ask long 'BEGIN; INSERT INTO mine VALUES (1)'
	session late
	session slow
	ask slow "$(verb 'claim({limit: 4, queues: ["slow"]})')"
	ask late 'BEGIN; INSERT INTO mine VALUES (2)'
	background watch timeout 100 jobq-watch --since 0
	jq -nc 'range(120) | {id: "j\(.)", queue: "q"}' | jobq-push >pushed
	for i in 1 2 3 4; do
		background "w$i" timeout 100 jobq-work -j 2 --queue q \
			--worker "w$i" --until-empty -- true
	done
	for i in 1 2 3 4; do
		exits 0 "w$i"
	done
	counted() { (($(grep -c '"completed"' watch.out) >= $1)); }
	wait_until 20 counted 120

	# One that settles late has a number of its own behind what was seen,
	# and each of its verbs another.
	ask late "$(verb 'settle([{event: "completed", id: "s0", n: 1}]),
		settle([{event: "completed", id: "s1", n: 1}])'); COMMIT"
	wait_until 20 has_seen s0
	wait_until 20 has_seen s1

	# One that has settled and is not committed holds back what is later.
	ask slow "BEGIN; $(verb 'settle([{event: "completed", id: "s2", n: 1}])')"
	jq -nc '{id: "last"}' | jobq-push >pushed
	take -n 1 --queue default
	settle "$completed"
	state_is last completed
	later 2.5
	not has_seen last
	ask slow COMMIT
	wait_until 20 has_seen last
	ask long ROLLBACK
	same "$(sql 'SELECT seq FROM event_log ORDER BY seq')" "$(watched)"
	has "$(grep -n -A 99 '"id":"s2"' watch.out)" '"id":"last"'
}

@test "postgresql: verbs in one transaction write all their events" {
	jobs 600 | jobq-push >pushed
	session a
	ask a "$(verb 'claim({limit: 500}), claim({limit: 100})')"
	ask a "BEGIN; $(verb 'settle([range(1; 501) | {event: "completed",
			id: "j\(.)", n: 1}]), settle([range(501; 601)
			| {event: "completed", id: "j\(.)", n: 1}]),
		call("cancel"; {ids: ["j600"]})'); COMMIT"
	same 600 "$(sql 'SELECT count(*) FROM event_log')"
	same 600 "$(jobq-watch --since 0 --no-follow | wc -l)"
	run_apart sql "$(verb 'call("cancel"; {ids: [range(1001) | tostring]})')"
	not same 0 "$status"
	has "$stderr" 'at most 1000 ids'
}

@test "postgresql: what is deleted under a watcher leaves a gap" {
	local seq
	jobs 3 | jobq-push >pushed
	take -n 3
	settle "$completed"
	seq=$(sql 'SELECT max(seq) FROM event_log')
	jobq-watch --since 0 --no-follow >before
	same 3 "$(wc -l <before)"
	jobq-admin prune --older-than 0s >pruned
	jobq-watch --since 0 --no-follow >after
	same "gap $seq" "$(jq -r '"\(.event) \(.until)"' after)"
}

# A mark is what a connection remembers of a long look; here it is set by hand.
@test "postgresql: a mark holds while it yields enough, and hides nothing for long" {
	jq -nc '{id: "a"}, {id: "b"}, {id: "c"}, {id: "d"}' | jobq-push >pushed
	session a
	ask a "SELECT set_config('jobq.mark_' || md5('$schema:t:default'),
		concat_ws(',', 0, (SELECT seq FROM job_entry WHERE id = 'b'),
		now_ms() + 600000), false)"
	ask a "$(verb 'claim({})')"
	state_is c running
	state_is a pending
	# The rest: one behind the mark, then those in front of it.
	ask a "$(verb 'claim({limit: 3})')"
	same 4 "$(sql "SELECT count(*) FROM job WHERE state = 'running'")"
	# One whose time is past holds for nothing.
	ask a "SELECT set_config('jobq.mark_' || md5('$schema:t:default'),
		concat_ws(',', 0, 999999, now_ms() - 1), false)"
	jq -nc '{id: "e"}' | jobq-push >pushed
	ask a "$(verb 'claim({})')"
	state_is e running
}
