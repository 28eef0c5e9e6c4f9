/*
 * Which connection is ended when there are too many.
 */
#include "http_inside.h"

#include "clock.h"

#include <string.h>

#include "banned.h"

#define UNSENT_BYTES ((size_t)256 << 20)

/*
 * Requests that come slowly, or never, must not take all the connections:
 * there are as few as in the gate, and the oldest makes room.
 */
static void
bound_unfinished(struct connection *fresh)
{
	struct connection *first = NULL, *first_of_peer = NULL;
	size_t count = 0, of_peer = 0;

	for (struct connection *other = fresh->http->connections; other != NULL;
	     other = other->next) {
		if (other == fresh || !other->unfinished)
			continue;
		count++;
		if (first == NULL ||
		    other->unfinished_ms <= first->unfinished_ms)
			first = other;
		if (!fresh->counted || !other->counted ||
		    memcmp(other->peer, fresh->peer, sizeof(fresh->peer)) != 0)
			continue;
		of_peer++;
		if (first_of_peer == NULL ||
		    other->unfinished_ms <= first_of_peer->unfinished_ms)
			first_of_peer = other;
	}
	if (of_peer >= JOBQ_GATE_PEER_MOST)
		jobq_http_end(first_of_peer);
	else if (count >= JOBQ_GATE_MOST)
		jobq_http_end(first);
}

void
jobq_http_note_unfinished(struct connection *connection)
{
	bool was = connection->unfinished;

	connection->unfinished =
	    connection->step == BODY ||
	    (connection->step == HEAD && connection->in.len > 0);
	if (was || !connection->unfinished)
		return;
	connection->unfinished_ms = jobq_mono_ms();
	bound_unfinished(connection);
}

/* The one that came first of those in a step, or NULL. */
static struct connection *
oldest_in(const struct jobq_http *http, enum step step)
{
	struct connection *connection = http->oldest;

	while (
	    connection != NULL && (connection->step != step ||
				      (step == HEAD && connection->in.len > 0)))
		connection = connection->last;
	return connection;
}

/*
 * First go those that ask nothing now, which the newest is one of; but where
 * it is the only one, one that takes its answer slowly.
 */
void
jobq_http_make_room(struct jobq_http *http)
{
	static const enum step steps[] = { LEAVE, HEAD, WRITE };
	struct connection *connection = NULL;

	for (size_t i = 0;
	     i < 3 && (connection == NULL || connection == http->connections);
	     i++)
		connection = oldest_in(http, steps[i]);
	jobq_http_end(connection != NULL ? connection : http->connections);
}

void
jobq_http_note_unsent(struct connection *connection)
{
	struct jobq_http *http = connection->http;
	struct connection *other = http->oldest, *newer;

	if (connection->unsent > 0)
		return;
	connection->unsent = connection->request->out.cap;
	http->unsent += connection->unsent;
	for (; other != NULL && http->unsent > UNSENT_BYTES; other = newer) {
		newer = other->last;
		if (other != connection && other->unsent > 0)
			jobq_http_end(other);
	}
}

bool
jobq_http_give_way(struct jobq_http *http, int64_t since_ms)
{
	struct connection *found = oldest_in(http, LEAVE);

	if (found == NULL)
		found = oldest_in(http, HEAD);
	for (struct connection *other = http->oldest;
	     found == NULL && other != NULL; other = other->last)
		if (other->unfinished && other->unfinished_ms <= since_ms)
			found = other;
	if (found == NULL && since_ms == INT64_MAX)
		found = oldest_in(http, WRITE);
	if (found != NULL)
		jobq_http_end(found);
	return found != NULL;
}
