# Completions of jobq for bash, written by completions/generate.

_jobq_verbs='admin cancel claim doctor fetch lines list poll push report retry run serve watch work help'

_jobq_options() {
	case $1 in
	jobq) echo '--verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-admin) echo '--older-than --limit -n --dry-run --table --id --state --pending --running --completed --failed --input --queue --name --priority --run-at --attempts --worker --epoch --started-at --finished-at --error --output --updated-at --id-type --max-attempts --lease -l --into --force --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-cancel) echo '--reason -r --dry-run --yes -y --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-claim) echo '--limit -n --follow -f --ring --ahead --until-empty --until-done --max-jobs --for --queue -Q --flow --lease -l --interval --store-retry --ready --backoff --log-polls --worker --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-doctor) echo '--format --json --table --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-fetch) echo '--ttl --timeout --retries --backoff --token-file --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-lines) echo '--null -0 --as --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-list) echo '--state -s --queue -Q --name -N --flow --key -k --older-than --stuck --stats --limit -n --format --json --table --local --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-poll) echo '--limit -n --queue -Q --follow -f --interval --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-push) echo '--name -N --input -i --repeat --queue -Q --key -k --flow --in --run-at --priority -p --max-attempts --timeout --needs --wait -w --dry-run --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-report) echo '--dry-run --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-retry) echo '--dry-run --yes -y --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-run) echo '--jobs -j --retries --backoff --resume --one --unclaimed --argv --dir --timeout --grace --stdin --result --output-limit --line-events --pipe-wait --permanent --clean-env --halt --joblog --output-dir --output-log --log-jobs --log-started --log-ended --log-completed --env-from --post --header --token-file --body --result-map --wrap --unwrap --coprocess --depth --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-serve) echo '--listen --health --health-only --open --read-only --token-file --allow-host --history --max-watchers --tool --jobs -j --post-token-file --argv --dir --timeout --grace --stdin --result --output-limit --line-events --pipe-wait --permanent --clean-env --joblog --output-dir --output-log --log-jobs --log-started --log-ended --log-completed --env-from --post --header --body --result-map --wrap --unwrap --coprocess --depth --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-watch) echo '--since --flow --no-follow --interval --json --no-progress --store -S --strict --max-line --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	jobq-work) echo '--jobs -j --ahead --until-empty --until-done --max-jobs --for --queue -Q --flow --lease -l --interval --store-retry --worker --ready --fetch --backoff --log-polls --events --health --health-store --health-live --health-ready --health-unready --shutdown --lock --print --argv --dir --timeout --grace --stdin --result --output-limit --line-events --pipe-wait --permanent --clean-env --halt --joblog --output-dir --output-log --log-jobs --log-started --log-ended --log-completed --env-from --post --header --token-file --body --result-map --wrap --unwrap --coprocess --depth --store -S --verbose -v --quiet -q --log-level --log-format --log-file --log-stderr --log-name --log-rotate --log-keep --color --no-input --help -h --version' ;;
	esac
}

# What an option's value can be, where that is a list of words.
_jobq_values() {
	case $1:$2 in
	jobq:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq:--log-format) echo 'plain text json' ;;
	jobq:--log-stderr) echo 'auto always' ;;
	jobq:--color) echo 'auto always never' ;;
	jobq-admin:--id-type) echo 'number uuid text' ;;
	jobq-admin:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-admin:--log-format) echo 'plain text json' ;;
	jobq-admin:--log-stderr) echo 'auto always' ;;
	jobq-admin:--color) echo 'auto always never' ;;
	jobq-cancel:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-cancel:--log-format) echo 'plain text json' ;;
	jobq-cancel:--log-stderr) echo 'auto always' ;;
	jobq-cancel:--color) echo 'auto always never' ;;
	jobq-claim:--ahead) echo 'auto N' ;;
	jobq-claim:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-claim:--log-format) echo 'plain text json' ;;
	jobq-claim:--log-stderr) echo 'auto always' ;;
	jobq-claim:--color) echo 'auto always never' ;;
	jobq-doctor:--format) echo 'table lines' ;;
	jobq-doctor:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-doctor:--log-format) echo 'plain text json' ;;
	jobq-doctor:--log-stderr) echo 'auto always' ;;
	jobq-doctor:--color) echo 'auto always never' ;;
	jobq-fetch:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-fetch:--log-format) echo 'plain text json' ;;
	jobq-fetch:--log-stderr) echo 'auto always' ;;
	jobq-fetch:--color) echo 'auto always never' ;;
	jobq-lines:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-lines:--log-format) echo 'plain text json' ;;
	jobq-lines:--log-stderr) echo 'auto always' ;;
	jobq-lines:--color) echo 'auto always never' ;;
	jobq-list:--state | jobq-list:-s) echo 'blocked pending running completed failed cancelled' ;;
	jobq-list:--format) echo 'table lines prometheus' ;;
	jobq-list:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-list:--log-format) echo 'plain text json' ;;
	jobq-list:--log-stderr) echo 'auto always' ;;
	jobq-list:--color) echo 'auto always never' ;;
	jobq-poll:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-poll:--log-format) echo 'plain text json' ;;
	jobq-poll:--log-stderr) echo 'auto always' ;;
	jobq-poll:--color) echo 'auto always never' ;;
	jobq-push:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-push:--log-format) echo 'plain text json' ;;
	jobq-push:--log-stderr) echo 'auto always' ;;
	jobq-push:--color) echo 'auto always never' ;;
	jobq-report:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-report:--log-format) echo 'plain text json' ;;
	jobq-report:--log-stderr) echo 'auto always' ;;
	jobq-report:--color) echo 'auto always never' ;;
	jobq-retry:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-retry:--log-format) echo 'plain text json' ;;
	jobq-retry:--log-stderr) echo 'auto always' ;;
	jobq-retry:--color) echo 'auto always never' ;;
	jobq-run:--stdin) echo 'input job none' ;;
	jobq-run:--result) echo 'auto text json none' ;;
	jobq-run:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-run:--log-format) echo 'plain text json' ;;
	jobq-run:--log-stderr) echo 'auto always' ;;
	jobq-run:--color) echo 'auto always never' ;;
	jobq-serve:--listen) echo 'ADDR:PORT unix:PATH' ;;
	jobq-serve:--health) echo 'ADDR:PORT unix:PATH' ;;
	jobq-serve:--stdin) echo 'input job none' ;;
	jobq-serve:--result) echo 'auto text json none' ;;
	jobq-serve:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-serve:--log-format) echo 'plain text json' ;;
	jobq-serve:--log-stderr) echo 'auto always' ;;
	jobq-serve:--color) echo 'auto always never' ;;
	jobq-watch:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-watch:--log-format) echo 'plain text json' ;;
	jobq-watch:--log-stderr) echo 'auto always' ;;
	jobq-watch:--color) echo 'auto always never' ;;
	jobq-work:--ahead) echo 'auto N' ;;
	jobq-work:--health) echo 'ADDR:PORT unix:PATH' ;;
	jobq-work:--stdin) echo 'input job none' ;;
	jobq-work:--result) echo 'auto text json none' ;;
	jobq-work:--log-level) echo 'DEBUG INFO WARNING ERROR CRITICAL' ;;
	jobq-work:--log-format) echo 'plain text json' ;;
	jobq-work:--log-stderr) echo 'auto always' ;;
	jobq-work:--color) echo 'auto always never' ;;
	esac
}

_jobq() {
	local command=${COMP_WORDS[0]##*/} first=1 i words=
	local now=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [[ $command == jobq ]]; then
		if ((COMP_CWORD == 1)) && [[ $now != -* ]]; then
			words=$_jobq_verbs
		elif ((COMP_CWORD == 2)) && [[ $before == help ]]; then
			words=$_jobq_verbs
		elif [[ ${COMP_WORDS[1]} != -* ]]; then
			command=jobq-${COMP_WORDS[1]}
			first=2
		fi
	fi
	for ((i = first; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -- ]] || return
	done
	# "--color=au" comes as three words.
	if [[ $now == = ]]; then
		now=
	elif [[ $before == = ]] && ((COMP_CWORD > first)); then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	[[ -n $words ]] || words=$(_jobq_values "$command" "$before")
	if [[ -z $words && $now == -* ]]; then
		words=$(_jobq_options "$command")
	fi
	[[ -n $words ]] || return
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$now")
}

complete -o default -F _jobq jobq jobq-admin jobq-cancel jobq-claim jobq-doctor jobq-fetch jobq-lines jobq-list jobq-poll jobq-push jobq-report jobq-retry jobq-run jobq-serve jobq-watch jobq-work
