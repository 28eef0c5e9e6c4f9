/*
 * kafkatrip BROKER TOPIC ROUNDS: from the begin of a produce to the message in
 * the hands of a consumer that waits for it, with the settings of the driver,
 * without anything else. Prints p50 and p99 in microseconds.
 */
#include "clock.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000
#define PAUSE_US 20000

static _Noreturn void
give_up(const char *why)
{
	fprintf(stderr, "kafkatrip: %s\n", why);
	exit(75);
}

static rd_kafka_t *
client(rd_kafka_type_t type, const char *broker, const char *const *pairs)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *made;
	char why[256];

	if (rd_kafka_conf_set(conf, "bootstrap.servers", broker, why,
		sizeof why) != RD_KAFKA_CONF_OK)
		give_up(why);
	for (; *pairs != NULL; pairs += 2)
		if (rd_kafka_conf_set(conf, pairs[0], pairs[1], why,
			sizeof why) != RD_KAFKA_CONF_OK)
			give_up(why);
	made = rd_kafka_new(type, conf, why, sizeof why);
	if (made == NULL)
		give_up(why);
	return made;
}

static void
produce(rd_kafka_t *producer, const char *topic)
{
	static char value[] = "{\"input\":1}";

	if (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic),
		RD_KAFKA_V_VALUE(value, sizeof value - 1),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
		give_up("produce");
}

static void
await(rd_kafka_t *consumer)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, WAIT_MS);

	if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		give_up(message == NULL ? "nothing came"
					: rd_kafka_message_errstr(message));
	rd_kafka_message_destroy(message);
}

static int
compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

int
main(int argc, char **argv)
{
	static const char *const producing[] = { "enable.idempotence", "true",
		"acks", "all", "linger.ms", "0", NULL };
	static const char *const consuming[] = { "group.id", "kafkatrip",
		"enable.auto.commit", "false", "auto.offset.reset", "earliest",
		"fetch.wait.max.ms", "500", "fetch.error.backoff.ms", "10",
		NULL };
	rd_kafka_topic_partition_list_t *topics =
	    rd_kafka_topic_partition_list_new(1);
	rd_kafka_t *producer, *consumer;
	double *took;
	int rounds;

	if (argc != 4)
		give_up("usage: kafkatrip BROKER TOPIC ROUNDS");
	rounds = (int)strtol(argv[3], NULL, 10);
	took = calloc((size_t)rounds, sizeof *took);
	producer = client(RD_KAFKA_PRODUCER, argv[1], producing);
	consumer = client(RD_KAFKA_CONSUMER, argv[1], consuming);
	rd_kafka_poll_set_consumer(consumer);
	rd_kafka_topic_partition_list_add(
	    topics, argv[2], RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(consumer, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	produce(producer, argv[2]);
	await(consumer);
	for (int i = 0; i < rounds; i++) {
		double begun;

		usleep(PAUSE_US);
		begun = (double)jobq_mono_ns();
		produce(producer, argv[2]);
		await(consumer);
		took[i] = ((double)jobq_mono_ns() - begun) / 1e3;
		rd_kafka_poll(producer, 0);
	}
	qsort(took, (size_t)rounds, sizeof *took, compare);
	printf("%.0f %.0f\n", took[rounds / 2], took[rounds * 99 / 100]);
	rd_kafka_flush(producer, WAIT_MS);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	rd_kafka_destroy(producer);
	free(took);
	return 0;
}
