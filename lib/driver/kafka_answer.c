/*
 * The answers to events that were settled: what was sent is delivered by now,
 * and has taken effect. And what a ring is told of the jobs that it holds.
 */
#include "kafka_settle.h"
#include "kafka_wire.h"

#include <inttypes.h>
#include <string.h>

#include "banned.h"

static const struct jobq_kafka_ended *
find_ended(const struct jobq_kafka *store, const struct jobq_asked_event *event)
{
	/* The newest first: two records may have had the same id. */
	for (size_t i = 1; i <= JOBQ_KAFKA_ENDED && i <= store->endings; i++) {
		const struct jobq_kafka_ended *ended =
		    &store->ended[(store->endings - i) % JOBQ_KAFKA_ENDED];

		if (ended->epoch == event->epoch &&
		    strcmp(ended->id, event->id.data) == 0)
			return ended;
	}
	return NULL;
}

static bool
is_known(const struct jobq_kafka *store, const char *id)
{
	const struct jobq_kafka_job *job = store->by_id[jobq_kafka_hash(id)];

	while (job != NULL && strcmp(job->id, id) != 0)
		job = job->same_hash;
	return job != NULL;
}

static void
answer_alive(struct jobq_kafka *store, const struct jobq_asked_event *event,
    struct jobq_buf *out)
{
	const struct jobq_span *jobs = jobq_asked_get(&event->members, "jobs");
	struct jobq_buf id = JOBQ_BUF_INIT;
	struct jobq_span pair;
	size_t cursor = 0;
	bool any = false;

	jobq_buf_puts(out, ",\"lost\":[");
	while (jobs != NULL && jobq_json_element(*jobs, &cursor, &pair)) {
		int64_t epoch;

		if (!jobq_kafka_pair(pair, &id, &epoch) ||
		    jobq_kafka_job_held(store, id.data, epoch) != NULL)
			continue;
		jobq_buf_puts(out, any ? "," : "");
		jobq_buf_add(out, pair.at, pair.len);
		any = true;
	}
	jobq_buf_putc(out, ']');
	jobq_buf_release(&id);
}

static void
answer_ended(const struct jobq_kafka_ended *ended,
    const struct jobq_asked_event *event, struct jobq_buf *out)
{
	/* What is lost another runs once more, in a higher epoch. */
	bool ours =
	    !ended->lost && strcmp(ended->worker, event->worker.data) == 0;

	if (ours && jobq_event_is_ending(event->kind) &&
	    event->kind == ended->kind) {
		jobq_buf_puts(out, ",\"settled\":true");
		jobq_kafka_put_state(out, ended->state, ended->due_ms);
	} else if (ours && !jobq_event_is_ending(event->kind) && event->n > 0 &&
		   event->n < ended->n) {
		jobq_buf_puts(out, ",\"settled\":true");
	} else {
		jobq_buf_puts(out, ",\"settled\":\"stale\"");
	}
}

static enum jobq_status
answer_one(struct jobq_kafka *store, const struct jobq_asked_event *event,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_kafka_ended *ended;

	(void)err;
	jobq_buf_add(out, event->line.data, event->line.len);
	if (event->kind == JOBQ_EVENT_ALIVE)
		answer_alive(store, event, out);
	else if (event->id.len == 0 || event->epoch == 0)
		jobq_buf_puts(out, ",\"settled\":\"unknown\"");
	else if (jobq_kafka_job_of(store, event) != NULL)
		jobq_buf_puts(out, ",\"settled\":true");
	else if ((ended = find_ended(store, event)) != NULL)
		answer_ended(ended, event, out);
	else
		jobq_buf_puts(out, is_known(store, event->id.data)
				       ? ",\"settled\":\"stale\""
				       : ",\"settled\":\"unknown\"");
	jobq_buf_puts(out, "}\n");
	return JOBQ_OK;
}

enum jobq_status
jobq_kafka_settle_answer(struct jobq_kafka *store,
    const struct jobq_object *request, struct jobq_buf *out,
    struct jobq_err *err)
{
	return jobq_kafka_each_event(store, request, answer_one, out, err);
}

static void
put_stop(
    struct jobq_buf *out, const char *id, int64_t epoch, const char *reason)
{
	jobq_buf_printf(out,
	    "{\"event\":\"stop\",\"id\":\"%s\",\"epoch\":%" PRId64
	    ",\"reason\":\"%s\"}\n",
	    id, epoch, reason);
}

/*
 * A ring that forgets a job (a stage dropped its lines) says nothing of it any
 * more: it waits again. Its claim stays open, as if its worker had died.
 */
static void
take_forgotten(struct jobq_kafka *store, const char *worker)
{
	for (struct jobq_kafka_job *job = store->first; job != NULL;
	     job = job->next) {
		if (job->state == JOBQ_KAFKA_HELD && !job->named &&
		    job->end_state == NULL &&
		    strcmp(job->worker, worker) == 0) {
			job->state = JOBQ_KAFKA_WAITING;
			job->started = false;
		}
		job->named = false;
	}
}

enum jobq_status
jobq_kafka_look_at_held(struct jobq_kafka *store,
    const struct jobq_object *request, const char *worker, struct jobq_buf *out,
    struct jobq_err *err)
{
	const struct jobq_span *held = jobq_asked_get(request, "held");
	const struct jobq_span *ring = jobq_asked_get(request, "ring");
	struct jobq_buf id = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_span pair;
	size_t cursor = 0;

	while (held != NULL && status == JOBQ_OK &&
	       jobq_json_element(*held, &cursor, &pair)) {
		struct jobq_kafka_job *job;
		int64_t epoch = 0;

		if (!jobq_kafka_pair(pair, &id, &epoch)) {
			status = jobq_fail(err, JOBQ_INVALID,
			    "\"held\" must be a list of [id, epoch]");
			continue;
		}
		job = jobq_kafka_job_held(store, id.data, epoch);
		if (job == NULL || strcmp(job->worker, worker) != 0) {
			put_stop(out, id.data, epoch, "lost");
			continue;
		}
		job->named = true;
		if (jobq_kafka_is_cancelled(store, job->id, job->born_ms)) {
			job->stopping = true;
			put_stop(out, id.data, epoch, "cancel");
		}
	}
	jobq_buf_release(&id);
	if (ring != NULL && held != NULL && status == JOBQ_OK)
		take_forgotten(store, worker);
	return status;
}

/* --- the verb ------------------------------------------------------------ */

enum jobq_status
jobq_kafka_settle(struct jobq_kafka *store, const struct jobq_object *request,
    struct jobq_buf *out, struct jobq_err *err)
{
	enum jobq_status status;

	if (!store->joined)
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "a log has no leases, so a job can only be settled where "
		    "it was claimed: use the ring (jobq-work, or jobq-claim "
		    "--ring N), which settles by itself");
	status = jobq_kafka_join(store, err);
	jobq_kafka_listen_turn(store);
	if (status == JOBQ_OK)
		status = jobq_kafka_settle_send(store, request, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_apply(store, err);
	if (status == JOBQ_OK)
		status = jobq_kafka_commit(store, true, err);
	return status == JOBQ_OK
		   ? jobq_kafka_settle_answer(store, request, out, err)
		   : status;
}
