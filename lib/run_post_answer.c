/*
 * What an answer means: its status decides between completed, failed and
 * failed for good; of 2xx the body is the result, or what --result-map makes
 * of it, or its member of --unwrap. The body stands in the stream that a
 * process's standard output stands in, so that --result and --output-limit hold
 * for both.
 */
#include "run_post.h"

#include "http_text.h"

#include <string.h>

#include "banned.h"

#define RETRY_AFTER_MAX_MS ((int64_t)86400 * 1000)
#define SHOWN_BYTES ((size_t)256) /* of a URL, of a body in an error */

static void
fail(struct jobq_task *task, bool retry)
{
	task->outcome.failed = true;
	task->outcome.retry = retry;
}

/* Forgets the body, so that nothing of it is told as output. */
static void
drop_body(struct jobq_task *task)
{
	jobq_stream_begin(
	    &task->out, (size_t)task->run->options.output_limit_bytes);
}

/* --- texts --------------------------------------------------------------- */

/* Adds at most SHOWN_BYTES of a text, in one line. */
static void
put_line(struct jobq_buf *out, const char *text, size_t len)
{
	size_t valid;

	while (len > 0 && (unsigned char)*text <= ' ') {
		text++;
		len--;
	}
	if (len > SHOWN_BYTES) {
		len = SHOWN_BYTES;
		valid = jobq_utf8_valid(text, len);
		if (len - valid <= 3)
			len = valid; /* the cut went through a character */
	}
	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		jobq_buf_putc(
		    out, (unsigned char)text[i] < ' ' ? ' ' : text[i]);
}

static void
put_url(struct jobq_buf *out, const char *url)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;

	jobq_http_show_url(url, &shown);
	put_line(out, shown.data != NULL ? shown.data : "", shown.len);
	jobq_buf_release(&shown);
}

/* "POST to URL: status 404: the body's beginning". */
static void
tell_status(struct jobq_task *task, const struct jobq_post_work *work,
    const struct jobq_http_answer *answer)
{
	const struct jobq_buf *body = &task->out.head;
	const char *place = jobq_http_find(answer->headers, "location");
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_buf_puts(&text, "POST to ");
	put_url(&text, work->url.data);
	jobq_buf_printf(&text, ": status %d", answer->code);
	if (answer->code / 100 == 3 && place != NULL) {
		jobq_buf_puts(&text, ", a redirect to ");
		put_url(&text, place);
		jobq_buf_puts(&text, " that is not followed");
	}
	if (body->len > 0) {
		jobq_buf_puts(&text, ": ");
		put_line(&text, body->data, body->len);
	}
	jobq_fail(&task->outcome.error, JOBQ_OK, "%s", text.data);
	jobq_buf_release(&text);
}

/* Puts "POST to URL: " before what the error says. */
static void
tell_url(struct jobq_task *task, const struct jobq_post_work *work)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	put_url(&text, work->url.data);
	jobq_err_prefix(&task->outcome.error, "POST to %s", text.data);
	jobq_buf_release(&text);
}

/* --- the result ---------------------------------------------------------- */

static bool
put_json_body(const struct jobq_buf *body, struct jobq_buf *out)
{
	struct jobq_span value;

	if (jobq_json_check(body->len > 0 ? body->data : "", body->len, &value,
		NULL) != JOBQ_OK)
		return false;
	jobq_buf_add(out, value.at, value.len);
	return true;
}

/* {"status":200,"headers":{"name":"value", ...},"body":...} */
static void
put_answer(struct jobq_buf *out, const struct jobq_buf *body,
    const struct jobq_http_answer *answer)
{
	const char *name, *value;
	size_t cursor = 0;
	size_t start;

	jobq_buf_printf(out, "{\"status\":%d,\"headers\":{", answer->code);
	while (jobq_http_header(answer->headers, &cursor, &name, &value)) {
		if (out->data[out->len - 1] != '{')
			jobq_buf_putc(out, ',');
		jobq_json_put_lossy(out, name, strlen(name));
		jobq_buf_putc(out, ':');
		jobq_json_put_lossy(out, value, strlen(value));
	}
	jobq_buf_putc(out, '}');
	start = out->len;
	jobq_buf_puts(out, ",\"body\":");
	if (!put_json_body(body, out)) {
		out->len = start;
		jobq_bytes_put(
		    out, "body", body->len > 0 ? body->data : "", body->len);
	}
	jobq_buf_putc(out, '}');
}

/* What a program made must fit into an ending. */
static enum jobq_status
check_mapped(
    const struct jobq_buf *output, uint64_t limit, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span value;
	enum jobq_status status;

	if (output->len > limit)
		return jobq_fail(err, JOBQ_INVALID,
		    "its value is longer than --output-limit");
	jobq_buf_printf(&text, "[%s]", output->data); /* as deep as there */
	status = jobq_json_check(text.data, text.len, &value, err);
	jobq_buf_release(&text);
	return status;
}

/* Makes the result by the program of --result-map. */
static void
map_result(struct jobq_task *task, const struct jobq_http_answer *answer)
{
	struct jobq_post *post = task->run->own;
	struct jobq_buf *output = &task->notes.output;
	struct jobq_err *err = &task->outcome.error;
	uint64_t limit = task->run->options.output_limit_bytes;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (task->out.over_bytes > 0) {
		fail(task, false);
		jobq_fail(err, JOBQ_OK,
		    "the answer is longer than --output-limit, so "
		    "--result-map cannot have it");
		return;
	}
	put_answer(&text, &task->out.head, answer);
	status =
	    jobq_jq_run(post->result_map, text.data, text.len, output, err);
	jobq_buf_release(&text);
	drop_body(task);
	if (status == JOBQ_OK)
		status = check_mapped(output, limit, err);
	if (status == JOBQ_OK)
		return;
	jobq_buf_clear(output);
	if (status == JOBQ_EMPTY) {
		jobq_buf_puts(output, "null");
		return;
	}
	fail(task, false);
	jobq_err_prefix(err, "the program of --result-map");
}

/* The member of --unwrap, as its text stands in the body. */
static void
unwrap(struct jobq_task *task)
{
	const char *name = task->run->options.post.unwrap;
	const struct jobq_buf *body = &task->out.head;
	struct jobq_err *err = &task->outcome.error;
	struct jobq_object members = { 0 };
	const struct jobq_span *value = NULL;
	enum jobq_status status = JOBQ_OK;

	if (task->out.over_bytes > 0)
		status = jobq_fail(err, JOBQ_INVALID,
		    "the answer is longer than --output-limit");
	else
		status = jobq_object_scan(
		    &members, body->len > 0 ? body->data : "", body->len, err);
	if (status == JOBQ_OK)
		value = jobq_object_get(&members, name);
	if (value != NULL)
		jobq_json_put_flat(&task->notes.output, *value);
	else if (status == JOBQ_OK)
		status = jobq_fail(
		    err, JOBQ_INVALID, "the answer has no member '%s'", name);
	if (status != JOBQ_OK)
		fail(task, false);
	jobq_object_release(&members);
	drop_body(task);
}

/*
 * A body that is a plain JSON value is that value; all else, objects and
 * arrays too, is read as standard output is.
 */
static void
take_body(struct jobq_task *task)
{
	const struct jobq_buf *body = &task->out.head;
	enum jobq_run_result how = task->run->options.result;
	size_t at = 0;

	if (how == JOBQ_RESULT_NONE) {
		drop_body(task);
		return;
	}
	while (at < body->len && strchr(" \t\r\n", body->data[at]) != NULL)
		at++;
	if (how != JOBQ_RESULT_AUTO || task->out.over_bytes > 0 ||
	    at == body->len || body->data[at] == '{' || body->data[at] == '[')
		return;
	if (put_json_body(body, &task->notes.output))
		drop_body(task);
}

/* --- the whole ----------------------------------------------------------- */

static bool
may_help(int code)
{
	return code == 408 || code == 429 || (code >= 500 && code <= 599);
}

void
jobq_post_judge(struct jobq_task *task, const struct jobq_post_work *work,
    const struct jobq_http_answer *answer)
{
	const struct jobq_post *post = task->run->own;

	if (answer->status != JOBQ_OK) {
		drop_body(task); /* a part of it is no result */
		fail(task, true);
		task->outcome.error = answer->err;
		tell_url(task, work);
		return;
	}
	if (answer->code / 100 != 2) {
		fail(task, may_help(answer->code));
		tell_status(task, work, answer);
		if (task->outcome.retry)
			jobq_http_retry_after(answer->headers,
			    RETRY_AFTER_MAX_MS, &task->notes.retry_after_ms);
		take_body(task);
	} else if (post->result_map != NULL) {
		map_result(task, answer);
		if (task->outcome.failed)
			tell_url(task, work);
	} else if (task->run->options.post.unwrap != NULL) {
		unwrap(task);
		if (task->outcome.failed)
			tell_url(task, work);
	} else {
		take_body(task);
	}
}
