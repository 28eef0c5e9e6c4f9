/*
 * What a thread of the pool does with what it has taken: one call, or several
 * pushes, which become one request.
 */
#ifndef JOBQ_SERVE_POOL_MAKE_H
#define JOBQ_SERVE_POOL_MAKE_H

#include "pool.h"

/* Why a call was not made. */
#define JOBQ_POOL_BUSY "the store was too busy to do it in time"

/* Fills status, err and answer of each, whose grouping is the caller's. */
void jobq_pool_make(struct jobq_store *store, struct jobq_pool_call *calls);

#endif
