/*
 * The calls of a store, made beside the server's loop: a few threads, each
 * with a connection of its own. The loop puts calls in and takes those that
 * are done out again; between the two a call is the pool's. Pushes that wait
 * together and may be grouped are one request of the store.
 */
#ifndef JOBQ_SERVE_POOL_H
#define JOBQ_SERVE_POOL_H

#include "buf.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_pool;

struct jobq_pool_call {
	enum jobq_verb verb;
	/*
	 * The whole request; of a grouped push one job of it, an object as
	 * it stands in the array "jobs", of which its answer is one line.
	 */
	struct jobq_buf request;
	bool grouped;
	int64_t until_ms; /* monotonic: by then it is to be done */
	void (*done)(struct jobq_pool_call *call); /* in jobq_pool_finish() */
	void *context;

	/* When it is done: the lines, each with its newline. */
	struct jobq_buf answer;
	enum jobq_status status;
	struct jobq_err err;
	int64_t took_us; /* in the store */

	struct jobq_pool_call *next;
};

struct jobq_pool_options {
	const char *url; /* as of jobq_store_open() */
	enum jobq_store_mode mode;
	size_t threads;
	size_t most_calls; /* that may wait */
	/* The first call opens the store: until then it is not asked for. */
	bool opens_later;
	/* Called in any thread when jobq_pool_finish() has work. */
	void (*wake)(void *context);
	/*
	 * Called in a thread of the pool: the store told that it changed.
	 * NULL: nobody listens to it.
	 */
	void (*rang)(void *context);
	/*
	 * Waits until the descriptor can be read; false: longer than that is
	 * not waited for the store. In the caller of open and close.
	 */
	bool (*await)(void *context, int fd);
	/* Called for each call that is done, before its done(). */
	void (*seen)(void *context, const struct jobq_pool_call *call);
	void *context;
};

/*
 * Opens the store once, to tell what is wrong with it at once: what is
 * wrong for good (JOBQ_CONFIG and its like) fails; a store that is away
 * does not. Starts the threads. What clients may know of the store is added
 * to about: members of a JSON object, each with a comma before it. With
 * opens_later nothing is known of it.
 */
enum jobq_status jobq_pool_open(const struct jobq_pool_options *options,
    struct jobq_pool **pool, struct jobq_buf *about, struct jobq_err *err);

/*
 * Ends the threads and waits for them; calls not done are freed by done().
 * False when await() gave up: threads hang in the store, to which the pool and
 * the calls they are at belong from now on. The process must then end without
 * freeing these, and by _exit(), for exit() would pull down what they use.
 */
bool jobq_pool_close(struct jobq_pool *pool);

/* False when too many wait; the call stays the caller's then. */
bool jobq_pool_put(struct jobq_pool *pool, struct jobq_pool_call *call);

/* Ends calls that have waited until their time is over, and finishes. */
void jobq_pool_expire(struct jobq_pool *pool);

/* Calls done() of each call that is done. */
void jobq_pool_finish(struct jobq_pool *pool);

void jobq_pool_call_release(struct jobq_pool_call *call);

#endif
