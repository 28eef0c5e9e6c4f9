/*
 * INT and TERM for a command that waits for one thing at a time and must not
 * be torn from its work: they are blocked and noted, the first is said, the
 * second means at once. USR1 asks what the command waits for. (Commands that
 * wait for several things use loop.h.)
 */
#ifndef JOBQ_SIGNALS_H
#define JOBQ_SIGNALS_H

#include "line.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_signals {
	int fd;
	int count; /* how many INT and TERM came */
	/* Called when the first one has come, and for each USR1; or NULL. */
	void (*noted)(void *context);
	void (*asked)(void *context);
	void *context;
};

/*
 * Blocks INT, TERM and USR1 and ignores PIPE from here on; noted, asked and
 * context stay as they are.
 */
enum jobq_status jobq_signals_open(
    struct jobq_signals *signals, struct jobq_err *err);
void jobq_signals_close(struct jobq_signals *signals);

/*
 * Waits until in is readable, or out writable, or one of them closed (-1:
 * none): JOBQ_OK; wait_ms (-1: no limit) is over: JOBQ_EMPTY; a first signal
 * came: JOBQ_AGAIN; a second one has come, now or before: JOBQ_STALE.
 */
enum jobq_status jobq_signals_wait(
    struct jobq_signals *signals, int in, int out, int64_t wait_ms);

/*
 * For a command that INT and TERM may simply end: a descriptor that becomes
 * readable when USR1 comes, or -1. heard() empties it and tells whether one
 * has come.
 */
int jobq_signals_listen(void);
bool jobq_signals_heard(int fd);

/*
 * Writes what a writer holds, a page at a time so that a reader which takes
 * nothing cannot keep signals away; up to `most` bytes may stay when they
 * would have to be waited for. JOBQ_AGAIN once two signals have come, JOBQ_IO
 * as jobq_writer_flush().
 */
enum jobq_status jobq_signals_flush(struct jobq_signals *signals,
    struct jobq_writer *writer, size_t most, struct jobq_err *err);

#endif
