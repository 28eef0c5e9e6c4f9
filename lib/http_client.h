/*
 * An HTTP client on the loop: any number of requests at the same time, each of
 * them told when it is over, nothing ever waited for. libcurl does the work
 * and is loaded when the first client is opened; only http and https are
 * spoken, redirects are not followed, connections are kept and reused, and a
 * proxy is taken from the environment as curl(1) does.
 */
#ifndef JOBQ_HTTP_CLIENT_H
#define JOBQ_HTTP_CLIENT_H

#include "buf.h"
#include "loop.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_http;
struct jobq_http_exchange; /* a request on its way */

struct jobq_http_answer {
	/*
	 * JOBQ_OK: the whole answer came. JOBQ_AGAIN: it did not, err says in
	 * curl's words why, and all else may be missing.
	 */
	enum jobq_status status;
	struct jobq_err err;
	int code;			/* 200, 404, ... */
	const struct jobq_buf *headers; /* see http_text.h */
};

/* All it points to is the caller's and stays until the exchange is over. */
struct jobq_http_request {
	const char *url;
	/* "Name: value" texts (or "Name;" without a value) with a NUL behind
	 * each, none of them with a line break. */
	const struct jobq_buf *headers;
	const char *body;
	size_t body_len;
	bool get; /* in place of POST, without a body */
	/* Bytes of the answer's body as they come; may not end an exchange. */
	void (*bytes)(void *context, const char *bytes, size_t len);
	/* It is over; the exchange is gone, the answer goes after the call. */
	void (*done)(void *context, const struct jobq_http_answer *answer);
	void *context;
};

/*
 * A client that has at most so many connections. The loop stays the
 * caller's and outlives it. JOBQ_CONFIG: there is no libcurl, or an old one.
 */
enum jobq_status jobq_http_open(struct jobq_http **http, struct jobq_loop *loop,
    size_t connections, struct jobq_err *err);

/* All exchanges must be over or dropped. */
void jobq_http_close(struct jobq_http *http);

/*
 * JOBQ_CONFIG for what is no URL of http or https. The text tells it without
 * its secrets. Needs an open client.
 */
enum jobq_status jobq_http_check_url(const char *url, struct jobq_err *err);

/*
 * Sends a request; done is called later, never from within. JOBQ_AGAIN: it
 * could not be begun, and done is not called.
 */
enum jobq_status jobq_http_post(struct jobq_http *http,
    const struct jobq_http_request *request,
    struct jobq_http_exchange **exchange, struct jobq_err *err);

/* Ends an exchange at once; its connection is closed, done is not called. */
void jobq_http_drop(struct jobq_http_exchange *exchange);

#endif
