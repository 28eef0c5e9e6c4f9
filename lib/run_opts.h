/*
 * The options of jobq-run that jobq-work has, too, because they mean the same
 * for jobs of a store: one table, so that the two commands cannot differ.
 * What they say is in one object, for a process has one command line.
 */
#ifndef JOBQ_RUN_OPTS_H
#define JOBQ_RUN_OPTS_H

#include "command.h"
#include "opt.h"
#include "run.h"
#include "run_parse.h"
#include "words.h"

struct jobq_run_given {
	struct jobq_run_options run;
	struct jobq_run_words words;
	struct jobq_list headers;
};

/* What the options fill in; at their defaults before. */
extern struct jobq_run_given jobq_run_given;

extern const struct jobq_opt jobq_run_opts[];

/*
 * Copies the table, its end included, less the options of a NULL-terminated
 * list of names, for a command that has others of these names or no use for
 * them.
 */
void jobq_run_opts_without(
    const char *const *names, struct jobq_opt *out, size_t room);

/*
 * Takes over what the options and operands of a command say, and checks it
 * as a whole; misuse ends the process. Secrets are wiped from the arguments,
 * with a warning. Whether there were any.
 */
bool jobq_run_opts_take(const struct jobq_command *command);

/*
 * Adds those options of the table that are not at their defaults, as a
 * command line has them.
 */
void jobq_run_opts_words(struct jobq_words *words);

#endif
