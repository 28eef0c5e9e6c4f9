/*
 * Shared by the files of the driver: the store, and what all of them need. How
 * they go together is told at the top of kafka.c.
 */
#ifndef JOBQ_KAFKA_INSIDE_H
#define JOBQ_KAFKA_INSIDE_H

#include "asked.h"
#include "buf.h"
#include "driver.h"
#include "json.h"
#include "mapping.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_kafka_cancel;
struct jobq_kafka_ended;
struct jobq_kafka_job;
struct jobq_kafka_part;
struct jobq_kafka_view;

enum jobq_kafka_topic {
	JOBQ_KAFKA_JOBS,
	JOBQ_KAFKA_EVENTS,
	JOBQ_KAFKA_CONTROL,
	JOBQ_KAFKA_DEAD,
	JOBQ_KAFKA_TOPICS,
};

/* The programs of kafka_form.c. */
enum jobq_kafka_form {
	JOBQ_KAFKA_FORM_JOB,
	JOBQ_KAFKA_FORM_TASK,
	JOBQ_KAFKA_FORM_EVENT,
	JOBQ_KAFKA_FORM_PROGRESS,
	JOBQ_KAFKA_FORM_CONTROL,
	JOBQ_KAFKA_FORM_SIGNAL,
	JOBQ_KAFKA_FORMS,
};

/* What the URL says; texts are the settings' own. */
struct jobq_kafka_settings {
	char *servers;
	char *user, *password; /* NULL: none */
	char *config;	       /* a file of librdkafka's settings; NULL */
	char *topic[JOBQ_KAFKA_TOPICS];
	char *group;
	char *view; /* the file of what is known; NULL: its usual place */
	int64_t max_attempts; /* of a job that does not say it */
	int partitions;	      /* of a jobs topic that is made */
};

#define JOBQ_KAFKA_ENDED 1024
#define JOBQ_KAFKA_HASH 1024

struct jobq_kafka {
	const struct jobq_adapter *adapter;
	enum jobq_store_mode mode;
	struct jobq_kafka_settings settings;
	struct jobq_buf name; /* of the servers, for people */
	int64_t deadline;     /* of the call, CLOCK_MONOTONIC in ms */
	struct jobq_mapping form[JOBQ_KAFKA_FORMS];
	bool mapped; /* records are said in another form */
	bool made;   /* the topics were looked for */

	rd_kafka_t *producer;	       /* NULL: not yet */
	bool knows[JOBQ_KAFKA_TOPICS]; /* where their records go */
	size_t on_their_way;	       /* records that are not delivered yet */
	size_t undelivered;	       /* that failed since the last flush */
	rd_kafka_resp_err_t why;       /* the last of them */
	int32_t delivered_part;	       /* where the last record stands */
	int64_t delivered_at;

	rd_kafka_t *consumer; /* of the jobs, in the group; NULL: not yet */
	int queues;	      /* of messages that the next client will have */
	rd_kafka_queue_t *news;
	rd_kafka_queue_t *commits; /* their answers */
	bool committing;	   /* one is on its way */
	struct jobq_kafka_part **part;
	size_t parts, part_cap;
	bool assigned;	 /* the group has told what is ours, be it nothing */
	int64_t told_ms; /* when it did last, CLOCK_MONOTONIC */
	struct jobq_kafka_job *first, *last;
	struct jobq_kafka_job *by_id[JOBQ_KAFKA_HASH];
	size_t jobs;
	bool leaving;		   /* for good, maybe without a runner */
	bool joined;		   /* it has claimed once */
	rd_kafka_resp_err_t fatal; /* the group is over for us, and why */

	rd_kafka_t *listener; /* of the control topic, without a group */
	rd_kafka_queue_t *control;
	int control_parts;
	int control_ends; /* of which the end was reached once */
	bool *control_ended;
	size_t cancels;
	struct jobq_kafka_cancel *cancel_first, *cancel_last;
	struct jobq_kafka_cancel *cancel_by_id[JOBQ_KAFKA_HASH];

	struct jobq_kafka_view *view;	/* NULL: nobody has asked */
	struct jobq_kafka_ended *ended; /* the newest ones */
	size_t endings;			/* all that there were */
	size_t committed;		/* of them, from the first on */
	int bell; /* an eventfd that librdkafka writes to; -1: none */
};

/* --- kafka_open.c --- */
enum jobq_status jobq_kafka_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_kafka_close(void *handle);

/*
 * A client of librdkafka with the settings that all have; name and value pairs
 * of its own follow, ended by NULL. JOBQ_CONFIG: a setting is none.
 */
enum jobq_status jobq_kafka_client(struct jobq_kafka *store,
    rd_kafka_type_t type, void (*set)(rd_kafka_conf_t *conf),
    const char *const *pairs, rd_kafka_t **client, struct jobq_err *err);

/* What an error of librdkafka is, told with what was being done. */
enum jobq_status jobq_kafka_failed(const struct jobq_kafka *store,
    rd_kafka_resp_err_t code, const char *doing, struct jobq_err *err);

/* Milliseconds until the deadline of the call, at least 0. */
int jobq_kafka_left(const struct jobq_kafka *store);

#endif
