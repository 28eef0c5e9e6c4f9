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

bool
jobq_kafka_is_of_queue(const struct jobq_object *request)
{
	const struct jobq_span *queues = jobq_asked_get(request, "queues");
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

enum jobq_status
jobq_kafka_each_event(struct jobq_kafka *store,
    const struct jobq_object *request, jobq_kafka_event_fn *fn,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *events = jobq_asked_get(request, "events");
	struct jobq_asked_event event = { .epoch = 0 };
	enum jobq_status status = JOBQ_OK;
	struct jobq_span entry;
	size_t cursor = 0;

	while (events != NULL && status == JOBQ_OK &&
	       jobq_json_element(*events, &cursor, &entry)) {
		status = jobq_asked_event_read(&event, entry, err);
		if (status == JOBQ_OK)
			status = fn(store, &event, out, err);
	}
	jobq_asked_event_release(&event);
	return status;
}
