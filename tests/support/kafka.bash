#!/bin/bash
# A Kafka for the tests of what is its own, over stages.bash. The broker is one
# for a file, in $KAFKA_DIR, at $KAFKA; $KAFKA_KIND is apache, or mock where
# Apache Kafka is not to be had, which support/kafka says more about. Each test
# has topics and groups of its own, that begin with $prefix.
#   load support/kafka
#
# For trying things by hand it is a program as well:
#   tests/support/kafka.bash start [PORT]   starts one, prints its address
#   tests/support/kafka.bash stop [PORT]    ends it, and deletes what it has
# Without a port it is one on a free port.

# shellcheck disable=SC2034 # what is set here is for the tests

kafka_by_hand() { # start|stop [PORT]
	local dir=${TMPDIR:-/tmp}/jobq-kafka.$UID
	local kafka=${BASH_SOURCE[0]%/*}/kafka
	[[ ${1-} =~ ^(start|stop)$ && ${2-} =~ ^[0-9]*$ && $# -le 2 ]] || {
		sed -n '/^#   tests.support/s/^#   //p' "${BASH_SOURCE[0]}" >&2
		return 2
	}
	# Nobody else may have made it.
	mkdir -m 700 "$dir" 2>/dev/null || [ -O "$dir" ] || {
		echo "kafka: '$dir' is not one's own" >&2
		return 75
	}
	dir+=/${2:-free}
	"$kafka" "$1" "$dir" ${2:+$([ "$1" = stop ] || echo "$2")} || return
	[ "$1" = start ] || rm -rf "$dir"
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || {
	kafka_by_hand "$@"
	exit
}

load "${BASH_SOURCE[0]%/*}/stages"

# A server is started without what a test has open for its stages.
kafka() {
	timeout 90 "$TOP/tests/support/kafka" "$@" 3>&- 4>&- 8>&-
}

kafka_setup_file() {
	export KAFKA='' KAFKA_DIR='' KAFKA_KIND='' KAFKA_MISSING=''
	! KAFKA_MISSING=$(kafka missing) || return 0
	KAFKA_MISSING=
	KAFKA_DIR=$(mktemp -d "${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}/kafka.XXXXXX")
	# Which it is, is printed beside the results.
	KAFKA=$(noted kafka start "$KAFKA_DIR")
	KAFKA_KIND=$(kafka kind "$KAFKA_DIR")
}

kafka_teardown_file() {
	[ -n "$KAFKA_DIR" ] || return 0
	kafka discard "$KAFKA_DIR"
	rm -rf "$KAFKA_DIR"
}

kafka_setup() {
	common_setup
	[ -z "$KAFKA_MISSING" ] || skip "$KAFKA_MISSING"
	prefix=t$BATS_TEST_NUMBER
	own=
}

kafka_teardown() {
	common_teardown
	[ -z "${own-}" ] || {
		kafka discard "$own"
		rm -rf "$own"
	}
}

setup_file() { kafka_setup_file; }
teardown_file() { kafka_teardown_file; }
setup() { kafka_setup; }
teardown() { kafka_teardown; }

# own_kafka: a broker of the test's own, which it may kill; $KAFKA and
# $KAFKA_DIR are of it from then on.
own_kafka() {
	own=$(mktemp -d "${JOBQ_TEST_SERVERS:-$BATS_RUN_TMPDIR}/kafka.XXXXXX")
	KAFKA=$(kafka start "$own")
	KAFKA_DIR=$own
}

# kafka_kill, kafka_restart: by KILL, and again with what it had.
kafka_kill() {
	kafka kill "$KAFKA_DIR"
}

kafka_restart() {
	kafka start "$KAFKA_DIR" >/dev/null
}

# needs_apache WHAT: skips where the mock cannot do it.
needs_apache() {
	[ "$KAFKA_KIND" = apache ] || skip "the mock of Kafka has no $1"
}

# topic NAME [PARTITIONS] makes $prefix-NAME.
topic() {
	kafka topic "$KAFKA_DIR" "$prefix-$1" "${@:2}"
}

# committed GROUP NAME PARTITION: offset and metadata that the group has there.
committed() {
	timeout 60 kafka-client "$KAFKA" committed "$1" "$prefix-$2" "$3"
}

# produce NAME [OPTION...]: kcat to $prefix-NAME, a message for each line.
produce() {
	timeout 30 kcat -P -b "$KAFKA" -t "$prefix-$1" -X acks=all "${@:2}"
}

# consume NAME [OPTION...]: kcat of all that is in $prefix-NAME now.
consume() {
	timeout 30 kcat -C -q -e -b "$KAFKA" -t "$prefix-$1" \
		-o beginning -X fetch.wait.max.ms=10 "${@:2}" </dev/null
}

# holds NUMBER NAME: so many messages, for wait_until.
holds() {
	[ "$(consume "$2" | wc -l)" = "$1" ]
}
