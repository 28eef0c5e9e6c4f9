/*
 * The listener of a store, which makes a descriptor readable when others have
 * told by NOTIFY that there may be something to do. It never waits and never
 * fails to its caller. What it does is told in postgresql_listen.c.
 */
#ifndef JOBQ_POSTGRESQL_LISTEN_H
#define JOBQ_POSTGRESQL_LISTEN_H

#include "bell.h"
#include "buf.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct jobq_pg_settings;

struct jobq_pg_ear {
	struct jobq_bell bell;
	PGconn *conn;
	enum {
		JOBQ_PG_CONNECTING,
		JOBQ_PG_TUNING, /* LISTEN is sent and not answered */
		JOBQ_PG_LISTENING,
	} state;
	bool unsent; /* a part of LISTEN */
	/* Where the other connection leads, so that no name is looked up. */
	char *host, *address, *port;
	struct jobq_buf queues; /* of the last request, its JSON text */
	struct jobq_buf want;	/* the statements for them */
	struct jobq_buf sent;
};

void jobq_pg_ear_init(struct jobq_pg_ear *ear);
void jobq_pg_ear_release(struct jobq_pg_ear *ear);

/* The store has connected anew: the listener may, too, and knows where to. */
void jobq_pg_ear_meet(struct jobq_pg_ear *ear, const PGconn *conn);

/* Which queues a request is about, if it is one that waits for jobs. */
void jobq_pg_ear_tune(struct jobq_pg_ear *ear, const char *schema,
    const char *verb, const char *request, size_t len);

/* Begins to connect, unless it has, or is to wait before it tries again. */
void jobq_pg_ear_start(
    struct jobq_pg_ear *ear, const struct jobq_pg_settings *settings);

/* Does what the descriptor is readable for. */
void jobq_pg_ear_turn(
    struct jobq_pg_ear *ear, const struct jobq_pg_settings *settings);

#endif
