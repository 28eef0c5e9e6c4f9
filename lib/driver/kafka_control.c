/*
 * The control topic: what is to be cancelled. It is read without a group, so
 * that every worker sees every word of it, from an hour back: so a job that is
 * cancelled while it waits in the log is cancelled when it is read. No job is
 * handed out before the topic was read to its end once.
 *
 * A record is about the jobs that were there when it was written: one with the
 * same id that is born later is another.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include "clock.h"
#include "id.h"
#include "log.h"
#include "mem.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define BACK_MS 3600000

/* So many are remembered, the newest ones. */
#define CANCELS 50000

/* What was asked to be cancelled, and when. */
struct jobq_kafka_cancel {
	struct jobq_kafka_cancel *same_hash;
	struct jobq_kafka_cancel *next; /* in the order of asking */
	int64_t at_ms;			/* wall clock of the record */
	char id[];
};

static void
drop_oldest(struct jobq_kafka *store)
{
	struct jobq_kafka_cancel *cancel = store->cancel_first, **link;

	link = &store->cancel_by_id[jobq_kafka_hash(cancel->id)];
	while (*link != cancel)
		link = &(*link)->same_hash;
	*link = cancel->same_hash;
	store->cancels--;
	store->cancel_first = cancel->next;
	if (store->cancel_first == NULL)
		store->cancel_last = NULL;
	free(cancel);
}

static void
note_cancel(struct jobq_kafka *store, const char *id, int64_t at_ms)
{
	size_t len = strlen(id) + 1;
	struct jobq_kafka_cancel **head =
	    &store->cancel_by_id[jobq_kafka_hash(id)];
	struct jobq_kafka_cancel *cancel = *head;

	while (cancel != NULL && strcmp(cancel->id, id) != 0)
		cancel = cancel->same_hash;
	if (cancel != NULL) {
		if (cancel->at_ms < at_ms)
			cancel->at_ms = at_ms;
		return;
	}
	cancel = jobq_xmalloc(sizeof *cancel + len);
	*cancel = (struct jobq_kafka_cancel){ *head, NULL, at_ms };
	memcpy(cancel->id, id, len);
	*head = cancel;
	store->cancels++;
	if (store->cancel_last != NULL)
		store->cancel_last->next = cancel;
	else
		store->cancel_first = cancel;
	store->cancel_last = cancel;
	while (store->cancel_first != store->cancel_last &&
	       (store->cancels > CANCELS ||
		   store->cancel_first->at_ms < jobq_wall_ms() - 2 * BACK_MS))
		drop_oldest(store);
}

bool
jobq_kafka_is_cancelled(
    struct jobq_kafka *store, const char *id, int64_t born_ms)
{
	const struct jobq_kafka_cancel *cancel =
	    store->cancel_by_id[jobq_kafka_hash(id)];

	while (cancel != NULL &&
	       (cancel->at_ms < born_ms || strcmp(cancel->id, id) != 0))
		cancel = cancel->same_hash;
	return cancel != NULL;
}

/*
 * When a cancel was asked for. One that comes while its job runs is about that
 * job, whatever the clocks say of those who wrote the two.
 */
static int64_t
asked_at(const struct jobq_kafka *store, const char *id,
    const rd_kafka_message_t *of)
{
	const struct jobq_kafka_job *job = store->by_id[jobq_kafka_hash(id)];
	rd_kafka_timestamp_type_t type;
	int64_t at_ms = rd_kafka_message_timestamp(of, &type);

	while (job != NULL &&
	       (job->state != JOBQ_KAFKA_HELD || strcmp(job->id, id) != 0))
		job = job->same_hash;
	return store->control_ends == store->control_parts && job != NULL &&
		       at_ms < job->born_ms
		   ? job->born_ms
		   : at_ms;
}

/* {"event":"cancel","id":...}; what else there is, is for others. */
static void
take_record(struct jobq_kafka *store, const rd_kafka_message_t *message)
{
	struct jobq_span value = { message->payload, message->len };
	struct jobq_object members = { 0 };
	struct jobq_buf text = JOBQ_BUF_INIT, event = JOBQ_BUF_INIT,
			id = JOBQ_BUF_INIT;

	if (value.len > 0 &&
	    jobq_kafka_form(store, JOBQ_KAFKA_FORM_CONTROL, value, &text,
		NULL) == JOBQ_OK &&
	    jobq_object_scan(&members, text.data, text.len, NULL) == JOBQ_OK &&
	    jobq_asked_text(&members, "event", &event, NULL) == JOBQ_OK &&
	    jobq_asked_text(&members, "id", &id, NULL) == JOBQ_OK &&
	    strcmp(event.data, "cancel") == 0 && jobq_id_valid(id.data, id.len))
		note_cancel(store, id.data, asked_at(store, id.data, message));
	jobq_object_release(&members);
	jobq_buf_release(&text);
	jobq_buf_release(&event);
	jobq_buf_release(&id);
}

static void
note_end(struct jobq_kafka *store, int32_t part)
{
	if (part < 0 || part >= store->control_parts ||
	    store->control_ended[part])
		return;
	store->control_ended[part] = true;
	store->control_ends++;
}

void
jobq_kafka_listen_turn(struct jobq_kafka *store)
{
	rd_kafka_message_t *message;

	if (store->listener == NULL)
		return;
	while ((message = rd_kafka_consume_queue(store->control, 0)) != NULL) {
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			note_end(store, message->partition);
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_record(store, message);
		rd_kafka_message_destroy(message);
	}
}

/* Where each partition was an hour ago. */
static rd_kafka_resp_err_t
find_offsets(struct jobq_kafka *store, rd_kafka_topic_partition_list_t *list)
{
	const char *name = store->settings.topic[JOBQ_KAFKA_CONTROL];
	int64_t low, high;
	rd_kafka_resp_err_t code = jobq_kafka_know(store, store->producer,
	    store->settings.topic[JOBQ_KAFKA_CONTROL], &store->control_parts);

	for (int i = 0; i < store->control_parts; i++)
		rd_kafka_topic_partition_list_add(list, name, i)->offset =
		    jobq_wall_ms() - BACK_MS;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = rd_kafka_offsets_for_times(
		    store->producer, list, jobq_kafka_left(store));
	/* With nothing since, its end as a number: END is looked up later. */
	for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		if (list->elems[i].offset >= 0)
			continue;
		code =
		    jobq_kafka_ends(store, JOBQ_KAFKA_CONTROL, i, &low, &high);
		list->elems[i].offset = high;
	}
	return code;
}

static rd_kafka_resp_err_t
start(struct jobq_kafka *store)
{
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code = find_offsets(store, list);

	store->control_ended = jobq_xcalloc(
	    (size_t)store->control_parts + 1, sizeof *store->control_ended);
	store->control = jobq_kafka_reader_queue(store, store->listener);
	for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++)
		jobq_kafka_reader_forward(
		    store->listener, &list->elems[i], store->control);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = jobq_kafka_reader_assign(store, store->listener, list);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

void
jobq_kafka_listen_stop(struct jobq_kafka *store)
{
	while (store->cancel_first != NULL)
		drop_oldest(store);
	if (store->control != NULL)
		rd_kafka_queue_destroy(store->control);
	jobq_kafka_reader_close(store->listener);
	store->listener = NULL;
	store->control = NULL;
	store->control_parts = store->control_ends = 0;
	free(store->control_ended);
	store->control_ended = NULL;
}

enum jobq_status
jobq_kafka_listen(struct jobq_kafka *store, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	rd_kafka_resp_err_t code;

	if (store->listener == NULL) {
		status = jobq_kafka_producer(store, err);
		if (status == JOBQ_OK)
			status = jobq_kafka_reader_open(
			    store, &store->listener, err);
		if (status != JOBQ_OK)
			return status;
		code = start(store);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
			status = jobq_kafka_failed(
			    store, code, "read the control topic", err);
			jobq_kafka_listen_stop(store);
			return status;
		}
	}
	jobq_kafka_listen_turn(store);
	while (store->control_ends < store->control_parts) {
		if (jobq_kafka_left(store) == 0)
			return jobq_fail(err, JOBQ_AGAIN,
			    "%s: the topic '%s' could not be read to its end "
			    "in time",
			    store->name.data,
			    store->settings.topic[JOBQ_KAFKA_CONTROL]);
		poll(NULL, 0, 2);
		jobq_kafka_listen_turn(store);
	}
	return JOBQ_OK;
}
