#include "detail.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* What was given is shown up to here; a whole body need not go back. */
#define SHOWN_BYTES ((size_t)4096)

static const struct jobq_span nothing = { NULL, 0 };

static void
put_string(struct jobq_buf *out, const char *text)
{
	jobq_json_put_lossy(out, text, strlen(text));
}

void
jobq_detail_add(struct jobq_buf *out, const char *type, const char *loc,
    const char *member, const char *msg, struct jobq_span input)
{
	jobq_buf_puts(out, out->len == 0 ? "{\"detail\":[" : ",");
	jobq_buf_printf(out, "{\"type\":\"%s\",\"loc\":[\"%s\"", type, loc);
	if (member != NULL) {
		jobq_buf_putc(out, ',');
		put_string(out, member);
	}
	jobq_buf_puts(out, "],\"msg\":");
	put_string(out, msg);
	jobq_buf_puts(out, ",\"input\":");
	if (input.at != NULL && input.len <= SHOWN_BYTES)
		jobq_buf_add(out, input.at, input.len);
	else
		jobq_buf_puts(out, "null");
	jobq_buf_putc(out, '}');
}

void
jobq_detail_send(struct jobq_request *request, struct jobq_buf *out)
{
	jobq_buf_puts(out, "]}\n");
	jobq_request_json(request, 422, out);
}

void
jobq_detail_answer(struct jobq_request *request, const char *type,
    const char *loc, const char *member, const char *msg,
    struct jobq_span input)
{
	struct jobq_buf body = JOBQ_BUF_INIT;

	jobq_detail_add(&body, type, loc, member, msg, input);
	jobq_detail_send(request, &body);
	jobq_buf_release(&body);
}

/* Where the scanner's "byte N" stands, counted from 0, and what it says. */
static void
answer_no_json(struct jobq_request *request, const struct jobq_err *err)
{
	const char *at = strstr(err->text, "byte ");
	unsigned long byte = at == NULL ? 1 : strtoul(at + 5, NULL, 10);
	struct jobq_buf body = JOBQ_BUF_INIT;

	jobq_buf_printf(&body,
	    "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",%lu],"
	    "\"msg\":\"JSON decode error\",\"input\":{},\"ctx\":{\"error\":",
	    byte == 0 ? 0 : byte - 1);
	put_string(&body, err->text);
	jobq_buf_puts(&body, "}}");
	jobq_detail_send(request, &body);
	jobq_buf_release(&body);
}

bool
jobq_detail_scan(struct jobq_request *request, struct jobq_object *members)
{
	const struct jobq_buf *body = &request->body;
	struct jobq_span value;
	struct jobq_err err;

	if (body->len == 0)
		jobq_detail_answer(request, "missing", "body", NULL,
		    "Field required", nothing);
	else if (jobq_json_check(body->data, body->len, &value, &err) !=
		 JOBQ_OK)
		answer_no_json(request, &err);
	else if (jobq_object_scan(members, value.at, value.len, NULL) !=
		 JOBQ_OK)
		jobq_detail_answer(request, "model_attributes_type", "body",
		    NULL,
		    "Input should be a valid dictionary or object to extract "
		    "fields from",
		    value);
	else
		return true;
	return false;
}

const struct jobq_span *
jobq_detail_member(struct jobq_request *request,
    const struct jobq_object *members, const char *name, bool needed)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	if (value != NULL && (needed || !jobq_span_is(*value, "null")))
		return value;
	if (needed)
		jobq_detail_answer(request, "missing", "body", name,
		    "Field required",
		    (struct jobq_span){
			request->body.data, request->body.len });
	return NULL;
}

bool
jobq_detail_string(struct jobq_request *request, struct jobq_span value,
    const char *name, size_t least, size_t most, struct jobq_buf *out)
{
	struct jobq_buf msg = JOBQ_BUF_INIT;

	jobq_buf_clear(out);
	if (jobq_json_string(value, out, NULL) != JOBQ_OK) {
		jobq_detail_answer(request, "string_type", "body", name,
		    "Input should be a valid string", value);
		return false;
	}
	if (out->len >= least && out->len <= most)
		return true;
	jobq_buf_printf(
	    &msg, "String should have %zu to %zu bytes", least, most);
	jobq_detail_answer(request,
	    out->len < least ? "string_too_short" : "string_too_long", "body",
	    name, msg.data, value);
	jobq_buf_release(&msg);
	return false;
}
