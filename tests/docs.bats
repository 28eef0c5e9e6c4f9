#!/usr/bin/env bats
# That pages, completions, headers and the installed tree are what the
# commands say of themselves.
load support/common

commands() {
	local path
	for path in "$JOBQ_BUILD"/bin/jobq*; do
		echo "${path##*/}"
	done
}

# page NAME [SECTION]: the rendered text of man/NAME, or of one section of it;
# NAME is a command, or a file such as jobq.7.
page() {
	local file=$TOP/man/$1
	[[ $1 == *.[1-8] ]] || file+=.1
	mandoc -T ascii -O width=500 "$file" | col -bx | if [ $# = 1 ]; then
		cat
	else
		awk -v section="$2" '/^[A-Z]/ { shown = $0 == section; next } shown'
	fi
}

words() {
	tr -s ' \t\n' ' ' | sed 's/^ //; s/ $//'
}

# options COMMAND: --name and -x of each, a word a line.
options() {
	"$1" --dump-options | awk -F '\t' '{ print "--" $1 } $2 != "" { print "-" $2 }'
}

# has_words FILE < WORDS: fails with those that FILE does not have. A word of
# an option ends where no letter, digit or dash follows.
has_words() {
	local word missing=0
	while read -r word; do
		grep -qE -- "(^|[^a-z0-9-])$word([^a-zA-Z0-9-]|\$)" "$1" && continue
		echo "$1 does not have $word"
		missing=1
	done
	return $missing
}

@test "docs: every command has a page, tests and completions" {
	for command in $(commands); do
		[ -f "$TOP/man/$command.1" ]
		compgen -G "$TOP/tests/${command#jobq-}*.bats"
		for file in jobq.bash _jobq jobq.fish; do
			grep -qE "(^|[^a-z-])(${command#jobq-}|$command)([^a-z-]|\$)" \
				"$TOP/completions/$file"
		done
	done
}

@test "docs: every page is about something that is there" {
	for file in "$TOP"/man/*.1; do
		name=${file##*/}
		[ -x "$JOBQ_BUILD/bin/${name%.1}" ]
	done
}

@test "docs: the usage of --help is the page's SYNOPSIS" {
	for command in $(commands); do
		usage=$("$command" --help |
			awk '/^Usage:/ { shown = 1 } !NF { shown = 0 } shown' |
			sed '1s/^Usage://' | words)
		same "$usage" "$(page "$command" SYNOPSIS | words)"
	done
}

@test "docs: the summary of --help is the page's NAME" {
	for command in $(commands); do
		same "$("$command" --help | head -n 1)" \
			"$(page "$command" NAME | words | sed 's/ \(--\|–\) / - /')"
	done
}

@test "docs: every option is in its page, those of all commands in jobq(7)" {
	page jobq.7 >all
	options jobq >common
	has_words all <common
	for command in $(commands); do
		page "$command" >own
		[ "$command" = jobq ] ||
			options "$command" | grep -vxFf common | has_words own
		has "$(<own)" "jobq(7)"
	done
}

@test "docs: every option a page lists is one of the command" {
	options jobq >common
	for command in $(commands); do
		options "$command" >known
		grep -qvxFf common known || continue
		page "$command" OPTIONS | sed -nE \
			's/^ {1,8}(-[^- ,])?(, )?(--[a-z0-9-]+)?.*/\1\n\3/p' |
			grep . >listed
		[ -s listed ]
		same "" "$(grep -vxFf known listed)"
	done
}

@test "docs: every option is in the completions of all three shells" {
	for command in $(commands); do
		"$command" --dump-options | cut -f1 >names
		sed -n "s/^	$command) echo '\(.*\)' ;;/ \1 /p" \
			"$TOP/completions/jobq.bash" >bash
		sed -n "/^	$command)/,/;;/p" "$TOP/completions/_jobq" >zsh
		grep "^__jobq_option ${command#jobq-} " \
			"$TOP/completions/jobq.fish" >fish
		sed 's/^/--/' names | has_words bash
		sed 's/^/--/' names | has_words zsh
		sed 's/^/-l /' names | has_words fish
	done
}

@test "docs: the completions are as completions/generate makes them" {
	mkdir made
	"$TOP/completions/generate" "$JOBQ_BUILD/bin" made
	for file in jobq.bash _jobq jobq.fish; do
		diff -u "$TOP/completions/$file" "made/$file"
	done
}

@test "docs: bash completes commands, options and values" {
	# shellcheck disable=SC1091 # made from the option tables
	source "$TOP/completions/jobq.bash"
	complete_words() {
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_jobq
		echo "${COMPREPLY[*]}"
	}
	same "lines" "$(complete_words jobq li | tr ' ' '\n' | grep -x lines)"
	same "--log-keep" "$(complete_words jobq lines --log-k)"
	same "--log-keep" "$(complete_words jobq-lines --log-k)"
	same "always" "$(complete_words jobq-lines --color al)"
	same "never" "$(complete_words jobq-lines --color = ne)"
	same "" "$(complete_words jobq-run -- --log-k)"
}

@test "docs: zsh and fish can read their completions" {
	if command -v zsh >/dev/null; then
		zsh -n "$TOP/completions/_jobq"
	fi
	if command -v fish >/dev/null; then
		fish -c "source $TOP/completions/jobq.fish
			complete -C 'jobq lines --log-k'" >out
		has "$(<out)" "--log-keep"
	fi
	bash -n "$TOP/completions/jobq.bash"
}

@test "docs: every page tells its exit codes" {
	for command in $(commands); do
		page "$command" "EXIT STATUS" >codes
		for code in 0 2 75; do
			grep -qE "^ +$code( |\$)" codes
		done
	done
	for command in claim run report; do
		page "jobq-$command" "EXIT STATUS" | grep -qE "^ +1( |\$)"
	done
}

@test "docs: pages are clean mdoc" {
	mandoc -T lint -W warning "$TOP"/man/*.[1-8]
}

# Every "jobq-x ..." and "jobq x ..." of stdin, one call a line, up to "--".
calls() {
	tr '|;&()' '\n' | grep -oE '(^|[ `"])jobq[ -][a-z].*' | sed 's/^[ `"]*//
		s/^jobq \([a-z]\)/jobq-\1/; s/ -- .*//'
}

@test "docs: the options in the examples exist" {
	for command in $(commands); do
		"$command" --help | sed -n '/^Examples:/,/^$/p'
		page "$command" EXAMPLES
	done | calls >examples
	[ -s examples ]
	while read -r command rest; do
		[ -x "$JOBQ_BUILD/bin/$command" ] || continue
		options "$command" >known
		grep -oE '(^| )--[a-z][a-z-]*' <<<"$rest" | tr -d ' ' >used || continue
		same "$command:" "$command:$(grep -vxFf known used)"
	done <examples
}

# installed TARGET: make install or uninstall of the build under test, as it
# is, under ./root.
installed() {
	make -C "$TOP" -s -o all "$1" B="$JOBQ_BUILD" PREFIX=/opt/jobq \
		DESTDIR="$PWD/root" </dev/null
}

@test "docs: make install puts everything where it belongs" {
	installed install
	cd root/opt/jobq
	for command in $(commands); do
		cmp "$JOBQ_BUILD/bin/$command" "bin/$command"
		[ "$(stat -c %a "bin/$command")" = 755 ]
		cmp "$TOP/man/$command.1" "share/man/man1/$command.1"
		[ -e "share/bash-completion/completions/$command" ]
		[ -e "share/fish/vendor_completions.d/$command.fish" ]
	done
	[ -e share/zsh/site-functions/_jobq ]
	for driver in "$JOBQ_BUILD"/drivers/*.so; do
		cmp "$driver" "lib/jobq/${driver##*/}"
	done
	diff -r "$TOP/share" share/jobq
	for file in "$TOP"/man/*.[1-8]; do
		cmp "$file" "share/man/man${file##*.}/${file##*/}"
	done
	same "" "$(find . \( -perm /022 -o ! -perm -444 \) ! -type l)"
}

@test "docs: installed commands use the installed drivers and adapters" {
	installed install
	export PATH="$PWD/root/opt/jobq/bin:/usr/bin:/bin"
	jobq --version --json | json '[.drivers[].scheme] | contains(["fail"])'
	jobq-lines <<<a | jobq-push | json '.id and .state == "pending"'
	mv root/opt/jobq/share/jobq/adapters hidden
	run_apart jobq-push <<<'{"input":1}'
	[ "$status" = 2 ]
	mv hidden root/opt/jobq/share/jobq/adapters
	mv root/opt/jobq/lib/jobq hidden
	run_apart jobq-push <<<'{"input":1}'
	[ "$status" = 2 ]
}

@test "docs: make uninstall leaves no file" {
	installed install
	mkdir -p root/opt/jobq/bin root/opt/jobq/share/man/man1
	: >root/opt/jobq/bin/other
	: >root/opt/jobq/share/man/man1/other.1
	installed uninstall
	same "root/opt/jobq/bin/other
root/opt/jobq/share/man/man1/other.1" "$(find root ! -type d | sort)"
}

# The headers of what is in this build: it may be one without jobq-serve.
headers() {
	echo "$TOP"/lib/*.h
	[ ! -e "$JOBQ_BUILD/bin/jobq-serve" ] || echo "$TOP"/lib/serve/*.h
}

@test "docs: every header compiles alone" {
	for header in $(headers); do
		gcc -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only \
			-I"$TOP/lib" -include "$header" -x c /dev/null
	done
}

# What the archive defines and others can call.
defined() {
	nm -g --defined-only "$JOBQ_BUILD/libjobq.a" 2>/dev/null |
		awk '$2 ~ /^[TDBRV]$/ && $3 !~ /^(_|\.)/ { print $3 }' | sort -u
}

@test "docs: exported names are in a header, and the other way round" {
	headers | xargs cat | gcc -fpreprocessed -dD -E -P -x c - |
		grep -oE '\bjobq_[a-z0-9_]+' | sort -u >words
	same "" "$(defined | grep -v '^jobq_[a-z0-9]')"
	same "" "$(defined | grep -vxFf words)"
	# Functions: names before "(" that are neither a type's nor inline.
	headers | xargs cat | gcc -fpreprocessed -dD -E -P -x c - |
		grep -v '^#' | sed -zE 's/static inline [^(]*\(//g' |
		grep -oE '\bjobq_[a-z0-9_]+\(' | tr -d '(' |
		grep -v '_fn$' | sort -u >declared
	[ "$(wc -l <declared)" -gt 50 ]
	same "" "$(comm -13 <(defined) declared)"
}

@test "docs: a driver exports one name" {
	for driver in "$JOBQ_BUILD"/drivers/*.so; do
		same jobq_driver "$(nm -D --defined-only "$driver" |
			awk '{ print $3 }')"
	done
}
