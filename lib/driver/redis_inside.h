/*
 * Shared by the files of the driver: the store, its connection, its scripts.
 */
#ifndef JOBQ_REDIS_INSIDE_H
#define JOBQ_REDIS_INSIDE_H

#include "bell.h"
#include "buf.h"
#include "driver.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a server is, and who we are there. Texts are the settings' own. */
struct jobq_redis_settings {
	char *path; /* of a socket; NULL: host and port */
	char *host;
	int port;
	char *user; /* NULL: the default one */
	char *password;
	long long database;
	int64_t connect_ms; /* the most that connecting may take */
};

/* What makes answers: bounded, by hiredis's own. */
struct jobq_redis_bound {
	redisReplyObjectFunctions bounded, own;
	const char *why; /* an answer was refused; NULL: none was */
};

/* One text of the adapter, which the server knows by the hash of it. */
struct jobq_redis_script {
	char *name;
	struct jobq_buf text;
	char sha[41];
	bool words; /* it takes events as words (redis_script.c) */
};

/* The listener; redis_listen.c tells what it does. */
struct jobq_redis_ear {
	struct jobq_bell bell;
	redisContext *conn;
	struct jobq_redis_bound bound;
	enum {
		JOBQ_REDIS_CONNECTING,
		JOBQ_REDIS_TUNING, /* SUBSCRIBE is sent and not answered */
		JOBQ_REDIS_LISTENING,
	} state;
	size_t unanswered;	/* of what was sent */
	struct jobq_buf queues; /* of the last request, its JSON text */
	bool tuned;		/* a request has said for which queues */
};

struct jobq_redis {
	const struct jobq_adapter *adapter;
	enum jobq_store_mode mode;
	const char *prefix; /* the URL's own */
	bool listens;
	struct jobq_redis_settings settings;
	struct jobq_buf name;	    /* of the server, for people */
	struct jobq_buf parameters; /* of the adapter, a JSON object */
	struct jobq_redis_script *script;
	size_t scripts, cap;
	redisContext *conn; /* NULL: none */
	struct jobq_redis_bound bound;
	size_t received; /* bytes of the answer that is being read */
	int64_t begun, deadline;
	struct jobq_redis_ear ear;
};

/* --- redis_open.c: the driver's open and close (driver.h) --- */
enum jobq_status jobq_redis_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_redis_close(void *handle);

/* --- redis_wire.c --- */
/* A connection, be it a new one, on which open.lua was content. */
enum jobq_status jobq_redis_ready(
    struct jobq_redis *store, struct jobq_err *err);
void jobq_redis_drop(struct jobq_redis *store);

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

/* --- redis_script.c --- */
/*
 * Runs the text VERB.lua; more is its ARGV[3] and ARGV[4], either may be
 * NULL. The answer is an array, which the caller frees.
 */
enum jobq_status jobq_redis_run(struct jobq_redis *store, const char *verb,
    const char *request, size_t len, const char *const more[2],
    redisReply **reply, struct jobq_err *err);
void jobq_redis_scripts_release(struct jobq_redis *store);

/* --- redis_inbox.c --- */
/* Pushes the jobs of an answer that lists entries of the inbox (inbox.lua). */
enum jobq_status jobq_redis_absorb(
    struct jobq_redis *store, const redisReply *entries, struct jobq_err *err);

/* --- redis_listen.c --- */
void jobq_redis_ear_init(struct jobq_redis_ear *ear);
void jobq_redis_ear_release(struct jobq_redis_ear *ear);

/* Which queues a request is about, if it is one that waits for jobs. */
void jobq_redis_ear_tune(struct jobq_redis *store, const char *verb,
    const char *request, size_t len);

/* Begins to connect, unless it has, or is to wait before it tries again. */
void jobq_redis_ear_start(struct jobq_redis *store);

/* Does what the descriptor is readable for. */
void jobq_redis_ear_turn(struct jobq_redis *store);

#endif
