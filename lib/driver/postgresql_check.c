/*
 * What the doctor asks of an adapter's texts: verbs one after the other in
 * one transaction, all of which is taken back. Behind the lines of each step
 * stands {"step":N}. A probe is left out: it only says sooner what the text
 * itself says.
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

static enum jobq_status
send_step(struct jobq_pg *store, struct jobq_span step, size_t number,
    struct jobq_err *err)
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
		status = send_text(store, text, &request, number, err);
	jobq_object_release(&members);
	jobq_buf_release(&verb);
	jobq_buf_release(&request);
	return status;
}

enum jobq_status
jobq_pg_rehearse(struct jobq_pg *store, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_object members = { 0 };
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
		status = send_step(store, step, ++number, err);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(store, "ROLLBACK", err);
	else if (store->conn != NULL)
		jobq_pg_drop(store); /* with what is sent already */
	jobq_object_release(&members);
	return status;
}
