#!/usr/bin/env bats

load support/common

@test "lines: makes a job line of each line" {
	run_apart jobq-lines <<<$'one\ntwo'
	same 0 "$status"
	same $'{"input":"one"}\n{"input":"two"}' "$stdout"
	same "" "$stderr"
}

@test "lines: prints nothing and exits 0 on empty input" {
	run_apart jobq-lines </dev/null
	same 0 "$status"
	same "" "$stdout$stderr"
}

@test "lines: quotes, backslashes, tabs and letters come back as they were" {
	printf 'a "b" \\c\\n\td \x01 \x7f \xc3\xa9 \xf0\x9f\x8c\x8d\n' >text
	jobq-lines <text | jq -r .input >back
	cmp text back
}

@test "lines: skips blank lines, accepts CRLF and a byte order mark" {
	run_apart jobq-lines < <(printf '\xef\xbb\xbfa\r\n\r\n  \n b \n')
	same 0 "$status"
	same $'{"input":"a"}\n{"input":" b "}' "$stdout"
}

@test "lines: a last line without newline counts" {
	run_apart jobq-lines < <(printf 'a\nb')
	same 0 "$status"
	same $'{"input":"a"}\n{"input":"b"}' "$stdout"
}

@test "lines: -0 takes everything between NULs, newlines and blanks too" {
	run_apart jobq-lines -0 < <(printf 'a\nb\0\0 \0\xef\xbb\xbf\r\0last')
	same 0 "$status"
	same 4 "${#lines[@]}"
	same '{"input":"a\nb"}' "${lines[0]}"
	same '{"input":" "}' "${lines[1]}"
	same $'{"input":"\xef\xbb\xbf\\r"}' "${lines[2]}"
	same '{"input":"last"}' "${lines[3]}"
}

@test "lines: -0 and find -print0 carry any file name that is UTF-8" {
	mkdir files
	touch files/plain 'files/two words' $'files/new\nline' \
		'files/"quoted"' files/\$\(id\)
	find files -type f -print0 | sort -z >names
	jobq-lines -0 <names | jq -j '.input + "\u0000"' >back
	cmp names back
}

@test "lines: --as puts the line deeper into the input" {
	run_apart jobq-lines --as input.file <<<x
	same 0 "$status"
	same '{"input":{"file":"x"}}' "$stdout"
	run_apart jobq-lines --as 'input.a"b.c' <<<x
	same '{"input":{"a\"b":{"c":"x"}}}' "$stdout"
}

@test "lines: --as refuses what does not begin with input, or has no name" {
	local path
	for path in meta input. inputs .input input..x "" inp; do
		run_apart jobq-lines --as "$path" <<<x
		same 2 "$status"
		same "" "$stdout"
		has "$stderr" "--as" "'$path'"
	done
}

@test "lines: --as goes down to the depth that lines may have, not deeper" {
	local names
	names=$(printf '.x%.0s' {1..62})
	jobq-lines --as "input$names" <<<x | jq -e . >/dev/null
	run_apart jobq-lines --as "input$names.x" <<<x
	same 2 "$status"
}

@test "lines: names a line that is not UTF-8, skips it and exits 2" {
	run_apart jobq-lines < <(printf 'a\n\nb\xe9c\nd\n')
	same 2 "$status"
	same $'{"input":"a"}\n{"input":"d"}' "$stdout"
	same "jobq-lines: stdin:3: not UTF-8 at byte 2 of the line" "$stderr"
}

@test "lines: overlong forms and surrogates are not UTF-8" {
	run_apart jobq-lines < <(printf '\xc0\x80\n\xed\xa0\x80\nok\n')
	same 2 "$status"
	same '{"input":"ok"}' "$stdout"
	same 2 "${#stderr_lines[@]}"
}

@test "lines: refuses a NUL inside a line and names -0" {
	run_apart jobq-lines < <(printf 'a\0b\nc\n')
	same 2 "$status"
	same '{"input":"c"}' "$stdout"
	has "$stderr" "stdin:1:" "byte 2" "-0"
}

@test "lines: --strict stops at the first bad line" {
	run_apart jobq-lines --strict < <(printf 'a\n\xff\nb\n')
	same 2 "$status"
	same '{"input":"a"}' "$stdout"
	same 1 "${#stderr_lines[@]}"
}

@test "lines: takes a line of 1 MiB less its frame, refuses longer ones" {
	local most=$((1048576 - 12))
	{
		head -c "$most" /dev/zero | tr '\0' x
		echo
		head -c "$((most + 1))" /dev/zero | tr '\0' y
		echo
		head -c 3000000 /dev/zero | tr '\0' z
		echo
		echo last
	} >text
	run_apart jobq-lines <text
	same 2 "$status"
	same 2 "${#lines[@]}"
	same 1048576 "${#lines[0]}"
	same '{"input":"last"}' "${lines[1]}"
	same 2 "${#stderr_lines[@]}"
	has "${stderr_lines[0]}" "stdin:2:" "1048576"
	has "${stderr_lines[1]}" "stdin:3:" "1048576"
}

@test "lines: hands on what is there without waiting for more" {
	mkfifo in
	spawn timeout 20 bash -c 'exec jobq-lines <in >out'
	exec 5>in
	echo now >&5
	wait_until 10 grep -q now out
	exec 5>&-
	wait_until 10 gone "$spawned_pid"
}

@test "lines: a full disk is told once and exits 75" {
	run_apart bash -c 'seq 10 | jobq-lines >/dev/full'
	same 75 "$status"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" "No space left on device"
}

@test "lines: ends by SIGPIPE when its reader is gone" {
	# shellcheck disable=SC2016 # for the inner shell
	run_apart timeout 20 env --default-signal=PIPE bash -c '
		yes | jobq-lines | head -n 1
		echo "${PIPESTATUS[1]}"'
	same $'{"input":"y"}\n141' "$stdout"
	same "" "$stderr"
}

@test "lines: refuses operands" {
	run_apart jobq-lines file.txt </dev/null
	same 2 "$status"
	has "$stderr" "file.txt"
}
