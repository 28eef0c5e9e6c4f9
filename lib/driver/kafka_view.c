/*
 * What is in the log, as a store that can be asked: which jobs there are, what
 * happened to them. A log cannot be asked, so it is read into an embedded store
 * (the adapter kafka-view), from where that was left: what was read, and how
 * far, is one commit there.
 *
 * An event is behind its job in time, but they stand in two topics. So a look
 * first asks where the events end, then where the jobs end, and reads the jobs
 * before it reads the events, each to the end that was told: then no event is
 * seen before its job.
 *
 * The view is of this machine and can be removed: it is made anew then. Several
 * processes may read into one; each passes by what another was first to bring.
 */
#include "kafka_view.h"
#include "kafka_wire.h"

#include "id.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

enum jobq_kafka_topic
jobq_kafka_view_topic(int topic)
{
	static const enum jobq_kafka_topic topics[JOBQ_KAFKA_VIEW_TOPICS] = {
		JOBQ_KAFKA_JOBS,
		JOBQ_KAFKA_EVENTS,
	};

	return topics[topic];
}

/* --- the embedded store -------------------------------------------------- */

static void
put_quoted(struct jobq_buf *out, const char *path)
{
	for (; *path != '\0'; path++)
		if (strchr("%?#&", *path) != NULL)
			jobq_buf_printf(out, "%%%02X", (unsigned char)*path);
		else
			jobq_buf_putc(out, *path);
}

/* A file beside the default store, named after what it is a view of. */
static enum jobq_status
find_path(struct jobq_kafka *store, struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_kafka_settings *settings = &store->settings;
	struct jobq_buf what = JOBQ_BUF_INIT;
	char hash[17];

	if (settings->view != NULL) {
		jobq_buf_puts(out, settings->view);
		return JOBQ_OK;
	}
	jobq_buf_printf(&what, "%s %s %s", settings->servers,
	    settings->topic[JOBQ_KAFKA_JOBS],
	    settings->topic[JOBQ_KAFKA_EVENTS]);
	jobq_line_hash(what.data, what.len, hash);
	jobq_buf_release(&what);
	if (!jobq_store_state_path(out, "jobq/kafka-"))
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s: HOME is not set, so there is no place for what is "
		    "known of the log: name a file with ?view=",
		    store->name.data);
	jobq_buf_printf(out, "%s.db", hash);
	return JOBQ_OK;
}

static enum jobq_status
open_store(struct jobq_kafka *store, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT, url = JOBQ_BUF_INIT;
	enum jobq_status status = find_path(store, &path, err);

	if (status == JOBQ_OK) {
		jobq_buf_puts(&url, "sqlite:");
		put_quoted(&url, path.data);
		jobq_buf_puts(&url, "?adapter=kafka-view");
		status = jobq_store_open(
		    url.data, JOBQ_STORE_CREATE, &store->view->store, err);
	}
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "what is known of the log");
	jobq_buf_release(&path);
	jobq_buf_release(&url);
	return status;
}

enum jobq_status
jobq_kafka_view_call(struct jobq_kafka *store, enum jobq_verb verb,
    const struct jobq_buf *request, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	return jobq_store_call(store->view->store, verb, request,
	    jobq_kafka_left(store), line, context, err);
}

/* --- places -------------------------------------------------------------- */

/* A line {"place","offset"} of what the view says. */
static enum jobq_status
take_place(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_kafka *store = context;
	struct jobq_object members = { 0 };
	struct jobq_buf name = JOBQ_BUF_INIT, own = JOBQ_BUF_INIT;
	enum jobq_status status;

	status = jobq_object_scan(&members, line, len, err);
	if (status == JOBQ_OK)
		status = jobq_asked_text(&members, "place", &name, err);
	for (size_t i = 0; status == JOBQ_OK && i < store->view->places; i++) {
		struct jobq_kafka_place *place = &store->view->place[i];

		jobq_buf_clear(&own);
		jobq_kafka_put_place(store, place, &own);
		if (own.len == name.len + 2 &&
		    memcmp(own.data + 1, name.data, name.len) == 0)
			place->seen = jobq_asked_number(&members, "offset", 0);
	}
	jobq_buf_release(&name);
	jobq_buf_release(&own);
	jobq_object_release(&members);
	return status;
}

enum jobq_status
jobq_kafka_view_places(struct jobq_kafka *store, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_puts(&request, "{}");
	status = jobq_kafka_view_call(
	    store, JOBQ_VERB_CHECK, &request, take_place, store, err);
	jobq_buf_release(&request);
	return status;
}

/* Begins to read each partition where the view ends. */
static rd_kafka_resp_err_t
start(struct jobq_kafka *store)
{
	struct jobq_kafka_view *view = store->view;
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new((int)view->places);
	rd_kafka_resp_err_t code;

	for (int i = 0; i < JOBQ_KAFKA_VIEW_TOPICS; i++)
		view->queue[i] = jobq_kafka_reader_queue(store, view->client);
	for (size_t i = 0; i < view->places; i++) {
		const struct jobq_kafka_place *place = &view->place[i];
		rd_kafka_topic_partition_t *part =
		    rd_kafka_topic_partition_list_add(list,
			store->settings
			    .topic[jobq_kafka_view_topic(place->topic)],
			place->number);

		part->offset = place->next;
		jobq_kafka_reader_forward(
		    view->client, part, view->queue[place->topic]);
	}
	code = jobq_kafka_reader_assign(store, view->client, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

void
jobq_kafka_view_close(struct jobq_kafka *store)
{
	struct jobq_kafka_view *view = store->view;

	if (view == NULL)
		return;
	for (int i = 0; i < JOBQ_KAFKA_VIEW_TOPICS; i++)
		if (view->queue[i] != NULL)
			rd_kafka_queue_destroy(view->queue[i]);
	jobq_kafka_reader_close(view->client);
	jobq_store_close(view->store);
	free(view->place);
	free(view);
	store->view = NULL;
}

static rd_kafka_resp_err_t
find_places(struct jobq_kafka *store)
{
	struct jobq_kafka_view *view = store->view;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int i = 0;
	     i < JOBQ_KAFKA_VIEW_TOPICS && code == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		int count = 0;

		code = jobq_kafka_know(store, store->producer,
		    store->settings.topic[jobq_kafka_view_topic(i)], &count);
		for (int j = 0; j < count; j++) {
			view->place = jobq_grow(view->place, view->places,
			    &view->cap, sizeof *view->place);
			view->place[view->places++] =
			    (struct jobq_kafka_place){ .topic = i,
				    .number = j };
		}
	}
	return code;
}

static enum jobq_status
open_view(struct jobq_kafka *store, struct jobq_err *err)
{
	struct jobq_kafka_view *view = store->view;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	enum jobq_status status = open_store(store, err);

	if (status == JOBQ_OK)
		status = jobq_kafka_producer(store, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_reader_open(store, &view->client, err);
	if (status != JOBQ_OK)
		return status;
	code = find_places(store);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		status = jobq_kafka_view_places(store, err);
	for (size_t i = 0; i < view->places; i++)
		view->place[i].next = view->place[i].seen;
	for (int i = 0; i < JOBQ_KAFKA_VIEW_TOPICS && status == JOBQ_OK &&
			code == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++)
		status = jobq_kafka_view_ends(store, i, err);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && status == JOBQ_OK)
		code = start(store);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		   ? status
		   : jobq_kafka_failed(store, code, "read the log", err);
}

/* --- asking -------------------------------------------------------------- */

static enum jobq_status
add_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	(void)err;
	jobq_buf_add(context, line, len);
	jobq_buf_putc(context, '\n');
	return JOBQ_OK;
}

enum jobq_status
jobq_kafka_view_look(struct jobq_kafka *store, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (store->view == NULL) {
		store->view = jobq_xcalloc(1, sizeof *store->view);
		status = open_view(store, err);
	}
	if (status == JOBQ_OK)
		status = jobq_kafka_view_refresh(store, err);
	/* What could not be written is to be read again. */
	if (status != JOBQ_OK)
		jobq_kafka_view_close(store);
	return status;
}

enum jobq_status
jobq_kafka_ask_view(struct jobq_kafka *store, enum jobq_verb verb,
    const char *request, size_t len, struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_buf text = { (char *)(uintptr_t)request, len, 0 };
	enum jobq_status status = jobq_kafka_view_look(store, err);

	return status == JOBQ_OK ? jobq_kafka_view_call(
				       store, verb, &text, add_line, out, err)
				 : status;
}
