/*
 * What records look like. By itself a job is its line, an event its line, a
 * cancel the event of that name. An adapter that has jq programs says it
 * otherwise:
 *
 *   job.jq       a record of the jobs topic   → a job
 *   task.jq      a job that is pushed         → a record of the jobs topic
 *   event.jq     an event                     → a record of the events topic
 *   progress.jq  a record of the events topic → an event
 *   control.jq   a record of the control topic → a cancel
 *   signal.jq    a cancel                     → a record of the control topic
 *
 * What is mapped has the text of all of it as the member ".", and a record of
 * events has offset and at, too. Of an event what its record has no place for
 * stands in headers, under the names that it has there.
 */
#include "kafka_wire.h"

#include "clock.h"
#include "job.h"
#include "line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "banned.h"

static const char *const event_headers[] = { "event", "epoch", "worker", "n",
	"at", "stream", "exit", "error", "reason", "state", "run_at", NULL };

static const char *const files[JOBQ_KAFKA_FORMS] = {
	[JOBQ_KAFKA_FORM_JOB] = "job.jq",
	[JOBQ_KAFKA_FORM_TASK] = "task.jq",
	[JOBQ_KAFKA_FORM_EVENT] = "event.jq",
	[JOBQ_KAFKA_FORM_PROGRESS] = "progress.jq",
	[JOBQ_KAFKA_FORM_CONTROL] = "control.jq",
	[JOBQ_KAFKA_FORM_SIGNAL] = "signal.jq",
};

void
jobq_kafka_forms_init(struct jobq_kafka *store)
{
	for (int i = 0; i < JOBQ_KAFKA_FORMS; i++)
		store->form[i] = (struct jobq_mapping){
			.adapter = store->adapter,
			.file = files[i],
			.ids = true,
		};
	store->mapped =
	    jobq_mapping_is_there(&store->form[JOBQ_KAFKA_FORM_JOB]);
}

void
jobq_kafka_forms_release(struct jobq_kafka *store)
{
	for (int i = 0; i < JOBQ_KAFKA_FORMS; i++)
		jobq_mapping_release(&store->form[i]);
}

/* Runs a program on an object with what more there is to know of it. */
static enum jobq_status
run(struct jobq_kafka *store, enum jobq_kafka_form form, struct jobq_span text,
    const struct jobq_buf *more, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf whole = JOBQ_BUF_INIT;
	static const char *const none[] = { NULL };
	struct jobq_span object;
	enum jobq_status status;
	bool any;

	status = jobq_object_scan(&members, text.at, text.len, err);
	if (status == JOBQ_OK) {
		any = jobq_line_strip(&members, none, &whole);
		if (more != NULL && more->len > 0) {
			jobq_buf_puts(&whole, any ? "," : "");
			jobq_buf_add(&whole, more->data, more->len);
			any = true;
		}
		jobq_buf_puts(&whole, any ? ",\".\":" : "\".\":");
		jobq_buf_add(&whole, text.at, text.len);
		jobq_buf_putc(&whole, '}');
		status = jobq_json_check(whole.data, whole.len, &object, err);
	}
	if (status == JOBQ_OK)
		status = jobq_mapping_run(&store->form[form], object, out, err);
	jobq_buf_release(&whole);
	jobq_object_release(&members);
	return status;
}

enum jobq_status
jobq_kafka_form(struct jobq_kafka *store, enum jobq_kafka_form form,
    struct jobq_span text, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_span value;
	enum jobq_status status;

	if (store->mapped)
		return run(store, form, text, NULL, out, err);
	status = jobq_json_check(text.at, text.len, &value, err);
	if (status == JOBQ_OK) {
		jobq_buf_clear(out);
		jobq_json_put_flat(out, value);
	}
	return status;
}

/* --- events and their headers -------------------------------------------- */

static void
add_header(
    rd_kafka_headers_t *headers, const char *name, struct jobq_span value)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (value.at[0] != '"')
		jobq_buf_add(&text, value.at, value.len);
	else if (jobq_json_string(value, &text, NULL) != JOBQ_OK)
		jobq_buf_clear(&text);
	rd_kafka_header_add(headers, name, -1, text.data, (ssize_t)text.len);
	jobq_buf_release(&text);
}

enum jobq_status
jobq_kafka_form_event(struct jobq_kafka *store, struct jobq_span line,
    struct jobq_buf *out, rd_kafka_headers_t **headers, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status =
	    jobq_kafka_form(store, JOBQ_KAFKA_FORM_EVENT, line, out, err);

	*headers = NULL;
	if (status != JOBQ_OK || !store->mapped)
		return status;
	status = jobq_object_scan(&members, line.at, line.len, err);
	if (status == JOBQ_OK)
		*headers = rd_kafka_headers_new(12);
	for (size_t i = 0; status == JOBQ_OK && event_headers[i] != NULL; i++) {
		const struct jobq_span *value =
		    jobq_asked_get(&members, event_headers[i]);

		if (value != NULL)
			add_header(*headers, event_headers[i], *value);
	}
	jobq_object_release(&members);
	return status;
}

static void
put_header(struct jobq_buf *out, const char *name, const char *text, size_t len)
{
	bool number = strcmp(name, "epoch") == 0 || strcmp(name, "n") == 0 ||
		      strcmp(name, "exit") == 0;

	jobq_buf_printf(out, ",\"%s\":", name);
	if (number && len > 0 && len < 16 &&
	    strspn(text, "0123456789") == len && (text[0] != '0' || len == 1))
		jobq_buf_add(out, text, len);
	else
		jobq_json_put_lossy(out, text, len);
}

/* What the record has beside its value, as members. */
static void
put_rest(const rd_kafka_message_t *message, struct jobq_buf *out)
{
	rd_kafka_headers_t *headers = NULL;
	rd_kafka_timestamp_type_t type;
	char at[JOBQ_TIME_SIZE];
	int64_t written = rd_kafka_message_timestamp(message, &type);

	jobq_time_format(written > 0 ? written : jobq_wall_ms(), at);
	jobq_buf_printf(out, "\"offset\":%" PRId64 ",\"at\":\"%s\"",
	    message->offset + 1, at);
	if (rd_kafka_message_headers(message, &headers) !=
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (size_t i = 0; event_headers[i] != NULL; i++) {
		const void *value;
		size_t len;

		/* librdkafka ends a value with a NUL of its own. */
		if (rd_kafka_header_get_last(headers, event_headers[i], &value,
			&len) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		    value != NULL)
			put_header(out, event_headers[i], value, len);
	}
}

enum jobq_status
jobq_kafka_form_progress(struct jobq_kafka *store,
    const rd_kafka_message_t *message, struct jobq_buf *out,
    struct jobq_err *err)
{
	struct jobq_span text = { message->payload, message->len };
	struct jobq_buf rest = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (message->len == 0)
		return JOBQ_EMPTY;
	if (!store->mapped)
		return jobq_kafka_form(
		    store, JOBQ_KAFKA_FORM_PROGRESS, text, out, err);
	put_rest(message, &rest);
	status = run(store, JOBQ_KAFKA_FORM_PROGRESS, text, &rest, out, err);
	jobq_buf_release(&rest);
	return status;
}
