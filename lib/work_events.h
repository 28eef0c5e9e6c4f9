/*
 * A third stage of the circle, between run and claim: every byte goes on at
 * once, and whole lines of events are printed on stdout beside that (those
 * that say "alive" are between the stages and are not), and endings counted.
 *
 * The circle never waits for the reader of stdout: up to 8 MiB wait for it,
 * and what is more is dropped by whole lines, which is said.
 */
#ifndef JOBQ_WORK_EVENTS_H
#define JOBQ_WORK_EVENTS_H

#include "loop.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_copier;

/*
 * gone is called once, when stdout cannot be written any more: error is the
 * errno of that.
 */
struct jobq_copier *jobq_copier_new(struct jobq_loop *loop, bool print,
    void (*gone)(void *context, int error), void *context);
void jobq_copier_free(struct jobq_copier *copier);

/*
 * Begins to copy for a new circle; both descriptors are the copier's from
 * then on, and it closes both when either other side is gone.
 */
void jobq_copier_begin(struct jobq_copier *copier, int from_fd, int to_fd);

/* Whether lines wait for the reader of stdout. */
bool jobq_copier_waits(const struct jobq_copier *copier);

/* Endings that went by, other than "released", since the beginning. */
int64_t jobq_copier_endings(const struct jobq_copier *copier);

/* How many of them were "failed". */
uint64_t jobq_copier_failed(const struct jobq_copier *copier);

#endif
