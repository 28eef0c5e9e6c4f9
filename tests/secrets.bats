#!/usr/bin/env bats
# Secrets that people put where others can see them: a password in --store, a
# token file that others may read.

load support/stages

canary='s3cr3t-^&%-canary'
encoded='s3cr3t-%5E%26%25-canary'

# A store in a folder, whose program notes, whenever a command has called it,
# the command lines of both.
setup() {
	common_setup
	export JOBQ_ADAPTER_PATH=$BATS_TEST_TMPDIR/adapters
	mkdir -p adapters/spy
	# Verbs that it has not are those that it refuses itself, when called.
	jq '.verbs += ["cancel", "retry", "events"]' \
		"$TOP/share/adapters/dir/adapter.json" >adapters/spy/adapter.json
	cat >adapters/spy/store <<-END
		#!/bin/sh
		cat /proc/\$PPID/cmdline /proc/\$\$/cmdline |
			tr '\0' ' ' >>'$PWD/lines'
		echo >>'$PWD/lines'
		printf '%s\n' "\$JOBQ_STORE_PASSWORD" >>'$PWD/passwords'
		exec '$TOP/share/adapters/dir/store' "\$@"
	END
	chmod +x adapters/spy/store
	url="exec:$PWD/store?adapter=spy&password=$encoded"
	unset JOBQ_URL
	JOBQ_URL=$url jobq-admin init >/dev/null
	rm lines passwords
}

# warned: the command has warned once, and not shown the password.
warned() {
	same 1 "$(grep -c 'password on the command line' err)"
	lacks "$(cat err out)" canary
}

# spied COMMAND: also, its store's program was called with the password, but
# saw it in no command line.
spied() {
	warned
	has "$(<lines)" "$1"
	lacks "$(<lines)" canary
	same "$canary" "$(sort -u passwords)"
	rm lines passwords
}

# watch PID FILE: until FILE is there, prints each command line of the process
# and of all that descend from it, once.
watch() {
	timeout 60 python3 -c '
import os, sys, time
top, end = int(sys.argv[1]), sys.argv[2]
seen, over = set(), False
def line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
def below(pid):
    yield pid
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        for child in file.read().split():
            yield from below(int(child))
while not over:
    over = os.path.exists(end)
    for pid in list(below(top)):
        try:
            seen.add(line(pid))
        except OSError:
            pass
    time.sleep(0.001)
for text in seen:
    print(text.replace(b"\0", b" ").decode(errors="replace"))' "$1" "$2"
}

@test "secrets: a password in --store is on no command line, with one warning" {
	echo '{"id":"a"}' >in
	echo '{"event":"completed","id":"a","epoch":1,"worker":"w","n":1,
		"at":"2026-11-26T10:00:00.000Z"}' | jq -c . >event
	while read -r command; do
		[[ $command != jobq-report ]] || cp event in
		# shellcheck disable=SC2086 # several words
		timeout 30 $command --store="$url" <in >out 2>err || true
		spied "${command%% *}"
		echo "${command%% *}" >>tried
		echo '{"id":"a"}' >in
	done <<-'END'
		jobq-push
		jobq-list --json
		jobq-poll
		jobq-claim -n 1
		jobq-report
		jobq-cancel
		jobq-retry
		jobq-admin init
	END
	# This one opens the store but asks it nothing.
	timeout 30 jobq-doctor -S "$url" >out 2>err || true
	warned
	# Those that are left go on, and are tested below.
	for command in "$JOBQ_BUILD"/bin/jobq-*; do
		"$command" --dump-options | grep -q '^store	' &&
			echo "${command##*/}"
	done | grep -vxE 'jobq-(doctor|serve|watch|work)' >all
	same "$(<all)" "$(sort tried)"
}

@test "secrets: nor is it in any other form of the option" {
	for form in -S"$url" -vS"$url" --store="$url"; do
		timeout 30 jobq-list "$form" >out 2>err
		spied jobq-list
	done
	timeout 30 jobq list -S "$url" >out 2>err
	spied jobq-list
	# All of them go, also those that do not count.
	timeout 30 jobq-list -S "pg://u:$canary@h/d" -S "$url" >out 2>err
	spied jobq-list
}

@test "secrets: commands that go on have wiped it before they begin" {
	commands=("jobq-claim --follow" "jobq-poll --follow"
		"jobq-claim --ring 2" "jobq-watch --since 0")
	[ ! -x "$JOBQ_BUILD/bin/jobq-serve" ] ||
		commands+=("jobq-serve --listen unix:h.sock")
	for command in "${commands[@]}"; do
		mkfifo in
		exec 8<>in
		# shellcheck disable=SC2086 # several words
		spawn sh -c 'exec timeout 60 "$@" <in' sh $command -S "$url" \
			>out 2>err
		# A store's program of the one before may end late.
		wait_until 20 grep -q "${command%% *}" lines
		pid=$(pgrep -P "$spawned_pid")
		has "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$command" '***'
		lacks "$(tr '\0' ' ' <"/proc/$pid/cmdline")" canary
		kill "$spawned_pid"
		wait_until 20 gone "$pid"
		exec 8<&-
		spied "${command%% *}"
		rm in
	done
}

@test "secrets: jobq-work hands it to no command line" {
	local health=() serve=()
	if [ -x "$JOBQ_BUILD/bin/jobq-serve" ]; then
		health=(--health unix:h.sock --health-store)
		serve=("jobq-serve --health-only")
	fi
	echo '{"id":"a"}' | JOBQ_URL=$url jobq-push >/dev/null
	rm lines passwords
	background work jobq-work -S "$url" --interval 0.1 "${health[@]}" -- sh -c \
		'env >seen; tr "\0" "\n" </proc/$PPID/environ >>seen
		: >there; exec sleep 60'
	wait_until 20 test -s work.err
	watch "$(<work.pid)" there >shown
	has "$(<shown)" "jobq-work -S ***" "jobq-claim --ring" "jobq-run --jobs" \
		"sleep 60" "${serve[@]}"
	lacks "$(<shown)" canary
	lacks "$(<seen)" canary "$encoded" JOBQ_URL JOBQ_HEALTH LISTEN_
	send TERM work
	exits 0 work
	cp work.err err
	cp work.out out
	spied jobq-claim
}

@test "secrets: a token file that others may read is refused, and how to mend it" {
	echo "$canary" >token
	for mode in 0644 0640 0604 0622; do
		chmod "$mode" token
		for command in jobq-run "jobq-work -S exec:$PWD/store?adapter=spy"; do
			# shellcheck disable=SC2086 # several words
			run_apart timeout 30 $command --post http://127.0.0.1:1/ \
				--token-file token </dev/null
			same "2:" "$status:$stdout"
			has "$stderr" "$mode" "chmod 600 'token'"
			lacks "$stderr" canary
		done
	done
	not test -e lines
	eval "${stderr##*: }"
	run_apart timeout 30 jobq-run --post http://127.0.0.1:1/ \
		--token-file token </dev/null
	same 0 "$status"
}

@test "secrets: so is a settings file with a password in it" {
	mkdir -p "$XDG_CONFIG_HOME/jobq"
	settings=$XDG_CONFIG_HOME/jobq/url
	echo "$url" >"$settings"
	chmod 644 "$settings"
	run_apart timeout 30 jobq-list
	same "2:" "$status:$stdout"
	has "$stderr" 0644 "chmod 600 '$settings'"
	lacks "$stderr" canary
	not test -e lines
	eval "${stderr##*: }"
	run_apart timeout 30 jobq-list
	same "0:" "$status:$stderr"
	lacks "$(<lines)" canary
	# Without a password anybody may read it.
	echo "exec:$PWD/store?adapter=spy" >"$settings"
	chmod 644 "$settings"
	run_apart timeout 30 jobq-list
	same "0:" "$status:$stderr"
}
