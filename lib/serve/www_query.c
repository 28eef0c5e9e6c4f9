#include "www.h"

#include "id.h"
#include "json.h"
#include "mem.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define NAME_MAX_BYTES 255
#define CURSOR_MAX_BYTES 200

static bool
is_name(const char *text, size_t len)
{
	if (len > NAME_MAX_BYTES || jobq_utf8_valid(text, len) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static bool
is_state(const char *text, size_t len)
{
	static const char *const states[] = { "blocked", "pending", "running",
		"completed", "failed", "cancelled" };

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strlen(states[i]) == len &&
		    memcmp(states[i], text, len) == 0)
			return true;
	return false;
}

/* A string or a number, in JSON. */
static bool
is_cursor(const char *text, size_t len)
{
	struct jobq_span value;

	return len <= CURSOR_MAX_BYTES &&
	       jobq_json_check(text, len, &value, NULL) == JOBQ_OK &&
	       value.len == len &&
	       (*text == '"' || *text == '-' || (*text >= '0' && *text <= '9'));
}

static enum jobq_status
take(struct jobq_www_query *query, const char *name, size_t name_len,
    const char *value, size_t len, struct jobq_err *err)
{
	const struct {
		const char *name;
		char **place;
		bool (*good)(const char *text, size_t len);
	} known[] = {
		{ "state", &query->state, is_state },
		{ "queue", &query->queue, is_name },
		{ "name", &query->name, is_name },
		{ "id", &query->id, jobq_id_valid },
		{ "after", &query->after, is_cursor },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strlen(known[i].name) != name_len ||
		    memcmp(known[i].name, name, name_len) != 0)
			continue;
		free(*known[i].place);
		*known[i].place = NULL;
		if (len == 0)
			return JOBQ_OK;
		if (!known[i].good(value, len))
			return jobq_fail(err, JOBQ_INVALID,
			    "no job can have what stands behind '%s=' in the "
			    "address",
			    known[i].name);
		*known[i].place = jobq_xstrndup(value, len);
	}
	return JOBQ_OK;
}

enum jobq_status
jobq_www_query_read(struct jobq_www_query *query, const struct jobq_buf *texts,
    struct jobq_err *err)
{
	const char *at = texts->data;
	const char *end = at + texts->len;
	enum jobq_status status = JOBQ_OK;

	*query = (struct jobq_www_query){ 0 };
	for (; at != NULL && at < end && status == JOBQ_OK;
	     at += strlen(at) + 1) {
		size_t name_len = strcspn(at, "=");

		if (at[name_len] == '=')
			status = take(query, at, name_len, at + name_len + 1,
			    strlen(at + name_len + 1), err);
	}
	return status;
}

void
jobq_www_query_release(struct jobq_www_query *query)
{
	free(query->state);
	free(query->queue);
	free(query->name);
	free(query->id);
	free(query->after);
	*query = (struct jobq_www_query){ 0 };
}

static void
put_text(
    struct jobq_buf *out, const char *lead, const char *text, const char *trail)
{
	jobq_buf_puts(out, lead);
	jobq_json_put_lossy(out, text, strlen(text));
	jobq_buf_puts(out, trail);
}

void
jobq_www_query_request(const struct jobq_www_query *query, struct jobq_buf *out)
{
	const char *state = query->state == NULL ? "" : query->state;
	bool walks =
	    strcmp(state, "failed") == 0 || strcmp(state, "running") == 0;

	if (query->id != NULL) {
		put_text(out, "{\"by\":\"ids\",\"why\":1,\"limit\":1,\"ids\":[",
		    query->id, "]}");
		return;
	}
	jobq_buf_printf(out, "{\"by\":\"%s\",\"limit\":%d",
	    walks ? state : "all", JOBQ_WWW_ROWS);
	if (query->state != NULL)
		put_text(out, ",\"state\":", query->state, "");
	if (query->queue != NULL)
		put_text(out, ",\"queues\":[", query->queue, "]");
	if (query->name != NULL)
		put_text(out, ",\"name\":", query->name, "");
	if (query->after != NULL)
		jobq_buf_printf(out, ",\"after\":%s", query->after);
	jobq_buf_putc(out, '}');
}

/* Adds a parameter, each byte that is not plain as %XX. */
static void
put_parameter(
    struct jobq_buf *out, bool *first, const char *name, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	if (value == NULL)
		return;
	jobq_buf_puts(out, *first ? "?" : "&amp;");
	*first = false;
	jobq_buf_puts(out, name);
	jobq_buf_putc(out, '=');
	for (; *value != '\0'; value++) {
		if (strchr(plain, *value) != NULL)
			jobq_buf_putc(out, *value);
		else
			jobq_buf_printf(out, "%%%02X", (unsigned char)*value);
	}
}

void
jobq_www_query_link(const struct jobq_www_query *query, const char *state,
    const char *after, struct jobq_buf *out)
{
	bool first = true;

	jobq_buf_puts(out, "jobs");
	put_parameter(out, &first, "state", state);
	put_parameter(out, &first, "queue", query->queue);
	put_parameter(out, &first, "name", query->name);
	put_parameter(out, &first, "after", after);
}
