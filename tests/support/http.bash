# Questions to a small server over HTTP, for the tests of --health.
#   load support/http

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
