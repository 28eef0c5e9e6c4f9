#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2210 # $ of jq in single quotes; files named by number
#
# What the embedded store does about its file: who may read it, and what is
# said when it is missing, busy, damaged, foreign, newer, or the disk is full.

load support/common

setup() {
	common_setup
	db=$BATS_TEST_TMPDIR/q.db
	# Root may write everywhere; without two of its powers it may not.
	weakly=()
	[ "$(id -u)" != 0 ] || weakly=(setpriv
		--bounding-set '-dac_override,-dac_read_search')
}

teardown() {
	[ -z "${mounted-}" ] || umount "$mounted"
	common_teardown
}

# fails EXIT WORD COMMAND...: exits so and says one line that has the word.
fails() {
	local code=$1 word=$2
	shift 2
	run_apart timeout 60 "$@" </dev/null
	same "$code" "$status"
	same '' "$stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$word"
}

some_jobs() {
	seq "$1" | jobq-lines | jobq-push >pushed
	sqlite3 "$db" 'PRAGMA wal_checkpoint(TRUNCATE)' >checkpoint
}

# sound FILE: SQLite finds nothing wrong with it.
sound() {
	same ok "$(sqlite3 "$1" 'PRAGMA integrity_check')"
}

# fed FILE COMMAND...: for spawn, with a standard input. A fifo never ends.
fed() {
	local file=$1
	shift
	"$@" <>"$file"
}

@test "store file: only its owner can read it, whatever the umask" {
	local file
	export JOBQ_URL=sqlite:$BATS_TEST_TMPDIR/new/folder/q.db
	mkfifo requests
	umask 000
	spawn fed requests storecall "$JOBQ_URL" >answers
	echo 'push {"jobs":[]}' >requests
	wait_until 10 test -e new/folder/q.db-shm
	same 700 "$(stat -c %a new/folder)"
	for file in q.db q.db-wal q.db-shm q.db.turn; do
		same "600 $file" "$(stat -c %a new/folder/$file) $file"
	done
}

@test "store file: the log stays short while jobs come" {
	mkfifo requests
	spawn fed requests storecall "$JOBQ_URL" >answers
	echo 'push {"jobs":[]}' >requests
	wait_until 10 test -e "$db-wal"
	# Twice as much as the log may hold at the most.
	jq -nc 'range(20000) | {input: ("x" * 2000)}' | jobq-push >pushed
	same 20000 "$(wc -l <pushed)"
	(($(stat -c %s "$db-wal") < (20 << 20)))
}

@test "store file: its path may hold any characters, written as %XX" {
	JOBQ_URL='sqlite:a%20b%3F%25.db' jobq-push --name x >pushed
	[ -e 'a b?%.db' ]
	fails 2 "'nosuch'" jobq-list --store 'sqlite:a%20b%3F%25.db?nosuch=1'
}

@test "store file: commands that make no store say that there is none" {
	local command
	for command in jobq-report jobq-poll jobq-list 'jobq-cancel x'; do
		# shellcheck disable=SC2086 # a command and its operand
		fails 2 "no store '$db'" $command
	done
	[ ! -e "$db" ]
	jobq-push </dev/null
	[ -e "$db" ]
}

@test "store file: a writer waits for a lock until its time is up" {
	some_jobs 3
	mkfifo sql
	spawn fed sql sqlite3 "$db" >answer
	printf 'BEGIN IMMEDIATE;\nSELECT 1;\n' >sql
	wait_until 10 test -s answer
	fails 75 'again: ' storecall -d 300 "$JOBQ_URL" prune
	has "$stderr" "$db" 'locked'
	# Reading goes on, and writing as soon as the lock is gone.
	same 3 "$(jobq-list | wc -l)"
	spawn jobq-push --name x
	local push=$spawned_pid
	printf 'ROLLBACK;\n.quit\n' >sql
	wait "$push"
	same 4 "$(jobq-list | wc -l)"
}

@test "store file: a writer waits for its turn until its time is up" {
	some_jobs 1
	spawn flock "$db.turn" sleep 60
	wait_until 10 eval '! flock -n "$db.turn" true'
	fails 75 'again: ' storecall -d 300 "$JOBQ_URL" prune
	has "$stderr" "$db.turn"
}

@test "store file: a damaged file is told, and nothing is printed of it" {
	local command
	some_jobs 2000
	dd if=/dev/zero of="$db" bs=4096 seek=2 count=80 conv=notrunc status=none
	for command in 'jobq-push --name x' jobq-list 'jobq-claim -n 1'; do
		# shellcheck disable=SC2086 # a command and its options
		fails 2 'damaged' $command
		has "$stderr" "$db" '.recover'
	done
	truncate -s 40000 "$db"
	fails 2 'damaged' jobq-list
}

@test "store file: what is no store is left as it is" {
	local file
	seq 2000 >text.db
	sqlite3 other.db 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
	mkdir folder.db
	cp text.db text.before
	cp other.db other.before
	for file in text other; do
		fails 2 "'$file.db'" jobq-push --store "sqlite:$file.db" --name x
		fails 2 "'$file.db'" jobq-list --store "sqlite:$file.db"
		cmp "$file.db" "$file.before"
	done
	run_apart jobq-list --store sqlite:folder.db
	[[ $status == 2 || $status == 75 ]]
	same '' "$stdout"
	has "$stderr" "'folder.db'"
}

@test "store file: one of a newer schema is refused and not touched" {
	some_jobs 3
	sqlite3 "$db" 'PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)'
	cp "$db" before
	fails 2 'newer jobq' jobq-push --name x
	fails 2 'newer jobq' jobq-list
	fails 2 'newer jobq' jobq-claim -n 1
	cmp "$db" before
}

@test "store file: a read-only one can be listed, writing says why not" {
	some_jobs 3
	chmod 0444 "$db" "$db.turn"
	fails 2 'Permission denied' "${weakly[@]}" jobq-push --name x
	fails 2 'Permission denied' "${weakly[@]}" jobq-claim -n 1
	run_apart "${weakly[@]}" jobq-list
	same 0 "$status"
	same 3 "${#lines[@]}"
	chmod 0500 .
	run_apart "${weakly[@]}" jobq-list
	chmod 0700 .
	same 0 "$status"
	same 3 "${#lines[@]}"
	chmod 0000 "$db"
	fails 2 "$db" "${weakly[@]}" jobq-list
}

# pushes_until_full DIR: what was printed is in the store, nothing else is.
pushes_until_full() {
	local url=sqlite:$1/q.db
	seq 20000 | jobq-lines >lines.ndjson
	run_apart timeout 60 jobq-push --store "$url" <lines.ndjson
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$1/q.db"
	((${#lines[@]} > 0 && ${#lines[@]} < 20000))
	printf '%s\n' "${lines[@]}" | jq -r .id | sort >printed
	sqlite3 "$1/q.db" 'SELECT id FROM job' | sort >stored
	cmp printed stored
	sound "$1/q.db"
}

@test "store file: on a full disk nothing is half written" {
	mkdir disk
	if [ "$(id -u)" = 0 ] &&
	    mount -t tmpfs -o size=900k none disk 2>/dev/null; then
		mounted=$BATS_TEST_TMPDIR/disk
		pushes_until_full disk
	else
		trap '' XFSZ
		ulimit -f 700
		pushes_until_full disk
	fi
}

@test "store file: at the limit of a file's size nothing is half written" {
	mkdir limited
	trap '' XFSZ
	ulimit -f 700
	pushes_until_full limited
}

@test "store file: what push has printed survives its kill" {
	local kill
	seq 300000 | jobq-lines >lines.ndjson
	for kill in 1 2 3; do
		spawn fed lines.ndjson jobq-push >"printed.$kill"
		wait_until 20 test -s "printed.$kill"
		kill -KILL "$spawned_pid"
		wait "$spawned_pid" || true
	done
	# The last line may be cut.
	sed -s '$d' printed.? | jq -r .id | sort >printed
	jobq-list | jq -r .id | sort >stored
	[ -s printed ]
	same '' "$(comm -23 printed stored)"
	sound "$db"
}

@test "store file: finished jobs go in their time, with their events" {
	jobq-push --name x --repeat 3 >pushed
	jobq-claim -n 2 | jq -c '{event: "completed", id, n: 1,
		epoch: .lease.epoch, worker: .lease.worker}' | jobq-report >settled
	same 3 "$(jobq-list | wc -l)"
	# As it is a day later for the first one.
	sqlite3 "$db" 'UPDATE job SET prune_ms = 1 WHERE seq = 1'
	storecall "$JOBQ_URL" settle <<<'{"events":[]}'
	same 2 "$(jobq-list | wc -l)"
	same '1 0 1' "$(sqlite3 -separator ' ' "$db" 'SELECT
		(SELECT count(*) FROM event), (SELECT count(*) FROM body
			WHERE job = 1), (SELECT value FROM meta
			WHERE name = "pruned_seq")')"
	same '86400000 86400000' "$(sqlite3 -separator ' ' "$db" \
		'SELECT min(prune_ms - ended_ms), max(prune_ms - ended_ms)
		FROM job WHERE prune_ms IS NOT NULL')"
}

@test "store file: the cursor of events grows on when all are deleted" {
	ends() { # COUNT: so many jobs come and are completed
		jobq-push --name x --repeat "$1" >pushed
		jobq-claim -n "$1" | jq -c '{event: "completed", id, n: 1,
			epoch: .lease.epoch, worker: .lease.worker}' |
			jobq-report >settled
	}
	local round
	for round in 1 2; do
		ends 3
		jobq-admin prune --older-than 0s >pruned
		same 3 "$(wc -l <pruned)"
		same '' "$(jobq-list)"
		# Nothing of them is left to be seen, nor kept but one number.
		same "$((3 * round)) 0 1" "$(sqlite3 -separator ' ' "$db" \
			'SELECT max(seq), sum(length(line)), count(*)
			FROM event')"
		storecall "$JOBQ_URL" events <<<'{"since":0}' >events.out
		same "$((3 * round)) $((3 * round))" "$(jq -rs \
			'map([.until, .after] | map(values)[]) | join(" ")' events.out)"
	done
	# The first job after them has the number of one that was deleted.
	ends 1
	storecall "$JOBQ_URL" events <<<'{"since":6}' |
		jq -s -e '.[0].event == "completed" and .[0].seq == 7'
}

# --- requests ----------------------------------------------------------------

@test "store file: entries of a request are read however they are written" {
	storecall "$JOBQ_URL" >answers <<-'END'
		push {"jobs":[{"line":"{\u0022id\":\"a\"", "\u0069d" : "\u0061","queue":"q","name":"n","priority":1e0,"max_attempts":5.0,"key":null}]}
		claim {"queues":["\u0071"],"limit":1.0,"worker":"\u0077","lease":3e1}
		settle {"events":[ {"id":"a","id":"b","wor\u006ber":"w","epoch":1.0,"event":"completed","line":"{\"event\":\"completed\""} ]}
	END
	jq -s -e '.[0].id == "a" and .[1].lease.worker == "w"
		and .[1].lease.seconds == 30
		and .[2] == {event: "completed", settled: true,
			state: "completed"}' answers
	same 'a|q|1|5|1' "$(sqlite3 "$db" 'SELECT id, queue, priority,
		max_attempts, key IS NULL FROM job WHERE stage = 4')"
}

@test "store file: a request with an entry that is none changes nothing" {
	local entry event
	event='{"event":"completed","id":"a","epoch":1,"worker":"w","line":"{"}'
	storecall "$JOBQ_URL" >answers <<-'END'
		push {"jobs":[{"id":"a","queue":"q","name":"n","priority":0,"max_attempts":5,"line":"{\"id\":\"a\""}]}
		claim {"limit":1,"worker":"w","lease":30}
	END
	for entry in 1 null '"x"' '[]' '{"id":"a\u0000"}' '{"id":"\ud800"}' \
		'{"event":"alive","worker":"w","jobs":" ","line":"{"}'; do
		run_apart storecall "$JOBQ_URL" settle \
			<<<"{\"events\":[$event,$entry]}"
		same '2 ' "$status $stdout"
		has "$stderr" invalid:
	done
	same 3 "$(sqlite3 "$db" 'SELECT stage FROM job')"
	# Pairs that are none are none that anyone holds.
	storecall "$JOBQ_URL" settle >answers <<-'END'
		{"events":[{"event":"alive","worker":"w","line":"{\"n\":1","jobs":[["a",1],["a"],[],"a",7,{},["a",1e400],["b",2,3]]}]}
	END
	same '{"n":1,"lost":[["b",2]]}' "$(<answers)"
}

# --- plans -------------------------------------------------------------------

# statements FILE: the text with what it includes.
statements() {
	local adapter=$TOP/share/adapters/sqlite line
	while IFS= read -r line; do
		case $line in
		'-- include '*) statements "${line#-- include }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$adapter/$1"
}

# plan FILE: how SQLite goes about the statements of a file, each line with the
# number of its statement in front.
plan() {
	storecall "$JOBQ_URL" plan <<<"{\"verb\":\"${1%%.*}\"}" |
		jq -r --arg file "$1" 'select(.file == $file and .plan)
			| "\(.statement) \(.plan)"'
}

# names FILE: for each statement a line with the names by which it knows the
# tables that grow.
names() {
	statements "$1" | awk 'BEGIN { RS = "\n---\n" }
	/CREATE TEMP/ || !NF { next }
	{
		gsub(/--[^\n]*/, "")
		gsub(/[ \t\n]+/, " ")
		line = ""
		while (match($0, /(job|event|body|need)( [a-z])? /)) {
			name = substr($0, RSTART, RLENGTH)
			sub(/ $/, "", name)
			sub(/.* /, "", name)
			line = line " " name
			$0 = substr($0, RSTART + RLENGTH)
		}
		print line
	}'
}

@test "store file: no hot statement reads a table of jobs from end to end" {
	local verb
	storecall "$JOBQ_URL" init <<<'{}'
	for verb in claim.probe claim settle.before settle push cancel retry \
		reap prune events; do
		names "$verb.sql" >names.out
		plan "$verb.sql" >plan.out
		[ -s plan.out ]
		awk -v verb="$verb" 'NR == FNR { names[NR] = $0 " "; next }
		match($0, /SCAN [a-z_]+/) && !/USING/ {
			name = substr($0, RSTART + 5, RLENGTH - 5)
			if (!($1 in names) || index(names[$1], " " name " ")) {
				print verb, "statement", $0
				bad = 1
			}
		}
		END { exit bad }' names.out plan.out
	done
}

@test "store file: claim walks the indexes made for it" {
	storecall "$JOBQ_URL" init <<<'{}'
	plan claim.sql >plan.out
	has "$(<plan.out)" 'INDEX job_ready (queue=' 'INDEX job_due (' \
		'INDEX job_lease (' 'INDEX job_expiry (' 'INDEX job_prune ('
	plan claim.probe.sql >plan.out
	has "$(<plan.out)" 'INDEX job_ready (queue=' 'INDEX job_due' 'INDEX job_lease'
	plan settle.before.sql >plan.out
	has "$(<plan.out)" 'INDEX job_id (id='
	plan settle.sql >plan.out
	has "$(<plan.out)" 'INDEX job_prune ('
	plan push.sql >plan.out
	has "$(<plan.out)" 'INDEX job_id (id=' 'INDEX job_key (queue=? AND key=?)'
}

# steps FILE REQUEST: how many SQLite takes to answer it, of a copy of the
# store, so that nothing is changed. sqlite3 does not know the functions of the
# driver: what reads events is left out, a request is read by JSON's own.
steps() {
	cp "$db" copy.db
	{
		for file in open.sql open.read.sql; do
			statements $file | sed 's/^---$/;/'
			echo ';'
		done
		printf ';\n.parameter init\n.parameter set ?1 "%s"\n.stats on\n' \
			"'${2//\"/\\\"}'"
		statements "$1" | awk 'BEGIN { RS = "\n---\n"; ORS = "\n;\n" }
			/(request_events|pairs)\(/ { next }
			{
				members = ""
				for (i = split("limit worker lease queues flow ids ring by state name key older_ms stuck_ms after why", name, " "); i; i--)
					members = members ", ?1 -> \"$." name[i] "\" ->> \"$\" AS \"" name[i] "\""
				sub(/request(_list)?\(\?1\)/, "(SELECT 1" members ")")
				print
			}'
		echo ';'
	} | sqlite3 copy.db | awk '/^Virtual Machine Steps/ { sum += $NF }
		END { print sum + 0 }'
}

@test "store file: a page reads no more of many queues than of a few" {
	local queues file few
	for file in claim list; do
		for queues in 10 100; do
			rm -f "$db"*
			jq -nc "range(60 * $queues) | {id: \"j\(.)\", queue: \"q\(. % $queues)\",
				priority: (. % 3)}" | jobq-push >/dev/null
			steps "$file.sql" \
				'{"limit":60,"by":"ready","worker":"w","lease":30}' >"$queues"
		done
		few=$(<10)
		echo "$file: $few steps of 10 queues, $(<100) of 100"
		((few > 60 && $(<100) < 2 * few))
	done
}

@test "store file: of many queues the first of all are taken, in order" {
	jq -nc 'range(360) | {id: "j\(.)", queue: "q\(. % 12)",
		priority: (. * 7 % 4)} + if . % 5 == 0 then
		{expires_at: "2001-01-01T00:00:00Z"} else {} end' |
		jobq-push >/dev/null
	jobq-admin pause q3 q8
	jq -nr '[range(360) | select(. % 12 != 3 and . % 12 != 8 and . % 5 != 0)]
		| sort_by([-(. * 7 % 4), .])[] | "j\(.)"' >expected
	# What has expired is not ready, also before anyone has cancelled it.
	jobq-poll | jq -r .id | cmp - expected
	jobq-claim -n 100 | jq -r .id >claimed
	head -n 100 expected | cmp - claimed
	jobq-poll | jq -r .id >ready
	tail -n +101 expected | cmp - ready
	jobq-claim -n 1000 | jq -r .id | cmp - ready
}

@test "store file: looking for a flow costs nothing for what others have" {
	jq -nc 'range(2000) | {flow: "big"}' | jobq-push >pushed
	(($(steps claim.probe.sql '{"limit":1,"flow":"small"}') < 1000))
	(($(steps claim.probe.sql '{"limit":1,"flow":"big"}') < 1000))
}
