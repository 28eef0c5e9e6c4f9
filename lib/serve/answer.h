/*
 * The texts of answers: their heads, and the JSON of failures (RFC 9457).
 */
#ifndef JOBQ_SERVE_ANSWER_H
#define JOBQ_SERVE_ANSWER_H

#include "buf.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

/* The words of a status of HTTP: 404 is "Not Found". */
const char *jobq_answer_reason(int status);

/* The status of HTTP that tells a failure of a store. */
int jobq_answer_status(enum jobq_status status);

/*
 * Adds the head of an answer with length_bytes of a body (-1: it ends with
 * the connection, or there is none), with what every answer says to a
 * browser; type is NULL without a body, and more are lines of further headers,
 * each with its CRLF, or NULL.
 */
void jobq_answer_head(struct jobq_buf *out, int status, const char *type,
    long long length_bytes, bool keeps, const char *more);

/* Adds the body of a failure; code may be NULL. */
void jobq_answer_problem_body(struct jobq_buf *out, int status,
    const char *code, const char *detail, size_t len);

/* Adds a whole answer, after which the connection is closed. */
void jobq_answer_problem(struct jobq_buf *out, int status, const char *code,
    const char *detail, size_t len);

#endif
