#!/usr/bin/env bats
# shellcheck disable=SC2016,SC1083,SC2054,SC1003 # scripts and templates of the jobs
# What becomes the arguments of a job's process, and which program it is.

load support/common

# go LINE ARG...: runs jobq-run with one job line; events in out.
go() {
	printf '%s\n' "$1" >in
	shift
	timeout 60 jobq-run "$@" <in >out 2>err
}

# last CODE: whether the last event is so.
last() {
	tail -n 1 out | json "$1" || {
		cat out err
		return 1
	}
}

# refused LINE TEXT ARG...: whether the job fails for good before it starts,
# with an $error that begins with TEXT.
refused() {
	local line=$1 text=$2 code=0
	shift 2
	go "$line" "$@" || code=$?
	same 1 "$code"
	error=$(jq -rs 'if length == 1 and .[0].event == "failed" and
		.[0].reason == "spawn" and .[0].retry == false and
		.[0].exit == null then .[0].error else . end' out)
	[[ $error == "$text"* ]] || same "$text" "$error"
}

# misused TEXT ARG...: whether it exits 2 at once and says TEXT in one line.
misused() {
	local text=$1
	shift
	run_apart timeout 60 jobq-run "$@" <<<'{"id":"a"}'
	same 2 "$status"
	same "" "$stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "$text"
}

# handler PATH [SCRIPT]: an executable one that shows its arguments.
handler() {
	mkdir -p "$(dirname "./$1")"
	printf '#!/bin/sh\n%s\n' "${2-printf '<%s>' \"\$@\"}" >"./$1"
	chmod +x "./$1"
}

# --- S13, S14: what jobs hold ------------------------------------------------

@test "run: S13 no shell sees an argument, whatever it holds" {
	local text texts way wanted
	texts=('$(id)' '`id`' ';id' '&& id' '| id' '%s%n' '${IFS}' '* ?' \
		"'" '"' '\' '~' '#x' $'two\nlines' $'tab\there' '<x' '>x' '!!' \
		'$HOME' '$((1+1))' 'é\u00e9' ' ' '' '{id}' '{{id}}' '(x)' '[a]' \
		'a=b' '%' '\n' $'\r' $'\e[31m' '..' '/' 'a;b' '&' '$' '^x' '=' ,)
	for text in "${texts[@]}"; do
		jq -nc --arg text "$text" '{id: "a", name: "show", input: $text}'
	done >in
	same 40 "$(wc -l <in)"
	handler h/show
	echo '["printf", "<%s>", .input, "x\(.input)y"]' >p.jq
	wanted=$(jq -c '"<\(.input)><x\(.input)y>"' in)
	for way in "-- printf <%s> {input} x{input}y" \
		"--dir h/{name} -- {input} x{input}y" "--argv p.jq"; do
		# shellcheck disable=SC2086 # words of the command line
		timeout 60 jobq-run --result text $way <in >out
		same "$wanted" "$(jq -c 'select(.output).output' out)"
	done
}

# The 25 cases of S14: each as a job's input, and where else a value comes from.
option_like() {
	jq -nc '("-", "--", "-x", "-rf", "-1", "-0", "--upload-pack=x", "--upload-pa=x",
		"-oProxyCommand=id", "--exec=sh", "--config=core.sshCommand=id",
		"-c", "-e x", "-\n", "-\t", "-é", "--%s", "-$(id)", "-;id",
		"-I/tmp", "--output=/etc/x", "--use-askpass=x", "-\"") |
		{id: "a", input: {f: .}, name: gsub("[\n\t]"; " ")}'
	jq -nc '(-1, -2.5e3) | {id: "a", input: {f: .}, name: "-\(.)"}'
}

@test "run: S14 a value that looks like an option is refused" {
	option_like >in
	same 25 "$(wc -l <in)"
	for arg in {input.f} {name} {input.f}{input.f} {name}{id}; do
		timeout 60 jobq-run -- printf %s "$arg" <in >out || same 1 $?
		# Nothing was started.
		same 25 "$(wc -l <out)"
		jq -s 'all(.event == "failed" and .reason == "spawn" and
			.retry == false and .exit == null and
			(.error | startswith("arg_looks_like_option:")))' out |
			json .
	done
	refused '{"id":"a","input":"-y"}' "arg_looks_like_option: '-y'" -- echo {}
}

@test "run: S14 so it is behind a handler of --dir" {
	handler h/run
	option_like | jq -c '.name = "run"' >in
	timeout 60 jobq-run --dir 'h/{name}' -- {input.f} <in >out || same 1 $?
	same 25 "$(grep -c '"error":"arg_looks_like_option:' out)"
	timeout 60 jobq-run --dir 'h/{name}' -- -- {input.f} <in >out || same 1 $?
	same 25 "$(grep -c '"event":"completed"' out)"
}

@test "run: S14 it is taken where it cannot be an option" {
	option_like >in
	for args in 'x{input.f}' '-- {input.f}' '-- {name}'; do
		# shellcheck disable=SC2086
		timeout 60 jobq-run -- printf '%s\n' $args <in >out
		same 25 "$(grep -c completed out)"
	done
	go '{"id":"a","input":"a-"}' -- printf %s {input}
	last '.output == "a-"'
}

# --- --argv ------------------------------------------------------------------

@test "run: --argv makes the command of a job of its whole line" {
	cat >p.jq <<-'END'
		# any program of jq
		["printf", "%s,", .id, .name, (.input | .n, .list[] | tostring),
			"--", "-x", ""]
	END
	go '{"id":"a","name":"b","input":{"n":7,"list":[true,"z"]},"own":1}' \
		--argv p.jq
	last '.event == "completed" and .output == "a,b,7,true,z,--,-x,,"'
	same "" "$(cat err)"
}

@test "run: --argv: its program sees the environment of the runner" {
	echo '["echo", $ENV.OWN, env.OWN, ($ENV.NONE // "none")]' >p.jq
	OWN='a b' go '{"id":"a"}' --argv p.jq
	last '.output == "a b a b none"'
}

@test "run: --argv gives each job its own, many at a time" {
	echo '["sh", "-c", "echo $0 $JOBQ_ID", .id]' >p.jq
	seq 50 | jq -c '{id: tostring}' |
		timeout 60 jobq-run -j 8 --argv p.jq >out
	same 50 "$(jq -r 'select(.event == "completed") | .output' out |
		awk '$1 == $2' | wc -l)"
	same "" "$(jq -r 'select(.event == "completed" and
		.output != "\(.id) \(.id)") | .id' out)"
}

@test "run: --argv looks its program up in PATH, and a path as it stands" {
	handler bin/mine 'echo found'
	echo '[.input]' >p.jq
	PATH=$PWD/bin:$PATH go '{"id":"a","input":"mine"}' --argv p.jq
	last '.output == "found"'
	go '{"id":"a","input":"bin/mine"}' --argv p.jq
	last '.output == "found"'
	refused '{"id":"a","input":"mine"}' no_program: --argv p.jq
}

@test "run: --argv gives what the child reads and finds as ever" {
	echo '["sh", "-c", "cat; echo $JOBQ_ID"]' >p.jq
	go '{"id":"a","input":{"n":1.10}}' --argv p.jq
	last '.output == "{\"n\":1.10}\na"'
}

@test "run: --argv wants an array of strings, and says what it got" {
	local line='{"id":"a","input":{"n":7}}'
	while IFS='|' read -r program text; do
		echo "$program" >p.jq
		refused "$line" "$text" --argv p.jq
		has "$error" "'p.jq'"
	done <<-'END'
		["echo", "x", .input.n]|bad_argument: element [2] of what 'p.jq' gives is a number
		["echo", true]|bad_argument: element [1] of what 'p.jq' gives is a boolean
		["echo", null]|bad_argument: element [1] of what 'p.jq' gives is null
		["echo", {}]|bad_argument: element [1] of what 'p.jq' gives is an object
		["echo", ["x"]]|bad_argument: element [1] of what 'p.jq' gives is an array
		[7]|bad_argument: element [0] of what 'p.jq' gives is a number
		["echo", "a\u0000b"]|bad_argument: element [1] of what 'p.jq' gives cannot
		[]|bad_argument: 'p.jq' gives an empty array
		["", "x"]|bad_argument: 'p.jq' gives an empty first element
		"echo x"|bad_argument: 'p.jq' gives a string
		.input|bad_argument: 'p.jq' gives an object
		null|bad_argument: 'p.jq' gives null
		empty|bad_argument: 'p.jq' gives nothing
		halt|bad_argument: 'p.jq' gives nothing
		.input.n.x|argv_failed: no command could be made for this job: 'p.jq': Cannot index number
		error("no host")|argv_failed: no command could be made for this job: 'p.jq': no host
		error({code: 7})|argv_failed: no command could be made for this job: 'p.jq': {"code":7}
		halt_error|argv_failed: no command could be made for this job: 'p.jq': {"id":"a"
	END
}

@test "run: --argv: a program that is not there or cannot run is the job's fault" {
	local line='{"id":"a","input":"x"}'
	printf '#!/no/such/shell\n' >noshell
	printf 'no program' >plain
	chmod +x noshell plain
	touch still
	mkdir folder
	while IFS='|' read -r program text; do
		echo "[\"$program\"]" >p.jq
		refused "$line" no_program: --argv p.jq
		has "$error" "'$program'" "$text"
	done <<-'END'
		no-such-program|in PATH
		./nosuch|No such file
		./still|chmod +x
		./folder|directory
		/|directory
		/dev/null|no regular file
	END
	# These are known to be bad only when they are executed.
	for program in ./noshell ./plain; do
		echo "[\"$program\"]" >p.jq
		go "$line" --argv p.jq || same 1 $?
		last '.event == "failed" and .reason == "spawn" and
			.retry == false and (.error | startswith("no_program: "))'
		has "$(tail -n 1 out | jq -r .error)" "'$program'"
	done
}

@test "run: --argv: a job that is refused does not stop the next" {
	echo '[.input]' >p.jq
	for input in '"true"' 7 '"nosuch"' '"true"' '"./nosuch"' '["x"]' '"nosuch"' \
		'"nosuch"' '"nosuch"' '"true"'; do
		echo "{\"input\":$input}"
	done >in
	timeout 60 jobq-run --argv p.jq <in >out || same 1 $?
	same 3 "$(grep -c '"event":"completed"' out)"
	same 7 "$(grep -c '"event":"failed"' out)"
	same 0 "$(grep -c '"event":"released"' out)"
}

@test "run: --argv: an argument that is too long fails for good" {
	echo '["true", ("x" * 140000)]' >p.jq
	go '{"id":"a"}' --argv p.jq || same 1 $?
	last '.reason == "spawn" and .retry == false and
		(.error | startswith("argument_too_long: "))'
}

@test "run: --argv: a program of jq that is wrong takes nothing" {
	misused "'nosuch.jq'" --argv nosuch.jq
	printf '\n\n[nosuch(1)]\n' >p.jq
	misused "nosuch/1 is not defined" --argv p.jq
	has "$stderr" "'p.jq'" "line 3"
	: >p.jq
	misused "empty" --argv p.jq
	misused "directory" --argv .
}

@test "run: exactly one of --, --argv and --dir says what to run" {
	mkdir h
	echo '["true"]' >p.jq
	misused "--argv" --argv p.jq -- true
	misused "--argv" --argv p.jq --dir h
	misused "--dir" --dir h --argv p.jq -- true
	misused "'x'" --dir h x
	misused "--argv"
	go '{"id":"a"}' --argv p.jq --
	last '.event == "completed"'
}

# --- --dir -------------------------------------------------------------------

@test "run: --dir runs the handler of the job's name" {
	handler plugins/greet/run 'echo "hello $(cat)"'
	handler plugins/default/run 'echo nameless'
	handler 'flat/v1.2_a-B.sh' 'echo flat'
	for dir in plugins plugins/ ./plugins 'plugins/{name}/run' \
		"$PWD/plugins" "$PWD/plugins/{name}/run"; do
		go '{"id":"a","name":"greet","input":"you"}' --dir "$dir"
		last '.event == "completed" and .output == "hello \"you\""'
		same "" "$(cat err)"
	done
	go '{"id":"a"}' --dir plugins
	last '.output == "nameless"'
	go '{"id":"a","name":"v1.2_a-B"}' --dir 'flat/{name}.sh'
	last '.output == "flat"'
	mkdir -p twice/x
	handler twice/x/x-run 'echo twice'
	go '{"id":"a","name":"x"}' --dir 'twice/{name}/{name}-run'
	last '.output == "twice"'
}

@test "run: --dir follows links, and gives the path as argv[0]" {
	handler real/tool 'echo "$0"'
	mkdir -p h/a
	ln -s ../../real/tool h/a/run
	go '{"id":"a","name":"a"}' --dir h
	last '.output == "h/a/run"'
}

@test "run: --dir: operands are arguments with placeholders" {
	handler h/a/run
	go '{"id":"i","name":"a","input":{"x":[1,"b"],"y":"z"}}' --dir h -- \
		--id={id} {input.y} '{name} {input.x}' '{{id}}' lit
	last '.output == "<--id=i><z><a [1,\"b\"]><{id}><lit>"'
	refused '{"id":"i","name":"a"}' missing_member: --dir h -- {input.y}
}

@test "run: --dir: a job without a handler fails for good, its path is named" {
	mkdir -p h/still h/folder/run h/pipe h/loop h/dangling
	touch h/still/run h/file
	mkfifo h/pipe/run
	ln -s run h/loop/run
	ln -s /no/such h/dangling/run
	while IFS='|' read -r name text; do
		refused "{\"id\":\"a\",\"name\":\"$name\"}" \
			"no_handler: jobs of the name '$name' have no handler: 'h/$name/run': " \
			--dir h
		has "$error" "$text"
	done <<-'END'
		nosuch|No such file
		still|chmod +x
		folder|Is a directory
		pipe|no regular file
		loop|levels of symbolic links
		dangling|No such file
		file|Not a directory
	END
	refused '{"id":"a"}' "no_handler: jobs of the name 'default'" --dir h
}

@test "run: --dir: a handler that cannot be executed is the job's fault" {
	mkdir -p h/a
	printf '#!/no/such/shell\n' >h/a/run
	chmod +x h/a/run
	for _ in 1 2 3 4 5 6; do
		echo '{"name":"a"}'
	done >in
	timeout 60 jobq-run --dir h <in >out || same 1 $?
	same 6 "$(jq -c 'select(.event == "failed" and .reason == "spawn" and
		.retry == false and (.error | contains("h/a/run")))' out | wc -l)"
}

@test "run: --dir: no name leaves its place in the path" {
	handler h/x/run 'echo inside'
	handler run 'touch escaped'
	handler h/.hidden/run 'touch escaped'
	handler h/run 'touch escaped'
	handler 'h/a b/run' 'touch escaped'
	handler h/é/run 'touch escaped'
	for name in .. . a/b ../h x/../x /x x/ .hidden ..x 'a b' é 'x*' '*' '~' \
		'$x' 'x\\' 'x;y' ' x' '{name}' '{id}' 'ｘ' '\u202ex'; do
		refused "{\"id\":\"a\",\"name\":\"$name\"}" bad_name: --dir h
		refused "{\"id\":\"a\",\"name\":\"$name\"}" bad_name: \
			--dir 'h/{name}/run'
	done
	not test -e escaped
	# These make a bad line.
	for name in '' 'x\u0000' 'x\n' '\u0001' "$(printf '%256s' '' | tr ' ' a)"; do
		go "{\"id\":\"a\",\"name\":\"$name\"}" --dir h || same 2 $?
		same "" "$(cat out)"
		has "$(cat err)" name
	done
}

@test "run: --dir: a name of 255 bytes is a name" {
	local name
	name=$(printf '%255s' '' | tr ' ' a)
	handler "h/$name/run" 'echo long'
	go "{\"id\":\"a\",\"name\":\"$name\"}" --dir h
	last '.output == "long"'
	refused "{\"id\":\"a\",\"name\":\"$name\"}" no_handler: --dir 'h/{name}x'
	has "$error" "too long"
}

@test "run: --dir: a name that looks like an option is a path like any other" {
	handler h/-rf/run 'echo "$0"'
	go '{"id":"a","name":"-rf"}' --dir h
	last '.output == "h/-rf/run"'
	# The interpreter of a script is given its path.
	handler -c 'echo "$0"'
	handler -d/x/run 'echo "$0"'
	go '{"id":"a","name":"-c"}' --dir '{name}'
	last '.output == "./-c"'
	go '{"id":"a","name":"x"}' --dir=-d
	last '.output == "./-d/x/run"'
}

@test "run: --dir wants a folder or a {name}, and no other placeholder" {
	touch file
	mkdir h
	for pattern in nosuch nosuch/run file '' ; do
		misused "{name}" --dir "$pattern"
		has "$stderr" "'$pattern'"
	done
	for pattern in '{id}' 'h/{name}/{input.x}' 'h/{}' 'h/{{name}}' 'h/{name' \
		'h/name}' '{input}' 'h/{names}'; do
		misused "only {name}" --dir "$pattern"
		has "$stderr" "'$pattern'"
	done
}
