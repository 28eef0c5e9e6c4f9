#!/usr/bin/env bats
# What takes long of jobq-serve --tool and of what asks it.

load ../support/common

@test "serve: --tool whose jobq-run dies five times in a minute ends, exit 75" {
	local n
	spawn sh -c 'jobq-serve --tool --listen unix:s -- cat 2>err
		echo $? >code' -
	up() { pgrep -P "$(pgrep -P "$spawned_pid" -x jobq-serve)" -x jobq-run; }
	for n in {1..5}; do
		wait_until 40 up
		kill -KILL "$(up)"
		dead() { [[ $(grep -c 'was killed by signal 9' err) == "$n" ]]; }
		wait_until 20 dead
	done
	wait_until 20 test -s code
	same 75 "$(<code)"
	has "$(tail -1 err)" 'jobq-run has died five times within a minute'
}

@test "claim: --ready waits for no answer longer than 5 s" {
	local begun
	echo '{"id":"a"}' | jobq-push >/dev/null
	python3 -c 'import socket, time; s = socket.socket()
s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
time.sleep(60)' >port &
	spawned+=($!)
	wait_until 20 test -s port
	begun=$(date +%s%N)
	spawn jobq-work --ready "http://127.0.0.1:$(<port)/" -- true 2>err
	wait_until 30 grep -q 'is not ready: it does not answer within 5 s' err
	(($(date +%s%N) - begun >= 5000000000))
	jobq-list a --json | json '.state == "pending"'
}
