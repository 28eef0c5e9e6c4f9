#!/usr/bin/env bats
# What an adapter.json says beside its verbs.

load support/common

# An adapter of a test's own, the directory's store with other members.
make_adapter() { # MEMBERS
	rm -rf a
	cp -r "$TOP/share/adapters/dir" a
	jq "del(.version) + $1" "$TOP/share/adapters/dir/adapter.json" \
		>a/adapter.json
}

@test "adapter: what holds for a value of a parameter holds by the URL or without" {
	make_adapter '{parameters: {mode: "slow", x: "1"}, lease: 9,
		when: {mode: {slow: {renews: false, cannot: ["speed: it is slow"]},
			fast: {lease: 7}}, x: {"2": {lease: 8}}}}'
	export JOBQ_URL='exec:./q?adapter=./a&mode=fast'
	jobq-push --name a >pushed
	jobq-claim -n 1 >claimed
	json '.lease.seconds == 7' <claimed
	jobq-doctor >doctor || true
	has "$(<doctor)" 'leases of 7 s are renewed' 'cannot do priority'
	lacks "$(<doctor)" speed
	JOBQ_URL+='&x=2'
	jobq-doctor >doctor || true
	has "$(<doctor)" 'leases of 8 s are renewed'
	export JOBQ_URL='exec:./q?adapter=./a'
	jobq-doctor >doctor || true
	has "$(<doctor)" 'leases are not renewed' 'cannot do speed: it is slow' \
		'cannot do priority'
}

@test "adapter: a member that is wrong is named" {
	local members word
	while read -r word members; do
		make_adapter "{parameters: {mode: \"x\"}} + $members"
		JOBQ_URL='exec:./q?adapter=./a' run_apart jobq-push </dev/null
		same 2 "$status"
		has "$stderr" adapter.json "\"$word\" must be"
	done <<-'END'
		when {when: []}
		when {when: {mode: 1}}
		when {when: {mode: {x: 1}}}
		when {when: {nosuch: {x: {}}}}
		lease {when: {mode: {x: {lease: "1"}}}}
		cannot {when: {mode: {x: {cannot: [1]}}}}
		worker {worker: "1"}
		lease {lease: 0}
		parameters {parameters: {"A": "x"}}
		parameters {parameters: {a: "x y"}}
	END
	# What does not hold is not looked at.
	make_adapter '{parameters: {mode: "x"}, when: {mode: {y: 1}}}'
	JOBQ_URL='exec:./q?adapter=./a' jobq-push </dev/null
}

@test "adapter: a worker's name is measured in characters" {
	make_adapter '{worker: 5}'
	export JOBQ_URL='exec:./q?adapter=./a'
	jobq-push --name a >pushed
	run_apart jobq-claim -n 1 --worker 'ééééé6'
	same '2 ' "$status $stdout"
	has "$stderr" 'ééééé6' '6 characters' 'place for 5' --worker
	run_apart jobq-claim --ring 1 --worker 123456 </dev/null
	same 2 "$status"
	jobq-claim -n 1 --worker 'ééééé' >claimed
	json '.lease.worker == "ééééé"' <claimed
}

@test "adapter: where leases are not renewed nothing is measured by an hour" {
	make_adapter '{renews: false, lease: 3600}'
	export JOBQ_URL='exec:./q?adapter=./a'
	printf '{"name":"a","run_at":"%s"}\n' \
		"$(date -u -d '+100 seconds' +%FT%TZ)" | jobq-push >pushed
	run_apart timeout 20 jobq-work --until-empty -- true
	same '0 ' "$status $stdout"
}

# A base whose check includes another text, and adapters of it.
@test "adapter: a text that an adapter has not is that of its base" {
	mkdir -p a/mine a/theirs a/deep
	cat >a/theirs/adapter.json <<-'END'
		{"driver":"sqlite","fencing":"none","version":1,
		"verbs":["init","list","claim","settle","check"],
		"reads":["list","check"],"hints":[],"cannot":[]}
	END
	cp "$TOP"/share/adapters/sqlite/{init,open,open.read}.sql a/theirs/
	printf -- '-- include line.sql\n' >a/theirs/check.sql
	printf '%s' "SELECT '{\"check\":\"x\",\"ok\":true,\"text\":\"theirs\"}'" \
		>a/theirs/line.sql
	jq '. + {base: "theirs"}' a/theirs/adapter.json >a/mine/adapter.json
	jq '. + {base: "mine"}' a/theirs/adapter.json >a/deep/adapter.json
	checked() { # ADAPTER
		storecall "sqlite:./q.db?adapter=$1" check <<<'{}' |
			jq -r .text
	}
	storecall 'sqlite:./q.db?adapter=./a/theirs' init <<<'{}'
	same theirs "$(checked ./a/theirs)"
	same theirs "$(checked ./a/deep)"
	# An include of the base's text is looked for in the adapter first.
	sed 's/theirs/mine/' a/theirs/line.sql >a/mine/line.sql
	same mine "$(checked ./a/mine)"
	same mine "$(checked ./a/deep)"
	same theirs "$(checked ./a/theirs)"
	# A base that is not beside it is found as a URL's is.
	mkdir -p elsewhere/mine
	mv a/mine/* elsewhere/mine/
	rmdir a/mine
	export JOBQ_ADAPTER_PATH=$PWD/elsewhere:$PWD/a
	same mine "$(checked ./a/deep)"
}

@test "adapter: a base that is none is said" {
	local members word
	while IFS='|' read -r members word; do
		make_adapter "$members"
		JOBQ_URL='exec:./q?adapter=./a' run_apart jobq-push </dev/null
		same 2 "$status"
		has "$stderr" "$word"
	done <<-'END'
		{base: 1}|"base" must be the name of an adapter
		{base: "../a"}|"base" must be the name of an adapter
		{base: ""}|"base" must be the name of an adapter
		{base: "no-such"}|there is no adapter 'no-such'
		{base: "sqlite"}|its base 'sqlite' is for the driver 'sqlite'
		{base: "a"}|bases are too deep
	END
}
