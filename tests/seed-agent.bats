#!/usr/bin/env bats
# The service of an agent, from its API over Kafka to its command and back:
# share/recipes/agent-api and agent-worker, each watcher on a real WebSocket.
# bats file_tags=server

load support/kafka
load support/agent

# bats test_tags=smoke
@test "agent: a task is watched from the start, from its middle and afterwards" {
	local early late
	project_api
	cat >.env <<-END
		# \$(touch evaluated)
		export AGENT_CMD='sh $TOP/tests/support/fake-agent'
		TASK_TMP="$PWD"
		LOG_LEVEL=CRITICAL \$(touch evaluated)
	END
	export LOG_LEVEL=INFO
	api
	worker
	id=$(submit "$(run_task file env:DB_HOST wait:go Step_2 é)")
	watch early "/tasks/$id/watch"
	early=$spawned_pid
	wait_until 20 shown early 'DB_HOST=db.example'
	[ -e "task_$id.json" ]
	same '"running"' "$(task .status)"
	watch late "/tasks/$id/watch"
	late=$spawned_pid
	wait_until 20 shown late 'DB_HOST=db.example'
	: >go
	wait "$early" "$late"
	cat >expected <<-END
		Starting...
		args: agent run --input file env:DB_HOST wait:go Step_2 é
		DB_HOST=db.example
		Step 2
		é
		DONE
		close 1000
	END
	"$ws" "$at" "/tasks/$id/watch" >after
	for file in early late after; do
		same "$(<expected)" "$(<$file)"
	done
	same "{\"task_id\":\"$id\",\"project\":\"default\",\"type\":\"agent\",\
\"status\":\"done\",\"error\":null,\"last_update\":\"é\",\"exit\":0}
200" "$(ask GET "/tasks/$id")"
	# What others read of it, a record for each line.
	same "$(sed '$d' expected)" "$(consume progress | jq -r .update)"
	consume progress -J | json -s --arg id "$id" 'all(.key == $id
		and (.payload | fromjson | .task_id == $id
			and keys == ["task_id", "update"]))'
	wait_until 20 ended_at 1
	wait_until 20 not test -e "task_$id.json"
	not test -e evaluated
	stop_worker 0
	# Both tell what they do in lines of JSON, and nothing of the project's.
	for file in worker api; do
		json -s 'length > 0 and all((.ts | endswith("Z"))
			and (.level | IN("INFO", "WARNING")) and .msg != ""
			and .cmd == "agent-'$file'")' <$file.err
	done
	json -s --arg id "$id" 'map(select(.job_id == $id).code)
		== ["job_started", "job_ended"]' <worker.err
	lacks "$(<worker.err)" db.example s3cret
	lacks "$(consume progress -J)" s3cret
}

@test "agent: STOP kills one that ignores TERM and is silent, and all see it" {
	local one other begun queued pid
	api
	worker
	same 1 "$(grep -c '"WARNING".*nothing is fetched' worker.err)"
	id=$(submit "$(run_task file hang)")
	watch other "/tasks/$id/watch"
	other=$spawned_pid
	wait_until 20 test -s "hang.$id"
	pid=$(<"hang.$id")
	# The next one waits, and is stopped before it is taken.
	queued=$(submit "$(run_task never)")
	same "{\"task_id\":\"$queued\",\"status\":\"stopped\"}
200" "$(ask DELETE "/tasks/$queued")"
	watch queued "/tasks/$queued/watch"
	not gone "$pid"
	begun=$(date +%s%N)
	same "$(printf '%s\n' Starting... 'args: agent run --input file hang' \
		STOPPED 'close 1000')" "$("$ws" "$at" "/tasks/$id/watch" --send STOP)"
	(($(date +%s%N) - begun < 3000000000))
	wait "$other"
	same STOPPED "$(tail -n 2 other | head -n 1)"
	gone "$pid"
	same '"stopped"' "$(task .status)"
	wait_until 20 not test -e "task_$id.json"
	wait "$spawned_pid"
	same $'STOPPED\nclose 1000' "$(<queued)"
	wait_until 20 ended_at 2
	# Of one that has ended a STOP changes nothing, from wherever it comes.
	id=$(submit "$(run_task again_a_task)")
	"$ws" "$at" "/tasks/$id/watch" >first
	jq -nc --arg task_id "$id" '{$task_id, signal: "STOP"}' | produce control
	other=$(submit "$(run_task another)")
	same DONE "$("$ws" "$at" "/tasks/$other/watch" | tail -n 2 | head -n 1)"
	same "$(<first)" "$("$ws" "$at" "/tasks/$id/watch" --send STOP)"
	same '"done"' "$(task .status)"
	wait_until 20 ended_at 4
	same 2 "$(consume progress | jq -r .update | grep -cx STOPPED)"
}

@test "agent: a task behind one that never began is not kept waiting" {
	background work jobq-work --ahead 0 --interval 60 --grace 0.1 --result none \
		--argv "$TOP/share/adapters/agent/argv.jq"
	task_record() {
		run_task "${@:2}" | jq -c --arg task_id "$1" '{$task_id} + .' |
			produce tasks
	}
	stop_record() {
		jq -nc --arg task_id "$1" '{$task_id, signal: "STOP"}' |
			produce control
	}
	task_record one hang
	wait_until 20 test -s hang.one
	task_record two never
	# Long enough that the broker says that nothing is behind it.
	later 1.5
	stop_record two
	stop_record one
	wait_until 20 ended_at 2
	task_record three Step_1
	wait_until 20 ended_at 3
	same 'one Starting... one args: agent run --input hang one STOPPED two STOPPED three Starting... three args: agent run --input Step_1 three DONE' \
		"$(consume progress | jq -r '"\(.task_id) \(.update | split("\n")[0])"' |
			xargs)"
}

@test "agent: what a killed worker had is run by the next one, to its end" {
	local watcher killed
	api
	worker first
	killed=$worker
	id=$(submit "$(run_task file first:hang Step_1)")
	watch frames "/tasks/$id/watch"
	watcher=$spawned_pid
	wait_until 20 test -s "hang.$id"
	worker second
	kill -KILL "$(pgrep -P "$killed" jobq-work)"
	wait_until 20 gone "$(<"hang.$id")"
	wait_until 20 gone "$killed"
	wait "$watcher"
	same "$(printf '%s\n' Starting... \
		'args: agent run --input file first:hang Step_1' Starting... \
		'args: agent run --input file first:hang Step_1' 'Step 1' DONE \
		'close 1000')" "$(<frames)"
	wait_until 20 ended_at 1
	not test -e "task_$id.json"
	# One that is told to stop gives its task back, and that is no failure.
	id=$(submit "$(run_task file first:wait:go Step_2)")
	watch frames "/tasks/$id/watch"
	watcher=$spawned_pid
	wait_until 20 grep -q args: frames
	stop_worker 0
	not test -e "task_$id.json"
	: >go
	worker third
	wait "$watcher"
	same $'Step 2\nDONE\nclose 1000' "$(tail -n 3 frames)"
	same '"done"' "$(task .status)"
	consume dead >letters
	not test -s letters
}

@test "agent: what fails to the end is told, and is among the dead letters" {
	local failed why='the job asked to be tried again later: RuntimeError: no such tab'
	JOBQ_URL+='&max_attempts=2'
	api
	worker
	# A poison task takes its worker with it each time.
	poison=$(submit "$(run_task file crash)")
	failed=$(submit "$(run_task file Step_1 again)")
	same "$(printf '%s\n' Starting... \
		'args: agent run --input file Step_1 again' 'Step 1' Starting... \
		'args: agent run --input file Step_1 again' 'Step 1' \
		"FAILED: $why" 'close 1000')" "$("$ws" "$at" "/tasks/$failed/watch")"
	id=$failed
	task . | json --arg why "$why" '.status == "failed" and .exit == 1
		and .error == $why and .last_update == "Step 1"'
	id=$poison
	"$ws" "$at" "/tasks/$id/watch" >frames
	same 4 "$(grep -cx Starting... frames)"
	has "$(tail -n 2 frames | head -n 1)" 'FAILED: '
	same '"failed"' "$(task .status)"
	# Tasks that nobody can run are told at once.
	id=$(submit '{"project":"p","type":"dance","params":{}}')
	has "$("$ws" "$at" "/tasks/$id/watch")" 'FAILED: ' 'its type is "dance"'
	# As they came, in the order of their ends.
	same "$(printf '%s agent\n' "$poison" "$failed"; echo "$id dance")" \
		"$(consume dead | jq -r '"\(.task_id) \(.type)"')"
	id=$(submit "$(run_task Step_1)")
	same DONE "$("$ws" "$at" "/tasks/$id/watch" | tail -n 2 | head -n 1)"
	wait_until 20 eval '! compgen -G "task_*"'
}

@test "agent: an original worker and an original API are understood" {
	api
	id=$(submit "$(run_task x)")
	watch frames "/tasks/$id/watch"
	jq -nc --arg task_id "$id" '"Starting...", "Step 1 done", "DONE"
		| {$task_id, update: .}' | produce progress
	wait "$spawned_pid"
	same $'Starting...\nStep 1 done\nDONE\nclose 1000' "$(<frames)"
	same '"done"' "$(task .status)"
	id=$(submit "$(run_task x)")
	jq -nc --arg task_id "$id" '"Step 1 done", "STOPPED"
		| {$task_id, update: .}' | produce progress
	same $'Step 1 done\nSTOPPED\nclose 1000' \
		"$("$ws" "$at" "/tasks/$id/watch")"
	# What the other API has accepted runs here, and is shown here as well.
	worker
	id=4be0643f-1d98-573b-97cd-ca98a65347dd
	run_task Step_1 | jq -c --arg task_id $id '{$task_id} + .' | produce tasks
	wait_until 30 eval '[ "$(task .status)" = "\"done\"" ]'
	same "$(printf '%s\n' Starting... 'args: agent run --input Step_1' \
		'Step 1' DONE 'close 1000')" "$("$ws" "$at" "/tasks/$id/watch")"
}

@test "agent: recipes say what they are called with wrongly" {
	for recipe in agent-worker agent-api; do
		run_apart timeout 20 "$recipe" --bogus
		same '2 ' "$status $stdout"
		has "$stderr" "$recipe: unknown argument '--bogus'"
		run_apart timeout 20 "$recipe" --help
		same '0 ' "$status $stderr"
		has "$stdout" KAFKA_BOOTSTRAP_SERVERS LOG_FORMAT
		same 2 "$(JOBQ_URL='' KAFKA_BOOTSTRAP_SERVERS=/ timeout 20 \
			"$recipe" >/dev/null 2>err; echo $?)"
		has "$(<err)" 'the URL of kafka'
	done
	run_apart timeout 20 env AGENT_DIR=nosuch agent-worker
	same '2 ' "$status $stdout"
	has "$stderr" nosuch
	run_apart timeout 20 env AGENT_CMD=/no/such agent-api "$PWD"
	same 2 "$status"
}
