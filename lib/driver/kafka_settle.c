/*
 * Settling: events go to the log, what is to be tried again goes to the end of
 * the jobs topic as a new record, dead letters to theirs. When all of it is
 * delivered the endings take effect: their offsets are finished, and committed
 * as far as nothing before them is open.
 *
 * So a call has three steps, sending, applying and answering, and may end at
 * its deadline between any two: what was sent is noted at the job (by the
 * number of the last event, and its ending), what was applied among the last
 * endings, and the same call made again goes on where it was.
 *
 * A crash between a delivery and the commit runs the job once more, in a higher
 * epoch. Readers of the log take, for each id, the first ending of the highest
 * epoch.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include "clock.h"
#include "job.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define BACKOFF_FIRST_MS 15000
#define BACKOFF_MOST_MS 3600000
#define SNOOZE_MS 60000
#define SNOOZES 100

struct jobq_kafka_job *
jobq_kafka_job_of(
    struct jobq_kafka *store, const struct jobq_asked_event *event)
{
	struct jobq_kafka_job *job;

	if (event->id.len == 0 || event->epoch == 0)
		return NULL;
	job = jobq_kafka_job_held(store, event->id.data, event->epoch);
	return job != NULL && strcmp(job->worker, event->worker.data) == 0
		   ? job
		   : NULL;
}

/* --- sending ------------------------------------------------------------- */

static int64_t
backoff_ms(const struct jobq_kafka_job *job, int64_t attempt)
{
	int64_t wait = BACKOFF_FIRST_MS, tenth;

	for (int64_t i = 1; i < attempt && wait < 2 * BACKOFF_MOST_MS; i++)
		wait *= 2;
	/* The same for the same attempt: a call may be made again. */
	tenth =
	    (int64_t)((jobq_kafka_hash(job->id) * 31 + (size_t)attempt) % 201) -
	    100;
	wait += wait * tenth / 1000;
	return wait > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : wait;
}

/* So long a record may be too long for a topic when headers are added. */
#define LARGE_BYTES 1000000

/* What is kept of a dead letter that its topic does not take whole. */
#define CUT_BYTES 65536

/*
 * Sends the job on as a new record, with headers that are taken over; of a
 * large one waits for what comes.
 */
static enum jobq_status
send_on(struct jobq_kafka *store, struct jobq_kafka_job *job,
    enum jobq_kafka_topic topic, rd_kafka_headers_t *headers,
    struct jobq_err *err)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	const struct jobq_kafka_record record = {
		.topic = topic,
		.key = job->id,
		.value = &value,
		.headers = headers,
		.job = job,
	};
	enum jobq_status status;

	jobq_kafka_job_record(job, &value);
	if (topic == JOBQ_KAFKA_DEAD && job->too_large &&
	    value.len > CUT_BYTES) {
		jobq_kafka_put_number(headers, "jobq-cut", (int64_t)value.len);
		value.len = CUT_BYTES;
	}
	status = jobq_kafka_send(store, &record, err);
	if (status == JOBQ_OK) {
		job->moved = job->end_state;
		if (value.len > LARGE_BYTES)
			status = jobq_kafka_flush(store, err);
	}
	jobq_buf_release(&value);
	return status;
}

/* The same job as a new record, due then. */
static enum jobq_status
send_again(
    struct jobq_kafka *store, struct jobq_kafka_job *job, struct jobq_err *err)
{
	bool snoozed =
	    job->ending == JOBQ_EVENT_SNOOZED && job->snoozes < SNOOZES;
	bool failed = !snoozed && job->ending != JOBQ_EVENT_OTHER;

	return send_on(store, job, JOBQ_KAFKA_JOBS,
	    jobq_kafka_job_headers(job, job->failed + failed,
		job->snoozes + snoozed, job->end_due_ms),
	    err);
}

static enum jobq_status
send_dead(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const char *reason, struct jobq_err *err)
{
	rd_kafka_headers_t *headers =
	    jobq_kafka_job_headers(job, job->failed + 1, job->snoozes, 0);

	rd_kafka_header_add(headers, "jobq-reason", -1, reason, -1);
	return send_on(store, job, JOBQ_KAFKA_DEAD, headers, err);
}

/* Decides what an ending makes of its job. */
static void
decide(struct jobq_kafka_job *job, const struct jobq_asked_event *event)
{
	int64_t attempt = job->failed + 1, wait = event->retry_after_ms;
	bool again = !job->too_large;

	job->ending = event->kind;
	job->end_n = event->n;
	if (job->moved != NULL) {
		/* A call that is made again: that is done already. */
		job->end_state = job->moved;
		return;
	}
	job->end_due_ms = 0;
	if (event->kind == JOBQ_EVENT_COMPLETED) {
		job->end_state = "completed";
	} else if (event->kind == JOBQ_EVENT_CANCELLED || job->stopping) {
		job->end_state = "cancelled";
	} else if (event->kind == JOBQ_EVENT_RELEASED) {
		job->end_state = "pending";
		job->end_due_ms = job->due_ms > 0 ? job->due_ms : job->born_ms;
	} else if (again && event->kind == JOBQ_EVENT_SNOOZED &&
		   job->snoozes < SNOOZES) {
		job->end_state = "pending";
		job->end_due_ms =
		    jobq_wall_ms() + (wait < 0 ? SNOOZE_MS : wait);
	} else if (again && !event->final && attempt < job->max_attempts) {
		job->end_state = "pending";
		job->end_due_ms = jobq_wall_ms() +
				  (wait < 0 ? backoff_ms(job, attempt) : wait);
	} else {
		job->end_state = "failed";
	}
}

/* Sends what the decision needs. */
static enum jobq_status
move(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const struct jobq_asked_event *event, struct jobq_err *err)
{
	const char *reason =
	    event->reason.len > 0 ? event->reason.data : event->name.data;

	if (job->moved != NULL)
		return JOBQ_OK;
	if (strcmp(job->end_state, "failed") == 0)
		return send_dead(store, job, reason, err);
	/* What is released waits where it is. */
	return strcmp(job->end_state, "pending") == 0 &&
		       event->kind != JOBQ_EVENT_RELEASED
		   ? send_again(store, job, err)
		   : JOBQ_OK;
}

void
jobq_kafka_put_state(struct jobq_buf *out, const char *state, int64_t due_ms)
{
	char at[JOBQ_TIME_SIZE];

	jobq_buf_printf(out, ",\"state\":\"%s\"", state);
	if (strcmp(state, "pending") != 0)
		return;
	jobq_time_format(due_ms > 0 ? due_ms : jobq_wall_ms(), at);
	jobq_buf_printf(out, ",\"run_at\":\"%s\"", at);
}

/* An event as its record; JOBQ_EMPTY: others are not told of it. */
static enum jobq_status
form_event(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const struct jobq_buf *line, struct jobq_kafka_record *record,
    struct jobq_err *err)
{
	record->topic = JOBQ_KAFKA_EVENTS;
	record->key = job->id;
	record->job = job;
	return jobq_kafka_form_event(store,
	    (struct jobq_span){ line->data, line->len }, record->value,
	    &record->headers, err);
}

static enum jobq_status
send_event(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const struct jobq_buf *line, struct jobq_err *err)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	struct jobq_kafka_record record = { .value = &value };
	enum jobq_status status = form_event(store, job, line, &record, err);

	if (status == JOBQ_OK)
		status = jobq_kafka_send(store, &record, err);
	jobq_buf_release(&value);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

/* What did not end as its ending says needs an event of the store's own. */
static enum jobq_status
send_cancelled(
    struct jobq_kafka *store, struct jobq_kafka_job *job, struct jobq_err *err)
{
	struct jobq_buf value = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_event_begin(&value, JOBQ_EVENT_CANCELLED, job->id, job->epoch,
	    job->worker, job->end_n + 1);
	jobq_buf_puts(&value, ",\"reason\":\"cancel\"}");
	status = send_event(store, job, &value, err);
	jobq_buf_release(&value);
	return status;
}

/*
 * Nothing is sent of an event that cannot be told, for another will take its
 * place; so it is formed first.
 */
static enum jobq_status
send_formed(struct jobq_kafka *store, struct jobq_kafka_job *job,
    const struct jobq_asked_event *event, struct jobq_err *err)
{
	bool ending = jobq_event_is_ending(event->kind);
	struct jobq_buf line = JOBQ_BUF_INIT, value = JOBQ_BUF_INIT;
	struct jobq_kafka_record record = { .value = &value };
	enum jobq_status formed, status;

	jobq_buf_add(&line, event->line.data, event->line.len);
	if (ending)
		jobq_kafka_put_state(&line, job->end_state, job->end_due_ms);
	jobq_buf_putc(&line, '}');
	formed = form_event(store, job, &line, &record, err);
	jobq_buf_release(&line);
	if (formed != JOBQ_OK && formed != JOBQ_EMPTY) {
		job->end_state = NULL;
		jobq_buf_release(&value);
		return formed;
	}
	status = ending ? move(store, job, event, err) : JOBQ_OK;
	if (status == JOBQ_OK && formed == JOBQ_OK)
		status = jobq_kafka_send(store, &record, err);
	else if (record.headers != NULL)
		rd_kafka_headers_destroy(record.headers);
	job->lost_some |= status != JOBQ_OK;
	jobq_buf_release(&value);
	return status;
}

static enum jobq_status
send_one(struct jobq_kafka *store, const struct jobq_asked_event *event,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_kafka_job *job = jobq_kafka_job_of(store, event);
	bool ending = jobq_event_is_ending(event->kind), large;
	enum jobq_status status;

	(void)out;
	if (job == NULL || event->kind == JOBQ_EVENT_ALIVE ||
	    job->end_state != NULL || (event->n > 0 && event->n <= job->sent_n))
		return JOBQ_OK;
	if (event->kind == JOBQ_EVENT_STARTED)
		job->started = true;
	large = job->too_large;
	/* The claim that would tell the ring may still be to come. */
	if (ending && job->moved == NULL)
		job->stopping |=
		    jobq_kafka_is_cancelled(store, job->id, job->born_ms);
	if (ending)
		decide(job, event);
	status = send_formed(store, job, event, err);
	if (ending && status != JOBQ_OK && job->too_large && !large) {
		decide(job, event);
		status = send_formed(store, job, event, err);
	}
	if (status == JOBQ_OK && ending && job->stopping &&
	    event->kind != JOBQ_EVENT_COMPLETED &&
	    event->kind != JOBQ_EVENT_CANCELLED) {
		status = send_cancelled(store, job, err);
		job->lost_some |= status != JOBQ_OK;
	}
	if (status == JOBQ_OK && event->n > job->sent_n)
		job->sent_n = event->n;
	return status;
}

enum jobq_status
jobq_kafka_settle_send(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_err *err)
{
	return jobq_kafka_each_event(store, request, send_one, NULL, err);
}

enum jobq_status
jobq_kafka_end(struct jobq_kafka *store, struct jobq_kafka_job *job,
    enum jobq_event_kind kind, const char *reason, const char *error,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	job->ending = kind;
	job->end_state = kind == JOBQ_EVENT_FAILED ? "failed" : "cancelled";
	job->end_n = 0;
	if (kind == JOBQ_EVENT_FAILED && job->moved == NULL) {
		bool large = job->too_large;

		status = send_dead(store, job, reason, err);
		if (status != JOBQ_OK && job->too_large && !large)
			status = send_dead(store, job, reason, err);
	}
	jobq_event_begin(
	    &line, kind, job->id, job->epoch, job->worker, JOBQ_ABSENT);
	jobq_buf_printf(&line, ",\"reason\":\"%s\"", reason);
	if (error != NULL) {
		jobq_buf_puts(&line, ",\"error\":");
		jobq_json_put_lossy(&line, error, strlen(error));
	}
	jobq_buf_printf(&line, ",\"state\":\"%s\"}", job->end_state);
	if (status == JOBQ_OK)
		status = send_event(store, job, &line, err);
	if (status == JOBQ_OK) {
		jobq_buf_add(out, line.data, line.len);
		jobq_buf_putc(out, '\n');
	} else {
		job->lost_some = true;
	}
	jobq_buf_release(&line);
	return status;
}

enum jobq_status
jobq_kafka_postpone(
    struct jobq_kafka *store, struct jobq_kafka_job *job, struct jobq_err *err)
{
	const struct jobq_offset *known =
	    jobq_offsets_find(&job->part->offsets, job->offset);
	enum jobq_status status = JOBQ_OK;

	job->epoch = job->before_epoch + known->claims;
	job->ending = JOBQ_EVENT_OTHER;
	job->end_due_ms = job->due_ms;
	job->end_state = "pending";
	if (job->moved == NULL)
		status = send_again(store, job, err);
	job->lost_some |= status != JOBQ_OK;
	return status;
}

/* --- applying ------------------------------------------------------------ */

static void
remember(struct jobq_kafka *store, const struct jobq_kafka_job *job)
{
	struct jobq_kafka_ended *ended =
	    &store->ended[store->endings++ % JOBQ_KAFKA_ENDED];

	free(ended->id);
	free(ended->worker);
	*ended = (struct jobq_kafka_ended){
		.id = jobq_xstrdup(job->id),
		.worker = jobq_xstrdup(job->worker),
		.epoch = job->epoch,
		.n = job->end_n,
		.due_ms = job->end_due_ms,
		.kind = job->ending,
		.state = job->end_state,
		.part = job->part->number,
	};
}

void
jobq_kafka_lose_endings(struct jobq_kafka *store, int32_t part)
{
	size_t from = store->committed;

	if (store->endings > JOBQ_KAFKA_ENDED &&
	    from < store->endings - JOBQ_KAFKA_ENDED)
		from = store->endings - JOBQ_KAFKA_ENDED;
	for (size_t i = from; i < store->endings; i++)
		if (store->ended[i % JOBQ_KAFKA_ENDED].part == part)
			store->ended[i % JOBQ_KAFKA_ENDED].lost = true;
}

/* It waits again, its claim taken back. */
static void
give_back(struct jobq_kafka_job *job)
{
	struct jobq_offset *known =
	    jobq_offsets_find(&job->part->offsets, job->offset);

	if (known->open > 0)
		known->open--;
	job->part->dirty = true;
	job->state = JOBQ_KAFKA_WAITING;
	job->end_state = NULL;
	job->started = false;
}

static void
apply(struct jobq_kafka *store, struct jobq_kafka_job *job)
{
	if (job->ending != JOBQ_EVENT_OTHER)
		remember(store, job);
	if (job->ending == JOBQ_EVENT_RELEASED &&
	    strcmp(job->end_state, "pending") == 0) {
		give_back(job);
		return;
	}
	jobq_offsets_finish(&job->part->offsets, job->offset);
	job->part->dirty = true;
	jobq_kafka_job_remove(store, job);
}

static enum jobq_status
apply_all(struct jobq_kafka *store, struct jobq_err *err)
{
	struct jobq_kafka_job *job, *next;
	size_t lost = 0;

	for (job = store->first; job != NULL; job = next) {
		next = job->next;
		if (job->lost_some && job->on_its_way == 0) {
			job->lost_some = false;
			job->end_state = NULL;
			job->sent_n = 0;
			lost++;
		} else if (job->end_state != NULL && job->on_its_way == 0) {
			apply(store, job);
		}
	}
	return lost == 0 ? JOBQ_OK
			 : jobq_fail(err, JOBQ_AGAIN,
			       "%s: events of %zu jobs are to be sent again",
			       store->name.data, lost);
}

enum jobq_status
jobq_kafka_apply(struct jobq_kafka *store, struct jobq_err *err)
{
	enum jobq_status status = jobq_kafka_flush(store, err);
	enum jobq_status applied =
	    apply_all(store, status == JOBQ_OK ? err : NULL);

	return status == JOBQ_OK ? applied : status;
}
