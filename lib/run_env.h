/*
 * The environment of a job's process: what jobq-run itself has, less what is
 * jobq's own (its store, tokens, the supervisor's sockets), or with "clean"
 * only a short list of names; what the job brings along; and the variables
 * that tell about the job.
 */
#ifndef JOBQ_RUN_ENV_H
#define JOBQ_RUN_ENV_H

#include "job.h"
#include "run_env_from.h"

#include <stdbool.h>

struct jobq_env;

/* Whether an entry NAME=VALUE is jobq's own, which no job sees. */
bool jobq_env_is_own(const char *entry);

struct jobq_env *jobq_env_new(bool clean);
void jobq_env_free(struct jobq_env *env);

/*
 * The result belongs to env and lives until the next fill, and as long as
 * from, which stands above what is inherited and below what tells about the
 * job. Without a job (NULL, as is its id) only the directory is told.
 */
char **jobq_env_fill(struct jobq_env *env, const struct jobq_job *job,
    const char *id, const char *tmpdir, const struct jobq_env_from *from);

#endif
