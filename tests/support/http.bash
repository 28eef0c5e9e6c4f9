# Questions to a server over HTTP, for the tests of --health, and a small
# server of HTTP for those of what asks one.
#   load support/http

# http_server [ARGUMENT...]: support/http-server for a whole file; its ports are
# in $BATS_FILE_TMPDIR/ports. For setup_file, and http_server_end for
# teardown_file.
http_server() {
	cd "$BATS_FILE_TMPDIR" || return
	"$TOP/tests/support/http-server" . "$@" 3>&- 4>&- &
	echo $! >pid
	wait_until 20 test -e ports
}

http_server_end() {
	kill "$(<"$BATS_FILE_TMPDIR/pid")"
}

# get WHERE PATH [METHOD]: the status of the answer, then its body.
get() {
	timeout 20 python3 -c '
import http.client, socket, sys
where, path, method = sys.argv[1:]
if where.startswith("unix:"):
    link = http.client.HTTPConnection("localhost")
    link.sock = socket.socket(socket.AF_UNIX)
    link.sock.connect(where[5:])
else:
    link = http.client.HTTPConnection(where, timeout=15)
link.request(method, path)
answer = link.getresponse()
print(answer.status)
print(answer.read().decode(), end="")' "$1" "$2" "${3-GET}"
}

# gives CODE WHERE PATH [METHOD]: the body of an answer with that status.
gives() {
	local answer
	answer=$(get "${@:2}") && same "$1" "${answer%%$'\n'*}" &&
	    echo "${answer#*$'\n'}"
}
