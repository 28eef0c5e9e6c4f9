#!/usr/bin/env bats
load ../support/common

@test "static: a build with its drivers inside runs jobs without their folder" {
	mkdir tree
	tar cf - -C "$TOP" --exclude=./build --exclude=./.git . | tar xf - -C tree
	env -u JOBQ_BUILD timeout 250 make -s -C tree STATIC=1 CFLAGS=-O0 \
		3>&- >made 2>&1 || { cat made; false; }
	rm -rf tree/build/static/drivers
	cp -r tree/build/static/bin commands
	export PATH="$PWD/commands:$PATH"
	same "$PWD/commands/jobq-push" "$(command -v jobq-push)"
	mkdir -p "$XDG_DATA_HOME/jobq"
	cp -r tree/share/adapters "$XDG_DATA_HOME/jobq/adapters"
	rm -rf tree
	for JOBQ_URL in "sqlite:$PWD/q.db" "exec:$PWD/q?adapter=dir"; do
		seq 3 | jobq-lines | jobq-push >pushed
		same 3 "$(wc -l <pushed)"
		jobq-claim -n 3 | timeout 60 jobq-run -j 2 -- echo {} |
			jobq-report >settled
		same $'1\n2\n3' "$(jq -r 'select(.event == "completed"
			and .settled == true).output' settled | sort)"
		same 3 "$(jobq-list --state completed | wc -l)"
	done
	run_apart jobq-list -S nosuch:x
	same 2 "$status"
	has "$stderr" exec fail sqlite
}
