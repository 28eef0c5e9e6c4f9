/*
 * The result of a job: what it gave on descriptor 3, else what it wrote on
 * standard output, read as --result says. Standard output that is one JSON
 * object or array is passed on as that text; its line breaks can only stand
 * between tokens and become spaces. All else is a string without its last
 * newline, cut where its JSON text would grow over the limit, or base64 when
 * no string can hold it.
 */
#include "run_engine.h"

#include <string.h>

#include "banned.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * Puts standard output, from its first character on that is no white space,
 * as a member's value if it is one JSON value, at a depth that an ending can
 * hold.
 */
static enum jobq_status
put_json(const struct jobq_buf *from, size_t start, bool structured,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_object members = { NULL, 0, 0 };
	enum jobq_status status;
	char first;

	jobq_buf_puts(out, "{\"output\":");
	jobq_buf_add(out, from->data + start, from->len - start);
	jobq_buf_putc(out, '}');
	status = jobq_object_scan(&members, out->data, out->len, err);
	if (status == JOBQ_OK && members.count != 1)
		status = jobq_fail(err, JOBQ_INVALID, "more than one value");
	if (status == JOBQ_OK) {
		struct jobq_span value = members.member[0].value;

		first = value.at[0];
		if (structured && first != '{' && first != '[')
			status = jobq_fail(err, JOBQ_INVALID, "a plain value");
		/* The value is in the buffer already: leave only its member. */
		out->len = (size_t)(value.at + value.len - out->data);
		out->data[out->len] = '\0';
		out->data[0] = ',';
		/* Inside a string the scanner takes none. */
		for (size_t i = 0; i < out->len; i++)
			if (out->data[i] == '\n' || out->data[i] == '\r')
				out->data[i] = ' ';
	}
	if (status != JOBQ_OK)
		jobq_buf_clear(out);
	jobq_object_release(&members);
	return status;
}

/* The bytes that an item of a JSON string stands for, and its own length. */
static size_t
item(const char *text, size_t *bytes)
{
	unsigned char c = (unsigned char)text[0];

	*bytes = 1;
	if (c == '\\')
		return text[1] == 'u' ? 6 : 2;
	if (c < 0xc0)
		return 1;
	*bytes = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return *bytes;
}

/* Cuts the JSON string at from to the limit; returns the bytes dropped. */
static size_t
cut_string(struct jobq_buf *out, size_t from, size_t limit, size_t all)
{
	size_t at = from + 1;
	size_t kept = 0;

	if (out->len - from <= limit)
		return 0;
	while (out->data[at] != '"') {
		size_t bytes;
		size_t len = item(out->data + at, &bytes);

		if (at + len + 1 - from > limit)
			break;
		at += len;
		kept += bytes;
	}
	out->len = at;
	jobq_buf_putc(out, '"');
	return all - kept;
}

static void
put_text(const struct jobq_stream *stream, struct jobq_result *result)
{
	size_t limit = stream->limit_bytes;
	const char *bytes = stream->head.len > 0 ? stream->head.data : "";
	size_t len = stream->head.len;
	bool text = memchr(bytes, '\0', len) == NULL;
	size_t valid = jobq_utf8_valid(bytes, len);

	/* The limit may have cut a character; that is no reason for base64. */
	if (valid < len && (stream->over_bytes == 0 || len - valid > 3))
		text = false;
	if (text && valid < len) {
		result->dropped += len - valid;
		len = valid;
	}
	if (len > 0 && bytes[len - 1] == '\n' && stream->over_bytes == 0)
		len--;
	if (!text && len > (limit - 2) / 4 * 3) {
		result->dropped += len - (limit - 2) / 4 * 3;
		len = (limit - 2) / 4 * 3;
	}
	jobq_bytes_put(&result->text, "output", bytes, len);
	if (text)
		result->dropped += cut_string(
		    &result->text, strlen(",\"output\":"), limit, len);
}

enum jobq_status
jobq_result_make(const struct jobq_task *task, struct jobq_result *result,
    struct jobq_err *err)
{
	enum jobq_run_result how = task->run->options.result;
	const struct jobq_buf *head = &task->out.head;
	enum jobq_status status;
	size_t at = 0;

	jobq_buf_clear(&result->text);
	result->is_stdout = false;
	result->dropped = 0;
	if (task->notes.output.len > 0) {
		jobq_buf_puts(&result->text, ",\"output\":");
		jobq_buf_add(&result->text, task->notes.output.data,
		    task->notes.output.len);
		return JOBQ_OK;
	}
	if (how == JOBQ_RESULT_NONE || !task->run->handler->output_is_result)
		return JOBQ_OK;
	if (how == JOBQ_RESULT_JSON && task->out.over_bytes > 0)
		return jobq_fail(err, JOBQ_INVALID,
		    "the output is longer than --output-limit, so it is no "
		    "whole JSON text");
	result->is_stdout = true;
	while (at < head->len && is_space(head->data[at]))
		at++;
	if (how == JOBQ_RESULT_JSON ||
	    (how == JOBQ_RESULT_AUTO && task->out.over_bytes == 0 &&
		at < head->len &&
		(head->data[at] == '{' || head->data[at] == '['))) {
		status = put_json(
		    head, at, how == JOBQ_RESULT_AUTO, &result->text, err);
		if (status == JOBQ_OK)
			return JOBQ_OK;
		if (how == JOBQ_RESULT_JSON) {
			result->is_stdout = false;
			jobq_err_prefix(err, "the output is no JSON text");
			return status;
		}
	}
	put_text(&task->out, result);
	return JOBQ_OK;
}
