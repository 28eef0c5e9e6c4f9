#include "settle.h"

#include "clock.h"
#include "log.h"

#include <string.h>

#include "banned.h"

struct settle {
	struct jobq_batch *batch;
	struct jobq_store *store;
	int64_t deadline_ms;
	jobq_line_fn *line;
	void *context;
	struct jobq_err *err; /* of what fails beside the batch's own call */
};

bool
jobq_settle_wants(const struct jobq_event *event)
{
	if (event->settled.len > 0 || event->lost.len > 0)
		return false;
	switch (event->kind) {
	case JOBQ_EVENT_CANCEL:
	case JOBQ_EVENT_STOP:
	case JOBQ_EVENT_IDLE:
	case JOBQ_EVENT_GAP:
		return false;
	case JOBQ_EVENT_OTHER:
		return event->id != NULL && event->worker != NULL &&
		       event->epoch != JOBQ_ABSENT && event->n != JOBQ_ABSENT;
	default:
		return true;
	}
}

static enum jobq_status
print_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct settle *settle = context;

	return settle->line(settle->context, line, len, err);
}

static enum jobq_status
refuse_again(
    void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	(void)context, (void)entry;
	jobq_log(JOBQ_ERROR, "%s", why->text);
	return JOBQ_OK;
}

static enum jobq_status
fail_instead(struct settle *settle, struct jobq_span text)
{
	struct jobq_object members = { 0 };
	const struct jobq_span *id, *epoch, *worker, *n;
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT;
	char at[JOBQ_TIME_SIZE];
	enum jobq_status status;

	status = jobq_object_scan(&members, text.at, text.len, settle->err);
	id = jobq_object_get(&members, "id");
	epoch = jobq_object_get(&members, "epoch");
	worker = jobq_object_get(&members, "worker");
	n = jobq_object_get(&members, "n");
	if (status == JOBQ_OK && id && epoch && worker) {
		jobq_buf_printf(&line,
		    "{\"event\":\"failed\",\"id\":%.*s,\"epoch\":%.*s,"
		    "\"worker\":%.*s",
		    (int)id->len, id->at, (int)epoch->len, epoch->at,
		    (int)worker->len, worker->at);
		if (n)
			jobq_buf_printf(
			    &line, ",\"n\":%.*s", (int)n->len, n->at);
		jobq_time_format(jobq_wall_ms(), at);
		jobq_buf_printf(&line, ",\"at\":\"%s\"", at);
		jobq_buf_puts(&line,
		    ",\"reason\":\"refused\",\"retry\":false,\"error\":"
		    "\"the store refused what the run reported\"}");
		jobq_batch_init(&batch, "events");
		jobq_batch_own_event(&batch, line.data, line.len);
		status = jobq_batch_send(&batch, settle->store,
		    JOBQ_VERB_SETTLE, settle->deadline_ms, print_line,
		    refuse_again, settle, settle->err);
		jobq_batch_release(&batch);
	}
	jobq_buf_release(&line);
	jobq_object_release(&members);
	return status;
}

/* The event as it came, less its brace, stands in the entry as "line". */
static enum jobq_status
refuse(
    void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	struct settle *settle = context;
	struct jobq_span text = jobq_batch_text(settle->batch, entry);
	struct jobq_object members = { 0 };
	struct jobq_buf line = JOBQ_BUF_INIT;
	struct jobq_err *err = settle->err;
	enum jobq_status status;

	jobq_log(JOBQ_ERROR, "line %lu: %s", entry->number, why->text);
	status = jobq_object_scan(&members, text.at, text.len, err);
	if (status == JOBQ_OK)
		status = jobq_json_string(
		    *jobq_object_get(&members, "line"), &line, err);
	if (status == JOBQ_OK) {
		jobq_buf_puts(&line, ",\"settled\":\"refused\"}");
		status =
		    settle->line(settle->context, line.data, line.len, err);
	}
	if (status == JOBQ_OK && jobq_event_is_ending(entry->kind))
		status = fail_instead(settle, text);
	jobq_object_release(&members);
	jobq_buf_release(&line);
	return status;
}

enum jobq_status
jobq_settle_batch(struct jobq_batch *batch, struct jobq_store *store,
    int64_t deadline_ms, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	struct settle settle = { batch, store, deadline_ms, line, context,
		err };

	return jobq_batch_send(batch, store, JOBQ_VERB_SETTLE, deadline_ms,
	    print_line, refuse, &settle, err);
}
