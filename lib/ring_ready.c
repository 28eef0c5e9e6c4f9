/*
 * --ready: before each claim that could take a job a URL is asked, in the
 * loop. A 2xx is good for one claim; all else, and no answer within 5 s, is an
 * error after which claiming waits.
 */
#include "ring_inside.h"

#include "clock.h"
#include "http_text.h"
#include "log.h"

#include <string.h>

#include "banned.h"

#define ANSWER_MS 5000

static void
not_ready(struct jobq_ring *ring, const char *why)
{
	struct jobq_buf url = JOBQ_BUF_INIT;

	jobq_http_show_url(ring->options->ready, &url);
	jobq_log_code(JOBQ_WARNING, "not_ready", NULL, "%s is not ready: %s",
	    url.data, why);
	jobq_buf_release(&url);
	ring->claim_from_ms =
	    jobq_mono_ms() + jobq_ring_wait(ring, &ring->worker_backoff);
}

static void
ignore(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static void
answered(void *context, const struct jobq_http_answer *answer)
{
	struct jobq_ring *ring = context;
	struct jobq_err why;

	ring->ready.asked = NULL;
	jobq_timer_stop(ring->loop, &ring->ready.late);
	ring->ready.well = answer->status == JOBQ_OK && answer->code / 100 == 2;
	if (answer->status != JOBQ_OK) {
		not_ready(ring, answer->err.text);
	} else if (!ring->ready.well) {
		jobq_fail(&why, JOBQ_AGAIN, "status %d", answer->code);
		not_ready(ring, why.text);
	}
	jobq_ring_plan(ring);
}

static void
late(void *context)
{
	struct jobq_ring *ring = context;

	jobq_http_drop(ring->ready.asked);
	ring->ready.asked = NULL;
	not_ready(ring, "it does not answer within 5 s");
	jobq_ring_plan(ring);
}

bool
jobq_ring_ready_use(struct jobq_ring *ring)
{
	struct jobq_ring_ready *ready = &ring->ready;
	struct jobq_http_request request = {
		.url = ring->options->ready,
		.headers = &ready->headers,
		.get = true,
		.bytes = ignore,
		.done = answered,
		.context = ring,
	};
	struct jobq_err why;

	if (ring->options->ready == NULL)
		return true;
	if (ready->well) {
		ready->well = false;
		return true;
	}
	if (ready->asked != NULL)
		return false;
	if (jobq_http_post(ready->http, &request, &ready->asked, &why) !=
	    JOBQ_OK)
		not_ready(ring, why.text);
	else
		jobq_timer_set(
		    ring->loop, &ready->late, jobq_mono_ms() + ANSWER_MS);
	return false;
}

enum jobq_status
jobq_ring_ready_open(struct jobq_ring *ring, struct jobq_err *err)
{
	static const char agent[] = "User-Agent: jobq";
	struct jobq_ring_ready *ready = &ring->ready;
	enum jobq_status status;

	if (ring->options->ready == NULL)
		return JOBQ_OK;
	ready->late = (struct jobq_timer){ .due = late, .context = ring };
	jobq_buf_add(&ready->headers, agent, sizeof(agent));
	status = jobq_http_open(&ready->http, ring->loop, 1, err);
	if (status == JOBQ_OK)
		status = jobq_http_check_url(ring->options->ready, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "--ready");
	return status;
}

void
jobq_ring_ready_close(struct jobq_ring *ring)
{
	struct jobq_ring_ready *ready = &ring->ready;

	if (ready->asked != NULL)
		jobq_http_drop(ready->asked);
	jobq_timer_stop(ring->loop, &ready->late);
	if (ready->http != NULL)
		jobq_http_close(ready->http);
	jobq_buf_release(&ready->headers);
}
