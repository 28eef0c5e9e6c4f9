/*
 * How many jobs of which state each queue has, as a store counts them: a
 * table with a last row of totals, or the text format of Prometheus.
 */
#ifndef JOBQ_STATS_H
#define JOBQ_STATS_H

#include "buf.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* blocked scheduled ready running completed cancelled failed */
#define JOBQ_STATS_STATES 7

struct jobq_queue_stats {
	char *queue;
	int64_t count[JOBQ_STATS_STATES];
	double oldest_ready_s; /* of the jobs that are ready; -1: none */
	int64_t claimed_ms;    /* wall clock; -1: no worker ever asked */
	int64_t paused_ms;     /* wall clock; -1: it is not paused */
};

struct jobq_stats {
	struct jobq_queue_stats *queue;
	size_t count;
	size_t cap;
};

/* Takes a line of the store's answer, scanned. */
void jobq_stats_take(
    struct jobq_stats *stats, const struct jobq_object *members);
void jobq_stats_release(struct jobq_stats *stats);

/* Adds a label's value: backslash, quote and newline are escaped. */
void jobq_stats_label(struct jobq_buf *out, const char *text);

/* Add the table, or the metrics, to out. */
void jobq_stats_table(const struct jobq_stats *stats, size_t screen,
    bool colour, bool local, struct jobq_buf *out);
void jobq_stats_prometheus(
    const struct jobq_stats *stats, struct jobq_buf *out);

#endif
