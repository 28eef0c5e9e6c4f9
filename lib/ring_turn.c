/*
 * A turn: one call of the store that settles what came back, renews, asks
 * about what is held and takes the next jobs, in one transaction. When the
 * store is away everything is kept and sent again; when it refuses a batch,
 * each event is settled by itself, so that the guilty one is found.
 */
#include "ring_inside.h"

#include "claim_request.h"
#include "clock.h"
#include "job.h"
#include "log.h"
#include "settle.h"

#include <string.h>

#include "banned.h"

#define LEAST_DEADLINE_MS 250
#define MOST_DEADLINE_MS 5000
#define LAST_DEADLINE_MS 500 /* told twice to stop */

static int64_t
deadline_ms(const struct jobq_ring *ring)
{
	int64_t sixth = ring->lease_ms / 6;

	if (ring->signals > 1)
		return LAST_DEADLINE_MS;
	return sixth < LEAST_DEADLINE_MS  ? LEAST_DEADLINE_MS
	       : sixth > MOST_DEADLINE_MS ? MOST_DEADLINE_MS
					  : sixth;
}

int64_t
jobq_ring_room(struct jobq_ring *ring, int64_t now)
{
	int64_t limit = ring->options->claim.limit;
	int64_t target = ring->options->places;
	int64_t room;

	if (ring->stopping || now < ring->claim_from_ms)
		return 0;
	if (ring->options->ahead >= 0)
		target += ring->options->ahead;
	else
		target += jobq_ring_jobs_ahead(&ring->jobs, now);
	target -= ring->fewer;
	if (target < 1)
		target = 1;
	room = target - (int64_t)jobq_ring_jobs_busy(&ring->jobs);
	if (limit >= 0 && room > limit - ring->claimed)
		room = limit - ring->claimed;
	return room < 0 ? 0 : room > JOBQ_PAGE_LINES ? JOBQ_PAGE_LINES : room;
}

static enum jobq_status
take_job(struct jobq_ring *ring, struct jobq_object *members, const char *line,
    size_t len, struct jobq_err *err)
{
	struct jobq_job job = { .members = *members };
	enum jobq_status status;

	status = jobq_job_read(&job, line, len, err);
	if (status == JOBQ_OK && (job.id == NULL || !job.has_lease))
		status = jobq_fail(
		    err, JOBQ_IO, "the store's answer to a claim has no lease");
	if (status == JOBQ_OK) {
		jobq_ring_jobs_add(
		    &ring->jobs, job.id, job.epoch, jobq_mono_ms());
		ring->claimed++;
		ring->got++;
		jobq_ring_write(ring, line, len);
	}
	*members = job.members;
	job.members = (struct jobq_object){ 0 };
	jobq_job_release(&job);
	return status;
}

static void
take_idle(struct jobq_ring *ring, const struct jobq_event *event)
{
	const struct jobq_span *value;
	double seconds;

	value = jobq_object_get(&event->members, "next_in");
	if (value != NULL &&
	    jobq_json_double(*value, &seconds, NULL) == JOBQ_OK &&
	    seconds < 1e9)
		ring->next_in_ms = (int64_t)(seconds * 1000) + 1;
	value = jobq_object_get(&event->members, "unfinished");
	if (value == NULL ||
	    jobq_json_int(*value, &ring->unfinished, NULL) != JOBQ_OK)
		ring->unfinished = -1;
	ring->idle = ring->limit > 0;
}

static void
take_stop(struct jobq_ring *ring, const struct jobq_event *event)
{
	struct jobq_ring_job *job;

	job = jobq_ring_jobs_find(&ring->jobs, event->id, event->epoch);
	if (job == NULL || job->ending || job->stopped)
		return;
	job->stopped = true;
	jobq_ring_write(ring, event->line.at, event->line.len);
}

static void
take_ending(struct jobq_ring *ring, const struct jobq_event *event)
{
	jobq_ring_free_place(ring, event);
	if (event->kind == JOBQ_EVENT_COMPLETED &&
	    jobq_span_is(event->settled, "true"))
		jobq_backoff_reset(&ring->errors);
}

static enum jobq_status
take_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_ring *ring = context;
	struct jobq_event event = { 0 };
	enum jobq_status status;

	status = jobq_object_scan(&event.members, line, len, err);
	if (status == JOBQ_OK && !jobq_line_is_event(&event.members)) {
		status = take_job(ring, &event.members, line, len, err);
	} else if (status == JOBQ_OK) {
		status = jobq_event_read(&event, line, len, err);
		if (status != JOBQ_OK)
			goto out;
		if (event.kind == JOBQ_EVENT_ALIVE)
			jobq_ring_answer(ring,
			    event.n == JOBQ_ABSENT ? 0 : event.n, line, len);
		else if (event.kind == JOBQ_EVENT_STOP)
			take_stop(ring, &event);
		else if (event.kind == JOBQ_EVENT_IDLE)
			take_idle(ring, &event);
		else if (jobq_event_is_ending(event.kind))
			take_ending(ring, &event);
		jobq_claim_say_failed(&event);
	}
out:
	jobq_event_release(&event);
	return status;
}

static void
put_batch(struct jobq_buf *out, const struct jobq_batch *batch, bool more)
{
	if (batch->count == 0)
		return;
	if (more)
		jobq_buf_putc(out, ',');
	jobq_buf_add(out, batch->text.data, batch->text.len);
}

static void
make_request(struct jobq_ring *ring, struct jobq_buf *out)
{
	bool more = false;

	jobq_claim_request(&ring->options->claim, ring->worker, ring->store,
	    ring->limit, NULL, out);
	out->len--;
	jobq_buf_puts(out, ",\"ring\":true");
	/* What the store has as this worker's was left by one before it. */
	if (!ring->began)
		jobq_buf_puts(out, ",\"first\":true");
	if (ring->options->until_done)
		jobq_buf_puts(out, ",\"count\":true");
	jobq_buf_puts(out, ",\"held\":[");
	for (size_t i = 0; i < ring->jobs.count; i++) {
		const struct jobq_ring_job *job = &ring->jobs.job[i];

		if (job->ending)
			continue;
		jobq_buf_printf(out, "%s[\"%s\",%lld]", more ? "," : "",
		    job->id, (long long)job->epoch);
		more = true;
	}
	jobq_buf_putc(out, ']');
	if (ring->events.count + ring->alive.count > 0) {
		jobq_buf_puts(out, ",\"events\":[");
		put_batch(out, &ring->events, false);
		put_batch(out, &ring->alive, ring->events.count > 0);
		jobq_buf_putc(out, ']');
	}
	jobq_buf_putc(out, '}');
}

/* The store has taken everything: what ended and was not answered is over. */
static void
clear_batches(struct jobq_ring *ring)
{
	jobq_batch_clear(&ring->events);
	jobq_batch_clear(&ring->alive);
	ring->waiting_since = 0;
	ring->ending_since = 0;
	for (size_t i = ring->jobs.count; i-- > 0;)
		if (ring->jobs.job[i].ending)
			jobq_ring_jobs_remove(
			    &ring->jobs, &ring->jobs.job[i], jobq_mono_ms());
}

/* One by one, after the store refused them together. */
static enum jobq_status
settle_singly(struct jobq_ring *ring, struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_settle_batch(&ring->events, ring->store,
	    deadline_ms(ring), take_answer, ring, err);
	if (status == JOBQ_OK)
		status = jobq_settle_batch(&ring->alive, ring->store,
		    deadline_ms(ring), take_answer, ring, err);
	return status;
}

int64_t
jobq_ring_wait(struct jobq_ring *ring, struct jobq_backoff *own)
{
	int64_t wait = jobq_backoff_fail(own);

	if (ring->options->backoff_most_ms == 0)
		return wait;
	wait = jobq_backoff_fail(&ring->errors);
	jobq_log_code(JOBQ_WARNING, "backing_off", NULL, "backing off for %g s",
	    (double)wait / 1000);
	return wait;
}

static void
store_failed(
    struct jobq_ring *ring, enum jobq_status status, const struct jobq_err *why)
{
	bool fresh = jobq_backoff_fresh(&ring->store_backoff);
	bool counted = ring->options->backoff_most_ms > 0;
	int64_t sixth = ring->lease_ms / 6;
	int64_t wait;

	if (status != JOBQ_AGAIN && status != JOBQ_IO) {
		*ring->err = *why;
		jobq_ring_finish(ring, status);
		return;
	}
	if (counted)
		jobq_log_code(
		    JOBQ_ERROR, "backend_unreachable", NULL, "%s", why->text);
	wait = jobq_ring_wait(ring, &ring->store_backoff);
	/* While jobs are held their leases must not run out by waiting. */
	if (ring->jobs.count > 0 && wait > sixth &&
	    jobq_store_adapter(ring->store)->renews)
		wait = sixth < 100 ? 100 : sixth;
	if (!counted)
		jobq_log_code(fresh ? JOBQ_WARNING : JOBQ_DEBUG,
		    "backend_unreachable", NULL, "%s; trying again in %lld ms",
		    why->text, (long long)wait);
	jobq_timer_set(ring->loop, &ring->turn, jobq_mono_ms() + wait);
}

/* Places of jobs of which a whole lease long nothing was heard. */
static void
forget_silent(struct jobq_ring *ring, int64_t now)
{
	for (size_t i = ring->jobs.count; i-- > 0;) {
		struct jobq_ring_job *job = &ring->jobs.job[i];

		if (job->ending || now - job->heard_ms < ring->lease_ms)
			continue;
		jobq_log_code(JOBQ_WARNING, "silent_job", job->id,
		    "nothing was heard of job %s for a whole lease: a stage "
		    "dropped it, or does not pass on what it is not for",
		    job->id);
		jobq_ring_jobs_remove(&ring->jobs, job, now);
	}
}

static void
plan_look(struct jobq_ring *ring, int64_t now)
{
	int64_t wait = jobq_claim_interval(&ring->options->claim, ring->store);

	ring->asked_ms = now;
	if (!ring->idle) {
		ring->look_ms = 0;
		return;
	}
	if (ring->next_in_ms >= 0 && ring->next_in_ms < wait)
		wait = ring->next_in_ms;
	ring->look_ms = now + wait;
}

/*
 * Where errors are counted what came back is settled by itself, so that a
 * claim that fails does not hide that a job was done.
 */
static enum jobq_status
settle_apart(struct jobq_ring *ring, struct jobq_err *err)
{
	enum jobq_status status;

	if (ring->options->backoff_most_ms == 0 || ring->events.count == 0)
		return JOBQ_OK;
	status = settle_singly(ring, err);
	if (status == JOBQ_OK)
		clear_batches(ring);
	return status;
}

/* Settles, asks and claims in one call. */
static enum jobq_status
call_store(struct jobq_ring *ring, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	make_request(ring, &request);
	status = jobq_store_call(ring->store, JOBQ_VERB_CLAIM, &request,
	    deadline_ms(ring), take_answer, ring, err);
	jobq_buf_release(&request);
	if (status == JOBQ_OK && ring->limit > 0 && ring->options->log_polls)
		jobq_log(JOBQ_INFO, "looked for jobs: %lld taken",
		    (long long)ring->got);
	return status;
}

void
jobq_ring_turn(struct jobq_ring *ring)
{
	int64_t now = jobq_mono_ms();
	struct jobq_err err;
	enum jobq_status status;

	forget_silent(ring, now);
	ring->got = 0;
	ring->next_in_ms = ring->unfinished = -1;
	ring->idle = ring->hinted = false;
	ring->limit = 0;
	status = settle_apart(ring, &err);
	if (status == JOBQ_OK) {
		if (!ring->ending)
			ring->limit = jobq_ring_room(ring, now);
		if (ring->limit > 0 && !jobq_ring_ready_use(ring))
			ring->limit = 0;
		status = call_store(ring, &err);
	}
	/* With no event to blame it is the claim itself that is refused. */
	if (status == JOBQ_INVALID &&
	    ring->events.count + ring->alive.count > 0)
		status = settle_singly(ring, &err);
	if (status == JOBQ_OK) {
		jobq_backoff_reset(&ring->store_backoff);
		ring->began = true;
		clear_batches(ring);
		plan_look(ring, jobq_mono_ms());
	} else {
		store_failed(ring, status, &err);
	}
}
