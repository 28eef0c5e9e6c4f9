# Jobs in a Kafka, over kafka.bash.
#   load support/kafka-jobs

load "${BASH_SOURCE[0]%/*}/kafka"

# log_store [PARTITIONS [PARAMETERS]]: makes the topics of the test, and
# $JOBQ_URL of them.
log_store() {
	topic jobs "${1:-1}"
	topic events
	topic control
	topic dead
	JOBQ_URL="kafka://$KAFKA?topic=$prefix-jobs&events=$prefix-events"
	JOBQ_URL+="&control=$prefix-control&dead=$prefix-dead&group=$prefix"
	export JOBQ_URL="$JOBQ_URL${2-}"
}

# settings LINE...: a file of librdkafka's settings, as a parameter.
settings() {
	printf '%s\n' "$@" >settings
	chmod 600 settings
	echo "&config=$PWD/settings"
}

# told EXPRESSION: of each event that is in the log, a line.
told() {
	consume events | jq -Rr "fromjson? | objects | $1"
}

# ended NUMBER: so many jobs have ended in the log, for wait_until.
ended() {
	(($(told 'select(.state and .state != "pending").id' |
		sort -u | wc -l) >= $1))
}

# committed_all NUMBER PARTITIONS: the group is done with so many records.
committed_all() {
	local i at sum=0
	for ((i = 0; i < $2; i++)); do
		read -r at _ < <(committed "$prefix" jobs "$i") || return
		((sum += at))
	done
	((sum == $1))
}

# ran_all NUMBER AGAIN WHAT: the lines of ran are those of so many jobs, of
# which at most so many ran twice; it says how many did.
ran_all() {
	local lines
	same "$1" "$(sort -u ran | wc -l)"
	lines=$(wc -l <ran)
	echo "# of $1 jobs $((lines - $1)) ran twice in $3" >&3
	((lines - $1 <= $2))
}

# A handler that answers each job at once, for --coprocess.
answers() {
	jq --unbuffered -c 'select(.lease) | {id, output: 1}'
}

# work NAME [ARGUMENT...]: a jobq-work in the background, its pid in
# $spawned_pid, what it says in NAME.err.
work() {
	spawn bash -c 'exec jobq-work "${@:2}" 2>"$1.err"' - "$@"
}

# leave PID CODE: it is told to stop, and does.
leave() {
	local code=0
	kill -TERM "$1"
	wait "$1" || code=$?
	same "$2" "$code"
}
