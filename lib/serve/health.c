/*
 * Whether this server is well, and what it is. Ready means that the store
 * answers: it is asked by a call of its own when somebody wants to know, and
 * what it said counts for a second and until the next has answered, so that
 * a thousand questions are one. A disk that is full still answers them, so that
 * a write that could not be done counts, too, until a push could, and for 10 s
 * at most, for who is not asked writes nothing more. Who was started by a
 * jobq-work tells of that instead (told.h).
 */
#include "routes.h"
#include "server.h"
#include "tool.h"

#include "clock.h"
#include "told.h"

#include <string.h>

#include "banned.h"

#define COUNTS_MS 1000
#define WAIT_MS 2000 /* for the store */
#define ILL_MS 10000

static void
say(struct jobq_request *request, bool well, const char *why)
{
	struct jobq_buf body = JOBQ_BUF_INIT;

	jobq_buf_puts(&body, well ? "{\"status\":\"healthy\"}\n"
				  : "{\"status\":\"unhealthy\",\"error\":");
	if (!well) {
		jobq_json_put_lossy(&body, why, strlen(why));
		jobq_buf_puts(&body, "}\n");
	}
	jobq_request_json(request, well ? 200 : 503, &body);
	jobq_buf_release(&body);
}

static void
heard(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_server *server = request->server;

	server->well_asked = false;
	server->well = call->status == JOBQ_OK;
	server->well_until_ms = jobq_mono_ms() + (server->well ? COUNTS_MS : 0);
	say(request, server->well, call->err.text);
}

void
jobq_health_seen(struct jobq_server *server, const struct jobq_pool_call *call)
{
	bool writes = call->verb == JOBQ_VERB_PUSH ||
		      call->verb == JOBQ_VERB_CLAIM ||
		      call->verb == JOBQ_VERB_SETTLE;

	if (writes && call->status == JOBQ_IO) {
		server->ill = call->err;
		server->ill_until_ms = jobq_mono_ms() + ILL_MS;
	} else if (call->verb == JOBQ_VERB_PUSH && call->status == JOBQ_OK) {
		server->ill_until_ms = 0;
	}
}

void
jobq_route_health(struct jobq_request *request)
{
	struct jobq_server *server = request->server;
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (server->told != NULL) {
		jobq_told_ready(server->told, request);
	} else if (server->draining) {
		say(request, false, "the server is being stopped");
	} else if (server->tool != NULL) {
		say(request, jobq_tool_is_well(server->tool),
		    "jobq-run has died and is about to be started anew");
	} else if (jobq_mono_ms() < server->ill_until_ms) {
		say(request, false, server->ill.text);
	} else if (server->well &&
		   (server->well_asked ||
		       jobq_mono_ms() < server->well_until_ms)) {
		say(request, true, NULL);
	} else {
		jobq_buf_puts(&text, "{\"by\":\"ids\",\"limit\":1,\"ids\":[]}");
		if (request->deadline_ms == 0 || request->deadline_ms > WAIT_MS)
			request->deadline_ms = WAIT_MS;
		jobq_request_call(request, JOBQ_VERB_LIST, &text, false, heard);
		server->well_asked = !request->answered;
	}
}

void
jobq_route_live(struct jobq_request *request)
{
	if (request->server->told != NULL)
		jobq_told_live(request->server->told, request);
	else
		say(request, true, NULL);
}

void
jobq_route_info(struct jobq_request *request)
{
	jobq_request_json(request, 200, &request->server->about);
}
