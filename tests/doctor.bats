#!/usr/bin/env bats

load support/common

setup() {
	common_setup
	umask 077
	mkdir store
	export JOBQ_URL="sqlite:$BATS_TEST_TMPDIR/store/q.db"
	jobq-admin init 2>/dev/null
	unset "${!JOBQ_TEST_@}"
}

# adapter SED_SCRIPT FILE: a copy of the embedded store's adapter with that
# change to FILE, and $JOBQ_URL with it; fails when nothing was changed.
adapter() {
	cp -r "$TOP/share/adapters/sqlite" mine
	sed -i "$1" "mine/$2"
	not cmp -s "mine/$2" "$TOP/share/adapters/sqlite/$2"
	JOBQ_URL="$JOBQ_URL?adapter=$PWD/mine"
}

# rows: all that is in the store.
rows() {
	sqlite3 store/q.db 'SELECT * FROM job; SELECT * FROM body;
		SELECT * FROM event; SELECT * FROM need; SELECT * FROM queue;
		SELECT * FROM meta'
}

# finding CHECK [PROGRAM]: of the findings in $stdout, the texts under CHECK;
# with a program, those for which it is true.
finding() {
	jq -r --arg check "$1" "select(.check == \$check) | select(${2-true}).text" \
		<<<"$stdout"
}

@test "doctor: a store in order is ok from top to bottom, exit 0" {
	run_apart jobq-doctor
	same 0 "$status"
	same "" "$stderr"
	json -s 'all(.ok) and all(.text | length > 0) and (map(.check) |
		contains(["store", "setting", "commands", "driver", "adapter",
		"files", "folder", "disk", "integrity", "durability", "clock",
		"plan", "rehearsal"]))' \
		<<<"$stdout"
	same "$JOBQ_URL, named by JOBQ_URL" "$(finding store)"
	has "$(finding driver)" sqlite
	has "$(finding adapter)" "$JOBQ_BUILD/share/adapters/sqlite" epoch
	has "$(finding durability)" FULL
}

@test "doctor: says where the store's URL comes from" {
	run_apart jobq-doctor --store "$JOBQ_URL"
	same "$JOBQ_URL, named by --store" "$(finding store)"
	mkdir -p "$XDG_CONFIG_HOME/jobq"
	echo "$JOBQ_URL" >"$XDG_CONFIG_HOME/jobq/url"
	unset JOBQ_URL
	run_apart jobq-doctor
	same 0 "$status"
	has "$(finding store)" "named by $XDG_CONFIG_HOME/jobq/url"
	rm "$XDG_CONFIG_HOME/jobq/url"
	[ ! -e /etc/jobq/url ] || return 0
	run_apart jobq-doctor
	same 2 "$status"
	has "$(finding store)" "$XDG_STATE_HOME/jobq/jobq.db, named by the default"
}

@test "doctor: says what the environment sets, and what is no setting" {
	JOBQ_LOG_LEVEL=info JOBQ_LOGLEVEL=x JOBQ_TOKEN_FILE=/t run_apart \
		jobq-doctor
	finding setting >settings
	grep -qxF "JOBQ_LOG_LEVEL is 'info' (environment)" settings
	grep -qxF "JOBQ_URL is $JOBQ_URL (environment)" settings
	grep -qxF "JOBQ_TOKEN_FILE is '/t' (environment)" settings
	grep -qxF "JOBQ_LOGLEVEL is set, but is no setting of jobq (environment)" \
		settings
}

@test "doctor: tells no secrets" {
	export JOBQ_TOKEN=s3cr3t-canary JOBQ_X=s3cr3t-canary
	run_apart jobq-doctor -S "sqlite:store/q.db?password=s3cr3t-canary"
	same "" "$(grep canary <<<"$stdout$stderr")"
	JOBQ_URL="nosuch://u:s3cr3t-canary@h/d" run_apart jobq-doctor
	same 2 "$status"
	same "" "$(grep canary <<<"$stdout$stderr")"
	has "$(finding store)" 'u:***@h'
}

@test "doctor: a settings file with a password must be its owner's alone" {
	mkdir -p "$XDG_CONFIG_HOME/jobq"
	echo "nosuch://u:p@h/d" >"$XDG_CONFIG_HOME/jobq/url"
	unset JOBQ_URL
	run_apart jobq-doctor
	same "" "$(finding files)"
	chmod 644 "$XDG_CONFIG_HOME/jobq/url"
	run_apart jobq-doctor
	has "$(finding files .ok==false)" "$XDG_CONFIG_HOME/jobq/url" 0644 \
		"chmod go= "
}

@test "doctor: files that others can use are a failure, and how to mend it" {
	chmod 644 store/q.db
	run_apart jobq-doctor
	same 1 "$status"
	finding files .ok==false >texts
	has "$(<texts)" "'$PWD/store/q.db' (mode 0644)"
	while read -r text; do
		eval "${text##*: }"
	done <texts
	run_apart jobq-doctor
	same 0 "$status"
	chmod 660 store/q.db.turn
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding files .ok==false)" q.db.turn
}

@test "doctor: a folder that others can write to is a failure" {
	chmod 755 store
	run_apart jobq-doctor
	same 0 "$status"
	chmod 1777 store
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding folder .ok==false)" "'$PWD/store' has mode 1777" \
		"chmod go-w '$PWD/store'"
}

@test "doctor: a store that has lost its durability is a failure" {
	sqlite3 store/q.db 'PRAGMA journal_mode = DELETE' >/dev/null
	run_apart jobq-doctor
	same 1 "$status"
	same "journal mode is delete" "$(finding journal .ok==false)"
}

@test "doctor: a damaged store is a failure" {
	local page
	seq 300 | jobq-lines | jobq-push >/dev/null
	page=$(sqlite3 store/q.db "PRAGMA wal_checkpoint(TRUNCATE);
		SELECT rootpage FROM sqlite_schema WHERE name = 'job_id'" | tail -n 1)
	printf '%0200d' 0 | dd of=store/q.db bs=1 seek=$(((page - 1) * 4096)) \
		conv=notrunc status=none
	run_apart jobq-doctor
	[ "$status" = 1 ] || [ "$status" = 2 ]
	[ -n "$(finding integrity .ok==false)$stderr" ]
}

@test "doctor: jobs that wait for a reaper are a failure" {
	echo '{"id":"a"}' | jobq-push | timeout 20 jobq-claim >/dev/null
	run_apart jobq-doctor
	same 0 "$status"
	sqlite3 store/q.db 'UPDATE job SET lease_until = 1'
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding lapsed .ok==false)" "1 jobs" "jobq-admin reap"
}

@test "doctor: a store's clock that is wrong is a failure" {
	cat >store/adapter.json <<-'EOT'
		{"driver":"exec","fencing":"none","renews":false,
		"lease":30,"verbs":["list","claim","settle","check"]}
	EOT
	cat >store/store <<-'EOT'
		#!/bin/sh
		[ "$1" != check ] || echo '{"check":"clock","ok":true,"text":"own",' \
			'"at":"2001-01-01T00:00:00Z"}'
	EOT
	chmod +x store/store
	run_apart jobq-doctor -S "exec:$PWD/store?adapter=$PWD/store"
	same 1 "$status"
	has "$(finding clock .ok==false)" "they differ from this machine's by -" \
		"time server"
}

@test "doctor: a command of another build on PATH is a failure" {
	mkdir bin
	printf '#!/bin/sh\n' >bin/jobq-claim
	chmod +x bin/jobq-claim
	PATH="$PWD/bin:$PATH" run_apart jobq-doctor
	same 1 "$status"
	has "$(finding commands .ok==false)" "jobq-claim on PATH is '$PWD/bin/jobq-claim'" \
		"$JOBQ_BUILD/bin"
	doctor=$(command -v jobq-doctor)
	PATH=/usr/bin:/bin run_apart "$doctor"
	same 1 "$status"
	has "$(finding commands .ok==false)" "not on PATH: jobq" jobq-claim \
		"add '$JOBQ_BUILD/bin' to it"
}

@test "doctor: without a store it still says what surrounds it, exit 2" {
	rm store/*
	run_apart jobq-doctor
	same 2 "$status"
	has "$stderr" "$PWD/store/q.db" "jobq-admin init"
	[ -n "$(finding commands)" ]
	same "$JOBQ_URL, named by JOBQ_URL" "$(finding store)"
	same "" "$(ls store)"
}

@test "doctor: a store that is away exits 75" {
	run_apart jobq-doctor -S fail:again
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
}

@test "doctor: says what an adapter cannot do" {
	jobq-admin init -S "exec:$PWD/dir?adapter=dir" 2>/dev/null
	run_apart jobq-doctor -S "exec:$PWD/dir?adapter=dir"
	same 0 "$status"
	has "$(finding adapter)" "cannot do"
	has "$(finding checks)" "does not check itself"
}

@test "doctor: rehearses a job's way, and nothing of it is left" {
	local ids
	printf '%s\n' '{"id":"a","queue":"q"}' '{"id":"b","needs":["a"]}' |
		jobq-push >/dev/null
	timeout 20 jobq-claim -n 1 --lease 60 | jq -c '{event:"output",id,n:1,
		epoch:.lease.epoch,worker:.lease.worker,text:"x"}' |
		jobq-report >/dev/null
	rows >before
	same 1 "$(sqlite3 store/q.db 'SELECT count(*) FROM event')"
	run_apart jobq-doctor -vv
	same 0 "$status"
	has "$(finding rehearsal .ok)" "push, list, claim and settle" "taken back"
	has "$stderr" "rehearse took"
	rows >after
	diff before after
	run_apart jobq-list --name rehearsal
	same "" "$stdout"
	same 2 "$(jobq-list | wc -l)"
}

@test "doctor: a rehearsal rings for nobody" {
	jobq-doctor >/dev/null
	same 0 "$(stat -c %s store/q.db.turn)"
}

@test "doctor: an adapter whose claim takes no job is found" {
	adapter 's/^UPDATE req SET wanted = .*/DELETE FROM take/' claim.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal .ok==false)" "texts are wrong" \
		"claim answers 0 lines about the one job, not 1"
	same 0 "$(sqlite3 store/q.db 'SELECT count(*) FROM job')"
}

@test "doctor: an adapter whose probe sees no job is found" {
	adapter 's/q.paused_ms IS NULL AND/q.paused_ms = 1 AND/' claim-nothing.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal .ok==false)" "claim answers 0 lines"
}

@test "doctor: an adapter that settles what is stale is found" {
	adapter "s/j.epoch = ev.epoch/1/" settle-events.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal .ok==false)" \
		'settle of another epoch gives settled as true, not "stale"'
}

@test "doctor: an adapter that changes numbers is found" {
	adapter 's/^SELECT p.job, p.line/SELECT p.job, replace(p.line, 740993, 740992)/' \
		push.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal .ok==false)" \
		"push gives input as [1.10,9007199254740992,1e400], not [1.10,"
}

@test "doctor: an adapter with a text that is no SQL is found" {
	adapter 's/^INSERT INTO take$/INSERT INTO taken/' claim.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding plan .ok==false)" "$PWD/mine/claim.sql" taken
	has "$(finding rehearsal .ok==false)" "could not be done: claim:" taken
	same 0 "$(sqlite3 store/q.db 'SELECT count(*) FROM job')"
}

@test "doctor: a claim that reads a whole table is found" {
	adapter 's/FROM job f INDEXED BY job_ready/FROM job f NOT INDEXED/' claim.sql
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding plan .ok==false)" " of claim.sql reads the whole table job"
	has "$(finding rehearsal .ok)" "taken back"
}

@test "doctor: a claim that reads a whole index is found" {
	adapter 's/^UPDATE req SET wanted = .*/UPDATE req SET flow = (SELECT max(n + 0) FROM event INDEXED BY event_once)/' \
		claim.sql
	run_apart jobq-doctor
	same 1 "$status"
	same 1 "$(finding plan .ok==false | wc -l)"
	has "$(finding plan .ok==false)" " of claim.sql reads the whole table event"
}

@test "doctor: an adapter that cannot rehearse is not checked" {
	adapter 's/"rehearse", "plan"/"prune"/; s/, "plan"\]/]/' adapter.json
	run_apart jobq-doctor
	same 0 "$status"
	same "not checked: the adapter cannot rehearse" "$(finding rehearsal .ok)"
	same "" "$(finding plan)"
}

@test "doctor: a store that another holds is said to be busy, exit 75" {
	spawn flock store/q.db.turn sleep 60
	wait_until 10 not flock -n store/q.db.turn true
	run_apart timeout 60 jobq-doctor
	same 75 "$status"
	has "$(finding rehearsal .ok==false)" "could not be done: " "fuser"
	has "$stderr" "q.db.turn"
	[ -n "$(finding plan .ok)" ]
}

@test "doctor: a store that cannot be written is a failure" {
	rm -f store/q.db.turn
	mkdir store/q.db.turn
	chmod 700 store/q.db.turn
	run_apart jobq-doctor
	same 1 "$status"
	has "$(finding rehearsal .ok==false)" "could not be done: " q.db.turn
}

@test "doctor: a table by --table and on a terminal, lines by --json" {
	jobq-doctor --table >table
	grep -qE '^ok +durability +synchronous is FULL$' table
	not grep -q FAIL table
	jobq-doctor --format table | grep -qE '^ok +store '
	jobq-doctor --json | json -s 'all(.ok)'
	chmod 777 store
	code=0
	jobq-doctor --table >table || code=$?
	same 1 "$code"
	grep -qE "^FAIL  folder +'.*/store' has mode 0777" table
	run_apart jobq-doctor --format prometheus
	same 2 "$status"
}
