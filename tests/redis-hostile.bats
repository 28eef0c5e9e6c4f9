#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# Servers that say what no Redis says: each is an error of one line, in little
# memory, and never a hang.
# bats file_tags=server

load support/redis

# They are all that is needed.
setup_file() { :; }
teardown_file() { :; }
setup() {
	common_setup
	REDIS_MISSING=$(redis_missing) || return 0
	skip "$REDIS_MISSING"
}
teardown() { common_teardown; }

# fake PLACE SECONDS COMMAND...: the command against each reply of a server
# that is none, twelve at a time; {} in it is the prefix that chooses the reply.
# What became of it stands in the file endings: the reply, the exit code, the
# bytes of its memory, the lines that it has said, the last of them.
fake() {
	background fake "$TOP/tests/support/fake-redis" "$PWD/fake"
	wait_until 20 test -S fake
	"$TOP/tests/support/fake-redis" --cases | jq -Rc '{id: ., input: .}' \
		>cases
	timeout 200 jobq-run -j 12 --timeout "$1" --grace 1 -- "${@:2}" \
		<cases 2>ran |
		jq -r 'select(.event == "completed" or .event == "failed")
			| (.stderr_tail // "") as $said
			| [.id, .exit, .max_rss, ($said | split("\n") | length),
				$said[:120]] | @tsv' | sort >endings
	same "$(wc -l <cases)" "$(wc -l <endings)"
}

# Every ending has one of the exit codes, and took less than 100 MB.
bounded() {
	awk -F '\t' -v codes="$1" -v most="$(
		[[ $JOBQ_BUILD == */san/* ]] && echo 4e9 || echo 1e8)" '
		$2 !~ codes || $3 >= most || $4 > 2 { print; bad = 1 }
		END { exit bad }' endings
}

# bats test_tags=smoke
@test "redis: S16 what a hostile server says to the first question is an error" {
	fake 25 jobq-claim -n 1 -S "unix:$PWD/fake?prefix={}.open"
	# What is no refusal is none: what a script of ours says is not looked at.
	bounded '^(1|2|75)$'
	awk -F '\t' '$2 != 1 && $5 !~ /^jobq-claim: unable to use store .unix:/ {
		print; bad = 1 } END { exit bad }' endings
	(($(grep -c $'\t75\t' endings) >= 25))
}

@test "redis: S16 what a hostile server says to a claim is an error" {
	fake 25 jobq-claim -n 1 -S "unix:$PWD/fake?prefix={}.verb"
	bounded '^75$'
}

@test "redis: S16 a hostile server behind a listener is no trouble" {
	fake 25 timeout --preserve-status 1.5 jobq-claim --follow --interval 0.3 \
		-S "unix:$PWD/fake?prefix={}.ear"
	bounded '^0$'
	same "$(cut -f 1 endings | sort)" "$(sed -n 's/\.ear$//p' fake.out | sort -u)"
}
