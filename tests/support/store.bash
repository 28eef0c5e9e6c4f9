# shellcheck shell=bash disable=SC2016 # a $ in single quotes is one of jq's
#
# What the suite of all stores is written with, over common.bash.
#
# A test has a store of its own at $JOBQ_URL: of the kind that its file is
# named after, store-KIND.bats or store-KIND-MORE.bats (support/stores has the
# URLs), or of JOBQ_TEST_URL. In a URL {} stands for a folder of the test's
# own and {test} for a word of its own, [a-z0-9]+.
#
# A store that is a server has an executable support/servers/KIND:
#   missing     exits 0 and says what is not installed when it cannot run here
#   start DIR   starts one that keeps everything in DIR, an empty folder, and
#               prints what stands for {server} in the URL; what it says on
#               stderr is printed beside the results
#   stop DIR    stops it at once; fine when it does not run
#   each DIR    is, in the foreground, the server of one test, where each has
#               its own: it keeps everything in DIR, and is there when the
#               socket DIR/serve is; only for URLs with {}/serve
# It runs while the tests of one file do, as $store_server; its folder is
# $store_server_dir.
#
# store PROGRAM makes requests by the jq functions of requests.jq, calls the
# store with them over one connection, and leaves the answers in $answers,
# what was said on stderr in $said, the exit code in $status. answered PROGRAM
# is an assertion about the array of the answers.
#
# What a store does not do it says in its adapter.json: a verb that is not
# listed, or a sentence of "cannot" that begins with the feature's name. A
# test asks for both with has_verb and can, and then asserts the refusal.

load "${BASH_SOURCE[0]%/*}/common"

store_kind() { # prints the kind of the file
	local kind=${BATS_TEST_FILENAME##*/store-}
	kind=${kind%.bats}
	[ -n "$(store_url "$kind")" ] || kind=${kind%%-*}
	echo "$kind"
}

store_url() { # KIND
	awk -v kind="$1" '$1 == kind { print $2 }' "$TOP/tests/support/stores"
}

# lacking KIND: whether something is, and says what.
lacking() {
	local scheme
	scheme=$(store_url "$1")
	scheme=${scheme%%:*}
	[ "$scheme" != unix ] || scheme=redis
	"$JOBQ_BUILD/bin/jobq" --version | grep -qE "^driver $scheme(:|\$)" || {
		echo "this build has no driver '$scheme'"
		return
	}
	"$TOP/tests/support/servers/$1" missing
}

# Where the folder of a server is made must be open to the user that it runs
# as, and short: the name of a socket is in it.
store_setup_file() {
	local kind program dir=${JOBQ_TEST_SERVERS-}
	kind=$(store_kind)
	program=$TOP/tests/support/servers/$kind
	[ -x "$program" ] && [ -z "${JOBQ_TEST_URL-}" ] || return 0
	export store_missing
	! store_missing=$(lacking "$kind") || return 0
	store_missing=
	if [ -z "$dir" ]; then
		dir=$BATS_RUN_TMPDIR
		chmod go+x "$dir"
	fi
	export store_server store_server_dir
	store_server_dir=$(mktemp -d "$dir/$kind.XXXXXX")
	store_server=$(noted "$program" start "$store_server_dir")
}

store_teardown_file() {
	[ -n "${store_server_dir-}" ] || return 0
	"$TOP/tests/support/servers/$(store_kind)" stop "$store_server_dir"
	rm -rf "$store_server_dir"
}

store_serve() { # KIND
	spawn "$TOP/tests/support/servers/$1" each "$BATS_TEST_TMPDIR" \
		>serve.log 2>&1
	wait_until 20 test -S serve || {
		cat serve.log
		return 1
	}
}

store_setup() {
	local kind url
	common_setup
	unset "${!PG@}"
	[ -z "${store_missing-}" ] || skip "$store_missing"
	kind=$(store_kind)
	url=${JOBQ_TEST_URL-}
	[ -n "$url" ] || url=$(store_url "$kind")
	[ -n "$url" ] || { echo "no store '$kind' in support/stores"; return 1; }
	url=${url//\{\}/$BATS_TEST_TMPDIR}
	url=${url//\{test\}/t$BATS_TEST_NUMBER}
	export JOBQ_URL=${url//\{server\}/${store_server-}}
	[[ $url != *"$BATS_TEST_TMPDIR/serve"* ]] || store_serve "$kind"
	adapter=${url%%:*}
	[[ $url != *adapter=* ]] || adapter=${url##*adapter=}
	adapter=${adapter%%&*}
	[[ $adapter == /* ]] || adapter=$JOBQ_BUILD/share/adapters/$adapter
	adapter+=/adapter.json
	answers='' said='' status=0 features=()
}

# Writes what the test has seen for support/features: a line for each feature.
store_teardown() {
	local feature verdict=failed
	[ -z "${BATS_TEST_COMPLETED-}" ] || verdict=${refused:-yes}
	if [ -n "${JOBQ_TEST_FEATURES-}" ]; then
		for feature in "${features[@]}"; do
			printf '%s\t%s\n' "$feature" "$verdict" \
				>>"$JOBQ_TEST_FEATURES"
		done
	fi
	common_teardown
}

# feature NAME: this test shows it.
feature() {
	features+=("$1")
}

store() {
	jq -nr -L "$TOP/tests/support" "include \"requests\"; $1" >requests
	status=0
	answers=$(timeout 60 storecall "$JOBQ_URL" <requests 2>said) ||
		status=$?
	said=$(<said)
}

answered() {
	jq -es -L "$TOP/tests/support" "${@:1:$#-1}" \
		"include \"requests\"; ${!#}" >/dev/null <<<"$answers" && return
	printf 'the answers are not: %s\n%s\n%s\n' "${!#}" "$answers" "$said"
	return 1
}

# claims ID: whether worker w2 can take the job now; what it got stays in
# $answers. For wait_until.
claims() {
	store "claim({worker: \"w2\", ids: [\"$1\"]})"
	[[ $answers == *'"lease":'* ]]
}

# adapter_has MEMBER TEXT: whether a string of that array begins so.
adapter_has() {
	tr -d '\n' <"$adapter" | grep -q "\"$1\": *\[[^]]*\"$2"
}

has_verb() {
	adapter_has verbs "$1\"" && return
	refused=no
	return 1
}

can() {
	adapter_has cannot "$1:" || return 0
	refused=no
	return 1
}

# settles_here: whether only the process that claimed a job can settle it.
settles_here() {
	adapter_has cannot ring:
}

# store_then FIRST THEN: makes the calls of both, THEN by another process where
# that can settle; the answers are those of both.
store_then() {
	local first
	if settles_here; then
		store "$1, $2"
		return
	fi
	store "$1"
	first=$answers
	store "$2"
	answers=$first$'\n'$answers
}

# claimed_state: prints what a list says of a job that was claimed and has not
# started.
claimed_state() {
	if adapter_has cannot claims:; then
		echo pending
	else
		echo running
	fi
}

# begun ID...: prints a further call, which makes jobs that are claimed be seen
# as running, where a claim alone does not.
begun() {
	local id events=()
	adapter_has cannot claims: || return 0
	for id; do
		events+=("{event: \"started\", id: \"$id\", n: 1}")
	done
	local IFS=,
	echo ", settle([${events[*]}])"
}

# has_begun ID EPOCH: whether the events tell of that start. For wait_until.
has_begun() {
	store 'call("events"; {since: 0, limit: 99})'
	answered "any(.event == \"started\" and .id == \"$1\" and .epoch == $2)"
}

# dies_with ID EPOCH FD: a process claims the job, which begins, and is killed.
# FD writes to the pipe calls. It may have to wait for the one before to be given
# up, which has a short time here.
dies_with() {
	[ -e soon ] || (umask 077 && echo session.timeout.ms=1000 >soon)
	URL="$JOBQ_URL&config=$PWD/soon" \
		spawn sh -c 'exec storecall "$URL" <calls >claimed 2>&1'
	jq -nr -L "$TOP/tests/support" "include \"requests\";
		(range(20) | claim({})), settle([{event: \"started\",
			id: \"$1\", epoch: $2, n: 1}])" >&"$3"
	wait_until 30 has_begun "$1" "$2"
	kill -KILL "$spawned_pid"
	wait "$spawned_pid" || true
}

# leeway_ms: prints how far the times that a store tells of one thing may be
# apart: a store without a clock has those of its log.
leeway_ms() {
	if adapter_has cannot clock:; then
		echo 2000
	else
		echo 0
	fi
}

# refuses PROGRAM WORD: the call is refused with exit 2 by a line with WORD.
refuses() {
	store "$1"
	same 2 "$status"
	same '' "$answers"
	has "$said" 'unsupported: ' "$2"
}

setup_file() { store_setup_file; }
teardown_file() { store_teardown_file; }
setup() { store_setup; }
teardown() { store_teardown; }
