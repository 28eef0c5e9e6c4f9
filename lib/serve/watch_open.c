/*
 * A stream of events ends with its task. A browser's EventSource connects
 * again after any end, naming the last event it has; only an answer of 204
 * keeps it from that (WHATWG HTML, section 9.2.3). So one that comes back to
 * a task that has ended, and has seen all of it, gets that answer.
 */
#include "watch.h"

#include "clock.h"
#include "mem.h"
#include "moment.h"
#include "routes.h"
#include "server.h"
#include "task.h"
#include "target.h"

#include <string.h>

#include "banned.h"

enum jobq_status
jobq_watch_read(struct jobq_watch_wish *wish, const struct jobq_buf *query,
    const char *event_id, struct jobq_err *err)
{
	const char *format = jobq_target_find(query, "format");
	const char *since = jobq_target_find(query, "since");

	if (*event_id != '\0')
		since = event_id;
	if (since != NULL &&
	    jobq_int_parse(since, 0, INT64_MAX, &wish->since, NULL) != JOBQ_OK)
		return jobq_fail(err, JOBQ_INVALID,
		    "since is the seq of an event, a whole number");
	wish->json = format != NULL && strcmp(format, "json") == 0;
	if (format != NULL && !wish->json && strcmp(format, "plain") != 0)
		return jobq_fail(err, JOBQ_INVALID, "format is plain or json");
	return JOBQ_OK;
}

int
jobq_watch_refuse(const struct jobq_server *server, const char **why)
{
	if (server->draining)
		*why = "the server is being stopped";
	else if (server->watchers >= server->watchers_most)
		*why = "there are as many watchers as --max-watchers, or the "
		       "limit of descriptors, allows";
	else
		return 0;
	return 503;
}

int
jobq_watch_check(const struct jobq_server *server,
    const struct jobq_buf *answer, struct jobq_watch_wish *wish,
    const char **why)
{
	struct jobq_object job = { 0 };
	int64_t ended_for = -1;
	bool there = answer->len > 0 &&
		     jobq_object_scan(&job, answer->data,
			 strcspn(answer->data, "\n"), NULL) == JOBQ_OK &&
		     jobq_object_get(&job, "id") != NULL;

	if (there)
		ended_for = jobq_task_ended_for(&job);
	jobq_object_release(&job);
	wish->ended = ended_for >= 0;
	if (!there)
		*why = "there is no such task";
	else if (ended_for > server->options->history_ms)
		*why = "the task has ended so long ago that its history is "
		       "over";
	else
		return 0;
	return 404;
}

static void
open_stream(struct jobq_request *request, const struct jobq_watch_wish *wish)
{
	struct jobq_channel *channel;
	const char *why;
	int status = jobq_watch_refuse(request->server, &why);

	if (status != 0) {
		jobq_request_problem(request, status, NULL, "%s", why);
		return;
	}
	channel = jobq_watch_new(request->server, request->id.data, wish);
	if (!jobq_http_stream(request, channel))
		channel->kind->gone(channel->context);
}

static void
looked(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_lines lines = { call->answer.data, call->answer.len };
	struct jobq_page_end end;
	struct jobq_span line;

	if (call->status != JOBQ_OK)
		jobq_request_failed(request, call->status, &call->err);
	else if (jobq_lines_next(&lines, &line) &&
		 jobq_page_end_read(line, &end))
		jobq_request_answer(request, 204, NULL, NULL, 0, NULL);
	else
		open_stream(request, request->state);
}

/* Asks whether there is an event behind the one that the client has. */
static void
look(struct jobq_request *request, const struct jobq_watch_wish *wish)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_watch_wish *kept = jobq_xcalloc(1, sizeof(*kept));

	*kept = *wish;
	request->state = kept;
	jobq_buf_printf(&text, "{\"ids\":[\"%s\"],\"since\":%lld,\"limit\":1}",
	    request->id.data, (long long)wish->since);
	jobq_request_call(request, JOBQ_VERB_EVENTS, &text, false, looked);
	jobq_buf_release(&text);
}

static void
found(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_watch_wish wish = { 0 };
	const char *why = "";
	struct jobq_err err;
	int status = 0;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (jobq_watch_read(&wish, &request->query,
		request->event_id.len == 0 ? "" : request->event_id.data,
		&err) != JOBQ_OK) {
		status = 400;
		why = err.text;
	}
	if (status == 0)
		status = jobq_watch_check(
		    request->server, &call->answer, &wish, &why);
	if (status != 0)
		jobq_request_problem(request, status, NULL, "%s", why);
	else if (wish.ended && request->event_id.len > 0)
		look(request, &wish);
	else
		open_stream(request, &wish);
}

void
jobq_route_task_events(struct jobq_request *request)
{
	jobq_request_list(request, found);
}

/* Only a connection of its own becomes a WebSocket: enter.c opens it. */
void
jobq_route_task_watch(struct jobq_request *request)
{
	jobq_request_problem(request, 426, NULL,
	    "this path is for a WebSocket, on a connection of its own");
}
