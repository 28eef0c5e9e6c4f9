#!/usr/bin/env bats
# jobq-run --coprocess: processes that live between jobs, and all the ways in
# which they misbehave.

load support/common

setup() {
	common_setup
	# A sleep of this test alone, so that survivors can be counted.
	nap=$BATS_TEST_TMPDIR/nap
	cp "$(type -P sleep)" "$nap"
	export nap
}

teardown() {
	local pid
	for pid in $(pgrep -f "^$nap"); do
		kill -KILL "$pid" 2>/dev/null
	done
	common_teardown
}

no_naps() {
	[[ -z $(pgrep -f "^$nap") ]]
}

# handler < BODY: an executable ./h in sh. take reads the next job line into
# $job and its id into $id, or ends; answer TEXT answers it; say TEXT prints it.
handler() {
	cat >h <<-'END'
		#!/bin/sh
		take() {
			IFS= read -r job || exit 0
			id=${job#*\"id\":\"}
			id=${id%%\"*}
		}
		answer() {
			printf '{"id":"%s","output":"%s"}\n' "$id" "$1"
		}
		say() {
			printf '%s\n' "$1"
		}
	END
	cat >>h
	chmod +x h
}

# jobs_to N: N job lines with ids 1 to N.
jobs_to() {
	seq "$1" | sed 's/.*/{"id":"&","input":&}/'
}

# go ARGUMENT...: jobq-run --coprocess with them and ./h, jobs from ./in;
# events in ./out, what it says in ./err, its status in $status.
go() {
	status=0
	timeout -k 5 60 jobq-run --coprocess "$@" -- ./h <in >out 2>err ||
		status=$?
}

# kinds: how many events of each kind are in ./out.
kinds() {
	jq -r .event out | sort | uniq -c | awk '{print $2 "=" $1}' | xargs
}

# ends: each job and its ending, in the order of ids.
ends() {
	jq -r 'select(.event | IN("completed", "failed", "cancelled",
		"released", "snoozed")) | "\(.id)=\(.event)"' out |
		sort -V | xargs
}

# of CODE: what a jq program gives of ./out, in one line.
of() {
	jq -r "$1" out | xargs
}

@test "run: a coprocess answers all jobs, each by a line" {
	handler <<-'END'
		while take; do
			printf '%s\n' "$job" >>lines
			answer $$
		done
	END
	printf '%s\n' '{"id":"a","input":1.10,"meta":{"x":1e400}}' \
		'{ "name":"b"  , "id":"b" }' >in
	go
	same 0 "$status"
	same "a=completed b=completed" "$(ends)"
	same 1 "$(jq -r 'select(.output).output' out | sort -u | wc -l)"
	cmp in lines
	jq -s '.[1] | has("exit") or has("max_rss") | not' out | json .
	same "" "$(<err)"
}

@test "run: jobs that come together go to a coprocess with one write" {
	# The kernel counts the calls: 320 jobs, 16 at a time.
	handler <<-'END'
		n=0 answers=
		while take; do
			n=$((n + 1))
			answers="$answers{\"id\":\"$id\",\"output\":1}\n"
			[ $((n % 16)) = 0 ] || continue
			[ $n = 320 ] && awk '/^syscw/ { print $2 }' \
				"/proc/$PPID/io" >writes
			printf "$answers"
			answers=
		done
	END
	jobs_to 320 >in
	go -j 16 --depth 16
	same "completed=320 started=320" "$(kinds)"
	# One to the coprocess and one or two of events for each 16 jobs; with
	# one for each line there would be 640.
	[ "$(<writes)" -lt 160 ]
}

# says PATTERN: whether the spawned runner tells so of itself. Before it has
# USR1 blocked (bit 9) that would end it.
says() {
	local mask
	mask=$(awk '/^SigBlk/ { print $2 }' "/proc/$spawned_pid/status")
	((0x$mask & 0x200)) || return
	kill -USR1 "$spawned_pid"
	grep -q "$1" err
}

@test "run: a coprocess gets no job before its started event is written" {
	handler <<-'END'
		while take; do
			touch "given$id"
			answer ok
		done
	END
	jobs_to 2 >in
	mkfifo pipe
	exec 8<>pipe
	# It takes nothing more.
	head -c 65536 /dev/zero | tr '\0' '\n' >pipe
	spawn sh -c 'exec jobq-run --coprocess -j 2 --depth 2 -- ./h \
		<in >pipe 2>err 8>&-'
	wait_until 20 says ' 2 running.* [1-9][0-9]* bytes unsent'
	[ ! -e given1 ] && [ ! -e given2 ]
	timeout 30 cat <pipe >out 8>&- &
	exec 8>&-
	wait "$spawned_pid"
	wait "$!"
	same "1=completed 2=completed" "$(ends)"
	[ -e given1 ] && [ -e given2 ]
}

@test "run: a job that waits behind one a coprocess does not read ends alone" {
	handler <<-'END'
		echo x >>processes
		until [ -e go ]; do sleep 0.05; done
		while take; do
			echo "$id" >>seen
			answer ok
		done
	END
	# Longer than a pipe holds: what comes after it cannot be given yet.
	big=$(head -c 300000 /dev/zero | tr '\0' x)
	printf '%s\n' '{"id":"1","input":"'"$big"'"}' \
		'{"id":"2","timeout":0.3}' '{"id":"3"}' >in
	spawn sh -c 'exec jobq-run --coprocess -j 3 --depth 3 -- ./h \
		<in >out 2>err'
	wait_until 20 grep -q '"failed","id":"2"' out
	touch go
	wait "$spawned_pid" || same 1 "$?"
	same "1=completed 2=failed 3=completed" "$(ends)"
	same "1 3" "$(xargs <seen)"
	same 1 "$(wc -l <processes)"
}

@test "run: a coprocess is told the id of a line that has none" {
	handler <<-'END'
		while take; do
			printf '%s\n' "$job" >>lines
			answer "$id"
		done
	END
	printf '%s\n' '{"input":1}' '{}' ' { "id" : null } ' >in
	go
	same "0" "$status"
	same "$(of 'select(.event == "completed").id')" "$(of '.output // empty')"
	same "$(of 'select(.event == "completed").id')" \
		"$(jq -r .id lines | xargs)"
	same 1 "$(head -n 1 lines | jq .input)"
}

@test "run: --depth jobs are in one coprocess, answered in any order" {
	handler <<-'END'
		take
		one=$id
		take
		answer $$
		id=$one
		answer $$
	END
	jobs_to 4 >in
	go -j 4 --depth 2
	same "1=completed 2=completed 3=completed 4=completed" "$(ends)"
	same 2 "$(jq -r '.output // empty' out | sort -u | wc -l)"
	same "completed=4 started=4" "$(kinds)"
}

@test "run: coprocesses are started when they are needed, and no more" {
	handler <<-'END'
		echo $$ >>started
		while take; do
			answer x
			touch "answered$id"
		done
	END
	(
		echo '{"id":"1"}'
		wait_until 10 test -e answered1
		echo '{"id":"2"}'
	) | timeout -k 5 30 jobq-run --coprocess -j 8 -- ./h >out
	same 1 "$(wc -l <started)"
	same "1=completed 2=completed" "$(ends)"
}

@test "run: a coprocess says that a job failed, and whether for good" {
	handler <<-'END'
		take
		echo "words about $id" >&2
		echo '{"id":"1","error":"no such thing","retry":false}'
		take
		echo '{"id":"2","error":"busy","retry_after":7}'
		take
		echo '{"id":"3","error":{"code":5}}'
		take
		echo '{"id":"4","error":null,"output":[1]}'
	END
	jobs_to 4 >in
	go
	same 1 "$status"
	same "1=failed 2=failed 3=failed 4=completed" "$(ends)"
	jq -s 'map(select(.event == "failed")) |
		(.[0] | .error == "no such thing" and .retry == false and
			.reason == "exit" and
			.stderr_tail == "words about 1\n") and
		(.[1] | .error == "busy" and .retry and .retry_after == 7) and
		(.[2] | .error == "{\"code\":5}" and .retry)' out | json .
}

@test "run: an error of a coprocess is told whole, but for what no line may hold" {
	handler <<-'END'
		take
		say '{"id":"1","error":"a\u0000b\ud800\n\ud83d\ude00\"","retry":false}'
		take
		printf '{"id":"2","error":"%05000d","retry":false}\n' 0
		take
		printf '{"id":"3","error":"%065533dé and more","retry":false}\n' 0
		take
		echo '{"id":"4","error":"","retry":false}'
	END
	jobs_to 4 >in
	go
	same 1 "$status"
	same "1=failed 2=failed 3=failed 4=failed" "$(ends)"
	jq -s 'map(select(.event == "failed").error) |
		.[0] == "a\ufffdb\ufffd\n\ud83d\ude00\"" and
		(.[1] | length == 5000) and (.[2] | length == 65534) and
		(.[2] | endswith("0\u00e9")) and
		.[3] == "an error without a text"' out | json .
}

@test "run: the events of a coprocess are completed and do what they say" {
	handler <<-'END'
		take
		echo '{"event":"progress","percent":40,"note":"n","data":[1]}'
		say '{"event":"output","text":"one\ntwo"}'
		echo '{"event":"output","id":"a","stream":"stderr","text":"e"}'
		echo '{"event":"output","base64":"/wD+"}'
		echo '{"event":"completed","output":{"x":1.10}}'
		take
		echo '{"event":"snoozed","id":"b","retry_after":30}'
		take
		echo '{"event":"cancelled","reason":"not wanted"}'
		take
		echo '{"event":"failed","reason":"oom","error":"big"}'
		take
		echo '{"event":"released"}'
		take
		echo '{"event":"completed"}'
	END
	for id in a b c d e f; do
		echo '{"id":"'$id'","lease":{"epoch":3,"worker":"w"}}'
	done >in
	go
	same "a=completed b=snoozed c=cancelled d=failed e=released f=completed" \
		"$(ends)"
	grep -q '"output":{"x":1.10}' out
	jq -s 'map(select(.event != "alive")) |
		all(.epoch == 3 and .worker == "w" and .n > 0) and
		any(.percent == 40 and .note == "n" and .data == [1]) and
		any(.event == "output" and .stream == "stderr" and
			.text == "e") and
		any(.event == "snoozed" and .retry_after == 30) and
		any(.reason == "not wanted") and
		any(.event == "failed" and .reason == "oom" and .error == "big") and
		any(.id == "f" and .event == "completed" and
			(has("output") | not))' out | json .
	# Text and bytes of one job are its standard output, in order.
	printf 'one\ntwo\n\377\0\376' >wanted
	jq -r 'select(.stream == "stdout").base64' out | base64 -d | cmp - wanted
}

@test "run: any other line of a coprocess is output, garbage too" {
	handler <<-'END'
		take
		echo plain
		echo '{"id":"1"}'
		echo '{"id":"1","output":}'
		echo '{"event":"dance","id":"1"}'
		echo '[{"id":"1","output":1}]'
		printf '%s\n' '{"output":1}'
		echo 'to err' >&2
		answer done
		take
		printf '\377\376\0 binary\n'
		head -c 100000 /dev/urandom | tr -d '\n'
		printf '\n'
		answer done
	END
	jobs_to 2 >in
	go
	same "1=completed 2=completed" "$(ends)"
	same "done done" "$(of 'select(.event == "completed").output')"
	jq -s 'map(select(.id == "1" and .stream == "stdout").text) |
		join("\n") == ([ "plain", "{\"id\":\"1\"}",
		"{\"id\":\"1\",\"output\":}",
		"{\"event\":\"dance\",\"id\":\"1\"}",
		"[{\"id\":\"1\",\"output\":1}]", "{\"output\":1}" ] |
		join("\n"))' out | json .
	same "to err" "$(of 'select(.stream == "stderr").text')"
	jq -s 'any(.id == "2" and has("base64"))' out | json .
	same "" "$(<err)"
}

@test "run: output is that of the last job given when there are several" {
	handler <<-'END'
		take
		take
		echo of the second
		echo '{"event":"progress","percent":1}'
		echo '{"id":"2","output":1}'
		echo of the first
		echo '{"id":"1","output":1}'
	END
	jobs_to 2 >in
	go -j 2 --depth 2
	# Of several an event must say whose it is.
	jq -s 'map(select(.stream == "stdout")) |
		(map(select(.id == "1").text) == ["of the first"]) and
		(map(select(.id == "2").text) == ["of the second\n" +
			"{\"event\":\"progress\",\"percent\":1}"])' out | json .
}

@test "run: a coprocess that writes while it has no job is told of once" {
	handler <<-'END'
		take
		answer x
		echo "after the answer"
		echo "and more"
		take
	END
	jobs_to 1 >in
	go
	same "completed=1 started=1" "$(kinds)"
	same 1 "$(wc -l <err)"
	has "$(<err)" "no job" "after the answer"
}

@test "run: answers for jobs it does not have are ignored, with one warning" {
	handler <<-'END'
		take
		echo '{"id":"9","output":"other"}'
		echo '{"event":"completed","id":"8"}'
		echo '{"id":7,"output":"a number"}'
		echo '{"id":"1","epoch":5,"output":"another epoch"}'
		answer right
		answer twice
		echo '{"id":"1","error":"thrice"}'
		take
		answer right
	END
	printf '%s\n' '{"id":"1","lease":{"epoch":4,"worker":"w"}}' '{"id":"2"}' >in
	go
	same 0 "$status"
	same "completed=2 started=2" "$(kinds)"
	same "right right" "$(of '.output // empty')"
	same 1 "$(wc -l <err)"
	has "$(<err)" "does not have" '"9"'
}

@test "run: a coprocess that dies fails its job, the next gets a new one" {
	handler <<-'END'
		while take; do
			case $id in
			2) echo "out of paper" >&2; exit 3 ;;
			4) kill -SEGV $$ ;;
			*) answer $$ ;;
			esac
		done
	END
	jobs_to 5 >in
	go
	same 1 "$status"
	same "1=completed 2=failed 3=completed 4=failed 5=completed" "$(ends)"
	jq -s 'map(select(.event == "failed")) |
		(.[0] | .reason == "exit" and .retry and
			(.error | contains("status 3") and
				endswith(": out of paper")) and
			.stderr_tail == "out of paper\n") and
		(.[1] | .reason == "signal" and .retry and
			(.error | contains("signal 11")))' out | json .
	same 3 "$(jq -r '.output // empty' out | sort -u | wc -l)"
}

@test "run: of several jobs in hand the first fails when the coprocess dies" {
	handler <<-'END'
		if [ ! -e again ]; then
			take; take; take
			touch again
			exit 1
		fi
		while take; do answer "$id"; done
	END
	jobs_to 3 >in
	go -j 3 --depth 3
	same "1=failed 2=completed 3=completed" "$(ends)"
	# The others go on in their attempt.
	same "completed=2 failed=1 started=3" "$(kinds)"
}

@test "run: a timeout stops one job, the others go on in a new coprocess" {
	handler <<-'END'
		if [ ! -e again ]; then
			take; take; take
			"$nap" 1000 &
			setsid "$nap" 1000 &
			IFS= read -r line
			printf '%s\n' "$line" >again
			"$nap" 1000
		fi
		while take; do answer "$id"; done
	END
	jobs_to 3 | jq -c 'if .id == "2" then .timeout = 0.3 else . end' >in
	go -j 3 --depth 3 --grace 0.3
	same "1=completed 2=failed 3=completed" "$(ends)"
	same "completed=2 failed=1 started=3" "$(kinds)"
	same "stop 2 timeout" "$(jq -r '"\(.event) \(.id) \(.reason)"' again)"
	jq -s 'any(.event == "failed" and .reason == "timeout" and .retry)' out |
		json .
	no_naps
}

@test "run: a coprocess that answers within the grace lives on" {
	handler <<-'END'
		take
		IFS= read -r line
		answer "$$"
		while take; do answer "$$"; done
	END
	jobs_to 3 | jq -c 'if .id == "1" then .timeout = 0.3 else . end' >in
	go --grace 20
	same "1=failed 2=completed 3=completed" "$(ends)"
	jq -s 'any(.reason == "timeout" and .id == "1")' out | json .
	same 1 "$(jq -r '.output // empty' out | sort -u | wc -l)"
}

@test "run: cancel and lost reach a job of a coprocess" {
	handler <<-'END'
		while IFS= read -r line; do printf '%s\n' "$line" >>lines; done
	END
	lease='"lease":{"epoch":2,"worker":"w","seconds":30,"ring":true}'
	(
		printf '%s\n' "{\"id\":\"a\",$lease}" "{\"id\":\"b\",$lease}"
		wait_until 10 grep -qs '"b"' lines
		echo '{"event":"stop","id":"a","epoch":2,"reason":"cancel"}'
		echo '{"event":"stop","id":"b","epoch":2,"reason":"lost"}'
	) | timeout -k 5 30 jobq-run --coprocess -j 2 --depth 2 --grace 0.3 \
		-- ./h >out
	same "a=cancelled b=released" "$(ends)"
	same "a 2 cancel,b 2 lost" "$(jq -r 'select(.event) |
		"\(.id) \(.epoch) \(.reason)"' lines | sort | paste -sd,)"
	jq -s 'any(.event == "released" and .reason == "lost")' out | json .
}

@test "run: a coprocess that closes its standard output is started anew" {
	handler <<-'END'
		take
		if [ "$id" = 1 ]; then
			exec >&-
			"$nap" 1000
		fi
		answer ok
	END
	jobs_to 2 >in
	go
	same "1=failed 2=completed" "$(ends)"
	jq -s 'any(.event == "failed" and .retry and .reason == "exit" and
		(.error | contains("closed its standard output")))' out | json .
	no_naps
}

@test "run: a coprocess that closes its standard input is started anew" {
	handler <<-'END'
		take
		exec <&-
		answer $$
		"$nap" 1000
	END
	jobs_to 2 >in
	go
	same "1=completed 2=completed" "$(ends)"
	same "completed=2 started=2" "$(kinds)"
	same 2 "$(jq -r '.output // empty' out | sort -u | wc -l)"
	no_naps
}

@test "run: an answer of a coprocess that is too long ends its job all the same" {
	cat >h <<-'END'
		#!/usr/bin/env python3
		import json, sys
		long = "\u00e4\\u00e4\\\"," * 200000
		for line in sys.stdin:
		    job = json.loads(line)
		    print(job["input"] % {"id": '"id":"%s"' % job["id"],
		        "long": '"' + long + '"'}, flush=True)
	END
	chmod +x h
	printf '{"id":"%s","input":"%s"}\n' \
		behind '{\"output\":%(long)s,%(id)s}' \
		before '{ %(id)s, \"output\" : [{\"a\":%(long)s}, \"}\"]}' \
		short '{%(id)s,\"output\":[\"id\"]}' \
		error '{%(id)s,\"error\":%(long)s,\"retry\":false}' \
		event '{\"event\":\"completed\",%(id)s,\"output\":%(long)s}' \
		deep '{%(id)s,\"x\":{\"id\":\"no\",\"y\":%(long)s},\"output\":7}' \
		shorter '{%(id)s,\"output\":8}' >in
	for depth in 1 7; do
		go -j "$depth" --depth "$depth" --output-limit 64KiB
		same 1 "$status"
		same "$(printf '%s\n' before=completed,null,true \
			behind=completed,null,true deep=completed,7,false \
			error=failed,null,false event=completed,null,true \
			short=completed,'["id"]',false shorter=completed,8,false)" \
			"$(jq -r 'select(.event == ("completed", "failed"))
				| "\(.id)=\(.event),\(.output | tojson),\(
				(.dropped // 0) > 1600000)"' out | sort)"
		jq -se 'map(select(.id == "error" and .event == "failed"))[0]
			| .retry == false and (.error | length > 10000
				and startswith("\u00e4\u00e4\",\u00e4"))' out
		has "$(<err)" "an output longer than --output-limit"
	done
}

@test "run: what an answer that is too long says is not lost for its length" {
	cat >h <<-'END'
		#!/usr/bin/env python3
		import json, sys
		for line in sys.stdin:
		    job = json.loads(line)
		    print(job["input"] % {"id": '"id":"%s"' % job["id"],
		        "list": json.dumps([7] * 100000),
		        "some": '"' + "o" * 100000 + '"',
		        "more": '"' + "o" * 300000 + '"',
		        "nul": '"\\u0000' + "o" * 300000 + '"'}, flush=True)
	END
	chmod +x h
	printf '{"id":"%s","input":"%s"}\n' \
		list '{%(id)s,\"output\":1,\"error\":%(list)s}' \
		nul '{%(id)s,\"error\":%(nul)s}' \
		escape '{%(id)s,\"\\u006futput\":%(more)s}' \
		beside '{%(id)s,\"output\":%(some)s,\"x\":%(more)s}' \
		text '{\"event\":\"output\",%(id)s,\"text\":%(more)s}\n{%(id)s,\"output\":2}' \
		>in
	go -j 1 --output-limit 200KiB
	same 1 "$status"
	same "$(printf '%s\n' beside=completed,100000,false \
		escape=completed,0,true list=failed,0,false \
		nul=failed,0,false text=completed,2,true)" \
		"$(jq -r 'select(.event == ("completed", "failed"))
			| "\(.id)=\(.event),\(.output | length),\(
			(.dropped // 0) > 200000)"' out | sort)"
	jq -se 'map(select(.event == "failed") | {(.id): .error}) | add
		| (.list | startswith("[7, 7, ")) and (.nul | startswith("\ufffdooo"))' out
}

@test "run: an endless line of a coprocess is bounded" {
	handler <<-'END'
		take
		head -c 200M /dev/zero | tr '\0' x
		echo
		awk '/VmHWM/ { print $2 }' "/proc/$PPID/status" >rss
		answer ok
		take
		printf '{"id":"2","output":"'
		exec tr '\0' y </dev/zero
	END
	jobs_to 2 | jq -c 'if .id == "2" then .timeout = 1 else . end' >in
	go --grace 0
	same "1=completed 2=failed" "$(ends)"
	jq -s 'any(.id == "1" and .event == "completed" and .dropped > 190e6)' \
		out | json .
	[[ $JOBQ_BUILD == *san* ]] || [ "$(<rss)" -lt 20480 ]
}

@test "run: a coprocess that never reads is replaced when its job is stopped" {
	handler <<-'END'
		echo x >>started
		if [ "$(wc -l <started)" -lt 3 ]; then "$nap" 1000; fi
		while take; do answer "$id"; done
	END
	# Longer than a pipe holds: its job is never in hand as a whole.
	big=$(head -c 300000 /dev/zero | tr '\0' x)
	for id in 1 2 3; do
		echo '{"id":"'$id'","input":"'"$big"'"}'
	done | jq -c 'if .id != "3" then .timeout = 0.4 else . end' >in
	go --grace 0.2
	same "1=failed 2=failed 3=completed" "$(ends)"
	same "completed=1 failed=2 started=3" "$(kinds)"
	# A job that was stopped is not given to another process first.
	same 3 "$(wc -l <started)"
	no_naps
}

@test "run: a coprocess that never reads does not block the others" {
	handler <<-'END'
		if mkdir first 2>/dev/null; then "$nap" 1000; fi
		while take; do answer "$id"; done
	END
	jobs_to 40 >in
	go -j 2 --timeout 2 --grace 0
	same 40 "$(ends | wc -w)"
	same "completed=39 failed=1 started=40" "$(kinds)"
	no_naps
}

@test "run: a coprocess that answers without reading is taken at its word" {
	handler <<-'END'
		for id in 1 2 3; do
			answer "$id"
			answer "$id"
			"$nap" 0.3
		done
	END
	jobs_to 3 | jq -c '.timeout = 5' >in
	go
	# Each job has one ending, whatever is thought of the answers.
	same 3 "$(ends | wc -w)"
	has "$(ends)" "1=completed"
	no_naps
}

@test "run: a coprocess that cannot be started any more releases jobs" {
	handler <<-'END'
		take
		rm ./h
		exit 1
	END
	jobs_to 8 >in
	go
	same 75 "$status"
	same "" "$(of 'select(.event == "completed").id')"
	same 1 "$(of 'select(.event == "failed").id')"
	same worker-fault "$(of 'select(.id | IN("2", "3", "4")).reason // empty' | tr ' ' '\n' | sort -u)"
	has "$(<err)" "./h" "No such file"
}

@test "run: five deaths without any answer are the worker's fault" {
	handler <<-'END'
		take
		exit 1
	END
	jobs_to 20 >in
	go
	same 75 "$status"
	same 5 "$(of 'select(.event == "failed").id' | wc -w)"
	same "" "$(of 'select(.event == "completed").id')"
	has "$(<err)" "5 times in a row" "exit status 1"
	# An answer in between breaks the row.
	handler <<-'END'
		take
		[ $((id % 3)) = 0 ] && answer ok
		exit 1
	END
	rm -f out
	jobs_to 12 >in
	go
	same 1 "$status"
	same "completed=4 failed=8 started=12" "$(kinds)"
}

@test "run: TERM gives the jobs of a coprocess a grace to be answered in" {
	handler <<-'END'
		take; take
		touch ready
		while IFS= read -r line; do
			case $line in
			*stop*1*shutdown*) id=1; answer ok ;;
			esac
		done
	END
	jobs_to 5 >in
	spawn sh -c 'exec jobq-run --coprocess -j 2 --depth 2 --grace 1 \
		-- ./h <in >out 2>err'
	wait_until 20 test -e ready
	kill -TERM "$spawned_pid"
	wait "$spawned_pid" || status=$?
	has "$(ends)" 1=completed 2=released
	same 0 "${status-0}"
	same shutdown "$(of 'select(.id == "2" and .reason).reason')"
	not pgrep -f "$PWD/h"
}

@test "run: at the end a coprocess gets EOF, then TERM, then KILL" {
	handler <<-'END'
		trap 'echo term >>signals' TERM
		take
		(setsid "$nap" 1000 &) >/dev/null 2>&1
		answer ok
		take_no_end=$(cat)
		echo eof >>signals
		while :; do "$nap" 1000; done
	END
	jobs_to 1 >in
	go --grace 1
	same 0 "$status"
	same "completed=1 started=1" "$(kinds)"
	same "eof term" "$(xargs <signals)"
	no_naps
}

@test "run: what a coprocess has started ends with it" {
	handler <<-'END'
		while take; do
			(env -u JOBQ_TMPDIR setsid "$nap" 1000 &) >/dev/null 2>&1
			(setsid "$nap" 1000 &) >/dev/null 2>&1
			"$nap" 1000 >/dev/null 2>&1 &
			answer "${JOBQ_ID-none} $(test -d "$JOBQ_TMPDIR" && echo dir)"
		done
	END
	jobs_to 3 >in
	go -j 2
	same 0 "$status"
	same "none dir" "$(jq -r '.output // empty' out | sort -u)"
	no_naps
	same "" "$(ls "$TMPDIR")"
}

@test "run: a coprocess dies with a runner that is killed" {
	handler <<-'END'
		take
		echo $$ >pid
		exec "$nap" 1000
	END
	jobs_to 1 >in
	# shellcheck disable=SC2016
	spawn sh -c 'jobq-run --coprocess -- ./h <in >out & echo $! >runner; wait'
	wait_until 20 test -s pid
	kill -KILL "$(<runner)"
	wait_until 10 no_naps
}

@test "run: 300 jobs in coprocesses that die, hang and babble end once each" {
	handler <<-'END'
		while take; do
			case $id in
			*13) exit 3 ;;
			*27) kill -KILL $$ ;;
			*41) exec >&- ; exit 1 ;;
			*55) continue ;;
			*66) answer "$id"; exit 0 ;;
			*7) echo babble; answer 1000; answer "$id" ;;
			*) answer "$id" ;;
			esac
		done
	END
	jobs_to 300 | jq -c 'if .id | endswith("55") then .timeout = 0.3
		else . end' >in
	go -j 8 --depth 4 --grace 0
	same 300 "$(ends | wc -w)"
	same 300 "$(of 'select(.event == "started").id' | wc -w)"
	same 300 "$(jq -r 'select(.event == "started").id' out | sort -u | wc -l)"
	jq -s 'all(.event != "completed" or .output == .id or .output == "1000")' \
		out | json .
	same "" "$(of 'select(.event == "failed" and .reason == "timeout") | .id |
		select(endswith("55") | not)')"
}

@test "run: options that a coprocess has no use for are refused" {
	handler <<<'while take; do answer "$1"; done'
	echo '{"id":"a"}' >in
	run_apart jobq-run --depth 2 -- ./h <in
	same 2 "$status"
	has "$stderr" "--depth" "--coprocess"
	for what in input none; do
		run_apart jobq-run --coprocess --stdin $what -- ./h <in
		same 2 "$status"
		has "$stderr" "--stdin $what"
	done
	run_apart jobq-run --coprocess --result text -- ./h <in
	same 2 "$status"
	has "$stderr" "--result text"
	run_apart jobq-run --coprocess -- ./h '{input.x}' <in
	same 2 "$status"
	has "$stderr" "{input.x}" "{{input.x}}"
	same "" "$stdout"
	run_apart jobq-run --coprocess --stdin job -- ./h '{{id}} {x}' <in
	same 0 "$status"
	jq -s '.[1].output == "{id} {x}"' <<<"$stdout" | json .
	run_apart jobq-run --coprocess -- ./nosuch <in
	same 2 "$status"
	same "" "$stdout"
}

@test "work: --coprocess and --depth are the runner's" {
	handler <<-'END'
		while take; do answer $$; done
	END
	jobs_to 6 | jq -c '{input}' | jobq-push >/dev/null
	timeout -k 5 60 jobq-work -j 4 --coprocess --depth 4 --until-empty \
		--events -- ./h >out
	same 6 "$(of 'select(.event == "completed").id' | wc -w)"
	same 1 "$(jq -r '.output // empty' out | sort -u | wc -l)"
	same 6 "$(jobq-list --state completed | wc -l)"
}

@test "handlers: python-handler calls a function and imports once" {
	cat >h.py <<-'END'
		import os
		open("imports", "a").write("x")
		def run(job):
		    return {"twice": job["input"] * 2, "pid": os.getpid()}
	END
	seq 5 | jq -c '{input: .}' >in
	timeout -k 5 60 jobq-run --coprocess -- \
		"$TOP/share/handlers/python-handler" h.py:run <in >out
	same "2 4 6 8 10" "$(of 'select(.event == "completed").output.twice')"
	same x "$(<imports)"
	timeout -k 5 60 jobq-run --coprocess -j 2 --depth 2 -- \
		"$TOP/share/handlers/python-handler" h.py <in >out
	same "2 4 6 8 10" "$(of 'select(.event == "completed").output.twice')"
}

@test "handlers: python-handler keeps prints, errors and exits apart" {
	cat >h.py <<-'END'
		import os, sys
		from jobq import progress
		def run(job):
		    what = job["name"]
		    print("about", what)
		    print('{"id":"%s","output":"false"}' % job["id"])
		    print("no newline", end="")
		    os.system("echo from a child")
		    progress(50, "half")
		    if what == "raise": raise ValueError("bad value")
		    if what == "exit": sys.exit(3)
		    if what == "permanent": sys.exit(65)
		    if what == "zero": sys.exit(0)
		    if what == "why": sys.exit("no paper")
		    if what == "set": return {1}
		    if what == "stdin": return sys.stdin.read()
		    return "a\0\u00e9"
	END
	for name in raise exit permanent zero why set stdin text; do
		echo '{"id":"'$name'","name":"'$name'"}'
	done >in
	status=0
	timeout -k 5 60 jobq-run --coprocess -- \
		"$TOP/share/handlers/python-handler" h.py <in >out 2>err ||
		status=$?
	same 1 "$status"
	same "" "$(<err)"
	same "exit=failed permanent=failed raise=failed set=failed
stdin=completed text=completed why=failed zero=completed" "$(ends | fold -sw 60 |
		sed 's/ $//')"
	jq -s 'map(select(.event == "failed")) | map({(.id): .}) | add |
		(.raise | .error == "ValueError: bad value" and .retry and
			(.stderr_tail | contains("h.py"))) and
		(.exit | .error == "exit 3" and .retry) and
		(.permanent | .retry == false) and
		.why.error == "no paper" and
		(.set | .retry == false and (.error | contains("set")))' out |
		json .
	jq -s '(map(select(.event == "progress" and .percent == 50)) |
		length == 8) and
		(map(select(.id == "text" and .stream == "stdout").text) ==
		["about text\n{\"id\":\"text\",\"output\":\"false\"}\nno newline"])
		and any(.id == "text" and .stream == "stderr" and
			.text == "from a child") and
		any(.id == "text" and .output == "a\u0000\u00e9") and
		any(.id == "stdin" and .output == "")' out | json .
}

@test "handlers: python-handler has the line, and errors that are only a text" {
	cat >h.py <<-'END'
		from jobq import Failed, line
		def run(job):
		    if job["id"] == "a": raise Failed("no paper", retry=False)
		    if job["id"] == "b": raise Failed("later\nperhaps")
		    return line()
	END
	printf '%s\n' '{"id":"a"}' '{"id":"b"}' '{"id":"c", "input":1.10}' >in
	timeout -k 5 60 jobq-run --coprocess -- \
		"$TOP/share/handlers/python-handler" h.py <in >out || same 1 $?
	jq -s 'map(select(.event == "failed")) |
		map([.error, .retry, has("stderr_tail")]) ==
		[["no paper", false, false], ["later\nperhaps", true, false]]' out |
		json .
	same '{"id":"c", "input":1.10}' \
		"$(jq -rj 'select(.event == "completed").output' out)"
}

@test "handlers: python-handler answers once, whatever the function does" {
	cat >h.py <<-'END'
		import os, sys
		def run(job):
		    if job["id"] == "long": raise ValueError("y" * 3000000)
		    if job["id"] == "fork": os.fork()
		    if job["id"] == "none": sys.stdout = sys.stderr = None
		    return job["id"]
	END
	printf '{"id":"%s"}\n' long fork a b none c >in
	timeout -k 5 60 jobq-run --coprocess --timeout 20 -- \
		"$TOP/share/handlers/python-handler" h.py <in >out 2>err ||
		same 1 $?
	same "a=completed b=completed c=completed fork=completed $(:
		)long=failed none=completed" "$(ends)"
	jq -r 'select(.id == "long").error // empty' out >error
	same 'ValueError: yyyyy' "$(head -c 17 error)"
	lacks "$(<err)" 'does not have'
}

@test "handlers: python-handler says what is wrong with its file" {
	echo '{"id":"a"}' >in
	echo 'x = 1' >h.py
	for file in h.py nosuch.py h.txt; do
		timeout -k 5 60 jobq-run --coprocess -- \
			"$TOP/share/handlers/python-handler" "$file" <in >out ||
			same 1 $?
		same "a=failed" "$(ends)"
	done
	has "$(of 'select(.error).error')" "h.txt"
}

@test "handlers: sh-handler runs a function" {
	cat >f.sh <<-'END'
		run() {
			case $input in
			2) return 3 ;;
			3) echo plain text ;;
			*) jq -c '{square: (. * .)}' ;;
			esac
		}
	END
	seq 4 | jq -c '{id: tostring, input: .}' >in
	timeout -k 5 60 jobq-run --coprocess -- \
		"$TOP/share/handlers/sh-handler" f.sh <in >out || same 1 $?
	same "1=completed 2=failed 3=completed 4=completed" "$(ends)"
	jq -s 'any(.output == {square: 16}) and any(.output == "plain text")
		and any(.event == "failed" and .error == "run returned 3")' out |
		json .
}

@test "handlers: the examples run" {
	echo '{"id":"a","name":"greet","input":{"who":"Ada"}}' >in
	timeout -k 5 30 jobq-run -- \
		"$TOP/share/handlers/examples/greet/run" <in >out
	same "Hello, Ada!" "$(of '.output // empty')"
	printf '%s\n' '{"id":"a","input":{"n":12}}' '{"id":"b","input":"x"}' >in
	timeout -k 5 30 jobq-run -- \
		"$TOP/share/handlers/examples/square/run" <in >out || same 1 $?
	same 144 "$(of '.output.square? // empty')"
	same "a=completed b=failed" "$(ends)"
	jq -s 'last.retry == false' out | json .
}

@test "run: after --halt soon a coprocess that only dies is given up, too" {
	jq -nc '{id: "j1"}, {id: "j2", input: ("x" * 200000)}' >in
	run_apart timeout 30 jobq-run --coprocess -j 2 --depth 2 \
		--halt soon,fail=1 -- sh -c '
		test -e begun && exit 3
		: >begun
		read -r line
		sleep 1 # until j2 is in hand, too
		echo "{\"id\":\"j1\",\"error\":\"no\",\"retry\":false}"
		exit 3' <in
	same 75 "$status"
	has "$output" '"event":"released","id":"j2"'
	has "$stderr" '5 times in a row'
}
