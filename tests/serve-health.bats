#!/usr/bin/env bats
# jobq-serve --health-only without a jobq-work: whether the store answers.
# What it tells of a jobq-work is in work.bats.

load support/stages
load support/http

setup() {
	common_setup
	[ -x "$JOBQ_BUILD/bin/jobq-serve" ] || skip 'there is no jobq-serve'
}

@test "serve: --health-only tells whether the store answers, and nothing else" {
	make_picky_store
	background serve jobq-serve -S "$picky" --health-only --health unix:h.sock
	wait_until 20 gives 200 unix:h.sock /health
	gives 404 unix:h.sock /v1/info
	: >away
	wait_until 20 gives 503 unix:h.sock /health/ready
	gives 503 unix:h.sock /health | json '.status == "unhealthy" and
		(.error | contains("the disk is in another room"))'
	gives 200 unix:h.sock /health/live | json '.status == "healthy"'
	rm away
	wait_until 20 gives 200 unix:h.sock /health
	send TERM serve
	exits 0 serve
}

@test "serve: --health-only is told where, or is handed a socket" {
	export JOBQ_URL=sqlite:$PWD/q.db
	run_apart timeout 30 jobq-serve --health-only
	same 2 "$status"
	has "$stderr" '--health-only needs --health'
	# A variable that is about another process is none.
	JOBQ_HEALTH_OF=1 run_apart timeout 30 jobq-serve --health-only
	same 2 "$status"
	has "$stderr" '--health-only needs --health'
	head -c 500 /dev/zero | tr '\0' x >rubbish
	for file in /dev/null rubbish; do
		run_apart bash -c 'JOBQ_HEALTH_OF=$$ jobq-serve --health-only <"$1"
			exit $?' - "$file"
		same 2 "$status"
		has "$stderr" 'standard input is not what a jobq-work'
	done
	background serve python3 -c '
import os, socket
link = socket.socket(socket.AF_UNIX)
link.bind("h.sock")
link.listen()
os.dup2(link.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp("jobq-serve", ["jobq-serve", "--health-only"])'
	wait_until 20 gives 200 unix:h.sock /health
	gives 404 unix:h.sock /v1/info
	send TERM serve
	exits 0 serve
}
