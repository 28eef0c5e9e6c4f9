#!/usr/bin/env bats
# How the suite of a store that is a server is run: support/store.bash.

load support/common

# A tree with a kind of store of its own, fake: the one that is a folder, kept
# by a server that only is there, and a suite of three cases.
setup() {
	common_setup
	mkdir -p tree/tests
	cp -R "$TOP/tests/run" "$TOP/tests/support" tree/tests
	echo 'fake exec:{server}/{test}?adapter=dir' >>tree/tests/support/stores
	cat >tree/tests/support/servers/fake <<-'END'
	#!/bin/bash
	case $1 in
	missing) [ -e "$NOTES/missing" ] && cat "$NOTES/missing" ;;
	start)
		setsid sleep 1000 </dev/null >/dev/null 2>&1 &
		echo $! >"$2/pid"
		cp "$2/pid" "$NOTES/pid"
		echo started >>"$NOTES/log"
		echo 'it is a fake' >&2
		echo "$2"
		;;
	stop)
		echo stopped >>"$NOTES/log"
		kill "$(cat "$2/pid")"
		;;
	esac
	END
	chmod +x tree/tests/support/servers/fake
	# Here bats itself must not see them as cases.
	sed 's/CASE/@test/; s/TAGS/bats test_tags/' \
		>tree/tests/store-fake.bats <<-'END'
	load support/store
	# TAGS=smoke
	CASE "store: one" {
		store 'push([{id: "a"}]), list({})'
		answered 'length == 2'
	}
	# TAGS=smoke
	CASE "store: two has nothing of one's" {
		store 'push([{id: "b"}]), list({})'
		answered 'map(.id) == ["b", "b"]'
		kill -0 "$(cat "$store_server_dir/pid")"
	}
	CASE "store: three" {
		[ ! -e "$NOTES/die" ] || kill -KILL 0
	}
	END
	export NOTES=$PWD
	unset "${!JOBQ_TEST_@}"
}

# runs WORD...: what tests/run says of the file, less its seconds.
runs() {
	tree/tests/run "$@" 3>&- 4>&- </dev/null >said 2>&1 || true
	sed -n 's/^store-fake.bats *\(.*\), [0-9]* s$/\1/p' said
}

# What comes up is stopped, and no more of it is there.
stopped() {
	same 'started stopped' "$(paste -sd ' ' log)"
	wait_until 5 gone "$(<pid)"
	rm log
}

@test "servers: one starts for a file, each test has a store of its own" {
	same '2 passed, 0 failed' "$(runs store)"
	stopped
	same 1 "$(grep -cx 'store-fake.bats: it is a fake' said)"
}

@test "servers: the whole suite runs where it is asked for" {
	same '3 passed, 0 failed' "$(runs --store fake)"
	stopped
	same '3 passed, 0 failed' "$(runs --full)"
	stopped
	same '1 passed, 0 failed' "$(runs --store fake three)"
	stopped
	same '1 passed, 0 failed' "$(runs store-fake.bats/three)"
	stopped
}

@test "servers: one that is not installed is skipped, in strict runs a failure" {
	echo 'no fake here' >missing
	same '0 passed, 0 failed, 2 skipped' "$(runs store)"
	export JOBQ_TEST_STRICT=1 JOBQ_TEST_AGAIN=0
	same '0 passed, 2 failed, 2 skipped' "$(runs store)"
	has "$(<said)" 'no fake here'
	[ ! -e log ]
}

@test "servers: a store whose driver is not built is skipped" {
	sed -i 's/^fake exec:/fake nosuch:/' tree/tests/support/stores
	same '0 passed, 0 failed, 2 skipped' "$(runs store)"
	[ ! -e log ]
}

@test "servers: the server of a file that was killed is stopped" {
	: >die
	export JOBQ_TEST_AGAIN=0
	has "$(runs --store fake three)" '1 failed'
	has "$(<said)" 'killed after'
	wait_until 5 gone "$(<pid)"
}

@test "servers: a store that is not known is named" {
	run_apart tree/tests/run --store nosuch 3>&-
	same 2 "$status"
	has "$stderr" nosuch
}
