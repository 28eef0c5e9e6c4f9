# What every bats file loads first:  load support/common
#
# Each test has its own store, home and settings under $BATS_TEST_TMPDIR, the
# commands of the build under test first in PATH, and no process left behind.
# A file with its own setup() or teardown() calls common_setup and
# common_teardown in them.

bats_require_minimum_version 1.5.0

# The top of the source tree.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TOP
: "${JOBQ_BUILD:=$TOP/build}"
export JOBQ_BUILD

# A test has another home, but what is fetched is where that of its user is.
JOBQ_TEST_CACHE=${JOBQ_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jobq-tests}
export JOBQ_TEST_CACHE

common_setup() {
	unset "${!JOBQ_LOG_@}" JOBQ_COLOR JOBQ_ADAPTER_PATH NO_COLOR \
		CLICOLOR_FORCE MAKEFLAGS MFLAGS MAKELEVEL NOTIFY_SOCKET
	export PATH="$JOBQ_BUILD/bin:$JOBQ_BUILD/support:$PATH"
	export HOME="$BATS_TEST_TMPDIR/home"
	export TMPDIR="$BATS_TEST_TMPDIR/tmp"
	export XDG_CONFIG_HOME="$HOME/.config"
	export XDG_STATE_HOME="$HOME/.local/state"
	export XDG_DATA_HOME="$HOME/.local/share"
	export XDG_DATA_DIRS="$BATS_TEST_TMPDIR/data"
	export JOBQ_URL="sqlite:$BATS_TEST_TMPDIR/q.db"
	export LC_ALL=C.UTF-8
	umask 022
	mkdir -p "$HOME" "$TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	spawned=()
}

common_teardown() {
	local pid all=()
	for pid in "${spawned[@]}"; do
		gone "$pid" || mapfile -t -O "${#all[@]}" all < <(tree "$pid")
	done
	((${#all[@]})) && kill -TERM "${all[@]}" 2>/dev/null
	for pid in "${all[@]}"; do
		wait_until 3 gone "$pid" || kill -KILL "$pid" 2>/dev/null
	done
	spawned=()
	return 0
}

setup() { common_setup; }
teardown() { common_teardown; }

# wait_until SECONDS COMMAND...: tries COMMAND until it succeeds, for at most
# that long; the one place that sleeps. Its output is not seen.
wait_until() {
	local end
	end=$(($(date +%s%N) + $(seconds_to_ns "$1")))
	shift
	until "$@" >/dev/null 2>&1; do
		(($(date +%s%N) < end)) || return 1
		sleep 0.02
	done
}

# seconds_to_ns 1.5 prints 1500000000.
seconds_to_ns() {
	local whole=${1%%.*} part=
	[[ $1 == *.* ]] && part=${1#*.}
	part=${part}000000000
	echo $((${whole:-0} * 1000000000 + 10#${part:0:9}))
}

# gone PID: no such process, or only its zombie.
gone() {
	local state
	state=$(ps -o stat= -p "$1" 2>/dev/null) || return 0
	[[ $state == Z* ]]
}

# tree PID: it and all that descend from it.
tree() {
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		tree "$child"
	done
}

# run_apart COMMAND...: like bats' run, with stderr apart: $status, $output
# (also as $stdout), $stderr, and the arrays $lines and $stderr_lines.
run_apart() {
	run --separate-stderr "$@"
	# shellcheck disable=SC2034,SC2154 # for the tests
	stdout=$output
}

# json CODE: whether the jq program gives true for standard input, which must
# not be empty: jq itself calls that true.
json() {
	local out
	out=$(jq -e "$@") && [[ -n $out ]]
}

# spawn COMMAND...: runs it in the background, its pid in $spawned_pid, to be
# killed by teardown with all its children. Standard input is /dev/null, as the
# shell gives it to what it runs in the background, even where spawn's own is
# another; what bats keeps open is closed, or bats would wait for the process.
spawn() {
	"$@" 3>&- 4>&- &
	spawned_pid=$!
	spawned+=("$spawned_pid")
}

# noted COMMAND...: for a setup_file. What it says on stderr is printed beside
# the results; what bats keeps open is closed for it.
noted() {
	local status=0 said
	said=$(mktemp "$BATS_FILE_TMPDIR/said.XXXXXX")
	"$@" 2>"$said" 3>&- 4>&- || status=$?
	sed 's/^/# note: /' "$said" >&3
	return $status
}

# same EXPECTED ACTUAL: fails and shows both when they differ.
same() {
	[[ "$1" == "$2" ]] && return
	diff -u --label expected --label actual \
		<(printf '%s\n' "$1") <(printf '%s\n' "$2")
	return 1
}

# not COMMAND...: fails when it succeeds. A bare "! command" in the middle of a
# test could not fail.
not() {
	! "$@"
}

# has TEXT WORD...: fails and shows the text when a word is not in it.
has() {
	local text=$1 word
	shift
	for word; do
		[[ $text == *"$word"* ]] && continue
		printf 'not found: %s\nin: %s\n' "$word" "$text"
		return 1
	done
}

# lacks TEXT WORD...: fails and shows the text when a word is in it.
lacks() {
	local text=$1 word
	shift
	for word; do
		[[ $text != *"$word"* ]] && continue
		printf 'found: %s\nin: %s\n' "$word" "$text"
		return 1
	done
}
