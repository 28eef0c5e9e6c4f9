/*
 * --env-from: variables for the process of a job that its line brings along.
 *
 * Names that decide what code a program loads or runs, and those that are
 * jobq's own, are refused. As no list of them is complete, it keeps mistakes
 * from becoming worse and is no fence against whoever fills the object.
 */
#ifndef JOBQ_RUN_ENV_FROM_H
#define JOBQ_RUN_ENV_FROM_H

#include "buf.h"
#include "job.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

#define JOBQ_ENV_FROM_MAX 1000 /* variables of a job */

/* What a job brings along; reused from job to job. */
struct jobq_env_from {
	struct jobq_buf text; /* entries, each with its NUL */
	size_t at[JOBQ_ENV_FROM_MAX];
	size_t count;
};

void jobq_env_from_release(struct jobq_env_from *from);

/*
 * Takes the object at a path ("context.env", a '.' before it is allowed).
 * An entry is NAME=VALUE, or NAME for one that is to be unset. No such
 * member, or null, brings none. JOBQ_INVALID is the job's fault; the text
 * begins with the stable word bad_env and has the name.
 */
enum jobq_status jobq_env_from_take(struct jobq_env_from *from,
    const char *path, const struct jobq_job *job, struct jobq_err *err);

/* Whether one of the entries is about the variable of NAME=VALUE. */
bool jobq_env_from_has(const struct jobq_env_from *from, const char *entry);

#endif
