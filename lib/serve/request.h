/*
 * A request on its way through the server, and how its handler answers.
 *
 * A handler is called on the server's loop once the whole body is there. It
 * answers at once, or it makes calls of the store (jobq_request_call) and
 * answers in what is called when one is done. A request lives until it was
 * answered and its last call is done, also when the client has gone by then:
 * an answer to nobody is thrown away.
 */
#ifndef JOBQ_SERVE_REQUEST_H
#define JOBQ_SERVE_REQUEST_H

#include "buf.h"
#include "chunk.h"
#include "guard.h"
#include "pool.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_server;
struct jobq_channel;

/* Bits, for sets of them. */
enum jobq_method {
	JOBQ_GET = 1,
	JOBQ_POST = 2,
	JOBQ_DELETE = 4,
	JOBQ_OTHER = 8,
};

/* The sets of routes: what is served depends on how the server was started. */
#define JOBQ_ROUTE_STORE 1u  /* over a store */
#define JOBQ_ROUTE_TOOL 2u   /* with --tool */
#define JOBQ_ROUTE_HEALTH 4u /* at the health reach */
#define JOBQ_ROUTE_OPEN 8u   /* needs no token */
#define JOBQ_ROUTE_WATCH 16u /* takes a WebSocket */

struct jobq_request;

struct jobq_route {
	unsigned methods;
	const char *path; /* "{id}" stands for one segment */
	unsigned where;
	size_t body_bytes; /* the most that is taken */
	void (*handle)(struct jobq_request *request);
};

struct jobq_request {
	struct jobq_server *server;
	const struct jobq_route *route;
	enum jobq_method method;
	enum jobq_reach reach;
	struct jobq_buf path;	  /* decoded */
	struct jobq_buf id;	  /* what {id} stands for */
	struct jobq_buf query;	  /* name=value, NUL, and so on; decoded */
	struct jobq_buf key;	  /* Idempotency-Key */
	struct jobq_buf event_id; /* Last-Event-ID */
	struct jobq_buf accept;	  /* Accept */
	struct jobq_buf known;	  /* If-None-Match */
	struct jobq_buf body;
	int64_t deadline_ms; /* Jobq-Deadline; 0: not given */
	int64_t begun_ms;

	/* For the handler, from one call to the next; freed with free(). */
	void *state;

	/* The server's own. */
	void *connection; /* NULL: the client has gone */
	struct jobq_buf out;
	size_t sent;
	struct jobq_channel *channel;
	unsigned calls; /* of the store, not done yet */
	bool answered, closes;
	bool head_only; /* HEAD */
	size_t body_length;
	bool chunked;	 /* instead of body_length */
	size_t reserved; /* of the server's body_bytes */
	struct jobq_chunks chunks;
	bool dispatching; /* its handler runs: what it answers waits for it */
};

/* Answers; more are lines of further headers, or NULL. */
void jobq_request_answer(struct jobq_request *request, int status,
    const char *type, const char *body, size_t len, const char *more);

/* Answers with JSON. */
void jobq_request_json(
    struct jobq_request *request, int status, const struct jobq_buf *body);

/* Answers with a failure (RFC 9457); code is a stable word or NULL. */
void jobq_request_problem(struct jobq_request *request, int status,
    const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Answers with what a store's call failed of. */
void jobq_request_failed(struct jobq_request *request, enum jobq_status status,
    const struct jobq_err *err);

/*
 * Calls the store; the text of call becomes the pool's. done() is called on
 * the loop, and answers; the call is freed behind it. With too many calls
 * waiting the request is answered with 503 and done() is never called.
 * grouped: see pool.h.
 */
typedef void jobq_called_fn(
    struct jobq_request *request, struct jobq_pool_call *call);
void jobq_request_call(struct jobq_request *request, enum jobq_verb verb,
    struct jobq_buf *text, bool grouped, jobq_called_fn *done);

/* Lists the job of the request's id, as jobq_request_call(). */
void jobq_request_list(struct jobq_request *request, jobq_called_fn *done);

/* Adds the request of a list that asks for one job. */
void jobq_request_put_list(struct jobq_buf *out, const char *id);

/* The route of a path, or NULL; *methods are those that the path knows. */
const struct jobq_route *jobq_route_find(unsigned where,
    enum jobq_method method, const char *path, struct jobq_buf *id,
    unsigned *methods);

#endif
