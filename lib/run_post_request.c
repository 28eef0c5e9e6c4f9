/* A job as a POST request. */
#include "run_post.h"

#include "http_fill.h"
#include "http_token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* --- the body ------------------------------------------------------------ */

/* {"NAME":input}, the input as it stands in the job line. */
static void
wrap(const struct jobq_task *task, struct jobq_buf *out)
{
	const char *name = task->run->options.post.wrap;
	struct jobq_span input = task->job.input;

	jobq_buf_clear(out);
	jobq_buf_putc(out, '{');
	jobq_json_put_lossy(out, name, strlen(name));
	jobq_buf_putc(out, ':');
	if (input.len > 0)
		jobq_buf_add(out, input.at, input.len);
	else
		jobq_buf_puts(out, "null");
	jobq_buf_putc(out, '}');
}

enum jobq_status
jobq_post_make(
    struct jobq_task *task, struct jobq_post_work *work, struct jobq_err *err)
{
	struct jobq_post *post = task->run->own;
	enum jobq_status status = jobq_http_fill(
	    task->run->options.post.url, &task->job, task->id, &work->url, err);

	if (status == JOBQ_OK && task->run->options.post.wrap != NULL)
		wrap(task, &work->body);
	if (status != JOBQ_OK || post->body == NULL)
		return status;
	status = jobq_jq_run(
	    post->body, task->line.data, task->line.len, &work->body, err);
	if (status == JOBQ_EMPTY)
		jobq_fail(err, JOBQ_INVALID, "it gives no value");
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "bad_body: the program of --body");
	return status == JOBQ_OK ? JOBQ_OK : JOBQ_INVALID;
}

/* --- headers ------------------------------------------------------------- */

static bool
is_header(const char *header, const char *name)
{
	size_t len = strlen(name);

	return strncasecmp(header, name, len) == 0 && header[len] == ':';
}

/* Whether --header gives one of this name. */
static bool
is_given(const struct jobq_run *run, const char *name)
{
	const struct jobq_run_post *post = &run->options.post;

	for (size_t i = 0; i < post->header_count; i++)
		if (is_header(post->headers[i], name))
			return true;
	return false;
}

static enum jobq_status
check_header(
    const struct jobq_run *run, const char *header, struct jobq_err *err)
{
	size_t name = strcspn(header, ":");

	if (name == 0 || header[name] != ':')
		return jobq_fail(err, JOBQ_CONFIG,
		    "--header: '%.80s' is not of the form 'Name: value'",
		    header);
	for (size_t i = 0; i < name; i++) {
		unsigned char c = (unsigned char)header[i];

		if (c >= 0x80 ||
		    (!isalnum(c) && strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return jobq_fail(err, JOBQ_CONFIG,
			    "--header: '%.*s' is no name of a header",
			    (int)(name < 80 ? name : 80), header);
	}
	for (const char *at = header + name; *at != '\0'; at++)
		if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
			return jobq_fail(err, JOBQ_CONFIG,
			    "--header: the value of '%.*s' has a control "
			    "character, such as a line break, in it",
			    (int)(name < 80 ? name : 80), header);
	if (is_header(header, "Content-Length") ||
	    is_header(header, "Transfer-Encoding"))
		return jobq_fail(err, JOBQ_CONFIG,
		    "--header: '%.*s' follows from the body and cannot be "
		    "given",
		    (int)name, header);
	if (run->options.post.token_file != NULL &&
	    is_header(header, "Authorization"))
		return jobq_fail(err, JOBQ_CONFIG,
		    "--header Authorization and --token-file say the same; "
		    "give one of them");
	return JOBQ_OK;
}

/* Takes one of --header into those of all requests. */
static enum jobq_status
take_header(struct jobq_run *run, const char *header, struct jobq_err *err)
{
	struct jobq_post *post = run->own;
	enum jobq_status status = check_header(run, header, err);
	const char *value = strchr(header, ':');
	size_t len;

	if (status != JOBQ_OK)
		return status;
	jobq_buf_add(&post->headers, header, (size_t)(value - header));
	value++;
	value += strspn(value, " \t");
	len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	jobq_buf_puts(&post->headers, len > 0 ? ": " : ";");
	jobq_buf_add(&post->headers, value, len);
	jobq_buf_putc(&post->headers, '\0');
	return JOBQ_OK;
}

/* Begins one of our own, unless --header has it. */
static bool
begin_header(const struct jobq_run *run, struct jobq_buf *out, const char *name)
{
	if (is_given(run, name))
		return false;
	jobq_buf_puts(out, name);
	jobq_buf_puts(out, ": ");
	return true;
}

static void
put_header(const struct jobq_run *run, struct jobq_buf *out, const char *name,
    const char *value)
{
	if (!begin_header(run, out, name))
		return;
	jobq_buf_puts(out, value);
	jobq_buf_putc(out, '\0');
}

/* The same of a value that may hold anything. */
static void
put_header_encoded(const struct jobq_run *run, struct jobq_buf *out,
    const char *name, const char *value)
{
	if (!begin_header(run, out, name))
		return;
	for (; *value != '\0'; value++) {
		if (*value > ' ' && *value < 0x7f && *value != '%')
			jobq_buf_putc(out, *value);
		else
			jobq_buf_printf(out, "%%%02X", (unsigned char)*value);
	}
	jobq_buf_putc(out, '\0');
}

static void
put_header_int(const struct jobq_run *run, struct jobq_buf *out,
    const char *name, int64_t value)
{
	if (!begin_header(run, out, name))
		return;
	jobq_buf_int(out, value);
	jobq_buf_putc(out, '\0');
}

/* A W3C trace context is made of these; what is not could be anything. */
static bool
is_trace(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) <= 128 &&
	       text[strspn(text, "0123456789abcdefABCDEF-")] == '\0';
}

/* --- the whole ----------------------------------------------------------- */

enum jobq_status
jobq_post_check(struct jobq_run *run, struct jobq_err *err)
{
	const struct jobq_run_post *options = &run->options.post;
	struct jobq_post *post = run->own;
	enum jobq_status status = jobq_http_fill_check(options->url, err);
	struct jobq_buf token = JOBQ_BUF_INIT;
	const char *trace = getenv("TRACEPARENT");

	if (status != JOBQ_OK) {
		jobq_err_prefix(err, "--post");
		return status;
	}
	put_header(run, &post->headers, "User-Agent", "jobq");
	put_header(run, &post->headers, "Content-Type", "application/json");
	for (size_t i = 0; i < options->header_count; i++) {
		status = take_header(run, options->headers[i], err);
		if (status != JOBQ_OK)
			return status;
	}
	post->trace = is_trace(trace) ? trace : NULL;
	status = jobq_http_token_put(options->token_file, &token, err);
	jobq_buf_release(&token);
	return status;
}

enum jobq_status
jobq_post_make_headers(
    struct jobq_task *task, struct jobq_post_work *work, struct jobq_err *err)
{
	struct jobq_run *run = task->run;
	struct jobq_post *post = run->own;
	const struct jobq_job *job = &task->job;
	struct jobq_buf *out = &work->headers;

	jobq_buf_clear(out);
	jobq_buf_add(out, post->headers.data, post->headers.len);
	put_header(run, out, "Jobq-Id", task->id);
	put_header_encoded(
	    run, out, "Jobq-Name", job->name != NULL ? job->name : "default");
	put_header_encoded(run, out, "Jobq-Queue",
	    job->queue != NULL ? job->queue : "default");
	put_header_int(run, out, "Jobq-Attempt",
	    job->attempt != JOBQ_ABSENT ? job->attempt : 1);
	if (job->has_lease)
		put_header_int(run, out, "Jobq-Epoch", job->epoch);
	if (begin_header(run, out, "Idempotency-Key")) {
		jobq_buf_puts(out, task->id);
		if (job->has_lease)
			jobq_buf_printf(out, ":%lld", (long long)job->epoch);
		jobq_buf_putc(out, '\0');
	}
	if (is_trace(job->trace))
		put_header(run, out, "traceparent", job->trace);
	else if (post->trace != NULL)
		put_header(run, out, "traceparent", post->trace);
	return jobq_http_token_put(run->options.post.token_file, out, err);
}
