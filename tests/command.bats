#!/usr/bin/env bats
# What all commands share; "frame" is a command that is nothing else.
load support/common

commands() {
	local path
	for path in "$JOBQ_BUILD"/bin/jobq*; do
		echo "${path##*/}"
	done
}

@test "command: --help and -h are the same, on stdout, exit 0" {
	for command in $(commands) frame; do
		run_apart "$command" --help
		[ "$status" = 0 ]
		same "" "$stderr"
		same "$stdout" "$("$command" -h)"
	done
}

@test "command: help begins with what it is and how, two examples first, and ends with the pages" {
	for command in $(commands) frame; do
		help=$("$command" --help)
		has "$(head -n 1 <<<"$help")" "$command - "
		[ "$(head -n 24 <<<"$help" | grep -c "^  .*$command\|^  .*jobq ")" -ge 2 ]
		has "$help" "Usage: $command"
		has "$(tail -n 1 <<<"$help")" "$command(1)" "jobq(7)"
		not grep -nE '.{81}' <<<"$help"
	done
}

@test "command: --version has name, version and drivers, also as JSON" {
	for command in $(commands); do
		run_apart "$command" --version
		[ "$status" = 0 ]
		[[ ${lines[0]} =~ ^$command\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		has "$stdout" "driver fail"
		"$command" --version --json | json --arg name "$command" \
			'.name == $name and (.version | test("^[0-9.]+$"))
			and any(.drivers[]; .scheme == "fail")'
	done
}

@test "command: --version names the library of the sqlite driver" {
	[ -e "$JOBQ_BUILD/drivers/sqlite.so" ] || skip "built without SQLite"
	jobq --version --json | json 'any(.drivers[];
		.scheme == "sqlite" and (.library | test("SQLite 3\\.")))'
}

@test "command: an unknown option is named, the nearest suggested, exit 2" {
	for command in $(commands) frame; do
		run_apart "$command" --log-levle=info
		[ "$status" = 2 ]
		same "" "$stdout"
		same "$command: unknown option '--log-levle' (did you mean '--log-level'?); see $command --help" "$stderr"
	done
}

@test "command: options and operands stand in any order, until --" {
	run_apart frame -q a -n 3 b -- -n
	[ "$status" = 0 ]
	has "$stdout" "number 3" "after 1 of 3" "operand a" "operand b" \
		"operand -n"
}

@test "command: the last one wins" {
	has "$(frame -n 3 -n 4 --mode job --mode=none 2>/dev/null)" \
		"number 4" "mode none"
}

@test "command: a bad value names the option, exit 2" {
	run_apart frame -n 12
	[ "$status" = 2 ]
	has "$stderr" "frame: --number: " "'12'" "see frame --help"
	run_apart frame --mode jobs
	[ "$status" = 2 ]
	has "$stderr" "--mode: 'jobs' is none of: input job none"
}

@test "command: one operand too many is misuse" {
	run_apart frame a b c d
	[ "$status" = 2 ]
	same "frame: unexpected argument 'd'; see frame --help" "$stderr"
}

@test "command: statuses become exit codes, a clean no is silent" {
	run_apart frame -q --answer empty --log-level critical
	[ "$status" = 1 ]
	for pair in ok:0 empty:1 stale:1 again:75 invalid:2 config:2 \
		unsupported:2 io:75; do
		run_apart frame -q --answer "${pair%:*}"
		[ "$status" = "${pair#*:}" ]
		if [ "${pair%:*}" = ok ] || [ "${pair%:*}" = empty ]; then
			lacks "$stderr" "asked to end"
		else
			has "$(tail -n 1 <<<"$stderr")" "frame: asked to end so"
		fi
	done
}

@test "command: bad lines are named, skipped, and exit 2" {
	run_apart frame -q --listen <<<$'good\nbad\n\ngood\nworse'
	[ "$status" = 2 ]
	same $'good\ngood' "$stdout"
	has "$stderr" "frame: stdin:2: not good" "frame: stdin:5: not good"
}

@test "command: with --strict the first bad line is the last" {
	run_apart frame -q --listen --strict <<<$'good\nbad\ngood'
	[ "$status" = 2 ]
	same good "$stdout"
	[ "$(grep -c 'not good' <<<"$stderr")" = 1 ]
}

@test "command: after bad lines a temporary failure is still 75" {
	run_apart frame -q --listen --answer again <<<bad
	[ "$status" = 75 ]
}

@test "command: a lost write on stdout is an error" {
	[ -c /dev/full ] || skip "no /dev/full"
	run_apart bash -c 'frame -q >/dev/full'
	[ "$status" = 75 ]
	has "$stderr" "frame: unable to write standard output: No space left"
	run_apart bash -c 'frame -q >&-'
	[ "$status" = 75 ]
	run_apart bash -c 'frame --help >/dev/full'
	[ "$status" = 75 ]
	has "$stderr" "No space left"
}

@test "command: a closed stdout nothing is written to is no error" {
	run_apart bash -c 'frame -q --listen </dev/null >&-'
	[ "$status" = 0 ]
}

@test "command: what needs input says how it is used on a terminal, exit 2" {
	run_apart timeout 20 script -qec 'frame --listen; echo "exit $?"' /dev/null
	has "$stdout" "Usage: frame" "Examples:" "standard input" \
		"frame --help" "exit 2"
}

@test "command: colour is for terminals, unless told otherwise" {
	colour() { grep -q "^colour $1"; }
	unset NO_COLOR CLICOLOR_FORCE
	export TERM=xterm
	tty() { timeout 20 script -qec "$1" /dev/null; }
	tty "frame -q" | colour 1
	frame -q | colour 0
	frame -q --color always | colour 1
	tty "frame -q --color=never" | colour 0
	NO_COLOR=1 tty "frame -q" | colour 0
	NO_COLOR='' tty "frame -q" | colour 1
	TERM=dumb tty "frame -q" | colour 0
	CLICOLOR_FORCE=1 frame -q | colour 1
	CLICOLOR_FORCE=0 frame -q | colour 0
	JOBQ_COLOR=always frame -q | colour 1
	JOBQ_COLOR=always frame -q --color never | colour 0
}

@test "command: a password in --store is wiped from the arguments, with a warning" {
	run_apart frame --cmdline -S 'pg://me:s3cr3t-^&%@h/d' \
		--store='pg://me:s3cr3t-two@h/d' --no-input
	[ "$status" = 0 ]
	lacks "$stdout$stderr" s3cr3t
	has "$stdout" "--no-input"
	has "$stderr" "password" JOBQ_URL
	has "$(frame -q -S a --store='pg://me:s3cr3t@h/d' 2>/dev/null)" \
		"store pg://me:s3cr3t@h/d"
}

@test "command: a URL without a password stays as it is" {
	run_apart frame --cmdline -S sqlite:a.db
	has "$stdout" "-S sqlite:a.db"
	lacks "$stderr" password
}

@test "command: no option takes a password" {
	for command in $(commands); do
		lacks "$("$command" --dump-options | cut -f1)" passw
	done
}

@test "command: the same option has the same letter and value everywhere" {
	# What names a table of a database, or a column of it, is another thing.
	for command in $(commands); do
		"$command" --dump-options
	done | cut -f1-3 | grep -v $'\t\(COLUMN\|TABLE\)$' | sed 's/\t[a-z]*|.*$/\tone of some words/' |
		sort -u >options
	same "" "$(cut -f1 options | uniq -d)"
	same "" "$(cut -f2 options | grep . | sort | uniq -d)"
}

@test "command: no HOME, an odd locale and no environment at all are fine" {
	for command in $(commands); do
		run_apart env -i LC_ALL=de_DE.UTF-8 \
			"$JOBQ_BUILD/bin/$command" --help
		[ "$status" = 0 ]
		same "$(LC_ALL=C "$command" --help)" "$stdout"
	done
}

@test "command: with no descriptors left one exits 75 or 2, and never aborts" {
	local n code
	echo '{"id":"a"}' | jobq-push >/dev/null
	for n in $(seq 3 16); do
		code=0
		timeout 30 prlimit --nofile="$n:$n" jobq-claim -n 1 \
			>/dev/null 2>&1 || code=$?
		# 127: the command itself could not be loaded
		[[ $code == @(0|1|2|75|127) ]] || same 75 "$code"
	done
}
