/*
 * What is asked for: the members of a request, its events.
 */
#include "kafka_settle.h"

#include <string.h>

#include "banned.h"

bool
jobq_kafka_pair(struct jobq_span pair, struct jobq_buf *id, int64_t *epoch)
{
	struct jobq_span first, second;
	size_t cursor = 0;

	jobq_buf_clear(id);
	return jobq_json_element(pair, &cursor, &first) &&
	       jobq_json_element(pair, &cursor, &second) &&
	       jobq_json_string(first, id, NULL) == JOBQ_OK &&
	       jobq_json_int(second, epoch, NULL) == JOBQ_OK;
}

static void
event_release(struct jobq_kafka_event *event)
{
	jobq_object_release(&event->members);
	jobq_buf_release(&event->name);
	jobq_buf_release(&event->id);
	jobq_buf_release(&event->worker);
	jobq_buf_release(&event->reason);
	jobq_buf_release(&event->line);
}

const struct jobq_span *
jobq_kafka_get(const struct jobq_object *object, const char *name)
{
	const struct jobq_span *value = jobq_object_get(object, name);

	return value == NULL || jobq_span_is(*value, "null") ? NULL : value;
}

enum jobq_status
jobq_kafka_text(const struct jobq_object *object, const char *name,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_kafka_get(object, name);

	jobq_buf_clear(out);
	jobq_buf_puts(out, "");
	return value == NULL ? JOBQ_OK : jobq_json_string(*value, out, err);
}

int64_t
jobq_kafka_number(
    const struct jobq_object *object, const char *name, int64_t otherwise)
{
	const struct jobq_span *value = jobq_kafka_get(object, name);
	int64_t number;

	return value != NULL && jobq_json_int(*value, &number, NULL) == JOBQ_OK
		   ? number
		   : otherwise;
}

bool
jobq_kafka_is_of_queue(const struct jobq_object *request)
{
	const struct jobq_span *queues = jobq_kafka_get(request, "queues");
	struct jobq_span queue;
	size_t cursor = 0;
	bool any = false;

	while (queues != NULL && jobq_json_element(*queues, &cursor, &queue)) {
		if (jobq_span_is(queue, "\"default\""))
			return true;
		any = true;
	}
	return !any;
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

static enum jobq_status
read_event(struct jobq_kafka_event *event, struct jobq_span entry,
    struct jobq_err *err)
{
	const struct jobq_object *members = &event->members;
	const struct jobq_span *retry;
	enum jobq_status status;

	status = jobq_object_scan(&event->members, entry.at, entry.len, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_text(members, "event", &event->name, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_text(members, "id", &event->id, err);
	if (status == JOBQ_OK)
		status =
		    jobq_kafka_text(members, "worker", &event->worker, err);
	if (status == JOBQ_OK)
		status =
		    jobq_kafka_text(members, "reason", &event->reason, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_text(members, "line", &event->line, err);
	if (status != JOBQ_OK)
		return status;
	event->kind = kind_of(event->name.data);
	event->epoch = jobq_kafka_number(members, "epoch", 0);
	event->n = jobq_kafka_number(members, "n", 0);
	event->retry_after_ms =
	    jobq_kafka_number(members, "retry_after_ms", -1);
	retry = jobq_kafka_get(members, "retry");
	event->final = retry != NULL && jobq_span_is(*retry, "false");
	return JOBQ_OK;
}

enum jobq_status
jobq_kafka_each_event(struct jobq_kafka *store,
    const struct jobq_object *request, jobq_kafka_event_fn *fn,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *events = jobq_kafka_get(request, "events");
	struct jobq_kafka_event event = { .epoch = 0 };
	enum jobq_status status = JOBQ_OK;
	struct jobq_span entry;
	size_t cursor = 0;

	while (events != NULL && status == JOBQ_OK &&
	       jobq_json_element(*events, &cursor, &entry)) {
		status = read_event(&event, entry, err);
		if (status == JOBQ_OK)
			status = fn(store, &event, out, err);
	}
	event_release(&event);
	return status;
}
