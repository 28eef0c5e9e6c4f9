#!/usr/bin/env bats
#
# The plain pipeline at its full size.

load ../support/stages

crowded() {
	stage "claim$1" jobq-claim --follow --lease 2 | cat |
		stage "run$1" jobq-run -j 5 -- \
			sh -c 'echo "$JOBQ_ID" >>starts; sleep 3' |
		stage "report$1" jobq-report >"reported$1"
	tell "crowded$1" "${PIPESTATUS[@]}"
}

@test "pipeline: 100 jobs, two pipelines, each job starts once" {
	push_jobs 100
	pipeline crowded 1
	pipeline crowded 2
	wait_until 150 counts 100 'stage = 4'
	send TERM claim1
	send TERM claim2
	ended '0 0 0 0' crowded1
	ended '0 0 0 0' crowded2
	seq -f j%g 100 | sort | diff - <(sort starts)
	counts 100 'attempt = 1 AND rescues = 0 AND epoch = 1'
}

@test "pipeline: push gives up on a store that stays locked, exit 75" {
	push_jobs 1
	lock_store
	run_apart timeout -s KILL 90 jobq-push --name a
	unlock_store
	same 75 "$status"
	same '' "$stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" q.db locked
	counts 1 1
}

@test "pipeline: twenty kills of any stage, nothing lost, nothing twice" {
	local round victim
	push_jobs 400
	for round in {1..20}; do
		rm -f crowded.codes ./*.pid
		pipeline quick
		victim=$(shuf -n 1 -e claim run report)
		wait_until 20 test -s "$victim.pid"
		later "0.$((RANDOM % 6 + 1))"
		kill -KILL "$(<"$victim.pid")" 2>/dev/null || :
		wait_until 60 test -s quick.codes
		rm quick.codes
	done
	wait_until 60 drained
	counts 400 'stage = 4'
	counts 0 'attempt <> 1'
	same 400 "$(sql "SELECT count(*) FROM event
		WHERE line LIKE '{\"event\":\"completed\"%'")"
	same 400 "$(sort -u ends | wc -l)"
	# A kill repeats at most what the two places had in hand.
	(($(wc -l <ends) <= 400 + 20 * 2))
}

# quick: a pipeline whose jobs take no time.
quick() {
	stage claim jobq-claim --follow --lease 1 --interval 0.1 |
		stage run jobq-run -j 2 -- sh -c 'echo "$JOBQ_ID" >>ends' |
		stage report jobq-report >>reported
	tell quick "${PIPESTATUS[@]}"
}

drained() {
	jobq-admin reap
	jobq-claim -n 400 | jobq-run -j 2 -- sh -c 'echo "$JOBQ_ID" >>ends' |
		jobq-report >>reported
	counts 400 'stage = 4'
}
