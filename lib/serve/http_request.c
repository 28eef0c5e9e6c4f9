/*
 * What a head says of a request, and what is refused before its body comes.
 */
#include "answer.h"
#include "clock.h"
#include "http_inside.h"
#include "routes.h"
#include "target.h"

#include <string.h>
#include <strings.h>

#include "banned.h"

#define BODIES_BYTES ((size_t)256 << 20)

static void
copy(struct jobq_buf *out, struct jobq_span span)
{
	if (span.at != NULL)
		jobq_buf_add(out, span.at, span.len);
}

static bool
is(struct jobq_span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static void
read_method(struct jobq_request *request, struct jobq_span method)
{
	request->head_only = is(method, "HEAD");
	request->method = is(method, "GET") || request->head_only ? JOBQ_GET
			  : is(method, "POST")			  ? JOBQ_POST
			  : is(method, "DELETE")		  ? JOBQ_DELETE
								  : JOBQ_OTHER;
}

static void
read_head(struct jobq_request *request, const struct jobq_head *head)
{
	char number[32] = "";
	int64_t bytes = 0;

	read_method(request, head->method);
	request->closes = head->closes;
	request->chunked = head->chunked;
	jobq_target_read(head->target, &request->path, &request->query);
	copy(&request->key, head->key);
	copy(&request->event_id, head->event_id);
	copy(&request->accept, head->accept);
	copy(&request->known, head->known);
	if (head->length.len > 0) {
		memcpy(number, head->length.at, head->length.len);
		jobq_int_parse(number, 0, INT64_MAX, &bytes, NULL);
	}
	request->body_length = (size_t)bytes;
	if (head->deadline.len > 0 && head->deadline.len < 10) {
		memset(number, 0, sizeof(number));
		memcpy(number, head->deadline.at, head->deadline.len);
		jobq_int_parse(
		    number, 1, INT32_MAX, &request->deadline_ms, NULL);
	}
}

static void
refuse_method(struct jobq_request *request, unsigned methods)
{
	struct jobq_buf names = JOBQ_BUF_INIT;
	static const struct {
		enum jobq_method method;
		const char *name;
	} known[] = { { JOBQ_GET, "GET" }, { JOBQ_POST, "POST" },
		{ JOBQ_DELETE, "DELETE" } };

	if (methods == 0) {
		jobq_request_problem(
		    request, 404, NULL, "there is nothing at this path");
		return;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (methods & known[i].method)
			jobq_buf_printf(&names, "%s%s",
			    names.len == 0 ? "" : " and ", known[i].name);
	jobq_request_problem(
	    request, 405, NULL, "this path answers to %s alone", names.data);
	jobq_buf_release(&names);
}

static bool
is_json(struct jobq_span type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	return type.len >= len && strncasecmp(type.at, json, len) == 0 &&
	       (type.len == len || type.at[len] == ';' || type.at[len] == ' ');
}

/* All bodies that are here or on their way together have a bound, too. */
static void
reserve(struct jobq_request *request)
{
	struct jobq_server *server = request->server;
	size_t bytes = request->chunked ? request->route->body_bytes
					: request->body_length;

	if (server->body_bytes + bytes > BODIES_BYTES) {
		jobq_request_problem(request, 503, "again",
		    "the bodies of other requests fill the room for them; try "
		    "again");
		return;
	}
	request->reserved = bytes;
	server->body_bytes += bytes;
}

/* Whether it changes something that must not be changed here. */
static bool
is_forbidden(const struct jobq_request *request)
{
	return request->server->options->read_only &&
	       request->method != JOBQ_GET &&
	       !(request->route->handle == jobq_route_verb &&
		   jobq_verb_reads(request->id.data));
}

/* Refuses what can be refused before the body comes. */
static void
check(struct jobq_request *request, const struct jobq_door *door,
    const struct jobq_head *head)
{
	const struct jobq_server *server = request->server;
	const char *why = "";
	unsigned methods = 0;
	int status;

	request->route =
	    jobq_route_find(door->reach == JOBQ_REACH_HEALTH ? JOBQ_ROUTE_HEALTH
							     : server->where,
		request->method, request->path.data, &request->id, &methods);
	status = jobq_request_check(server, door, head, request->route,
	    request->method != JOBQ_GET, &why);
	if (status != 0)
		jobq_request_problem(request, status, NULL, "%s", why);
	else if (head->upgrade.at != NULL)
		jobq_request_problem(request, 501, NULL,
		    "only a new connection can become a WebSocket, and nothing "
		    "else is upgraded to");
	else if (request->route == NULL)
		refuse_method(request, methods);
	else if (is_forbidden(request))
		jobq_request_problem(
		    request, 403, "unsupported", "%s", JOBQ_READ_ONLY);
	else if (server->draining && !(request->route->where & JOBQ_ROUTE_OPEN))
		jobq_request_problem(request, 503, "again",
		    "the server is being stopped; ask another, or later");
	else if (request->body_length > request->route->body_bytes)
		jobq_request_problem(request, 413, NULL,
		    "the body has %zu bytes; the most here is %zu",
		    request->body_length, request->route->body_bytes);
	else if (request->method == JOBQ_POST && !is_json(head->type))
		jobq_request_problem(request, 415, NULL,
		    "send the header 'Content-Type: application/json'");
	else
		reserve(request);
}

void
jobq_http_read(struct jobq_request *request, const struct jobq_door *door,
    const struct jobq_head *head)
{
	request->reach = door->reach;
	read_head(request, head);
	/* The body of what is refused is not wanted any more. */
	if (request->body_length > 0 || request->chunked)
		request->closes = true;
	check(request, door, head);
	if (!request->answered)
		request->closes = head->closes;
}
