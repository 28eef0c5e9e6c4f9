/*
 * What jobq-work tells of itself over HTTP, and how it comes to the process
 * that answers: a jobq-serve --health-only of its own, so that no client can
 * hold the work up. jobq-work opens the socket and keeps what is told in
 * memory that both see; jobq-serve gets the memory as its standard input, the
 * socket as descriptor 3, and the variable JOBQ_HEALTH_OF with the pid of its
 * parent. That is private between the two and not to be relied on.
 *
 *   GET /health, /health/ready   200, or 503 while the stages do not run
 *                                or, where it is asked, the store is away
 *   GET /health/live             200 as long as there is an answer
 *
 * with a small JSON object, jobq's own or one that was given.
 */
#ifndef JOBQ_HEALTH_H
#define JOBQ_HEALTH_H

#include "buf.h"
#include "status.h"

#include <stdatomic.h>
#include <stdbool.h>

#define JOBQ_HEALTH_OF "JOBQ_HEALTH_OF"

struct jobq_health_state {
	atomic_bool ready;
	atomic_bool stopping;
	atomic_int circles;    /* built so far */
	atomic_int claim, run; /* pids; 0: there is none */
};

/* What was given outlives the health; texts may be NULL. */
struct jobq_health_options {
	const char *where; /* NULL: none of this is wanted */
	bool asks_store;
	/* Bodies, JSON; {error} in the last is why, as a JSON string. */
	const char *live, *ready, *unready;
};

/* --- who tells ------------------------------------------------------------ */

struct jobq_health;

/*
 * Listens at ADDR:PORT ([ADDR]:PORT for IPv6; port 0: any) or unix:PATH, a
 * socket of mode 0600 that takes the place of a dead one. JOBQ_CONFIG when
 * that is no address, or a body no JSON; JOBQ_IO when it cannot be had now.
 */
enum jobq_status jobq_health_open(const struct jobq_health_options *options,
    struct jobq_health **health, struct jobq_err *err);
void jobq_health_close(struct jobq_health *health);

/* Where it listens, as a client names it; health's own. */
const char *jobq_health_where(const struct jobq_health *health);

struct jobq_health_state *jobq_health_state(struct jobq_health *health);

/* What the one who answers gets as descriptors 0 and 3; health's own. */
int jobq_health_memory_fd(const struct jobq_health *health);
int jobq_health_listen_fd(const struct jobq_health *health);

/* --- who answers ---------------------------------------------------------- */

#define JOBQ_HEALTH_LISTEN_FD 3

/* Texts are NULL where the answer is jobq's own; all stay for ever. */
struct jobq_health_told {
	const struct jobq_health_state *state;
	bool asks_store;
	const char *live, *ready, *unready;
};

/*
 * Takes what the parent has handed over, and the variable out of the
 * environment. JOBQ_EMPTY when this process is nobody's to answer for;
 * JOBQ_CONFIG when what was handed over is not that.
 */
enum jobq_status jobq_health_take(
    struct jobq_health_told *told, struct jobq_err *err);

/* Adds the body unready, with its {error} filled in. */
void jobq_health_put_unready(
    struct jobq_buf *out, const char *body, const char *error);

#endif
