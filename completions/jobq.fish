# Completions of jobq for fish, written by completions/generate.

function __jobq_option --argument-names verb
    if test $verb = jobq
        complete -c jobq -n __fish_use_subcommand $argv[2..]
    else
        complete -c jobq-$verb $argv[2..]
        complete -c jobq -n "__fish_seen_subcommand_from $verb" $argv[2..]
    end
end

complete -c jobq -f -n '__fish_seen_subcommand_from help' -a 'lines'
complete -c jobq -f -n __fish_use_subcommand -a lines -d 'turn lines of text into job lines'
__jobq_option jobq -s v -l verbose -d 'say more; twice: even more'
__jobq_option jobq -s q -l quiet -d 'say only what is an error'
__jobq_option jobq -l log-level -xa 'DEBUG INFO WARNING ERROR CRITICAL' -d 'say what is at least DEBUG, INFO, WARNING, ERROR or CRITICAL'
__jobq_option jobq -l log-format -xa 'plain text json' -d 'plain: no time; text: with time; json: an object a line'
__jobq_option jobq -l log-file -rF -d 'add the log to FILE (-: stderr)'
__jobq_option jobq -l log-name -x -d 'the command\'s name in the log'
__jobq_option jobq -l log-rotate -x -d 'begin a new file at this size (10MiB; 0: never)'
__jobq_option jobq -l log-keep -x -d 'how many old log files stay (5)'
__jobq_option jobq -l color -xa 'auto always never' -d 'auto (on a terminal), always or never'
__jobq_option jobq -l no-input -d 'ask no questions'
__jobq_option jobq -s h -l help -d 'print this help'
__jobq_option jobq -l version -d 'print the version and the drivers found (--json: as JSON)'
__jobq_option lines -s 0 -l null -d 'lines end in NUL, as find -print0 writes them'
__jobq_option lines -l as -x -d 'where the line goes: input (the default), input.file, ...'
__jobq_option lines -l strict -d 'stop at the first bad line'
__jobq_option lines -s v -l verbose -d 'say more; twice: even more'
__jobq_option lines -s q -l quiet -d 'say only what is an error'
__jobq_option lines -l log-level -xa 'DEBUG INFO WARNING ERROR CRITICAL' -d 'say what is at least DEBUG, INFO, WARNING, ERROR or CRITICAL'
__jobq_option lines -l log-format -xa 'plain text json' -d 'plain: no time; text: with time; json: an object a line'
__jobq_option lines -l log-file -rF -d 'add the log to FILE (-: stderr)'
__jobq_option lines -l log-name -x -d 'the command\'s name in the log'
__jobq_option lines -l log-rotate -x -d 'begin a new file at this size (10MiB; 0: never)'
__jobq_option lines -l log-keep -x -d 'how many old log files stay (5)'
__jobq_option lines -l color -xa 'auto always never' -d 'auto (on a terminal), always or never'
__jobq_option lines -l no-input -d 'ask no questions'
__jobq_option lines -s h -l help -d 'print this help'
__jobq_option lines -l version -d 'print the version and the drivers found (--json: as JSON)'

functions -e __jobq_option
