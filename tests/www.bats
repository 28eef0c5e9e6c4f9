#!/usr/bin/env bats
# The files of the page, as far as they can be looked at without a browser:
# peer/www.bats has that.

load support/common

www=$TOP/share/www

@test "www: all of it is under 150 KiB, and refers to nothing elsewhere" {
	size=$(cat "$www"/* | wc -c)
	[ "$size" -gt 20000 ] && [ "$size" -lt $((150 * 1024)) ]
	# But for the name of SVG, which nobody fetches.
	same "" "$(grep -nE '(https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import|url\(' \
		"$www"/* | grep -v 'http://www\.w3\.org/2000/svg')"
}

@test "www: the frame has its mark once, and nothing that its policy refuses" {
	same 1 "$(grep -c '<!-- main -->' "$www/page.html")"
	same "" "$(grep -nE '<script>|<style|style=| on[a-z]+=' "$www/page.html")"
	same "" "$(grep -nE 'innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|\.style\b' \
		"$www"/*.js)"
}

@test "www: files name only files that are there, and none is left over" {
	(cd "$www" && ls) | grep -vxE 'page\.html|docs\..*|openapi\..*' >there
	{
		grep -oE '(href|src)="www/[a-z.]+"' "$www/page.html" |
			sed 's/.*www\/\(.*\)"/\1/'
		grep -ohE "from '\./[a-z]+\.js'" "$www"/*.js |
			sed "s/.*\/\(.*\)'/\1/"
	} | sort -u >named
	same "" "$(comm -3 <(sort there) named)"
	# What a module imports is fetched together with it.
	grep -ohE "from '\./[a-z]+\.js'" "$www"/*.js |
		sed "s/.*\/\(.*\)'/\1/" | sort -u >imported
	grep -oE 'modulepreload" href="www/[a-z]+\.js' "$www/page.html" |
		sed 's/.*\///' | sort -u >fetched
	same "$(<imported)" "$(<fetched)"
}

@test "www: texts, numbers and commands come out as they went in" {
	cp "$www"/*.js .
	echo '{"type":"module"}' >package.json
	timeout 60 node "$TOP/tests/support/www-check.mjs" "$PWD"
}
