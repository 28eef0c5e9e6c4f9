#include "asked.h"

#include <string.h>

#include "banned.h"

const struct jobq_span *
jobq_asked_get(const struct jobq_object *object, const char *name)
{
	const struct jobq_span *value = jobq_object_get(object, name);

	return value == NULL || jobq_span_is(*value, "null") ? NULL : value;
}

enum jobq_status
jobq_asked_text(const struct jobq_object *object, const char *name,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_asked_get(object, name);

	jobq_buf_clear(out);
	jobq_buf_puts(out, "");
	return value == NULL ? JOBQ_OK : jobq_json_string(*value, out, err);
}

int64_t
jobq_asked_number(
    const struct jobq_object *object, const char *name, int64_t otherwise)
{
	const struct jobq_span *value = jobq_asked_get(object, name);
	int64_t number;

	return value != NULL && jobq_json_int(*value, &number, NULL) == JOBQ_OK
		   ? number
		   : otherwise;
}

static enum jobq_event_kind
kind_of(const char *name)
{
	for (int kind = JOBQ_EVENT_STARTED; kind <= JOBQ_EVENT_SNOOZED; kind++)
		if (strcmp(name, jobq_event_name((enum jobq_event_kind)kind)) ==
		    0)
			return (enum jobq_event_kind)kind;
	return JOBQ_EVENT_OTHER;
}

enum jobq_status
jobq_asked_event_read(struct jobq_asked_event *event, struct jobq_span entry,
    struct jobq_err *err)
{
	const struct jobq_object *members = &event->members;
	const struct jobq_span *retry;
	enum jobq_status status;

	status = jobq_object_scan(&event->members, entry.at, entry.len, err);
	if (status == JOBQ_OK)
		status = jobq_asked_text(members, "event", &event->name, err);
	if (status == JOBQ_OK)
		status = jobq_asked_text(members, "id", &event->id, err);
	if (status == JOBQ_OK)
		status =
		    jobq_asked_text(members, "worker", &event->worker, err);
	if (status == JOBQ_OK)
		status =
		    jobq_asked_text(members, "reason", &event->reason, err);
	if (status == JOBQ_OK)
		status = jobq_asked_text(members, "line", &event->line, err);
	if (status != JOBQ_OK)
		return status;
	event->kind = kind_of(event->name.data);
	event->epoch = jobq_asked_number(members, "epoch", 0);
	event->n = jobq_asked_number(members, "n", 0);
	event->retry_after_ms =
	    jobq_asked_number(members, "retry_after_ms", -1);
	retry = jobq_asked_get(members, "retry");
	event->final = retry != NULL && jobq_span_is(*retry, "false");
	return JOBQ_OK;
}

void
jobq_asked_event_release(struct jobq_asked_event *event)
{
	jobq_object_release(&event->members);
	jobq_buf_release(&event->name);
	jobq_buf_release(&event->id);
	jobq_buf_release(&event->worker);
	jobq_buf_release(&event->reason);
	jobq_buf_release(&event->line);
}
