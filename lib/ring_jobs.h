/*
 * The jobs that are outstanding in a ring: handed to the runner and not
 * settled yet. There are never more than a thousand and a few, so they stand
 * in a plain array.
 */
#ifndef JOBQ_RING_JOBS_H
#define JOBQ_RING_JOBS_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_ring_job {
	char *id;
	int64_t epoch;
	int64_t heard_ms;   /* a line about it, or an alive that names it */
	int64_t started_ms; /* 0: not yet */
	bool ending;	    /* its ending is in the batch */
	bool stopped;	    /* a stop has been written */
};

struct jobq_ring_jobs {
	struct jobq_ring_job *job;
	size_t count;
	size_t cap;
	/* When a job was last seen to last 100 ms, 10 ms; 0: never. */
	int64_t long_ms, not_brief_ms;
	bool any_ended;
};

void jobq_ring_jobs_release(struct jobq_ring_jobs *jobs);

void jobq_ring_jobs_add(
    struct jobq_ring_jobs *jobs, const char *id, int64_t epoch, int64_t now);

/* NULL when this run of the job is not outstanding. */
struct jobq_ring_job *jobq_ring_jobs_find(
    struct jobq_ring_jobs *jobs, const char *id, int64_t epoch);

/* Its ending is in the batch. */
void jobq_ring_jobs_end(
    struct jobq_ring_jobs *jobs, struct jobq_ring_job *job, int64_t now);

/* Frees its place. */
void jobq_ring_jobs_remove(
    struct jobq_ring_jobs *jobs, struct jobq_ring_job *job, int64_t now);

/* Those whose ending is not in the batch. */
size_t jobq_ring_jobs_busy(const struct jobq_ring_jobs *jobs);

/* An alive's [[id, epoch], ...]: all that it names were heard of. */
void jobq_ring_jobs_heard(
    struct jobq_ring_jobs *jobs, struct jobq_span list, int64_t now);

/*
 * How many jobs may wait in the runner, so that no place is empty during a
 * commit: none while a job lasts 100 ms or one that did has ended lately, 2
 * otherwise; 4 once jobs have ended and none has lately lasted 10 ms, for
 * then more than two end during a commit.
 */
int64_t jobq_ring_jobs_ahead(struct jobq_ring_jobs *jobs, int64_t now);

#endif
