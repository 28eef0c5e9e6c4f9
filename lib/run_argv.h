/*
 * --argv: a jq program makes the whole command of a job of its line.
 */
#ifndef JOBQ_RUN_ARGV_H
#define JOBQ_RUN_ARGV_H

#include "job.h"
#include "status.h"

struct jobq_argv;

/* JOBQ_CONFIG: there is no such program, or it is not one of jq. */
enum jobq_status jobq_argv_open(
    struct jobq_argv **made, const char *file, struct jobq_err *err);
void jobq_argv_close(struct jobq_argv *made);

/*
 * Runs it on the job's line. The path, found as execvp() does, and the
 * NULL-terminated arguments belong to made and live until the next fill.
 * JOBQ_INVALID is the job's fault; the text begins with a stable word:
 * argv_failed (jq's own error), bad_argument (no array of strings, one with
 * a NUL), no_program (the first one cannot be executed).
 */
enum jobq_status jobq_argv_fill(struct jobq_argv *made,
    const struct jobq_job *job, const char **path, char ***argv,
    struct jobq_err *err);

#endif
