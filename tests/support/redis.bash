# shellcheck shell=bash
# A Redis for the tests of what is its own, over stages.bash. The server is one
# for a file, in $REDIS_DIR; each test has keys of its own, under $prefix. A
# test that does more to a server than to use it has one of its own.
#   load support/redis

# shellcheck disable=SC2034 # what is set here is for the tests

load "${BASH_SOURCE[0]%/*}/stages"

# redis_missing: whether Redis cannot be used here, and says why.
redis_missing() {
	"$JOBQ_BUILD/bin/jobq" --version | grep -q '^driver redis' || {
		echo "this build has no driver 'redis'"
		return
	}
	"$TOP/tests/support/servers/redis" missing
}

redis_setup_file() {
	export REDIS_DIR='' REDIS_MISSING=''
	! REDIS_MISSING=$(redis_missing) || return 0
	REDIS_MISSING=
	REDIS_DIR=$(mktemp -d "${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}/r.XXXXXX")
	redis start "$REDIS_DIR"
}

redis_teardown_file() {
	[ -n "$REDIS_DIR" ] || return 0
	redis stop "$REDIS_DIR"
	rm -rf "$REDIS_DIR"
}

redis_setup() {
	common_setup
	unset REDISCLI_AUTH
	[ -z "$REDIS_MISSING" ] || skip "$REDIS_MISSING"
	prefix=t$BATS_TEST_NUMBER
	server=$REDIS_DIR own=
	export JOBQ_URL="unix:$REDIS_DIR/s?prefix=$prefix"
}

redis_teardown() {
	local pid
	common_teardown
	[ -n "${own-}" ] || return 0
	read -r pid <"$own/pid" && kill -KILL "$pid"
	rm -rf "$own"
}

setup_file() { redis_setup_file; }
teardown_file() { redis_teardown_file; }
setup() { redis_setup; }
teardown() { redis_teardown; }

# A server is started without what a test has open for its stages.
redis() {
	timeout 60 "$TOP/tests/support/redis" "$@" 3>&- 4>&- 8>&-
}

# own_server [OPTION...]: a server of the test's own, with the options of
# redis-server; $server is its folder from then on, and $JOBQ_URL on it.
own_server() {
	own=$(mktemp -d "${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}/r.XXXXXX")
	redis start "$own" "$@"
	server=$own
	JOBQ_URL="unix:$own/s?prefix=$prefix"
}

# free_port prints one on which nobody listens.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# cli [WORD...]: redis-cli at the test's server.
cli() {
	timeout 30 redis-cli -s "$server/s" "$@"
}

# key NAME prints that of the test's store.
key() {
	echo "$prefix:$1"
}

# state_is ID STATE, for wait_until.
state_is() {
	[ "$(jobq-list --json "$1" | jq -r .state)" = "$2" ]
}
