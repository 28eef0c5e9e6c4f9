/*
 * Records on their way to the broker, and what became of them. The producer is
 * idempotent and every record waits for all replicas (acks=all), so what is
 * delivered is kept, once, in the order in which it was sent.
 *
 * A record that belongs to a job is counted there. A call that ends at its
 * deadline leaves what is on its way where it is, for librdkafka goes on
 * sending; the same call, made again, waits for the rest and sends nothing
 * twice. Only when a delivery has failed is it sent again.
 */
#include "kafka_job.h"
#include "kafka_wire.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "banned.h"

#define DAY_MS 86400000

static bool
is_size(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

/* What the job goes on as has to be sent again, as another if it is large. */
static void
note_failed(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const rd_kafka_message_t *message)
{
	if (strcmp(rd_kafka_topic_name(message->rkt),
		store->settings.topic[JOBQ_KAFKA_EVENTS]) == 0)
		return;
	job->moved = NULL;
	if (!is_size(message->err))
		return;
	/* It will be another record then. */
	job->too_large = true;
	store->why = RD_KAFKA_RESP_ERR__RETRY;
}

static void
on_delivery(
    rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
	struct jobq_kafka *store = context;
	struct jobq_kafka_job *job = message->_private;

	(void)client;
	store->on_their_way--;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		store->undelivered++;
		store->why = message->err;
	} else {
		store->delivered_part = message->partition;
		store->delivered_at = message->offset;
	}
	if (job == NULL)
		return;
	job->on_its_way--;
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		job->lost_some = true;
		note_failed(store, job, message);
	}
	/* It is not the store's any more. */
	if (job->part == NULL && job->on_its_way == 0)
		jobq_kafka_job_free(job);
}

static void
set_callback(rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
}

enum jobq_status
jobq_kafka_producer(struct jobq_kafka *store, struct jobq_err *err)
{
	static const char *const pairs[] = { "enable.idempotence", "true",
		"acks", "all", "linger.ms", "0", "message.max.bytes",
		JOBQ_KAFKA_RECORD_BYTES, "queue.buffering.max.kbytes", "65536",
		"compression.type", "none", NULL };

	return store->producer != NULL
		   ? JOBQ_OK
		   : jobq_kafka_client(store, RD_KAFKA_PRODUCER, set_callback,
			 pairs, &store->producer, err);
}

void
jobq_kafka_producer_close(struct jobq_kafka *store)
{
	if (store->producer == NULL)
		return;
	if (store->on_their_way > 0)
		rd_kafka_flush(store->producer, jobq_kafka_left(store));
	rd_kafka_purge(store->producer,
	    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_poll(store->producer, 0);
	rd_kafka_destroy(store->producer);
	store->producer = NULL;
}

rd_kafka_resp_err_t
jobq_kafka_know(
    struct jobq_kafka *store, rd_kafka_t *client, const char *topic, int *count)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	const struct rd_kafka_metadata *known = NULL;
	rd_kafka_resp_err_t code = rd_kafka_metadata(
	    client, 0, handle, &known, jobq_kafka_left(store));

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = known->topics[0].err;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count != NULL)
		*count = known->topics[0].partition_cnt;
	if (known != NULL)
		rd_kafka_metadata_destroy(known);
	rd_kafka_topic_destroy(handle);
	return code;
}

/* What a broker says of a partition that was made a moment ago. */
static bool
is_coming(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
	       code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
}

/*
 * Waits until every partition of a topic has a leader that answers, which one
 * question tells. A leader that comes up between two batches takes the second
 * one, for it knows nothing of this producer; the first one, sent again, is
 * then an old duplicate to it, which says that it is kept and is not.
 */
static rd_kafka_resp_err_t
await_leaders(struct jobq_kafka *store, const char *topic, int count)
{
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new(count);
	rd_kafka_resp_err_t code;

	rd_kafka_topic_partition_list_add_range(list, topic, 0, count - 1);
	for (;;) {
		/* Of a time to come there is nothing to be looked for. */
		for (int i = 0; i < count; i++)
			list->elems[i].offset = jobq_wall_ms() + DAY_MS;
		code = rd_kafka_offsets_for_times(
		    store->producer, list, jobq_kafka_left(store));
		for (int i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR;
		     i++)
			code = list->elems[i].err;
		if (!is_coming(code) || jobq_kafka_left(store) == 0)
			break;
		poll(NULL, 0, 10);
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

rd_kafka_resp_err_t
jobq_kafka_learn(
    struct jobq_kafka *store, enum jobq_kafka_topic topic, bool is_new)
{
	const char *name = store->settings.topic[topic];
	rd_kafka_resp_err_t code;
	int count = 0;

	code = jobq_kafka_know(store, store->producer, name, &count);
	while (is_new && is_coming(code) && jobq_kafka_left(store) > 0) {
		poll(NULL, 0, 10);
		code = jobq_kafka_know(store, store->producer, name, &count);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = await_leaders(store, name, count);
	store->knows[topic] = code == RD_KAFKA_RESP_ERR_NO_ERROR;
	return code;
}

rd_kafka_resp_err_t
jobq_kafka_ends(struct jobq_kafka *store, enum jobq_kafka_topic topic,
    int32_t number, int64_t *low, int64_t *high)
{
	return rd_kafka_query_watermark_offsets(store->producer,
	    store->settings.topic[topic], number, low, high,
	    jobq_kafka_left(store));
}

void
jobq_kafka_put_number(
    rd_kafka_headers_t *headers, const char *name, int64_t number)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%" PRId64, number);

	rd_kafka_header_add(headers, name, -1, text, len);
}

/* The queue of librdkafka may be full: what is on its way has to go first. */
static rd_kafka_resp_err_t
produce(struct jobq_kafka *store, const struct jobq_kafka_record *record)
{
	rd_kafka_resp_err_t code;

	do {
		rd_kafka_vu_t part[] = {
			{ .vtype = RD_KAFKA_VTYPE_TOPIC,
			    .u.cstr = store->settings.topic[record->topic] },
			{ .vtype = RD_KAFKA_VTYPE_KEY,
			    .u.mem = { (void *)(uintptr_t)record->key,
				strlen(record->key) } },
			{ .vtype = RD_KAFKA_VTYPE_VALUE,
			    .u.mem = { record->value->data,
				record->value->len } },
			{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS,
			    .u.i = RD_KAFKA_MSG_F_COPY },
			{ .vtype = RD_KAFKA_VTYPE_OPAQUE,
			    .u.ptr = record->job },
			{ .vtype = RD_KAFKA_VTYPE_HEADERS,
			    .u.headers = record->headers },
		};
		rd_kafka_error_t *error =
		    rd_kafka_produceva(store->producer, part,
			sizeof part / sizeof *part -
			    (record->headers == NULL ? 1 : 0));

		code = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(store->producer, 10);
	} while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
		 jobq_kafka_left(store) > 0);
	return code;
}

enum jobq_status
jobq_kafka_send(struct jobq_kafka *store,
    const struct jobq_kafka_record *record, struct jobq_err *err)
{
	enum jobq_status status = jobq_kafka_producer(store, err);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	char doing[300];

	if (status == JOBQ_OK) {
		/* Who does not know a topic waits up to a second for it. */
		if (!store->knows[record->topic])
			code = jobq_kafka_learn(store, record->topic, false);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = produce(store, record);
		if (is_size(code) && record->job != NULL &&
		    record->topic != JOBQ_KAFKA_EVENTS)
			record->job->too_large = true;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
			store->on_their_way++;
			if (record->job != NULL)
				record->job->on_its_way++;
			return JOBQ_OK;
		}
		snprintf(doing, sizeof doing, "send to topic '%s'",
		    store->settings.topic[record->topic]);
		status = jobq_kafka_failed(store, code, doing, err);
	}
	/* librdkafka takes the headers over when it takes the record. */
	if (record->headers != NULL)
		rd_kafka_headers_destroy(record->headers);
	return status;
}

enum jobq_status
jobq_kafka_flush(struct jobq_kafka *store, struct jobq_err *err)
{
	size_t failed;

	while (store->on_their_way > 0 && jobq_kafka_left(store) > 0) {
		int left = jobq_kafka_left(store);

		rd_kafka_poll(store->producer, left > 100 ? 100 : left);
	}
	failed = store->undelivered;
	store->undelivered = 0;
	if (failed > 0)
		return jobq_kafka_failed(
		    store, store->why, "have a record kept", err);
	if (store->on_their_way > 0)
		return jobq_fail(err, JOBQ_AGAIN,
		    "%s: does not answer: %zu records are on their way",
		    store->name.data, store->on_their_way);
	return JOBQ_OK;
}
