/*
 * What becomes of a job, told by who processes it through the API of jobs:
 * started, completed, failed.
 *
 * started claims exactly this job for the worker that the body names, for a
 * day, and says in the log that it has started. So what the store knows of
 * leases holds for these jobs, too: nobody else gets one, and one whose
 * worker was never heard of again is pending again after that day.
 *
 * The two endings name neither lease nor epoch. Both stand in the log, in
 * the last "started" of the job, and that is whose ending this counts as:
 * the store compares it with what it has, as it does every ending. A body
 * that names another worker is refused before that.
 *
 * Of a log that is long beyond all use only so much is read. From there on
 * who holds the job counts as who has started it, and the epoch is found as
 * below; an ending that is told twice is then no longer known as the same.
 *
 * Each request may come again. To start a job that this worker has already
 * needs the epoch, of which the log knows the least it can be: a claim may
 * have been kept and its "started" not, when the server was killed in between.
 * So the lease is renewed for each epoch from there on, and the one that the
 * store does not call lost is it.
 */
#include "jobs_turn.h"
#include "routes.h"
#include "server.h"

#include "batch.h"
#include "detail.h"
#include "event.h"
#include "mem.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define LEASE_S 86400
#define PAGES_MOST 20 /* of a log: 10,000 events, or 80 MiB */

static void look_in_log(struct jobq_request *request);

/* Copies a string's text; "" when it does not fit or is none. */
static void
copy_text(struct jobq_span value, char *out, size_t size)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	out[0] = '\0';
	if (value.len > 0 && jobq_json_string(value, &text, NULL) == JOBQ_OK &&
	    text.len > 0 && text.len < size)
		memcpy(out, text.data, text.len + 1);
	jobq_buf_release(&text);
}

/* --- a job that was not there to be claimed, or has no start -------------- */

static void
looked(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_turn *turn = request->state;
	struct jobq_object members = { 0 };
	struct jobq_span line, state;
	struct jobq_buf why = JOBQ_BUF_INIT;
	char holder[JOBQ_NAME_MAX + 1] = "";
	size_t at = 0;
	bool running, mine, long_log = turn->pages == PAGES_MOST;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (!jobq_turn_line(&call->answer, &at, &members, &line) ||
	    jobq_line_is_event(&members)) {
		jobq_turn_unknown(request);
		jobq_object_release(&members);
		return;
	}
	state = jobq_view_member(&members, "state");
	copy_text(
	    jobq_view_inner(&members, "held.worker"), holder, sizeof(holder));
	running = jobq_span_is(state, "\"running\"");
	mine = strcmp(holder, turn->worker) == 0;
	if (long_log && running && (mine || turn->worker[0] == '\0')) {
		memcpy(turn->worker, holder, sizeof(holder));
		jobq_turn_renew(request);
	} else if (turn->kind == JOBQ_EVENT_STARTED && turn->epoch == 0 &&
		   running && mine) {
		look_in_log(request);
	} else if (running) {
		jobq_buf_puts(
		    &why, turn->kind == JOBQ_EVENT_STARTED || long_log
			      ? "was started by "
			      : "was not started yet; it is held by ");
		jobq_buf_puts(&why, holder);
		jobq_turn_conflict(request, why.data);
	} else if (turn->kind == JOBQ_EVENT_STARTED &&
		   (jobq_span_is(state, "\"pending\"") ||
		       jobq_span_is(state, "\"blocked\""))) {
		jobq_turn_conflict(request,
		    "waits, and cannot be started now: it is not due, needs "
		    "another job, or its queue is paused");
	} else {
		jobq_buf_puts(&why, "is not running: it is ");
		jobq_view_text(&why, state);
		jobq_turn_conflict(request, why.data);
	}
	jobq_buf_release(&why);
	jobq_object_release(&members);
}

static void
look(struct jobq_request *request)
{
	jobq_request_list(request, looked);
}

/* --- the log -------------------------------------------------------------- */

/* What the last "started" of the whole log leads to. */
static void
log_is_read(struct jobq_request *request)
{
	const struct jobq_turn *turn = request->state;
	struct jobq_buf why = JOBQ_BUF_INIT;
	bool mine = strcmp(turn->worker, turn->holder) == 0;

	if (turn->kind == JOBQ_EVENT_STARTED) {
		jobq_turn_renew(request);
	} else if (turn->epoch == 0) {
		look(request);
	} else if (turn->worker[0] != '\0' && !mine) {
		jobq_buf_puts(&why, "was started by ");
		jobq_buf_puts(&why, turn->holder);
		jobq_turn_conflict(request, why.data);
	} else {
		jobq_turn_settle(request);
	}
	jobq_buf_release(&why);
}

static void
read_log(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_turn *turn = request->state;
	struct jobq_object members = { 0 };
	struct jobq_span line, word, after = { NULL, 0 };
	bool more = false;
	size_t at = 0;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	while (jobq_turn_line(&call->answer, &at, &members, &line)) {
		word = jobq_view_member(&members, "event");
		if (jobq_span_is(word, "\"started\"")) {
			turn->epoch = jobq_view_int(
			    jobq_view_member(&members, "epoch"), 0);
			copy_text(jobq_view_member(&members, "worker"),
			    turn->holder, sizeof(turn->holder));
		} else if (jobq_span_is(word, "\"page\"")) {
			after = jobq_view_member(&members, "after");
			more = !jobq_span_is(
			    jobq_view_member(&members, "more"), "false");
		}
	}
	more = more && after.len > 0 && after.len < sizeof(turn->cursor);
	if (more) {
		memcpy(turn->cursor, after.at, after.len);
		turn->cursor[after.len] = '\0';
	}
	jobq_object_release(&members);
	if (more && ++turn->pages == PAGES_MOST)
		look(request);
	else if (more)
		look_in_log(request);
	else
		log_is_read(request);
}

static void
look_in_log(struct jobq_request *request)
{
	const struct jobq_turn *turn = request->state;
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_buf_printf(&text, "{\"ids\":[\"%s\"],\"since\":%s,\"limit\":%d}",
	    request->id.data, turn->cursor, JOBQ_PAGE_LINES);
	jobq_request_call(request, JOBQ_VERB_EVENTS, &text, false, read_log);
	jobq_buf_release(&text);
}

/* --- the three routes ----------------------------------------------------- */

static void
claimed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_turn *turn = request->state;
	struct jobq_object members = { 0 };
	struct jobq_span line;
	size_t at = 0;
	bool took = false;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	while (!took && jobq_turn_line(&call->answer, &at, &members, &line))
		if (!jobq_line_is_event(&members)) {
			turn->epoch = jobq_view_int(
			    jobq_view_inner(&members, "lease.epoch"), 0);
			took = true;
		}
	jobq_object_release(&members);
	if (!took) {
		look(request);
		return;
	}
	memcpy(turn->holder, turn->worker, sizeof(turn->worker));
	jobq_turn_settle(request);
}

/* Reads the worker; false when the request is answered. */
static bool
read_turn(struct jobq_request *request, enum jobq_event_kind kind,
    struct jobq_object *members)
{
	struct jobq_turn *turn = jobq_xcalloc(1, sizeof(*turn));
	struct jobq_buf text = JOBQ_BUF_INIT;
	const struct jobq_span *worker;
	bool needed = kind == JOBQ_EVENT_STARTED, good;

	request->state = turn;
	turn->kind = kind;
	turn->cursor[0] = '0';
	if (!jobq_detail_scan(request, members))
		return false;
	worker = jobq_detail_member(request, members, "worker", needed);
	good = worker != NULL ? jobq_detail_string(request, *worker, "worker",
				    1, JOBQ_NAME_MAX, &text)
			      : !needed;
	if (good && worker != NULL)
		memcpy(turn->worker, text.data, text.len + 1);
	jobq_buf_release(&text);
	return good;
}

void
jobq_route_jobs_started(struct jobq_request *request)
{
	struct jobq_object members = { 0 };
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (read_turn(request, JOBQ_EVENT_STARTED, &members)) {
		const struct jobq_turn *turn = request->state;

		jobq_buf_puts(&text, "{\"limit\":1,\"worker\":");
		jobq_json_put_string(&text, turn->worker, strlen(turn->worker));
		jobq_buf_printf(&text, ",\"lease\":%d,\"ids\":[\"%s\"]}",
		    LEASE_S, request->id.data);
		jobq_request_call(
		    request, JOBQ_VERB_CLAIM, &text, false, claimed);
	}
	jobq_object_release(&members);
	jobq_buf_release(&text);
}

void
jobq_route_jobs_completed(struct jobq_request *request)
{
	struct jobq_object members = { 0 };
	struct jobq_span coded;

	if (read_turn(request, JOBQ_EVENT_COMPLETED, &members)) {
		struct jobq_turn *turn = request->state;

		turn->value = jobq_view_member(&members, "output");
		coded = jobq_view_member(&members, "encoding");
		turn->base64 = jobq_span_is(coded, "\"base64\"") &&
			       turn->value.len > 0 && turn->value.at[0] == '"';
		look_in_log(request);
	}
	jobq_object_release(&members);
}

void
jobq_route_jobs_failed(struct jobq_request *request)
{
	struct jobq_object members = { 0 };
	struct jobq_buf text = JOBQ_BUF_INIT;
	const struct jobq_span *error;

	if (read_turn(request, JOBQ_EVENT_FAILED, &members)) {
		struct jobq_turn *turn = request->state;

		error = jobq_detail_member(request, &members, "error", true);
		if (error != NULL && jobq_detail_string(request, *error,
					 "error", 0, SIZE_MAX, &text)) {
			turn->value = *error;
			turn->retry = jobq_span_is(
			    jobq_view_member(&members, "retry"), "true");
			look_in_log(request);
		}
	}
	jobq_buf_release(&text);
	jobq_object_release(&members);
}
