/*
 * What of librdkafka the driver uses: records on their way out, the group whose
 * member it is, topics that are read without one.
 */
#ifndef JOBQ_KAFKA_WIRE_H
#define JOBQ_KAFKA_WIRE_H

#include "kafka_inside.h"

/* With a lease or a result a line has 2 MiB, and keys and headers beside it. */
#define JOBQ_KAFKA_RECORD_BYTES "4194304"

/* --- kafka_send.c --- */
/* A record on its way out. Texts are the caller's; they are copied. */
struct jobq_kafka_record {
	enum jobq_kafka_topic topic;
	const char *key;
	struct jobq_buf *value;
	rd_kafka_headers_t *headers; /* taken over; NULL: none */
	struct jobq_kafka_job *job;  /* whose it is; NULL: nobody's */
};

/*
 * The client of all that is asked and sent. A broker answers a connection in
 * order, and where one reads a fetch waits for what is to come: so nothing is
 * to be asked there.
 */
enum jobq_status jobq_kafka_producer(
    struct jobq_kafka *store, struct jobq_err *err);
void jobq_kafka_producer_close(struct jobq_kafka *store);
enum jobq_status jobq_kafka_send(struct jobq_kafka *store,
    const struct jobq_kafka_record *record, struct jobq_err *err);

/*
 * Waits until all that was sent is delivered. JOBQ_AGAIN: the deadline came
 * first, or something could not be; what a job had sent is then marked.
 */
enum jobq_status jobq_kafka_flush(
    struct jobq_kafka *store, struct jobq_err *err);

/* Where a partition begins, and where it ends now. */
rd_kafka_resp_err_t jobq_kafka_ends(struct jobq_kafka *store,
    enum jobq_kafka_topic topic, int32_t number, int64_t *low, int64_t *high);

/* Makes a client know a topic, and says how many partitions that has. */
rd_kafka_resp_err_t jobq_kafka_know(struct jobq_kafka *store,
    rd_kafka_t *client, const char *topic, int *count);

/*
 * Before the first record of a topic is sent: makes the producer know it, and
 * waits until all its partitions have a leader. A new one is waited for, until
 * the deadline.
 */
rd_kafka_resp_err_t jobq_kafka_learn(
    struct jobq_kafka *store, enum jobq_kafka_topic topic, bool is_new);

/* Adds a header whose value is a number. */
void jobq_kafka_put_number(
    rd_kafka_headers_t *headers, const char *name, int64_t number);

/* --- kafka_group.c --- */
enum jobq_status jobq_kafka_join(
    struct jobq_kafka *store, struct jobq_err *err);

/*
 * Lets go of all partitions. Dying: of jobs that have started and did not end
 * the runner may be dead, and that is counted.
 */
void jobq_kafka_leave(struct jobq_kafka *store, bool dying);

/* Lets librdkafka tell what there is to tell; waits for at most wait_ms. */
void jobq_kafka_poll(struct jobq_kafka *store, int wait_ms);

/*
 * Commits what is to be committed in partitions that are dirty; some may be
 * gone afterwards, with their jobs. With waits false it is sent, and what
 * became of it is for the next one to find out.
 */
enum jobq_status jobq_kafka_commit(
    struct jobq_kafka *store, bool waits, struct jobq_err *err);

/*
 * Where nothing waits the next claim is counted already, so that the job that
 * comes need not wait for a commit.
 */
void jobq_kafka_count_ahead(struct jobq_kafka *store);

/* --- kafka_reader.c --- */
enum jobq_status jobq_kafka_reader_open(
    struct jobq_kafka *store, rd_kafka_t **client, struct jobq_err *err);

/* Its queues are to be destroyed before; client may be NULL. */
void jobq_kafka_reader_close(rd_kafka_t *client);

/* Begins to read partitions at their offsets, which are numbers. */
rd_kafka_resp_err_t jobq_kafka_reader_assign(struct jobq_kafka *store,
    rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list);

/* A queue that rings the bell, and what puts a partition's messages there. */
rd_kafka_queue_t *jobq_kafka_reader_queue(
    struct jobq_kafka *store, rd_kafka_t *client);
void jobq_kafka_reader_forward(rd_kafka_t *client,
    const rd_kafka_topic_partition_t *part, rd_kafka_queue_t *to);

/* --- kafka_form.c --- */
void jobq_kafka_forms_init(struct jobq_kafka *store);
void jobq_kafka_forms_release(struct jobq_kafka *store);

/*
 * Makes of a JSON text, in one line, what its form says; out is replaced.
 * JOBQ_EMPTY: nothing is said of it. JOBQ_INVALID: it is none.
 */
enum jobq_status jobq_kafka_form(struct jobq_kafka *store,
    enum jobq_kafka_form form, struct jobq_span text, struct jobq_buf *out,
    struct jobq_err *err);

/* An event as a record, with its headers (NULL: none; the caller's to free). */
enum jobq_status jobq_kafka_form_event(struct jobq_kafka *store,
    struct jobq_span line, struct jobq_buf *out, rd_kafka_headers_t **headers,
    struct jobq_err *err);

/* A record as an event. */
enum jobq_status jobq_kafka_form_progress(struct jobq_kafka *store,
    const rd_kafka_message_t *message, struct jobq_buf *out,
    struct jobq_err *err);

/* --- kafka_admin.c --- */
enum jobq_status jobq_kafka_init(
    struct jobq_kafka *store, struct jobq_err *err);

/* --- kafka_check.c --- */
enum jobq_status jobq_kafka_check(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err);

#endif
