/*
 * The health of a jobq-work, told by the jobq-serve --health-only that it has
 * started for that (health.h); and with it whether the store answers, if that
 * is wanted.
 */
#ifndef JOBQ_SERVE_TOLD_H
#define JOBQ_SERVE_TOLD_H

#include "request.h"
#include "status.h"

#include <stdbool.h>

struct jobq_told;

/*
 * Takes what a jobq-work has handed over; *told is NULL when none has.
 * JOBQ_CONFIG when it is not what one hands over.
 */
enum jobq_status jobq_told_open(struct jobq_told **told, struct jobq_err *err);

/* After the pool was closed: a call of it may be under way. */
void jobq_told_free(struct jobq_told *told);

/* Whether there is to be a store to ask. */
bool jobq_told_asks_store(const struct jobq_told *told);

/* To be called about every second: asks the store. */
void jobq_told_tick(struct jobq_told *told, struct jobq_pool *pool);

/* The answers to /health/ready and /health/live. */
void jobq_told_ready(struct jobq_told *told, struct jobq_request *request);
void jobq_told_live(struct jobq_told *told, struct jobq_request *request);

#endif
