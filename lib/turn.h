/*
 * The turnstile of a store that is a file: writers queue on a blocking
 * flock() of FILE.turn, which serves them in order, before they ask the
 * library for its lock (busy handlers sleep and starve; a queue does not).
 * The same file is the doorbell: a writer that gave others a reason to look
 * writes a byte into it, and inotify wakes who listens. Linux only.
 */
#ifndef JOBQ_TURN_H
#define JOBQ_TURN_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_turn {
	char *path;
	int fd;	    /* -1: not opened yet */
	int listen; /* inotify; -1: nobody asked */
};

/* Nothing is opened; file is the store's own path. */
void jobq_turn_init(struct jobq_turn *turn, const char *file);
void jobq_turn_release(struct jobq_turn *turn);

/*
 * Waits for the turn until deadline (CLOCK_MONOTONIC, ms); makes the file
 * (mode 0600) when it is not there. JOBQ_AGAIN: others held it all the time.
 */
enum jobq_status jobq_turn_take(
    struct jobq_turn *turn, int64_t deadline, struct jobq_err *err);
void jobq_turn_give(struct jobq_turn *turn);

/* Rings for all who listen; only while the turn is held. */
void jobq_turn_ring(struct jobq_turn *turn);

/*
 * A descriptor that is readable after a ring, or -1 when there is no file to
 * listen at yet or the system has no inotify left. heard() empties it.
 */
int jobq_turn_listen(struct jobq_turn *turn);
void jobq_turn_heard(struct jobq_turn *turn);

#endif
