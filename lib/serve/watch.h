/*
 * One who watches a task, over a WebSocket or a stream of events: everything
 * so far from the store's log, then what happens, without a hole and nothing
 * twice.
 */
#ifndef JOBQ_SERVE_WATCH_H
#define JOBQ_SERVE_WATCH_H

#include "buf.h"
#include "channel.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_server;

struct jobq_watch_wish {
	int64_t since; /* only what is behind this cursor */
	bool json;     /* event lines; else the frames of a task */
	bool websocket;
	bool ended; /* the task has: its end may lie before since */
};

/*
 * Reads what a query wishes (see request.h for its form); event_id is that of
 * Last-Event-ID, or "". JOBQ_INVALID names the parameter.
 */
enum jobq_status jobq_watch_read(struct jobq_watch_wish *wish,
    const struct jobq_buf *query, const char *event_id, struct jobq_err *err);

/* The status that refuses one more watcher, or 0. */
int jobq_watch_refuse(const struct jobq_server *server, const char **why);

/*
 * What the answer of a list about the task says against watching it: 404
 * when there is none, or its history is over; or 0, and wish->ended is set.
 */
int jobq_watch_check(const struct jobq_server *server,
    const struct jobq_buf *answer, struct jobq_watch_wish *wish,
    const char **why);

/* Begins to watch; the channel is to be opened then, and frees the watcher. */
struct jobq_channel *jobq_watch_new(struct jobq_server *server, const char *id,
    const struct jobq_watch_wish *wish);

/*
 * To be called every second: asks a store that was away again; with sign,
 * shows those on streams of events a sign of life.
 */
void jobq_watch_tick(struct jobq_server *server, bool sign);

#endif
