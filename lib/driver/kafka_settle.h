/*
 * How jobs end, and what is said of those that have.
 */
#ifndef JOBQ_KAFKA_SETTLE_H
#define JOBQ_KAFKA_SETTLE_H

#include "kafka_job.h"

/* An ending that was settled, so that one that is repeated is told the same. */
struct jobq_kafka_ended {
	char *id;
	char *worker;
	int64_t epoch;
	int64_t n;
	int64_t due_ms;
	enum jobq_event_kind kind;
	const char *state;
	int32_t part;
	bool lost; /* its partition went before it was committed */
};

/* --- kafka_request.c --- */
typedef enum jobq_status jobq_kafka_event_fn(struct jobq_kafka *store,
    const struct jobq_asked_event *event, struct jobq_buf *out,
    struct jobq_err *err);

/* Calls fn for each event of the request, until one is not JOBQ_OK. */
enum jobq_status jobq_kafka_each_event(struct jobq_kafka *store,
    const struct jobq_object *request, jobq_kafka_event_fn *fn,
    struct jobq_buf *out, struct jobq_err *err);

/* Reads a pair [id, epoch] of a list; id is replaced. */
bool jobq_kafka_pair(
    struct jobq_span pair, struct jobq_buf *id, int64_t *epoch);

/* Whether a claim is of the queue that the topic is. */
bool jobq_kafka_is_of_queue(const struct jobq_object *request);

/* --- kafka_settle.c --- */
/* The job that the event's worker has in its epoch; NULL: it has none. */
struct jobq_kafka_job *jobq_kafka_job_of(
    struct jobq_kafka *store, const struct jobq_asked_event *event);

/* Adds the state of a job that ended, and when one that is pending is due. */
void jobq_kafka_put_state(
    struct jobq_buf *out, const char *state, int64_t due_ms);

/* What has ended in a partition that is gone, and is not committed. */
void jobq_kafka_lose_endings(struct jobq_kafka *store, int32_t part);

/*
 * The first two steps of settling, as kafka_settle.c tells them; between the
 * second and the third, jobq_kafka_settle_answer(), is a commit.
 */
enum jobq_status jobq_kafka_settle_send(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_err *err);
enum jobq_status jobq_kafka_apply(
    struct jobq_kafka *store, struct jobq_err *err);
/*
 * Ends a job by the store's own word: sends the event, and the dead letter if
 * it failed, and adds the event's line to out. jobq_kafka_apply() lets it
 * take effect.
 */
enum jobq_status jobq_kafka_end(struct jobq_kafka *store,
    struct jobq_kafka_job *job, enum jobq_event_kind kind, const char *reason,
    const char *error, struct jobq_buf *out, struct jobq_err *err);

/* Sends a job that is to wait to the end of the log, as it is. */
enum jobq_status jobq_kafka_postpone(
    struct jobq_kafka *store, struct jobq_kafka_job *job, struct jobq_err *err);

/* --- kafka_answer.c --- */
enum jobq_status jobq_kafka_settle_answer(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err);

/*
 * Of what the ring of a worker holds: what is lost, and what is to be
 * cancelled.
 */
enum jobq_status jobq_kafka_look_at_held(struct jobq_kafka *store,
    const struct jobq_object *request, const char *worker, struct jobq_buf *out,
    struct jobq_err *err);

enum jobq_status jobq_kafka_settle(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err);

/* --- kafka_room.c --- */
enum jobq_status jobq_kafka_make_room(struct jobq_kafka *store,
    struct jobq_kafka_part *part, struct jobq_err *err);

/* --- kafka_control.c --- */
/* Begins to read the control topic, from an hour back to its end. */
enum jobq_status jobq_kafka_listen(
    struct jobq_kafka *store, struct jobq_err *err);
void jobq_kafka_listen_turn(struct jobq_kafka *store);
void jobq_kafka_listen_stop(struct jobq_kafka *store);

/* Whether the cancelling of a job born then was asked for. */
bool jobq_kafka_is_cancelled(
    struct jobq_kafka *store, const char *id, int64_t born_ms);

/* --- kafka_push.c --- */
enum jobq_status jobq_kafka_push(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err);

/* The ids of a request are to be cancelled: the log says so to all. */
enum jobq_status jobq_kafka_cancel(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_err *err);

#endif
