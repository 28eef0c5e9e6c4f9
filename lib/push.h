/*
 * Job lines on their way into a store, and what is printed of them.
 */
#ifndef JOBQ_PUSH_H
#define JOBQ_PUSH_H

#include "batch.h"
#include "buf.h"
#include "command.h"
#include "follow.h"
#include "ids.h"
#include "job.h"
#include "line.h"
#include "overlay.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>

/* Cleared to zero, then batch, out, command and source are the caller's. */
struct jobq_push {
	struct jobq_command *command;
	const char *source;	  /* of lines, in messages: "stdin" */
	struct jobq_store *store; /* NULL: nothing is written */
	bool wait;		  /* print events at the end, not the jobs */
	struct jobq_overlay defaults; /* for lines that lack members */
	struct jobq_batch batch;
	struct jobq_writer out;
	struct jobq_job job;
	struct jobq_buf line;
	struct jobq_ids ids; /* of all that was pushed, with wait */
	size_t answers;
	bool stopped; /* by a line the store refused, with --strict */
};

void jobq_push_release(struct jobq_push *push);

/*
 * A line that was scanned into push->job.members: into the batch, which is
 * sent when it is full, or through to the output when it is an event.
 * JOBQ_INVALID: a bad job, for the caller to report unless push->stopped.
 */
enum jobq_status jobq_push_line(struct jobq_push *push, struct jobq_span line,
    unsigned long number, struct jobq_err *err);

/* Sends what is gathered and prints the jobs as the store has them. */
enum jobq_status jobq_push_send(struct jobq_push *push, struct jobq_err *err);

/*
 * Prints what happens to the jobs that were pushed until all have ended:
 * JOBQ_EMPTY when one of them did not complete.
 */
enum jobq_status jobq_push_wait(struct jobq_push *push, struct jobq_err *err);

#endif
