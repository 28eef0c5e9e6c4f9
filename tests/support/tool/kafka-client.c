/*
 * What the tests ask a Kafka for that kcat cannot:
 *
 *   kafka-client ADDRESS topic NAME PARTITIONS
 *       makes a topic, with one replica, and is done when it can be used
 *   kafka-client ADDRESS commit GROUP TOPIC PARTITION OFFSET METADATA
 *   kafka-client ADDRESS committed GROUP TOPIC PARTITION
 *       prints the offset and the metadata, divided by a blank
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define WAIT_MS 30000

static rd_kafka_t *handle;
static char text[512];

static const char *
told(rd_kafka_resp_err_t code)
{
	return code ? rd_kafka_err2str(code) : NULL;
}

static rd_kafka_resp_err_t
create(rd_kafka_NewTopic_t *topic)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
	const rd_kafka_topic_result_t **topics;
	rd_kafka_resp_err_t code;
	rd_kafka_event_t *event;
	size_t count = 0;

	rd_kafka_CreateTopics(handle, &topic, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, WAIT_MS);
	code =
	    event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (!code) {
		topics = rd_kafka_CreateTopics_result_topics(
		    rd_kafka_event_CreateTopics_result(event), &count);
		code = count ? rd_kafka_topic_result_error(topics[0])
			     : RD_KAFKA_RESP_ERR__BAD_MSG;
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return code;
}

/* Whether each partition has a leader by now. */
static bool
usable(rd_kafka_topic_t *topic)
{
	const struct rd_kafka_metadata *data;
	bool found;
	int i;

	if (rd_kafka_metadata(handle, 0, topic, &data, WAIT_MS))
		return false;
	found = data->topic_cnt == 1 && !data->topics[0].err &&
		data->topics[0].partition_cnt > 0;
	for (i = 0; found && i < data->topics[0].partition_cnt; i++)
		found = data->topics[0].partitions[i].leader >= 0;
	rd_kafka_metadata_destroy(data);
	return found;
}

static const char *
make_topic(char **words)
{
	rd_kafka_NewTopic_t *wanted;
	rd_kafka_resp_err_t code;
	rd_kafka_topic_t *topic;
	int tries = 0;

	wanted = rd_kafka_NewTopic_new(
	    words[0], (int)strtol(words[1], NULL, 10), 1, text, sizeof(text));
	if (!wanted)
		return text;
	code = create(wanted);
	rd_kafka_NewTopic_destroy(wanted);
	if (code)
		return told(code);
	topic = rd_kafka_topic_new(handle, words[0], NULL);
	while (!usable(topic) && ++tries < WAIT_MS / 20)
		rd_kafka_poll(handle, 20);
	rd_kafka_topic_destroy(topic);
	return tries < WAIT_MS / 20 ? NULL : "it has no leader";
}

static rd_kafka_topic_partition_list_t *
partition(char **words)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(
	    list, words[1], (int32_t)strtol(words[2], NULL, 10));
	return list;
}

static const char *
commit(char **words)
{
	rd_kafka_topic_partition_list_t *list = partition(words);
	rd_kafka_resp_err_t code;

	list->elems[0].offset = strtoll(words[3], NULL, 10);
	list->elems[0].metadata = strdup(words[4]);
	list->elems[0].metadata_size = strlen(words[4]);
	code = rd_kafka_commit(handle, list, 0);
	rd_kafka_topic_partition_list_destroy(list);
	return told(code);
}

static const char *
committed(char **words)
{
	rd_kafka_topic_partition_list_t *list = partition(words);
	rd_kafka_topic_partition_t *got = &list->elems[0];
	rd_kafka_resp_err_t code;

	code = rd_kafka_committed(handle, list, WAIT_MS);
	if (!code)
		printf("%lld %.*s\n", (long long)got->offset,
		    (int)got->metadata_size, (const char *)got->metadata);
	rd_kafka_topic_partition_list_destroy(list);
	return told(code);
}

static const struct {
	const char *name;
	int words;
	const char *(*run)(char **words);
} verbs[] = {
	{ "topic", 2, make_topic },
	{ "commit", 5, commit },
	{ "committed", 3, committed },
};

/* Text of what is wrong, or NULL. Without a group the name stands for one. */
static const char *
open_handle(const char *address, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (rd_kafka_conf_set(
		conf, "bootstrap.servers", address, text, sizeof(text)) ||
	    rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text)))
		return text;
	handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	return handle ? NULL : text;
}

int
main(int argc, char **argv)
{
	const char *wrong = "wrong arguments";
	size_t i;

	for (i = 0; argc > 3 && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].name, argv[2]) != 0 ||
		    verbs[i].words != argc - 3)
			continue;
		wrong = open_handle(argv[1], argv[3]);
		if (!wrong)
			wrong = verbs[i].run(argv + 3);
		break;
	}
	if (handle)
		rd_kafka_destroy(handle);
	if (wrong)
		fprintf(stderr, "kafka-client: %s\n", wrong);
	return wrong ? 75 : 0;
}
