/*
 * Jobs as the driver has them: what was read of a partition, what was claimed
 * of it, how it ended, what is to be cancelled.
 */
#ifndef JOBQ_KAFKA_JOB_H
#define JOBQ_KAFKA_JOB_H

#include "event.h"
#include "kafka_inside.h"
#include "offsets.h"

/*
 * So many offsets of a partition are open at most: what would be run again
 * when all of it is lost.
 */
#define JOBQ_KAFKA_WINDOW 2000

enum jobq_kafka_state {
	JOBQ_KAFKA_WAITING,  /* read, and not claimed */
	JOBQ_KAFKA_RESERVED, /* its claim is counted and not committed yet */
	JOBQ_KAFKA_HELD,     /* handed out */
};

/* One record of the jobs topic, until it has ended. */
struct jobq_kafka_job {
	struct jobq_kafka_job *next, *previous; /* in the order of reading */
	struct jobq_kafka_job *same_hash;
	struct jobq_kafka_part *part;
	int64_t offset;
	char *id;
	struct jobq_buf line;	/* kept */
	struct jobq_buf record; /* as it came, where that is something else */
	int64_t before_epoch;	/* of an earlier record of the same job */
	int64_t epoch;		/* of the run, once it is reserved */
	int64_t failed;		/* attempts before this record */
	int64_t max_attempts;
	int64_t snoozes;
	int64_t born_ms; /* wall clock of the first record */
	int64_t due_ms;	 /* wall clock; 0: at once */
	char *worker;	 /* that has it */
	char *bad;	 /* why it is no job; NULL: it is one */
	enum jobq_kafka_state state;
	bool started;
	bool stopping;	       /* its cancelling was asked for */
	bool named;	       /* the ring says that it has it */
	int64_t sent_n;	       /* events up to this number are on their way */
	size_t on_its_way;     /* records that are not delivered yet */
	bool lost_some;	       /* a delivery failed: all is to be sent again */
	const char *moved;     /* its next record is sent, and what it is by it:
				* pending, or failed; NULL: none is */
	bool too_large;	       /* to be put into a topic with its headers */
	const char *end_state; /* of the ending that was sent; NULL: none */
	enum jobq_event_kind ending;
	int64_t end_n;
	int64_t end_due_ms; /* wall clock; of an ending that is pending again */
};

struct jobq_kafka_part {
	struct jobq_kafka *store;
	int32_t number;
	rd_kafka_queue_t *queue;
	struct jobq_offsets offsets;
	bool dirty;	   /* there is something to commit */
	int64_t next, end; /* offsets: to be read next; behind the last */
	bool begun;	   /* a message was read since it was assigned */
};

/* --- kafka_job.c --- */
/*
 * Makes a job of a message, which stays the caller's. JOBQ_INVALID: it is
 * none; *job then has an id, to tell it by, and what was read.
 */
enum jobq_status jobq_kafka_job_read(struct jobq_kafka_part *part,
    const rd_kafka_message_t *message, struct jobq_kafka_job **job,
    struct jobq_err *err);
void jobq_kafka_job_add(struct jobq_kafka *store, struct jobq_kafka_job *job);

/* Takes it out of the store and frees it, once nothing of it is on its way. */
void jobq_kafka_job_remove(
    struct jobq_kafka *store, struct jobq_kafka_job *job);
void jobq_kafka_job_free(struct jobq_kafka_job *job);

/* The job with this id and epoch that was handed out; NULL: none. */
struct jobq_kafka_job *jobq_kafka_job_held(
    struct jobq_kafka *store, const char *id, int64_t epoch);

/*
 * Whether another record with its id is being run: two runs of one id and epoch
 * could not be told apart.
 */
bool jobq_kafka_job_has_twin(
    const struct jobq_kafka *store, const struct jobq_kafka_job *job);

/* Adds its record as it came. */
void jobq_kafka_job_record(
    const struct jobq_kafka_job *job, struct jobq_buf *out);

/* The headers of a record that goes on with a job. */
rd_kafka_headers_t *jobq_kafka_job_headers(const struct jobq_kafka_job *job,
    int64_t failed, int64_t snoozes, int64_t due_ms);

size_t jobq_kafka_hash(const char *id);

/* --- kafka_claim.c --- */
enum jobq_status jobq_kafka_claim(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err);

/* A message of a partition becomes a job that waits; it stays the caller's. */
void jobq_kafka_take(
    struct jobq_kafka_part *part, const rd_kafka_message_t *message);

#endif
