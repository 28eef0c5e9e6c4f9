#!/usr/bin/env bats
# shellcheck disable=SC2016 # texts that no shell is to see
# share/adapters/agent/argv.jq: the tasks of an agent as its command lines.

load support/common

setup() {
	common_setup
	unset AGENT_CMD
	# An agent that shows what it was started with.
	mkdir bin
	printf '#!/bin/sh\nprintf "%%s\\0" "${0##*/}" "$@" end\n' >bin/python
	chmod +x bin/python
	PATH=$PWD/bin:$PATH
}

# go: runs the tasks of stdin; what was started, an array a line, in got.
go() {
	local code=0
	awk '{ print "{\"id\":\"t" NR "\",\"input\":" $0 "}" }' >in
	timeout 60 jobq-run --argv "$TOP/share/adapters/agent/argv.jq" <in >out \
		2>err || code=$?
	# Output with NULs is told as base64.
	jq -r 'select(.event == "completed").base64' out |
		while read -r text; do
			base64 -d <<<"$text" | jq -Rsc 'split("\u0000") |
				.[:index("end")]'
		done >got
	return "$code"
}

# one TASK ARRAY: whether that is what the task starts.
one() {
	go <<<"$1"
	same "$2" "$(<got)"
}

# refused TASK TEXT: whether it fails for good before anything starts.
refused() {
	local code=0
	go <<<"$1" || code=$?
	same "1 " "$code $(<got)"
	jq -es 'length == 1 and .[0].reason == "spawn" and
		.[0].retry == false' out >/dev/null
	has "$(jq -r .error out)" "this task has no command line: $2"
}

# params JSON: a task of the type agent.
params() {
	echo "{\"type\":\"agent\",\"command\":\"run\",\"params\":$1}"
}

@test "agent: the three types start what they are to start, word for word" {
	go <<-'END'
		{"task_id":"abc","project":"default","type":"seed-db","params":{"reset":true}}
		{"task_id":"def","project":"default","type":"task-context","command":"import-excel","params":{"file_path":"/data/uploads/report.xlsx","main_tab":"MB Attributes","custom_structure":true}}
		{"task_id":"ghi","project":"default","type":"agent","command":"run","params":{"input":"Analyze all MB attributes for Q1","parallel_workers":3}}
	END
	same '["python","agent.py","seed-db","--reset"]
["python","agent.py","task-context","import-excel","/data/uploads/report.xlsx","--main-tab","MB Attributes","--custom-structure"]
["python","agent.py","agent","run","--input","Analyze all MB attributes for Q1","--parallel-workers","3"]' \
		"$(<got)"
}

@test "agent: AGENT_CMD is split at blanks, an empty one is none" {
	cp bin/python bin/other
	task='{"type":"seed-db"}'
	AGENT_CMD=$' other  -u\tx.py ' one "$task" '["other","-u","x.py","seed-db"]'
	AGENT_CMD=' ' one "$task" '["python","agent.py","seed-db"]'
	AGENT_CMD="$PWD/bin/other \$(id)" one "$task" '["other","$(id)","seed-db"]'
}

@test "agent: params become options in the order of the message" {
	one "$(params '{"z_last":1,"a":"x","m_n_o":0.5,"b":true,"no":false,"nil":null,"list":["p","q",2,true,null],"empty":[],"text":""}')" \
		'["python","agent.py","agent","run","--z-last","1","--a","x","--m-n-o","0.5","--b","--list","p","--list","q","--list","2","--list","--text",""]'
	one "$(params '{"n":9007199254740991,"m":-3,"s":"--reset","t":"-","l":["-x","y"],"file_path":"a b"}')" \
		'["python","agent.py","agent","run","a b","--n","9007199254740991","--m=-3","--s=--reset","--t=-","--l=-x","--l","y"]'
	one '{"type":"task-context","command":"list","params":null}' \
		'["python","agent.py","task-context","list"]'
	# No shell, no template: all of this is one word.
	one "$(params '{"x":"$(id) {id} ;`a`\n'\''\"%s é"}')" \
		'["python","agent.py","agent","run","--x","$(id) {id} ;`a`\n'\''\"%s é"]'
	# More members than jq sorts by accident.
	one "$(jq -nc '{type: "seed-db", params:
		([range(40) | {"k\(. * 7 % 40)": true}] | add)}')" \
		"$(jq -nc '["python", "agent.py", "seed-db",
		(range(40) | "--k\(. * 7 % 40)")]')"
}

@test "agent: what cannot be told to an agent is refused" {
	while IFS='|' read -r task text; do
		refused "$task" "$text"
	done <<-'END'
		{"type":"rm","params":{}}|its type is "rm" and none of
		{"params":{}}|its type is null
		{"type":["agent"],"command":"run"}|its type is ["agent"]
		7|the job's input is no object
		{"type":"agent","params":{}}|command is null and not a text
		{"type":"agent","command":"","params":{}}|command is ""
		{"type":"agent","command":["run"]}|command is ["run"]
		{"type":"agent","command":"--config=/x"}|command "--config=/x" looks like an option
		{"type":"seed-db","command":"x"}|seed-db takes no command
		{"type":"task-context","command":"c","params":{"file_path":"-rf"}}|params.file_path "-rf" looks like an option
		{"type":"task-context","command":"c","params":{"file_path":7}}|params.file_path is 7
		{"type":"task-context","command":"c","params":{"file_path":""}}|params.file_path is ""
		{"type":"seed-db","params":[1]}|params is [1] and not an object
		{"type":"seed-db","params":{"a":{"b":1}}}|params.a is an object
		{"type":"seed-db","params":{"a":[{"b":1}]}}|params.a has objects in it
		{"type":"seed-db","params":{"a":[[1]]}}|params.a has arrays in it
		{"type":"seed-db","params":{"a":9007199254740993}}|the number 9007199254740992 is too large
		{"type":"seed-db","params":{"a":-1e400}}|the number
		{"type":"seed-db","params":{"a=b":1}}|params: "a=b" cannot be the name
		{"type":"seed-db","params":{"-x":true}}|params: "-x" cannot be the name
		{"type":"seed-db","params":{"a\n":true}}|params: "a\n" cannot be the name
		{"type":"seed-db","params":{"":true}}|params: "" cannot be the name
		{"type":"seed-db","params":{"a b":null}}|params: "a b" cannot be the name
	END
}
