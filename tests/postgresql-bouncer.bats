#!/usr/bin/env bats
# PostgreSQL through a PgBouncer in transaction mode: each transaction may
# have another session, and there are two for all.
# bats file_tags=server

load support/postgresql

setup_file() {
	postgresql_setup_file
	[ -z "$PG_MISSING" ] || return 0
	export NO_BOUNCER=''
	PATH=$PATH:/usr/sbin type -P pgbouncer || {
		NO_BOUNCER='PgBouncer is not installed'
		return 0
	}
	PG_POOL=2 timeout 60 "$TOP/tests/support/pg" bouncer "$PG_DIR" \
		3>&- 4>&-
}

setup() {
	postgresql_setup
	[ -z "$NO_BOUNCER" ] || skip "$NO_BOUNCER"
	through="postgresql:///jobq?host=${PG_URI}%2Fbouncer&port=6432"
}

# bouncer COLUMN...: of the pool of the database.
bouncer() {
	PGHOST=$PG_DIR/bouncer PGPORT=6432 timeout 20 psql -XqAt -d pgbouncer \
		-c 'SHOW SERVERS' | cut -d '|' -f 3 | grep -c '^jobq$'
}

# bats test_tags=smoke
@test "postgresql: the smoke of the suite of stores passes through PgBouncer" {
	local name
	# An outer bats is none of the inner one's business.
	for name in "${!BATS_@}"; do
		[[ $name == BATS_TEST_TMPDIR ]] || export -n "${name?}"
	done
	# shellcheck disable=SC2031 # the inner one has folders of its own
	run_apart env -u JOBQ_TEST_SERVERS -u JOBQ_URL \
		JOBQ_TEST_URL="$through&schema=c{test}" \
		timeout -k 5 200 bats --tap --filter-tags smoke \
		"$TOP/tests/support/conformance.bats"
	grep -A 20 '^not ok' <<<"$stdout" || true
	echo "$stderr"
	same 0 "$status"
	(($(grep -c '^ok' <<<"$stdout") >= 10))
	not grep '# skip' <<<"$stdout"
	(($(bouncer) <= 2))
}

@test "postgresql: four workers share two sessions, and none is in the way" {
	local i
	export JOBQ_URL="$through&schema=$schema"
	jobs 60 | jobq-push >pushed
	for i in 1 2 3 4; do
		background "w$i" timeout 100 jobq-work -j 4 --worker "w$i" \
			--until-empty -- true
	done
	for i in 1 2 3 4; do
		exits 0 "w$i"
	done
	same 60 "$(sql "SELECT count(*) FROM job WHERE state = 'completed'
		AND epoch = 1 AND attempt = 1")"
	(($(bouncer) <= 2))
	# What a listener hears there nobody knows; the look finds the job.
	background work timeout 100 jobq-work -j 1 -- true
	wait_until 20 is 1 'SELECT count(*) FROM queue_state
		WHERE idle_ms IS NOT NULL'
	echo '{"id":"later"}' | jobq-push >pushed
	wait_until 20 state_is later completed
	no_deadlock
}
