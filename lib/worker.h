/*
 * The name under which a process claims: host:pid:random, so that no two are
 * ever the same and people see where a job runs.
 */
#ifndef JOBQ_WORKER_H
#define JOBQ_WORKER_H

/* A copy of given, or a new name when it is NULL; the caller frees it. */
char *jobq_worker_name(const char *given);

#endif
