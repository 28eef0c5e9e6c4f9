/*
 * A request, from its head as the library has read it to the last byte of
 * its answer. The first head of a connection was checked by the gate; here
 * every one is looked at for what would make it another request for somebody
 * else.
 */
#include "web.h"

#include "answer.h"
#include "clock.h"
#include "mem.h"

#include <string.h>
#include <strings.h>

#include "banned.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define BODY_MS 30000
#define BODY_BYTES_PER_S 16384 /* slower than this for good is too slow */

void
jobq_web_begin(struct jobq_buf *out)
{
	static const char room[LWS_PRE];

	jobq_buf_clear(out);
	jobq_buf_add(out, room, sizeof(room));
}

void
jobq_web_answered(struct jobq_request *request)
{
	struct connection *connection = request->connection;

	request->sent = LWS_PRE;
	if (connection != NULL && !connection->dispatching)
		lws_callback_on_writable(connection->wsi);
}

void
jobq_web_request_end(struct connection *connection)
{
	struct jobq_request *request = connection->request;

	if (request == NULL)
		return;
	connection->request = NULL;
	request->connection = NULL;
	connection->server->requests--;
	if (request->calls == 0)
		jobq_request_free(request);
}

/* Writes what fits; with all of it the request is done. */
int
jobq_web_request_write(struct connection *connection)
{
	struct jobq_request *request = connection->request;
	struct jobq_buf *out = &request->out;
	size_t left = out->len - request->sent;
	size_t len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	bool closes = request->closes;

	if (lws_write(connection->wsi,
		(unsigned char *)out->data + request->sent, len,
		len == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
		return -1;
	request->sent += len;
	if (len < left) {
		lws_callback_on_writable(connection->wsi);
		return 0;
	}
	jobq_web_request_end(connection);
	if (closes)
		return -1;
	return lws_http_transaction_completed(connection->wsi) ? -1 : 0;
}

int
jobq_web_request_dispatch(struct connection *connection)
{
	struct jobq_request *request = connection->request;

	/* From here on it is not the client who is waited for. */
	lws_set_timeout(connection->wsi, NO_PENDING_TIMEOUT, 0);
	connection->dispatching = true;
	if (!request->answered)
		request->route->handle(request);
	connection->dispatching = false;
	return connection->request == request && request->answered
		   ? jobq_web_request_write(connection)
		   : 0;
}

int
jobq_web_request_body(
    struct connection *connection, const void *bytes, size_t len)
{
	struct jobq_request *request = connection->request;
	int64_t taken_ms;

	if (request == NULL)
		return -1;
	if (request->answered)
		return 0;
	jobq_buf_add(&request->body, bytes, len);
	taken_ms = jobq_mono_ms() - request->begun_ms;
	if (request->body.len <= request->body_length &&
	    taken_ms <
		BODY_MS + (int64_t)request->body.len * 1000 / BODY_BYTES_PER_S)
		return 0;
	request->closes = true;
	jobq_request_problem(
	    request, 408, NULL, "the body of the request took too long");
	return 0;
}

static void
copy_token(struct lws *wsi, enum lws_token_indexes token, struct jobq_buf *out)
{
	int len = lws_hdr_total_length(wsi, token);

	jobq_buf_clear(out);
	if (len <= 0)
		return;
	jobq_buf_reserve(out, (size_t)len + 1);
	len = lws_hdr_copy(wsi, out->data, len + 1, token);
	out->len = len < 0 ? 0 : (size_t)len;
}

static void
copy_header(struct lws *wsi, const char *name, struct jobq_buf *out)
{
	int name_len = (int)strlen(name);
	int len = lws_hdr_custom_length(wsi, name, name_len);

	jobq_buf_clear(out);
	if (len <= 0)
		return;
	jobq_buf_reserve(out, (size_t)len + 1);
	len = lws_hdr_custom_copy(wsi, out->data, len + 1, name, name_len);
	out->len = len < 0 ? 0 : (size_t)len;
}

static void
copy_query(struct lws *wsi, struct jobq_buf *out)
{
	char text[1024];
	int len;

	for (int i = 0; (len = lws_hdr_copy_fragment(wsi, text, sizeof(text),
			     WSI_TOKEN_HTTP_URI_ARGS, i)) >= 0;
	     i++)
		jobq_buf_add(out, text, strlen(text) + 1);
}

static enum lws_token_indexes
method_of(struct lws *wsi, struct jobq_request *request)
{
	static const struct {
		enum lws_token_indexes token;
		enum jobq_method method;
	} methods[] = {
		{ WSI_TOKEN_GET_URI, JOBQ_GET },
		{ WSI_TOKEN_POST_URI, JOBQ_POST },
		{ WSI_TOKEN_DELETE_URI, JOBQ_DELETE },
		{ WSI_TOKEN_HEAD_URI, JOBQ_GET },
		{ WSI_TOKEN_PUT_URI, JOBQ_OTHER },
		{ WSI_TOKEN_PATCH_URI, JOBQ_OTHER },
		{ WSI_TOKEN_OPTIONS_URI, JOBQ_OTHER },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (lws_hdr_total_length(wsi, methods[i].token) <= 0)
			continue;
		request->method = methods[i].method;
		request->head_only = methods[i].token == WSI_TOKEN_HEAD_URI;
		return methods[i].token;
	}
	request->method = JOBQ_OTHER;
	return WSI_TOKEN_GET_URI;
}

/* What would make this head another request for somebody else. */
static const char *
ambiguity(struct lws *wsi, const struct jobq_buf *path)
{
	static const enum lws_token_indexes once[] = { WSI_TOKEN_HOST,
		WSI_TOKEN_HTTP_CONTENT_LENGTH, WSI_TOKEN_ORIGIN,
		WSI_TOKEN_HTTP_AUTHORIZATION };
	char text[32];

	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++)
		if (lws_hdr_fragment_length(wsi, once[i], 1) > 0)
			return "a header stands twice that may stand once";
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return "a body in chunks is not read: send its "
		       "Content-Length";
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 &&
	    (lws_hdr_copy(
		 wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 ||
		strlen(text) > 15 || text[strspn(text, "0123456789")] != '\0'))
		return "Content-Length is no number";
	if (path->len == 0 || path->data[0] != '/' ||
	    memchr(path->data, '\0', path->len) != NULL)
		return "the path is not a plain one";
	return NULL;
}

static struct jobq_span
span_of(const struct jobq_buf *text)
{
	return (
	    struct jobq_span){ text->len == 0 ? NULL : text->data, text->len };
}

/* What the head says that handlers want. */
static void
read_request(struct lws *wsi, struct jobq_request *request)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	copy_query(wsi, &request->query);
	copy_token(wsi, WSI_TOKEN_HTTP_ACCEPT, &request->accept);
	copy_header(wsi, "idempotency-key:", &request->key);
	copy_header(wsi, "last-event-id:", &request->event_id);
	copy_header(wsi, "jobq-deadline:", &text);
	if (text.len > 0 && text.len < 10)
		jobq_int_parse(
		    text.data, 1, INT32_MAX, &request->deadline_ms, NULL);
	jobq_buf_release(&text);
}

/* The status to refuse it with, or 0. */
static int
check(struct connection *connection, struct jobq_request *request,
    const char **why)
{
	struct jobq_buf text[4] = { JOBQ_BUF_INIT };
	struct jobq_head head = { 0 };
	struct lws *wsi = connection->wsi;
	int status;

	*why = ambiguity(wsi, &request->path);
	if (*why != NULL)
		return 400;
	copy_token(wsi, WSI_TOKEN_HOST, &text[0]);
	copy_token(wsi, WSI_TOKEN_ORIGIN, &text[1]);
	copy_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, &text[2]);
	copy_header(wsi, "sec-fetch-site:", &text[3]);
	head.host = span_of(&text[0]);
	head.origin = span_of(&text[1]);
	head.authorization = span_of(&text[2]);
	head.fetch_site = span_of(&text[3]);
	status = jobq_request_check(connection->server, connection->door, &head,
	    request->route, request->method != JOBQ_GET, why);
	for (int i = 0; i < 4; i++)
		jobq_buf_release(&text[i]);
	return status;
}

static bool
is_json(struct lws *wsi)
{
	static const char json[] = "application/json";
	char type[128] = "";
	size_t len = sizeof(json) - 1;

	return lws_hdr_copy(
		   wsi, type, sizeof(type), WSI_TOKEN_HTTP_CONTENT_TYPE) > 0 &&
	       strncasecmp(type, json, len) == 0 &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

static void
refuse_method(struct jobq_request *request, unsigned methods)
{
	if (methods == 0)
		jobq_request_problem(
		    request, 404, NULL, "there is nothing at this path");
	else
		jobq_request_problem(request, 405, NULL,
		    "this path answers to %s%s%s alone",
		    methods & JOBQ_GET ? "GET" : "",
		    methods & JOBQ_POST
			? methods & JOBQ_GET ? " and POST" : "POST"
			: "",
		    methods & JOBQ_DELETE ? methods & (JOBQ_GET | JOBQ_POST)
						? " and DELETE"
						: "DELETE"
					  : "");
}

/* Refuses what can be refused before the body comes. */
static void
check_request(struct connection *connection, struct jobq_request *request)
{
	struct lws *wsi = connection->wsi;
	const struct jobq_server *server = connection->server;
	const char *why = "";
	unsigned methods = 0;
	int status;

	request->route = jobq_route_find(
	    connection->door->reach == JOBQ_REACH_HEALTH ? JOBQ_ROUTE_HEALTH
							 : server->where,
	    request->method, request->path.data, &request->id, &methods);
	status = check(connection, request, &why);
	if (status != 0) {
		request->closes = true;
		jobq_request_problem(request, status, NULL, "%s", why);
	} else if (request->route == NULL) {
		refuse_method(request, methods);
	} else if (request->body_length > request->route->body_bytes) {
		jobq_request_problem(request, 413, NULL,
		    "the body has %zu bytes; the most here is %zu",
		    request->body_length, request->route->body_bytes);
	} else if (request->method == JOBQ_POST && !is_json(wsi)) {
		jobq_request_problem(request, 415, NULL,
		    "send the header 'Content-Type: application/json'");
	}
	if (request->answered && request->body_length > 0)
		request->closes = true;
}

int
jobq_web_request_begin(struct connection *connection)
{
	struct lws *wsi = connection->wsi;
	struct jobq_request *request = jobq_xcalloc(1, sizeof(*request));
	char length[32] = "";
	int64_t bytes = 0;

	connection->request = request;
	connection->server->requests++;
	request->connection = connection;
	request->server = connection->server;
	request->reach = connection->door->reach;
	request->begun_ms = jobq_mono_ms();
	copy_token(wsi, method_of(wsi, request), &request->path);
	if (request->path.len == 0)
		jobq_buf_putc(&request->path, '/');
	if (lws_hdr_copy(
		wsi, length, sizeof(length), WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0)
		jobq_int_parse(length, 0, INT64_MAX, &bytes, NULL);
	request->body_length = (size_t)bytes;
	connection->dispatching = true;
	check_request(connection, request);
	connection->dispatching = false;
	if (request->answered)
		return jobq_web_request_write(connection);
	read_request(wsi, request);
	return request->body_length == 0 ? jobq_web_request_dispatch(connection)
					 : 0;
}
