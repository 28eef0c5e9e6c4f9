# Jobs in every state, for the tests of commands that show or change them.
#   load support/jobs

# push ID [MEMBERS]: pushes a job; MEMBERS is a JSON object.
push() {
	jq -nc --arg id "$1" '{$id} + $more' --argjson more "${2-{\}}" |
		jobq-push >/dev/null
}

# claim ID...: a worker takes the jobs; their lines go to the file claimed.
claim() {
	printf '{"id":"%s"}\n' "$@" | timeout 20 jobq-claim >claimed
	[ "$(wc -l <claimed)" = $# ]
}

# settle EVENT...: for each job in the file claimed the events, JSON objects,
# as jobq-run writes them.
settle() {
	printf '%s\n' "$@" | jq -sc --slurpfile jobs claimed '
		. as $events | $jobs[] as $job | range($events | length) as $i |
		{id: $job.id, epoch: $job.lease.epoch, worker: $job.lease.worker,
			n: ($i + 1), at: (now | todate)} + $events[$i]' |
		timeout 20 jobq-report >/dev/null
}

# complete ID..., fail ID...: what a worker makes of them.
complete() {
	claim "$@"
	settle '{"event":"started"}' \
		'{"event":"completed","output":{"n":1},"exit":0,"seconds":0.5}'
}

fail() {
	claim "$@"
	settle '{"event":"started"}' \
		'{"event":"output","stream":"stderr","text":"oh no"}' \
		'{"event":"failed","reason":"exit","exit":3,"error":"exit 3",
			"retry":false,"seconds":0.25}' || [ $? = 1 ]
}

# state ID: as the store has it.
state() {
	jobq-list --json "$1" | jq -r .state
}

# state_is ID STATE
state_is() {
	[ "$(state "$1")" = "$2" ]
}

# terminal COMMAND: what a person sees of it, stdout and stderr together, in
# a terminal of 100 columns; what is typed comes from standard input. The
# result is the command's.
terminal() {
	TERM=xterm timeout 20 script -qec "stty cols ${COLUMNS:-100} -echo; $1" \
		/dev/null | tr -d '\r'
	return "${PIPESTATUS[0]}"
}
