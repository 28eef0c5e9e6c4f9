/*
 * Settling: a batch of events into the store, with the promise that every
 * ending gets an answer, also one the store will not take.
 */
#ifndef JOBQ_SETTLE_H
#define JOBQ_SETTLE_H

#include "batch.h"
#include "event.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether an event is to be settled: one of a run that has not been answered
 * yet. Others (stop, idle, gap, what has "settled" or "lost") pass by.
 */
bool jobq_settle_wants(const struct jobq_event *event);

/*
 * Settles the batch; each event comes back to line() with what the store
 * says. One that the store refuses as INVALID comes back as "refused", and
 * when it is an ending its job is failed with a plain reason instead, for it
 * would run for ever otherwise (that answer comes as a line too).
 */
enum jobq_status jobq_settle_batch(struct jobq_batch *batch,
    struct jobq_store *store, int64_t deadline_ms, jobq_line_fn *line,
    void *context, struct jobq_err *err);

#endif
