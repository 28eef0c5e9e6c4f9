/*
 * The API of jobs that a job processor polls: what there is to do
 * (GET /api/jobs), new work (POST /api/jobs), and one job. What becomes of a
 * job is told by jobs_turn.c.
 *
 * A job of this API is a job of the store; its entry in a list is made from
 * the listed line, of which every free value keeps its text.
 */
#include "routes.h"
#include "server.h"

#include "batch.h"
#include "detail.h"
#include "job.h"
#include "key.h"
#include "clock.h"
#include "view.h"
#include "target.h"

#include <string.h>

#include "banned.h"

#define LIMIT 100
#define QUERY_MOST 512 /* bytes of a value of the query */

static const struct jobq_span nothing = { NULL, 0 };

/* What lists know, and how a store is asked for it. */
static const struct {
	const char *name, *by, *state;
} statuses[] = {
	/* What a processor could start now, in the order of claims. */
	{ "pending", "ready", NULL },
	{ "blocked", "all", "blocked" },
	{ "running", "running", "running" },
	{ "completed", "all", "completed" },
	{ "cancelled", "all", "cancelled" },
	{ "failed", "failed", "failed" },
};

#define STATUSES (sizeof(statuses) / sizeof(*statuses))

/* --- lists ---------------------------------------------------------------- */

static void
put_member(struct jobq_buf *out, const char *name, struct jobq_span value)
{
	if (value.len == 0)
		return;
	jobq_buf_printf(out, ",\"%s\":", name);
	jobq_buf_add(out, value.at, value.len);
}

/* Adds the entry of a listed job. */
static void
put_entry(struct jobq_buf *out, const struct jobq_object *members)
{
	static const char *const same[] = { "name", "queue", "priority",
		"attempt", "max_attempts", "run_at" };
	struct jobq_span id = jobq_view_member(members, "id");
	struct jobq_span input = jobq_view_member(members, "input");

	jobq_buf_puts(out, "{\"id\":");
	jobq_buf_add(out, id.at, id.len);
	put_member(out, "status", jobq_view_member(members, "state"));
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		put_member(out, same[i], jobq_view_member(members, same[i]));
	put_member(out, "created_at", jobq_view_member(members, "pushed_at"));
	put_member(out, "worker", jobq_view_inner(members, "held.worker"));
	put_member(out, "ended_at", jobq_view_inner(members, "ended.at"));
	put_member(out, "error", jobq_view_inner(members, "ended.error"));
	put_member(out, "meta", jobq_view_member(members, "meta"));
	if (input.len == 0)
		jobq_buf_puts(out, ",\"input\":null");
	else
		put_member(out, "input", input);
	jobq_buf_putc(out, '}');
}

/* Adds a value of a query, whatever is not plain as %XX. */
static void
put_encoded(struct jobq_buf *out, const char *text, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\0' && strchr(plain, c) != NULL)
			jobq_buf_putc(out, (char)c);
		else
			jobq_buf_printf(out, "%%%02X", c);
	}
}

/* Adds the header that leads to the next page. */
static void
put_link(const struct jobq_request *request, struct jobq_span after,
    struct jobq_buf *out)
{
	static const char *const kept[] = { "status", "queue", "name",
		"limit" };

	jobq_buf_puts(out, "Link: </api/jobs?");
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		const char *value = jobq_target_find(&request->query, kept[i]);

		if (value == NULL)
			continue;
		jobq_buf_printf(out, "%s=", kept[i]);
		put_encoded(out, value, strlen(value));
		jobq_buf_putc(out, '&');
	}
	jobq_buf_puts(out, "after=");
	put_encoded(out, after.at, after.len);
	jobq_buf_puts(out, ">; rel=\"next\"\r\n");
}

/*
 * Adds the entries of an answer of the verb list, with commas between them;
 * returns how many. link gets the header for the next page.
 */
static size_t
put_entries(const struct jobq_request *request, const struct jobq_buf *answer,
    struct jobq_buf *out, struct jobq_buf *link)
{
	struct jobq_object members = { 0 };
	const char *at = answer->data, *end = at + answer->len, *stop;
	size_t count = 0;

	for (; at != NULL && at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		if (jobq_object_scan(&members, at, (size_t)(stop - at), NULL) !=
		    JOBQ_OK)
			continue;
		if (jobq_line_is_event(&members)) {
			struct jobq_span after =
			    jobq_view_member(&members, "after");

			if (after.len > 0)
				put_link(request, after, link);
			continue;
		}
		jobq_buf_puts(out, count++ == 0 ? "" : ",\n");
		put_entry(out, &members);
	}
	jobq_object_release(&members);
	return count;
}

static void
listed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_buf body = JOBQ_BUF_INIT, link = JOBQ_BUF_INIT;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	jobq_buf_putc(&body, '[');
	put_entries(request, &call->answer, &body, &link);
	jobq_buf_puts(&body, "]\n");
	jobq_request_answer(request, 200, "application/json", body.data,
	    body.len, link.len == 0 ? NULL : link.data);
	jobq_buf_release(&link);
	jobq_buf_release(&body);
}

static void
refuse_query(struct jobq_request *request, const char *name, const char *msg)
{
	struct jobq_buf given = JOBQ_BUF_INIT;
	const char *value = jobq_target_find(&request->query, name);

	jobq_json_put_lossy(&given, value, strlen(value));
	jobq_detail_answer(request, "value_error", "query", name, msg,
	    (struct jobq_span){ given.data, given.len });
	jobq_buf_release(&given);
}

/* Adds ,"member":"value" of the query, in [ ] where it is a list's. */
static bool
put_text(struct jobq_request *request, const char *name, const char *before,
    const char *behind, struct jobq_buf *out)
{
	const char *value = jobq_target_find(&request->query, name);
	size_t len = value == NULL ? 0 : strlen(value);

	if (len == 0)
		return true;
	if (len > QUERY_MOST || jobq_utf8_valid(value, len) != len) {
		refuse_query(request, name, "no job can have this");
		return false;
	}
	jobq_buf_puts(out, before);
	jobq_json_put_string(out, value, len);
	jobq_buf_puts(out, behind);
	return true;
}

/* The cursor is a value of JSON, as the Link of the page before has it. */
static bool
put_after(struct jobq_request *request, struct jobq_buf *out)
{
	const char *value = jobq_target_find(&request->query, "after");
	struct jobq_span span;

	if (value == NULL)
		return true;
	if (strlen(value) > QUERY_MOST ||
	    jobq_json_check(value, strlen(value), &span, NULL) != JOBQ_OK ||
	    span.at[0] == '{' || span.at[0] == '[') {
		refuse_query(request, "after",
		    "this is not the cursor that a Link gave");
		return false;
	}
	put_member(out, "after", span);
	return true;
}

void
jobq_route_jobs_list(struct jobq_request *request)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	const char *status = jobq_target_find(&request->query, "status");
	const char *limit = jobq_target_find(&request->query, "limit");
	int64_t lines = LIMIT;
	size_t i = 0;

	while (status != NULL && i < STATUSES &&
	       strcmp(statuses[i].name, status) != 0)
		i++;
	if (i == STATUSES) {
		refuse_query(request, "status",
		    "Input should be pending, blocked, running, completed, "
		    "cancelled or failed");
	} else if (limit != NULL && jobq_int_parse(limit, 1, JOBQ_PAGE_LINES,
					&lines, NULL) != JOBQ_OK) {
		refuse_query(
		    request, "limit", "Input should be a number from 1 to 500");
	} else {
		jobq_buf_printf(&text, "{\"by\":\"%s\",\"limit\":%lld",
		    status == NULL ? "all" : statuses[i].by, (long long)lines);
		if (status != NULL && statuses[i].state != NULL)
			jobq_buf_printf(
			    &text, ",\"state\":\"%s\"", statuses[i].state);
		if (put_text(request, "queue", ",\"queues\":[", "]", &text) &&
		    put_text(request, "name", ",\"name\":", "", &text) &&
		    put_after(request, &text)) {
			jobq_buf_putc(&text, '}');
			jobq_request_call(
			    request, JOBQ_VERB_LIST, &text, false, listed);
		}
	}
	jobq_buf_release(&text);
}

static void
shown(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_buf body = JOBQ_BUF_INIT, link = JOBQ_BUF_INIT;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	if (put_entries(request, &call->answer, &body, &link) == 1) {
		jobq_buf_putc(&body, '\n');
		jobq_request_json(request, 200, &body);
	} else {
		jobq_request_problem(
		    request, 404, "unknown", "there is no job with this id");
	}
	jobq_buf_release(&link);
	jobq_buf_release(&body);
}

void
jobq_route_jobs_one(struct jobq_request *request)
{
	jobq_request_list(request, shown);
}

/* --- new jobs ------------------------------------------------------------- */

static void
pushed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_object members = { 0 };
	struct jobq_buf body = JOBQ_BUF_INIT, more = JOBQ_BUF_INIT;
	struct jobq_span id, state;
	const char *end;

	if (call->status != JOBQ_OK) {
		jobq_request_failed(request, call->status, &call->err);
		return;
	}
	end = call->answer.len == 0
		  ? NULL
		  : memchr(call->answer.data, '\n', call->answer.len);
	if (end == NULL ||
	    jobq_object_scan(&members, call->answer.data,
		(size_t)(end - call->answer.data), NULL) != JOBQ_OK) {
		jobq_request_problem(request, 500, "io",
		    "the store did not say which job it has kept");
		jobq_object_release(&members);
		return;
	}
	id = jobq_view_member(&members, "id");
	state = jobq_view_member(&members, "state");
	jobq_buf_printf(&body, "{\"id\":%.*s,\"status\":%.*s}\n", (int)id.len,
	    id.at, (int)state.len, state.at);
	jobq_buf_puts(&more, "Location: /api/jobs/");
	jobq_view_text(&more, id);
	jobq_buf_puts(&more, "\r\n");
	jobq_request_answer(
	    request, 201, "application/json", body.data, body.len, more.data);
	jobq_buf_release(&more);
	jobq_buf_release(&body);
	jobq_object_release(&members);
}

/*
 * The line of the job: the body, in one line, and the id that its
 * Idempotency-Key makes in place of its own.
 */
static void
put_line(const struct jobq_request *request, const struct jobq_object *members,
    struct jobq_buf *out)
{
	static const char *const drop[] = { "id", NULL };
	struct jobq_buf rest = JOBQ_BUF_INIT;
	char id[JOBQ_UUID_SIZE];

	if (request->key.len == 0) {
		jobq_buf_add(out, request->body.data, request->body.len);
	} else {
		jobq_key_id(request->key.data, request->key.len, id);
		jobq_buf_printf(out, "{\"id\":\"%s\"", id);
		if (jobq_line_strip(members, drop, &rest)) {
			jobq_buf_putc(out, ',');
			jobq_buf_add(out, rest.data + 1, rest.len - 1);
		}
		jobq_buf_putc(out, '}');
		jobq_buf_release(&rest);
	}
	jobq_json_flatten(out->data, out->len);
}

/* Makes the element of a push; the request is answered where it cannot be. */
static bool
read_job(struct jobq_request *request, struct jobq_buf *out)
{
	struct jobq_job job = { 0 };
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT;
	struct jobq_err err;
	bool good =
	    jobq_detail_scan(request, &job.members) &&
	    jobq_detail_member(request, &job.members, "input", true) != NULL;

	if (good) {
		put_line(request, &job.members, &line);
		good =
		    jobq_object_scan(&job.members, line.data, line.len, &err) ==
			JOBQ_OK &&
		    jobq_job_read(&job, line.data, line.len, &err) == JOBQ_OK;
		if (good && jobq_line_is_event(&job.members)) {
			good = false;
			jobq_fail(&err, JOBQ_INVALID,
			    "a job has no member \"event\"");
		}
		if (!good)
			jobq_detail_answer(request, "value_error", "body", NULL,
			    err.text, nothing);
	}
	if (good) {
		jobq_batch_init(&batch, "jobs");
		jobq_batch_job(&batch, &job, 0);
		jobq_buf_add(out, batch.text.data, batch.text.len);
		jobq_batch_release(&batch);
	}
	jobq_buf_release(&line);
	jobq_job_release(&job);
	return good;
}

void
jobq_route_jobs_create(struct jobq_request *request)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (read_job(request, &text))
		jobq_request_call(request, JOBQ_VERB_PUSH, &text, true, pushed);
	jobq_buf_release(&text);
	jobq_buf_release(&request->body);
}
