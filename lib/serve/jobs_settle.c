/*
 * The last step of every request of jobs_turn.c: what it tells becomes an
 * event of the store, and what the store says of that becomes the answer.
 */
#include "jobs_turn.h"
#include "server.h"

#include "batch.h"
#include "detail.h"
#include "view.h"

#include <string.h>

#include "banned.h"

#define EPOCHS_TRIED 100 /* the most pairs of one renewal */

void
jobq_turn_conflict(struct jobq_request *request, const char *why)
{
	jobq_request_problem(
	    request, 409, "stale", "job %s %s", request->id.data, why);
}

void
jobq_turn_unknown(struct jobq_request *request)
{
	jobq_request_problem(
	    request, 404, "unknown", "there is no job with this id");
}

bool
jobq_turn_line(const struct jobq_buf *answer, size_t *at,
    struct jobq_object *members, struct jobq_span *line)
{
	while (*at < answer->len) {
		const char *from = answer->data + *at;
		const char *end = memchr(from, '\n', answer->len - *at);
		size_t len =
		    end == NULL ? answer->len - *at : (size_t)(end - from);

		*at += len + 1;
		*line = (struct jobq_span){ from, len };
		if (jobq_object_scan(members, from, len, NULL) == JOBQ_OK)
			return true;
	}
	return false;
}

/* --- settling ------------------------------------------------------------- */

static void
say_done(struct jobq_request *request, struct jobq_span state)
{
	const struct jobq_turn *turn = request->state;
	struct jobq_buf body = JOBQ_BUF_INIT;

	jobq_buf_printf(&body, "{\"id\":\"%s\",\"status\":", request->id.data);
	if (state.len > 0)
		jobq_buf_add(&body, state.at, state.len);
	else
		jobq_buf_printf(&body, "\"%s\"",
		    turn->kind == JOBQ_EVENT_STARTED
			? "running"
			: jobq_event_name(turn->kind));
	if (turn->kind == JOBQ_EVENT_STARTED) {
		jobq_buf_puts(&body, ",\"worker\":");
		jobq_json_put_string(&body, turn->worker, strlen(turn->worker));
	}
	jobq_buf_puts(&body, "}\n");
	jobq_request_json(request, 200, &body);
	jobq_buf_release(&body);
}

static void
settled(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_object members = { 0 };
	struct jobq_span line, said = { NULL, 0 };
	size_t at = 0;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (jobq_turn_line(&call->answer, &at, &members, &line))
		said = jobq_view_member(&members, "settled");
	if (jobq_span_is(said, "true"))
		say_done(request, jobq_view_member(&members, "state"));
	else if (jobq_span_is(said, "\"unknown\""))
		jobq_turn_unknown(request);
	else if (jobq_span_is(said, "\"stale\""))
		jobq_turn_conflict(
		    request, "is not running, or it has ended in another way");
	else
		jobq_request_problem(request, 501, "unsupported",
		    "the store does not keep what is told of a job");
	jobq_object_release(&members);
}

/* Adds the line of what is told, with its closing brace. */
static void
put_event(const struct jobq_request *request, struct jobq_buf *out)
{
	const struct jobq_turn *turn = request->state;
	bool failed = turn->kind == JOBQ_EVENT_FAILED;

	/* Numbered, so that a start that is told again is known as the same. */
	jobq_event_begin(out, turn->kind, request->id.data, turn->epoch,
	    turn->holder, turn->kind == JOBQ_EVENT_STARTED ? 1 : JOBQ_ABSENT);
	if (failed)
		jobq_buf_puts(
		    out, turn->retry ? ",\"retry\":true" : ",\"retry\":false");
	if (turn->value.len > 0) {
		jobq_buf_puts(out, failed	  ? ",\"error\":"
				   : turn->base64 ? ",\"base64\":"
						  : ",\"output\":");
		jobq_buf_add(out, turn->value.at, turn->value.len);
	}
	jobq_buf_putc(out, '}');
	jobq_json_flatten(out->data, out->len);
}

void
jobq_turn_settle(struct jobq_request *request)
{
	struct jobq_event event = { 0 };
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT, text = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };

	put_event(request, &line);
	if (jobq_object_scan(&event.members, line.data, line.len, &err) !=
		JOBQ_OK ||
	    jobq_event_read(&event, line.data, line.len, &err) != JOBQ_OK) {
		jobq_detail_answer(request, "value_error", "body", NULL,
		    err.text, (struct jobq_span){ NULL, 0 });
	} else {
		jobq_batch_init(&batch, "events");
		jobq_batch_event(&batch, &event, 0);
		jobq_buf_puts(&text, "{\"events\":[");
		jobq_buf_add(&text, batch.text.data, batch.text.len);
		jobq_buf_puts(&text, "]}");
		jobq_batch_release(&batch);
		jobq_request_call(
		    request, JOBQ_VERB_SETTLE, &text, false, settled);
	}
	jobq_buf_release(&text);
	jobq_buf_release(&line);
	jobq_event_release(&event);
}

/* --- a job that this worker has already ----------------------------------- */

/* The first of the epochs that are tried. */
static int64_t
first_epoch(const struct jobq_turn *turn)
{
	return turn->epoch < 1 ? 1 : turn->epoch;
}

/* The first epoch that is not among the lost. */
static void
renewed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_turn *turn = request->state;
	struct jobq_object members = { 0 };
	struct jobq_span line, pair, part, lost = { NULL, 0 };
	bool gone[EPOCHS_TRIED] = { false };
	size_t at = 0, cursor = 0, inner;
	int64_t epoch, first = first_epoch(turn), i = 0;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (jobq_turn_line(&call->answer, &at, &members, &line))
		lost = jobq_view_member(&members, "lost");
	while (lost.len > 0 && jobq_json_element(lost, &cursor, &pair)) {
		inner = 0;
		if (jobq_json_element(pair, &inner, &part) &&
		    jobq_json_element(pair, &inner, &part) &&
		    jobq_json_int(part, &epoch, NULL) == JOBQ_OK &&
		    epoch >= first && epoch - first < EPOCHS_TRIED)
			gone[epoch - first] = true;
	}
	while (i < EPOCHS_TRIED && gone[i])
		i++;
	if (lost.len > 0 && i < EPOCHS_TRIED) {
		turn->epoch = first + i;
		memcpy(turn->holder, turn->worker, sizeof(turn->worker));
		jobq_turn_settle(request);
	} else {
		jobq_turn_conflict(
		    request, "was claimed under this name elsewhere");
	}
	jobq_object_release(&members);
}

void
jobq_turn_renew(struct jobq_request *request)
{
	const struct jobq_turn *turn = request->state;
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT, text = JOBQ_BUF_INIT;

	jobq_event_begin(&line, JOBQ_EVENT_ALIVE, NULL, JOBQ_ABSENT,
	    turn->worker, JOBQ_ABSENT);
	for (int i = 0; i < EPOCHS_TRIED; i++)
		jobq_buf_printf(&line, "%s[\"%s\",%lld]",
		    i == 0 ? ",\"jobs\":[" : ",", request->id.data,
		    (long long)first_epoch(turn) + i);
	jobq_buf_puts(&line, "]}");
	jobq_batch_init(&batch, "events");
	jobq_batch_own_event(&batch, line.data, line.len);
	jobq_buf_puts(&text, "{\"events\":[");
	jobq_buf_add(&text, batch.text.data, batch.text.len);
	jobq_buf_puts(&text, "]}");
	jobq_request_call(request, JOBQ_VERB_SETTLE, &text, false, renewed);
	jobq_batch_release(&batch);
	jobq_buf_release(&text);
	jobq_buf_release(&line);
}
