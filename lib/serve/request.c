#include "answer.h"
#include "server.h"

#include "clock.h"
#include "mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define CALL_MS 10000 /* of the store, unless the client says less */

/* A call on its way, with what is to be done then. */
struct asked {
	struct jobq_pool_call call; /* first */
	struct jobq_request *request;
	jobq_called_fn *done;
};

void
jobq_request_answer(struct jobq_request *request, int status, const char *type,
    const char *body, size_t len, const char *more)
{
	if (request->answered)
		return;
	request->answered = true;
	/* Who asks for a worker's health keeps no descriptor of it. */
	if (request->server->draining || request->server->told != NULL)
		request->closes = true;
	jobq_answer_head(&request->out, status, type,
	    status == 204 || status == 304 ? -1 : (long long)len,
	    !request->closes, more);
	if (len > 0 && !request->head_only)
		jobq_buf_add(&request->out, body, len);
	if (!request->dispatching)
		jobq_http_answered(request);
}

void
jobq_request_json(
    struct jobq_request *request, int status, const struct jobq_buf *body)
{
	jobq_request_answer(
	    request, status, "application/json", body->data, body->len, NULL);
}

void
jobq_request_problem(struct jobq_request *request, int status, const char *code,
    const char *format, ...)
{
	struct jobq_buf detail = JOBQ_BUF_INIT;
	struct jobq_buf body = JOBQ_BUF_INIT;
	const char *more = NULL;
	va_list args;

	va_start(args, format);
	jobq_buf_vprintf(&detail, format, args);
	va_end(args);
	jobq_answer_problem_body(&body, status, code, detail.data, detail.len);
	if (status == 401)
		more = "WWW-Authenticate: Bearer\r\n";
	else if (status == 429 || status == 503)
		more = "Retry-After: 1\r\n";
	jobq_request_answer(request, status, "application/problem+json",
	    body.data, body.len, more);
	jobq_buf_release(&body);
	jobq_buf_release(&detail);
}

void
jobq_request_failed(struct jobq_request *request, enum jobq_status status,
    const struct jobq_err *err)
{
	jobq_request_problem(request, jobq_answer_status(status),
	    jobq_status_name(status), "%s", err->text);
}

static void
called(struct jobq_pool_call *call)
{
	struct asked *asked = (struct asked *)call;
	struct jobq_request *request = asked->request;

	asked->done(request, call);
	jobq_pool_call_release(call);
	free(asked);
	request->calls--;
	if (request->calls == 0 && request->connection == NULL)
		jobq_request_free(request);
}

void
jobq_request_call(struct jobq_request *request, enum jobq_verb verb,
    struct jobq_buf *text, bool grouped, jobq_called_fn *done)
{
	struct asked *asked = jobq_xcalloc(1, sizeof(*asked));
	int64_t most = request->deadline_ms;

	asked->call.verb = verb;
	asked->call.request = *text;
	*text = (struct jobq_buf)JOBQ_BUF_INIT;
	asked->call.grouped = grouped;
	asked->call.until_ms =
	    jobq_mono_ms() + (most > 0 && most < CALL_MS ? most : CALL_MS);
	asked->call.done = called;
	asked->request = request;
	asked->done = done;
	request->calls++;
	if (jobq_pool_put(request->server->pool, &asked->call))
		return;
	request->calls--;
	jobq_pool_call_release(&asked->call);
	free(asked);
	jobq_request_problem(request, 503, "again",
	    "too many requests are waiting for the store; try again");
}

void
jobq_request_put_list(struct jobq_buf *out, const char *id)
{
	jobq_buf_printf(
	    out, "{\"by\":\"ids\",\"limit\":1,\"ids\":[\"%s\"]}", id);
}

void
jobq_request_list(struct jobq_request *request, jobq_called_fn *done)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_request_put_list(&text, request->id.data);
	jobq_request_call(request, JOBQ_VERB_LIST, &text, false, done);
}

int
jobq_request_check(const struct jobq_server *server,
    const struct jobq_door *door, const struct jobq_head *head,
    const struct jobq_route *route, bool changes, const char **why)
{
	struct jobq_guarded guarded = {
		.reach = door->reach,
		.is_unix = door->listener.is_unix,
		.changes = changes,
		.websocket = head->websocket,
		.open = route != NULL && route->where & JOBQ_ROUTE_OPEN,
		.host = head->host,
		.origin = head->origin,
		.fetch_site = head->fetch_site,
		.authorization = head->authorization,
	};

	return jobq_guard_check(&server->guard, &guarded, why);
}

void
jobq_request_free(struct jobq_request *request)
{
	if (request == NULL)
		return;
	request->server->body_bytes -= request->reserved;
	jobq_buf_release(&request->path);
	jobq_buf_release(&request->id);
	jobq_buf_release(&request->query);
	jobq_buf_release(&request->key);
	jobq_buf_release(&request->event_id);
	jobq_buf_release(&request->accept);
	jobq_buf_release(&request->known);
	jobq_buf_release(&request->body);
	jobq_buf_release(&request->out);
	free(request->state);
	free(request);
}
