/*
 * Which jobs a list is to have, as a request to a store.
 */
#ifndef JOBQ_FILTER_H
#define JOBQ_FILTER_H

#include "buf.h"
#include "opt.h"

#include <stdbool.h>
#include <stdint.h>

/* What is NULL, below 0 or empty does not narrow the list. */
struct jobq_filter {
	const char *state, *name, *flow, *key;
	struct jobq_list queues;
	int64_t older_ms; /* pushed at least so long ago */
	int64_t stuck_ms; /* unfinished, and nothing heard for so long */
};

#define JOBQ_FILTER_INIT                       \
	{                                      \
		.older_ms = -1, .stuck_ms = -1 \
	}

/* Whether it narrows by anything but the queue. */
bool jobq_filter_narrows(const struct jobq_filter *filter);

/*
 * Adds the request without its closing brace, for the verb list (which is
 * told the index to walk) or, with only the queues, for stats.
 */
void jobq_filter_put(const struct jobq_filter *filter, struct jobq_buf *out);
void jobq_filter_put_queues(
    const struct jobq_filter *filter, struct jobq_buf *out);

#endif
