/*
 * Reading the log into the view, as kafka_view.c tells: a page of records is
 * one commit there, with the places that were reached by it.
 */
#include "kafka_view.h"

#include "batch.h"
#include "clock.h"
#include "job.h"
#include "kafka_job.h"
#include "kafka_wire.h"
#include "line.h"

#include <inttypes.h>
#include <string.h>

#include "banned.h"

/* So much is written into the view at once. */
#define PAGE_RECORDS 500

void
jobq_kafka_put_place(const struct jobq_kafka *store,
    const struct jobq_kafka_place *place, struct jobq_buf *out)
{
	jobq_buf_printf(out, "\"%s/%" PRId32 "\"",
	    store->settings.topic[jobq_kafka_view_topic(place->topic)],
	    place->number);
}

static enum jobq_status
made_anew(struct jobq_kafka *store, int topic, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "%s: topic '%s' was made anew since it was read: remove what is "
	    "known of it, '%s'",
	    store->name.data,
	    store->settings.topic[jobq_kafka_view_topic(topic)],
	    jobq_store_name(store->view->store));
}

enum jobq_status
jobq_kafka_view_ends(struct jobq_kafka *store, int topic, struct jobq_err *err)
{
	struct jobq_kafka_view *view = store->view;

	for (size_t i = 0; i < view->places; i++) {
		struct jobq_kafka_place *place = &view->place[i];
		int64_t low = 0, high = 0;
		rd_kafka_resp_err_t code;

		if (place->topic != topic)
			continue;
		code = jobq_kafka_ends(store, jobq_kafka_view_topic(topic),
		    place->number, &low, &high);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			return jobq_kafka_failed(
			    store, code, "ask where the log ends", err);
		/* What is no longer there is passed by. */
		if (place->next > high)
			return made_anew(store, topic, err);
		if (place->next < low)
			place->next = low;
		place->end = high;
	}
	return JOBQ_OK;
}

/* What was read and is not in the view yet. */
struct page {
	struct jobq_kafka *store;
	struct jobq_batch jobs;
	struct jobq_buf births, events;
	size_t records;
};

static void
add_job(struct page *page, const struct jobq_kafka_place *place,
    const rd_kafka_message_t *message)
{
	struct jobq_kafka_part part = { .store = page->store,
		.number = place->number };
	struct jobq_kafka_job *job = NULL;
	struct jobq_job read = { .id = NULL };
	struct jobq_err err;

	if (jobq_kafka_job_read(&part, message, &job, &err) != JOBQ_OK) {
		/* A worker says so, and what becomes of it. */
		jobq_kafka_job_free(job);
		return;
	}
	jobq_buf_putc(&job->line, '}');
	if (jobq_object_scan(&read.members, job->line.data, job->line.len,
		NULL) == JOBQ_OK &&
	    jobq_job_read(&read, job->line.data, job->line.len, NULL) ==
		JOBQ_OK) {
		/* What a log does not heed. */
		read.key = read.flow = NULL;
		read.needs.len = 0;
		read.expires_at_ms = JOBQ_ABSENT;
		read.run_at_ms = job->due_ms > 0 ? job->due_ms : JOBQ_ABSENT;
		job->line.len--;
		jobq_batch_kept_job(&page->jobs, &read, &job->line);
		jobq_buf_printf(&page->births,
		    "%s{\"id\":\"%s\",\"born_ms\":%" PRId64 "}",
		    page->births.len > 0 ? "," : "", job->id, job->born_ms);
	}
	jobq_job_release(&read);
	jobq_kafka_job_free(job);
}

static void
put_text(struct jobq_buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	jobq_buf_printf(out, ",\"%s\":", name);
	jobq_json_put_string(out, text, strlen(text));
}

static void
put_number(struct jobq_buf *out, const char *name, int64_t number)
{
	if (number != JOBQ_ABSENT)
		jobq_buf_printf(out, ",\"%s\":%" PRId64, name, number);
}

static void
put_event(struct page *page, const struct jobq_kafka_place *place,
    int64_t offset, int64_t written_ms, const struct jobq_event *event)
{
	static const char *const none[] = { NULL };
	const struct jobq_span *value;
	struct jobq_buf *out = &page->events, text = JOBQ_BUF_INIT;
	int64_t at = written_ms, run_at;

	if (event->at != NULL)
		jobq_time_parse(event->at, &at, NULL);
	jobq_buf_puts(out, out->len > 0 ? ",{\"place\":" : "{\"place\":");
	jobq_kafka_put_place(page->store, place, out);
	put_number(out, "offset", offset);
	put_text(out, "event", event->event);
	put_text(out, "id", event->id);
	put_number(out, "epoch", event->epoch);
	put_text(out, "worker", event->worker);
	put_number(out, "n", event->n);
	put_number(out, "at_ms", at);
	put_text(out, "reason", event->reason);
	put_text(out, "state", event->state);
	value = jobq_asked_get(&event->members, "error");
	if (value != NULL && jobq_json_string(*value, &text, NULL) == JOBQ_OK) {
		if (text.len > 1000)
			text.len = jobq_utf8_valid(text.data, 1000);
		jobq_buf_puts(out, ",\"error\":");
		jobq_json_put_string(out, text.data, text.len);
	}
	jobq_asked_text(&event->members, "run_at", &text, NULL);
	if (text.len > 0 &&
	    jobq_time_parse(text.data, &run_at, NULL) == JOBQ_OK)
		put_number(out, "run_ms", run_at);
	jobq_buf_clear(&text);
	jobq_line_strip(&event->members, none, &text);
	jobq_buf_puts(out, ",\"line\":");
	jobq_json_put_string(out, text.data, text.len);
	jobq_buf_putc(out, '}');
	jobq_buf_release(&text);
}

static void
add_event(struct page *page, const struct jobq_kafka_place *place,
    const rd_kafka_message_t *message)
{
	struct jobq_event event = { .kind = JOBQ_EVENT_OTHER };
	struct jobq_buf text = JOBQ_BUF_INIT;
	rd_kafka_timestamp_type_t type;

	if (message->len <= JOBQ_STAGE_MAX &&
	    jobq_kafka_form_progress(page->store, message, &text, NULL) ==
		JOBQ_OK &&
	    jobq_object_scan(&event.members, text.data, text.len, NULL) ==
		JOBQ_OK &&
	    jobq_event_read(&event, text.data, text.len, NULL) == JOBQ_OK &&
	    event.id != NULL && event.epoch != JOBQ_ABSENT &&
	    event.worker != NULL)
		put_event(page, place, message->offset,
		    rd_kafka_message_timestamp(message, &type), &event);
	jobq_event_release(&event);
	jobq_buf_release(&text);
}

static struct jobq_kafka_place *
find_place(struct jobq_kafka_view *view, int topic, int32_t number)
{
	for (size_t i = 0; i < view->places; i++)
		if (view->place[i].topic == topic &&
		    view->place[i].number == number)
			return &view->place[i];
	return NULL;
}

/* One record, or that there is no more behind it. */
static enum jobq_status
take_record(struct page *page, int topic, const rd_kafka_message_t *message,
    struct jobq_err *err)
{
	struct jobq_kafka *store = page->store;
	struct jobq_kafka_place *place =
	    find_place(store->view, topic, message->partition);

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (place != NULL && message->offset > place->next)
			place->next = message->offset;
		return JOBQ_OK;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || place == NULL)
		return jobq_kafka_failed(
		    store, message->err, "read the log", err);
	if (message->offset < place->next)
		return made_anew(store, topic, err);
	place->next = message->offset + 1;
	/* Another has read it, and the view may have forgotten it already. */
	if (message->offset < place->seen)
		return JOBQ_OK;
	page->records++;
	if (jobq_kafka_view_topic(topic) == JOBQ_KAFKA_JOBS)
		add_job(page, place, message);
	else
		add_event(page, place, message);
	return JOBQ_OK;
}

static enum jobq_status
ignore_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	(void)context, (void)line, (void)len, (void)err;
	return JOBQ_OK;
}

static enum jobq_status
pass_by(
    void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	(void)context, (void)entry, (void)why;
	return JOBQ_OK;
}

/* Writes the page into the view, and begins a new one. */
static enum jobq_status
write_page(struct page *page, struct jobq_err *err)
{
	struct jobq_kafka *store = page->store;
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	if (page->records == 0)
		return JOBQ_OK;
	if (page->jobs.count > 0)
		status = jobq_batch_send(&page->jobs, store->view->store,
		    JOBQ_VERB_PUSH, jobq_kafka_left(store), ignore_line,
		    pass_by, NULL, err);
	jobq_buf_puts(&request, "{\"jobs\":[");
	jobq_buf_add(&request, page->births.data, page->births.len);
	jobq_buf_puts(&request, "],\"events\":[");
	jobq_buf_add(&request, page->events.data, page->events.len);
	jobq_buf_puts(&request, "],\"places\":[");
	for (size_t i = 0; i < store->view->places; i++) {
		jobq_buf_puts(&request, i == 0 ? "[" : ",[");
		jobq_kafka_put_place(store, &store->view->place[i], &request);
		jobq_buf_printf(
		    &request, ",%" PRId64 "]", store->view->place[i].next);
	}
	jobq_buf_puts(&request, "]}");
	if (status == JOBQ_OK)
		status = jobq_kafka_view_call(
		    store, JOBQ_VERB_SETTLE, &request, NULL, NULL, err);
	jobq_batch_clear(&page->jobs);
	jobq_buf_clear(&page->births);
	jobq_buf_clear(&page->events);
	page->records = 0;
	jobq_buf_release(&request);
	return status;
}

/* Whether all that was there when it was asked has been read. */
static bool
is_reached(const struct jobq_kafka_view *view, int topic)
{
	for (size_t i = 0; i < view->places; i++)
		if (view->place[i].topic == topic &&
		    view->place[i].next < view->place[i].end)
			return false;
	return true;
}

static enum jobq_status
read_topic(struct page *page, int topic, struct jobq_err *err)
{
	struct jobq_kafka *store = page->store;
	struct jobq_kafka_view *view = store->view;
	enum jobq_status status = JOBQ_OK;

	while (status == JOBQ_OK && !is_reached(view, topic)) {
		int left = jobq_kafka_left(store);
		rd_kafka_message_t *message = rd_kafka_consume_queue(
		    view->queue[topic], left > 100 ? 100 : left);

		if (message == NULL && left == 0)
			return jobq_fail(err, JOBQ_AGAIN,
			    "%s: the log could not be read to its end in time; "
			    "what was read is kept",
			    store->name.data);
		if (message == NULL)
			continue;
		status = take_record(page, topic, message, err);
		rd_kafka_message_destroy(message);
		if (status == JOBQ_OK &&
		    (page->records >= PAGE_RECORDS ||
			page->events.len > JOBQ_PAGE_BYTES ||
			jobq_batch_full(&page->jobs)))
			status = write_page(page, err);
	}
	return status;
}

enum jobq_status
jobq_kafka_view_refresh(struct jobq_kafka *store, struct jobq_err *err)
{
	struct page page = { .store = store };
	enum jobq_status status = JOBQ_OK, written;

	jobq_batch_init(&page.jobs, "jobs");
	status = jobq_kafka_view_places(store, err);
	for (int i = JOBQ_KAFKA_VIEW_TOPICS; i-- > 0 && status == JOBQ_OK;)
		status = jobq_kafka_view_ends(store, i, err);
	for (int i = 0; i < JOBQ_KAFKA_VIEW_TOPICS && status == JOBQ_OK; i++)
		status = read_topic(&page, i, err);
	written = write_page(&page, status == JOBQ_OK ? err : NULL);
	jobq_batch_release(&page.jobs);
	jobq_buf_release(&page.births);
	jobq_buf_release(&page.events);
	return status == JOBQ_OK ? written : status;
}
