/*
 * INT and TERM for a command that waits for one thing at a time and must not
 * be torn from its work: they are blocked and noted, the first is said, the
 * second means at once. (Commands that wait for several things use loop.h.)
 */
#ifndef JOBQ_SIGNALS_H
#define JOBQ_SIGNALS_H

#include "status.h"

#include <stdint.h>

struct jobq_signals {
	int fd;
	int count; /* how many came */
};

/* Blocks INT and TERM and ignores PIPE from here on. */
enum jobq_status jobq_signals_open(
    struct jobq_signals *signals, struct jobq_err *err);
void jobq_signals_close(struct jobq_signals *signals);

/*
 * Waits until fd (-1: none) is readable or closed: JOBQ_OK; wait_ms (-1: no
 * limit) is over: JOBQ_EMPTY; a first signal came: JOBQ_AGAIN; a second one
 * has come, now or before: JOBQ_STALE.
 */
enum jobq_status jobq_signals_wait(
    struct jobq_signals *signals, int fd, int64_t wait_ms);

#endif
