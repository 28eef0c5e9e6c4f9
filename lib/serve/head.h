/*
 * The head of an HTTP/1.1 request (RFC 9112), checked before anybody acts on
 * it: one way to read it and no other, so that no proxy before us and nothing
 * behind can see two different requests in the same bytes. What is refused
 * comes with the status to answer and a sentence that says why.
 */
#ifndef JOBQ_SERVE_HEAD_H
#define JOBQ_SERVE_HEAD_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

#define JOBQ_HEAD_LINE_MAX 8192 /* bytes of the request line */
#define JOBQ_HEAD_MAX 16384	/* of all its header lines together */
#define JOBQ_HEAD_LINES_MAX 100 /* of them */

/* Spans point into the text that was checked; at is NULL where none is. */
struct jobq_head {
	struct jobq_span method, target; /* target: path and query */
	struct jobq_span host, origin, authorization;
	struct jobq_span fetch_site; /* Sec-Fetch-Site */
	struct jobq_span upgrade;
	struct jobq_span length; /* Content-Length, digits only */
	struct jobq_span type;	 /* Content-Type */
	struct jobq_span accept, key /* Idempotency-Key */;
	struct jobq_span event_id; /* Last-Event-ID */
	struct jobq_span known;	   /* If-None-Match */
	struct jobq_span deadline; /* Jobq-Deadline */
	bool websocket;		   /* asks to become one */
	bool expects;		   /* Expect: 100-continue */
	bool chunked;		   /* Transfer-Encoding: chunked */
	bool closes;		   /* the connection is not kept */
};

/*
 * Checks the bytes that have come so far. Returns how many of them are the
 * head, its blank line included; 0 when more must come; or a negative status
 * (-400, -414, -431, -501, -505), and *why then says what is wrong.
 */
int jobq_head_check(
    const char *text, size_t len, struct jobq_head *head, const char **why);

#endif
