/*
 * Topics that are read without a group: every reader sees all of them, and
 * nothing is committed. librdkafka wants the name of a group all the same.
 *
 * A fetch is of the partitions that are known when it is sent, and others wait
 * until it is answered: so it waits for less than elsewhere.
 */
#include "kafka_wire.h"

#include <string.h>

#include "banned.h"

enum jobq_status
jobq_kafka_reader_open(
    struct jobq_kafka *store, rd_kafka_t **client, struct jobq_err *err)
{
	static const char *const pairs[] = { "group.id", "jobq-reader",
		"enable.partition.eof", "true", "auto.offset.reset", "earliest",
		"enable.auto.commit", "false", "enable.auto.offset.store",
		"false", "max.poll.interval.ms", "86400000",
		"fetch.wait.max.ms", "100", NULL };
	enum jobq_status status = jobq_kafka_client(
	    store, RD_KAFKA_CONSUMER, NULL, pairs, client, err);

	if (status == JOBQ_OK)
		rd_kafka_poll_set_consumer(*client);
	return status;
}

void
jobq_kafka_reader_close(rd_kafka_t *client)
{
	if (client == NULL)
		return;
	rd_kafka_assign(client, NULL);
	rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

rd_kafka_resp_err_t
jobq_kafka_reader_assign(struct jobq_kafka *store, rd_kafka_t *client,
    const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	/* What it does not know it looks for a second later. */
	for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++)
		if (i == 0 ||
		    strcmp(list->elems[i].topic, list->elems[i - 1].topic) != 0)
			code = jobq_kafka_know(
			    store, client, list->elems[i].topic, NULL);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		   ? rd_kafka_assign(client, list)
		   : code;
}

rd_kafka_queue_t *
jobq_kafka_reader_queue(struct jobq_kafka *store, rd_kafka_t *client)
{
	static const uint64_t one = 1;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);

	rd_kafka_queue_io_event_enable(queue, store->bell, &one, sizeof one);
	return queue;
}

void
jobq_kafka_reader_forward(rd_kafka_t *client,
    const rd_kafka_topic_partition_t *part, rd_kafka_queue_t *to)
{
	rd_kafka_queue_t *queue =
	    rd_kafka_queue_get_partition(client, part->topic, part->partition);

	if (queue == NULL)
		return;
	rd_kafka_queue_forward(queue, to);
	rd_kafka_queue_destroy(queue);
}
