#include "topic.h"

#include "clock.h"
#include "mem.h"
#include "pool.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define BUCKETS 1024
#define LOOK_MS 10000
#define HURRY_MS 10000
#define IDS_MOST 500
#define LINES_MOST 250 /* at once: a ring that is empty has room for them */

struct jobq_topics {
	struct jobq_server *server;
	struct jobq_topic *bucket[BUCKETS];
	size_t count;
	/* A round goes over all buckets: which is next, how many are left. */
	size_t turn, left;
	struct jobq_pool_call call;
	bool looking, again;
	struct jobq_event event;
	int64_t hurry_until_ms;
};

struct jobq_topics *
jobq_topics_new(struct jobq_server *server)
{
	struct jobq_topics *topics = jobq_xcalloc(1, sizeof(*topics));

	topics->server = server;
	return topics;
}

bool
jobq_topics_hurry(const struct jobq_topics *topics)
{
	return topics->count > 0 && jobq_mono_ms() < topics->hurry_until_ms;
}

void
jobq_topics_rang(struct jobq_topics *topics)
{
	topics->hurry_until_ms = jobq_mono_ms() + HURRY_MS;
	jobq_topics_look(topics);
}

void
jobq_topics_free(struct jobq_topics *topics)
{
	if (topics == NULL)
		return;
	jobq_event_release(&topics->event);
	free(topics);
}

static struct jobq_topic **
find(struct jobq_topics *topics, const char *id)
{
	struct jobq_topic **at;
	unsigned hash = 5381;

	for (const char *c = id; *c != '\0'; c++)
		hash = hash * 33 + (unsigned char)*c;
	at = &topics->bucket[hash % BUCKETS];
	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

struct jobq_topic *
jobq_topic_join(struct jobq_topics *topics, const char *id,
    struct jobq_topic_member *member)
{
	struct jobq_topic **at = find(topics, id);

	if (*at == NULL) {
		*at = jobq_xcalloc(1, sizeof(**at));
		(*at)->id = jobq_xstrdup(id);
		topics->count++;
	}
	member->last = NULL;
	member->next = (*at)->members;
	if (member->next != NULL)
		member->next->last = member;
	(*at)->members = member;
	return *at;
}

void
jobq_topic_leave(struct jobq_topics *topics, struct jobq_topic *topic,
    struct jobq_topic_member *member)
{
	struct jobq_topic **at;

	*(member->last == NULL ? &topic->members : &member->last->next) =
	    member->next;
	if (member->next != NULL)
		member->next->last = member->last;
	if (topic->members != NULL)
		return;
	at = find(topics, topic->id);
	*at = topic->next;
	topics->count--;
	for (size_t i = 0; topic->ring != NULL && i < JOBQ_TOPIC_MOMENTS; i++)
		jobq_moment_release(&topic->ring[i]);
	free(topic->ring);
	free(topic->id);
	free(topic);
}

void
jobq_topic_know(
    struct jobq_topics *topics, struct jobq_topic *topic, int64_t cursor)
{
	if (topic->known)
		return;
	topic->known = true;
	topic->base = topic->cursor = cursor;
	/* What happened since the log was read is not heard of again. */
	jobq_topics_look(topics);
}

const struct jobq_moment *
jobq_topic_moment(const struct jobq_topic *topic, uint64_t number)
{
	if (number < topic->number || number - topic->number >= topic->count)
		return NULL;
	return &topic->ring[(topic->first + (number - topic->number)) %
			    JOBQ_TOPIC_MOMENTS];
}

uint64_t
jobq_topic_number(const struct jobq_topic *topic, int64_t cursor)
{
	uint64_t number = topic->number;

	while (number - topic->number < topic->count &&
	       jobq_topic_moment(topic, number)->seq <= cursor)
		number++;
	return number;
}

static size_t
size_of(const struct jobq_moment *moment)
{
	return moment->line.cap + moment->text.cap + moment->why.cap;
}

static void
forget_first(struct jobq_topic *topic)
{
	struct jobq_moment *moment = &topic->ring[topic->first];

	topic->bytes -= size_of(moment);
	topic->base = moment->seq;
	jobq_moment_release(moment);
	topic->first = (topic->first + 1) % JOBQ_TOPIC_MOMENTS;
	topic->count--;
	topic->number++;
}

/* Takes the moment's texts over. */
static void
add(struct jobq_topic *topic, struct jobq_moment *moment)
{
	if (topic->ring == NULL)
		topic->ring =
		    jobq_xcalloc(JOBQ_TOPIC_MOMENTS, sizeof(*topic->ring));
	while (topic->count == JOBQ_TOPIC_MOMENTS ||
	       (topic->count > 0 &&
		   topic->bytes + size_of(moment) > JOBQ_TOPIC_BYTES))
		forget_first(topic);
	topic->bytes += size_of(moment);
	topic->cursor = moment->seq;
	topic->ring[(topic->first + topic->count++) % JOBQ_TOPIC_MOMENTS] =
	    *moment;
	*moment = (struct jobq_moment){ 0 };
}

static void
wake_all(const struct jobq_topic *topic)
{
	for (struct jobq_topic_member *member = topic->members; member != NULL;
	     member = member->next)
		jobq_channel_wake(member->channel);
}

static void
take_line(struct jobq_topics *topics, struct jobq_span line)
{
	struct jobq_moment moment = { 0 };
	struct jobq_topic *topic;

	if (jobq_moment_read(&moment, &topics->event, line)) {
		topic = *find(topics, moment.id.data);
		if (topic != NULL && topic->known &&
		    moment.seq > topic->cursor) {
			add(topic, &moment);
			topic->fresh = true;
			topics->hurry_until_ms = jobq_mono_ms() + HURRY_MS;
		}
	}
	jobq_moment_release(&moment);
}

/* What was asked for has been read up to the end of the page. */
static void
end_page(struct jobq_topics *topics, int64_t after)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct jobq_topic *topic = topics->bucket[i];
		     topic != NULL; topic = topic->next) {
			if (topic->asked && topic->cursor < after)
				topic->cursor = after;
			topic->asked = false;
			if (topic->fresh)
				wake_all(topic);
			topic->fresh = false;
		}
}

static void
looked(struct jobq_pool_call *call)
{
	struct jobq_topics *topics = call->context;
	struct jobq_lines lines = { call->answer.data, call->answer.len };
	struct jobq_page_end end = { 0 };
	struct jobq_span line;

	topics->looking = false;
	while (call->status == JOBQ_OK && jobq_lines_next(&lines, &line))
		if (!jobq_page_end_read(line, &end))
			take_line(topics, line);
	end_page(topics, end.seen ? end.after : 0);
	jobq_pool_call_release(call);
	if (end.more)
		topics->again = true;
	if (topics->left > 0 || topics->again)
		jobq_topics_look(topics);
}

/* Writes the request for at most IDS_MOST topics; false when there is none. */
static bool
put_request(struct jobq_topics *topics, struct jobq_buf *out)
{
	int64_t since = INT64_MAX;
	size_t ids = 0;

	jobq_buf_printf(out, "{\"limit\":%d,\"ids\":[", LINES_MOST);
	for (; topics->left > 0 && ids < IDS_MOST; topics->left--) {
		struct jobq_topic *topic = topics->bucket[topics->turn];

		topics->turn = (topics->turn + 1) % BUCKETS;
		for (; topic != NULL; topic = topic->next) {
			if (!topic->known)
				continue;
			jobq_buf_printf(
			    out, "%s\"%s\"", ids == 0 ? "" : ",", topic->id);
			topic->asked = true;
			if (topic->cursor < since)
				since = topic->cursor;
			ids++;
		}
	}
	jobq_buf_printf(out, "],\"since\":%lld}", (long long)since);
	return ids > 0;
}

void
jobq_topics_look(struct jobq_topics *topics)
{
	struct jobq_pool_call *call = &topics->call;

	if (topics->looking) {
		topics->again = true;
		return;
	}
	if (topics->count == 0)
		return;
	/* A round that was asked for again begins when this one is over. */
	if (topics->left == 0) {
		topics->left = BUCKETS;
		topics->again = false;
	}
	*call = (struct jobq_pool_call){
		.verb = JOBQ_VERB_EVENTS,
		.until_ms = jobq_mono_ms() + LOOK_MS,
		.done = looked,
		.context = topics,
	};
	if (put_request(topics, &call->request) &&
	    jobq_pool_put(topics->server->pool, call)) {
		topics->looking = true;
		return;
	}
	end_page(topics, 0);
	jobq_pool_call_release(call);
}
