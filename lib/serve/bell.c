/*
 * GET /v1/bell: an event "look" each time that the store told it may be worth
 * looking again, so that a store behind HTTP has hints as one at hand has.
 * Hints that come faster than the client takes them are one.
 */
#include "routes.h"
#include "server.h"

#include "mem.h"
#include "watch.h"

#include <stdlib.h>

#include "banned.h"

struct bell {
	struct jobq_channel channel;
	struct jobq_server *server;
	bool rings, ticks;
};

static enum jobq_piece
next(void *context, struct jobq_buf *out)
{
	struct bell *bell = context;

	if (!bell->rings && !bell->ticks)
		return JOBQ_PIECE_NONE;
	/* A comment: a sign of life, and how a lost client is noticed. */
	jobq_buf_puts(out, bell->rings ? "data: look\n\n" : ":\n\n");
	bell->rings = bell->ticks = false;
	return JOBQ_PIECE;
}

static void
gone(void *context)
{
	struct bell *bell = context;

	bell->server->watchers--;
	free(bell);
}

static const struct jobq_channel_kind kind = { next, NULL, gone };

void
jobq_bells_ring(struct jobq_server *server, bool only_tick)
{
	for (struct jobq_channel *channel = server->channels; channel != NULL;
	     channel = channel->next) {
		struct bell *bell = channel->context;

		if (channel->kind != &kind)
			continue;
		*(only_tick ? &bell->ticks : &bell->rings) = true;
		jobq_channel_wake(channel);
	}
}

void
jobq_route_bell(struct jobq_request *request)
{
	struct jobq_server *server = request->server;
	const char *why = "";
	int status = jobq_watch_refuse(server, &why);
	struct bell *bell;

	if (status != 0) {
		jobq_request_problem(request, status, NULL, "%s", why);
		return;
	}
	bell = jobq_xcalloc(1, sizeof(*bell));
	bell->channel.kind = &kind;
	bell->channel.context = bell;
	bell->server = server;
	bell->ticks = true;
	server->watchers++;
	if (!jobq_http_stream(request, &bell->channel))
		gone(bell);
}
