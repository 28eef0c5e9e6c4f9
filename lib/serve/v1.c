/*
 * POST /v1/VERB: the store's verbs as they are. A request is read strictly
 * before the store gets it: what a line of a job or an event says is made
 * into the request anew, by the code that makes those of our own commands, so
 * that nobody can hand the store a line that is none, or one that says
 * something else than the members beside it.
 */
#include "routes.h"
#include "server.h"

#include "answer.h"
#include "batch.h"
#include "event.h"
#include "job.h"

#include <string.h>

#include "banned.h"

/* Those that are work; the doctor's are for who stands at the store. */
static const enum jobq_verb verbs[] = { JOBQ_VERB_INIT, JOBQ_VERB_PUSH,
	JOBQ_VERB_LIST, JOBQ_VERB_CLAIM, JOBQ_VERB_SETTLE, JOBQ_VERB_CANCEL,
	JOBQ_VERB_RETRY, JOBQ_VERB_STATS, JOBQ_VERB_EVENTS, JOBQ_VERB_REAP,
	JOBQ_VERB_PRUNE, JOBQ_VERB_PAUSE, JOBQ_VERB_RESUME, JOBQ_VERB_CHECK };

/*
 * The kept line of an element, whole again in out. When it is due stands
 * beside it alone; run_at_ms may be NULL.
 */
static enum jobq_status
read_line(struct jobq_span element, struct jobq_object *members,
    struct jobq_buf *out, int64_t *run_at_ms, struct jobq_err *err)
{
	const struct jobq_span *line, *run_at;
	enum jobq_status status =
	    jobq_object_scan(members, element.at, element.len, err);

	if (status != JOBQ_OK)
		return status;
	run_at = jobq_object_get(members, "run_at_ms");
	if (run_at != NULL && run_at_ms != NULL)
		status = jobq_json_int(*run_at, run_at_ms, err);
	if (status != JOBQ_OK)
		return status;
	line = jobq_object_get(members, "line");
	if (line == NULL)
		return jobq_fail(err, JOBQ_INVALID, "there is no \"line\"");
	jobq_buf_clear(out);
	status = jobq_json_string(*line, out, err);
	if (status == JOBQ_OK) {
		jobq_buf_putc(out, '}');
		status = jobq_object_scan(members, out->data, out->len, err);
	}
	return status;
}

static enum jobq_status
add_job(struct jobq_batch *batch, struct jobq_span element,
    struct jobq_buf *text, struct jobq_err *err)
{
	struct jobq_job job = { 0 };
	int64_t run_at_ms = JOBQ_ABSENT;
	enum jobq_status status =
	    read_line(element, &job.members, text, &run_at_ms, err);

	if (status == JOBQ_OK)
		status = jobq_job_read(&job, text->data, text->len, err);
	job.run_at_ms = run_at_ms;
	if (status == JOBQ_OK)
		jobq_batch_job(batch, &job, 0);
	jobq_job_release(&job);
	return status;
}

static enum jobq_status
add_event(struct jobq_batch *batch, struct jobq_span element,
    struct jobq_buf *text, struct jobq_err *err)
{
	struct jobq_event event = { 0 };
	enum jobq_status status =
	    read_line(element, &event.members, text, NULL, err);

	if (status == JOBQ_OK)
		status = jobq_event_read(&event, text->data, text->len, err);
	if (status == JOBQ_OK)
		jobq_batch_event(batch, &event, 0);
	jobq_event_release(&event);
	return status;
}

/* Adds the array anew, with its brackets. */
static enum jobq_status
remake(struct jobq_span array, bool jobs, struct jobq_buf *out,
    struct jobq_err *err)
{
	struct jobq_batch batch;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span element;
	enum jobq_status status = JOBQ_OK;
	size_t cursor = 0;

	if (array.at[0] != '[')
		return jobq_fail(err, JOBQ_INVALID, "\"%s\" is no array",
		    jobs ? "jobs" : "events");
	jobq_batch_init(&batch, jobs ? "jobs" : "events");
	while (
	    status == JOBQ_OK && jobq_json_element(array, &cursor, &element)) {
		if (batch.count >= JOBQ_PAGE_LINES)
			status = jobq_fail(err, JOBQ_INVALID,
			    "more than %d lines in one request",
			    JOBQ_PAGE_LINES);
		else
			status = (jobs ? add_job : add_event)(
			    &batch, element, &text, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "\"%s\", element %zu",
			    jobs ? "jobs" : "events", batch.count + 1);
	}
	if (status == JOBQ_OK) {
		jobq_buf_putc(out, '[');
		jobq_buf_add(out, batch.text.data, batch.text.len);
		jobq_buf_putc(out, ']');
	}
	jobq_batch_release(&batch);
	jobq_buf_release(&text);
	return status;
}

/* Adds the request with its lines made anew and all else as it came. */
static enum jobq_status
read_request(const struct jobq_buf *body, enum jobq_verb verb,
    struct jobq_buf *out, struct jobq_err *err)
{
	static const char *const lines[] = { "jobs", "events", NULL };
	struct jobq_object members = { 0 };
	const struct jobq_span *jobs, *events;
	enum jobq_status status =
	    jobq_object_scan(&members, body->data, body->len, err);
	bool some;

	if (status != JOBQ_OK) {
		jobq_object_release(&members);
		return status;
	}
	jobs = jobq_object_get(&members, "jobs");
	events = jobq_object_get(&members, "events");
	some = jobq_line_strip(&members, lines, out);
	if (verb == JOBQ_VERB_PUSH && jobs != NULL) {
		jobq_buf_puts(out, some ? ",\"jobs\":" : "\"jobs\":");
		some = true;
		status = remake(*jobs, true, out, err);
	}
	if (status == JOBQ_OK && events != NULL &&
	    (verb == JOBQ_VERB_SETTLE || verb == JOBQ_VERB_CLAIM)) {
		jobq_buf_puts(out, some ? ",\"events\":" : "\"events\":");
		status = remake(*events, false, out, err);
	}
	jobq_buf_putc(out, '}');
	jobq_object_release(&members);
	return status;
}

static void
answer(struct jobq_request *request, struct jobq_pool_call *call)
{
	if (call->status != JOBQ_OK)
		jobq_request_failed(request, call->status, &call->err);
	else
		jobq_request_answer(request, 200, "application/x-ndjson",
		    call->answer.data, call->answer.len, NULL);
}

void
jobq_route_verb(struct jobq_request *request)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_err err;
	enum jobq_status status;
	size_t i = 0, count = sizeof(verbs) / sizeof(*verbs);

	while (i < count &&
	       strcmp(jobq_verb_name(verbs[i]), request->id.data) != 0)
		i++;
	if (i == count) {
		jobq_request_problem(request, 404, "unsupported",
		    "there is no verb '%s'", request->id.data);
		return;
	}
	if (request->body.len == 0)
		jobq_buf_puts(&request->body, "{}");
	status = read_request(&request->body, verbs[i], &text, &err);
	if (status == JOBQ_OK)
		jobq_request_call(request, verbs[i], &text, false, answer);
	else
		jobq_request_failed(request, status, &err);
	jobq_buf_release(&text);
	jobq_buf_release(&request->body);
}
