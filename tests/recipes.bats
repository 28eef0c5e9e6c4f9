#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1083 # scripts and templates of the jobs

# The recipes that are installed beside the commands.

load support/common

setup() {
	common_setup
	PATH=$TOP/share/recipes:$PATH
}

# --- ci-fan-out --------------------------------------------------------------

@test "ci-fan-out: three machines share the tests, and each tells the same end" {
	local machine
	export JOBQ_URL=sqlite:$PWD/q.db
	seq 12 | sed 's/^/test number /' >tests
	for machine in 1 2 3; do
		spawn sh -c 'ci-fan-out -j 2 build-7 -- sh -c "
			echo \"\$1\" >>ran; sleep 0.1; echo out of \"\$1\"
			test \"\$1\" != \"test number 5\" || { echo broken >&2; exit 3; }
			" - {} <tests >out.'$machine' 2>err.'$machine'
			echo $? >code.'$machine
	done
	wait_until 60 test -s code.1
	wait_until 60 test -s code.2
	wait_until 60 test -s code.3
	same '1 1 1' "$(cat code.? | xargs)"
	same "$(sort tests)" "$(sort ran)"
	cat >expected <<-'EOF'
		FAILED test number 5  (exit status 3: broken)
		    out of test number 5
		    broken
		11 passed, 1 failed
	EOF
	for machine in 1 2 3; do
		cmp expected out.$machine
		same '' "$(<err.$machine)"
	done
}

@test "ci-fan-out: exits 0 when all pass, a second attempt included" {
	export JOBQ_URL=sqlite:$PWD/q.db
	run_apart ci-fan-out build-8 -- true < <(printf 'a\nb\n')
	same 0 "$status"
	same '2 passed, 0 failed' "$stdout"
	# Another build on the same store is another flow.
	spawn sh -c 'echo a | ci-fan-out -r 2 -t 5m build-9 -- test -e nosuch >out 2>err'
	wait_until 20 eval '[ "$(jobq-list --flow build-9 --json 2>/dev/null |
		jq -r .attempt)" = 1 ] && ! jobq-list --flow build-9 --state running | grep -q .'
	jobq-retry "$(jobq-list --flow build-9 --json | jq -r .id)"
	wait "$spawned_pid" || true
	jobq-list --flow build-9 --json | jq -e '.state == "failed" and .attempt == 2'
}

@test "ci-fan-out: says what it needs" {
	local args
	export JOBQ_URL=sqlite:$PWD/q.db
	for args in '' 'flow' 'flow true' '-x flow -- true' '../x -- true'; do
		# shellcheck disable=SC2086 # words
		run_apart ci-fan-out $args </dev/null
		same 2 "$status"
		has "$stderr" usage:
	done
	run_apart ci-fan-out empty -- true </dev/null
	same 2 "$status"
	has "$stderr" 'has no test'
}

# --- nightly -----------------------------------------------------------------

@test "nightly: is silent when all goes well" {
	run_apart nightly ok -- sh -c 'echo hello; echo there >&2'
	same 0 "$status"
	same '' "$stdout$stderr"
}

@test "nightly: prints what failed, with the ends of its output" {
	run_apart nightly bad -- sh -c 'echo half done; echo no space >&2; exit 3'
	same 3 "$status"
	same '' "$stderr"
	has "$stdout" 'bad on ' 'failed (exit 3)' 'exit status 3: no space' \
		'half done'
	run_apart nightly -t 0.2 slow -- sleep 60
	same 124 "$status"
	has "$stdout" 'timeout of 0.200 s'
}

@test "nightly: mails it where there is an address" {
	mkdir bin
	printf '#!/bin/sh\nprintf "%%s|" "$@" >args; cat >mail\n' >bin/mail
	chmod +x bin/mail
	PATH=$PWD/bin:$PATH run_apart nightly -m root@localhost bad -- false
	same 1 "$status"
	same '' "$stdout$stderr"
	same '-s|nightly: bad failed|root@localhost|' "$(<args)"
	has "$(<mail)" 'failed (exit 1)'
}

@test "nightly: one at a time, and says that the one before still runs" {
	spawn nightly long -- sh -c ': >begun; until [ -e end ]; do sleep 0.02; done'
	wait_until 10 test -e begun
	run_apart nightly long -- true
	same 75 "$status"
	has "$stderr" 'still running'
	run_apart nightly other -- true
	same 0 "$status"
	: >end
	wait "$spawned_pid"
}
