/*
 * A mock cluster of librdkafka, of one broker, in a process of its own, for
 * tests where there is no Kafka. It prints its address, then does what it is
 * told by lines of standard input, and prints "ok" after each:
 *
 *   topic NAME PARTITIONS   makes a topic
 *   down                    it cannot be reached
 *   up                      it can be reached again, with what it has
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#include "banned.h"

static int
obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
	char name[250];
	int partitions;

	if (strcmp(line, "down\n") == 0)
		return rd_kafka_mock_broker_set_down(cluster, 1);
	if (strcmp(line, "up\n") == 0)
		return rd_kafka_mock_broker_set_up(cluster, 1);
	if (sscanf(line, "topic %249s %d\n", name, &partitions) == 2)
		return rd_kafka_mock_topic_create(cluster, name, partitions, 1);
	return -1;
}

int
main(void)
{
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_conf_t *conf;
	rd_kafka_t *handle;
	char text[512];

	conf = rd_kafka_conf_new();
	/* It is no client, and need not say that it knows no broker. */
	rd_kafka_conf_set(conf, "log_level", "3", text, sizeof(text));
	handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!handle) {
		fprintf(stderr, "kafka-mock: %s\n", text);
		return 75;
	}
	cluster = rd_kafka_mock_cluster_new(handle, 1);
	if (!cluster) {
		fprintf(stderr, "kafka-mock: there is no mock cluster\n");
		return 75;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	while (fgets(text, sizeof(text), stdin))
		puts(obey(cluster, text) == 0 ? "ok" : "no");
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(handle);
	return 0;
}
