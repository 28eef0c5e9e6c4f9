#!/usr/bin/env bats

load support/common
load support/jobs

@test "admin: init makes a store, and again changes nothing" {
	run_apart jobq-admin --dry-run init
	same 0 "$status"
	same "jobq-admin: would make the store" "$stderr"
	[ ! -e q.db ]
	run_apart jobq-admin init
	same 0 "$status"
	same "" "$stdout"
	same "jobq-admin: made store $JOBQ_URL" "$stderr"
	same 600 "$(stat -c %a q.db)"
	push a
	run_apart jobq-admin init
	same 0 "$status"
	same "jobq-admin: store $JOBQ_URL is there already" "$stderr"
	state_is a pending
}

@test "admin: init says why it cannot" {
	run_apart jobq-admin init -S nosuch:x
	same 2 "$status"
	has "$stderr" nosuch sqlite
	echo text >text
	run_apart jobq-admin init -S sqlite:text
	same 2 "$status"
	has "$stderr" "'text'"
	same text "$(<text)"
}

@test "admin: pause keeps a queue's jobs from workers, resume gives them" {
	push a '{"queue":"mail"}'
	push b
	run_apart jobq-admin pause mail other
	same 0 "$status"
	same $'jobq-admin: paused queue mail\njobq-admin: paused queue other' \
		"$stderr"
	json -s '. == [{event: "paused", queue: "mail", done: true},
		{event: "paused", queue: "other", done: true}]' <<<"$stdout"
	same b "$(jobq-poll | jq -r .id)"
	run_apart jobq-admin pause mail
	same 0 "$status"
	same "jobq-admin: queue mail is paused already" "$stderr"
	run_apart jobq-admin resume mail default
	same 0 "$status"
	same "jobq-admin: resumed queue mail
jobq-admin: queue default was not paused" "$stderr"
	same $'a\nb' "$(jobq-poll | jq -r .id)"
}

@test "admin: --dry-run pauses and resumes nothing" {
	push a '{"queue":"mail"}'
	run_apart jobq-admin --dry-run pause mail
	same "jobq-admin: would pause queue mail" "$stderr"
	same a "$(jobq-poll | jq -r .id)"
	jobq-admin pause mail >/dev/null 2>&1
	run_apart jobq-admin --dry-run resume mail
	same "jobq-admin: would resume queue mail" "$stderr"
	same "" "$(jobq-poll)"
}

@test "admin: reap brings back the jobs of workers that are gone" {
	push a
	push b
	push c
	printf '{"id":"%s"}\n' a b | timeout 20 jobq-claim --lease 0.2 >claimed
	settle '{"event":"started"}'
	printf '{"id":"c"}\n' | timeout 20 jobq-claim >/dev/null
	lapsed() { [ "$(jobq-admin --dry-run reap 2>/dev/null | wc -l)" = 2 ]; }
	wait_until 20 lapsed
	run_apart jobq-admin --dry-run reap
	same 0 "$status"
	same $'jobq-admin: would reap job a: lost\njobq-admin: would reap job b: lost' \
		"$stderr"
	state_is a running
	run_apart jobq-admin reap
	same 0 "$status"
	same $'jobq-admin: reaped job a: lost\njobq-admin: reaped job b: lost' \
		"$stderr"
	json -s 'map([.event, .id, .reason, .state]) ==
		[["released", "a", "lost", "pending"],
		["released", "b", "lost", "pending"]]' <<<"$stdout"
	state_is a pending
	state_is c running
	run_apart jobq-admin reap
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "admin: reap cancels what nobody wants any more, however much it is" {
	seq 250 | jq -c '{id: "j\(.)", expires_at: "2001-01-01T00:00:00Z"}' |
		jobq-push >/dev/null
	same 250 "$(jobq-admin --dry-run reap 2>/dev/null | wc -l)"
	jobq-admin reap >answers 2>/dev/null
	json -s 'length == 250 and all(.reason == "expired")' <answers
	same 250 "$(jobq-list --state cancelled | wc -l)"
}

@test "admin: prune deletes what is out of its time, and only that" {
	push a
	push b
	push c
	complete a
	fail b
	run_apart jobq-admin prune
	same 0 "$status"
	same "" "$stdout$stderr"
	sqlite3 q.db "UPDATE job SET prune_ms = 1 WHERE id = 'a'"
	run_apart jobq-admin prune
	same 0 "$status"
	same "jobq-admin: jobs deleted: 1" "$stderr"
	json '. == {event: "pruned", id: "a"}' <<<"$stdout"
	same $'b\nc' "$(jobq-list | jq -r .id)"
}

@test "admin: prune --older-than deletes what ended so long ago" {
	push a
	push b
	push c
	claim c
	complete a b
	run_apart jobq-admin prune --older-than 1h
	same "" "$stdout$stderr"
	run_apart jobq-admin prune --older-than 0 --limit 1
	same "jobq-admin: jobs deleted: 1" "$stderr"
	run_apart jobq-admin prune --older-than 0
	same "jobq-admin: jobs deleted: 1" "$stderr"
	same c "$(jobq-list | jq -r .id)"
	same "" "$(jobq-watch --no-follow a b 2>/dev/null)"
}

@test "admin: prune goes on until all is done, and --dry-run shows the same" {
	seq 1100 | jq -c '{id: "j\(.)"}' | jobq-push >/dev/null
	jobq-list | jobq-cancel >/dev/null 2>&1
	jobq-admin --dry-run prune --older-than 0 >meant 2>said
	same "jobq-admin: jobs to delete: 1100" "$(<said)"
	same 1100 "$(jobq-list | wc -l)"
	same 700 "$(jobq-admin --dry-run prune --older-than 0 -n 700 2>&- | wc -l)"
	jobq-admin prune --older-than 0 -n 600 2>said >deleted
	same "jobq-admin: jobs deleted: 600" "$(<said)"
	jobq-admin prune --older-than 0 2>/dev/null >>deleted
	cmp <(sort meant) <(sort deleted)
	same 0 "$(jobq-list | wc -l)"
}

@test "admin: a terminal gets no lines but those of a dry run" {
	push a
	complete a
	same '{"event":"pruned","id":"a"}
jobq-admin: jobs to delete: 1' \
		"$(terminal 'jobq-admin prune --older-than 0 --dry-run')"
	same "jobq-admin: jobs deleted: 1" \
		"$(terminal 'jobq-admin prune --older-than 0')"
	same "jobq-admin: paused queue q" "$(terminal 'jobq-admin pause q')"
}

@test "admin: what makes no sense is refused and changes nothing" {
	push a
	for words in '' tidy 'init x' pause 'reap q' 'reap --older-than 1h' \
		'pause q --limit 5' 'prune --older-than x'; do
		# shellcheck disable=SC2086
		run_apart jobq-admin $words
		same 2 "$status"
		same "" "$stdout"
		same 1 "${#stderr_lines[@]}"
	done
	state_is a pending
}

@test "admin: but for init it says that there is no store" {
	for words in reap prune 'pause q' 'resume q'; do
		# shellcheck disable=SC2086
		run_apart jobq-admin $words
		same 2 "$status"
		has "$stderr" q.db "jobq-admin init"
	done
	[ ! -e q.db ]
	run_apart jobq-admin -S fail:again reap
	same 75 "$status"
}
