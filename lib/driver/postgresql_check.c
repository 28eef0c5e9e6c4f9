/*
 * What the doctor asks of an adapter's texts.
 *
 * A rehearsal does verbs one after the other in one transaction, all of which
 * is taken back. Behind the lines of each step stands {"step":N}. Each is
 * waited for, because a later one may need the epoch of its lease. A probe is
 * left out: it only says sooner what the text itself says.
 *
 * A plan is what the last statement of plan.sql answers, an EXPLAIN, as one
 * piece of JSON; what it means is for the text plan-answer.sql to say, whose
 * parameter it is.
 */
#include "postgresql_inside.h"

#include "mem.h"

#include <string.h>

#include "banned.h"

/* Decodes a string that a step must have. */
static enum jobq_status
take_string(const struct jobq_object *members, const char *name,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	if (value == NULL)
		return jobq_fail(
		    err, JOBQ_INVALID, "the request has no \"%s\"", name);
	jobq_buf_puts(out, "");
	return jobq_json_string(*value, out, err);
}

static enum jobq_status
find_text(struct jobq_pg *store, const char *verb, struct jobq_sql_text **text,
    struct jobq_err *err)
{
	if (!jobq_adapter_has(store->adapter, verb))
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "adapter '%s' does not have the verb '%s'",
		    store->adapter->name, verb);
	return jobq_sql_find(&store->texts, verb, ".sql", text, err);
}

/* Sends the statements of one step, and notes which is the last. */
static enum jobq_status
send_text(struct jobq_pg *store, const struct jobq_sql_text *text,
    const struct jobq_buf *request, size_t number, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	size_t before = store->sent_count;
	enum jobq_status status;

	status =
	    jobq_sql_members(text, request->data, request->len, &members, err);
	for (size_t i = 0; i < text->count && status == JOBQ_OK; i++)
		if (jobq_sql_wants(
			&store->texts, &text->statement[i], &members))
			status =
			    jobq_pg_send(store, text, i, request->data, err);
	if (status == JOBQ_OK && store->sent_count == before)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s/%s has no statement for this request",
		    store->adapter->folder, text->name);
	if (status == JOBQ_OK)
		store->sent[store->sent_count - 1].step = number;
	jobq_object_release(&members);
	return status;
}

/* Writes the epoch in the place of each :epoch: of a request. */
static void
put_epoch(struct jobq_buf *request, const struct jobq_buf *epoch)
{
	static const char mark[] = ":epoch:";
	struct jobq_buf text = JOBQ_BUF_INIT;
	const char *at = request->data;
	const char *found = strstr(at, mark);

	if (found == NULL)
		return;
	for (; found != NULL; found = strstr(at, mark)) {
		jobq_buf_add(&text, at, (size_t)(found - at));
		jobq_buf_puts(&text, epoch->len > 0 ? epoch->data : "0");
		at = found + strlen(mark);
	}
	jobq_buf_puts(&text, at);
	jobq_buf_release(request);
	*request = text;
}

static enum jobq_status
send_step(struct jobq_pg *store, struct jobq_span step, size_t number,
    const struct jobq_buf *epoch, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_sql_text *text = NULL;
	struct jobq_buf verb = JOBQ_BUF_INIT;
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	status = jobq_object_scan(&members, step.at, step.len, err);
	if (status == JOBQ_OK)
		status = take_string(&members, "verb", &verb, err);
	if (status == JOBQ_OK)
		status = take_string(&members, "request", &request, err);
	if (status == JOBQ_OK)
		status = find_text(store, verb.data, &text, err);
	if (status == JOBQ_OK)
		put_epoch(&request, epoch);
	if (status == JOBQ_OK)
		status = send_text(store, text, &request, number, err);
	jobq_object_release(&members);
	jobq_buf_release(&verb);
	jobq_buf_release(&request);
	return status;
}

/* The text of the epoch of the last lease in the lines from at on, or "". */
static void
find_epoch(struct jobq_pg *store, size_t at, struct jobq_buf *epoch)
{
	struct jobq_object line = { 0 };
	struct jobq_object lease = { 0 };

	while (at < store->lines.len) {
		const char *text = store->lines.data + at;
		size_t len = strcspn(text, "\n");
		const struct jobq_span *value = NULL;

		if (jobq_object_scan(&line, text, len, NULL) == JOBQ_OK)
			value = jobq_object_get(&line, "lease");
		if (value != NULL && jobq_object_scan(&lease, value->at,
					 value->len, NULL) == JOBQ_OK)
			value = jobq_object_get(&lease, "epoch");
		if (value != NULL) {
			jobq_buf_clear(epoch);
			jobq_buf_add(epoch, value->at, value->len);
		}
		at += len + 1;
	}
	jobq_object_release(&lease);
	jobq_object_release(&line);
}

/* One step, and its answer. */
static enum jobq_status
do_step(struct jobq_pg *store, struct jobq_span step, size_t number,
    struct jobq_buf *epoch, struct jobq_err *err)
{
	size_t before = store->lines.len;
	enum jobq_status status;

	status = send_step(store, step, number, epoch, err);
	if (status == JOBQ_OK)
		status = jobq_pg_wait(store, err);
	if (status == JOBQ_OK)
		find_epoch(store, before, epoch);
	return status;
}

enum jobq_status
jobq_pg_rehearse(struct jobq_pg *store, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf epoch = JOBQ_BUF_INIT;
	const struct jobq_span *steps;
	enum jobq_status status;
	struct jobq_span step;
	size_t cursor = 0, number = 0;

	status = jobq_object_scan(&members, request, len, err);
	steps = status == JOBQ_OK ? jobq_object_get(&members, "steps") : NULL;
	if (status == JOBQ_OK)
		status = jobq_pg_begin(store, true, err);
	while (steps != NULL && status == JOBQ_OK &&
	       jobq_json_element(*steps, &cursor, &step))
		status = do_step(store, step, ++number, &epoch, err);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(store, "ROLLBACK", err);
	else if (store->conn != NULL)
		jobq_pg_drop(store); /* with what is sent already */
	jobq_object_release(&members);
	jobq_buf_release(&epoch);
	return status;
}

static enum jobq_status
explain(struct jobq_pg *store, const char *request, size_t len,
    struct jobq_buf *plan, struct jobq_err *err)
{
	struct jobq_buf asked = JOBQ_BUF_INIT;
	struct jobq_sql_text *text = NULL;
	enum jobq_status status;

	jobq_buf_add(&asked, request, len);
	status = jobq_sql_find(&store->texts, "plan", ".sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_pg_begin(store, true, err);
	if (status == JOBQ_OK)
		status = send_text(store, text, &asked, 0, err);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(store, "ROLLBACK", err);
	else if (store->conn != NULL)
		jobq_pg_drop(store);
	if (status == JOBQ_OK && store->lines.len > 0)
		jobq_buf_add(plan, store->lines.data, store->lines.len);
	jobq_buf_clear(&store->lines);
	jobq_buf_release(&asked);
	return status;
}

enum jobq_status
jobq_pg_plan(struct jobq_pg *store, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_buf plan = JOBQ_BUF_INIT;
	struct jobq_sql_text *text = NULL;
	enum jobq_status status = explain(store, request, len, &plan, err);

	if (status == JOBQ_OK)
		status = jobq_sql_find(
		    &store->texts, "plan-answer", ".sql", &text, err);
	if (status == JOBQ_OK && (text->count != 1 || plan.len == 0))
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s: plan.sql must answer, and plan-answer.sql be one "
		    "statement",
		    store->adapter->folder);
	if (status == JOBQ_OK)
		status = jobq_pg_begin(store, false, err);
	if (status == JOBQ_OK)
		status = jobq_pg_send(store, text, 0, plan.data, err);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(store, NULL, err);
	jobq_buf_release(&plan);
	return status;
}
