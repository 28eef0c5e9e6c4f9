/*
 * The driver of HTTP: the store is a jobq-serve elsewhere, or, where the
 * adapter says so, a foreign API (http_api.c).
 *
 * A verb is a POST of the request to BASE/v1/VERB, with what is left of the
 * call's time in ms as Jobq-Deadline. 200 is the answer's lines. All else is
 * an object of RFC 9457, whose "code" is the name of a status and whose
 * "detail" says why; what is no such object is judged by the code of HTTP.
 * Lines are handed out when the whole answer came, its length told before or
 * in chunks: a connection that was cut cannot look like the end.
 *
 * A server knows nothing of how its clients were opened. One that may make a
 * store therefore asks it to, once, before the first call.
 */
#include "http_inside.h"

#include "clock.h"
#include "http_api.h"
#include "json.h"
#include "line.h"
#include "text_lines.h"

#include <stdio.h>
#include <string.h>

#include "banned.h"

/* A page may overrun its size by the line that fills it. */
#define ANSWER_BYTES (JOBQ_PAGE_BYTES + JOBQ_STAGE_MAX + 65536)

/* What a status that the server did not name is, and what may help. */
static enum jobq_status
status_of_code(long code)
{
	switch (code) {
	case 413:
		return JOBQ_INVALID;
	case 401:
	case 403:
	case 404:
	case 405:
	case 421:
		return JOBQ_CONFIG;
	case 408:
	case 429:
		return JOBQ_AGAIN;
	default:
		return code >= 500 ? JOBQ_AGAIN : JOBQ_IO;
	}
}

static const char *
advice_of_code(long code)
{
	switch (code) {
	case 401:
		return "; it wants a token: name the file with ?token_file= "
		       "or JOBQ_TOKEN_FILE";
	case 403:
		return "; it refuses who asks: look at the token file, or at "
		       "what stands between";
	case 404:
	case 405:
		return "; is it a jobq-serve?";
	case 421:
		return "; start it with --allow-host and the name by which it "
		       "is called here";
	default:
		return "";
	}
}

/* A member of a problem that is a string, cut to what an error has room for. */
static void
read_text(
    const struct jobq_object *problem, const char *name, struct jobq_buf *out)
{
	const struct jobq_span *value = jobq_object_get(problem, name);

	if (value == NULL || jobq_json_string(*value, out, NULL) != JOBQ_OK)
		jobq_buf_clear(out);
	jobq_buf_puts(out, "");
}

static enum jobq_status
say_refused(const struct jobq_remote *store,
    const struct jobq_remote_answer *answer, struct jobq_err *err)
{
	struct jobq_object problem = { 0 };
	struct jobq_buf code = JOBQ_BUF_INIT, detail = JOBQ_BUF_INIT;
	enum jobq_status status = status_of_code(answer->code);
	const char *advice = advice_of_code(answer->code);
	int named = -1;

	if (jobq_object_scan(&problem, answer->body.data, answer->body.len,
		NULL) == JOBQ_OK) {
		read_text(&problem, "code", &code);
		read_text(&problem, "detail", &detail);
		named = jobq_status_by_name(code.data);
	}
	if (named > 0)
		status = (enum jobq_status)named;
	/* Nothing helps there. */
	if (named == JOBQ_UNSUPPORTED)
		advice = "";
	if (detail.len > 0)
		jobq_fail(err, status, "%s: %s%s", store->name.data,
		    detail.data, advice);
	else
		jobq_fail(err, status, "%s: it answered %ld%s",
		    store->name.data, answer->code, advice);
	jobq_buf_release(&code);
	jobq_buf_release(&detail);
	jobq_object_release(&problem);
	return status;
}

static enum jobq_status
check_answer(const struct jobq_remote *store,
    const struct jobq_remote_answer *answer, struct jobq_err *err)
{
	static const char type[] = "application/x-ndjson";

	if (answer->code != 200)
		return say_refused(store, answer, err);
	if (strncmp(answer->type.data, type, sizeof type - 1) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s: it answered something that is no lines of JSON; is "
		    "it a jobq-serve?",
		    store->name.data);
	if (!answer->framed)
		return jobq_fail(err, JOBQ_IO,
		    "%s: whether its answer is whole cannot be told, for it "
		    "has no Content-Length and no chunks",
		    store->name.data);
	return JOBQ_OK;
}

static enum jobq_status
ask_verb(struct jobq_remote *store, const char *verb, const char *request,
    size_t len, int64_t deadline, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT, left = JOBQ_BUF_INIT;
	struct curl_slist *headers = NULL;
	struct jobq_remote_answer answer;
	struct jobq_remote_request ask = {
		.method = "POST",
		.body = request,
		.len = len,
		.most_bytes = ANSWER_BYTES,
		.deadline = deadline,
	};
	enum jobq_status status;

	jobq_buf_printf(&path, "/v1/%s", verb);
	jobq_buf_printf(&left, "Jobq-Deadline: %lld",
	    (long long)(deadline - jobq_mono_ms()));
	jobq_remote_add_header(&headers, left.data);
	ask.path = path.data;
	ask.headers = headers;
	status = jobq_remote_ask(store, &ask, &answer, err);
	if (status == JOBQ_OK)
		status = check_answer(store, &answer, err);
	if (status == JOBQ_OK)
		status = jobq_lines_hand_out(
		    (struct jobq_lines){ answer.body.data, answer.body.len },
		    store->name.data, line, context, err);
	jobq_remote_answer_release(&answer);
	curl_slist_free_all(headers);
	jobq_buf_release(&left);
	jobq_buf_release(&path);
	return status;
}

static enum jobq_status
http_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_remote *store = handle;
	enum jobq_status status = JOBQ_OK;

	if (store->api != NULL)
		return jobq_remote_api_call(
		    store, verb, request, len, deadline, line, context, err);
	if (store->mode == JOBQ_STORE_CREATE && !store->made &&
	    strcmp(verb, "init") != 0)
		status =
		    ask_verb(store, "init", "{}", 2, deadline, NULL, NULL, err);
	if (status == JOBQ_OK) {
		store->made = true;
		status = ask_verb(
		    store, verb, request, len, deadline, line, context, err);
	}
	return status;
}

static int
http_fd(void *handle)
{
	struct jobq_remote *store = handle;

	return store->settings.listens && store->api == NULL
		   ? jobq_remote_ear_fd(store)
		   : -1;
}

static void
http_heard(void *handle)
{
	jobq_remote_ear_turn(handle);
}

static bool
http_listens(void *handle)
{
	const struct jobq_remote *store = handle;

	return store->ear.up && jobq_adapter_hints(store->adapter, "push");
}

static const char *
http_library(void)
{
	static char text[32];

	snprintf(text, sizeof text, "libcurl %s",
	    curl_version_info(CURLVERSION_NOW)->version);
	return text;
}

extern const struct jobq_driver jobq_driver;

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "http",
	.needs_adapter = true,
	.library = http_library,
	.open = jobq_remote_open,
	.call = http_call,
	.fd = http_fd,
	.heard = http_heard,
	.listens = http_listens,
	.close = jobq_remote_close,
};
