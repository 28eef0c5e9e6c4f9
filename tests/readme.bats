#!/usr/bin/env bats
# That README.md and the pages tell the truth: what they show is run.

load support/common

# blocks: the n-th ```sh block of README.md goes to n.sh, and the ```text block
# that follows it to n.shown, which is empty when there is none.
blocks() {
	awk '
	/^```sh$/ { into = sprintf("%02d.sh", ++n)
		printf "" >sprintf("%02d.shown", n); next }
	/^```text$/ { into = sprintf("%02d.shown", n); next }
	/^```$/ { close(into); into = ""; next }
	into { print >into }' "$TOP/README.md"
}

# shown EXPECTED GOT: whether two files are the same, "…" being any text.
shown() {
	local line pattern n=0 got
	mapfile -t got <"$2"
	while IFS= read -r line; do
		pattern=$(sed 's/[][\.*^$+?(){}|]/\\&/g; s/…/.*/g' <<<"$line")
		[[ ${got[n]-} =~ ^$pattern$ ]] || break
		((++n))
	done <"$1"
	((n == $(wc -l <"$1") && n == ${#got[@]})) && return
	diff -u --label "$1" --label "$2" "$1" "$2"
	return 1
}

@test "readme: its commands, run in order, print what it shows" {
	blocks
	set -- *.sh
	(($# > 5))
	mkdir empty
	cat >all <<-'EOF'
	cd empty
	for block in ../*.sh; do
		. "$block" >"${block%.sh}.got" 2>>../said
	done
	EOF
	unset JOBQ_URL
	timeout 100 bash all 3>&- </dev/null
	for block; do
		shown "${block%.sh}.shown" "${block%.sh}.got"
	done
	grep -vE '^jobq-[a-z]*: (stopping|retried|cancelled|paused|resumed)' \
		said >others || same 1 $?
	same "" "$(<others)"
}

@test "readme: the table of commands is what is built" {
	sed -n 's/^| `\(jobq[a-z-]*\)` |.*/\1/p' "$TOP/README.md" | sort >told
	for path in "$JOBQ_BUILD"/bin/jobq*; do
		echo "${path##*/}"
	done | sort >built
	same "$(<built)" "$(<told)"
}

# table: the rows between the markers of README.md.
table() {
	sed -n '/^<!-- features/,/^<!-- end/p' "$TOP/README.md" | grep '^|'
}

@test "readme: the table of features has those of the suite, by store" {
	grep -ohE "feature '[^']+'" "$TOP"/tests/support/conformance.bats |
		sed "s/feature '\(.*\)'/\1/" | awk '!seen[$0]++' >asked
	table | sed 1,2d | sed 's/^| \([^|]*\) |.*/\1/' >told
	[ -s told ]
	same "$(<asked)" "$(<told)"
	same "| | $(awk '{ printf "%s%s", sep, $1; sep = " | " }' \
		"$TOP/tests/support/stores") |" "$(table | head -n 1)"
}

@test "readme: what it links to is there" {
	grep -oE '\]\([^)#:]+\)' "$TOP/README.md" | tr -d '])(' >links
	[ -s links ]
	while read -r link; do
		[ -e "$TOP/$link" ]
	done <links
}

# examples PAGE: its "$ " examples, the n-th command in n.sh, what follows it
# in n.shown. A command goes on in lines that begin with "> ".
examples() {
	mandoc -T ascii -O width=500 "$1" | col -bx |
		awk '/^[A-Z]/ { shown = $0 == "EXAMPLES" } shown' | awk '
		function begin() {
			name = sprintf("%02d", ++n)
			printf "" >name ".sh"
			printf "" >name ".shown"
		}
		!NF { open = 0 }
		/^ +\$ / { sub(/^ +\$ /, ""); begin(); open = 1
			print >name ".sh"; next }
		open && /^ +> / { sub(/^ +> /, ""); print >name ".sh"; next }
		open { sub(/^ +/, ""); print >name ".shown" }'
}

@test "readme: the examples of pages that show their output print it" {
	local count=0
	for page in "$TOP"/man/*.[1-8]; do
		rm -f ./*.sh
		examples "$page"
		for block in *.sh; do
			[ -e "$block" ] || continue
			echo "${page##*/}: $(<"$block")"
			timeout 20 bash "$block" >"${block%.sh}.got" 2>&1 </dev/null
			shown "${block%.sh}.shown" "${block%.sh}.got"
			((++count))
		done
	done
	((count > 1))
}
