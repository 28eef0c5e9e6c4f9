/*
 * What is known of each URL. All jobs with the same URL wait for the same
 * request, and its answer is kept until its time is over; failures are kept
 * for nobody. At most ASKED_MAX requests are on their way, others queue.
 *
 * A URL that nobody waits for any more is not asked for again, but a request
 * that is on its way may come to its end: when its job was too impatient the
 * next attempt finds the answer there. What is kept is bounded: the one whose
 * last use is longest ago goes first.
 */
#include "fetch_inside.h"

#include "clock.h"
#include "http_text.h"
#include "http_token.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define ASKED_MAX 32
#define GETS_MAX 1000		      /* beside those waited for */
#define KEPT_BYTES ((size_t)64 << 20) /* of their bodies */
#define BODY_MAX ((size_t)1 << 20)    /* of one */
#define RETRY_AFTER_MAX_MS ((int64_t)86400 * 1000)

static size_t
hash(const char *text)
{
	size_t sum = 5381;

	for (; *text != '\0'; text++)
		sum = sum * 33 ^ (unsigned char)*text;
	return sum;
}

static void
unlink_get(struct jobq_fetch_get *get)
{
	struct jobq_fetch *fetch = get->fetch;

	*(get->prev != NULL ? &get->prev->next : &fetch->newest) = get->next;
	*(get->next != NULL ? &get->next->prev : &fetch->oldest) = get->prev;
}

static void
link_newest(struct jobq_fetch_get *get)
{
	struct jobq_fetch *fetch = get->fetch;

	get->prev = NULL;
	get->next = fetch->newest;
	*(get->next != NULL ? &get->next->prev : &fetch->oldest) = get;
	fetch->newest = get;
}

/* Ends the request that is on its way, if there is one. */
static void
stop_asking(struct jobq_fetch_get *get)
{
	jobq_timer_stop(get->fetch->loop, &get->timer);
	if (get->headers.data != NULL) /* with the token in it */
		explicit_bzero(get->headers.data, get->headers.len);
	jobq_buf_clear(&get->headers);
	if (get->state == JOBQ_GET_ASKED)
		get->fetch->asked--;
	if (get->exchange != NULL)
		jobq_http_drop(get->exchange);
	get->exchange = NULL;
}

static void
forget(struct jobq_fetch_get *get)
{
	struct jobq_fetch *fetch = get->fetch;

	stop_asking(get);
	unlink_get(get);
	fetch->known--;
	if (get->state == JOBQ_GET_DONE)
		fetch->kept_bytes -= get->body.len;
	jobq_buf_release(&get->headers);
	jobq_buf_release(&get->body);
	free(get->url);
	free(get);
}

/* Makes room: what nobody waits for goes, the longest unused first. */
static void
trim(struct jobq_fetch *fetch)
{
	struct jobq_fetch_get *get = fetch->oldest;

	while (get != NULL &&
	       (fetch->known > GETS_MAX || fetch->kept_bytes > KEPT_BYTES)) {
		struct jobq_fetch_get *newer = get->prev;

		if (get->waiters == 0)
			forget(get);
		get = newer;
	}
}

void
jobq_fetch_get_leave(struct jobq_fetch_get *get)
{
	if (--get->waiters > 0)
		return;
	if (get->state == JOBQ_GET_QUEUED || get->state == JOBQ_GET_RESTS)
		forget(get);
	else
		trim(get->fetch);
}

void
jobq_fetch_get_close(struct jobq_fetch *fetch)
{
	while (fetch->newest != NULL)
		forget(fetch->newest);
}

/* --- the end of a request ------------------------------------------------ */

/* Puts what was asked for before what went wrong with it. */
static void
tell_url(struct jobq_fetch_get *get)
{
	struct jobq_buf url = JOBQ_BUF_INIT;

	jobq_http_show_url(get->url, &url);
	jobq_err_prefix(&get->why, "GET %.256s", url.data);
	jobq_buf_release(&url);
}

/* It has failed, why tells it: again later, or not at all. */
static void
failed(struct jobq_fetch_get *get, bool retry)
{
	struct jobq_fetch *fetch = get->fetch;
	int64_t wait_ms;

	stop_asking(get);
	tell_url(get);
	get->state = JOBQ_GET_RESTS;
	jobq_buf_clear(&get->body);
	if (retry && get->waiters > 0 && get->tries <= fetch->options.retries) {
		wait_ms = jobq_backoff_fail(&get->backoff);
		if (wait_ms < get->retry_after_ms)
			wait_ms = get->retry_after_ms;
		jobq_log(JOBQ_INFO, "%s; trying again in %lld ms",
		    get->why.text, (long long)wait_ms);
		jobq_timer_set(
		    fetch->loop, &get->timer, jobq_mono_ms() + wait_ms);
		return;
	}
	if (get->waiters > 0)
		jobq_log_code(JOBQ_WARNING, "fetch_failed", NULL,
		    "%s; %zu waiting jobs fail", get->why.text, get->waiters);
	get->waiters++; /* so that it stays until all have left */
	jobq_fetch_fail(get, retry);
	jobq_fetch_get_leave(get);
}

/* Whether a 2xx has a body that can be a context; says why not. */
static bool
check_body(struct jobq_fetch_get *get)
{
	struct jobq_buf *body = &get->body;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span value;
	struct jobq_err err;
	bool good;

	if (get->too_long) {
		jobq_fail(&get->why, JOBQ_INVALID,
		    "the body is longer than %zu bytes", BODY_MAX);
		return false;
	}
	good =
	    jobq_json_check(body->data, body->len, &value, &err) == JOBQ_OK &&
	    value.at[0] == '{';
	if (!good) {
		jobq_fail(&get->why, JOBQ_INVALID,
		    "the body of %zu bytes is no JSON object", body->len);
		return false;
	}
	body->len = (size_t)(value.at - body->data) + value.len;
	body->data[body->len] = '\0';
	jobq_buf_drop(body, (size_t)(value.at - body->data));
	jobq_json_flatten(body->data, body->len);
	jobq_buf_printf(&text, "[%s]", body->data); /* as deep as in a line */
	good = jobq_json_check(text.data, text.len, &value, &err) == JOBQ_OK;
	jobq_buf_release(&text);
	if (!good)
		jobq_fail(&get->why, JOBQ_INVALID,
		    "the body is nested too deeply to be a member of a line");
	return good;
}

static void
succeeded(struct jobq_fetch_get *get)
{
	struct jobq_fetch *fetch = get->fetch;

	stop_asking(get);
	jobq_log(JOBQ_DEBUG, "the context for %zu waiting jobs came: %zu bytes",
	    get->waiters, get->body.len);
	get->state = JOBQ_GET_DONE;
	get->until_ms = jobq_mono_ms() + fetch->options.ttl_ms;
	fetch->kept_bytes += get->body.len;
	get->waiters++;
	jobq_fetch_serve(get);
	jobq_fetch_get_leave(get);
}

static bool
may_help(int code)
{
	return code == 408 || code == 429 || (code >= 500 && code <= 599);
}

static void
answered(void *context, const struct jobq_http_answer *answer)
{
	struct jobq_fetch_get *get = context;
	struct jobq_fetch *fetch = get->fetch;

	get->exchange = NULL;
	get->retry_after_ms = 0;
	if (answer->status != JOBQ_OK) {
		get->why = answer->err;
		failed(get, true);
	} else if (answer->code / 100 != 2) {
		jobq_fail(&get->why, JOBQ_AGAIN, "status %d%s", answer->code,
		    answer->code / 100 == 3 ? ", and no redirect is followed"
					    : "");
		if (may_help(answer->code))
			jobq_http_retry_after(answer->headers,
			    RETRY_AFTER_MAX_MS, &get->retry_after_ms);
		failed(get, may_help(answer->code));
	} else if (!check_body(get)) {
		failed(get, false);
	} else {
		succeeded(get);
	}
	jobq_fetch_get_pump(fetch);
}

static void
bytes_came(void *context, const char *bytes, size_t len)
{
	struct jobq_fetch_get *get = context;

	if (get->too_long)
		return;
	if (len <= BODY_MAX - get->body.len) {
		jobq_buf_add(&get->body, bytes, len);
		return;
	}
	/* The exchange must not end in this call. */
	get->too_long = true;
	jobq_timer_set(get->fetch->loop, &get->timer, jobq_mono_ms());
}

static void
due(void *context)
{
	struct jobq_fetch_get *get = context;
	struct jobq_fetch *fetch = get->fetch;

	if (get->state == JOBQ_GET_RESTS) {
		get->state = JOBQ_GET_QUEUED;
	} else if (get->too_long) {
		check_body(get);
		failed(get, false);
	} else {
		int64_t ms = fetch->options.timeout_ms;

		get->retry_after_ms = 0;
		jobq_fail(&get->why, JOBQ_AGAIN,
		    "no answer within %lld.%03lld s", (long long)(ms / 1000),
		    (long long)(ms % 1000));
		failed(get, true);
	}
	jobq_fetch_get_pump(fetch);
}

/* --- its beginning ------------------------------------------------------- */

static enum jobq_status
ask(struct jobq_fetch_get *get)
{
	static const char own[] = "User-Agent: jobq\0Accept: application/json";
	struct jobq_fetch *fetch = get->fetch;
	struct jobq_http_request request = {
		.url = get->url,
		.headers = &get->headers,
		.get = true,
		.bytes = bytes_came,
		.done = answered,
		.context = get,
	};
	enum jobq_status status;

	get->tries++;
	get->too_long = false;
	jobq_buf_clear(&get->body);
	jobq_buf_puts(&get->body, "");
	jobq_buf_clear(&get->headers);
	jobq_buf_add(&get->headers, own, sizeof(own));
	status = jobq_http_token_put(
	    fetch->options.token_file, &get->headers, &get->why);
	if (status == JOBQ_OK)
		status = jobq_http_post(
		    fetch->http, &request, &get->exchange, &get->why);
	return status;
}

void
jobq_fetch_get_pump(struct jobq_fetch *fetch)
{
	struct jobq_fetch_get *get = fetch->oldest;

	while (get != NULL && fetch->asked < ASKED_MAX) {
		struct jobq_fetch_get *newer = get->prev;

		if (get->state == JOBQ_GET_QUEUED) {
			get->state = JOBQ_GET_ASKED;
			fetch->asked++;
			if (ask(get) == JOBQ_OK)
				jobq_timer_set(fetch->loop, &get->timer,
				    jobq_mono_ms() + fetch->options.timeout_ms);
			else
				failed(get, true);
		}
		get = newer;
	}
}

/* Makes it one that is to be asked for, as if for the first time. */
static void
queue(struct jobq_fetch_get *get)
{
	const struct jobq_fetch_options *options = &get->fetch->options;

	get->state = JOBQ_GET_QUEUED;
	get->tries = 0;
	get->retry_after_ms = 0;
	get->why.text[0] = '\0';
	get->backoff = (struct jobq_backoff){ options->first_ms,
		options->most_ms, 0, false };
}

static struct jobq_fetch_get *
find(struct jobq_fetch *fetch, const char *url)
{
	size_t sum = hash(url);
	struct jobq_fetch_get *get = fetch->newest;

	while (get != NULL && (get->hash != sum || strcmp(get->url, url) != 0))
		get = get->next;
	if (get != NULL) {
		unlink_get(get);
		return get;
	}
	get = jobq_xcalloc(1, sizeof(*get));
	get->fetch = fetch;
	get->url = jobq_xstrdup(url);
	get->hash = sum;
	get->timer.due = due;
	get->timer.context = get;
	fetch->known++;
	queue(get);
	return get;
}

struct jobq_fetch_get *
jobq_fetch_get_find(struct jobq_fetch *fetch, const char *url)
{
	struct jobq_fetch_get *get = find(fetch, url);

	link_newest(get);
	get->waiters++;
	if (get->state == JOBQ_GET_DONE && jobq_mono_ms() >= get->until_ms) {
		fetch->kept_bytes -= get->body.len;
		queue(get);
	}
	trim(fetch);
	return get;
}
