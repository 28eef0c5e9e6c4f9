#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of the inner shell
#
# Jobs in a Kafka: what the suite of all stores does not ask.
# bats file_tags=server

load support/kafka-jobs

# bats test_tags=smoke
@test "kafka: records with one id run one after the other" {
	log_store
	printf '%s\n' 'x:{"id":"x"}' 'x:{"id":"x"}' 'x:{"id":"x"}' \
		'y:{"id":"y"}' | produce jobs -K:
	timeout 60 jobq-work -j 4 --until-empty -- \
		sh -c 'echo "$JOBQ_ID" >>ran; sleep 0.1'
	same 'x x x y' "$(sort ran | paste -sd ' ')"
	same 4 "$(told 'select(.event == "completed").id' | wc -l)"
	committed_all 4 1
}

@test "kafka: hostile records are dead letters, and the others run" {
	local header long
	log_store
	long=$(head -c 70000 /dev/zero | tr '\0' 9)
	# A number in a header that has no place in a job is none.
	for header in jobq-attempt=x jobq-attempt=4611686018427387903 \
		jobq-epoch=-5 jobq-epoch=9223372036854775807 jobq-epoch="$long" \
		jobq-snoozes=99999999 jobq-not-before=4611686018427387903 \
		jobq-not-before= jobq-born=4611686018427387903 a=b; do
		echo "{\"name\":\"${header%%[=9]*}\"}" |
			produce jobs -H "$header"
	done
	printf 'x\n\0\1\xff\n[]\n"x"\nnull\n{"id":"../x"}\n{"id":5}\n' |
		produce jobs
	printf '%s\n' '{"id":"\u0000"}' '{"id":"a","id":"b"}' \
		'{"event":"completed","id":"e"}' '{"lease":{"epoch":5}}' \
		"{\"a\":$(head -c 200 /dev/zero | tr '\0' '[')}" | produce jobs
	echo "$(head -c 9000 /dev/zero | tr '\0' k):{}" | produce jobs -K:
	printf 'nothing:\n' | produce jobs -K: -Z
	printf '%s\n' x '[]' '{}' '{"event":"cancel"}' \
		'{"event":"cancel","id":5}' '{"event":"cancel","id":"/"}' |
		produce control
	printf '%s\n' x '[]' '{}' '{"event":5,"id":5,"epoch":"x"}' \
		'{"event":"completed","id":"last","epoch":0,"worker":"\ud800"}' \
		'{"event":"failed","id":"last","epoch":-1,"worker":"w","n":1e400,"state":"weird","at":"y"}' |
		produce events
	echo '{"id":"last"}' | produce jobs
	run_apart timeout 60 jobq-work -j 2 --until-empty -- true
	same 1 "$status"
	same 13 "$(grep -c 'failed: refused' <<<"$stderr")"
	same 13 "$(consume dead | wc -l)"
	same 12 "$(told 'select(.state == "completed").id' | wc -l)"
	committed_all 25 1
	same completed "$(jobq-list --json | jq -r 'select(.id == "last").state')"
	same 12 "$(jobq-list --state completed --json | wc -l)"
}

@test "kafka: a record that is too large for another topic ends no worker" {
	needs_apache 'topics with a limit'
	log_store
	# With the headers of a dead letter, or of another attempt, it is beyond
	# the million bytes that a topic takes.
	{
		printf 'bad:{"'
		head -c 1048480 /dev/zero | tr '\0' x
		printf '\nfails:{"id":"fails","input":"'
		head -c 1048450 /dev/zero | tr '\0' x
		printf '"}\nwell:{"id":"well"}\n'
	} | produce jobs -K: -X message.max.bytes=2000000
	run_apart timeout 60 jobq-work -j 2 --until-empty --backoff 0.2 -- \
		sh -c 'test "$JOBQ_ID" = well'
	same 1 "$status"
	same $'failed\nwell' "$(told 'select(.state) | if .state == "completed"
		then .id else .state end' | sort -u)"
	same $'bad 65536 1\nfails 65536 1' "$(consume dead -f '%k %S %h\n' |
		sed 's/ jobq-attempt=.*jobq-cut=10484.*/ 1/' | sort)"
	committed_all 3 1
}

@test "kafka: jobs that wait for their time do not hold up their partition" {
	local i soon
	log_store
	soon=$(($(date +%s) * 1000 + 3600000))
	for i in 1 2 3; do
		echo "late$i:{\"id\":\"late$i\"}"
	done | produce jobs -K: -H "jobq-not-before=$soon"
	jobs 2500 | produce jobs
	export -f answers
	work w -j 4 --coprocess --depth 4 -- bash -c answers
	# More than may be open at a time.
	wait_until 60 ended 2500
	wait_until 20 holds 2506 jobs
	same 3 "$(consume jobs -f '%k %h\n' -o 2503 |
		grep -c "^late.*jobq-not-before=$soon")"
	same '' "$(told 'select(.id | startswith("late")).event')"
	leave "$spawned_pid" 0
}

@test "kafka: a running job is cancelled by who has a slower clock" {
	log_store
	echo '{"id":"a"}' |
		produce jobs -H "jobq-born=$((($(date +%s) + 600) * 1000))"
	work w -j 1 --grace 0.2 -- sleep 1000
	# shellcheck disable=SC2317 # called by wait_until
	started() { [ -n "$(told 'select(.event == "started").id')" ]; }
	wait_until 30 started
	jobq-cancel a >cancelled
	wait_until 20 ended 1
	same cancelled "$(told 'select(.state).state')"
	committed_all 1 1
	leave "$spawned_pid" 0
}

@test "kafka: a view of a topic that was made anew says so" {
	log_store
	jobs 20 | jobq-push >pushed
	same 20 "$(jobq-list --json | wc -l)"
	sqlite3 "$XDG_STATE_HOME"/jobq/kafka-*.db \
		"UPDATE meta SET value = 50 WHERE name = 'place $prefix-jobs/0'"
	run_apart jobq-list
	same 2 "$status"
	has "$stderr" 'was made anew' 'kafka-'
}

@test "kafka: two watchers of one view hear of each job, whoever is killed" {
	local i first
	log_store 2
	export -f answers
	spawn sh -c 'exec jobq-watch --since 0 >w1'
	spawn sh -c 'exec jobq-watch --since 0 >w2'
	work w -j 4 --coprocess -- bash -c answers
	first=$spawned_pid
	jobs 1000 | jobq-push >pushed
	for i in {1..6}; do
		spawn jobq-list --json >listed
		wait_until "0.$i" gone "$spawned_pid" ||
			kill -KILL "$spawned_pid" 2>missed || gone "$spawned_pid"
	done
	wait_until 60 ended 1000
	for i in w1 w2; do
		all_in() { same 1000 "$(jq -r 'select(.event == "completed").id' \
			"$i" | wc -l)"; }
		wait_until 20 all_in
		same 1000 "$(jq -r 'select(.event == "completed").id' "$i" |
			sort -u | wc -l)"
		not grep '"gap"' "$i"
	done
	same 1000 "$(jobq-list --stats --json | jq .completed)"
	leave "$first" 0
}
