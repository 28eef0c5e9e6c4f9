/*
 * What becomes of a connection whose first head has come: a request goes to
 * the library as it is; who wants a WebSocket is checked before it gets one,
 * the store's word included, for afterwards there is no status to refuse it
 * with.
 */
#include "server.h"

#include "answer.h"
#include "clock.h"
#include "mem.h"
#include "watch.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define CHECK_MS 5000

/* A connection that waits to become the WebSocket of a watcher. */
struct waiting {
	struct jobq_pool_call call; /* first */
	struct jobq_server *server;
	struct jobq_arrival *arrival;
	struct jobq_buf id;
	struct jobq_watch_wish wish;
};

static void
refuse(struct jobq_server *server, struct jobq_arrival *arrival, int status,
    const char *why)
{
	struct jobq_buf answer = JOBQ_BUF_INIT;

	jobq_answer_problem(&answer, status, NULL, why, strlen(why));
	jobq_gate_refuse(server->gate, arrival, &answer);
	jobq_buf_release(&answer);
}

static void
free_waiting(struct waiting *waiting)
{
	jobq_pool_call_release(&waiting->call);
	jobq_buf_release(&waiting->id);
	free(waiting);
}

static void
checked(struct jobq_pool_call *call)
{
	struct waiting *waiting = (struct waiting *)call;
	struct jobq_server *server = waiting->server;
	const char *why = call->err.text;
	int status = 0;

	if (call->status != JOBQ_OK)
		status = jobq_answer_status(call->status);
	if (status == 0)
		status = jobq_watch_refuse(server, &why);
	if (status == 0)
		status = jobq_watch_check(
		    server, &call->answer, &waiting->wish, &why);
	if (status != 0)
		refuse(server, waiting->arrival, status, why);
	else
		jobq_web_admit(server, waiting->arrival,
		    jobq_watch_new(server, waiting->id.data, &waiting->wish));
	free_waiting(waiting);
}

/* The status to refuse it with at once, or 0; then the store is asked. */
static int
check_socket(struct waiting *waiting, const char **why, struct jobq_err *err)
{
	struct jobq_server *server = waiting->server;
	const struct jobq_door *door =
	    (const struct jobq_door *)waiting->arrival->listener;
	const struct jobq_head *head = &waiting->arrival->head;
	struct jobq_buf path = JOBQ_BUF_INIT, query = JOBQ_BUF_INIT;
	const struct jobq_route *route;
	unsigned methods;
	int status;

	jobq_target_read(head->target, &path, &query);
	route =
	    jobq_route_find(door->reach == JOBQ_REACH_HEALTH ? JOBQ_ROUTE_HEALTH
							     : server->where,
		JOBQ_GET, path.data, &waiting->id, &methods);
	status = jobq_request_check(server, door, head, route, false, why);
	if (status == 0 &&
	    (route == NULL || !(route->where & JOBQ_ROUTE_WATCH) ||
		head->method.len != 3 ||
		memcmp(head->method.at, "GET", 3) != 0)) {
		*why = "there is no WebSocket at this path";
		status = 404;
	}
	if (status == 0 &&
	    jobq_watch_read(&waiting->wish, &query, "", err) != JOBQ_OK) {
		*why = err->text;
		status = 400;
	}
	jobq_buf_release(&path);
	jobq_buf_release(&query);
	return status != 0 ? status : jobq_watch_refuse(server, why);
}

static void
open_socket(struct jobq_server *server, struct jobq_arrival *arrival)
{
	struct waiting *waiting = jobq_xcalloc(1, sizeof(*waiting));
	struct jobq_err err;
	const char *why = "";
	int status;

	waiting->server = server;
	waiting->arrival = arrival;
	waiting->wish.websocket = true;
	status = check_socket(waiting, &why, &err);
	if (status == 0) {
		waiting->call.verb = JOBQ_VERB_LIST;
		waiting->call.until_ms = jobq_mono_ms() + CHECK_MS;
		waiting->call.done = checked;
		jobq_request_put_list(&waiting->call.request, waiting->id.data);
		if (jobq_pool_put(server->pool, &waiting->call))
			return;
		status = 503;
		why = "too many requests are waiting for the store";
	}
	refuse(server, arrival, status, why);
	free_waiting(waiting);
}

void
jobq_server_arrived(void *context, struct jobq_arrival *arrival)
{
	struct jobq_server *server = context;
	const struct jobq_door *door =
	    (const struct jobq_door *)arrival->listener;

	if (arrival->head.websocket)
		open_socket(server, arrival);
	else
		jobq_http_admit(
		    server->http, jobq_gate_take(server->gate, arrival), door);
}

bool
jobq_server_gives_way(void *context, int64_t since_ms)
{
	return jobq_http_give_way(
	    ((struct jobq_server *)context)->http, since_ms);
}
