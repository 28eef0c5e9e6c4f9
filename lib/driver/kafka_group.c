/*
 * The jobs topic, read as a member of a group.
 *
 * Each partition has a queue of its own that is asked for messages only when
 * there is a place for a job: librdkafka fetches ahead what it may, and is
 * never told to pause, for that would throw away what it has fetched. Asking
 * for what there is to tell goes on meanwhile, so a long job is no reason for
 * the group to think that we are gone.
 *
 * When partitions come to us, what was committed for them is read first: the
 * offset, and the text of it (offsets.h). When they go, those jobs that are
 * held here are lost: what has ended is committed, the others are told to stop,
 * their claims taken back, for no worker has died of them.
 *
 * Partitions go to others by and by (cooperative-sticky), so that a worker that
 * comes stops only what it gets.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* What a broker keeps beside an offset, unless it is told otherwise. */
#define TEXT_BYTES 4096

#define COMMITTED_MS 5000
#define COMMIT_AGAIN_MS 20

/* How long the first claim waits for the group to tell what is ours. */
#define JOIN_MS 1000

/* --- partitions ---------------------------------------------------------- */

static struct jobq_kafka_part *
find_part(struct jobq_kafka *store, int32_t number)
{
	for (size_t i = 0; i < store->parts; i++)
		if (store->part[i]->number == number)
			return store->part[i];
	return NULL;
}

static void
part_free(struct jobq_kafka_part *part)
{
	if (part->queue != NULL)
		rd_kafka_queue_destroy(part->queue);
	jobq_offsets_release(&part->offsets);
	free(part);
}

static void
forget_jobs(struct jobq_kafka *store, const struct jobq_kafka_part *part)
{
	struct jobq_kafka_job *job, *next;

	for (job = store->first; job != NULL; job = next) {
		next = job->next;
		if (job->part == part)
			jobq_kafka_job_remove(store, job);
	}
}

static void
remove_part(struct jobq_kafka *store, struct jobq_kafka_part *part)
{
	size_t i = 0;

	forget_jobs(store, part);
	jobq_kafka_lose_endings(store, part->number);
	while (store->part[i] != part)
		i++;
	store->part[i] = store->part[--store->parts];
	part_free(part);
}

/* Its messages stay in a queue of their own, which rings our bell. */
static void
add_part(struct jobq_kafka *store, const rd_kafka_topic_partition_t *assigned)
{
	static const uint64_t one = 1;
	struct jobq_kafka_part *part = jobq_xcalloc(1, sizeof *part);
	struct jobq_err err;

	part->store = store;
	part->number = assigned->partition;
	jobq_offsets_init(
	    &part->offsets, assigned->offset < 0 ? 0 : assigned->offset);
	if (assigned->offset >= 0 && assigned->metadata_size > 0 &&
	    jobq_offsets_read(&part->offsets, assigned->metadata,
		assigned->metadata_size, &err) != JOBQ_OK)
		jobq_log(JOBQ_WARNING,
		    "%s [%" PRId32 "]: %s; how often jobs were begun is not "
		    "known",
		    assigned->topic, assigned->partition, err.text);
	part->queue = rd_kafka_queue_get_partition(
	    store->consumer, assigned->topic, assigned->partition);
	if (part->queue != NULL) {
		rd_kafka_queue_forward(part->queue, NULL);
		rd_kafka_queue_io_event_enable(
		    part->queue, store->bell, &one, sizeof one);
	}
	store->part = jobq_grow(
	    store->part, store->parts, &store->part_cap, sizeof *store->part);
	store->part[store->parts++] = part;
}

/* --- commits ------------------------------------------------------------- */

static void
list_commit(rd_kafka_topic_partition_list_t *list, struct jobq_kafka_part *part)
{
	struct jobq_kafka *store = part->store;
	struct jobq_buf text = JOBQ_BUF_INIT;
	rd_kafka_topic_partition_t *entry;

	jobq_offsets_write(&part->offsets, TEXT_BYTES, &text);
	entry = rd_kafka_topic_partition_list_add(
	    list, store->settings.topic[JOBQ_KAFKA_JOBS], part->number);
	entry->offset = jobq_offsets_commit(&part->offsets);
	/* librdkafka frees it with the list. */
	entry->metadata_size = text.len;
	entry->metadata = jobq_buf_detach(&text);
}

/* What became of the commit that is on its way. */
static rd_kafka_resp_err_t
commit_answer(struct jobq_kafka *store)
{
	rd_kafka_event_t *event =
	    rd_kafka_queue_poll(store->commits, jobq_kafka_left(store));
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

	if (event != NULL) {
		code = rd_kafka_event_error(event);
		store->committing = false;
	}
	rd_kafka_event_destroy(event);
	return code;
}

/*
 * One exchange with the group's coordinator. librdkafka sends a commit again
 * that was not answered, maybe behind a later one: so there is never a second
 * one on its way, or the older would count at last.
 */
static rd_kafka_resp_err_t
commit_once(
    struct jobq_kafka *store, bool waits, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code;

	if (store->committing)
		commit_answer(store);
	if (store->committing)
		return RD_KAFKA_RESP_ERR__TIMED_OUT;
	code = rd_kafka_commit_queue(
	    store->consumer, list, store->commits, NULL, NULL);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	store->committing = true;
	return waits ? commit_answer(store) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
commit_all(struct jobq_kafka *store, bool waits)
{
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new((int)store->parts);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (size_t i = 0; i < store->parts; i++)
		if (store->part[i]->dirty)
			list_commit(list, store->part[i]);
	if (list->cnt > 0)
		code = commit_once(store, waits, list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && waits) {
		for (size_t i = 0; i < store->parts; i++) {
			store->part[i]->dirty = false;
			jobq_offsets_committed(&store->part[i]->offsets);
		}
		store->committed = store->endings;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

void
jobq_kafka_count_ahead(struct jobq_kafka *store)
{
	for (size_t i = 0; i < store->parts; i++) {
		struct jobq_kafka_part *part = store->part[i];

		if (part->next >= part->end &&
		    jobq_offsets_ahead(&part->offsets, part->next))
			part->dirty = true;
	}
}

/* --- what the group tells ------------------------------------------------ */

/* What the settings file may have made of it. */
static bool
is_eager(const struct jobq_kafka *store)
{
	return strcmp(rd_kafka_rebalance_protocol(store->consumer),
		   "COOPERATIVE") != 0;
}

/*
 * Where a partition begins of which nothing is committed; whether there is
 * something to be read, which a fetch would say half a second later.
 */
static void
look_at_ends(struct jobq_kafka *store, rd_kafka_topic_partition_t *assigned)
{
	struct jobq_kafka_part *part = find_part(store, assigned->partition);
	int64_t low, high;

	if (jobq_kafka_ends(store, JOBQ_KAFKA_JOBS, assigned->partition, &low,
		&high) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (assigned->offset < 0)
			assigned->offset = RD_KAFKA_OFFSET_BEGINNING;
		/* Not known: more than nothing. */
		part->end = part->next + 1;
		return;
	}
	if (assigned->offset < 0)
		assigned->offset = low;
	part->next = assigned->offset;
	part->end = high;
}

static void
assign(struct jobq_kafka *store, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t code =
	    rd_kafka_committed(store->consumer, list, COMMITTED_MS);
	rd_kafka_error_t *error;

	for (int i = 0; i < list->cnt; i++)
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			code = list->elems[i].err;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		/*
		 * Without it jobs could be run again that have ended: take
		 * nothing now, and join the group anew.
		 */
		store->fatal = code;
	} else {
		for (int i = 0; i < list->cnt; i++) {
			add_part(store, &list->elems[i]);
			look_at_ends(store, &list->elems[i]);
		}
		store->assigned = true;
	}
	if (is_eager(store)) {
		rd_kafka_assign(store->consumer, list);
		return;
	}
	error = rd_kafka_incremental_assign(store->consumer, list);
	if (error != NULL)
		store->fatal = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
}

/* Claims of jobs that are given back were no worker's death. */
static void
take_back(struct jobq_kafka *store, struct jobq_kafka_part *part, bool all)
{
	for (struct jobq_kafka_job *job = store->first; job != NULL;
	     job = job->next) {
		struct jobq_offset *known;

		if (job->part != part || job->state == JOBQ_KAFKA_WAITING ||
		    (job->started && !all))
			continue;
		known = jobq_offsets_find(&part->offsets, job->offset);
		if (known != NULL && known->open > 0) {
			known->open--;
			part->dirty = true;
		}
	}
}

static void
revoke(struct jobq_kafka *store, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_error_t *error;

	for (int i = 0; i < list->cnt; i++) {
		struct jobq_kafka_part *part =
		    find_part(store, list->elems[i].partition);

		if (part != NULL)
			take_back(store, part, !store->leaving);
	}
	if (!rd_kafka_assignment_lost(store->consumer) &&
	    jobq_kafka_left(store) > 0)
		commit_all(store, true);
	for (int i = 0; i < list->cnt; i++) {
		struct jobq_kafka_part *part =
		    find_part(store, list->elems[i].partition);

		if (part != NULL)
			remove_part(store, part);
	}
	if (is_eager(store)) {
		rd_kafka_assign(store->consumer, NULL);
		return;
	}
	error = rd_kafka_incremental_unassign(store->consumer, list);
	rd_kafka_error_destroy(error);
}

static void
on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
    rd_kafka_topic_partition_list_t *list, void *context)
{
	struct jobq_kafka *store = context;

	(void)client;
	store->told_ms = jobq_mono_ms();
	jobq_log(JOBQ_INFO, "%s: %d partitions of '%s' %s", store->name.data,
	    list->cnt, store->settings.topic[JOBQ_KAFKA_JOBS],
	    code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "are ours now"
							 : "go to others");
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		assign(store, list);
	else
		revoke(store, list);
}

void
jobq_kafka_poll(struct jobq_kafka *store, int wait_ms)
{
	rd_kafka_message_t *message;

	while ((message = rd_kafka_consumer_poll(store->consumer, wait_ms)) !=
	       NULL) {
		struct jobq_kafka_part *part =
		    find_part(store, message->partition);

		/* What was fetched before the queue was ours alone. */
		if (part != NULL)
			jobq_kafka_take(part, message);
		else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
			 message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
			store->fatal = message->err;
		rd_kafka_message_destroy(message);
		wait_ms = 0;
	}
}

/* While the group comes to terms nothing can be committed. */
enum jobq_status
jobq_kafka_commit(struct jobq_kafka *store, bool waits, struct jobq_err *err)
{
	rd_kafka_resp_err_t code = commit_all(store, waits);

	while ((code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
		   code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION) &&
	       store->fatal == 0 && jobq_kafka_left(store) > 0) {
		jobq_kafka_poll(store, COMMIT_AGAIN_MS);
		code = commit_all(store, waits);
	}
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		   ? JOBQ_OK
		   : jobq_kafka_failed(store, code, "commit", err);
}

/* --- coming and going ---------------------------------------------------- */

static void
set_callbacks(rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
}

static enum jobq_status
make_consumer(struct jobq_kafka *store, struct jobq_err *err)
{
	static const uint64_t one = 1;
	const char *const pairs[] = { "group.id", store->settings.group,
		"enable.auto.commit", "false", "enable.auto.offset.store",
		"false", "auto.offset.reset", "earliest",
		"enable.partition.eof", "true", NULL };
	rd_kafka_topic_partition_list_t *topics;
	rd_kafka_resp_err_t code;
	enum jobq_status status;

	/* All partitions may be ours, and each has a queue. */
	jobq_kafka_know(store, store->producer,
	    store->settings.topic[JOBQ_KAFKA_JOBS], &store->queues);
	status = jobq_kafka_client(store, RD_KAFKA_CONSUMER, set_callbacks,
	    pairs, &store->consumer, err);
	store->queues = 0;
	if (status != JOBQ_OK)
		return status;
	rd_kafka_poll_set_consumer(store->consumer);
	store->commits = rd_kafka_queue_new(store->consumer);
	store->news = rd_kafka_queue_get_consumer(store->consumer);
	store->joined = true;
	rd_kafka_queue_io_event_enable(
	    store->news, store->bell, &one, sizeof one);
	topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics,
	    store->settings.topic[JOBQ_KAFKA_JOBS], RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(store->consumer, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR
		   ? JOBQ_OK
		   : jobq_kafka_failed(store, code, "join the group", err);
}

void
jobq_kafka_leave(struct jobq_kafka *store, bool dying)
{
	if (store->consumer == NULL)
		return;
	store->leaving = dying;
	/*
	 * A member without partitions that only closes does not tell the group
	 * (librdkafka 2.0), which then waits for it, and all with it.
	 */
	if (store->parts == 0)
		rd_kafka_unsubscribe(store->consumer);
	rd_kafka_consumer_close(store->consumer);
	store->leaving = false;
	while (store->parts > 0)
		remove_part(store, store->part[0]);
	free(store->part);
	store->part = NULL;
	store->part_cap = 0;
	rd_kafka_queue_destroy(store->commits);
	store->committing = false;
	rd_kafka_queue_destroy(store->news);
	rd_kafka_destroy(store->consumer);
	store->consumer = NULL;
	store->assigned = false;
}

enum jobq_status
jobq_kafka_join(struct jobq_kafka *store, struct jobq_err *err)
{
	rd_kafka_resp_err_t code;
	enum jobq_status status = JOBQ_OK;
	int64_t until = jobq_mono_ms() + JOIN_MS;

	if (store->consumer == NULL)
		status = jobq_kafka_producer(store, err);
	if (status == JOBQ_OK && store->consumer == NULL)
		status = make_consumer(store, err);
	if (status == JOBQ_OK)
		jobq_kafka_poll(store, 0);
	while (status == JOBQ_OK && !store->assigned && store->fatal == 0 &&
	       jobq_kafka_left(store) > 0 && jobq_mono_ms() < until)
		jobq_kafka_poll(store, 10);
	code = store->fatal;
	store->fatal = RD_KAFKA_RESP_ERR_NO_ERROR;
	if (status == JOBQ_OK && code != RD_KAFKA_RESP_ERR_NO_ERROR)
		status =
		    jobq_kafka_failed(store, code, "be one of the group", err);
	/* The next call begins anew; a message to be read again is not lost. */
	if (status != JOBQ_OK)
		jobq_kafka_leave(store, false);
	return status;
}
