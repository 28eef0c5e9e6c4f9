/*
 * What is known of the log: see kafka_view.c.
 */
#ifndef JOBQ_KAFKA_VIEW_H
#define JOBQ_KAFKA_VIEW_H

#include "kafka_inside.h"
#include "store.h"

/* How far a partition was read into the view. */
struct jobq_kafka_place {
	int topic; /* of those of the view */
	int32_t number;
	int64_t next, end; /* offsets: to be read next, and behind the last */
	int64_t seen;	   /* what is before it is in the view */
};

#define JOBQ_KAFKA_VIEW_TOPICS 2 /* jobs and events */

struct jobq_kafka_view {
	struct jobq_store *store; /* NULL: not yet */
	rd_kafka_t *client;	  /* without a group */
	rd_kafka_queue_t *queue[JOBQ_KAFKA_VIEW_TOPICS];
	struct jobq_kafka_place *place;
	size_t places, cap;
};

/* --- kafka_view.c --- */
/* Reads what the log has now, so that its next record rings the bell. */
enum jobq_status jobq_kafka_view_look(
    struct jobq_kafka *store, struct jobq_err *err);

/* What a verb that only looks answers, of all that the log has now. */
enum jobq_status jobq_kafka_ask_view(struct jobq_kafka *store,
    enum jobq_verb verb, const char *request, size_t len, struct jobq_buf *out,
    struct jobq_err *err);
void jobq_kafka_view_close(struct jobq_kafka *store);

/* Looks up how far the view goes; others may have read on. */
enum jobq_status jobq_kafka_view_places(
    struct jobq_kafka *store, struct jobq_err *err);

/* --- kafka_view_read.c --- */
/* Reads into the view what has come. */
enum jobq_status jobq_kafka_view_refresh(
    struct jobq_kafka *store, struct jobq_err *err);

/* The name of a place, as a JSON string. */
void jobq_kafka_put_place(const struct jobq_kafka *store,
    const struct jobq_kafka_place *place, struct jobq_buf *out);

/* Where each partition of a topic begins and ends now. */
enum jobq_status jobq_kafka_view_ends(
    struct jobq_kafka *store, int topic, struct jobq_err *err);

/* One call of the embedded store, in what is left of the time. */
enum jobq_status jobq_kafka_view_call(struct jobq_kafka *store,
    enum jobq_verb verb, const struct jobq_buf *request, jobq_line_fn *line,
    void *context, struct jobq_err *err);

/* Which topic of the driver's a topic of the view is. */
enum jobq_kafka_topic jobq_kafka_view_topic(int topic);

#endif
