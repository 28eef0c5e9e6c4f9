#!/usr/bin/env bats
# The files of the page, as far as they can be looked at without a browser:
# peer/www.bats has that.

load support/common
load support/jobs

www=$TOP/share/www

@test "www: all of it is under 150 KiB, and refers to nothing elsewhere" {
	size=$(cat "$www"/* | wc -c)
	[ "$size" -gt 20000 ] && [ "$size" -lt $((150 * 1024)) ]
	# But for the name of SVG, which nobody fetches.
	same "" "$(grep -nE '(https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import|\burl\(' \
		"$www"/* | grep -v 'http://www\.w3\.org/2000/svg')"
}

@test "www: the frame has its mark once, and nothing that its policy refuses" {
	same 1 "$(grep -c '<!-- main -->' "$www/index.html")"
	same "" "$(grep -nE '<script>|<style|style=| on[a-z]+=' "$www/index.html")"
	same "" "$(grep -nE 'innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|\.style\b' \
		"$www"/*.js)"
}

@test "www: files name only files that are there, and none is left over" {
	(cd "$www" && ls) | grep -vxE 'index\.html|docs\..*|openapi\..*' >there
	{
		grep -oE '(href|src)="www/[a-z.]+"' "$www/index.html" |
			sed 's/.*www\/\(.*\)"/\1/'
		grep -ohE "from '\./[a-z]+\.js'" "$www"/*.js |
			sed "s/.*\/\(.*\)'/\1/"
	} | sort -u >named
	same "" "$(comm -3 <(sort there) named)"
	# What a module imports is fetched together with it.
	grep -ohE "from '\./[a-z]+\.js'" "$www"/*.js |
		sed "s/.*\/\(.*\)'/\1/" | sort -u >imported
	grep -oE 'modulepreload" href="www/[a-z]+\.js' "$www/index.html" |
		sed 's/.*\///' | sort -u >fetched
	same "$(<imported)" "$(<fetched)"
}

@test "www: texts, numbers and commands come out as they went in" {
	cp "$www"/*.js .
	echo '{"type":"module"}' >package.json
	timeout 60 node "$TOP/tests/support/www-check.mjs" "$PWD"
}

# serve [OPTION...]: a server of the test's store, at $url.
serve() {
	spawn timeout 60 jobq-serve -v --listen 127.0.0.1:0 "$@" 2>serve.err
	wait_until 20 grep -q 'listening at' serve.err
	url=http://$(sed -n 's/.*listening at //p' serve.err)
}

# look PATH [OPTION...]: what the server answers goes to the file html.
look() {
	timeout 20 curl -sS -o html -D heads "${@:2}" "$url$1"
}

@test "www: overview and lists come from the server to be read without a script" {
	type -P jobq-serve >/dev/null || skip 'this build has no jobq-serve'
	jobq-push --queue mail --name welcome --input 1 --repeat 60 >/dev/null
	push bad '{"queue":"<b>&\"","name":"\u0027><i>"}'
	fail bad
	serve
	look /
	has "$(<heads)" ' 200 ' 'text/html' "script-src 'self'" nosniff
	has "$(<html)" '<b>60</b> <span>ready</span>' \
		'<bdi>&lt;b&gt;&amp;&quot;</bdi>' '</html>'
	lacks "$(<html)" '<!-- main -->' '<i>'
	look '/jobs?queue=mail&state='
	same 50 "$(grep -c '^<tr><th scope="row">' html)"
	first=$(grep -o 'jobs?id=[^"]*' html | head -n 1)
	next=$(sed -n 's/.*rel="next" href="\([^"]*\)".*/\1/p' html)
	look "/${next//&amp;/\&}"
	same 10 "$(grep -c '^<tr><th scope="row">' html)"
	lacks "$(<html)" 'rel="next"' "$first"
	look '/jobs?state=failed'
	has "$(<html)" 'failed <b>1</b>' '<bdi>&#39;&gt;&lt;i&gt;</bdi>' 'exit 3'
	push spaced '{"queue":"a b+c"}'
	look '/jobs?queue=a+b%2Bc'
	has "$(<html)" 'jobs?id=spaced' 'value="a b+c"'
	look '/jobs?id=bad'
	has "$(<html)" '<bdi>failed in attempt 1 of 5 (exit): exit 3</bdi>'
	look '/jobs?id=gone'
	has "$(<html)" 'no job with this id'
	look '/jobs?state=%3Cb%3E'
	has "$(<heads)" ' 400 '
	has "$(<html)" 'behind &#39;state=&#39;' '</html>'
	look / -X POST
	has "$(<heads)" ' 4'
}

@test "www: with a token nothing of the store is shown without it" {
	type -P jobq-serve >/dev/null || skip 'this build has no jobq-serve'
	push secret '{"queue":"secrets"}'
	echo 0123456789abcdef0123456789abcdef >token
	chmod 600 token
	serve --token-file token
	for path in / /jobs '/jobs?id=secret' '/jobs?state=x'; do
		look "$path"
		has "$(<heads)" ' 200 '
		has "$(<html)" 'asks for a token' 'www/page.js'
		lacks "$(<html)" secrets
	done
}

@test "www: a store that does not count its jobs still has a list of them" {
	type -P jobq-serve >/dev/null || skip 'this build has no jobq-serve'
	export JOBQ_URL="exec:$PWD/q?adapter=dir"
	push one
	serve
	look /
	has "$(<heads)" ' 200 '
	has "$(<html)" 'does not count its jobs'
	look /jobs
	has "$(<html)" '<a href="jobs?id=one"' '">pending</a>'
}
