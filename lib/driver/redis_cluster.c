/*
 * A cluster. A node has some of the keys; asked for one that it has not, it
 * says which node has it: MOVED, or ASK while the key is being moved there.
 *
 * All keys of a store are in one slot, that of KEYS[1], so one connection
 * serves it: that of the URL, until MOVED names another node. When that node
 * cannot be reached, does not answer or is alone it is the URL's again, which
 * knows who has succeeded it.
 *
 * What goes to streams in other slots is told in an adapter's outbox.lua. Here
 * a line of it flows like this. The answer of a verb begins with
 *
 *   out, 1 when jobs were taken or 0, a request for written.lua, the number
 *   of streams, and for each its name, a number of words, the words
 *
 * and its lines follow. Each stream's words go in one call of write.lua, whose
 * KEYS[1] is the stream, to the node that has it, by a second connection, which
 * is kept and finds its node likewise. When all have been answered, written.lua
 * is called with its request, which acknowledges; then the lines are handed
 * out. If any of that fails nothing is acknowledged: what was to be written
 * stays in the adapter's outbox, and the call fails, so that it is made again;
 * or, when jobs were taken, it waits for the next one.
 */
#include "redis_inside.h"

#include "clock.h"
#include "line.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* One question is sent on so many times. */
#define HOPS_MOST 5

/* Who waits for another node does not renew what it has meanwhile. */
#define CARRY_MS 5000

void
jobq_redis_go_home(struct jobq_redis *store)
{
	jobq_redis_drop(store);
	if (store->node == NULL)
		return;
	free(store->node);
	store->node = NULL;
	jobq_redis_note_name(store);
}

static bool
begins(const redisReply *reply, const char *word)
{
	return reply->type == REDIS_REPLY_ERROR &&
	       strncmp(reply->str, word, strlen(word)) == 0;
}

/*
 * Takes "MOVED SLOT HOST:PORT". Without a host it is the one that was asked.
 */
static enum jobq_status
go_to(struct jobq_redis *store, const redisReply *reply, struct jobq_err *err)
{
	const char *host = strchr(reply->str, ' ') + 1, *colon;
	int64_t port = 0;
	char *node;

	host += strcspn(host, " ");
	host += strspn(host, " ");
	colon = strrchr(host, ':');
	if (colon == NULL || *host == '?' ||
	    jobq_int_parse(colon + 1, 1, 65535, &port, NULL) != JOBQ_OK)
		return jobq_redis_said(store, reply, err);
	if (colon > host)
		node = jobq_xstrndup(host, (size_t)(colon - host));
	else
		node = jobq_xstrdup(store->node != NULL ? store->node
				    : store->settings.host != NULL
					? store->settings.host
					: "localhost");
	jobq_redis_drop(store);
	free(store->node);
	store->node = node;
	store->node_port = (int)port;
	jobq_redis_note_name(store);
	return JOBQ_OK;
}

/* A node that is about to have a key answers for it behind this only. */
static enum jobq_status
say_asking(struct jobq_redis *store, struct jobq_err *err)
{
	struct jobq_redis_command command = { .count = 0 };
	redisReply *reply = NULL;
	enum jobq_status status;

	jobq_redis_word(&command, "ASKING", 6);
	status = jobq_redis_ask(store, &command, &reply, err);
	jobq_redis_command_release(&command);
	if (reply != NULL)
		freeReplyObject(reply);
	return status;
}

enum jobq_status
jobq_redis_ask_owner(struct jobq_redis *store,
    const struct jobq_redis_command *command, redisReply **reply,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	bool asking = false;

	for (int hops = 0; hops <= HOPS_MOST; hops++) {
		if (store->conn != NULL && jobq_redis_is_closed(store->conn))
			jobq_redis_drop(store);
		if (store->conn == NULL)
			status = jobq_redis_connect(store, err);
		if (status == JOBQ_OK && asking)
			status = say_asking(store, err);
		if (status == JOBQ_OK)
			status = jobq_redis_ask(store, command, reply, err);
		if (status != JOBQ_OK || begins(*reply, "CLUSTERDOWN ")) {
			jobq_redis_go_home(store);
			return status;
		}
		asking = begins(*reply, "ASK ");
		if (!asking && !begins(*reply, "MOVED "))
			return JOBQ_OK;
		status = go_to(store, *reply, err);
		freeReplyObject(*reply);
		*reply = NULL;
		if (status != JOBQ_OK)
			return status;
	}
	return jobq_fail(err, JOBQ_AGAIN,
	    "unable to use store '%s': the nodes of its cluster do not agree "
	    "on which of them has a key",
	    store->name.data);
}

/* --- the other node ------------------------------------------------------ */

/* Its settings are the store's own. */
static struct jobq_redis *
peer_of(struct jobq_redis *store)
{
	struct jobq_redis *peer = store->peer;

	if (peer == NULL) {
		peer = jobq_xcalloc(1, sizeof *peer);
		peer->settings = store->settings;
		if (store->node != NULL) {
			peer->node = jobq_xstrdup(store->node);
			peer->node_port = store->node_port;
		}
		jobq_redis_note_name(peer);
		store->peer = peer;
	}
	peer->begun = jobq_mono_ms();
	peer->deadline = peer->begun + CARRY_MS;
	if (peer->deadline > store->deadline)
		peer->deadline = store->deadline;
	return peer;
}

void
jobq_redis_peer_free(struct jobq_redis *store)
{
	struct jobq_redis *peer = store->peer;

	if (peer == NULL)
		return;
	jobq_redis_drop(peer);
	free(peer->node);
	jobq_buf_release(&peer->name);
	free(peer);
	store->peer = NULL;
}

/* A number that stands in an answer, of so many at most; -1: none does. */
static int64_t
number_at(const redisReply *reply, size_t at, size_t most)
{
	int64_t number = -1;

	if (at >= reply->elements ||
	    jobq_int_parse(reply->element[at]->str, 0, (int64_t)most, &number,
		NULL) != JOBQ_OK)
		return -1;
	return number;
}

/* Writes the words of the stream whose name is at, which find_lines() saw. */
static enum jobq_status
write_stream(struct jobq_redis *store, const redisReply *reply, size_t *at,
    struct jobq_err *err)
{
	struct jobq_redis_command command = { .count = 0 };
	int64_t words = number_at(reply, *at + 1, reply->elements - *at - 2);
	redisReply *done = NULL;
	enum jobq_status status;

	jobq_redis_word(&command, "", 0);
	jobq_redis_word(&command, "", 0);
	jobq_redis_word(&command, "1", 1);
	jobq_redis_word(&command, reply->element[*at]->str,
	    (size_t)reply->element[*at]->len);
	*at += 2;
	for (int64_t i = 0; i < words; i++, ++*at)
		jobq_redis_word(&command, reply->element[*at]->str,
		    (size_t)reply->element[*at]->len);
	status = jobq_redis_eval(
	    store, peer_of(store), "write", &command, &done, err);
	jobq_redis_command_release(&command);
	if (done != NULL)
		freeReplyObject(done);
	return status;
}

/* Whether all of an answer are strings, and it is for other nodes first. */
static bool
has_outbox(const redisReply *reply)
{
	if (reply->elements < 4 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(reply->element[0]->str, "out") != 0)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
		if (reply->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

/* Where the lines begin must be known even if a stream cannot be written. */
static bool
find_lines(const redisReply *reply, size_t *first)
{
	int64_t streams = number_at(reply, 3, reply->elements), words;

	*first = 4;
	for (int64_t i = 0; i < streams; i++) {
		if (*first + 2 > reply->elements)
			return false;
		words =
		    number_at(reply, *first + 1, reply->elements - *first - 2);
		if (words < 0)
			return false;
		*first += 2 + (size_t)words;
	}
	return streams >= 0;
}

enum jobq_status
jobq_redis_carry(struct jobq_redis *store, const redisReply *reply,
    size_t *first, bool *may_wait, struct jobq_err *err)
{
	static const char *const no_more[2] = { NULL, NULL };
	enum jobq_status status = JOBQ_OK;
	redisReply *done = NULL;
	size_t at = 4;

	*may_wait = false;
	*first = 0;
	if (!has_outbox(reply))
		return JOBQ_OK;
	if (!find_lines(reply, first))
		return jobq_fail(err, JOBQ_IO,
		    "unable to use store '%s': what it has for other nodes is "
		    "not as it must be",
		    store->name.data);
	*may_wait = strcmp(reply->element[1]->str, "1") == 0;
	while (at < *first && status == JOBQ_OK)
		status = write_stream(store, reply, &at, err);
	if (status == JOBQ_OK)
		status =
		    jobq_redis_run(store, "written", reply->element[2]->str,
			(size_t)reply->element[2]->len, no_more, &done, err);
	if (done != NULL)
		freeReplyObject(done);
	return status;
}
