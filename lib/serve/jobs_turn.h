/*
 * A request that tells what becomes of a job; see the top of jobs_turn.c.
 */
#ifndef JOBQ_SERVE_JOBS_TURN_H
#define JOBQ_SERVE_JOBS_TURN_H

#include "request.h"

#include "event.h"
#include "member.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_TURN_CURSOR_MOST 128

/* The request's state. The span points into its body. */
struct jobq_turn {
	enum jobq_event_kind kind;
	char worker[JOBQ_NAME_MAX + 1]; /* who asks; "": not said */
	struct jobq_span value;		/* output or error */
	bool base64, retry;
	/* Of the last "started" that the log has, or of the claim. */
	char holder[JOBQ_NAME_MAX + 1];
	int64_t epoch;			    /* 0: there is none */
	char cursor[JOBQ_TURN_CURSOR_MOST]; /* in the log, JSON text */
	int pages; /* of it that were read, with more */
};

/* Answers that the job is not this request's to tell about: "job ID why". */
void jobq_turn_conflict(struct jobq_request *request, const char *why);

/* Answers that there is no such job. */
void jobq_turn_unknown(struct jobq_request *request);

/*
 * The next line of an answer from *at on, scanned into members; lines that
 * are none are passed over. False at the end.
 */
bool jobq_turn_line(const struct jobq_buf *answer, size_t *at,
    struct jobq_object *members, struct jobq_span *line);

/* Tells the store for the holder and the epoch, and answers. */
void jobq_turn_settle(struct jobq_request *request);

/*
 * Finds the epoch in which the worker that asks holds the job, and goes on
 * with it as jobq_turn_settle() does.
 */
void jobq_turn_renew(struct jobq_request *request);

#endif
