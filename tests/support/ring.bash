# Circles of stages, for the tests of the ring, over stages.bash.
#   load support/ring

load "${BASH_SOURCE[0]%/*}/stages"

# circle NAME STAGE...: each stage a command, the first reading what the last
# writes. The pid of stage I, counted from 0, is in NAME.I.pid, what it says
# on stderr in NAME.I.err, and the exit codes of all, once the circle has
# ended, in NAME.codes.
circle() {
	local name=$1 script='' last=$(($# - 2)) i=0 stage
	shift
	mkfifo "$name.ring"
	for stage; do
		script+=$(printf 'bash -c %q 2>%q' \
			"echo \$\$ >$name.$i.pid; exec $stage" "$name.$i.err")
		((i > 0)) || script+=" <$name.ring"
		((i == last)) && script+=" >$name.ring" || script+=' | '
		((i += 1))
	done
	# shellcheck disable=SC2016 # for the inner shell
	script+='; echo "${PIPESTATUS[*]}" >'"$name.codes.new"
	script+="; mv $name.codes.new $name.codes"
	spawn timeout -k 1 "${CIRCLE_LIMIT:-90}" bash -c "$script"
}

# ends NAME CODES: the circle ends, its stages with those exit codes.
ends() {
	wait_until 60 test -s "$1.codes" && same "$2" "$(<"$1.codes")" && return
	echo "$1: exit codes $(cat "$1.codes" 2>&1), not $2"
	tail -n 5 "$1".[0-9].err
	return 1
}

# tell SIGNAL NAME I: to a stage of a circle.
tell() {
	wait_until 20 test -s "$2.$3.pid"
	kill -s "$1" "$(<"$2.$3.pid")"
}

# once NUMBER WHERE: soon so many jobs are so.
once() {
	wait_until 30 counts "$@" && return
	sql 'SELECT stage, count(*) FROM job GROUP BY stage'
	tail -n 5 ./*.err
	return 1
}

# more_than NUMBER WHERE: whether more jobs are so, for wait_until.
more_than() {
	(($(sql "SELECT count(*) FROM job WHERE $2") > $1))
}

# said NAME I WORD: a stage has said this on stderr.
said() {
	grep -q -- "$3" "$1.$2.err"
}
