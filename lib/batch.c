#include "batch.h"

#include "id.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/*
 * Of a reason's or an error's text, kept beside the job: a line of a list
 * holds both and a whole job, and has a limit of its own.
 */
#define KEPT_BYTES ((size_t)1000)

void
jobq_batch_init(struct jobq_batch *batch, const char *member)
{
	*batch = (struct jobq_batch){ .member = member };
}

void
jobq_batch_release(struct jobq_batch *batch)
{
	jobq_buf_release(&batch->text);
	jobq_buf_release(&batch->request);
	jobq_buf_release(&batch->scratch);
	free(batch->entry);
	batch->entry = NULL;
	batch->count = batch->cap = 0;
}

void
jobq_batch_clear(struct jobq_batch *batch)
{
	/* A rare large batch does not stay in memory for good. */
	if (batch->text.cap > JOBQ_PAGE_BYTES / 4) {
		jobq_buf_release(&batch->text);
		jobq_buf_release(&batch->request);
		jobq_buf_release(&batch->scratch);
	}
	jobq_buf_clear(&batch->text);
	batch->count = batch->done = 0;
}

bool
jobq_batch_full(const struct jobq_batch *batch)
{
	return batch->count >= JOBQ_PAGE_LINES ||
	       batch->text.len >= JOBQ_PAGE_BYTES;
}

static void
add_entry(
    struct jobq_batch *batch, unsigned long number, enum jobq_event_kind kind)
{
	batch->entry = jobq_grow(
	    batch->entry, batch->count, &batch->cap, sizeof *batch->entry);
	if (batch->count > 0)
		jobq_buf_putc(&batch->text, ',');
	batch->entry[batch->count++] = (struct jobq_entry){
		.begin = batch->text.len,
		.number = number,
		.kind = kind,
	};
}

static void
put_text(struct jobq_buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	jobq_buf_puts(out, name);
	jobq_json_put_string(out, value, strlen(value));
}

static void
put_int(struct jobq_buf *out, const char *name, int64_t value)
{
	if (value == JOBQ_ABSENT)
		return;
	jobq_buf_puts(out, name);
	jobq_buf_int(out, value);
}

/*
 * The job's line as the store keeps it: complete, without closing brace. The
 * store's own members are left out, and so are those that are filled in
 * here (a null counts as absent, and would stand there twice).
 */
static void
keep_job(struct jobq_buf *out, struct jobq_buf *scratch,
    const struct jobq_job *job, const char *id)
{
	const char *drop[16] = { "state", "attempt", "run_at", "lease", "held",
		"ended", "rescues", "why", "pushed_at" };
	size_t count = 9;

	if (job->id == NULL)
		drop[count++] = "id";
	if (job->queue == NULL)
		drop[count++] = "queue";
	if (job->name == NULL)
		drop[count++] = "name";
	if (job->priority == JOBQ_ABSENT)
		drop[count++] = "priority";
	if (job->max_attempts == JOBQ_ABSENT)
		drop[count++] = "max_attempts";
	jobq_buf_clear(out);
	jobq_buf_clear(scratch);
	if (job->id != NULL) {
		jobq_line_strip(&job->members, drop, out);
	} else {
		jobq_buf_printf(out, "{\"id\":\"%s\"", id);
		if (jobq_line_strip(&job->members, drop, scratch)) {
			jobq_buf_putc(out, ',');
			jobq_buf_add(out, scratch->data + 1, scratch->len - 1);
		}
	}
	if (job->queue == NULL)
		jobq_buf_puts(out, ",\"queue\":\"default\"");
	if (job->name == NULL)
		jobq_buf_puts(out, ",\"name\":\"default\"");
	if (job->priority == JOBQ_ABSENT)
		jobq_buf_puts(out, ",\"priority\":0");
	if (job->max_attempts == JOBQ_ABSENT)
		jobq_buf_puts(out, ",\"max_attempts\":5");
}

/* The columns of an entry; its line is still to come. */
static void
put_columns(struct jobq_buf *out, const struct jobq_job *job, const char *id)
{
	put_text(out, "{\"id\":", id);
	put_text(out, ",\"queue\":", job->queue ? job->queue : "default");
	put_text(out, ",\"name\":", job->name ? job->name : "default");
	put_int(out,
	    ",\"priority\":", job->priority == JOBQ_ABSENT ? 0 : job->priority);
	put_int(out, ",\"max_attempts\":",
	    job->max_attempts == JOBQ_ABSENT ? 5 : job->max_attempts);
	put_int(out, ",\"run_at_ms\":", job->run_at_ms);
	put_int(out, ",\"expires_at_ms\":", job->expires_at_ms);
	put_text(out, ",\"key\":", job->key);
	put_text(out, ",\"flow\":", job->flow);
	if (job->needs.len > 2) {
		jobq_buf_puts(out, ",\"needs\":");
		jobq_buf_add(out, job->needs.at, job->needs.len);
	}
}

static void
put_line(struct jobq_buf *out, const struct jobq_buf *line)
{
	jobq_buf_puts(out, ",\"line\":");
	jobq_json_put_string(out, line->data, line->len);
	jobq_buf_putc(out, '}');
}

void
jobq_batch_job(
    struct jobq_batch *batch, const struct jobq_job *job, unsigned long number)
{
	char made[JOBQ_UUID_SIZE];
	const char *id = job->id;

	if (id == NULL) {
		jobq_uuid7(made);
		id = made;
	}
	add_entry(batch, number, JOBQ_EVENT_OTHER);
	put_columns(&batch->text, job, id);
	keep_job(&batch->scratch, &batch->request, job, id);
	put_line(&batch->text, &batch->scratch);
}

void
jobq_batch_kept_job(struct jobq_batch *batch, const struct jobq_job *job,
    const struct jobq_buf *line)
{
	add_entry(batch, 0, JOBQ_EVENT_OTHER);
	put_columns(&batch->text, job, job->id);
	put_line(&batch->text, line);
}

void
jobq_batch_put_reason(struct jobq_buf *out, const char *reason)
{
	size_t len = reason == NULL ? 0 : strlen(reason);

	if (reason == NULL)
		return;
	if (len > KEPT_BYTES)
		len = jobq_utf8_valid(reason, KEPT_BYTES);
	jobq_buf_puts(out, ",\"reason\":");
	jobq_json_put_string(out, reason, len);
}

static void
put_error(struct jobq_buf *out, struct jobq_buf *scratch,
    const struct jobq_event *event)
{
	const struct jobq_span *error =
	    jobq_object_get(&event->members, "error");

	if (error == NULL)
		return;
	jobq_buf_clear(scratch);
	if (jobq_json_string(*error, scratch, NULL) != JOBQ_OK)
		return;
	if (scratch->len > KEPT_BYTES)
		scratch->len = jobq_utf8_valid(scratch->data, KEPT_BYTES);
	jobq_buf_puts(out, ",\"error\":");
	jobq_json_put_string(
	    out, scratch->len == 0 ? "" : scratch->data, scratch->len);
}

void
jobq_batch_event(struct jobq_batch *batch, const struct jobq_event *event,
    unsigned long number)
{
	static const char *const answered[] = { "settled", "lost", "seq",
		"state", "run_at", NULL };
	static const char *const answered_alive[] = { "lost", "started", NULL };
	struct jobq_buf *out = &batch->text;
	bool alive = event->kind == JOBQ_EVENT_ALIVE;
	const struct jobq_span *waiting;

	add_entry(batch, number, event->kind);
	put_text(out, "{\"event\":", event->event);
	put_text(out, ",\"id\":", event->id);
	put_int(out, ",\"epoch\":", event->epoch);
	put_text(out, ",\"worker\":", event->worker);
	put_int(out, ",\"n\":", event->n);
	jobq_batch_put_reason(out, event->reason);
	if (event->retry >= 0)
		jobq_buf_puts(
		    out, event->retry ? ",\"retry\":true" : ",\"retry\":false");
	put_int(out, ",\"retry_after_ms\":", event->retry_after_ms);
	if (event->kind == JOBQ_EVENT_FAILED)
		put_error(out, &batch->scratch, event);
	if (alive) {
		waiting = jobq_object_get(&event->members, "waiting");
		jobq_buf_puts(out, ",\"jobs\":");
		jobq_buf_add(out, event->jobs.at, event->jobs.len);
		if (waiting != NULL && jobq_span_is(*waiting, "true"))
			jobq_buf_puts(out, ",\"waiting\":true");
	}
	jobq_buf_clear(&batch->scratch);
	jobq_line_strip(&event->members, alive ? answered_alive : answered,
	    &batch->scratch);
	jobq_buf_puts(out, ",\"line\":");
	jobq_json_put_string(out, batch->scratch.data, batch->scratch.len);
	jobq_buf_putc(out, '}');
}

void
jobq_batch_own_event(struct jobq_batch *batch, const char *line, size_t len)
{
	struct jobq_event event = { 0 };
	struct jobq_err err;

	if (jobq_object_scan(&event.members, line, len, &err) != JOBQ_OK ||
	    jobq_event_read(&event, line, len, &err) != JOBQ_OK)
		JOBQ_BUG(err.text);
	jobq_batch_event(batch, &event, 0);
	jobq_event_release(&event);
}

struct jobq_span
jobq_batch_text(const struct jobq_batch *batch, const struct jobq_entry *entry)
{
	size_t i = (size_t)(entry - batch->entry);
	size_t end =
	    i + 1 < batch->count ? entry[1].begin - 1 : batch->text.len;

	return (struct jobq_span){ batch->text.data + entry->begin,
		end - entry->begin };
}

static void
make_request(struct jobq_batch *batch, struct jobq_span entries)
{
	jobq_buf_clear(&batch->request);
	jobq_buf_printf(&batch->request, "{\"%s\":[", batch->member);
	jobq_buf_add(&batch->request, entries.at, entries.len);
	jobq_buf_puts(&batch->request, "]}");
}

enum jobq_status
jobq_batch_send(struct jobq_batch *batch, struct jobq_store *store,
    enum jobq_verb verb, int64_t deadline_ms, jobq_line_fn *line,
    enum jobq_status (*refused)(
	void *, const struct jobq_entry *, const struct jobq_err *),
    void *context, struct jobq_err *err)
{
	struct jobq_span all = { batch->text.data, batch->text.len };
	struct jobq_err why;
	enum jobq_status status = JOBQ_INVALID;

	if (batch->done == 0) {
		make_request(batch, all);
		status = jobq_store_call(store, verb, &batch->request,
		    deadline_ms, line, context, &why);
		if (status != JOBQ_OK && status != JOBQ_INVALID)
			*err = why;
	}
	if (status != JOBQ_INVALID)
		return status;
	for (size_t i = batch->done; i < batch->count; i++) {
		make_request(batch, jobq_batch_text(batch, &batch->entry[i]));
		status = jobq_store_call(store, verb, &batch->request,
		    deadline_ms, line, context, &why);
		if (status == JOBQ_INVALID)
			status = refused(context, &batch->entry[i], &why);
		else if (status != JOBQ_OK)
			*err = why;
		if (status != JOBQ_OK)
			return status;
		batch->done = i + 1;
	}
	return JOBQ_OK;
}
