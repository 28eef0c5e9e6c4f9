/*
 * The ring, made and watched: jobq-claim and jobq-run with a pipe each way,
 * jobq-fetch between them if wanted, built anew when one of them dies. How it
 * goes on is told at the top of work.c, its rules in jobq-work(1).
 */
#ifndef JOBQ_WORK_H
#define JOBQ_WORK_H

#include "buf.h"
#include "health.h"
#include "opt.h"
#include "run.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

#define JOBQ_NOT_GIVEN ((int64_t)-2) /* the stage's own default holds */

struct jobq_work_options {
	/* Of jobq-claim; texts may be NULL. */
	int64_t places;
	int64_t max_jobs, for_ms; /* or JOBQ_NOT_GIVEN, as all numbers below */
	int64_t lease_ms, interval_ms, retry_ms;
	bool until_empty, until_done;
	const char *ahead, *flow, *worker;
	const char *ready, *backoff;
	const char *fetch; /* of jobq-fetch: its URL; NULL: no such stage */
	bool log_polls;
	const char *store_url; /* of --store */
	struct jobq_list queues;

	/* Of jobq-run, which gets them as run_opts.h has them. */
	const struct jobq_run_options *run;

	bool events;	     /* what the runner prints, on stdout, too */
	int64_t shutdown_ms; /* JOBQ_NOT_GIVEN: a stop is not bounded */
	struct jobq_health_options health;
};

/*
 * Works until the circle has come to its end, a signal asked for it, or it
 * cannot be kept. JOBQ_OK; JOBQ_EMPTY when some job's state became failed;
 * JOBQ_CONFIG when a stage refused what it was given, and has said so itself
 * (err is empty); JOBQ_AGAIN after five deaths within a minute, or when a
 * stop left jobs to their leases; JOBQ_IO when stdout could not be written
 * (err is empty when only its reader is gone).
 */
enum jobq_status jobq_work(
    const struct jobq_work_options *options, struct jobq_err *err);

/* Adds the shell script that does the same. */
enum jobq_status jobq_work_script(const struct jobq_work_options *options,
    struct jobq_buf *out, struct jobq_err *err);

#endif
