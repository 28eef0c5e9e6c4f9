/*
 * The command of jobq-run with its placeholders. Each job gets the same
 * program and as many arguments as were written; no shell sees them. What
 * the placeholders are is told in jobq-run(1).
 */
#ifndef JOBQ_RUN_ARGS_H
#define JOBQ_RUN_ARGS_H

#include "job.h"
#include "status.h"

struct jobq_args;

/*
 * Takes a NULL-terminated command apart, which must live as long.
 * JOBQ_CONFIG: it is empty, or a placeholder stands in the name of the
 * program.
 */
enum jobq_status jobq_args_new(
    struct jobq_args **args, char *const *command, struct jobq_err *err);
void jobq_args_free(struct jobq_args *args);

/* The first placeholder in the command, without its braces, or NULL. */
const char *jobq_args_placeholder(const struct jobq_args *args, size_t *len);

/*
 * Fills the placeholders in; id is the job's own or the one it was given.
 * The NULL-terminated result belongs to args and lives until the next fill.
 * JOBQ_INVALID is the job's fault: a member that is missing, a value that
 * would be read as an option, a NUL; the text begins with a stable word
 * (missing_member, arg_looks_like_option, bad_argument).
 */
enum jobq_status jobq_args_fill(struct jobq_args *args,
    const struct jobq_job *job, const char *id, char ***argv,
    struct jobq_err *err);

#endif
