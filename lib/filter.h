/*
 * Which jobs a list is to have, as a request to a store.
 */
#ifndef JOBQ_FILTER_H
#define JOBQ_FILTER_H

#include "buf.h"
#include "opt.h"

#include <stdbool.h>
#include <stddef.h>
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

/* Adds the request of the verb list, without its closing brace. */
void jobq_filter_put(const struct jobq_filter *filter, struct jobq_buf *out);

/* Adds the member "queues" of a request. */
void jobq_filter_put_queues(
    const char *const *queue, size_t count, struct jobq_buf *out);

#endif
