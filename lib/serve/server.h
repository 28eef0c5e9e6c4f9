/*
 * The server: what its parts share. Everything but the pool's threads runs
 * on the one loop of libwebsockets, which web.c alone knows.
 */
#ifndef JOBQ_SERVE_SERVER_H
#define JOBQ_SERVE_SERVER_H

#include "channel.h"
#include "drain.h"
#include "files.h"
#include "gate.h"
#include "guard.h"
#include "http.h"
#include "listen.h"
#include "notify.h"
#include "pool.h"
#include "request.h"
#include "serve.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is said to who wants to change something with --read-only. */
#define JOBQ_READ_ONLY "this server is read-only: nothing can be changed here"

/* A listener, and what it lets through. */
struct jobq_door {
	struct jobq_listener listener; /* first: the gate knows it by this */
	enum jobq_reach reach;
};

struct jobq_stops;
struct jobq_told;
struct jobq_topics;
struct jobq_metrics;
struct jobq_tool;

struct jobq_server {
	const struct jobq_serve_options *options;
	struct jobq_guard guard;
	struct jobq_door *door;
	size_t doors;
	struct jobq_gate *gate;
	struct jobq_http *http;
	struct jobq_pool *pool; /* NULL: without a store */
	struct jobq_tool *tool; /* NULL: over a store */
	struct jobq_told *told; /* the jobq-work whose health it is, or NULL */
	struct jobq_topics *topics;
	struct jobq_stops *stops;
	struct jobq_buf about; /* /v1/info */
	unsigned where;	       /* the sets of routes that are served */
	bool draining;
	struct jobq_drain drain;
	atomic_bool rang;  /* the store has told that it changed */
	size_t requests;   /* not answered yet */
	size_t body_bytes; /* of theirs, here or on their way */
	size_t runs;	   /* of the tool, also for clients that have gone */
	struct jobq_channel *channels;
	size_t watchers, watchers_most;
	size_t page_bytes; /* of the store's log, in their hands */
	uint64_t dropped;  /* events that slow ones did not get */
	struct jobq_files files;
	struct jobq_metrics *metrics;
	/* What the store counts, for /metrics, and so long it holds. */
	struct jobq_buf counts;
	bool counts_asked;
	int64_t counts_until_ms;
	bool well, well_asked; /* the store has answered; so long this counts */
	int64_t well_until_ms;
	/* So long a write that the store could not do counts, and which. */
	int64_t ill_until_ms;
	struct jobq_err ill;
	struct jobq_notify notify;
	enum jobq_status status; /* of the end */
	struct jobq_err *err;
	void *loop; /* web.c's */
};

/* --- web.c ---------------------------------------------------------------- */

/* Makes the loop; JOBQ_IO when it cannot be had. */
enum jobq_status jobq_web_open(
    struct jobq_server *server, struct jobq_err *err);
void jobq_web_close(struct jobq_server *server);

/* Runs until jobq_drain_serves() says no. */
void jobq_web_serve(struct jobq_server *server);

/*
 * Calls readable() on the loop when the descriptor, which stays the caller's,
 * can be read. False with errno set when it cannot be watched.
 */
typedef void jobq_readable_fn(void *context);
bool jobq_web_watch(struct jobq_server *server, int fd,
    jobq_readable_fn *readable, void *context);

/* From any thread: the loop is to look at the pool and at rang. */
void jobq_web_wake(void *server);

/*
 * Makes a connection of the gate a WebSocket; when that fails the channel is
 * gone.
 */
void jobq_web_admit(struct jobq_server *server, struct jobq_arrival *arrival,
    struct jobq_channel *channel);

/* Asks the library when the client of a WebSocket takes more. */
void jobq_web_socket_wake(struct jobq_channel *channel);

/* --- channel.c ------------------------------------------------------------ */
void jobq_channel_open(
    struct jobq_server *server, struct jobq_channel *channel, void *connection);
void jobq_channel_close(
    struct jobq_server *server, struct jobq_channel *channel);

/* The next piece into out, unless one is there; false when there is none. */
bool jobq_channel_fetch(struct jobq_channel *channel);

/* --- request.c ------------------------------------------------------------ */

/* What the head says is good, or the status that refuses it. */
int jobq_request_check(const struct jobq_server *server,
    const struct jobq_door *door, const struct jobq_head *head,
    const struct jobq_route *route, bool changes, const char **why);

void jobq_request_free(struct jobq_request *request);

/* --- enter.c: what the gate lets through ---------------------------------- */
void jobq_server_arrived(void *server, struct jobq_arrival *arrival);
bool jobq_server_gives_way(void *server, int64_t since_ms);

/* --- what the loop tells -------------------------------------------------- */

/* USR1: says what the server is waiting for. */
void jobq_server_tell(const struct jobq_server *server);

/* Every second, and whenever the store rang. */
void jobq_server_tick(struct jobq_server *server);
void jobq_server_rang(struct jobq_server *server);

/* health.c: each call that is done tells something. */
void jobq_health_seen(
    struct jobq_server *server, const struct jobq_pool_call *call);

/* bell.c: rings all that listen, or shows them a sign of life. */
void jobq_bells_ring(struct jobq_server *server, bool only_tick);

#endif
