/*
 * What clients may know of a store: members of a JSON object, each with a
 * comma before it.
 */
#ifndef JOBQ_SERVE_ABOUT_H
#define JOBQ_SERVE_ABOUT_H

#include "buf.h"
#include "store.h"

void jobq_about_put(const struct jobq_store *store, struct jobq_buf *out);

#endif
