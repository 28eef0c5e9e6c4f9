/*
 * The target of a request, taken apart: its path, and its query as the texts
 * name=value, each with a NUL behind it. head.c has checked it; a NUL can
 * stand in neither.
 */
#ifndef JOBQ_SERVE_TARGET_H
#define JOBQ_SERVE_TARGET_H

#include "buf.h"
#include "json.h"

/* Adds both, decoded; in a query a plus is a space, as forms write it. */
void jobq_target_read(
    struct jobq_span target, struct jobq_buf *path, struct jobq_buf *query);

/* The value of the first parameter of that name, or NULL. */
const char *jobq_target_find(const struct jobq_buf *query, const char *name);

#endif
