/*
 * What is executed for a job: the program and its arguments, in each of the
 * ways that the command line has for them.
 */
#ifndef JOBQ_RUN_CALL_H
#define JOBQ_RUN_CALL_H

#include "job.h"
#include "run.h"
#include "status.h"

struct jobq_call;

/*
 * By the options argv_file, dir and command. JOBQ_CONFIG: there is no such
 * command, program or folder.
 */
enum jobq_status jobq_call_open(struct jobq_call **call,
    const struct jobq_run_options *options, struct jobq_err *err);
void jobq_call_close(struct jobq_call *call);

/*
 * Finds the path and the NULL-terminated arguments; id is the job's own or
 * the one it was given. Both live until the next fill. JOBQ_INVALID is the
 * job's fault.
 */
enum jobq_status jobq_call_fill(struct jobq_call *call,
    const struct jobq_job *job, const char *id, const char **path, char ***argv,
    struct jobq_err *err);

/* The first placeholder of the command, without its braces, or NULL. */
const char *jobq_call_placeholder(const struct jobq_call *call, size_t *len);

/* Whether each job has a program of its own. */
bool jobq_call_differs(const struct jobq_call *call);

#endif
