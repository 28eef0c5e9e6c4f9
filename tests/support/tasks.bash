# A jobq-serve, its tasks and who watches them.
#   load support/common
#   load support/tasks

ws=$TOP/tests/support/ws

# serve [OPTION...]: starts a server on a port that is free; $server is its
# pid, $at its HOST:PORT.
serve() {
	: >serve.err
	jobq-serve --listen 127.0.0.1:0 "$@" 2>>serve.err 3>&- 4>&- &
	server=$!
	spawned+=("$server")
	wait_until 10 grep -q '^jobq-serve: listening' serve.err
	at=$(sed -n 's/^jobq-serve: listening at //p' serve.err)
}

# start_at [OPTION...]: a server at $at, which may not come up.
start_at() {
	jobq-serve --listen "$at" "$@" 2>>serve.err 3>&- 4>&- &
	server=$!
	spawned+=("$server")
}

# rises [OPTION...]: whether it is up; one that has ended is started again.
rises() {
	kill -0 "$server" 2>/dev/null || start_at "$@"
	curl -sf "http://$at/health"
}

# serve_again [OPTION...]: a server where the last one was; the port may be
# another's for a moment.
serve_again() {
	start_at "$@"
	wait_until 30 rises "$@"
}

# slay [PID]: kills the server and waits until its port is free.
slay() {
	kill -KILL "${1-$server}"
	wait "${1-$server}" || true
}

# ask METHOD PATH [BODY] [CURL OPTION...]: the answer's body, then its status.
ask() {
	curl -s -m 20 -X "$1" -H 'Content-Type: application/json' \
		${3:+-d "$3"} -w '%{http_code}\n' "${@:4}" "http://$at$2"
}

# submit [BODY]: the id of a new task.
submit() {
	local body='{"project":"p","type":"t","params":{}}'
	ask POST /tasks "${1-$body}" | jq -r 'objects | .task_id'
}

# task FILTER: what GET says of $id.
task() {
	ask GET "/tasks/$id" | jq -c "objects | $1"
}

# watch FILE PATH [OPTION...]: a WebSocket in the background, its pid in
# $spawned_pid, which reads once the file is there.
watch() {
	spawn timeout 60 "$ws" "$at" "$2" "${@:3}" >"$1"
}

# work COMMAND...: runs one job in the background.
work() {
	spawn timeout 60 jobq-work -q --interval 0.2 --max-jobs 1 -- "$@"
}

# shown FILE LINE: whether the file has that line.
shown() {
	grep -qxF -e "$2" "$1"
}

# many COUNT BYTES: claims the one job there is and prints the events of a run
# that wrote as many texts, each that long and numbered, and then completed.
many() {
	jobq-claim -n 1 </dev/null | python3 -c '
import json, sys
job = json.loads(sys.stdin.readline())
run = {"id": job["id"], "epoch": job["lease"]["epoch"],
    "worker": job["lease"]["worker"], "at": "2026-11-27T09:46:49.844Z"}
def put(n, event, **members):
    print(json.dumps({"event": event, "n": n, **run, **members}))
count, size = int(sys.argv[1]), int(sys.argv[2])
put(1, "started")
for i in range(1, count + 1):
    put(i + 1, "output", stream="stdout", text=f"{i:06} ".ljust(size, "x"))
put(count + 2, "completed", exit=0)' "$@"
}
