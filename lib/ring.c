/*
 * How the ring waits. Nothing here ever waits for one side alone:
 *
 *        ┌──────────── jobs, stops, answered alive ───────────┐
 *        │                                                    ▼
 *     claim ── a turn: settle + stops + claim ── store      run
 *        ▲                                                    │
 *        └────────────── events, alive, endings ──────────────┘
 *
 * What comes in is read whenever it is there; what goes out is written at
 * most PIPE_BUF bytes at a time, when poll says that it will be taken, and is
 * bounded: a line and a stop for each outstanding job, and the answers to the
 * latest round of alive. A call of the store has a deadline of a sixth of a
 * lease.
 *
 * A turn is due at once for an alive line, and for an ending, unless more jobs
 * are with the runner than it has places: then it waits 1 ms for the next, so
 * that short jobs share a commit and no place is empty meanwhile; of many
 * places it waits 4 ms, as long as half of them are busy. It is due
 * after 3 ms for other events (a short job's start goes with its end), when
 * there is a free place and a look is worth while (hint, interval, next_in),
 * and once a second while jobs are held, to hear of those that are to be
 * stopped.
 *
 * The end: nothing more is claimed, what is outstanding is waited for, stdout
 * is closed, input is read to its end. (For 3 s at most: a wrapper around the
 * runner may hold its pipe.)
 */
#include "ring_inside.h"

#include "claim_request.h"
#include "clock.h"
#include "log.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define SHARE_MS 3	/* other events wait so long for an ending */
#define SHARE_END_MS 1	/* an ending for another, while all places are full */
#define SHARE_MANY_MS 4 /* the same, while half of many places are */
#define MANY_PLACES 64
#define CHECK_MS 1000	 /* between questions about what is held */
#define HINT_CHECK_MS 50 /* the same after a hint: it may be a cancel */
#define HINT_LOOK_MS 5	 /* between looks for jobs, however many hints come */
#define EOF_MS 3000

void
jobq_ring_finish(struct jobq_ring *ring, enum jobq_status status)
{
	if (ring->status == JOBQ_OK)
		ring->status = status;
	jobq_loop_stop(ring->loop);
}

void
jobq_ring_stop_claiming(struct jobq_ring *ring)
{
	ring->stopping = true;
}

static void
want_output(struct jobq_ring *ring)
{
	bool any =
	    jobq_writer_pending(&ring->writer) > 0 || ring->answers.len > 0;

	if (ring->out_open)
		jobq_watch_want(ring->loop, &ring->out, any ? JOBQ_WRITE : 0);
}

void
jobq_ring_write(struct jobq_ring *ring, const char *line, size_t len)
{
	if (!ring->out_open)
		return;
	jobq_writer_line(&ring->writer, line, len);
	want_output(ring);
}

void
jobq_ring_answer(
    struct jobq_ring *ring, int64_t n, const char *line, size_t len)
{
	if (!ring->out_open)
		return;
	if (n != ring->answers_n)
		jobq_buf_clear(&ring->answers);
	ring->answers_n = n;
	jobq_buf_add(&ring->answers, line, len);
	jobq_buf_putc(&ring->answers, '\n');
	want_output(ring);
}

/* Nothing is waited for any more: tell the runner, and hear it out. */
static void
close_output(struct jobq_ring *ring)
{
	jobq_watch_remove(ring->loop, &ring->out);
	close(STDOUT_FILENO);
	ring->out_open = false;
	ring->ending = true;
	jobq_timer_set(ring->loop, &ring->end, jobq_mono_ms() + EOF_MS);
}

static bool
nothing_left(const struct jobq_ring *ring)
{
	return ring->jobs.count == 0 && ring->events.count == 0 &&
	       ring->alive.count == 0;
}

static void
lost_runner(struct jobq_ring *ring)
{
	jobq_fail(ring->err, JOBQ_AGAIN,
	    "the other side of the ring is gone with %zu jobs outstanding; "
	    "they come back when their leases end",
	    ring->jobs.count);
	jobq_ring_finish(ring, JOBQ_AGAIN);
}

/* What the answer of the last turn means for --until-empty and -done. */
static void
check_until(struct jobq_ring *ring)
{
	const struct jobq_ring_options *options = ring->options;

	if (!ring->idle || ring->jobs.count > 0)
		return;
	if (options->until_empty &&
	    (ring->next_in_ms < 0 || ring->next_in_ms > ring->lease_ms))
		ring->stopping = true;
	if (options->until_done && ring->unfinished == 0)
		ring->stopping = true;
}

/* When the store is to be asked next; 0: there is no reason to. */
static int64_t
next_turn(struct jobq_ring *ring, int64_t now)
{
	int64_t check = ring->hinted ? HINT_CHECK_MS : CHECK_MS;
	int64_t at = INT64_MAX;
	int64_t room = jobq_ring_room(ring, now);
	int64_t busy = (int64_t)jobq_ring_jobs_busy(&ring->jobs);

	if (ring->alive.count > 0)
		return now;
	if (ring->ending_since != 0) {
		if (busy > ring->options->places)
			return ring->ending_since + SHARE_END_MS;
		if (ring->options->places >= MANY_PLACES &&
		    2 * busy > ring->options->places)
			return ring->ending_since + SHARE_MANY_MS;
		return now;
	}
	if (ring->events.count > 0)
		at = ring->waiting_since + SHARE_MS;
	if (room > 0 && ring->ready.asked == NULL && ring->look_ms < at)
		at = ring->look_ms;
	if (!ring->stopping && ring->claim_from_ms > now &&
	    ring->claim_from_ms < at)
		at = ring->claim_from_ms;
	if (ring->jobs.count > 0 && ring->asked_ms + check < at)
		at = ring->asked_ms + check;
	return at == INT64_MAX ? 0 : at < 1 ? 1 : at;
}

void
jobq_ring_plan(struct jobq_ring *ring)
{
	int64_t at;

	check_until(ring);
	jobq_watch_want(ring->loop, &ring->in,
	    ring->input.reader.eof || jobq_batch_full(&ring->events)
		? 0
		: JOBQ_READ);
	if (ring->options->claim.limit >= 0 &&
	    ring->claimed >= ring->options->claim.limit)
		ring->stopping = true;
	if (ring->input.reader.eof && ring->events.count == 0) {
		if (ring->jobs.count > 0)
			lost_runner(ring);
		else
			jobq_ring_finish(ring, JOBQ_OK);
		return;
	}
	if (ring->stopping && ring->out_open && nothing_left(ring) &&
	    jobq_writer_pending(&ring->writer) == 0)
		close_output(ring);
	if (ring->store_backoff.next_ms != 0 && ring->turn.at_ms != 0)
		return;
	at = next_turn(ring, jobq_mono_ms());
	if (at != 0)
		jobq_timer_set(ring->loop, &ring->turn, at);
	else
		jobq_timer_stop(ring->loop, &ring->turn);
}

static void
on_turn(void *context)
{
	struct jobq_ring *ring = context;

	jobq_ring_turn(ring);
	jobq_ring_feed(ring);
	jobq_ring_plan(ring);
}

static void
on_output(void *context, unsigned what)
{
	struct jobq_ring *ring = context;
	struct jobq_err err;

	if (jobq_writer_pending(&ring->writer) == 0 && ring->answers.len > 0) {
		jobq_buf_add(
		    &ring->writer.buf, ring->answers.data, ring->answers.len);
		jobq_buf_clear(&ring->answers);
	}
	if ((what & JOBQ_HANGUP) != 0 ||
	    jobq_writer_step(&ring->writer, PIPE_BUF, &err) != JOBQ_OK) {
		/* Its last words are still to be read. */
		ring->stopping = true;
		close_output(ring);
	}
	want_output(ring);
	jobq_ring_plan(ring);
}

static void
on_input(void *context, unsigned what)
{
	struct jobq_ring *ring = context;
	struct jobq_reader *reader = &ring->input.reader;
	struct jobq_err err;

	(void)what;
	if (jobq_reader_fill(reader, &err) == JOBQ_IO) {
		*ring->err = err;
		jobq_ring_finish(ring, JOBQ_IO);
		return;
	}
	jobq_ring_feed(ring);
	if (reader->eof)
		ring->stopping = true;
	jobq_ring_plan(ring);
}

static void
on_hint(void *context, unsigned what)
{
	struct jobq_ring *ring = context;

	(void)what;
	jobq_store_heard(ring->store);
	ring->hinted = true;
	if (ring->look_ms > ring->asked_ms + HINT_LOOK_MS)
		ring->look_ms = ring->asked_ms + HINT_LOOK_MS;
	jobq_ring_plan(ring);
}

/*
 * --for is over; or EOF was waited for long enough, unless something is still
 * to come round or to be settled.
 */
static void
on_end(void *context)
{
	struct jobq_ring *ring = context;

	ring->stopping = true;
	if (!ring->ending)
		jobq_ring_plan(ring);
	else if (nothing_left(ring))
		jobq_ring_finish(ring, JOBQ_OK);
	else
		jobq_timer_set(ring->loop, &ring->end, jobq_mono_ms() + EOF_MS);
}

static void
say_status(const struct jobq_ring *ring)
{
	jobq_log(JOBQ_CRITICAL,
	    "%zu jobs outstanding, %lld claimed, %zu events to settle, %zu "
	    "bytes to write; waits for %s",
	    ring->jobs.count, (long long)ring->claimed,
	    ring->events.count + ring->alive.count,
	    jobq_writer_pending(&ring->writer),
	    ring->store_backoff.next_ms != 0	     ? "the store"
	    : jobq_writer_pending(&ring->writer) > 0 ? "the runner to read"
	    : ring->ending			     ? "the end of its input"
	    : ring->jobs.count > 0		     ? "the runner"
						     : "a job");
}

static void
on_signal(void *context, const struct signalfd_siginfo *info)
{
	struct jobq_ring *ring = context;

	if (info->ssi_signo == SIGUSR1) {
		say_status(ring);
		return;
	}
	ring->stopping = true;
	if (++ring->signals > 1) {
		jobq_ring_turn(ring);
		jobq_fail(ring->err, JOBQ_AGAIN,
		    "stopped with %zu jobs outstanding; they come back when "
		    "their leases end",
		    ring->jobs.count);
		jobq_ring_finish(ring, JOBQ_AGAIN);
		return;
	}
	jobq_log(JOBQ_WARNING, "stopping, %zu outstanding, again to force",
	    ring->jobs.count);
	jobq_ring_plan(ring);
}

static void
start(struct jobq_ring *ring)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGUSR1, 0 };
	int hints = jobq_store_fd(ring->store);

	signal(SIGPIPE, SIG_IGN);
	ring->loop = jobq_loop_new();
	ring->turn = (struct jobq_timer){ .due = on_turn, .context = ring };
	ring->end = (struct jobq_timer){ .due = on_end, .context = ring };
	jobq_loop_signals(ring->loop, signals, on_signal, ring);
	jobq_watch_add(
	    ring->loop, &ring->out, STDOUT_FILENO, 0, on_output, ring);
	jobq_watch_add(
	    ring->loop, &ring->in, STDIN_FILENO, JOBQ_READ, on_input, ring);
	if (hints >= 0)
		jobq_watch_add(
		    ring->loop, &ring->hints, hints, JOBQ_READ, on_hint, ring);
	if (ring->options->for_ms >= 0)
		jobq_timer_set(ring->loop, &ring->end,
		    jobq_mono_ms() + ring->options->for_ms);
	jobq_timer_set(ring->loop, &ring->turn, jobq_mono_ms());
}

static void
release(struct jobq_ring *ring)
{
	jobq_ring_ready_close(ring);
	jobq_loop_free(ring->loop);
	jobq_ring_jobs_release(&ring->jobs);
	jobq_batch_release(&ring->events);
	jobq_batch_release(&ring->alive);
	jobq_writer_release(&ring->writer);
	jobq_buf_release(&ring->answers);
	jobq_input_close(&ring->input);
	jobq_event_release(&ring->event);
	free(ring->worker);
}

enum jobq_status
jobq_ring(const struct jobq_ring_options *options, struct jobq_store *store,
    struct jobq_command *command, struct jobq_err *err)
{
	struct jobq_ring ring = {
		.options = options,
		.store = store,
		.command = command,
		.err = err,
		.out_open = true,
		.store_backoff = JOBQ_BACKOFF_INIT,
		.worker_backoff = JOBQ_BACKOFF_INIT,
		.errors = { options->backoff_first_ms, options->backoff_most_ms,
		    0, true },
		.lease_ms = jobq_claim_lease_ms(&options->claim, store),
	};
	enum jobq_status status;

	if (options->claim.retry_ms > 0)
		ring.store_backoff.most_ms = options->claim.retry_ms;
	status = jobq_claim_worker(
	    &options->claim, jobq_store_adapter(store), &ring.worker, err);
	if (status == JOBQ_OK)
		status = jobq_input_open(
		    &ring.input, command, NULL, JOBQ_STAGE_MAX, err);
	if (status != JOBQ_OK) {
		free(ring.worker);
		return status;
	}
	jobq_batch_init(&ring.events, "events");
	jobq_batch_init(&ring.alive, "events");
	jobq_writer_init(&ring.writer, STDOUT_FILENO);
	start(&ring);
	status = jobq_ring_ready_open(&ring, err);
	if (status == JOBQ_OK) {
		jobq_loop_run(ring.loop);
		status = ring.status;
	}
	if (status == JOBQ_OK && ring.any_failed)
		status = JOBQ_EMPTY;
	release(&ring);
	return status;
}
