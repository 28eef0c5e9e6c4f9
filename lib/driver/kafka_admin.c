/*
 * The topics: made when they are absent, never changed. The jobs topic has as
 * many partitions as there may be workers (?partitions=); the others have one,
 * so that there is one order in each.
 */
#include "kafka_wire.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

#include "banned.h"

static rd_kafka_NewTopic_t *
new_topic(const struct jobq_kafka *store, enum jobq_kafka_topic topic)
{
	int partitions =
	    topic == JOBQ_KAFKA_JOBS ? store->settings.partitions : 1;
	char why[256];
	rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(
	    store->settings.topic[topic], partitions, -1, why, sizeof why);

	if (made != NULL)
		rd_kafka_NewTopic_set_config(
		    made, "max.message.bytes", JOBQ_KAFKA_RECORD_BYTES);
	return made;
}

static enum jobq_status
read_results(
    struct jobq_kafka *store, rd_kafka_event_t *event, struct jobq_err *err)
{
	const rd_kafka_topic_result_t **result;
	enum jobq_status status = JOBQ_OK;
	char doing[300];
	size_t count;

	if (event == NULL)
		return jobq_fail(err, JOBQ_AGAIN,
		    "%s: does not answer, so the topics cannot be made",
		    store->name.data);
	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return jobq_kafka_failed(
		    store, rd_kafka_event_error(event), "make the topics", err);
	result = rd_kafka_CreateTopics_result_topics(
	    rd_kafka_event_CreateTopics_result(event), &count);
	for (size_t i = 0; i < count && status == JOBQ_OK; i++) {
		rd_kafka_resp_err_t code =
		    rd_kafka_topic_result_error(result[i]);

		if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
		    code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			continue;
		snprintf(doing, sizeof doing, "make topic '%s'",
		    rd_kafka_topic_result_name(result[i]));
		status = jobq_kafka_failed(store, code, doing, err);
	}
	return status;
}

/* Whether all topics are there, as far as the broker tells. */
static bool
are_there(struct jobq_kafka *store)
{
	const struct rd_kafka_metadata *known = NULL;
	int found = 0;

	if (rd_kafka_metadata(store->producer, 1, NULL, &known,
		jobq_kafka_left(store)) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	for (int i = 0; i < known->topic_cnt; i++)
		for (int j = 0; j < JOBQ_KAFKA_TOPICS; j++)
			found += strcmp(known->topics[i].topic,
				     store->settings.topic[j]) == 0;
	rd_kafka_metadata_destroy(known);
	return found == JOBQ_KAFKA_TOPICS;
}

static enum jobq_status
make_topics(struct jobq_kafka *store, struct jobq_err *err)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(store->producer);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
	    store->producer, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_NewTopic_t *topic[JOBQ_KAFKA_TOPICS];
	rd_kafka_event_t *event;
	enum jobq_status status;

	for (int i = 0; i < JOBQ_KAFKA_TOPICS; i++)
		topic[i] = new_topic(store, (enum jobq_kafka_topic)i);
	rd_kafka_CreateTopics(
	    store->producer, topic, JOBQ_KAFKA_TOPICS, options, queue);
	event = rd_kafka_queue_poll(queue, jobq_kafka_left(store));
	status = read_results(store, event, err);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy_array(topic, JOBQ_KAFKA_TOPICS);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	return status;
}

/* A broker says that a topic is made before it takes records for it. */
static enum jobq_status
await_topics(struct jobq_kafka *store, struct jobq_err *err)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int i = 0;
	     i < JOBQ_KAFKA_TOPICS && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		code = jobq_kafka_learn(store, (enum jobq_kafka_topic)i, true);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		   ? JOBQ_OK
		   : jobq_kafka_failed(
			 store, code, "reach the new topics", err);
}

enum jobq_status
jobq_kafka_init(struct jobq_kafka *store, struct jobq_err *err)
{
	enum jobq_status status = jobq_kafka_producer(store, err);

	if (status == JOBQ_OK && !are_there(store)) {
		status = make_topics(store, err);
		if (status == JOBQ_OK)
			status = await_topics(store, err);
	}
	store->made = status == JOBQ_OK;
	return status;
}
