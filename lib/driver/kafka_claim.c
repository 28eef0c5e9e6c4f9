/*
 * Claiming: what has ended is settled, messages are read as far as there are
 * places, and the claims are committed before anybody is told of them. So each
 * run of a job has an epoch that no other has, also after a crash: how often
 * its record was claimed, on top of the epoch that the record came with. Where
 * nothing waits one claim is counted and committed ahead, and what is read then
 * is handed out at once, its commit on its way.
 *
 * Of a record's claims those that came to no end are those of workers that
 * died. The fourth time the job is a dead letter.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include "clock.h"
#include "line.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Rescues of a job; one more death of its worker and it is a dead letter. */
#define RESCUES 3

/* So many jobs wait for their time. */
#define WAITING 1000

/* Who comes to others has nothing at first: it gets its part by and by. */
#define SETTLE_MS 3000

/* While the group has not said what is ours, ask again soon. */
#define SOON "0.1"

/* How long what the broker has may take to come here. */
#define FETCH_MS 1000

struct claim {
	struct jobq_kafka *store;
	const struct jobq_object *request;
	int64_t limit, taken;
	int64_t unsure;	 /* claims that are not committed yet */
	int64_t next_ms; /* the least time until a waiting job is due; -1 */
	char *worker;
	bool ring;
	bool elsewhere; /* it is of queues that the topic is not */
	bool unrun;	/* what was read has ended, and more may be there */
	struct jobq_buf failed; /* lines of what the store ended by itself */
	struct jobq_buf *out;
};

/* --- reading ------------------------------------------------------------- */

/* A record that is no job has ended before it began. */
static void
refuse(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const struct jobq_err *why)
{
	job->bad = jobq_xstrdup(why->text);
	jobq_kafka_job_add(store, job);
}

void
jobq_kafka_take(struct jobq_kafka_part *part, const rd_kafka_message_t *message)
{
	struct jobq_kafka *store = part->store;
	struct jobq_kafka_job *job;
	struct jobq_err err;

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		part->next = message->offset;
		return;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		store->fatal = message->err;
		return;
	}
	part->next = message->offset + 1;
	if (!part->begun && message->offset < part->offsets.next) {
		jobq_log(JOBQ_WARNING,
		    "%s [%" PRId32 "] begins at %" PRId64 " and was read to "
		    "%" PRId64 ": it was made anew, and so is what is known "
		    "of it",
		    store->settings.topic[JOBQ_KAFKA_JOBS], part->number,
		    message->offset, part->offsets.next);
		jobq_offsets_release(&part->offsets);
		jobq_offsets_init(&part->offsets, message->offset);
	}
	part->begun = true;
	if (!jobq_offsets_take(&part->offsets, message->offset)) {
		part->dirty = true;
		return;
	}
	if (jobq_kafka_job_read(part, message, &job, &err) == JOBQ_OK)
		jobq_kafka_job_add(store, job);
	else
		refuse(store, job, &err);
}

/* Whether a job that waits may be handed out now. */
static bool
is_ready(const struct jobq_kafka_job *job, int64_t now)
{
	return job->state == JOBQ_KAFKA_WAITING && job->end_state == NULL &&
	       job->due_ms <= now &&
	       !jobq_kafka_job_has_twin(job->part->store, job);
}

static void
count_waiting(struct claim *claim, int64_t *ready, size_t *waiting)
{
	int64_t now = jobq_wall_ms();

	*ready = 0;
	*waiting = 0;
	claim->next_ms = -1;
	for (struct jobq_kafka_job *job = claim->store->first; job != NULL;
	     job = job->next) {
		int64_t wait = job->due_ms - now;

		if (job->state == JOBQ_KAFKA_RESERVED || is_ready(job, now)) {
			++*ready;
		} else if (job->state == JOBQ_KAFKA_WAITING &&
			   job->end_state == NULL) {
			++*waiting;
			/* What is due waits for its twin, not for a time. */
			if (wait > 0 &&
			    (claim->next_ms < 0 || wait < claim->next_ms))
				claim->next_ms = wait;
		}
	}
}

/* One message of a partition; false when none came in that time. */
static bool
read_one(struct jobq_kafka_part *part, int wait_ms)
{
	rd_kafka_message_t *message;

	if (part->queue == NULL ||
	    jobq_offsets_window(&part->offsets) >= JOBQ_KAFKA_WINDOW)
		return false;
	message = rd_kafka_consume_queue(part->queue, wait_ms);
	if (message == NULL)
		return false;
	jobq_kafka_take(part, message);
	rd_kafka_message_destroy(message);
	return true;
}

/* Reads until so many can be handed out, a message of each in turn. */
static void
read_what_is_here(struct claim *claim, int64_t *ready)
{
	struct jobq_kafka *store = claim->store;
	int64_t now = jobq_wall_ms();
	size_t waiting;
	bool any = true;

	count_waiting(claim, ready, &waiting);
	while (any && *ready < claim->limit && waiting < WAITING) {
		any = false;
		for (size_t i = 0; i < store->parts && *ready < claim->limit;
		     i++) {
			const struct jobq_kafka_job *last = store->last;

			if (!read_one(store->part[i], 0))
				continue;
			any = true;
			if (store->last == last)
				continue;
			if (is_ready(store->last, now))
				++*ready;
			else
				waiting++;
		}
	}
	count_waiting(claim, ready, &waiting);
}

/*
 * Asks the broker whether there is more, and waits for a moment for what is on
 * its way; true when something has come.
 */
static bool
wait_for_more(struct jobq_kafka *store)
{
	int64_t until = jobq_mono_ms() + FETCH_MS, low;
	bool any = false;

	for (size_t i = 0; i < store->parts; i++) {
		struct jobq_kafka_part *part = store->part[i];

		if (jobq_kafka_ends(store, JOBQ_KAFKA_JOBS, part->number, &low,
			&part->end) != RD_KAFKA_RESP_ERR_NO_ERROR)
			return false;
		if (part->end < part->next) /* made anew: see take */
			continue;
		while (!any && part->next < part->end &&
		       jobq_mono_ms() < until && jobq_kafka_left(store) > 0 &&
		       jobq_offsets_window(&part->offsets) < JOBQ_KAFKA_WINDOW)
			any = read_one(part, 10);
	}
	return any;
}

static void
read_enough(struct claim *claim)
{
	int64_t ready;

	read_what_is_here(claim, &ready);
	while (ready == 0 && claim->limit > 0 && wait_for_more(claim->store))
		read_what_is_here(claim, &ready);
}

/* --- claims -------------------------------------------------------------- */

/* What is not to be run: no job, a poisoned one, one that was cancelled. */
static enum jobq_status
end_unrun(struct claim *claim, struct jobq_kafka_job *job,
    const struct jobq_offset *known, bool *ended, struct jobq_err *err)
{
	struct jobq_kafka *store = claim->store;
	char text[160];

	*ended = true;
	job->epoch = job->before_epoch + known->claims + 1;
	if (job->worker == NULL)
		job->worker = jobq_xstrdup(claim->worker);
	if (job->bad != NULL)
		return jobq_kafka_end(store, job, JOBQ_EVENT_FAILED, "refused",
		    job->bad, &claim->failed, err);
	if (known->open > RESCUES) {
		snprintf(text, sizeof text,
		    "its worker died %" PRId64 " times while it had the job",
		    known->open);
		return jobq_kafka_end(store, job, JOBQ_EVENT_FAILED, "crash",
		    text, &claim->failed, err);
	}
	if (jobq_kafka_is_cancelled(store, job->id, job->born_ms))
		return jobq_kafka_end(store, job, JOBQ_EVENT_CANCELLED,
		    "cancel", NULL, &claim->failed, err);
	*ended = false;
	return JOBQ_OK;
}

/* Counts the claim; it is the caller's to commit. */
static void
reserve(
    struct claim *claim, struct jobq_kafka_job *job, struct jobq_offset *known)
{
	if (!known->ahead)
		known->claims++;
	if (!known->ahead || !known->sure)
		claim->unsure++;
	known->ahead = false;
	known->open++;
	job->part->dirty = true;
	job->epoch = job->before_epoch + known->claims;
	job->state = JOBQ_KAFKA_RESERVED;
	free(job->worker);
	job->worker = jobq_xstrdup(claim->worker);
	job->started = false;
	job->sent_n = 0;
	job->moved = NULL;
}

static enum jobq_status
reserve_all(struct claim *claim, struct jobq_err *err)
{
	struct jobq_kafka_job *job, *next;
	int64_t now = jobq_wall_ms(), reserved = 0;
	enum jobq_status status = JOBQ_OK;

	for (job = claim->store->first; job != NULL && status == JOBQ_OK;
	     job = next) {
		struct jobq_offset *known;
		bool ended = false;

		next = job->next;
		if (reserved >= claim->limit)
			break;
		if (job->state == JOBQ_KAFKA_RESERVED) {
			reserved++;
			claim->unsure++;
		}
		/* What is to be cancelled does not wait for its time. */
		if (!is_ready(job, now) &&
		    !(is_ready(job, INT64_MAX) &&
			jobq_kafka_is_cancelled(
			    claim->store, job->id, job->born_ms)))
			continue;
		known = jobq_offsets_find(&job->part->offsets, job->offset);
		status = end_unrun(claim, job, known, &ended, err);
		claim->unrun = claim->unrun || ended;
		if (status == JOBQ_OK && !ended) {
			reserve(claim, job, known);
			reserved++;
		}
	}
	if (status == JOBQ_OK && reserved < claim->limit)
		jobq_kafka_count_ahead(claim->store);
	return status;
}

static void
hand_over(struct claim *claim, struct jobq_kafka_job *job)
{
	struct jobq_buf *out = claim->out;
	char at[JOBQ_TIME_SIZE];

	jobq_time_format(job->due_ms > 0 ? job->due_ms : job->born_ms, at);
	jobq_buf_add(out, job->line.data, job->line.len);
	jobq_buf_printf(out,
	    ",\"attempt\":%" PRId64 ",\"run_at\":\"%s\",\"state\":\"running\","
	    "\"lease\":{\"epoch\":%" PRId64 ",\"worker\":",
	    job->failed + 1, at, job->epoch);
	jobq_json_put_string(out, job->worker, strlen(job->worker));
	jobq_buf_puts(out, claim->ring ? ",\"ring\":true}}\n" : "}}\n");
	job->state = JOBQ_KAFKA_HELD;
	claim->taken++;
}

/* False when there is more than an answer may hold, or than was asked for. */
static bool
hand_over_all(struct claim *claim)
{
	struct jobq_kafka_job *job = claim->store->first;

	for (; job != NULL && claim->taken < claim->limit &&
	       claim->out->len < JOBQ_PAGE_BYTES;
	     job = job->next)
		if (job->state == JOBQ_KAFKA_RESERVED)
			hand_over(claim, job);
	return job == NULL && claim->taken < claim->limit;
}

/* --- the verb ------------------------------------------------------------ */

static bool
is_at_end(const struct jobq_kafka *store)
{
	if (!store->assigned ||
	    (store->parts == 0 && jobq_mono_ms() < store->told_ms + SETTLE_MS))
		return false;
	for (size_t i = 0; i < store->parts; i++)
		if (store->part[i]->next < store->part[i]->end &&
		    jobq_offsets_window(&store->part[i]->offsets) <
			JOBQ_KAFKA_WINDOW)
			return false;
	return true;
}

static void
put_idle(struct claim *claim)
{
	struct jobq_kafka *store = claim->store;
	size_t unfinished = 0;
	int64_t now = jobq_wall_ms();
	bool ready = false;

	for (struct jobq_kafka_job *job = store->first; job != NULL;
	     job = job->next) {
		unfinished += job->end_state == NULL;
		ready = ready || is_ready(job, now);
	}
	jobq_buf_puts(claim->out, "{\"event\":\"idle\"");
	if (claim->elsewhere)
		unfinished = 0;
	/* What is here, and was not taken, does not ring. */
	else if (ready || claim->unrun)
		jobq_buf_puts(claim->out, ",\"next_in\":0");
	else if (!is_at_end(store))
		jobq_buf_puts(claim->out, ",\"next_in\":" SOON);
	else if (claim->next_ms >= 0)
		jobq_buf_printf(claim->out, ",\"next_in\":%.3f",
		    (double)claim->next_ms / 1000);
	jobq_buf_printf(claim->out, ",\"unfinished\":%zu}\n", unfinished);
}

/* What a log cannot do is refused by name. */
static enum jobq_status
read_request(struct claim *claim, struct jobq_err *err)
{
	const struct jobq_span *worker =
	    jobq_asked_get(claim->request, "worker");
	const struct jobq_span *ring = jobq_asked_get(claim->request, "ring");
	const struct jobq_span *limit = jobq_asked_get(claim->request, "limit");
	struct jobq_buf name = JOBQ_BUF_INIT;

	if (limit == NULL ||
	    jobq_json_int(*limit, &claim->limit, NULL) != JOBQ_OK)
		claim->limit = 0;
	claim->elsewhere =
	    claim->limit > 0 && !jobq_kafka_is_of_queue(claim->request);
	if (claim->elsewhere)
		claim->limit = 0;
	claim->ring = ring != NULL && jobq_span_is(*ring, "true");
	if (worker == NULL || jobq_json_string(*worker, &name, NULL) != JOBQ_OK)
		return jobq_fail(
		    err, JOBQ_INVALID, "a claim must name its worker");
	jobq_buf_puts(&name, "");
	claim->worker = jobq_buf_detach(&name);
	if (jobq_asked_get(claim->request, "flow") != NULL)
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "flow: a log has none that could be claimed by itself");
	if (jobq_asked_get(claim->request, "ids") != NULL)
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "ids: a log hands out its jobs in order");
	if (jobq_asked_get(claim->request, "count") != NULL)
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "unfinished: a log cannot tell what is so elsewhere; use "
		    "--until-empty in place of --until-done");
	return JOBQ_OK;
}

static enum jobq_status
take_jobs(struct claim *claim, struct jobq_err *err)
{
	struct jobq_kafka *store = claim->store;
	enum jobq_status status;

	read_enough(claim);
	if (store->fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
		return jobq_kafka_join(store, err);
	status = reserve_all(claim, err);
	for (size_t i = 0; i < store->parts && status == JOBQ_OK; i++)
		status = jobq_kafka_make_room(store, store->part[i], err);
	if (status == JOBQ_OK)
		status = jobq_kafka_apply(store, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_commit(store,
		    claim->unsure > 0 || store->committed != store->endings,
		    err);
	/* Now, for what has changed in the group comes by a poll. */
	if (status != JOBQ_OK)
		jobq_kafka_poll(store, 0);
	return status;
}

enum jobq_status
jobq_kafka_claim(struct jobq_kafka *store, const struct jobq_object *request,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct claim claim = {
		.store = store, .request = request, .out = out, .next_ms = -1
	};
	enum jobq_status status = read_request(&claim, err);
	uint64_t rung;

	/* What rings from now on is heard by the next call. */
	if (read(store->bell, &rung, sizeof rung) < 0)
		rung = 0;
	if (status == JOBQ_OK)
		status = jobq_kafka_join(store, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_listen(store, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_settle_send(store, request, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_apply(store, err);
	if (status == JOBQ_OK)
		status = take_jobs(&claim, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_settle_answer(store, request, out, err);
	if (status == JOBQ_OK) {
		jobq_buf_add(out, claim.failed.data, claim.failed.len);
		status = jobq_kafka_look_at_held(
		    store, request, claim.worker, out, err);
	}
	if (status == JOBQ_OK && (claim.elsewhere || hand_over_all(&claim)))
		put_idle(&claim);
	jobq_buf_release(&claim.failed);
	free(claim.worker);
	return status;
}
