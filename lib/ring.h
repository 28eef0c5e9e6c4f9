/*
 * The claiming end of the circle: at most so many jobs are outstanding as the
 * runner has places, and what comes back is settled in the transaction that
 * takes the next. How it waits is told at the top of ring.c, its rules in
 * jobq-claim(1).
 */
#ifndef JOBQ_RING_H
#define JOBQ_RING_H

#include "claim.h"
#include "command.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

#define JOBQ_RING_MAX 1000 /* places of a runner */

/* The ends a ring may have besides that of its input. */
struct jobq_ring_options {
	struct jobq_claim_options claim; /* limit: --max-jobs, -1: none */
	int64_t places;
	int64_t ahead;	/* jobs that wait in the runner; -1: auto */
	int64_t for_ms; /* -1: no limit */
	bool until_empty;
	bool until_done;
	const char *ready; /* a URL to GET before a job is taken, or NULL */
	/*
	 * Waits after errors, exact: of the store, of readiness, of jobs that
	 * fail; a job that is completed starts them anew. 0: not given.
	 */
	int64_t backoff_first_ms, backoff_most_ms;
	bool log_polls; /* each look at the store is told */
};

/*
 * Works until one of the ends. JOBQ_OK; JOBQ_EMPTY when some job's state
 * became failed; JOBQ_AGAIN when the other side went away with jobs
 * outstanding, or a second signal came.
 */
enum jobq_status jobq_ring(const struct jobq_ring_options *options,
    struct jobq_store *store, struct jobq_command *command,
    struct jobq_err *err);

#endif
