/*
 * What others ask for: a push is a record of the jobs topic, a cancel one of
 * the control topic. Nothing is answered before it is delivered.
 *
 * A log does not know what is in it, so a push of an id that is there is one
 * more record.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include "clock.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* A member that is refused, when it has another value than this. */
static const struct {
	const char *name, *unless, *why;
} refused[] = {
	{ "priority", "0", "jobs go in the order of the log" },
	{ "queue", "\"default\"", "a topic is one queue" },
	{ "key", NULL, "a log does not know what is in it" },
	{ "needs", NULL, "a log does not know what has ended" },
	{ "flow", NULL, "a log has no flows" },
	{ "expires_at_ms", NULL, "what is in a log stays there" },
};

static enum jobq_status
check_job(const struct jobq_object *job, struct jobq_err *err)
{
	int64_t run_at = jobq_asked_number(job, "run_at_ms", 0);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const struct jobq_span *value =
		    jobq_asked_get(job, refused[i].name);
		int len = (int)strcspn(refused[i].name, "_");

		if (value == NULL ||
		    (refused[i].unless != NULL &&
			jobq_span_is(*value, refused[i].unless)))
			continue;
		if (strncmp(refused[i].name, "expires", 7) == 0)
			len = 10;
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "a job with this %.*s is refused: %s", len, refused[i].name,
		    refused[i].why);
	}
	if (run_at > jobq_wall_ms())
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "a job with a later run_at is refused: what waits in a log "
		    "keeps up what is behind it");
	return JOBQ_OK;
}

/* Makes the kept line a record. */
static enum jobq_status
send_job(struct jobq_kafka *store, const char *id, struct jobq_buf *line,
    struct jobq_err *err)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_putc(line, '}');
	status = jobq_kafka_form(store, JOBQ_KAFKA_FORM_TASK,
	    (struct jobq_span){ line->data, line->len }, &value, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_send(store,
		    &(struct jobq_kafka_record){
			.topic = JOBQ_KAFKA_JOBS,
			.key = id,
			.value = &value,
		    },
		    err);
	jobq_buf_release(&value);
	return status;
}

static enum jobq_status
push_one(struct jobq_kafka *store, struct jobq_span entry, bool send,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_object job = { 0 };
	struct jobq_buf id = JOBQ_BUF_INIT, line = JOBQ_BUF_INIT;
	char now[JOBQ_TIME_SIZE];
	enum jobq_status status;

	status = jobq_object_scan(&job, entry.at, entry.len, err);
	if (status == JOBQ_OK)
		status = check_job(&job, err);
	if (status == JOBQ_OK && send) {
		status = jobq_asked_text(&job, "id", &id, err);
		if (status == JOBQ_OK)
			status = jobq_asked_text(&job, "line", &line, err);
		jobq_time_format(jobq_wall_ms(), now);
		jobq_buf_add(out, line.data, line.len);
		jobq_buf_printf(out,
		    ",\"attempt\":0,\"run_at\":\"%s\",\"state\":\"pending\"}\n",
		    now);
		if (status == JOBQ_OK)
			status = send_job(store, id.data, &line, err);
	}
	jobq_buf_release(&id);
	jobq_buf_release(&line);
	jobq_object_release(&job);
	return status;
}

/* What is not delivered by the deadline is not to be delivered later. */
static enum jobq_status
deliver(struct jobq_kafka *store, enum jobq_status status, struct jobq_err *err)
{
	enum jobq_status flushed =
	    jobq_kafka_flush(store, status == JOBQ_OK ? err : NULL);

	if (flushed != JOBQ_OK && store->jobs == 0) {
		rd_kafka_purge(store->producer,
		    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_poll(store->producer, 0);
		store->undelivered = 0;
	}
	return status == JOBQ_OK ? flushed : status;
}

enum jobq_status
jobq_kafka_push(struct jobq_kafka *store, const struct jobq_object *request,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *jobs = jobq_asked_get(request, "jobs");
	enum jobq_status status = jobq_kafka_producer(store, err);
	struct jobq_span entry;

	/* All are looked at before the first one is sent. */
	for (int send = 0; send < 2; send++) {
		size_t cursor = 0;

		while (jobs != NULL && status == JOBQ_OK &&
		       jobq_json_element(*jobs, &cursor, &entry))
			status = push_one(store, entry, send == 1, out, err);
	}
	return store->producer == NULL ? status : deliver(store, status, err);
}

static enum jobq_status
cancel_one(struct jobq_kafka *store, const char *id, const char *reason,
    struct jobq_err *err)
{
	struct jobq_buf line = JOBQ_BUF_INIT, value = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_event_begin(
	    &line, JOBQ_EVENT_CANCEL, id, JOBQ_ABSENT, NULL, JOBQ_ABSENT);
	if (*reason != '\0') {
		jobq_buf_puts(&line, ",\"reason\":");
		jobq_json_put_string(&line, reason, strlen(reason));
	}
	jobq_buf_putc(&line, '}');
	status = jobq_kafka_form(store, JOBQ_KAFKA_FORM_SIGNAL,
	    (struct jobq_span){ line.data, line.len }, &value, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_send(store,
		    &(struct jobq_kafka_record){
			.topic = JOBQ_KAFKA_CONTROL,
			.key = id,
			.value = &value,
		    },
		    err);
	jobq_buf_release(&line);
	jobq_buf_release(&value);
	return status;
}

enum jobq_status
jobq_kafka_cancel(struct jobq_kafka *store, const struct jobq_object *request,
    struct jobq_err *err)
{
	const struct jobq_span *ids = jobq_asked_get(request, "ids");
	struct jobq_buf id = JOBQ_BUF_INIT, reason = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_kafka_producer(store, err);
	struct jobq_span element;
	size_t cursor = 0;

	if (status == JOBQ_OK)
		status = jobq_asked_text(request, "reason", &reason, err);
	while (ids != NULL && status == JOBQ_OK &&
	       jobq_json_element(*ids, &cursor, &element)) {
		jobq_buf_clear(&id);
		status = jobq_json_string(element, &id, err);
		if (status == JOBQ_OK)
			status = cancel_one(store, id.data, reason.data, err);
	}
	jobq_buf_release(&id);
	jobq_buf_release(&reason);
	return store->producer == NULL ? status : deliver(store, status, err);
}
