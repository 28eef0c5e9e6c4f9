/*
 * What happened to a task, one event of the store's log, read once for all
 * who watch it.
 */
#ifndef JOBQ_SERVE_MOMENT_H
#define JOBQ_SERVE_MOMENT_H

#include "buf.h"
#include "event.h"
#include "json.h"
#include "text_lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jobq_moment_kind {
	JOBQ_MOMENT_OTHER,
	JOBQ_MOMENT_STARTED,
	JOBQ_MOMENT_OUTPUT,  /* text: lines of standard output */
	JOBQ_MOMENT_ATTEMPT, /* has failed, and is tried again */
	JOBQ_MOMENT_DONE,    /* these three end: text is all of the output */
	JOBQ_MOMENT_FAILED,
	JOBQ_MOMENT_STOPPED,
};

/* Reusable; its texts are its own. */
struct jobq_moment {
	enum jobq_moment_kind kind;
	int64_t seq;
	int64_t epoch;
	struct jobq_buf id;
	struct jobq_buf line; /* the event as the store has it */
	struct jobq_buf text;
	struct jobq_buf why; /* of a failure: its last line */
};

/*
 * Reads a line of the log; event is memory to read with, and has its members
 * then. False for what is no event with a seq.
 */
bool jobq_moment_read(struct jobq_moment *moment, struct jobq_event *event,
    struct jobq_span line);

/* Adds the last line that the moment shows, as JSON; false without one. */
bool jobq_moment_last_line(
    const struct jobq_moment *moment, struct jobq_buf *out);

void jobq_moment_release(struct jobq_moment *moment);

/* How a page of events ends. */
struct jobq_page_end {
	bool seen;
	int64_t after; /* the cursor behind it */
	bool more;     /* there is another page now */
};

/* Whether the line ends a page; *end is then filled in. */
bool jobq_page_end_read(struct jobq_span line, struct jobq_page_end *end);

/* A text's next line, without white space around it; false after the last. */
bool jobq_text_line(struct jobq_span *text, struct jobq_span *line);

#endif
