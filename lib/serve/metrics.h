/*
 * What is counted of the calls of the store that pass through this server,
 * and told at /metrics. All calls are on the loop.
 *
 * What a store counts itself (jobs by state, the oldest age) it is asked for,
 * and that holds for all who use it. Counters hold for this server alone,
 * since its start: of several servers on one store the sum is what went
 * through them, and what commands beside them do is in none.
 */
#ifndef JOBQ_SERVE_METRICS_H
#define JOBQ_SERVE_METRICS_H

#include "buf.h"
#include "pool.h"

#include <stdint.h>

struct jobq_metrics;

struct jobq_metrics *jobq_metrics_new(void);
void jobq_metrics_free(struct jobq_metrics *metrics);

/* Counts a call that is done. */
void jobq_metrics_seen(
    struct jobq_metrics *metrics, const struct jobq_pool_call *call);

/*
 * Adds what was counted, in the text format 0.0.4 of Prometheus; store is the
 * word for the store in labels.
 */
void jobq_metrics_put(const struct jobq_metrics *metrics, const char *store,
    struct jobq_buf *out);

#endif
