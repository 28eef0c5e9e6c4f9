# What tests of jobq-serve load after common.

json='Content-Type: application/json'

# serve [OPTION...]: a server of the test's store at a free port, its address
# (host:port, or the path of a socket) in $at, its pid in $server, and its
# messages in serve.err. With --listen or --health among the options it listens
# there alone.
serve() {
	local where=(--listen 127.0.0.1:0)
	[[ " $* " != *' --listen '* && " $* " != *' --health-only '* ]] ||
		where=()
	: >serve.err
	spawn timeout 120 jobq-serve -v "${where[@]}" "$@" 2>>serve.err
	wait_until 20 grep -q 'listening at' serve.err
	server=$(pgrep -P "$spawned_pid")
	addresses
}

# addresses: all that the server says it listens at, in $at (the first) and
# the array $addresses.
addresses() {
	mapfile -t addresses < <(
		sed -n 's/.*listening at \([^ ]*\).*/\1/p' serve.err)
	at=${addresses[0]#unix:}
}

# ask PATH [CURL-OPTION...]: the body of the answer; its status is in the file
# status, its head in the file headers.
ask() {
	: >body
	curl -s -m 20 -D headers -o body -w '%{http_code}' "http://$at$1" "${@:2}" \
		>status || return
	cat body
}

# post PATH BODY [CURL-OPTION...]
post() {
	ask "$1" -H "$json" -d "$2" "${@:3}"
}

# is STATUS: of what was asked last.
is() {
	same "$1" "$(<status)"
}

# raw BYTES: sends them as printf has them; prints what comes until the server
# closes the connection.
raw() {
	local fd
	exec {fd}<>"/dev/tcp/${at%:*}/${at##*:}"
	# shellcheck disable=SC2059 # the bytes are a format
	printf "$1" >&"$fd"
	timeout 20 cat <&"$fd"
	exec {fd}<&-
}

# refused STATUS BYTES: the answer to these bytes has the status, and after it
# the connection is closed.
refused() {
	local line
	line=$(raw "$2" | tr -d '\r\0' | head -n 1)
	[[ $line == "HTTP/1.1 $1 "* ]] && return
	echo "not $1 but '$line' for ${2:0:200}"
	return 1
}
