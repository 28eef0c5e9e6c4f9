/*
 * The connections of the driver, and what is said on them. A part of
 * redis_inside.h.
 */
#ifndef JOBQ_REDIS_WIRE_H
#define JOBQ_REDIS_WIRE_H

#include "status.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

struct jobq_redis;
struct jobq_redis_bound;

/* --- redis_wire.c --- */
/* A connection, be it a new one, on which open.lua was content. */
enum jobq_status jobq_redis_ready(
    struct jobq_redis *store, struct jobq_err *err);
void jobq_redis_drop(struct jobq_redis *store);

/* A connection as the settings say; there is none. */
enum jobq_status jobq_redis_connect(
    struct jobq_redis *store, struct jobq_err *err);

/* Whether a connection was closed, or spoken on, while it was not used. */
bool jobq_redis_is_closed(const redisContext *conn);

/*
 * Bounds the answers on a connection, for hiredis itself takes as much memory
 * as one says that it needs. bound lives as long as the connection.
 */
void jobq_redis_bind(redisContext *conn, struct jobq_redis_bound *bound);

/* Writes what it can; done: all of it. false: it failed, see errno. */
bool jobq_redis_write(redisContext *conn, int *done);

/* The words of a command, which are others' and stay until it was asked. */
struct jobq_redis_command {
	const char **word;
	size_t *len;
	size_t count;
	size_t word_cap, len_cap;
};

void jobq_redis_word(
    struct jobq_redis_command *command, const char *word, size_t len);
void jobq_redis_command_release(struct jobq_redis_command *command);

/*
 * Sends a command and waits for its answer, which the caller frees. One that
 * is an error is JOBQ_OK, too: see jobq_redis_said().
 */
enum jobq_status jobq_redis_ask(struct jobq_redis *store,
    const struct jobq_redis_command *command, redisReply **reply,
    struct jobq_err *err);

/*
 * What an answer that is an error means: by its first word, which is a class
 * of ours (CONFIG, INVALID, UNSUPPORTED, AGAIN) in what a script says.
 */
enum jobq_status jobq_redis_said(
    struct jobq_redis *store, const redisReply *reply, struct jobq_err *err);

/* --- redis_cluster.c --- */
/*
 * Like jobq_redis_ask(), of the node of a cluster that has the key: the store
 * stays with the node that was found.
 */
enum jobq_status jobq_redis_ask_owner(struct jobq_redis *store,
    const struct jobq_redis_command *command, redisReply **reply,
    struct jobq_err *err);

/* Goes back to the server of the settings; the connection is dropped. */
void jobq_redis_go_home(struct jobq_redis *store);

/*
 * Writes what a verb's answer has for other nodes, if it has something; first
 * is its first line then. may_wait: when it fails the lines may be handed out,
 * for the adapter keeps what was to be written.
 */
enum jobq_status jobq_redis_carry(struct jobq_redis *store,
    const redisReply *reply, size_t *first, bool *may_wait,
    struct jobq_err *err);
void jobq_redis_peer_free(struct jobq_redis *store);

#endif
