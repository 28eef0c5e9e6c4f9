#!/usr/bin/env bats

load support/stages

push() {
	run_apart timeout -s KILL 60 jobq-push "$@"
}

# pushed LINES [ARGUMENT...]
pushed() {
	push "${@:2}" < <(printf '%s\n' "$1")
}

uuid='[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
time='20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\.[0-9]{3}Z'

# --- what is printed ---------------------------------------------------------

@test "push: prints the job as the store has it, complete" {
	pushed '{"input":{"n":1}}'
	same 0 "$status"
	same '' "$stderr"
	[[ $stdout =~ ^'{"id":"'$uuid'","input":{"n":1},"queue":"default",'\
'"name":"default","priority":0,"max_attempts":5,"attempt":0,'\
'"run_at":"'$time'","state":"pending"}'$ ]]
}

@test "push: a line's own bytes stay as they are, what it lacks is added" {
	local line='{"z" : [ 9007199254740993, 1.10 ],"id":"a","input":1e400,'
	line+='"s":"\u00e9\/é","queue":"q\u0031","a":{"b":1, "a":2},"priority":-0'
	pushed "$line}"
	same 0 "$status"
	[[ $stdout == "$line"',"name":"default","max_attempts":5,"attempt":0,'* ]]
	same 'q1|0' "$(job a queue priority)"
}

@test "push: NULs and lone surrogates in free values stay" {
	local line='{"id":"a","input":"\u0000\ud800","meta":{"\udfff":"\u0000"}'
	pushed "$line}"
	same 0 "$status"
	[[ $stdout == "$line",* ]]
}

@test "push: the ids it makes grow from line to line" {
	jq -nc 'range(1200) | {input: .}' | jobq-push >out
	same 1200 "$(wc -l <out)"
	jq -r .id out >ids
	LC_ALL=C sort -cu ids
	jq -r .input out >inputs
	seq 0 1199 | cmp - inputs
	counts 1200 'stage = 2'
}

@test "push: prints a job at once, when it is durable, not at the end" {
	mkfifo p.in
	background p jobq-push
	exec 5>p.in
	echo '{"id":"a"}' >&5
	wait_until 20 has_lines 1 p.out
	same 2 "$(state a)"
	echo '{"id":"b"}' >&5
	wait_until 20 has_lines 2 p.out
	exec 5>&-
	exits 0 p
}

@test "push: event lines pass through in their place, unchanged" {
	pushed '{"id":"a"}
{"event":"progress","id":"a","percent":1.10}
{"id":"b"}
{"event":"new","x":"\u0000"}'
	same 0 "$status"
	same 4 "${#lines[@]}"
	same '{"event":"progress","id":"a","percent":1.10}' "${lines[1]}"
	[[ ${lines[2]} == '{"id":"b",'* ]]
	same '{"event":"new","x":"\u0000"}' "${lines[3]}"
}

@test "push: an event line alone passes at once" {
	mkfifo p.in
	background p jobq-push
	exec 5>p.in
	echo '{"event":"new"}' >&5
	wait_until 20 has_lines 1 p.out
	exec 5>&-
	exits 0 p
}

@test "push: a store's own members in a line are not taken from it" {
	jq -nc '{id: "a", state: "completed", attempt: 3, rescues: 2, held: {},
		lease: {epoch: 5, worker: "w"}, ended: {at: "x"}, why: "because",
		pushed_at: "yesterday"}' >line
	push <line
	same 0 "$status"
	json 'keys == ["attempt", "id", "max_attempts", "name", "priority",
		"queue", "run_at", "state"] and .attempt == 0
		and .state == "pending"' <<<"$stdout"
	same '2|0|0|0' "$(job a stage attempt rescues epoch)"
}

# --- the same job ------------------------------------------------------------

@test "push: an id that is there changes nothing and prints that job" {
	pushed '{"id":"a","input":1}'
	pushed '{"id":"a","input":2,"priority":9}
{"id":"b"}
{"id":"b","input":3}'
	same 0 "$status"
	json -s 'map(.id) == ["a", "b", "b"] and .[0].input == 1
		and .[0].priority == 0 and .[2].input == null' <<<"$stdout"
	counts 2 'stage = 2'
	take
	pushed '{"id":"a"}'
	json '.state == "running" and .attempt == 1 and (has("lease") | not)' \
		<<<"$stdout"
	settle "$completed"
	pushed '{"id":"a"}'
	json '.state == "completed"' <<<"$stdout"
}

@test "push: a key is unique among the unfinished jobs of a queue" {
	push --key k --name first
	push --key k --name second
	same 0 "$status"
	json '.name == "first"' <<<"$stdout"
	push --key k --name other --queue q
	json '.name == "other"' <<<"$stdout"
	take
	push --key k --name third
	json '.name == "first" and .state == "running"' <<<"$stdout"
	settle "$completed"
	push --key k --name fourth
	json '.name == "fourth" and .key == "k"' <<<"$stdout"
}

# --- options -----------------------------------------------------------------

@test "push: options are for lines that lack the member, or have null" {
	pushed '{"id":"a"}
{"id":"b","queue":"own","name":"own","priority":5,"flow":"own","timeout":9,
"max_attempts":2}' -Q q -p 7 --flow f -t 1m --max-attempts 3
	same 2 "$status"
	pushed '{"id":"b","queue":"own","priority":5,"flow":"own","timeout":9.0,"max_attempts":2}
{"id":"c","queue":null,"priority":null}' \
		--queue q --priority 7 --flow f --timeout 1m --max-attempts 3
	same 0 "$status"
	json -s '.[0] | .queue == "own" and .priority == 5 and .flow == "own"
		and .timeout == 9 and .max_attempts == 2' <<<"$stdout"
	json -s '.[1] | .queue == "q" and .priority == 7 and .flow == "f"
		and .timeout == 60 and .max_attempts == 3' <<<"$stdout"
	has "${lines[0]}" '"timeout":9.0,'
	same 'q|7|f|3' "$(job c queue priority flow max_attempts)"
}

@test "push: --name and --input make one job, --repeat so many" {
	push --name send --input '{"to":"\u0061",  "n":1.10}' --repeat 600
	same 0 "$status"
	same 600 "$(sort -u <<<"$stdout" | wc -l)"
	[[ ${lines[599]} == *'"name":"send","input":{"to":"\u0061",  "n":1.10},'* ]]
	push -i null
	same 0 "$status"
	has "$stdout" '"name":"default","input":null'
}

@test "push: --name does not read standard input" {
	mkfifo never
	exec 5<>never
	push --name a <&5
	exec 5>&-
	same 0 "$status"
	same 1 "${#lines[@]}"
}

@test "push: --input takes one JSON value and nothing else" {
	local input
	for input in hello '{"a":1' '1,"event":"x"' '1 2' '' NaN "'a'" '01'; do
		push --input "$input"
		same 2 "$status"
		same '' "$stdout"
		has "$stderr" --input JSON '"text"'
		same 1 "${#stderr_lines[@]}"
	done
	[[ ! -e q.db ]]
}

@test "push: --run-at and --in put a job off" {
	push --name a --run-at 2099-01-02T03:04:05.678+01:00
	json '.run_at == "2099-01-02T02:04:05.678Z" and .state == "pending"' \
		<<<"$stdout"
	push --name b --in 1h
	json '(.run_at[:19] + "Z" | fromdate) as $at
		| $at >= now + 3500 and $at <= now + 3601' <<<"$stdout"
	push --name c --run-at 1999-01-01T00:00:00Z
	counts 1 "name = 'c' AND stage = 2"
	counts 2 'stage = 1'
	take -n9
	same c "$(jq -r .name claimed)"
}

@test "push: a job that is put off can be claimed when its time has come" {
	push --name a --in 0.4
	same 0 "$status"
	wait_until 20 take
	same a "$(jq -r .name claimed)"
}

@test "push: a job waits for all that it needs" {
	push_jobs 2
	push --name child --needs j1 --needs j2
	json '.state == "blocked" and .needs == ["j1", "j2"]' <<<"$stdout"
	pushed '{"id":"own","needs":["nosuch"]}' --needs j1
	json '.state == "blocked" and .needs == ["nosuch"]' <<<"$stdout"
	take
	settle "$completed"
	counts 1 "name = 'child' AND stage = 0"
	take
	settle "$completed"
	counts 1 "name = 'child' AND stage = 2"
	push --name late --needs j1
	json '.state == "pending"' <<<"$stdout"
	same 0 "$(state own)"
}

@test "push: durations and their limits" {
	local given
	for given in '250ms 0.25' '90 90' '1.5s 1.5' '2h 7200' '14d 1209600' \
		'1234567s 1234567'; do
		push --name a --dry-run --timeout "${given% *}"
		has "$stdout" "\"timeout\":${given#* },"
	done
	for given in '--timeout 0' '--timeout x' '--in -1' '--run-at tomorrow' \
		'--repeat 0' '--max-attempts 0' '--priority 1.5' \
		'--priority 2147483648'; do
		# shellcheck disable=SC2086 # an option and its value
		push --name a $given
		same 2 "$status"
		has "$stderr" "${given% *}" "${given#* }"
	done
	[[ ! -e q.db ]]
}

@test "push: --dry-run prints what would be pushed and makes no store" {
	pushed '{"id":"a","input":1.10}
bad
{"event":"x"}
{"input":2}' --dry-run -Q q
	same 2 "$status"
	same 3 "${#lines[@]}"
	same '{"id":"a","input":1.10,"queue":"q","name":"default","priority":0,"max_attempts":5}' \
		"${lines[0]}"
	same '{"event":"x"}' "${lines[1]}"
	[[ ${lines[2]} =~ ^'{"id":"'$uuid'","input":2,"queue":"q",' ]]
	has "$stderr" stdin:2:
	[[ ! -e q.db ]]
}

# --- waiting for the end -----------------------------------------------------

# runner COUNT EVENT...: completes or fails so many jobs as they come.
runner() {
	local count=$1
	shift
	jobq-push </dev/null
	jobq-claim -f -n "$count" | while read -r line; do
		events "$@" <<<"$line"
	done | jobq-report >reported
}

@test "push: --wait prints what happens and exits 0 when all completed" {
	spawn runner 2 '{"event":"started"}' "$completed"
	pushed '{"id":"a"}
{"id":"b"}' --wait
	same 0 "$status"
	same '' "$stderr"
	json -s '(map(select(.id == "a").event) == ["started", "completed"])
		and (map(select(.id == "b").event) == ["started", "completed"])
		and all(.seq > 0) and length == 4' <<<"$stdout"
}

@test "push: --wait exits 1 when a job failed or was cancelled" {
	spawn runner 1 "$failed"
	push --name a --max-attempts 1 --wait
	same 1 "$status"
	json '.event == "failed" and .state == "failed"' <<<"$stdout"
	pushed '{"id":"b"}' --in 1h
	echo '{"id":"b"}' >p.in
	background p jobq-push --wait
	echo b | jobq-cancel >cancelled
	exits 1 p
	json '.event == "cancelled"' <p.out
}

@test "push: --wait with a job that has ended already does not wait" {
	pushed '{"id":"a"}'
	take
	settle "$completed"
	pushed '{"id":"a"}' --wait
	same 0 "$status"
	push --wait </dev/null
	same 0 "$status"
	same '' "$stdout$stderr"
}

# --- what is wrong -----------------------------------------------------------

@test "push: bad lines are named by number and skipped, exit 2" {
	{
		printf '\xef\xbb\xbf{"id":"a"}\r\n\n'
		printf 'no json\n{"id":"b"}\n[1]\n"text"\n{"id":"c"\n'
		printf '{"id":"d"}{"id":"e"}\n{"input":"\xff"}\n{"id":"f"}\n'
		printf '{"a":NaN}\n{"id":"g"}'
	} >lines
	push <lines
	same 2 "$status"
	same 'a b f g' "$(jq -r .id <<<"$stdout" | paste -sd' ')"
	same 'stdin:3: stdin:5: stdin:6: stdin:7: stdin:8: stdin:9: stdin:11:' \
		"$(grep -o 'stdin:[0-9]*:' <<<"$stderr" | paste -sd' ')"
	same 7 "${#stderr_lines[@]}"
	counts 4 'stage = 2'
}

@test "push: a bad member is named" {
	local line member
	while read -r member line; do
		pushed "$line"
		same 2 "$status"
		same '' "$stdout"
		has "$stderr" "jobq-push: stdin:1:" "\"$member\""
		same 1 "${#stderr_lines[@]}"
	done <<-'END'
		id {"id":"-x"}
		id {"id":""}
		id {"id":5}
		id {"id":"a b"}
		queue {"queue":""}
		queue {"queue":"a\u0000"}
		queue {"queue":"\ud800"}
		name {"name":["a"]}
		priority {"priority":"1"}
		priority {"priority":1.5}
		priority {"priority":1e400}
		max_attempts {"max_attempts":0}
		run_at {"run_at":"tomorrow"}
		run_at {"run_at":12}
		timeout {"timeout":0}
		timeout {"timeout":-1}
		timeout {"timeout":"1m"}
		expires_at {"expires_at":"2026-13-01T00:00:00Z"}
		needs {"needs":"a"}
		needs {"needs":["a",1]}
		meta {"meta":[]}
		key {"key":""}
		flow {"flow":{}}
		trace {"trace":1}
		id {"id":"a","id":"b"}
		queue {"queue":"a","que\u0075e":"a"}
		lease {"lease":1}
	END
	counts 0 1
}

@test "push: a last line that was cut short is not pushed" {
	printf '{"id":"a"}\n{"id":"b","input":"hal' >lines
	push <lines
	same 2 "$status"
	same a "$(jq -r .id <<<"$stdout")"
	has "$stderr" 'stdin:2:' 'cut short'
}

@test "push: a line of 1 MiB is taken, a longer one refused" {
	{
		printf '{"id":"a","input":"%s"}\n' "$(printf '%1048555s' '')"
		printf '{"id":"b","input":"%s"}\n' "$(printf '%1048556s' '')"
		printf '{"id":"c","input":"%s"}\n' "$(printf '%3000000s' '')"
		echo '{"id":"d"}'
	} >lines
	push <lines
	same 2 "$status"
	same 'a d' "$(jq -r .id <<<"$stdout" | paste -sd' ')"
	same 'stdin:2: stdin:3:' \
		"$(grep -o 'stdin:[0-9]*:' <<<"$stderr" | paste -sd' ')"
	has "$stderr" 1048576
}

@test "push: --strict stops at the bad line, what came before is pushed" {
	pushed '{"id":"a"}
{"id":"b"}
{"priority":"high"}
{"id":"c"}' --strict
	same 2 "$status"
	same 'a b' "$(jq -r .id <<<"$stdout" | paste -sd' ')"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'stdin:3:' priority
	counts 2 1
}

@test "push: a line that the store refuses is named, the others are pushed" {
	make_picky_store
	pushed '{"id":"a"}
{"id":"b","input":"poison"}

{"id":"c"}' --store "$picky"
	same 2 "$status"
	same 'a c' "$(jq -r .id <<<"$stdout" | paste -sd' ')"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'stdin:2:' 'poison is not kept here'
	pushed '{"id":"d"}
{"id":"poison"}
{"id":"e"}' --store "$picky" --strict
	same 2 "$status"
	same d "$(jq -r .id <<<"$stdout")"
	same 1 "${#stderr_lines[@]}"
}

@test "push: empty input makes the store, private, and prints nothing" {
	export JOBQ_URL=sqlite:$BATS_TEST_TMPDIR/new/folder/q.db
	push </dev/null
	same 0 "$status"
	same '' "$stdout$stderr"
	same '600 700' "$(stat -c %a new/folder/q.db new/folder | paste -sd' ')"
	jobq-poll
}

@test "push: a store that is away is told in one line, exit 75" {
	local kind
	for kind in again io; do
		pushed '{"id":"a"}' --store "fail:$kind"
		same 75 "$status"
		same '' "$stdout"
		same 1 "${#stderr_lines[@]}"
	done
	for kind in config unsupported; do
		pushed '{"id":"a"}' --store "fail:$kind"
		same 2 "$status"
		same 1 "${#stderr_lines[@]}"
	done
	make_picky_store
	push --store "$picky" --name a
	touch away
	push --store "$picky" --name b
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'in another room'
}

@test "push: waits while another program writes to the store" {
	push --name a
	lock_store
	background p jobq-push --name b
	not wait_until 0.5 test -s p.status
	unlock_store
	exits 0 p
	same b "$(jq -r .name p.out)"
}

@test "push: a full disk under its output is told, exit 75" {
	run_apart bash -c 'jobq-push --name a >/dev/full'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" 'No space left on device'
}

@test "push: ends by SIGPIPE when its reader is gone" {
	# shellcheck disable=SC2016 # for the inner shell
	run_apart timeout -s KILL 30 env --default-signal=PIPE bash -c '
		yes "{}" | jobq-push | head -n 1 >/dev/null
		echo "${PIPESTATUS[1]}"'
	same 141 "$stdout"
	same '' "$stderr"
}

@test "push: says how it is used on a terminal, and --repeat without a job" {
	run timeout -s KILL 30 script -qec jobq-push /dev/null </dev/null
	same 2 "$status"
	has "$output" --name 'standard input'
	pushed '{"id":"a"}' --repeat 2
	same 2 "$status"
	has "$stderr" --repeat --name
	push operand
	same 2 "$status"
	has "$stderr" operand
}
