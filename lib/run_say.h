/*
 * What is said of a task: events while it runs, its result, its ending.
 * Only the files of the runner include this.
 */
#ifndef JOBQ_RUN_SAY_H
#define JOBQ_RUN_SAY_H

#include "event.h"
#include "run_task.h"

/* The member of an ending that holds the result, if any. */
struct jobq_result {
	struct jobq_buf text; /* ,"output":... */
	bool is_stdout;	      /* all that was kept of it is in there */
	uint64_t dropped;     /* bytes beyond the limit */
};

/* run_tell.c: events of a task. */
struct jobq_buf *jobq_tell_begin(
    struct jobq_task *task, enum jobq_event_kind kind);
void jobq_tell_end(struct jobq_task *task);
void jobq_tell_bytes(struct jobq_task *task, struct jobq_stream *stream,
    const char *bytes, size_t len);
void jobq_tell_soon(struct jobq_task *task);
void jobq_tell_rest(struct jobq_task *task, bool out_too);

/* run_note.c: descriptor 3; len 0 is its end. */
void jobq_note_bytes(struct jobq_task *task, const char *bytes, size_t len);
/* What an answer of a coprocess says in the same words. */
void jobq_note_progress(
    struct jobq_task *task, const struct jobq_object *members);
void jobq_note_output(struct jobq_task *task, struct jobq_span value);
/* An output of so many bytes that was not kept. */
void jobq_note_too_long(struct jobq_task *task, uint64_t len);
void jobq_note_snooze(struct jobq_task *task, struct jobq_span value);
void jobq_note_retry_after(struct jobq_task *task, struct jobq_span value);
void jobq_note_cancel(struct jobq_task *task, struct jobq_span value);
/* A string, of which 64 KiB are kept. */
void jobq_note_error(struct jobq_task *task, struct jobq_span value);
bool jobq_note_has_progress(const struct jobq_task *task);
void jobq_note_put_progress(struct jobq_task *task, struct jobq_buf *out);

/* run_result.c. */
/* JOBQ_INVALID: it should be JSON and is not; then there is no text. */
enum jobq_status jobq_result_make(const struct jobq_task *task,
    struct jobq_result *result, struct jobq_err *err);

/* run_ending.c: how a task ends. */
/* Adds ": " and the last line that was written on standard error, if any. */
void jobq_ending_last_line(const struct jobq_task *task, struct jobq_err *err);

struct jobq_verdict {
	enum jobq_event_kind kind;
	const char *reason;		    /* or NULL */
	const struct jobq_buf *reason_json; /* or NULL; goes before reason */
	const struct jobq_result *result;   /* or NULL */
	bool retry;			    /* failed: not for good */
	int64_t retry_after_ms;		    /* JOBQ_ABSENT: not said */
	struct jobq_err error;		    /* failed: what is to be said */
	const struct jobq_buf *error_json;  /* or NULL; all of the error */
};
/* Of a task whose work is over, or that was stopped before it began. */
void jobq_verdict_find(struct jobq_task *task, struct jobq_verdict *verdict);
void jobq_ending_tell(
    struct jobq_task *task, const struct jobq_verdict *verdict);
/* The same as progress: the attempt failed and is repeated after so long. */
void jobq_attempt_tell(struct jobq_task *task,
    const struct jobq_verdict *verdict, int64_t delay_ms);
/* What it is as an exit status, see jobq_run_one_code(). */
int jobq_verdict_code(
    const struct jobq_task *task, const struct jobq_verdict *verdict);

#endif
