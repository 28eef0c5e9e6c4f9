# shellcheck shell=bash disable=SC2016 # a $ in single quotes is one of jq's
#
# What the suite of all stores is written with, over common.bash.
#
# A test has a store of its own at $JOBQ_URL: of the kind that its file is
# named after (support/stores has the URLs), or of JOBQ_TEST_URL, where {}
# stands for a folder of the test's own.
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

store_setup() {
	local kind url
	common_setup
	kind=${BATS_TEST_FILENAME##*/store-}
	kind=${kind%.bats}
	url=${JOBQ_TEST_URL-}
	[ -n "$url" ] || url=$(awk -v kind="$kind" '$1 == kind { print $2 }' \
		"$TOP/tests/support/stores")
	[ -n "$url" ] || { echo "no store '$kind' in support/stores"; return 1; }
	export JOBQ_URL=${url//\{\}/$BATS_TEST_TMPDIR}
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

# refuses PROGRAM WORD: the call is refused with exit 2 by a line with WORD.
refuses() {
	store "$1"
	same 2 "$status"
	same '' "$answers"
	has "$said" 'unsupported: ' "$2"
}

setup() { store_setup; }
teardown() { store_teardown; }
