#!/usr/bin/env bats
# The ring: a circle of jobq-claim --ring and jobq-run.

load support/ring

# --- ends --------------------------------------------------------------------

@test "ring: --until-empty with nothing to do ends at once, exit 0" {
	circle a 'jobq-claim --ring 4 --until-empty' 'jobq-run -j 4 -- true'
	ends a '0 0'
	same '' "$(cat a.0.err a.1.err)"
}

@test "ring: --until-empty runs every job once and leaves nothing" {
	push_jobs 40
	circle a 'jobq-claim --ring 4 --until-empty' \
		'jobq-run -j 4 -- sh -c "echo \$JOBQ_ID >>ran"'
	ends a '0 0'
	same '' "$(cat a.0.err a.1.err)"
	counts 40 'stage = 4 AND attempt = 1 AND rescues = 0'
	same "$(jobs 40 | jq -r .id | sort)" "$(sort ran)"
}

@test "ring: --until-empty waits for what is due within a lease only" {
	jq -nc '{id: "soon", run_at: (now + 1 | todate)},
		{id: "late", run_at: "2099-01-01T00:00:00Z"}' |
		jobq-push >pushed
	circle a 'jobq-claim --ring 1 --until-empty' 'jobq-run -- true'
	ends a '0 0'
	same '4 1' "$(state soon) $(state late)"
}

@test "ring: --until-empty waits for nothing that is due elsewhere" {
	jq -nc '{id: "a", queue: "q", flow: "f"},
		{id: "b", run_at: (now + 20 | todate)}' | jobq-push >pushed
	circle a 'jobq-claim --ring 1 --until-empty --queue q' 'jobq-run -- true'
	ends a '0 0'
	circle b 'jobq-claim --ring 1 --until-empty --flow f' 'jobq-run -- true'
	ends b '0 0'
	same '4 1' "$(state a) $(state b)"
}

@test "ring: --until-empty does not wait for what others run" {
	push_jobs 1
	take -n1
	circle a 'jobq-claim --ring 1 --until-empty' 'jobq-run -- true'
	ends a '0 0'
	same 3 "$(state j1)"
}

@test "ring: --until-done waits for what others run of its flow" {
	jq -nc '{id: "a", flow: "f"}, {id: "b", flow: "f", needs: ["a"]},
		{id: "c", flow: "f"}, {id: "d"}' | jobq-push >pushed
	jobq-claim <<<c >claimed
	circle a 'jobq-claim --ring 1 --until-done --flow f' 'jobq-run -- true'
	once 2 "stage = 4 AND id IN ('a', 'b')"
	not test -e a.codes
	settle "$completed"
	ends a '0 0'
	same 2 "$(state d)"
}

@test "ring: --until-done does not wait for what a failed job blocks" {
	jq -nc '{id: "a", flow: "f", max_attempts: 1},
		{id: "b", flow: "f", needs: ["a"]}' | jobq-push >pushed
	circle a 'jobq-claim --ring 1 --until-done --flow f' 'jobq-run -- false'
	ends a '1 1'
	same '6 0' "$(state a) $(state b)"
}

@test "ring: --max-jobs takes so many and no more" {
	push_jobs 10
	circle a 'jobq-claim --ring 4 --max-jobs 3' 'jobq-run -j 4 -- true'
	ends a '0 0'
	counts 3 'stage = 4'
	counts 7 'stage = 2 AND epoch = 0'
}

@test "ring: --for ends it, what has started is run to its end" {
	push_jobs 2
	circle a 'jobq-claim --ring 1 --ahead 0 --for 0.5' \
		'jobq-run -- sh -c "touch up; until [ -e go ]; do sleep 0.1; done"'
	wait_until 20 test -e up
	later 1
	touch go
	ends a '0 0'
	same '4 2' "$(state j1) $(state j2)"
}

@test "ring: TERM to jobq-claim stops the claiming, the rest is settled" {
	push_jobs 8
	circle a 'jobq-claim --ring 2 --ahead 0' \
		'jobq-run -j 2 -- sh -c "until [ -e go ]; do sleep 0.1; done"'
	once 2 'started_ms IS NOT NULL'
	tell TERM a 0
	wait_until 20 said a 0 'stopping, 2 outstanding'
	touch go
	ends a '0 0'
	counts 2 'stage = 4'
	counts 6 'stage = 2 AND epoch = 0'
}

@test "ring: a second TERM ends jobq-claim at once, exit 75" {
	push_jobs 1
	circle a 'jobq-claim --ring 1' 'jobq-run -- sleep 1000'
	once 1 'started_ms IS NOT NULL'
	tell TERM a 0
	wait_until 20 said a 0 stopping
	tell TERM a 0
	wait_until 20 gone "$(<a.0.pid)"
	said a 0 '1 jobs outstanding'
	wait_until 20 test -e a.codes
	has "$(<a.codes)" '75 '
}

@test "ring: TERM to jobq-run releases what has not ended, and all ends" {
	push_jobs 4
	circle a 'jobq-claim --ring 1 --ahead 2' 'jobq-run -- sleep 1000'
	once 3 'stage = 3'
	once 1 'started_ms IS NOT NULL'
	tell TERM a 1
	ends a '0 0'
	counts 4 'stage = 2 AND attempt = 0'
	# The first released for the end is the end of the claiming.
	same 3 "$(sql 'SELECT sum(epoch) FROM job')"
}

@test "ring: a runner that dies is told with what was outstanding, exit 75" {
	push_jobs 3
	circle a 'jobq-claim --ring 2 --ahead 0' \
		'jobq-run -j 2 -- sh -c "echo \$\$ >>up; exec sleep 1000"'
	wait_until 20 has_lines 2 up
	once 2 'started_ms IS NOT NULL'
	tell KILL a 1
	ends a '75 137'
	said a 0 '2 jobs outstanding'
	counts 2 'stage = 3'
	local pid
	for pid in $(<up); do
		wait_until 20 gone "$pid"
	done
}

@test "ring: some job failed for good, exit 1" {
	push_jobs 3
	circle a 'jobq-claim --ring 1 --until-empty' \
		'jobq-run -- sh -c "[ \$JOBQ_ID != j2 ] || exit 64"'
	ends a '1 1'
	same '4 6 4' "$(state j1) $(state j2) $(state j3)"
}

@test "ring: an attempt that failed and will be made again is no failure" {
	push_jobs 1
	circle a 'jobq-claim --ring 1 --until-empty --lease 1' \
		'jobq-run -- sh -c "exit 1"'
	ends a '0 1'
	same '1|1' "$(job j1 stage attempt)"
}

# --- places ------------------------------------------------------------------

@test "ring: what came back settled frees its place" {
	push_jobs 12
	circle a 'jobq-claim --ring 2 --until-empty' \
		'jobq-run -j 2 -- true' jobq-report
	ends a '0 0 0'
	same '' "$(cat a.?.err)"
	counts 12 'stage = 4 AND attempt = 1 AND rescues = 0'
	same 24 "$(sql 'SELECT count(*) FROM event')"
}

@test "ring: jobq-report may settle over another connection" {
	push_jobs 4
	circle a 'jobq-claim --ring 1 --until-empty' 'jobq-run -- sh -c "exit 65"' \
		"env JOBQ_URL= jobq-report -S $JOBQ_URL"
	ends a '1 1 1'
	counts 4 'stage = 6'
}

@test "ring: what came back settled is not settled again" {
	push_jobs 3
	circle a 'jobq-claim --ring 1 --max-jobs 3' 'jobq-run -- true' \
		"jq -c --unbuffered 'if .lost then . else .settled = \"stale\" end'"
	ends a '0 0 0'
	# Nobody has told the store.
	counts 3 'stage = 3 AND started_ms IS NULL'
}

@test "ring: --ahead is how many may wait in the runner" {
	push_jobs 8
	circle a 'jobq-claim --ring 2 --ahead 3' 'jobq-run -j 2 -- sleep 1000'
	wait_until 20 counts 5 'stage = 3'
	circle b 'jobq-claim --ring 1 --ahead 0' 'jobq-run -- sleep 1000'
	wait_until 20 test -s b.0.pid
	wait_until 20 counts 1 "worker LIKE '%:$(<b.0.pid):%'"
	# Those that waited for a second are anybody's again.
	wait_until 20 counts 3 'started_ms IS NOT NULL'
	once 5 'stage = 2 AND attempt = 0'
}

@test "ring: one that had to wait is not claimed again and again" {
	push_jobs 6
	circle a 'jobq-claim --ring 4 --ahead 0' 'jobq-run -j 2 -- sleep 1000'
	once 2 'stage = 2 AND epoch = 1'
	later 2.2
	# Two run, two had to wait, one may have been tried once more.
	same 1 "$(($(sql 'SELECT sum(epoch) FROM job') <= 5))"
	counts 2 'stage = 3'
}

@test "ring: two more than the places are taken until a job is seen to be long" {
	push_jobs 9
	circle a 'jobq-claim --ring 2' 'jobq-run -j 2 -- sleep 1000'
	once 4 'epoch >= 1'
	once 2 'stage = 2 AND epoch = 1'
	later 0.5
	same 1 "$(($(sql 'SELECT sum(epoch) FROM job') <= 5))"
	counts 2 'stage = 3'
}

@test "ring: a job behind a long one goes to an idle worker" {
	jq -nc '["s1", "s2", "long"] + [range(3; 21) | "s\(.)"] | .[] |
		{id: .}' | jobq-push >pushed
	cat >handler <<-'END'
		#!/bin/sh
		if [ "$JOBQ_ID" = long ]; then
			until [ "$(wc -l <short)" = 20 ]; do sleep 0.05; done
		else
			sleep 0.005
			echo "$JOBQ_ID" >>short
		fi
	END
	chmod +x handler
	circle a 'jobq-claim --ring 1 --until-done' 'jobq-run -- ./handler'
	circle b 'jobq-claim --ring 1 --until-done' 'jobq-run -- ./handler'
	ends a '0 0'
	ends b '0 0'
	counts 21 'stage = 4 AND attempt = 1 AND rescues = 0'
	same 20 "$(sort -u short | wc -l)"
}

@test "ring: an ending that was dropped frees its place after a lease" {
	push_jobs 3
	circle a 'jobq-claim --ring 1 --ahead 0 --lease 0.6 --max-jobs 2' \
		'jobq-run -- true' 'grep --line-buffered -v completed'
	ends a '0 0 0'
	said a 0 'nothing was heard of job j1'
	said a 0 'nothing was heard of job'
	same 1 "$(($(sql 'SELECT sum(epoch) FROM job') == 2))"
}

@test "ring: a filter that buffers is told of, and nothing is lost" {
	push_jobs 3
	circle a 'jobq-claim --ring 2 --ahead 0 --lease 0.8' 'jq -c .' \
		'jobq-run -j 2 -- true'
	wait_until 30 said a 0 'nothing was heard of job'
	tell TERM a 0
	wait_until 30 test -s a.codes
	circle b 'jobq-claim --ring 2 --until-done' 'jobq-run -j 2 -- true'
	ends b '0 0'
	counts 3 'stage = 4 AND attempt = 1'
}

@test "ring: a job that says nothing keeps its place while it runs" {
	push_jobs 2
	circle a 'jobq-claim --ring 2 --ahead 0 --lease 1 --until-empty' \
		'jobq-run -j 2 -- sleep 2.2'
	ends a '0 0'
	same '' "$(cat a.0.err)"
	counts 2 'stage = 4 AND attempt = 1 AND rescues = 0'
}

# --- stop --------------------------------------------------------------------

@test "ring: alive is answered also to a runner that counts anew" {
	push_jobs 1
	echo '{"event":"alive","n":1000,"jobs":[["x",1]]}' >before
	circle a 'jobq-claim --ring 1 --lease 1s --until-empty' \
		'bash -c "cat before; exec jobq-run -- sleep 3"'
	ends a '0 0'
	counts 1 'stage = 4 AND rescues = 0'
}

@test "ring: a running job that is cancelled ends within seconds" {
	push_jobs 1
	circle a 'jobq-claim --ring 1 --until-empty' \
		'jobq-run -- sh -c "echo \$\$ >up; exec sleep 1000"'
	wait_until 20 test -s up
	once 1 'started_ms IS NOT NULL'
	local begun=$SECONDS
	jobq-cancel <<<j1 >told
	wait_until 20 gone "$(<up)"
	same 1 "$((SECONDS - begun <= 4))"
	ends a '0 0'
	same '5|cancel' "$(job j1 stage reason)"
}

@test "ring: a job that waits in the runner is cancelled before it starts" {
	push_jobs 2
	circle a 'jobq-claim --ring 1 --ahead 1' \
		'jobq-run -- sh -c "echo \$JOBQ_ID >>ran; exec sleep 1000"'
	wait_until 20 counts 2 'epoch = 1'
	jobq-cancel <<<j2 >told
	once 1 "stage = 5 AND id = 'j2'"
	wait_until 20 has_lines 1 ran
	tell TERM a 1
	ends a '0 0'
	same j1 "$(<ran)"
	same '2 5' "$(state j1) $(state j2)"
}

@test "ring: a cancelled job of a silent worker is cancelled with its lease" {
	push_jobs 1
	take -n1 --lease 0.5
	settle '{"event":"started"}'
	jobq-cancel <<<j1 >told
	same 3 "$(state j1)"
	circle a 'jobq-claim --ring 1 --until-done' 'jobq-run -- true'
	ends a '0 0'
	same '5|1' "$(job j1 stage epoch)"
}

@test "ring: cancelling what waits, is over or is not there" {
	jq -nc '{id: "over"}, {id: "later", run_at: "2099-01-01T00:00:00Z"}' |
		jobq-push >pushed
	circle a 'jobq-claim --ring 1 --until-empty' 'jobq-run -- true'
	ends a '0 0'
	run_apart jobq-cancel < <(printf '%s\n' later over nosuch)
	same 1 "$status"
	same '5 4' "$(state later) $(state over)"
	has "$stdout$stderr" later over nosuch
}

@test "ring: a job that went to another is stopped, and its ending is stale" {
	push_jobs 1
	circle a 'jobq-claim --ring 1' \
		'jobq-run -- sh -c "echo \$\$ >>up; exec sleep 1000"' 'tee passed'
	wait_until 20 test -s up
	once 1 'started_ms IS NOT NULL'
	sql "UPDATE job SET epoch = 2, worker = 'other'"
	wait_until 20 gone "$(<up)"
	wait_until 20 grep -q '"reason":"lost"' passed
	tell TERM a 0
	ends a '0 0 0'
	same '3|2|other' "$(job j1 stage epoch worker)"
	has_lines 1 up
}

# --- faults ------------------------------------------------------------------

@test "ring: lines that are none of its own are told, and work goes on" {
	push_jobs 5
	circle a 'jobq-claim --ring 2 --until-empty' 'jobq-run -j 2 -- true' \
		"sed -u '1i no JSON' | sed -u '2i {\"input\":1}'"
	ends a '2 0 0'
	said a 0 'stdin:1:'
	said a 0 'a job line came round'
	counts 5 'stage = 4'
}

@test "ring: events of others that come round disturb nothing" {
	push_jobs 5
	cat >others <<-'END'
		{"event":"completed","id":"nosuch","epoch":1,"worker":"w","n":1}
		{"event":"completed","id":"j5","epoch":9,"worker":"w","n":1}
		{"event":"idle","next_in":1}
		{"event":"stop","id":"j1","epoch":1,"reason":"cancel"}
		{"event":"alive","worker":"w","n":1,"jobs":[["x",1]],"lost":[]}
		{"event":"later","id":"j1","epoch":1,"worker":"w","n":7}
	END
	circle a 'jobq-claim --ring 1 --until-empty' 'jobq-run -- true' \
		"bash -c 'cat others; exec cat'"
	ends a '0 0 0'
	counts 5 'stage = 4 AND attempt = 1 AND rescues = 0'
}

@test "ring: a command that is gone is backed off from, no attempt burned" {
	push_jobs 4
	printf '#!/bin/sh\nmv handler away\n' >handler
	chmod +x handler
	circle a 'jobq-claim --ring 1 --ahead 0 --until-empty' \
		'jobq-run -- ./handler'
	once 1 'stage = 4'
	wait_until 20 said a 0 'cannot start its command'
	# What is claimed again at once is never seen to be free.
	wait_until 2 counts 0 'stage = 3'
	counts 3 'stage = 2 AND attempt = 0'
	printf '#!/bin/sh\n' >handler.new
	chmod +x handler.new
	mv handler.new handler
	ends a '0 0'
	counts 4 'stage = 4 AND attempt = 1'
}

@test "ring: a claim that the store refuses whole ends it, exit 2" {
	circle a 'jobq-claim -S fail:invalid --ring 1' 'jobq-run -- true'
	# The runner may find that nobody reads it, or that nobody writes.
	wait_until 60 test -s a.codes
	[[ $(<a.codes) = '2 0' || $(<a.codes) = '2 141' ]]
}

@test "ring: the store may be away for a while" {
	push_jobs 8
	circle a 'jobq-claim --ring 2 --lease 6 --until-empty' \
		'jobq-run -j 2 -- sh -c "echo \$JOBQ_ID >>ran; sleep 0.2"'
	wait_until 20 has_lines 2 ran
	lock_store
	wait_until 20 said a 0 'trying again'
	later 1.5
	unlock_store
	ends a '0 0'
	counts 8 'stage = 4 AND attempt = 1 AND rescues = 0'
	same 8 "$(sort ran | uniq | wc -l)"
	same 8 "$(wc -l <ran)"
}

@test "ring: USR1 says what it waits for" {
	push_jobs 1
	circle a 'jobq-claim --ring 2' 'jobq-run -- sleep 1000'
	once 1 'started_ms IS NOT NULL'
	tell USR1 a 0
	wait_until 20 said a 0 '1 jobs outstanding.*waits for the runner'
	tell USR1 a 1
	wait_until 20 said a 1 '1 running'
}

@test "ring: large jobs, much output and a stage that stops do not block it" {
	push_jobs 24 "$(jq -nc '{input: ("x" * 102400)}')"
	cat >handler <<-'END'
		#!/bin/sh
		cat >input.$JOBQ_ID
		[ "$(wc -c <input.$JOBQ_ID)" -ge 102400 ] || exit 65
		until [ -e go ]; do sleep 0.05; done
		head -c 200000 /dev/zero | tr '\0' y >&2
		head -c 200000 /dev/zero | tr '\0' '\n'
	END
	chmod +x handler
	circle a 'jobq-claim --ring 4 --until-empty' 'jq -c --unbuffered .' \
		'jobq-run -j 4 -- ./handler' 'jq -c --unbuffered .'
	once 4 'started_ms IS NOT NULL'
	tell STOP a 3
	touch go
	later 1.5
	tell CONT a 3
	# It has gone on.
	wait_until 60 more_than 4 'epoch = 1'
	tell STOP a 1
	later 1
	tell CONT a 1
	ends a '0 0 0 0'
	counts 24 'stage = 4 AND attempt = 1 AND rescues = 0'
}
