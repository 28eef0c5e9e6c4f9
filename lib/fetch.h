/*
 * The filter of jobq-fetch: job lines get the answer to a GET of a URL that is
 * made from them, all other lines pass through. What it promises is told in
 * jobq-fetch(1), how it works at the top of fetch.c.
 */
#ifndef JOBQ_FETCH_H
#define JOBQ_FETCH_H

#include "command.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_fetch;

struct jobq_fetch_options {
	const char *url; /* with placeholders; empty: nothing is fetched */
	const char *token_file;
	int64_t ttl_ms;	    /* an answer is good for so long */
	int64_t timeout_ms; /* of one request */
	int64_t retries;
	int64_t first_ms, most_ms; /* the wait before a request is repeated */
	struct jobq_command *command; /* bad lines are reported through it */
};

/*
 * Takes over INT, TERM and USR1, ignores PIPE, and checks what it is given;
 * lines come from standard input and go to standard output. JOBQ_CONFIG.
 */
enum jobq_status jobq_fetch_open(struct jobq_fetch **fetch,
    const struct jobq_fetch_options *options, struct jobq_err *err);
void jobq_fetch_close(struct jobq_fetch *fetch);

/*
 * Works until the input has ended and all is written. JOBQ_EMPTY: a job has
 * failed for want of its context. JOBQ_AGAIN: a second signal ended it.
 * JOBQ_INVALID: a bad line with --strict. JOBQ_IO: err is empty when only the
 * reader of its output is gone.
 */
enum jobq_status jobq_fetch_work(
    struct jobq_fetch *fetch, struct jobq_err *err);

#endif
