/*
 * Waiting longer after each failure: 1 s doubling to 30 s unless told
 * otherwise, each wait spread by ±10 % so that many clients do not return
 * at the same moment, unless it is to be exact.
 */
#ifndef JOBQ_BACKOFF_H
#define JOBQ_BACKOFF_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_backoff {
	int64_t first_ms;
	int64_t most_ms;
	int64_t next_ms; /* 0: no failure yet */
	bool exact;
};

#define JOBQ_BACKOFF_INIT             \
	{                             \
		1000, 30000, 0, false \
	}

/* How long to wait after one more failure, in ms. */
int64_t jobq_backoff_fail(struct jobq_backoff *backoff);

/*
 * Whether the next failure is the first since it worked: people are told of
 * that, and of those that follow only when they ask for more.
 */
bool jobq_backoff_fresh(const struct jobq_backoff *backoff);

/* It worked: the next failure waits first_ms again. */
void jobq_backoff_reset(struct jobq_backoff *backoff);

/*
 * Reads "1s..30s", or one duration for both, as an option has it. What is
 * wrong is JOBQ_CONFIG or JOBQ_INVALID and names the text.
 */
enum jobq_status jobq_backoff_parse(const char *text, int64_t *first_ms,
    int64_t *most_ms, struct jobq_err *err);

#endif
