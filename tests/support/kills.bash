# Runs in which processes are killed beside a store whose server is, for the
# tests that load this file beside common.bash; chaos/kill-run does it.

# kills ARGUMENT...: such a run, its last line in $judged.
kills() {
	run_apart timeout -k 5 280 "$TOP/tests/chaos/kill-run" "$@"
	echo "$stderr"
	echo "$stdout"
	same 0 "$status"
	judged=${lines[-1]}
}

# stages_killed STORE: fifty kills of stages and five of the server.
stages_killed() {
	kills --store "$1" --stops 5 --kills 50 --jobs 2000 --lease 2
	json '.attempts == 2000 and .kills >= 50 and .lost == 0 and
		.unexpected == 0 and .duplicates <= .bound' <<<"$judged"
}

# server_killed STORE: five kills of the server alone, which ends no process.
server_killed() {
	kills --store "$1" --stops 5 --kills 0 --jobs 300 --lease 3
	json '.acknowledged == 300 and .outcomes == {completed: 300}
		and .lost == 0 and .unexpected == 0' <<<"$judged"
}
