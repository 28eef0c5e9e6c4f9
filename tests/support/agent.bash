# A service of an agent for its tests, over kafka.bash: its API, workers, and
# support/fake-agent in place of what they run.
#   load support/kafka
#   load support/agent

load "${BASH_SOURCE[0]%/*}/tasks"

setup() {
	kafka_setup
	unset KAFKA_BOOTSTRAP_SERVERS AGENT_CMD AGENT_DIR PROJECT_API TASK_TMP \
		LOG_LEVEL LOG_FORMAT API_HOST API_NAME API_TOKEN_FILE
	PATH=$TOP/share/recipes:$PATH
	export AGENT_CMD="sh $TOP/tests/support/fake-agent" TASK_TMP=$PWD
	export API_PORT=0
	# A killed worker is given up sooner.
	(umask 077; echo session.timeout.ms=4000 >settings)
	JOBQ_URL="kafka://$KAFKA?adapter=agent&topic=$prefix-tasks"
	JOBQ_URL+="&events=$prefix-progress&control=$prefix-control"
	JOBQ_URL+="&dead=$prefix-dead&group=$prefix&config=$PWD/settings"
	for name in tasks progress control dead; do
		topic $name
	done
}

# api: the API, at $at.
api() {
	: >api.err
	spawn timeout 120 agent-api 2>api.err
	wait_until 20 grep -q 'listening at' api.err
	at=$(jq -r '.msg | select(startswith("listening at "))[13:]' api.err)
}

# worker [NAME]: a worker, which has tasks when this returns; its pid in
# $worker, what it says in NAME.err, and its exit in NAME.code.
worker() {
	worker_name=${1-worker}
	# shellcheck disable=SC2016 # for the inner shell
	spawn sh -c 'agent-worker 2>"$0.err" & echo $! >"$0.pid"
		wait; wait $!; echo $? >"$0.code"' "$worker_name"
	wait_until 20 grep -q '"started, up to' "$worker_name.err"
	worker=$(<"$worker_name.pid")
}

# stop_worker CODE: ends the last one by TERM, and it exits so.
stop_worker() {
	kill "$worker"
	wait_until 20 test -s "$worker_name.code"
	same "$1" "$(<"$worker_name.code")"
}

# run_task WORD...: the body of a task that has fake-agent do these.
run_task() {
	jq -nc --arg input "$*" '{project: "default", type: "agent",
		command: "run", params: {$input}}'
}

# ended_at OFFSET: whether the group has committed that far.
ended_at() {
	[[ $(committed "$prefix" tasks 0) == "$1"* ]]
}

# project_api: serves what the project "default" has, and names it to workers.
project_api() {
	mkdir -p served/projects
	echo '{"db_conn":"s3cret","env":{"DB_HOST":"db.example"}}' \
		>served/projects/default
	spawn python3 -u -m http.server -b 127.0.0.1 -d served 0 >served.out \
		2>served.err
	wait_until 20 grep -q 'port [0-9]' served.out
	PROJECT_API=http://127.0.0.1:$(sed -n 's/.* port \([0-9]*\).*/\1/p' \
		served.out)
	export PROJECT_API
}
