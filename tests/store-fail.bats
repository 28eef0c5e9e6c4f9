#!/usr/bin/env bats
#
# fail:STATUS, the store that answers every verb with that status.

load support/common

@test "fail: answers every verb with its status" {
	local name exit verb
	while read -r name exit; do
		for verb in init push list claim settle cancel retry stats events \
		    reap prune pause resume check; do
			run_apart storecall "fail:$name" "$verb" <<<'{}'
			same "$name $verb $exit" "$name $verb $status"
			same '' "$stdout"
			same 1 "${#stderr_lines[@]}"
			has "$stderr" "$name: $verb answered '$name'"
		done
	done <<-'EOF'
		empty 1
		stale 1
		again 75
		invalid 2
		config 2
		unsupported 2
		io 75
	EOF
}

@test "fail: ok is a store without jobs" {
	run_apart storecall fail:ok list <<<'{}'
	same '0 ' "$status $stdout$stderr"
	run_apart jobq-list --store fail:ok
	same '0 ' "$status $stdout"
}

@test "fail: commands end with the exit code of the status" {
	run_apart jobq-push --store fail:again --name x
	same '75 ' "$status $stdout"
	same 1 "${#stderr_lines[@]}"
	run_apart jobq-push --store fail:unsupported --name x
	same '2 ' "$status $stdout"
	run_apart jobq-list --store fail:io
	same '75 ' "$status $stdout"
}

@test "fail: a status it does not know is refused, the known ones are named" {
	run_apart storecall fail:nosuch list <<<'{}'
	same 2 "$status"
	has "$stderr" "config: 'nosuch'" 'ok empty stale again invalid config'
	run_apart storecall 'fail:ok?x=1' list <<<'{}'
	same 2 "$status"
	has "$stderr" "no parameter 'x'"
}
