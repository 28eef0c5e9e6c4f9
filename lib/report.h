/*
 * Events on their way into a store, and out again with what it says of each.
 * While the store is away the batch is kept and sent again, so nothing is
 * lost but time. Two signals end that and any other wait: the functions that
 * may wait then send what is gathered once more and return JOBQ_AGAIN. A closed
 * output does not stop settling.
 */
#ifndef JOBQ_REPORT_H
#define JOBQ_REPORT_H

#include "batch.h"
#include "event.h"
#include "json.h"
#include "line.h"
#include "signals.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a store adds to an event must fit into the next stage's line, too. */
#define JOBQ_REPORT_MAX (JOBQ_STAGE_MAX - ((size_t)64 << 10))

struct jobq_report {
	struct jobq_store *store; /* opened for the first event to settle */
	const char *url;	  /* of --store, or NULL */
	bool settles;		  /* or only passes lines on */
	struct jobq_batch batch;
	int64_t settled_ms; /* when the last one was; 0: none so far */
	struct jobq_writer out;
	bool out_closed;
	bool out_lost; /* what was to be written is lost, not unwanted */
	struct jobq_event event; /* the line at hand */
	struct jobq_signals signals;
	bool any_failed; /* some job's state became failed */
	bool opening;
};

/*
 * Takes over INT, TERM and USR1 and checks the store's URL; lines go to
 * standard output. The store itself is opened when there is something to
 * settle: in a pipeline it may be one that an earlier stage is about to make.
 * To be closed also after a failure.
 */
enum jobq_status jobq_report_open(struct jobq_report *report, const char *url,
    bool settles, struct jobq_err *err);
void jobq_report_close(struct jobq_report *report);

/*
 * A line that was scanned into report->event.members: into the batch, which
 * is sent when it is full, or through to the output, in its order.
 * JOBQ_INVALID: a bad event, for the caller to report.
 */
enum jobq_status jobq_report_line(struct jobq_report *report,
    struct jobq_span line, unsigned long number, struct jobq_err *err);

/*
 * Settles what is gathered and writes what there is to write, but for a few
 * MiB that a slow reader does not take.
 */
enum jobq_status jobq_report_send(
    struct jobq_report *report, struct jobq_err *err);

/* At the end of the input: writes all; also fails when there is no store. */
enum jobq_status jobq_report_finish(
    struct jobq_report *report, struct jobq_err *err);

/*
 * Waits until fd is readable. What is gathered is settled before that, or a
 * few milliseconds after the last commit.
 */
enum jobq_status jobq_report_wait(
    struct jobq_report *report, int fd, struct jobq_err *err);

/* Only looks for signals. */
enum jobq_status jobq_report_look(
    struct jobq_report *report, struct jobq_err *err);

#endif
