/*
 * The tasks that somebody watches here, each with the last of what happened
 * to it, read from the store once for all who watch. However many tasks
 * there are, one look at the log asks for 500 of them together.
 */
#ifndef JOBQ_SERVE_TOPIC_H
#define JOBQ_SERVE_TOPIC_H

#include "channel.h"
#include "moment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_TOPIC_MOMENTS 256
#define JOBQ_TOPIC_BYTES ((size_t)4 << 20)

struct jobq_server;
struct jobq_topics;

/* One who watches; the watcher's memory. */
struct jobq_topic_member {
	struct jobq_channel *channel; /* is woken when there is more */
	struct jobq_topic_member *next, *last;
};

struct jobq_topic {
	char *id;
	/*
	 * What happened behind base and is known stands in the ring; moments
	 * are counted from 0, and number is that of the first in it. Until
	 * one who watches has read the log to its end (known), nothing is.
	 */
	struct jobq_moment *ring;
	size_t first, count;
	size_t bytes;
	uint64_t number;
	int64_t base, cursor;
	bool known;

	bool asked; /* in the look that is under way */
	bool fresh; /* has a moment that its members do not know of */
	struct jobq_topic_member *members;
	struct jobq_topic *next;
};

struct jobq_topics *jobq_topics_new(struct jobq_server *server);
void jobq_topics_free(struct jobq_topics *topics);

/* Looks at the log, now or as soon as the look under way is done. */
void jobq_topics_look(struct jobq_topics *topics);

/* The store has told that something happened: looks, and is in a hurry. */
void jobq_topics_rang(struct jobq_topics *topics);

/*
 * Whether to look again soon: there is somebody to tell, and the store has
 * told that something happened, or something has, within the last 10 s.
 */
bool jobq_topics_hurry(const struct jobq_topics *topics);

/* The topic of a task lives as long as it has members. */
struct jobq_topic *jobq_topic_join(struct jobq_topics *topics, const char *id,
    struct jobq_topic_member *member);
void jobq_topic_leave(struct jobq_topics *topics, struct jobq_topic *topic,
    struct jobq_topic_member *member);

/* The log has been read up to this cursor by one who watches. */
void jobq_topic_know(
    struct jobq_topics *topics, struct jobq_topic *topic, int64_t cursor);

/* The moment of a number, or NULL when it is not there (any more, yet). */
const struct jobq_moment *jobq_topic_moment(
    const struct jobq_topic *topic, uint64_t number);

/* The number of the first moment in the ring behind a cursor. */
uint64_t jobq_topic_number(const struct jobq_topic *topic, int64_t cursor);

#endif
