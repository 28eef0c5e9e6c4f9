#!/usr/bin/env bats
load support/common

# A folder of commands whose jobq-run says what it was given.
own_folder() {
	mkdir -p bin drivers share
	cp "$JOBQ_BUILD/bin/jobq" bin/
	cat >bin/jobq-run <<-'EOF'
	#!/bin/sh
	echo "run from ${0##*/}"
	for word; do echo "[$word]"; done
	exit 3
	EOF
	chmod +x bin/jobq-run
}

@test "jobq: alone lists all commands, in the order of a pipeline" {
	run_apart jobq
	[ "$status" = 0 ]
	same "" "$stderr"
	for path in "$JOBQ_BUILD"/bin/jobq-*; do
		name=${path##*/jobq-}
		grep -qE "^  jobq $name +[a-z]" <<<"$stdout"
	done
	same "lines push poll claim fetch run report" "$(grep -oE '^  jobq [a-z]+  ' \
		<<<"$stdout" | awk '{ print $2 }' | head -n 7 | paste -sd ' ')"
	same "$stdout" "$(jobq help)"
}

@test "jobq: what it says of a command is what the command says" {
	for path in "$JOBQ_BUILD"/bin/jobq-*; do
		name=${path##*/jobq-}
		said=$(jobq | sed -n "s/^  jobq $name   *//p")
		same "jobq-$name - $said" "$("$path" --help | head -n 1)"
	done
}

@test "jobq: the example in its list works as it stands" {
	jobq | sed -n '/^Try/,/^jobq help/s/^  //p' >example
	[ "$(grep -c . example)" = 2 ]
	[ "$(tail -n 1 example | tr '|' '\n' | wc -l)" = 4 ]
	run_apart timeout 60 bash -euo pipefail example
	[ "$status" = 0 ]
	json -s 'map(select(.event == "completed" and .settled == true).output)
		| sort == ["1", "2", "3"]' <<<"$(grep '"event"' <<<"$stdout")"
}

@test "jobq: runs the command of its own folder with the other words" {
	own_folder
	run_apart bin/jobq run -j 2 --help -- x 'a  b' --
	[ "$status" = 3 ]
	same "run from jobq-run
[-j]
[2]
[--help]
[--]
[x]
[a  b]
[--]" "$stdout"
}

@test "jobq: a command that is not there is told" {
	own_folder
	run_apart bin/jobq claim
	[ "$status" = 2 ]
	has "$stderr" "jobq: unable to run " "bin/jobq-claim: No such file"
}

@test "jobq: an unknown command is named, the nearest suggested, exit 2" {
	run_apart jobq rnu
	[ "$status" = 2 ]
	same "" "$stdout"
	same "jobq: there is no command 'rnu' (did you mean 'run'?); see jobq --help" "$stderr"
	run_apart jobq help clami
	[ "$status" = 2 ]
	has "$stderr" "did you mean 'claim'?"
	run_apart jobq ../run
	[ "$status" = 2 ]
	run_apart jobq frobnicate
	same "jobq: there is no command 'frobnicate'; see jobq --help" "$stderr"
}

@test "jobq: help X is the page, or --help where there is none" {
	own_folder
	run_apart bin/jobq help run
	[ "$status" = 3 ]
	has "$stdout" "[--help]"
	mkdir -p bin man
	printf '#!/bin/sh\necho "man $*"\n' >bin/man
	chmod +x bin/man
	: >man/jobq-run.1
	run_apart env PATH="$PWD/bin:$PATH" bin/jobq help run
	[ "$status" = 0 ]
	has "$stdout" "man -l " "/share/../man/jobq-run.1"
	run_apart env PATH=/nowhere bin/jobq help run
	[ "$status" = 3 ]
	has "$stdout" "[--help]"
}

@test "jobq: options before the command are its own" {
	run_apart jobq --no-such run
	[ "$status" = 2 ]
	has "$stderr" "unknown option '--no-such'"
	run_apart jobq --version
	[[ ${lines[0]} =~ ^jobq\ [0-9.]+$ ]]
}
