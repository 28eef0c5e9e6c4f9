/*
 * What the doctor asks: which topics there are, and whether a record can be
 * written and read back. That one goes to the dead letters, where nobody takes
 * it for something to do.
 */
#include "kafka_wire.h"

#include "clock.h"

#include <inttypes.h>
#include <string.h>

#include "banned.h"

static const char key[] = "jobq-doctor";

static void
say(struct jobq_buf *out, const char *check, bool ok,
    const struct jobq_buf *text)
{
	jobq_buf_printf(out, "{\"check\":\"%s\",\"ok\":%s,\"text\":", check,
	    ok ? "true" : "false");
	jobq_json_put_lossy(out, text->data, text->len);
	jobq_buf_puts(out, "}\n");
}

static enum jobq_status
check_topics(struct jobq_kafka *store, struct jobq_buf *out, bool *all,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	struct jobq_buf text = JOBQ_BUF_INIT;

	*all = true;
	for (int i = 0; i < JOBQ_KAFKA_TOPICS && status == JOBQ_OK; i++) {
		const char *topic = store->settings.topic[i];
		int count = 0;
		rd_kafka_resp_err_t code =
		    jobq_kafka_know(store, store->producer, topic, &count);

		jobq_buf_clear(&text);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
			jobq_buf_printf(&text, "%s has %d partition%s", topic,
			    count, count == 1 ? "" : "s");
		} else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
			jobq_buf_printf(&text,
			    "there is no topic %s: jobq-admin init makes it",
			    topic);
			*all = false;
		} else {
			status = jobq_kafka_failed(
			    store, code, "ask for the topics", err);
			continue;
		}
		say(out, "topic", code == RD_KAFKA_RESP_ERR_NO_ERROR, &text);
	}
	jobq_buf_release(&text);
	return status;
}

/* Writes the record; where it stands is noted by its delivery. */
static enum jobq_status
write_record(struct jobq_kafka *store, struct jobq_err *err)
{
	static char text[] = "{\"check\":\"jobq-doctor\"}";
	struct jobq_buf value = { text, sizeof text - 1, 0 };
	const struct jobq_kafka_record record = {
		.topic = JOBQ_KAFKA_DEAD,
		.key = key,
		.value = &value,
	};
	enum jobq_status status = jobq_kafka_send(store, &record, err);

	return status == JOBQ_OK ? jobq_kafka_flush(store, err) : status;
}

/* Whether it comes back, from where it was written to. */
static enum jobq_status
read_record(struct jobq_kafka *store, bool *same, struct jobq_err *err)
{
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new(1);
	rd_kafka_message_t *message = NULL;
	rd_kafka_t *client = NULL;
	rd_kafka_resp_err_t code;
	enum jobq_status status = jobq_kafka_reader_open(store, &client, err);

	*same = false;
	rd_kafka_topic_partition_list_add(
	    list, store->settings.topic[JOBQ_KAFKA_DEAD], store->delivered_part)
	    ->offset = store->delivered_at;
	if (status == JOBQ_OK) {
		code = jobq_kafka_reader_assign(store, client, list);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			message = rd_kafka_consumer_poll(
			    client, jobq_kafka_left(store));
		*same = message != NULL &&
			message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
			message->key_len == sizeof key - 1 &&
			memcmp(message->key, key, message->key_len) == 0;
	}
	if (message != NULL)
		rd_kafka_message_destroy(message);
	rd_kafka_topic_partition_list_destroy(list);
	jobq_kafka_reader_close(client);
	return status;
}

enum jobq_status
jobq_kafka_check(struct jobq_kafka *store, const struct jobq_object *request,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	int64_t begun = jobq_mono_ms();
	bool all = false, same = false;
	enum jobq_status status = jobq_kafka_producer(store, err);

	(void)request;
	if (status == JOBQ_OK)
		status = check_topics(store, out, &all, err);
	if (status == JOBQ_OK && all)
		status = write_record(store, err);
	if (status == JOBQ_OK && all)
		status = read_record(store, &same, err);
	if (status == JOBQ_OK && all) {
		jobq_buf_printf(&text,
		    same ? "a record was written to %s and read back, in %lld "
			   "ms"
			 : "a record that was written to %s did not come back "
			   "in %lld ms",
		    store->settings.topic[JOBQ_KAFKA_DEAD],
		    (long long)(jobq_mono_ms() - begun));
		say(out, "record", same, &text);
	}
	jobq_buf_release(&text);
	return status;
}
