#!/usr/bin/env bats
# The log as its options set it; "frame" says one message of each level.
load support/common

levels() {
	sed 's/.*[ "]\(debug\|info\|warning\|error\|critical\)\($\|".*\)/\1/' |
		paste -sd ' '
}

@test "log: a command typed by hand says warnings and worse" {
	run_apart frame
	same "warning error critical" "$(levels <<<"$stderr")"
	same "frame: warning" "${stderr_lines[0]}"
}

@test "log: -v adds info, -vv debug, -q leaves errors" {
	same "info warning error critical" "$(frame -v 2>&1 >/dev/null | levels)"
	same "debug info warning error critical" \
		"$(frame -vv 2>&1 >/dev/null | levels)"
	same "error critical" "$(frame -q 2>&1 >/dev/null | levels)"
}

@test "log: --log-level sets the least level, in any case" {
	same "critical" "$(frame --log-level CRITICAL 2>&1 >/dev/null | levels)"
	same "info warning error critical" \
		"$(frame --log-level=Info 2>&1 >/dev/null | levels)"
	run_apart frame --log-level loud
	[ "$status" = 2 ]
	has "$stderr" "log level 'loud' is none of DEBUG, INFO"
}

@test "log: a variable sets it too, an option wins" {
	export JOBQ_LOG_LEVEL=error
	same "error critical" "$(frame 2>&1 >/dev/null | levels)"
	same "debug info warning error critical" \
		"$(frame --log-level debug 2>&1 >/dev/null | levels)"
	JOBQ_LOG_KEEP=many run_apart frame
	[ "$status" = 2 ]
	has "$stderr" "JOBQ_LOG_KEEP: " "'many'"
}

@test "log: text lines have local time, name and level" {
	run_apart env TZ=XYZ-5 frame --log-format text --log-name mail
	[[ ${stderr_lines[1]} =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}\ -\ mail\ -\ ERROR\ -\ error$ ]]
	said=$(TZ=XYZ-5 date -d "${stderr_lines[1]:0:19}" +%s)
	now=$(date +%s)
	((said <= now && said > now - 60))
}

@test "log: JSON lines are objects" {
	run_apart frame --log-format json --log-name mail
	json -s '(map(.level) == ["WARNING", "ERROR", "CRITICAL"])
		and all(.cmd == "mail")
		and all(.ts | test("^[0-9T:-]{19}\\.[0-9]{3}Z$"))
		and (map(.msg) == ["warning", "error", "critical"])' <<<"$stderr"
}

@test "log: misuse and failures are JSON too when that is asked for" {
	run_apart frame --log-format=json --no-such
	[ "$status" = 2 ]
	json '.level == "CRITICAL" and .code == "usage"
		and (.msg | startswith("unknown option"))' <<<"$stderr"
	run_apart frame -q --log-format=json --answer io
	json 'select(.code) | .code == "io" and .msg == "asked to end so"' \
		<<<"${stderr_lines[-1]}"
}

@test "log: a bad line has a code of its own" {
	run_apart frame -q --log-format=json --listen <<<bad
	json '.code == "bad_line" and .msg == "stdin:1: not good"' \
		<<<"${stderr_lines[-1]}"
}

@test "log: --log-file takes it all, dated, and stderr nothing" {
	run_apart frame --log-file log
	[ "$status" = 0 ]
	same "" "$stderr"
	same "warning error critical" "$(levels <log)"
	[[ $(head -n 1 log) =~ ^[0-9-]{10}\ [0-9:]{8}\ -\ frame\ -\ WARNING ]]
	frame --log-file=log --log-format plain
	same "warning error critical warning error critical" "$(levels <log)"
	same "frame: critical" "$(tail -n 1 log)"
}

@test "log: --log-stderr always says on stderr, too, what a file gets" {
	run_apart frame --log-file log --log-stderr always
	same "$(<log)" "$stderr"
	same "warning error critical" "$(levels <log)"
	run_apart env JOBQ_LOG_STDERR=always frame --log-file log2
	same "warning error critical" "$(levels <<<"$stderr")"
	run_apart frame --log-stderr always
	same 3 "${#stderr_lines[@]}"
	run_apart frame --log-stderr never
	same 2 "$status"
}

@test "log: --log-file - is stderr" {
	run_apart frame --log-file -
	same "warning error critical" "$(levels <<<"$stderr")"
	[ ! -e ./- ]
}

@test "log: a file that cannot be opened is told, exit 2" {
	run_apart frame --log-file no/log
	[ "$status" = 2 ]
	has "$stderr" "unable to open log file 'no/log': No such file"
}

@test "log: a file is rotated by size and only some old ones stay" {
	for _ in 1 2 3 4 5 6; do
		frame --log-file log --log-format plain --log-rotate 60 \
			--log-keep 2
	done
	same "log log.1 log.2" "$(echo log*)"
	for file in log*; do
		(($(stat -c %s "$file") <= 60))
		not grep -vE '^frame: (warning|error|critical)$' "$file"
	done
}

@test "log: several commands share one file" {
	for i in 1 2 3; do
		spawn frame --log-file log --log-format plain --log-name "n$i"
	done
	all_said() { [ "$(grep -cE '^n[123]: (warning|error|critical)$' log)" = 9 ]; }
	wait_until 10 all_said
	[ "$(wc -l <log)" = 9 ]
}

@test "log: a full disk loses no message" {
	[ -c /dev/full ] || skip "no /dev/full"
	run_apart frame --log-file /dev/full --log-format plain
	same "warning error critical" "$(levels <<<"$stderr")"
}
