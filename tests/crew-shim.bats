#!/usr/bin/env bats
# share/handlers/crew-shim: crews of plugins, by the contract of crew.py and of
# any executable, with the stand-ins of tests/support/plugins and worse ones.

load support/common

setup() {
	common_setup
	export PLUGIN_DIR=$PWD/plugins
	cp -R "$TOP/tests/support/plugins" .
}

# crew NAME < BODY: the plugin's crew.py. program NAME < BODY: its run.
crew() {
	mkdir -p "plugins/$1/crew"
	cat >"plugins/$1/crew/crew.py"
}

program() {
	mkdir -p "plugins/$1/crew"
	cat >"plugins/$1/crew/run"
	chmod +x "plugins/$1/crew/run"
}

# request PLUGIN [SETTINGS]: a job for it, its id is the plugin's name.
request() {
	printf '{"id":"%s","input":{"plugin_run_id":"r","plugin_name":"%s","user_id":1,"settings":%s}}\n' \
		"${3-${1//[^a-z0-9]/}}" "$1" "${2-{\}}"
}

# go [OPTION...]: the jobs of ./in, events in ./out.
go() {
	status=0
	timeout -k 5 60 jobq-run --coprocess "$@" -- \
		"$TOP/share/handlers/crew-shim" <in >out 2>err || status=$?
}

# told ID: the output of a job; or its error and whether it is tried again.
told() {
	jq -r --arg id "$1" 'select(.id == $id) |
		if .event == "completed" then .output | tojson
		elif .event == "failed" then "\(.error) \(.retry)"
		else empty end' out
}

@test "crew-shim: a crew is made of the settings and kicked off with them" {
	crew both <<-'END'
		class Crew:
		    def __init__(self, settings):
		        self.settings = settings
		    async def kickoff_async(self, inputs):
		        return [self.settings["a"], inputs["a"]]
		def create_crew(settings):
		    return Crew(settings)
	END
	{
		request demo '{"n":9007199254740993,"s":"é"}'
		request both '{"a":12345678901234567890}'
	} >in
	go
	same 0 "$status"
	same '"demo was told n = 9007199254740993, s = é"' "$(told demo)"
	same '"[12345678901234567890, 12345678901234567890]"' "$(told both)"
}

@test "crew-shim: the output is .raw where there is one, and always text" {
	crew raw <<-'END'
		class Result:
		    def __init__(self, raw):
		        self.raw = raw
		    def __str__(self):
		        return "not this"
		class Crew:
		    async def kickoff_async(self, inputs):
		        return Result(inputs["raw"])
		def create_crew(settings):
		    return Crew()
	END
	{
		request raw '{"raw":"{\"a\":1}"}' text
		request raw '{"raw":7}' number
		request raw '{"raw":null}' nothing
		request raw "{\"raw\":\"$(printf '%01048575d' 0)\"}" large
	} >in
	go
	same '"{\"a\":1}"' "$(told text)"
	same '"7"' "$(told number)"
	same null "$(told nothing)"
	same 'the result is larger than 1 MiB false' "$(told large)"
}

@test "crew-shim: what a crew raises is the error, for good" {
	crew exits <<-'END'
		import sys
		def create_crew(settings):
		    sys.exit("no key")
	END
	crew empty <<-'END'
		class Crew:
		    async def kickoff_async(self, inputs):
		        raise KeyError if inputs else AssertionError
		def create_crew(settings):
		    return Crew()
	END
	{
		request demo '{"fail":"no luck\ntwice"}'
		request exits
		request empty
		request demo '{}' after
	} >in
	go
	same 1 "$status"
	same $'no luck\ntwice false' "$(told demo)"
	same 'no key false' "$(told exits)"
	same 'AssertionError false' "$(told empty)"
	same '"demo was told nothing"' "$(told after)"
	# Who looks for the place finds it.
	jq -r 'select(.stream == "stderr").text' out >errors
	has "$(<errors)" 'crew/crew.py", line' 'ValueError: no luck'
}

@test "crew-shim: a plugin that cannot be found is not" {
	crew syntax <<<'def create_crew(:'
	crew import <<<'import nosuchmodule'
	crew exits <<<'raise SystemExit(3)'
	crew without <<<'x = 1'
	mkdir -p plugins/empty/crew plugins/bare outside/crew
	: >plugins/file
	echo x >plugins/bare/run
	cp plugins/demo/crew/crew.py outside/crew
	program no </dev/null
	chmod -x plugins/no/crew/run
	n=0
	for name in nosuch syntax import exits without empty bare file no \
		../outside demo/../../outside "$PWD/outside" .. . '' demo/; do
		n=$((n + 1))
		request "$name" '{}' "j$n"
		echo "j$n=Plugin crew not found: $name false" >>expected
	done >in
	{
		printf '%s\n' '{"id":"k1","input":{"plugin_name":"demo\u0000"}}' \
			'{"id":"k2","input":{"plugin_name":7}}' '{"id":"k3","input":{}}' \
			'{"id":"k4","input":[]}' '{"id":"k5"}'
	} >>in
	printf '%s\n' 'k2=Plugin crew not found: 7 false' \
		'k3=Plugin crew not found: None false' \
		'k4=the input is no request: it must be an object false' \
		'k5=the input is no request: it must be an object false' >>expected
	go
	while IFS='=' read -r id _; do
		echo "$id=$(told "$id")"
	done <expected >seen
	diff -u expected seen
	has "$(told k1)" 'Plugin crew not found: demo'
	has "$(jq -r 'select(.stream == "stderr").text' out)" nosuchmodule \
		SyntaxError
}

@test "crew-shim: a file is loaded once, and anew when it has changed" {
	local body='
		open("loads", "a").write("x")
		class Crew:
		    async def kickoff_async(self, inputs):
		        return "one"
		def create_crew(settings):
		    return Crew()'
	crew once <<<"${body//$'\t\t'/}"
	mkfifo feed
	spawn bash -c 'exec timeout -k 5 60 jobq-run --coprocess -- \
		"$TOP/share/handlers/crew-shim" <feed >out 2>err'
	exec 7>feed
	request once '{}' a >&7
	request once '{}' b >&7
	wait_until 20 grep -q '"completed","id":"b"' out
	same x "$(<loads)"
	# The same size, within the same second.
	body=${body/one/two}
	crew once <<<"${body//$'\t\t'/}"
	request once '{}' c >&7
	wait_until 20 grep -q '"completed","id":"c"' out
	same xx "$(<loads)"
	# One that does not load any more is not what it was before.
	crew once <<<'what?'
	request once '{}' d >&7
	wait_until 20 grep -q '"failed","id":"d"' out
	exec 7>&-
	wait "$spawned_pid" || true
	same '"one"' "$(told a)"
	same '"two"' "$(told c)"
	same 'Plugin crew not found: once false' "$(told d)"
}

@test "crew-shim: what a crew prints is not taken for its answer" {
	crew prints <<-'END'
		import asyncio, os, sys
		print('{"id":"prints","output":"of the file"}')
		class Crew:
		    async def kickoff_async(self, inputs):
		        await asyncio.to_thread(print, '{"id":"prints","output":"thread"}')
		        print("part", end="")
		        os.write(1, b'{"id":"prints","output":"descriptor"}\n')
		        os.system("""echo '{"id":"prints","output":"child"}'""")
		        return sys.stdin.read() + "true"
		def create_crew(settings):
		    return Crew()
	END
	request prints >in
	go
	same 0 "$status"
	same '"true"' "$(told prints)"
	same '{"id":"prints","output":"of the file"}
{"id":"prints","output":"thread"}
part' "$(jq -r 'select(.stream == "stdout").text' out)"
	has "$(jq -r 'select(.stream == "stderr").text' out)" descriptor child
}

@test "crew-shim: what a crew leaves running does not go on in the next" {
	crew leaves <<-'END'
		import asyncio
		async def later():
		    await asyncio.sleep(0.05)
		    print("later")
		class Crew:
		    async def kickoff_async(self, inputs):
		        self.task = asyncio.get_running_loop().create_task(later())
		        await asyncio.sleep(inputs.get("seconds", 0))
		        return "left"
		def create_crew(settings):
		    return Crew()
	END
	{
		request leaves '{}' a
		request leaves '{"seconds":0.2}' b
	} >in
	go
	same '"left" "left"' "$(told a) $(told b)"
	same b "$(jq -r 'select(.text == "later").id' out)"
}

@test "crew-shim: after a timeout there is a new process, and no old one" {
	crew pid <<-'END'
		import os, time
		class Crew:
		    async def kickoff_async(self, inputs):
		        open("pids", "a").write("%d\n" % os.getpid())
		        time.sleep(inputs.get("seconds", 0))
		        return "done"
		def create_crew(settings):
		    return Crew()
	END
	{
		request pid '{"seconds":60}' a
		request pid '{}' b
		request demo '{"seconds":60}' c
		request pid '{}' d
	} >in
	go --timeout 1 --grace 0
	same '"done" "done"' "$(told b) $(told d)"
	json -s 'map(select(.event == "failed")) | map(.id) == ["a", "c"]
		and all(.reason == "timeout")' out
	same 3 "$(sort -u pids | wc -l)"
	while read -r pid; do
		gone "$pid"
	done <pids
}

@test "crew-shim: where a crew goes the plugins of the next are found" {
	crew goes <<-'END'
		import os
		class Crew:
		    async def kickoff_async(self, inputs):
		        os.chdir("/")
		        os.environ.clear()
		        return "gone"
		def create_crew(settings):
		    return Crew()
	END
	{
		request goes
		request demo
	} >in
	PLUGIN_DIR=plugins go
	same 0 "$status"
	same '"gone"' "$(told goes)"
	same '"demo was told nothing"' "$(told demo)"
}

@test "crew-shim: a program gets the request as it is written" {
	program cat <<-'END'
		#!/bin/sh
		cat
	END
	cat >in <<-'END'
		{"id":"a", "meta":{"input":"\"}"}, "input" : {"plugin_name":"cat", "n":[1.10,1e400, 9007199254740993], "s":"\u00e9\/\ud800"} }
	END
	go
	same '{"plugin_name":"cat", "n":[1.10,1e400, 9007199254740993], "s":"\u00e9\/\ud800"}' \
		"$(told a | jq -r .)"
}

@test "crew-shim: a program's status and last words decide" {
	program fails <<-'END'
		#!/bin/sh
		echo 'so far' ; echo first >&2; printf 'no paper\n\n' >&2; exit 75
	END
	program mute <<-'END'
		#!/bin/sh
		exit 3
	END
	program killed <<-'END'
		#!/bin/sh
		kill -9 $$
	END
	program binary <<-'END'
		#!/bin/sh
		printf 'a\377b\n\n'; echo warning >&2
	END
	program broken <<<'#!/no/such/interpreter'
	program large <<-'END'
		#!/bin/sh
		head -c 3000000 /dev/zero | tr '\0' x
	END
	program both <<<'#!/bin/true'
	cp plugins/demo/crew/crew.py plugins/both/crew
	{
		request shout '{"topic":"news"}'
		request shout '{}' silent
		for name in fails mute killed binary broken large both; do
			request "$name"
		done
	} >in
	go
	same '"NEWS"' "$(told shout)"
	same 'exit status 1: there is no topic false' "$(told silent)"
	same 'exit status 75: no paper false' "$(told fails)"
	same 'exit status 3 false' "$(told mute)"
	same 'killed by signal 9 false' "$(told killed)"
	same '"a�b\n"' "$(told binary)"
	has "$(told broken)" 'No such file' 'false'
	same 'the result is larger than 1 MiB false' "$(told large)"
	same '"demo was told nothing"' "$(told both)"
	has "$(jq -r 'select(.id == "fails" and .stream == "stderr").text' out)" \
		first 'no paper'
}

@test "crew-shim: what a program writes is not all kept in memory" {
	program endless <<-'END'
		#!/bin/sh
		head -c 300000000 /dev/zero
	END
	request endless >in
	timeout -k 5 60 jobq-run --coprocess -- sh -c 'ulimit -v 400000
		exec "$0"' "$TOP/share/handlers/crew-shim" <in >out 2>err || same 1 $?
	same 'the result is larger than 1 MiB false' "$(told endless)"
}

@test "crew-shim: a program need not read, and nobody can hold its output" {
	program leaves <<-'END'
		#!/bin/sh
		exec 0<&-
		sleep 60 &
		echo done
	END
	jq -nc '{id: "leaves", input: {plugin_name: "leaves",
		settings: {x: ("x" * 900000)}}}' >in
	go --grace 0
	same '"done"' "$(told leaves)"
}

@test "crew-shim: the plugins are in ../plugins unless it is told otherwise" {
	request demo >in
	mkdir sub
	cd sub
	mv ../in .
	PLUGIN_DIR='' go
	same '"demo was told nothing"' "$(told demo)"
	unset PLUGIN_DIR
	go
	same '"demo was told nothing"' "$(told demo)"
}

@test "crew-shim: says what it is" {
	run_apart "$TOP/share/handlers/crew-shim" --help
	same 0 "$status"
	has "$stdout" create_crew 'PLUGIN_DIR/NAME/crew/run'
	run_apart "$TOP/share/handlers/crew-shim" x
	same 2 "$status"
	has "$stderr" 'usage: crew-shim'
}
