/*
 * An event line, read and written. The kinds and their members are told in
 * jobq-line(5). Memory as in job.h.
 */
#ifndef JOBQ_EVENT_H
#define JOBQ_EVENT_H

#include "json.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

enum jobq_event_kind {
	JOBQ_EVENT_OTHER, /* of a later version: passed on, stored as it is */
	JOBQ_EVENT_STARTED,
	JOBQ_EVENT_OUTPUT,
	JOBQ_EVENT_PROGRESS,
	JOBQ_EVENT_ALIVE,
	JOBQ_EVENT_COMPLETED,
	JOBQ_EVENT_FAILED,
	JOBQ_EVENT_CANCELLED,
	JOBQ_EVENT_RELEASED,
	JOBQ_EVENT_SNOOZED,
	JOBQ_EVENT_CANCEL,
	JOBQ_EVENT_STOP,
	JOBQ_EVENT_IDLE,
	JOBQ_EVENT_GAP,
};

struct jobq_event {
	struct jobq_span line;
	struct jobq_object members;
	struct jobq_buf text;

	enum jobq_event_kind kind;
	const char *event; /* its name */
	const char *id;	   /* NULL when absent, as are all strings */
	const char *worker;
	const char *reason;
	const char *state; /* of a settled line */
	const char *at;
	int64_t epoch; /* JOBQ_ABSENT when absent, as are all numbers */
	int64_t n;
	int64_t seq;
	int64_t retry_after_ms;
	int retry;		  /* 1, 0, or -1 when absent */
	struct jobq_span settled; /* len 0 when absent, as are all spans */
	struct jobq_span lost;
	struct jobq_span jobs;	  /* of alive */
	struct jobq_span started; /* of an answered alive that waits */
};

void jobq_event_release(struct jobq_event *event);

/* Reads a line scanned into event->members; JOBQ_INVALID as in job.h. */
enum jobq_status jobq_event_read(struct jobq_event *event, const char *line,
    size_t len, struct jobq_err *err);

const char *jobq_event_name(enum jobq_event_kind kind);

/* completed failed cancelled released snoozed */
bool jobq_event_is_ending(enum jobq_event_kind kind);

/*
 * Begins an event line in out: {"event":…,"id":…,"epoch":…,"worker":…,"n":…,
 * "at":now. Members whose argument is NULL or JOBQ_ABSENT are left out. The
 * caller adds further members, each with its leading comma, and the brace.
 */
void jobq_event_begin(struct jobq_buf *out, enum jobq_event_kind kind,
    const char *id, int64_t epoch, const char *worker, int64_t n);

/* The same with the text of a time (jobq_time_format) in place of now. */
void jobq_event_begin_at(struct jobq_buf *out, enum jobq_event_kind kind,
    const char *id, int64_t epoch, const char *worker, int64_t n,
    const char *at);

#endif
