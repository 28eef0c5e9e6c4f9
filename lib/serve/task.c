#include "task.h"

#include "batch.h"
#include "clock.h"
#include "detail.h"
#include "event.h"
#include "job.h"
#include "key.h"
#include "mem.h"
#include "moment.h"
#include "routes.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define PAGES_MOST 100 /* of events, to find the last of them */

static const struct {
	const char *state, *status;
	bool ends;
} statuses[] = {
	{ "\"running\"", "running", false },
	{ "\"completed\"", "done", true },
	{ "\"cancelled\"", "stopped", true },
	{ "\"failed\"", "failed", true },
};

const char *
jobq_task_status(const struct jobq_span *state)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (state != NULL && jobq_span_is(*state, statuses[i].state))
			return statuses[i].status;
	return "queued";
}

bool
jobq_task_ended(const char *status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (strcmp(status, statuses[i].status) == 0)
			return statuses[i].ends;
	return false;
}

int64_t
jobq_task_ended_for(const struct jobq_object *job)
{
	const char *status = jobq_task_status(jobq_object_get(job, "state"));
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span at;
	int64_t at_ms, for_ms = -1;

	if (!jobq_task_ended(status))
		return -1;
	if (jobq_json_path(job, "ended.at", 8, &at) &&
	    jobq_json_string(at, &text, NULL) == JOBQ_OK &&
	    jobq_time_parse(text.data, &at_ms, NULL) == JOBQ_OK) {
		for_ms = jobq_wall_ms() - at_ms;
		for_ms = for_ms < 0 ? 0 : for_ms;
	}
	jobq_buf_release(&text);
	return for_ms;
}

/* --- POST /tasks ---------------------------------------------------------- */

struct wanted {
	const char *member;
	char first; /* of its text: what type it has */
	bool needed;
	const char *type, *message;
};

static void
check_member(const struct jobq_object *task, struct jobq_span whole,
    const struct wanted *wanted, struct jobq_buf *faults)
{
	const struct jobq_span *value = jobq_object_get(task, wanted->member);

	if (value == NULL && !wanted->needed)
		return;
	if (value == NULL)
		jobq_detail_add(faults, "missing", "body", wanted->member,
		    "Field required", whole);
	else if (value->at[0] != wanted->first &&
		 (wanted->needed || !jobq_span_is(*value, "null")))
		jobq_detail_add(faults, wanted->type, "body", wanted->member,
		    wanted->message, *value);
}

static bool
check_task(const struct jobq_object *task, struct jobq_span whole,
    struct jobq_buf *faults)
{
	static const char string[] = "Input should be a valid string";
	static const struct wanted wanted[] = {
		{ "project", '"', true, "string_type", string },
		{ "type", '"', true, "string_type", string },
		{ "command", '"', false, "string_type", string },
		{ "params", '{', true, "dict_type",
		    "Input should be a valid dictionary" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		check_member(task, whole, &wanted[i], faults);
	return faults->len == 0;
}

static void
put_job(const struct jobq_object *task, const char *id, struct jobq_buf *out)
{
	static const char *const kept[] = { "project", "type", "command",
		"params" };
	const struct jobq_span *type = jobq_object_get(task, "type");

	jobq_buf_printf(out, "{\"id\":\"%s\",\"name\":", id);
	jobq_buf_add(out, type->at, type->len);
	jobq_buf_printf(out, ",\"input\":{\"task_id\":\"%s\"", id);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		const struct jobq_span *value = jobq_object_get(task, kept[i]);

		if (value == NULL)
			continue;
		jobq_buf_printf(out, ",\"%s\":", kept[i]);
		jobq_buf_add(out, value->at, value->len);
	}
	jobq_buf_puts(out, "}}");
}

static void
pushed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_object job = { 0 };
	struct jobq_buf body = JOBQ_BUF_INIT;
	const struct jobq_span *id;
	struct jobq_err err = call->err;
	enum jobq_status status = call->status;

	if (status == JOBQ_OK)
		status = jobq_object_scan(
		    &job, call->answer.data, call->answer.len, &err);
	id = status == JOBQ_OK ? jobq_object_get(&job, "id") : NULL;
	if (id == NULL) {
		jobq_request_failed(request, status, &err);
	} else {
		jobq_buf_puts(&body, "{\"task_id\":");
		jobq_buf_add(&body, id->at, id->len);
		jobq_buf_printf(&body, ",\"status\":\"%s\"}\n",
		    jobq_task_status(jobq_object_get(&job, "state")));
		jobq_request_json(request, 200, &body);
	}
	jobq_buf_release(&body);
	jobq_object_release(&job);
}

static void
push(struct jobq_request *request, const struct jobq_object *task)
{
	struct jobq_job job = { 0 };
	struct jobq_buf line = JOBQ_BUF_INIT, text = JOBQ_BUF_INIT;
	struct jobq_batch batch;
	struct jobq_span entry;
	struct jobq_err err;
	char id[JOBQ_UUID_SIZE];
	enum jobq_status status;

	jobq_batch_init(&batch, "jobs");
	jobq_key_id(request->key.data, request->key.len, id);
	put_job(task, id, &line);
	status = jobq_object_scan(&job.members, line.data, line.len, &err);
	if (status == JOBQ_OK)
		status = jobq_job_read(&job, line.data, line.len, &err);
	if (status == JOBQ_OK) {
		jobq_batch_job(&batch, &job, 0);
		entry = jobq_batch_text(&batch, batch.entry);
		jobq_buf_add(&text, entry.at, entry.len);
		jobq_request_call(request, JOBQ_VERB_PUSH, &text, true, pushed);
	} else {
		jobq_detail_answer(request, "value_error", "body", "type",
		    err.text, *jobq_object_get(task, "type"));
	}
	jobq_batch_release(&batch);
	jobq_job_release(&job);
	jobq_buf_release(&line);
	jobq_buf_release(&text);
}

void
jobq_route_task_push(struct jobq_request *request)
{
	const struct jobq_buf *body = &request->body;
	struct jobq_object task = { 0 };
	struct jobq_buf faults = JOBQ_BUF_INIT;

	if (jobq_detail_scan(request, &task)) {
		if (check_task(&task,
			(struct jobq_span){ body->data, body->len }, &faults))
			push(request, &task);
		else
			jobq_detail_send(request, &faults);
	}
	jobq_buf_release(&faults);
	jobq_object_release(&task);
}

/* --- GET /tasks/{id} ------------------------------------------------------ */

/* What is known of a task so far, the state of its request. */
struct known {
	struct jobq_buf body;
	char *update; /* JSON text; NULL: none yet */
	char *code;   /* the exit code, JSON text */
	int pages;
};

static void
release(struct known *known)
{
	jobq_buf_release(&known->body);
	free(known->update);
	free(known->code);
	known->update = known->code = NULL;
}

static void
answer_task(struct jobq_request *request)
{
	struct known *known = request->state;

	jobq_buf_printf(&known->body, ",\"last_update\":%s,\"exit\":%s}\n",
	    known->update == NULL ? "null" : known->update,
	    known->code == NULL ? "null" : known->code);
	jobq_request_json(request, 200, &known->body);
}

static void
ask_events(
    struct jobq_request *request, const char *since, jobq_called_fn *called)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_buf_printf(&text, "{\"ids\":[\"%s\"],\"since\":%s,\"limit\":500}",
	    request->id.data, since);
	jobq_request_call(request, JOBQ_VERB_EVENTS, &text, false, called);
	jobq_buf_release(&text);
}

/* Keeps of an event what a task shows: the last line, the last exit. */
static void
keep_event(struct known *known, const struct jobq_moment *moment,
    const struct jobq_object *members)
{
	const struct jobq_span *code = jobq_object_get(members, "exit");
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (code != NULL) {
		free(known->code);
		known->code = jobq_xstrndup(code->at, code->len);
	}
	if (jobq_moment_last_line(moment, &text)) {
		free(known->update);
		known->update = jobq_buf_detach(&text);
	}
	jobq_buf_release(&text);
}

static void
seen(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct known *known = request->state;
	struct jobq_moment moment = { 0 };
	struct jobq_event event = { 0 };
	struct jobq_lines lines = { call->answer.data, call->answer.len };
	struct jobq_span line;
	struct jobq_page_end end = { 0 };
	char since[32];

	while (call->status == JOBQ_OK && jobq_lines_next(&lines, &line))
		if (!jobq_page_end_read(line, &end) &&
		    jobq_moment_read(&moment, &event, line))
			keep_event(known, &moment, &event.members);
	jobq_moment_release(&moment);
	jobq_event_release(&event);
	if (call->status == JOBQ_OK && end.more &&
	    ++known->pages < PAGES_MOST) {
		snprintf(since, sizeof(since), "%lld", (long long)end.after);
		ask_events(request, since, seen);
		return;
	}
	if (call->status == JOBQ_OK)
		answer_task(request);
	else
		jobq_request_failed(request, call->status, &call->err);
	release(known);
}

static void
put_input(struct jobq_buf *out, const struct jobq_object *job, const char *path,
    const char *name, const struct jobq_span *otherwise)
{
	struct jobq_span value;

	jobq_buf_printf(out, ",\"%s\":", name);
	if (!jobq_json_path(job, path, strlen(path), &value)) {
		if (otherwise == NULL) {
			jobq_buf_puts(out, "null");
			return;
		}
		value = *otherwise;
	}
	jobq_buf_add(out, value.at, value.len);
}

static void
found(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_object job = { 0 };
	struct known *known;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
	} else if (call->answer.len == 0 ||
		   jobq_object_scan(&job, call->answer.data,
		       strcspn(call->answer.data, "\n"), NULL) != JOBQ_OK) {
		jobq_request_problem(request, 404, NULL,
		    "there is no task '%s'", request->id.data);
	} else {
		request->state = known = jobq_xcalloc(1, sizeof(*known));
		jobq_buf_printf(
		    &known->body, "{\"task_id\":\"%s\"", request->id.data);
		put_input(&known->body, &job, "input.project", "project", NULL);
		put_input(&known->body, &job, "input.type", "type",
		    jobq_object_get(&job, "name"));
		jobq_buf_printf(&known->body, ",\"status\":\"%s\"",
		    jobq_task_status(jobq_object_get(&job, "state")));
		put_input(&known->body, &job, "ended.error", "error", NULL);
		ask_events(request, "0", seen);
	}
	jobq_object_release(&job);
}

void
jobq_route_task(struct jobq_request *request)
{
	jobq_request_list(request, found);
}

/* --- DELETE /tasks/{id} --------------------------------------------------- */

static void
cancelled(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_object answer = { 0 };
	struct jobq_buf body = JOBQ_BUF_INIT;
	const struct jobq_span *was = NULL;
	const char *status;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (jobq_object_scan(&answer, call->answer.data,
		strcspn(call->answer.data, "\n"), NULL) == JOBQ_OK)
		was = jobq_object_get(&answer, "was");
	status = jobq_task_status(was);
	if (was == NULL || jobq_span_is(*was, "\"unknown\"")) {
		jobq_request_problem(request, 404, NULL,
		    "there is no task '%s'", request->id.data);
	} else if (jobq_task_ended(status) && strcmp(status, "stopped") != 0) {
		jobq_request_problem(request, 409, NULL,
		    "task '%s' has ended already: it is %s", request->id.data,
		    status);
	} else {
		jobq_buf_printf(&body,
		    "{\"task_id\":\"%s\",\"status\":\"%s\"}\n",
		    request->id.data,
		    strcmp(status, "running") == 0 ? "running" : "stopped");
		jobq_request_json(request, 200, &body);
	}
	jobq_buf_release(&body);
	jobq_object_release(&answer);
}

void
jobq_route_task_stop(struct jobq_request *request)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_buf_printf(&text,
	    "{\"ids\":[\"%s\"],\"reason\":\"stopped by a client\"}",
	    request->id.data);
	jobq_request_call(request, JOBQ_VERB_CANCEL, &text, false, cancelled);
	jobq_buf_release(&text);
}
