#!/usr/bin/env bats
# shellcheck disable=SC2016 # a $ in single quotes is one of jq's
#
# What must hold where jobs are in Redis, beside what every store keeps: URLs,
# who may come in, what a server says no with, the inbox.
# bats file_tags=server

load support/redis

# --- the URL -----------------------------------------------------------------

# bats test_tags=smoke
@test "redis: a URL that is wrong is refused, and says what is wrong in it" {
	local url words
	while IFS='|' read -r JOBQ_URL words; do
		url=$JOBQ_URL
		run_apart timeout 20 jobq-list
		same "2 $url " "$status $url $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" "$words"
	done <<-EOT
		redis://h:0|its port
		redis://h:65536|its port
		redis://h:x|its port
		redis://h:|its port
		redis://[::1|a '[' is not closed
		redis://[::1]x|what follows the ']'
		redis:h|its beginning
		redis:/h|its beginning
		redis://h/x|'x' is no database of Redis
		redis://h/-1|'-1' is no database of Redis
		redis://h/1/2|'1/2' is no database of Redis
		redis://h?db=x|'x' is no database of Redis
		redis://a%zz@h|%
		redis://a%00b@h|%
		unix:s|the path must begin with '/'
		unix:|the path must begin with '/'
		unix://s|the path must begin with '/'
		unix:/s?prefix=|prefix '' cannot be used
		unix:/s?prefix=a%20b|prefix 'a b' cannot be used
		unix:/s?prefix=$(printf 'p%.0s' {1..64})|cannot be used
		unix:/s?listen=2|listen=2: must be 1 or 0
		unix:/s?connect_timeout=x|'x'
		unix:/s?connect_timeout=none|'none'
		unix:/s?color=blue|no parameter 'color'
		rediss://h|without TLS
		rediss://u:p@h:1/0|stunnel
	EOT
}

@test "redis: a socket, a port, an address in brackets, a name lead to one server" {
	local port url
	port=$(free_port)
	own_server --port "$port" --bind 127.0.0.1 -::1
	echo '{"id":"a"}' | jobq-push >pushed
	for url in "unix:$own/s?" "unix://$own/s?" "redis://127.0.0.1:$port?" \
		"redis://127.0.0.1:$port/?" "redis://127.0.0.1:$port/0?" \
		"redis://localhost:$port?connect_timeout=3&"; do
		same a "$(jobq-list -S "${url}prefix=$prefix" | jq -r .id)"
	done
	! redis-cli -h ::1 -p "$port" PING | grep -q PONG ||
		same a "$(jobq-list -S "redis://[::1]:$port?prefix=$prefix" |
			jq -r .id)"
}

@test "redis: databases and prefixes are stores of their own" {
	local url
	for url in "unix:$server/s?prefix=$prefix" \
		"unix:$server/s?prefix=$prefix&db=3" \
		"unix:$server/s?prefix={$prefix}:x.y-z_1"; do
		run_apart jobq-list -S "$url"
		same '2 ' "$status $stdout"
		has "$stderr" 'there is no store'
		echo "{\"name\":\"$url\"}" | jobq-push -S "$url" >pushed
		same "$url" "$(jobq-list -S "$url" | jq -r .name)"
		same "$url" "$(jobq-claim -n 1 -S "$url" | jq -r .name)"
	done
	same 1 "$(cli -n 3 EXISTS "$(key meta)")"
	same 1 "$(cli EXISTS "{$prefix}:x.y-z_1:meta")"
	# All keys are under the prefix.
	same '' "$(cli -n 3 KEYS '*' | grep -v "^$prefix:")"
}

# --- who may come in ---------------------------------------------------------

# bats test_tags=smoke
@test "redis: a password comes from the URL or REDISCLI_AUTH, and is never shown" {
	local port url secret='s3cr3t-^&%-canary' coded
	coded=$(jq -rn --arg s "$secret" '$s | @uri')
	port=$(free_port)
	own_server --port "$port" --requirepass "$secret"
	export REDISCLI_AUTH
	JOBQ_URL="redis://127.0.0.1:$port?prefix=$prefix"
	run_apart jobq-push --name x
	same '2 ' "$status $stdout"
	has "$stderr" NOAUTH REDISCLI_AUTH "127.0.0.1:$port"
	REDISCLI_AUTH=$secret
	run_apart jobq-push --name x
	same '0 ' "$status $stderr"
	# Not the wrong one of the environment.
	REDISCLI_AUTH=s3cr3t-wrong
	for url in "redis://:$coded@127.0.0.1:$port?prefix=$prefix" \
		"redis://default:$coded@127.0.0.1:$port?prefix=$prefix"; do
		JOBQ_URL=$url
		run_apart jobq-list -vv
		same '0 x' "$status $(jq -r .name <<<"$stdout")"
		lacks "$stderr" s3cr3t canary
		jobq-doctor -vv >>said 2>&1
	done
	JOBQ_URL="redis://u:${coded}x@127.0.0.1:$port?prefix=$prefix"
	run_apart jobq-list -vv
	same '2 ' "$status $stdout"
	has "$stderr" WRONGPASS
	lacks "$stderr$(<said)" s3cr3t canary
	JOBQ_URL="redis://127.0.0.1:$port?prefix=$prefix"
	run_apart jobq-list
	same '2 ' "$status $stdout"
	has "$stderr" WRONGPASS
	lacks "$stderr" s3cr3t
}

@test "redis: a user of the server's ACL needs the keys and channels of the prefix" {
	local url user
	own_server
	cli ACL SETUSER u on '>pw' "~$prefix" "~$prefix:*" "&$prefix:*" +@all -@dangerous \
		+info >said
	cli ACL SETUSER other on '>pw' '~other:*' '&*' +@all >>said
	cli ACL SETUSER poor on '>pw' '~*' '&*' -@all +ping >>said
	same $'OK\nOK\nOK' "$(<said)"
	cli CONFIG SET port "$(free_port)" >said
	JOBQ_URL="redis://u:pw@127.0.0.1:$(cli CONFIG GET port | tail -n 1)"
	JOBQ_URL+="?prefix=$prefix"
	echo '{"id":"a"}' | jobq-push >pushed
	take -n 1
	settle "$completed"
	state_is a completed
	# Who may not ask for the configuration is told what is not known.
	run_apart jobq-doctor
	same 0 "$status"
	has "$stdout" 'is not ours to ask'
	url=$JOBQ_URL
	for user in other poor; do
		JOBQ_URL=${url/u:/$user:} run_apart jobq-list
		same "2 $user " "$status $user $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" NOPERM
	done
}

# --- what a server says no with ----------------------------------------------

@test "redis: a server that may delete jobs is refused" {
	local policy
	own_server
	echo '{"id":"a"}' | jobq-push >pushed
	for policy in allkeys-lru allkeys-lfu allkeys-random; do
		cli CONFIG SET maxmemory-policy "$policy" >said
		run_apart jobq-push --name x
		same '2 ' "$status $stdout"
		same 1 "${#stderr_lines[@]}"
		has "$stderr" "maxmemory-policy is $policy" noeviction
	done
	# No key of ours ever has a time to live.
	for policy in volatile-lru noeviction; do
		cli CONFIG SET maxmemory-policy "$policy" >said
		run_apart jobq-list
		same '0 ' "$status $stderr"
	done
	cli KEYS '*' | while read -r name; do
		same "$name -1" "$name $(cli TTL "$name")"
	done
}

@test "redis: the doctor says what the append-only file means for the promise" {
	local append fsync ok words
	own_server
	jobq-admin init >said
	while IFS='|' read -r append fsync ok words; do
		cli CONFIG SET appendonly "$append" appendfsync "$fsync" >said
		run_apart jobq-doctor
		json -s --arg words "$words" --argjson ok "$ok" '
			any(.check == "durability" and .ok == $ok and
			(.text | contains($words)))' <<<"$stdout"
		same "$ok" "$([ "$status" = 0 ] && echo true || echo false)"
	done <<-'EOT'
		yes|always|true|what is acknowledged is on disk
		yes|everysec|true|the last second
		yes|no|false|half a minute
		no|always|false|there is no append-only file
	EOT
}

@test "redis: without memory a push is refused whole, and is good later" {
	local keys
	own_server
	echo '{"id":"a"}' | jobq-push >pushed
	keys=$(cli KEYS '*' | sort)
	cli CONFIG SET maxmemory 1 >said
	jq -nc 'range(50) | {id: "j\(.)", key: "k\(.)", needs: ["a"], flow: "f"}' \
		>lines
	run_apart timeout 60 jobq-push <lines
	same '75 ' "$status $stdout"
	has "$stderr" OOM
	cli CONFIG SET maxmemory 0 >said
	same a "$(jobq-list | jq -r .id)"
	same "$keys" "$(cli KEYS '*' | sort)"
	jobq-push <lines >pushed
	same 50 "$(wc -l <pushed)"
}

@test "redis: a replica is no store: it is away until it is none" {
	local primary
	own_server
	jobq-admin init >said
	primary=$own
	cli REPLICAOF 127.0.0.1 1 >said
	run_apart timeout 20 jobq-push --name x
	same '75 ' "$status $stdout"
	same 1 "${#stderr_lines[@]}"
	[[ $stderr == *READONLY* || $stderr == *MASTERDOWN* ]]
	cli REPLICAOF NO ONE >said
	jobq-push --name x >pushed
	same x "$(jobq-list | jq -r .name)"
	same "$own" "$primary"
}

@test "redis: a key of another type under the prefix is said, not overwritten" {
	jobq-admin init >said
	cli SET "$(key job)" mine >said
	run_apart jobq-push --name x
	same '2 ' "$status $stdout"
	same 1 "${#stderr_lines[@]}"
	has "$stderr" WRONGTYPE
	same mine "$(cli GET "$(key job)")"
}

@test "redis: a server that is busy with another's script is away" {
	own_server --busy-reply-threshold 10
	jobq-admin init >said
	background script redis-cli -s "$own/s" EVAL 'while true do end' 0
	busy() { cli PING | grep -q BUSY; }
	wait_until 20 busy
	run_apart timeout 20 jobq-push --name x
	same '75 ' "$status $stdout"
	has "$stderr" BUSY
	cli SCRIPT KILL >said
	exits 1 script || exits 0 script
	jobq-push --name x >pushed
	same 1 "$(jobq-list | wc -l)"
}

@test "redis: a server that still loads is away" {
	own_server
	jobq-admin init >said
	cli EVAL 'for i = 1, 20000 do redis.call("SET", "x" .. i, i) end' 0 \
		>said
	redis stop "$own"
	redis-server --port 0 --unixsocket "$own/s" --dir "$own" --daemonize yes \
		--pidfile "$own/pid" --logfile "$own/log" --save '' \
		--appendonly yes --key-load-delay 300 \
		--loading-process-events-interval-bytes 1024 3>&- 4>&- >said
	loading() { cli PING | grep -q LOADING; }
	wait_until 20 loading
	run_apart timeout 20 jobq-push --name x
	same '75 ' "$status $stdout"
	has "$stderr" LOADING
}

# --- scripts -----------------------------------------------------------------

# bats test_tags=smoke
@test "redis: scripts that a server has forgotten are given to it again" {
	mkfifo claim.in
	background claim jobq-claim --ring 2 --interval 0.1
	exec 8>claim.in
	echo '{"id":"a"}' | jobq-push >pushed
	wait_until 20 grep -q '"id":"a"' claim.out
	cli SCRIPT FLUSH >said
	echo '{"id":"b"}' | jobq-push >pushed
	wait_until 20 grep -q '"id":"b"' claim.out
	cli SCRIPT FLUSH >said
	events "$completed" <claim.out >&8
	exec 8>&-
	exits 0 claim
	state_is a completed
	state_is b completed
	same '' "$(<claim.err)"
}

@test "redis: FLUSHALL in the midst of a ring is noticed, and ends no process" {
	own_server
	echo '{"id":"a"}' | jobq-push >pushed
	mkfifo claim.in
	background claim jobq-claim --ring 1 --interval 0.1
	exec 8>claim.in
	wait_until 20 grep -q '"id":"a"' claim.out
	cli FLUSHALL >said
	events "$completed" <claim.out >&8
	echo '{"id":"b"}' | jobq-push >pushed
	wait_until 20 grep -q '"id":"b"' claim.out
	exec 8>&-
	exits 75 claim
}

# --- the inbox ---------------------------------------------------------------

# drop TEXT...: puts each into the inbox, as any client does.
drop() {
	local text
	for text; do
		printf %s "$text" | cli -x XADD "$(key inbox)" '*' job >>dropped
	done
}

# drop_lines: each line of standard input, in one go.
drop_lines() {
	jq -Rr --arg key "$(key inbox)" '"XADD \($key) * job \(tojson)"' |
		cli >>dropped
}

refused() {
	cli XLEN "$(key inbox-refused)"
}

# bats test_tags=smoke
@test "redis: what anybody puts into the inbox is a job for claim, list and poll" {
	local line id
	jobq-admin init >said
	line='{"n":9007199254740993,"z":1.10,"name":"whole","queue":"q","id":"w",'
	line+='"input":[1e400,"\u0000"],"priority":3,"max_attempts":2,"key":"k",'
	line+='"flow":"f","run_at":"2026-01-01T00:00:00Z","meta":{ } }'
	drop "$line"
	same w "$(jobq-list | jq -r .id)"
	same 0 "$(cli XLEN "$(key inbox)")"
	# All but the time, which the store tells by itself.
	line=${line/,\"run_at\":\"2026-01-01T00:00:00Z\"/}
	same "${line%\}}" "$(jobq-poll | sed 's/,"attempt":.*//')"
	drop '{"name":"short"}'
	id=$(jobq-poll --queue default | jq -r .id)
	[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-7 ]]
	drop '{"id":"c","input":1}'
	take -n 3
	same 'whole short default' "$(jq -r .name claimed | paste -sd ' ')"
	drop '{"id":"d"}'
	same 'd default 1' "$(echo '{"id":"d"}' | timeout 20 jobq-claim |
		jq -r '"\(.id) \(.queue) \(.attempt)"')"
	same 0 "$(refused)"
}

@test "redis: --until-empty counts what is in the inbox, all 1,100 of it" {
	jobq-admin init >said
	jq -nc 'range(1100) | {id: "j\(.)"}' | drop_lines
	same 1100 "$(cli XLEN "$(key inbox)")"
	timeout 60 jobq-work -j 8 --until-empty -- true
	same 1100 "$(jobq-list --state completed --limit 2000 | wc -l)"
	same 0 "$(cli XLEN "$(key inbox)")"
}

@test "redis: an entry is pushed once, by whichever of two claimers" {
	local i
	jobq-admin init >said
	for i in 1 2; do
		rm -f ./?.status
		jq -nc 'range(300) | {input: .}' | drop_lines
		background a jobq-claim -n 200
		background b jobq-claim -n 200
		exits 0 a
		exits 0 b
		jobq-claim -n 500 >c || true
		same 300 "$(cat a.out b.out c | jq .input | sort -u | wc -l)"
		same 300 "$(cat a.out b.out c | wc -l)"
	done
}

@test "redis: an id that was there, or comes twice, is one job" {
	echo '{"id":"a","name":"first"}' | jobq-push >pushed
	drop '{"id":"a","name":"second"}' '{"id":"b","name":"first"}' \
		'{"id":"b","name":"second"}' '{"key":"k","name":"first"}' \
		'{"key":"k","name":"second"}'
	same 'first first first' "$(jobq-list | jq -r .name | paste -sd ' ')"
	same '0 0' "$(cli XLEN "$(key inbox)") $(refused)"
}

@test "redis: what is no job is kept apart with the reason, and said" {
	local i=0 text
	jobq-admin init >said
	head -c 2000000 /dev/zero | tr '\0' x >long
	drop '' 'no json' '[1]' '{"id":7}' '{"id":"a b"}' '{"priority":2147483648}' \
		'{"a":1}{"b":2}' '{"id":"a","id":"b"}' '{"name":"\ud800"}' \
		$'{"name":"\xff\xfe"}' $'{"name":"\x1b]0;x\x07"}' \
		"{\"input\":\"$(<long)\"}"
	head -c 30 /dev/zero | cli -x XADD "$(key inbox)" '*' job >said
	cli XADD "$(key inbox)" '*' job '{"name":"x"}' other y >said
	cli XADD "$(key inbox)" '*' nojob '{"name":"x"}' >said
	drop '{"id":"good"}'
	run_apart jobq-list
	same 0 "$status"
	same 'x good' "$(jq -r 'if .name == "x" then .name else .id end' \
		<<<"$stdout" | paste -sd ' ')"
	same 14 "$(refused)"
	same 14 "$(grep -c 'of the inbox is no job' <<<"$stderr")"
	# One line each, without control bytes.
	same 14 "${#stderr_lines[@]}"
	lacks "$stderr" $'\x1b' $'\x07'
	same 0 "$(cli XLEN "$(key inbox)")"
	# Told once.
	run_apart jobq-list
	same '' "$stderr"
	run_apart jobq-doctor
	same 1 "$status"
	has "$stdout" '14 entries of the inbox were no jobs' "$(key inbox-refused)"
	same 14 "$(cli XRANGE "$(key inbox-refused)" - + | grep -c '^refused$')"
}

# More than an answer may have: it must not stand in the way of all others.
@test "redis: an entry of 40 MiB is refused like any other" {
	own_server
	jobq-admin init >said
	head -c 41943040 /dev/zero | tr '\0' x |
		cli -x XADD "$(key inbox)" '*' job >said
	drop '{"id":"good"}'
	run_apart timeout 60 jobq-claim -n 1
	same '0 good' "$status $(jq -r .id <<<"$stdout")"
	same 1 "$(refused)"
}

@test "redis: an entry of ten thousand words is refused, and the others are kept" {
	jobq-admin init >said
	drop '{"id":"a"}'
	jq -nr --arg key "$(key inbox)" '"XADD \($key) * " + ([range(5000)
		| "f\(.) v"] | join(" "))' | cli >said
	drop '{"id":"b"}'
	same 'a b' "$(jobq-list | jq -r .id | paste -sd ' ')"
	same '0 1' "$(cli XLEN "$(key inbox)") $(refused)"
}

# A script that fails is not taken back.
@test "redis: a push that fails takes nothing out of the inbox" {
	local type
	jobq-admin init >said
	drop '{"id":"a"}' 'no job'
	for type in job ready:default; do
		cli SET "$(key "$type")" mine >said
		run_apart jobq-list
		same '2 ' "$status $stdout"
		same 2 "$(cli XLEN "$(key inbox)")"
		cli DEL "$(key "$type")" >said
	done
	same a "$(jobq-list 2>said | jq -r .id)"
	same '0 1' "$(cli XLEN "$(key inbox)") $(refused)"
}

@test "redis: ten large entries are as many jobs" {
	jobq-admin init >said
	head -c 1000000 /dev/zero | tr '\0' x >long
	for i in {0..9}; do
		printf '{"id":"l%d","input":"%s"}' "$i" "$(<long)" |
			cli -x XADD "$(key inbox)" '*' job >said
	done
	timeout 60 jobq-work -j 2 --until-empty -- sh -c 'wc -c >>sizes'
	same 10 "$(grep -cx 1000003 sizes)"
}

# --- queues ------------------------------------------------------------------

@test "redis: S15 hostile texts are texts, wherever they stand" {
	local text
	jobq-admin init >said
	jq -nc '[":", "a:b", "q:", "{q}", "a b", "a,b", "(a)", "`id`", "*", "?",
		"[a]", "\\", "\"", "'\''", "%s", "$1", "~", "\u202e",
		"\u00e9", "😀", " ", "\u00a0", "-1", "--", "nil", "ring", "ready",
		"a::b", "0", ("x" * 255)]
		| to_entries[] | {id: "h\(.key)", queue: .value, name: .value,
		key: .value, flow: .value, input: .value, meta: {(.value): .value}}' \
		>lines
	jobq-push <lines >pushed
	same 30 "$(wc -l <pushed)"
	while read -r text; do
		text=$(jq -r '.queue + "."' <<<"$text")
		text=${text%.}
		jobq-list --flow "$text" --key "$text" --name "$text" \
			--queue "$text" >>listed
		jobq-claim -n 1 --queue "$text" --flow "$text" \
			--worker "$text" >>claimed
	done <lines
	same "$(jq -c .id lines)" "$(jq -c .id listed)"
	same "$(jq -c '[.id, .name, .input, .meta]' lines)" \
		"$(jq -c '[.id, .name, .input, .meta]' claimed)"
	same "$(jq -c .name lines)" "$(jq -c .lease.worker claimed)"
	settle "$completed"
	same 30 "$(grep -c '"state":"completed"' settled)"
	same "$(jq -r .queue lines | sort)" "$(jobq-list --stats |
		jq -r .queue | sort)"
}

# --- beside another store ----------------------------------------------------

@test "redis: three hundred random verbs are answered as the embedded store does" {
	timeout 200 "$TOP/tests/support/oracle" --requests 300 \
		"sqlite:$PWD/oracle.db" "$JOBQ_URL"
}
