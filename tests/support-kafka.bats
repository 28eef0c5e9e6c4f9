#!/usr/bin/env bats
# The Kafka of the tests, support/kafka, and its mock.
# bats file_tags=server

load support/kafka

# stub PROGRAM: reads what it does from standard input, first in PATH.
stub() {
	mkdir -p stubs
	cat >"stubs/$1"
	chmod +x "stubs/$1"
	PATH=$PWD/stubs:$PATH
}

@test "kafka: what was acknowledged is there after KILL and a start" {
	topic jobs 2
	topic other
	seq 100 | produce jobs -p 1
	same "$(seq 100)" "$(consume jobs -p 1)"
	same '' "$(consume jobs -p 0)"
	timeout 60 kafka-client "$KAFKA" commit "$prefix" "$prefix-jobs" 1 \
		40 '{"attempt":1}'
	# The same offset, with other metadata.
	timeout 60 kafka-client "$KAFKA" commit "$prefix" "$prefix-jobs" 1 \
		40 '{"attempt":2}'
	same '40 {"attempt":2}' "$(committed "$prefix" jobs 1)"
	kafka_kill
	not timeout 10 kcat -L -m 1 -b "$KAFKA" >away 2>&1
	kafka_restart
	same "$(seq 100)" "$(consume jobs -p 1)"
	same '40 {"attempt":2}' "$(committed "$prefix" jobs 1)"
	seq 101 110 | produce jobs -p 1
	wait_until 20 holds 110 jobs
	# A member of the group goes on where the commit is.
	timeout 60 kcat -q -b "$KAFKA" -X auto.offset.reset=latest -c 70 \
		-G "$prefix" "$prefix-jobs" </dev/null >rest
	same "$(seq 41 110)" "$(cat rest)"
}

@test "kafka: nobody makes a topic by asking for it" {
	needs_apache 'topics that must be made'
	run_apart timeout 40 kcat -C -e -b "$KAFKA" -t "$prefix-none" </dev/null
	[ "$status" != 0 ]
	has "$stderr" 'Unknown topic'
}

@test "kafka: a start of one that runs leaves it alone" {
	local pid
	read -r pid <"$KAFKA_DIR/pid"
	run_apart kafka start "$KAFKA_DIR"
	same "0 $KAFKA " "$status $stdout $stderr"
	same "$pid" "$(cat "$KAFKA_DIR/pid")"
}

@test "kafka: a port that is taken is said to be, and left alone" {
	needs_apache 'port that is asked for'
	run_apart kafka start "$PWD/second" "${KAFKA##*:}"
	same "75 " "$status $stdout"
	has "$stderr" "somebody else listens on port ${KAFKA##*:}"
}

@test "kafka: the mock says that it is one, and comes back after KILL" {
	JOBQ_TEST_KAFKA=mock own_kafka 2>said
	has "$(cat said)" "it is librdkafka's mock, not Apache Kafka"
	same mock "$(kafka kind "$own")"
	topic jobs 3
	seq 20 | produce jobs -p 2
	kafka_kill
	not timeout 10 kcat -L -m 1 -b "$KAFKA" >away 2>&1
	kafka_restart
	same "$(seq 20)" "$(consume jobs -p 2)"
	timeout 60 kafka-client "$KAFKA" commit "$prefix" "$prefix-jobs" 2 \
		7 'some text'
	same '7 some text' "$(committed "$prefix" jobs 2)"
}

@test "kafka: without the broker it is the mock, with STRICT only offline" {
	export JOBQ_TEST_CACHE=$PWD/empty JOBQ_TEST_STRICT=0
	unset JOBQ_TEST_KAFKA
	mkdir empty
	same '1 ' "$(kafka missing; echo $?) "
	JOBQ_TEST_STRICT=1
	run_apart kafka missing
	same 0 "$status"
	has "$stdout" 'make deps installs it'
	run_apart kafka start "$PWD/none"
	same '2 ' "$status $stdout"
	stub mvn <<-'END'
		#!/bin/sh
		echo '[INFO] x'
		echo '[ERROR] Unknown host'
		exit 1
	END
	run_apart kafka install
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'could not be fetched from Maven Central' 'Unknown host'
	own_kafka 2>said
	has "$(cat said)" "it is librdkafka's mock" 'could not be fetched'
}

@test "kafka: by hand it is one on a port that is asked for, until stop" {
	local port pid
	needs_apache 'port that is asked for'
	port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	run_apart timeout 90 "$TOP/tests/support/kafka.bash" start "$port" 3>&-
	same "0 127.0.0.1:$port " "$status $stdout $stderr"
	read -r pid <"$TMPDIR/jobq-kafka.$UID/$port/pid"
	spawned+=("$pid")
	timeout 20 kcat -L -m 5 -b "localhost:$port" >listed
	run_apart timeout 90 "$TOP/tests/support/kafka.bash" stop "$port" 3>&-
	same '0  ' "$status $stdout $stderr"
	gone "$pid"
	[ ! -e "$TMPDIR/jobq-kafka.$UID/$port" ]
	run_apart "$TOP/tests/support/kafka.bash" restart
	same '2 ' "$status $stdout"
}
