#!/usr/bin/env bats
# share/handlers: node-handler; the others are in run-coprocess.bats.

load support/stages

node_handler=$TOP/share/handlers/node-handler

# go ARGUMENT...: jobq-run --coprocess with them, jobs from ./in; events in
# ./out, what it says in ./err, its status in $status. "node" stands for the
# handler.
go() {
	status=0
	timeout -k 5 60 jobq-run --coprocess "${@/#node/$node_handler}" \
		<in >out 2>err || status=$?
}

# inputs JSON...: jobs a, b, ... with these inputs, in ./in.
inputs() {
	jq -nc '$ARGS.positional | to_entries[] |
		{id: ([97 + .key] | implode), input: .value}' \
		--jsonargs "$@" >in
}

# outputs: those of the jobs, in the order of their ids.
outputs() {
	jq -sc 'map(select(.event == "completed")) | sort_by(.id) |
		map(.output)' out
}

# ends: how each job ended.
ends() {
	jq -r 'select(.event | IN("completed", "failed", "cancelled", "snoozed",
		"released")) | "\(.id)=\(.event)"' out | sort | xargs
}

@test "node-handler: calls a function for each job and loads its file once" {
	cat >h.js <<-'END'
		require("fs").appendFileSync("loads", "x");
		exports.run = (job) => ({ twice: job.input * 2 });
		exports.other = (job) => "other " + job.input;
	END
	inputs 1 2 3
	go -- node h.js
	same 0 "$status"
	same "" "$(<err)"
	same '[{"twice":2},{"twice":4},{"twice":6}]' "$(outputs)"
	same x "$(<loads)"
	go -- node h.js:other
	same '["other 1","other 2","other 3"]' "$(outputs)"
	go -j 2 --depth 2 -- node h.js:run
	same '[{"twice":2},{"twice":4},{"twice":6}]' "$(outputs)"
}

@test "node-handler: takes what a module is, its default, and ES modules" {
	echo 'module.exports = async (job) => job.input + 1' >a.js
	echo 'export default (job) => job.input + 2' >b.mjs
	echo 'export const run = (job) => job.input + 3' >c.mjs
	echo 'export default { other(job) { return job.input + 4; } }' >d.mjs
	cat >e.mjs <<-'END'
		import { exit } from "node:process";
		import { inc } from "./inc.mjs";
		export function run(job) { console.log("e"); exit(inc(64)); }
	END
	echo 'export const inc = (n) => n + 1' >inc.mjs
	inputs 10
	for file in a.js b.mjs c.mjs d.mjs:other; do
		go -- node "$file"
		outputs
	done >seen
	same "[11] [12] [13] [14]" "$(xargs <seen)"
	go -- node e.mjs
	json -s 'any(.event == "failed" and .error == "exit 65" and
		.retry == false and .stdout_tail == "e\n")' out
}

@test "node-handler: keeps prints, errors and exits apart" {
	cat >h.js <<-'END'
		const fs = require("fs"), { execSync } = require("child_process");
		exports.run = async (job, { progress }) => {
			const what = job.name;
			console.log("about", what);
			console.log('{"id":"%s","output":"false"}', job.id);
			process.stdout.write(Buffer.from("é").subarray(0, 1));
			process.stdout.write(Buffer.from("é").subarray(1));
			process.stdout.write(" no newline");
			execSync("echo from a child", { stdio: "inherit" });
			fs.writeSync(1, "past the stream\n");
			progress(50, "half");
			if (what === "throw") throw new RangeError("bad value\nmore");
			if (what === "string") throw "no error";
			if (what === "exit") process.exit(3);
			if (what === "permanent") process.exit(65);
			if (what === "zero") process.exit(0);
			if (what === "why") process.exit("no paper");
			if (what === "later") return new Promise(() =>
				setTimeout(() => process.exit(64), 1));
			if (what === "set") return { a: new Set([1]) };
			if (what === "nan") return [NaN];
			if (what === "stdin") return fs.readFileSync(0, "utf8");
			if (what === "nothing") return;
			return "a\0\u00e9";
		};
	END
	for name in throw string exit permanent zero why later set nan stdin \
		nothing text; do
		echo '{"id":"'$name'","name":"'$name'"}'
	done >in
	go -- node h.js
	same 1 "$status"
	same "" "$(<err)"
	same "exit=failed later=failed nan=failed nothing=completed
permanent=failed set=failed stdin=completed string=failed
text=completed throw=failed why=failed zero=completed" \
		"$(ends | fold -sw 60 | sed 's/ $//')"
	jq -s 'map(select(.event == "failed")) | map({(.id): .}) | add |
		(.throw | .error == "RangeError: bad value" and .retry and
			(.stderr_tail | contains("h.js"))) and
		(.string | .error == "no error" and .retry) and
		(.exit | .error == "exit 3" and .retry) and
		(.permanent | .error == "exit 65" and .retry == false) and
		(.why | .error == "no paper" and .retry) and
		(.later | .error == "exit 64" and .retry == false) and
		(.set | .retry == false and (.error | contains("a Set"))) and
		(.nan | .retry == false and (.error | contains("NaN")))' out |
		json .
	jq -s '(map(select(.event == "progress" and .percent == 50 and
			.note == "half")) | length == 12) and
		(map(select(.id == "text" and .stream == "stdout").text) ==
		["about text\n{\"id\":\"text\",\"output\":\"false\"}\né no newline"])
		and (map(select(.id == "text" and .stream == "stderr").text) |
			join("\n") == "from a child\npast the stream")
		and any(.id == "text" and .output == "a\u0000\u00e9") and
		any(.id == "zero" and .event == "completed" and .output == null) and
		any(.id == "nothing" and .event == "completed" and
			.output == null) and
		any(.id == "stdin" and .output == "")' out | json .
}

@test "node-handler: asynchronous functions have --depth jobs at once" {
	cat >h.js <<-'END'
		const waiting = [];
		exports.run = async (job) => {
			console.log("begins", job.id);
			if (waiting.length < 3)
				await new Promise((go) => waiting.push(go));
			else
				waiting.forEach((go) => go());
			await null;
			console.log("ends", job.id);
			if (job.id === "b") throw new Error("only b");
			return process.pid;
		};
	END
	inputs 1 2 3 4
	go -j 4 --depth 4 -- node h.js
	same 1 "$status"
	same "a=completed b=failed c=completed d=completed" "$(ends)"
	same 1 "$(outputs | jq 'unique | length')"
	# Each line is that of the job whose code wrote it.
	jq -s 'group_by(.id)[] | .[0].id as $id |
		map(.text // empty) | join("\n") | split("\n") |
		.[:2] == ["begins \($id)", "ends \($id)"]' out |
		json -s 'length == 4 and all'
}

@test "node-handler: a stopped job is told so and the others go on" {
	cat >h.js <<-'END'
		exports.run = (job, { signal }) => new Promise((done, fail) => {
			if (job.id === "b")
				setTimeout(() => done(process.pid), 1000);
			else
				signal.addEventListener("abort", () =>
					fail(signal.reason));
		});
	END
	echo '{"id":"a","timeout":0.2}' >in
	echo '{"id":"b"}' >>in
	go -j 2 --depth 2 --grace 20 -- node h.js
	same "a=failed b=completed" "$(ends)"
	# It answered for itself: no process was killed, and b began once.
	json -s 'any(.id == "a" and .reason == "timeout") and
		(map(select(.stream == "stderr").text) | join("\n") |
			contains("stopped: timeout"))' out
	same "" "$(<err)"
}

@test "node-handler: answers what it has when its input ends, then exits" {
	cat >h.js <<-'END'
		setInterval(() => {}, 100000); // would keep it alive
		exports.run = (job) => new Promise((done) =>
			setTimeout(() => done(job.input), 50));
	END
	printf '{"id":"%s","input":%d}\n' a 1 b 2 >in
	timeout 20 "$node_handler" h.js <in >out
	same '{"id":"a","output":1}
{"id":"b","output":2}' "$(sort out)"
	# By a pipe, too, and when the last line is not whole.
	timeout 20 bash -c 'printf %s "$(<in)" | "$0" h.js | cat' \
		"$node_handler" >piped
	same "$(sort out)" "$(sort piped)"
}

@test "node-handler: a callback that throws ends the process, as nobody has it" {
	cat >h.js <<-'END'
		exports.run = (job) => job.id !== "a" ? process.pid :
			new Promise(() => setTimeout(() => { throw Error("lost"); }));
	END
	inputs 1 2
	go -- node h.js
	same "a=failed b=completed" "$(ends)"
	json -s 'any(.event == "failed" and .retry and
		(.error | endswith("nobody caught Error: lost")))' out
}

@test "node-handler: numbers are JavaScript's, the line has them as they came" {
	echo 'exports.run = (job, { line }) => [job.input, line]' >h.js
	echo '{"id":"a","input":9007199254740993}' >in
	go -- node h.js
	has "$(<out)" '"output":[9007199254740992,' '"input\":9007199254740993}"]'
}

@test "node-handler: says what is wrong with its file" {
	echo '{"id":"a"}' >in
	echo 'exports.x = 1' >h.js
	echo 'syntax error' >bad.js
	for file in h.js h.js:x nosuch.js bad.js h.txt; do
		go -- node "$file"
		same 1 "$status"
		same "a=failed" "$(ends)"
		jq -r '.error // empty' out
	done >said
	has "$(<said)" "'h.js' exports no function 'run'" \
		"'h.js' exports no function 'x'" "unable to load 'nosuch.js': Error" \
		"unable to load 'bad.js': SyntaxError" "'h.txt' is no file of JavaScript"
	run_apart "$node_handler" <in
	same "1:" "$status:$stdout"
	has "$stderr" "usage: node-handler FILE.js"
}
