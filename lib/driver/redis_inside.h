/*
 * Shared by the files of the driver: the store, its scripts. Its connection is
 * in redis_wire.h.
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
	const char *key;    /* KEYS[1]: that, or what the adapter says */
	bool listens;
	struct jobq_redis_settings settings;
	/* The node of a cluster that is used; NULL: what the settings say. */
	char *node;
	int node_port;
	struct jobq_redis *peer;    /* for the other nodes (redis_cluster.c) */
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

#include "redis_wire.h"

/* --- redis_open.c: the driver's open and close (driver.h) --- */
enum jobq_status jobq_redis_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_redis_close(void *handle);

/* Notes the name of the server that is used. */
void jobq_redis_note_name(struct jobq_redis *store);

/* --- redis_script.c --- */
/*
 * Runs the text VERB.lua; more is its ARGV[3] and ARGV[4], either may be
 * NULL. The answer is an array, which the caller frees.
 */
enum jobq_status jobq_redis_run(struct jobq_redis *store, const char *verb,
    const char *request, size_t len, const char *const more[2],
    redisReply **reply, struct jobq_err *err);

/*
 * Runs the text VERB.lua at another store's connection. Behind two words that
 * are filled in here, the command has the number of keys, keys and values.
 */
enum jobq_status jobq_redis_eval(struct jobq_redis *store,
    struct jobq_redis *at, const char *verb, struct jobq_redis_command *command,
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
