/*
 * What comes round: events of the runner, or of a jobq-report behind it, and
 * whatever stages in between let through.
 */
#include "ring_inside.h"

#include "clock.h"
#include "job.h"
#include "log.h"
#include "settle.h"

#include <string.h>

#include "banned.h"

void
jobq_ring_free_place(struct jobq_ring *ring, const struct jobq_event *event)
{
	struct jobq_ring_job *job;

	job = jobq_ring_jobs_find(&ring->jobs, event->id, event->epoch);
	if (event->state != NULL && strcmp(event->state, "failed") == 0)
		ring->any_failed = true;
	if (job == NULL)
		return;
	jobq_ring_jobs_remove(&ring->jobs, job, jobq_mono_ms());
	ring->look_ms = 0;
	ring->idle = false;
}

/* What an ending says about claiming, whoever settles it. */
static void
note_ending(struct jobq_ring *ring, const struct jobq_event *event)
{
	const char *reason = event->reason == NULL ? "" : event->reason;
	bool released = event->kind == JOBQ_EVENT_RELEASED;
	int64_t wait;

	if (released && strcmp(reason, "waiting") == 0) {
		ring->fewer++;
		return;
	}
	ring->fewer = 0;
	if (released && strcmp(reason, "shutdown") == 0) {
		jobq_ring_stop_claiming(ring);
	} else if (released && strcmp(reason, "worker-fault") == 0) {
		wait = jobq_ring_wait(ring, &ring->worker_backoff);
		ring->claim_from_ms = jobq_mono_ms() + wait;
		jobq_log(JOBQ_WARNING,
		    "the runner cannot start its command; claiming again in "
		    "%lld ms",
		    (long long)wait);
	} else if (event->kind == JOBQ_EVENT_FAILED &&
		   ring->options->backoff_most_ms > 0) {
		wait = jobq_ring_wait(ring, &ring->worker_backoff);
		ring->claim_from_ms = jobq_mono_ms() + wait;
	} else if (!released) {
		jobq_backoff_reset(&ring->worker_backoff);
	}
}

/* Alive: an answered one goes on to run, another is to be answered. */
static void
take_alive(struct jobq_ring *ring, unsigned long number)
{
	struct jobq_event *event = &ring->event;
	int64_t n = event->n == JOBQ_ABSENT ? 0 : event->n;

	jobq_ring_jobs_heard(&ring->jobs, event->jobs, jobq_mono_ms());
	if (event->lost.len > 0) {
		jobq_ring_answer(ring, n, event->line.at, event->line.len);
		return;
	}
	/* A pipe keeps the order; a runner that began anew counts from 1. */
	if (n != ring->alive_n)
		jobq_batch_clear(&ring->alive);
	ring->alive_n = n;
	jobq_batch_event(&ring->alive, event, number);
}

static void
take_event(struct jobq_ring *ring, unsigned long number)
{
	struct jobq_event *event = &ring->event;
	bool is_ending = jobq_event_is_ending(event->kind);
	int64_t now = jobq_mono_ms();
	struct jobq_ring_job *job;

	job = jobq_ring_jobs_find(&ring->jobs, event->id, event->epoch);
	if (job != NULL)
		job->heard_ms = now;
	if (job != NULL && event->kind == JOBQ_EVENT_STARTED &&
	    job->started_ms == 0)
		job->started_ms = now;
	if (is_ending && (job == NULL || !job->ending))
		note_ending(ring, event);
	if (event->settled.len > 0) {
		if (is_ending)
			jobq_ring_free_place(ring, event);
		return;
	}
	if (!jobq_settle_wants(event))
		return;
	if (is_ending) {
		if (ring->ending_since == 0)
			ring->ending_since = now;
		if (job != NULL)
			jobq_ring_jobs_end(&ring->jobs, job, now);
	}
	if (ring->waiting_since == 0)
		ring->waiting_since = now;
	jobq_batch_event(&ring->events, event, number);
}

static enum jobq_status
take_line(struct jobq_ring *ring, struct jobq_span line, struct jobq_err *err)
{
	struct jobq_event *event = &ring->event;
	enum jobq_status status;

	status = jobq_object_scan(&event->members, line.at, line.len, err);
	if (status != JOBQ_OK)
		return status;
	if (!jobq_line_is_event(&event->members))
		return jobq_fail(err, JOBQ_INVALID,
		    "a job line came round: what is behind jobq-claim must "
		    "run it, not pass it on");
	status = jobq_event_read(event, line.at, line.len, err);
	if (status != JOBQ_OK)
		return status;
	if (event->kind == JOBQ_EVENT_ALIVE)
		take_alive(ring, ring->input.reader.number);
	else
		take_event(ring, ring->input.reader.number);
	return JOBQ_OK;
}

void
jobq_ring_feed(struct jobq_ring *ring)
{
	struct jobq_span line;
	struct jobq_err err;
	enum jobq_status status;

	for (;;) {
		/* No more than the store takes at once. */
		if (jobq_batch_full(&ring->events)) {
			if (ring->store_backoff.next_ms == 0)
				jobq_ring_turn(ring);
			if (jobq_batch_full(&ring->events))
				break;
		}
		status = jobq_reader_next(&ring->input.reader, &line, &err);
		if (status == JOBQ_EMPTY)
			break;
		if (status == JOBQ_OK)
			status = take_line(ring, line, &err);
		if (status != JOBQ_OK &&
		    jobq_input_bad(&ring->input, &err) != JOBQ_OK) {
			*ring->err = err;
			ring->status = JOBQ_INVALID;
			jobq_ring_stop_claiming(ring);
		}
	}
}
