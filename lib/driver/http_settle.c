/*
 * Settling at a foreign API: an ending is one request, completed or failed.
 * What became of it is remembered by id, as http_api.c tells.
 */
#include "http_api.h"

#include "event.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

static bool
is_completed(const struct jobq_asked_event *ended)
{
	return ended->kind == JOBQ_EVENT_COMPLETED;
}

/* --- what is remembered -------------------------------------------------- */

static struct jobq_remote_ending *
find(struct jobq_remote_api *api, const char *id)
{
	for (size_t i = 0; i < JOBQ_REMOTE_ENDINGS && i < api->endings; i++)
		if (api->ending[i].id != NULL &&
		    strcmp(api->ending[i].id, id) == 0)
			return &api->ending[i];
	return NULL;
}

void
jobq_remote_forget(struct jobq_remote_api *api, const char *id)
{
	struct jobq_remote_ending *ending = find(api, id);

	if (ending == NULL)
		return;
	free(ending->id);
	ending->id = NULL;
}

static void
remember(struct jobq_remote_api *api, const struct jobq_asked_event *ended,
    bool answered)
{
	struct jobq_remote_ending *ending = find(api, ended->id.data);

	if (ending == NULL) {
		ending = &api->ending[api->endings++ % JOBQ_REMOTE_ENDINGS];
		free(ending->id);
		ending->id = jobq_xstrdup(ended->id.data);
	}
	ending->completed = is_completed(ended);
	ending->answered = answered;
}

/* --- one event ----------------------------------------------------------- */

static void
answer_event(const struct jobq_asked_event *ended, const char *settled,
    struct jobq_buf *out)
{
	jobq_buf_add(out, ended->line.data, ended->line.len);
	jobq_buf_printf(out, ",\"settled\":%s", settled);
	if (jobq_event_is_ending(ended->kind) && strcmp(settled, "true") == 0)
		jobq_buf_printf(out, ",\"state\":\"%s\"",
		    is_completed(ended) ? "completed" : "failed");
	jobq_buf_puts(out, "}\n");
}

/* Leases do not run out here, so nothing of them is ever lost. */
static void
answer_alive(const struct jobq_asked_event *ended, struct jobq_buf *out)
{
	const struct jobq_span *waiting =
	    jobq_asked_get(&ended->members, "waiting");

	jobq_buf_add(out, ended->line.data, ended->line.len);
	jobq_buf_puts(out, ",\"lost\":[]");
	if (waiting != NULL && jobq_span_is(*waiting, "true"))
		jobq_buf_puts(out, ",\"started\":[]");
	jobq_buf_puts(out, "}\n");
}

static const char *
verdict(struct jobq_remote *store, const struct jobq_asked_event *ended,
    const struct jobq_remote_step *step, long code)
{
	struct jobq_remote_ending *before = find(store->api, ended->id.data);
	bool stale = jobq_remote_means(step->stale, code);

	if (code / 100 == 2)
		return "true";
	if (!stale && !jobq_remote_means(step->unknown, code))
		return NULL;
	/* It is over, and we have tried to say so: that was us. */
	if (before != NULL && !before->answered &&
	    before->completed == is_completed(ended))
		return "true";
	return stale ? "\"stale\"" : "\"unknown\"";
}

/* Sends what event.jq makes of an ending. */
static enum jobq_status
send_ending(struct jobq_remote *store, const struct jobq_asked_event *ended,
    const struct jobq_buf *body, int64_t deadline, struct jobq_buf *out,
    struct jobq_err *err)
{
	enum jobq_remote_step_name name =
	    is_completed(ended) ? JOBQ_REMOTE_COMPLETED : JOBQ_REMOTE_FAILED;
	const struct jobq_remote_step *step = &store->api->step[name];
	struct jobq_remote_answer answer;
	const char *settled = NULL;
	enum jobq_status status;

	status = jobq_remote_step(
	    store, name, ended->id.data, body, deadline, &answer, err);
	if (status == JOBQ_OK) {
		settled = verdict(store, ended, step, answer.code);
		if (settled == NULL)
			status =
			    jobq_remote_step_failed(store, name, &answer, err);
	}
	if (status == JOBQ_OK) {
		if (strcmp(settled, "true") == 0)
			remember(store->api, ended, true);
		answer_event(ended, settled, out);
	} else if (status != JOBQ_INVALID && answer.sent) {
		remember(store->api, ended, false);
	}
	jobq_remote_answer_release(&answer);
	return status;
}

static enum jobq_status
settle_ending(struct jobq_remote *store, const struct jobq_asked_event *ended,
    int64_t deadline, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_remote_ending *before = find(store->api, ended->id.data);
	struct jobq_buf body = JOBQ_BUF_INIT, line = JOBQ_BUF_INIT;
	struct jobq_span event;
	enum jobq_status status;

	if (before != NULL && before->answered) {
		answer_event(ended,
		    before->completed == is_completed(ended) ? "true"
							     : "\"stale\"",
		    out);
		return JOBQ_OK;
	}
	jobq_buf_add(&line, ended->line.data, ended->line.len);
	jobq_buf_putc(&line, '}');
	status = jobq_json_check(line.data, line.len, &event, err);
	if (status == JOBQ_OK)
		status = jobq_remote_map_event(store, event, &body, err);
	if (status == JOBQ_OK)
		status = send_ending(store, ended, &body, deadline, out, err);
	else if (status == JOBQ_EMPTY) {
		/* The API is not to be told of such an ending. */
		answer_event(ended, "true", out);
		status = JOBQ_OK;
	}
	jobq_buf_release(&line);
	jobq_buf_release(&body);
	return status;
}

static enum jobq_status
settle_event(struct jobq_remote *store, const struct jobq_asked_event *ended,
    int64_t deadline, struct jobq_buf *out, struct jobq_err *err)
{
	if (ended->kind == JOBQ_EVENT_ALIVE)
		answer_alive(ended, out);
	else if (ended->id.len == 0 || ended->epoch == 0)
		answer_event(ended, "\"unknown\"", out);
	else if (ended->epoch != 1)
		answer_event(ended, "\"stale\"", out);
	else if (jobq_event_is_ending(ended->kind))
		return settle_ending(store, ended, deadline, out, err);
	else
		answer_event(ended, "true", out);
	return JOBQ_OK;
}

enum jobq_status
jobq_remote_settle(struct jobq_remote *store, const struct jobq_object *request,
    int64_t deadline, struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *events = jobq_asked_get(request, "events");
	struct jobq_asked_event ended = { .epoch = 0 };
	enum jobq_status status = JOBQ_OK;
	struct jobq_span entry;
	size_t cursor = 0;

	while (events != NULL && status == JOBQ_OK &&
	       jobq_json_element(*events, &cursor, &entry)) {
		status = jobq_asked_event_read(&ended, entry, err);
		if (status == JOBQ_OK)
			status =
			    settle_event(store, &ended, deadline, out, err);
	}
	jobq_asked_event_release(&ended);
	return status;
}
