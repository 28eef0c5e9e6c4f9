/*
 * Whether this process is at work, told over HTTP by a child of its own, so
 * that no client can hold the work up:
 *
 *   GET /health, /health/ready   200, or 503 while the stages do not run
 *                                or, where it is asked, the store is away
 *   GET /health/live             200 as long as there is an answer
 *
 * with a small JSON object, its own or one that was given. At most 64
 * connections, of each 8 KiB and 10 s; when there are more the oldest is
 * closed. What is told is kept in memory that both processes see.
 */
#ifndef JOBQ_HEALTH_H
#define JOBQ_HEALTH_H

#include "buf.h"
#include "status.h"

#include <sys/types.h>
#include <stdatomic.h>
#include <stdbool.h>

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
	const char *store_url; /* of --store */
	/* Bodies, JSON; {error} in the last is why, as a JSON string. */
	const char *live, *ready, *unready;
};

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

/*
 * Starts the child that answers; it dies with this process. Its pid, or -1.
 */
pid_t jobq_health_start(struct jobq_health *health);

/* The child's work, in health_http.c: answers for ever. */
_Noreturn void jobq_health_serve(int listen_fd,
    const struct jobq_health_options *options,
    const struct jobq_health_state *state);

/* The same file: adds the body unready, with its {error} filled in. */
void jobq_health_put_unready(
    struct jobq_buf *out, const char *body, const char *error);

#endif
