/*
 * The command lines and environments of the stages.
 */
#ifndef JOBQ_WORK_ARGS_H
#define JOBQ_WORK_ARGS_H

#include "words.h"
#include "work.h"

/* How a circle ends, where that is not as the options say. */
struct jobq_work_end {
	bool until_empty;
	int64_t for_ms, max_jobs; /* JOBQ_NOT_GIVEN: no such end */
	uint64_t failed; /* jobs that --halt need not wait for any more */
};

/*
 * What stands behind "jobq-claim", "jobq-run" and "jobq-fetch". The job log is
 * appended to, for circles come and go, and so do workers.
 */
void jobq_work_claim_args(struct jobq_words *words,
    const struct jobq_work_options *options, const struct jobq_work_end *end);
void jobq_work_run_args(struct jobq_words *words,
    const struct jobq_work_options *options, const struct jobq_work_end *end);
void jobq_work_fetch_args(
    struct jobq_words *words, const struct jobq_work_options *options);

/*
 * The environments: what this process has less what its supervisor gave to
 * it; claim gets the store of --store as JOBQ_URL, where no other user can
 * read it; run and fetch get nothing of the store's.
 */
void jobq_work_claim_env(
    struct jobq_words *words, const struct jobq_work_options *options);
void jobq_work_run_env(struct jobq_words *words);

/* For how long a lease holds: given, the adapter's own, or 30 s. */
int64_t jobq_work_lease_ms(const struct jobq_work_options *options);

#endif
