#include "stop.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "pool.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define ASK_MS 10000
#define STOPS_MOST 1024 /* at the same time */

struct stop {
	struct jobq_pool_call call; /* first */
	struct jobq_stops *stops;
	char *id;
	bool asked; /* the call is the pool's */
	struct stop *next;
};

struct jobq_stops {
	struct jobq_server *server;
	struct stop *first;
	size_t count;
};

struct jobq_stops *
jobq_stops_new(struct jobq_server *server)
{
	struct jobq_stops *stops = jobq_xcalloc(1, sizeof(*stops));

	stops->server = server;
	return stops;
}

static void
drop(struct stop *stop)
{
	struct stop **at = &stop->stops->first;

	while (*at != stop)
		at = &(*at)->next;
	*at = stop->next;
	stop->stops->count--;
	jobq_pool_call_release(&stop->call);
	free(stop->id);
	free(stop);
}

void
jobq_stops_free(struct jobq_stops *stops)
{
	while (stops != NULL && stops->first != NULL)
		drop(stops->first);
	free(stops);
}

static void
answered(struct jobq_pool_call *call)
{
	struct stop *stop = (struct stop *)call;

	stop->asked = false;
	if (call->status != JOBQ_AGAIN && call->status != JOBQ_IO)
		drop(stop);
	else
		jobq_pool_call_release(call);
}

static void
ask(struct stop *stop)
{
	stop->call = (struct jobq_pool_call){
		.verb = JOBQ_VERB_CANCEL,
		.until_ms = jobq_mono_ms() + ASK_MS,
		.done = answered,
	};
	jobq_buf_printf(&stop->call.request,
	    "{\"ids\":[\"%s\"],\"reason\":\"stopped by a watcher\"}", stop->id);
	stop->asked = jobq_pool_put(stop->stops->server->pool, &stop->call);
	if (!stop->asked)
		jobq_pool_call_release(&stop->call);
}

void
jobq_stops_add(struct jobq_stops *stops, const char *id)
{
	struct stop *stop = stops->first;

	while (stop != NULL && strcmp(stop->id, id) != 0)
		stop = stop->next;
	if (stop != NULL)
		return;
	if (stops->count >= STOPS_MOST) {
		jobq_log(JOBQ_WARNING,
		    "task %s is not stopped: %d others wait for the store", id,
		    STOPS_MOST);
		return;
	}
	stop = jobq_xcalloc(1, sizeof(*stop));
	stop->stops = stops;
	stop->id = jobq_xstrdup(id);
	stop->next = stops->first;
	stops->first = stop;
	stops->count++;
	ask(stop);
}

void
jobq_stops_tick(struct jobq_stops *stops)
{
	for (struct stop *stop = stops->first; stop != NULL; stop = stop->next)
		if (!stop->asked)
			ask(stop);
}
