/*
 * Following what happens to jobs: the event log from a cursor on, then live.
 * A look is repeated when the store gives a hint, and at the latest after
 * interval_ms. What ends is told by the store's list, not by an event alone:
 * an ending that is replayed may have been followed by a retry.
 */
#ifndef JOBQ_FOLLOW_H
#define JOBQ_FOLLOW_H

#include "event.h"
#include "ids.h"
#include "status.h"
#include "store.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The cursor of one who wants only what happens from now on. */
#define JOBQ_FOLLOW_NOW (-1)

#define JOBQ_FOLLOW_FDS 2

struct jobq_follow_options {
	/*
	 * The jobs, by their whole ids; NULL or empty: those of the flow, or
	 * all. More than 500 are followed in groups of 500, and the events of
	 * two groups come in no order.
	 */
	const struct jobq_ids *ids;
	const char *flow;    /* or NULL; not together with ids */
	int64_t since;	     /* only events behind this cursor */
	bool replay_only;    /* what there is, no waiting */
	int64_t interval_ms; /* the longest wait between two looks */

	/*
	 * Each event or gap, in order; its line is in it. Any status but
	 * JOBQ_OK ends the following. NULL: not wanted.
	 */
	enum jobq_status (*event)(void *context, const struct jobq_event *event,
	    struct jobq_err *err);
	/*
	 * Once for each of the jobs, when it has ended: its state, or "gone"
	 * when the store has it no longer. NULL: not wanted.
	 */
	void (*ended)(void *context, const char *id, const char *state);
	/*
	 * After each look, before the wait for the next. It may shorten the
	 * wait, which is -1 at first, to be called again (a view that counts
	 * seconds). Any status but JOBQ_OK ends the following. NULL: not
	 * wanted.
	 */
	enum jobq_status (*looked)(
	    void *context, int64_t *wait_ms, struct jobq_err *err);
	/*
	 * Further descriptors to wait for, at most JOBQ_FOLLOW_FDS; when one
	 * is ready looked() is called, and finds that in its revents.
	 */
	struct pollfd *fds;
	size_t fd_count;
	/*
	 * The store is away (JOBQ_AGAIN, JOBQ_IO), seen first or once more; it
	 * is asked again in wait_ms. NULL: its being away ends the following.
	 */
	void (*away)(void *context, bool first, const struct jobq_err *err,
	    int64_t wait_ms);
	void *context;
};

/*
 * The cursor that people name: the seq of an event, "now", or nothing (NULL),
 * which is the beginning. JOBQ_CONFIG names the text.
 */
enum jobq_status jobq_follow_cursor(
    const char *text, int64_t *since, struct jobq_err *err);

/*
 * With ids: JOBQ_OK when all have ended and completed, JOBQ_EMPTY when all
 * have ended and one has failed, was cancelled or is gone. Without ids it
 * ends only by replay_only (JOBQ_OK; with ids, what has ended then decides
 * in the same way) or by a failure.
 */
enum jobq_status jobq_follow(struct jobq_store *store,
    const struct jobq_follow_options *options, struct jobq_err *err);

#endif
