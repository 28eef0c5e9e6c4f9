/*
 * One circle after the other:
 *
 *   start ──► all stages run ───► one has ended ──► all have ended ───► end
 *     ▲                             the others end    nothing is left
 *     │                             by the rules,     of the runner
 *     │                             or is killed            │
 *     └───────────── 1 to 30 s later, with new pipes ◄──────┘
 *
 * A circle has ended well when each stage exits 0 or 1, and an end was asked
 * for: by an option, --halt included, or a signal. All else is a death, but
 * jobq-fetch may also end because the runner has.
 * The other stages then end by themselves: claim at the end of its input, once
 * what it has read is settled; run because nobody reads it. What has not done
 * so when a lease is over, or for run the grace, is killed.
 *
 * After a death --until-empty would end too early, for the dead circle's
 * jobs come back only when their leases end. So until then claim is given
 * --for instead, and the circle after that has --until-empty again.
 */
#include "work_inside.h"

#include "clock.h"
#include "log.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "banned.h"

#define MINUTE_MS 60000
#define INTERVAL_MS 1000 /* jobq-claim's */
#define SWEEP_MS 50
#define SWEEP_MOST_MS 10000
#define END_LEAST_MS 5000
#define READER_MS 1000 /* after a stop the reader has so long */

static void
finish(struct jobq_work *work, enum jobq_status status)
{
	work->status = status;
	jobq_loop_stop(work->loop);
}

/* What is told outside: by the teller of health and to the supervisor. */
void
jobq_work_publish(struct jobq_work *work)
{
	bool whole = work->stage[JOBQ_CLAIM].child.pid > 0 &&
		     work->stage[JOBQ_RUN].child.pid > 0 &&
		     (work->options->fetch == NULL ||
			 work->stage[JOBQ_FETCH].child.pid > 0);
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_health_state *state;

	jobq_buf_printf(&text, "STATUS=%s, circle %d, %d deaths",
	    work->stopping ? "stopping"
	    : whole	   ? "working"
			   : "waiting for a new circle",
	    work->circles, work->deaths);
	jobq_notify_send(&work->notify, text.data);
	jobq_buf_release(&text);
	if (work->health == NULL)
		return;
	state = jobq_health_state(work->health);
	atomic_store(&state->ready, whole);
	atomic_store(&state->stopping, work->stopping);
	atomic_store(&state->circles, work->circles);
	atomic_store(&state->claim, work->stage[JOBQ_CLAIM].child.pid);
	atomic_store(&state->run, work->stage[JOBQ_RUN].child.pid);
}

/* --- the beginning of a circle ------------------------------------------- */

/* How long a stage may go on when the other has ended. */
static int64_t
end_ms(const struct jobq_work *work)
{
	int64_t grace_ms = work->options->run->grace_ms;
	int64_t most_ms;

	most_ms = work->stage[JOBQ_RUN].ended
		      ? jobq_work_lease_ms(work->options)
		      : grace_ms + END_LEAST_MS;
	return most_ms > END_LEAST_MS ? most_ms : END_LEAST_MS;
}

/* Whether as many jobs have failed, in all circles, as --halt says. */
static bool
is_halted(const struct jobq_work *work)
{
	uint64_t most = work->options->run->halt_failed;

	return most > 0 && jobq_copier_failed(work->copier) >= most;
}

/* The ends of the next circle; false when none is needed any more. */
static bool
find_end(struct jobq_work *work, struct jobq_work_end *end)
{
	const struct jobq_work_options *options = work->options;
	int64_t now_ms = jobq_mono_ms();

	*end = (struct jobq_work_end){ .until_empty = options->until_empty,
		.for_ms = options->for_ms,
		.max_jobs = options->max_jobs };
	if (options->run->halt_failed > 0)
		end->failed = jobq_copier_failed(work->copier);
	if (options->max_jobs != JOBQ_NOT_GIVEN && work->copier != NULL)
		end->max_jobs -= jobq_copier_endings(work->copier);
	if (options->for_ms != JOBQ_NOT_GIVEN)
		end->for_ms -= now_ms - work->since_ms;
	if (end->max_jobs < 0 && options->max_jobs != JOBQ_NOT_GIVEN)
		end->max_jobs = 0;
	if (end->for_ms < 0 && options->for_ms != JOBQ_NOT_GIVEN)
		end->for_ms = 0;
	if (work->circles > 0 && (end->max_jobs == 0 || end->for_ms == 0))
		return false;
	work->partial = options->until_empty && now_ms < work->empty_from_ms;
	if (work->partial) {
		int64_t left_ms = work->empty_from_ms - now_ms;

		end->until_empty = false;
		if (options->for_ms == JOBQ_NOT_GIVEN || left_ms < end->for_ms)
			end->for_ms = left_ms;
	}
	return true;
}

static void
start_circle(struct jobq_work *work)
{
	struct jobq_work_end end;
	enum jobq_status status;

	if (!find_end(work, &end)) {
		finish(work, work->any_failed ? JOBQ_EMPTY : JOBQ_OK);
		return;
	}
	for (int i = 0; i < JOBQ_STAGES; i++)
		work->stage[i].ended =
		    i == JOBQ_FETCH && work->options->fetch == NULL;
	work->runs = true;
	work->circles++;
	work->begun_ms = jobq_mono_ms();
	status = jobq_circle_start(work, &end, work->err);
	jobq_work_publish(work);
	if (status == JOBQ_OK)
		return;
	if (status == JOBQ_CONFIG) {
		finish(work, status);
		return;
	}
	/* No process or pipe could be had: as if those missing had died. */
	jobq_log_err(JOBQ_WARNING, status, work->err);
	for (int i = 0; i < JOBQ_STAGES; i++) {
		if (work->stage[i].child.pid > 0 || work->stage[i].ended)
			continue;
		work->stage[i].ended = true;
		work->stage[i].wait_status = W_EXITCODE(75, 0);
	}
	work->sweep_until_ms = work->begun_ms + SWEEP_MOST_MS;
	jobq_timer_set(work->loop, &work->sweep, work->begun_ms);
	jobq_timer_set(work->loop, &work->step, work->begun_ms + end_ms(work));
}

/* --- its end ------------------------------------------------------------- */

void
jobq_work_put_end(struct jobq_buf *out, const struct jobq_stage *stage)
{
	if (WIFSIGNALED(stage->wait_status))
		jobq_buf_printf(out, "%s was killed by signal %d (%s)",
		    stage->name, WTERMSIG(stage->wait_status),
		    strsignal(WTERMSIG(stage->wait_status)));
	else
		jobq_buf_printf(out, "%s exited %d", stage->name,
		    WEXITSTATUS(stage->wait_status));
}

/* One more death; true when it was the fifth within a minute. */
static bool
count_death(struct jobq_work *work, int64_t now_ms)
{
	int64_t *slot = &work->death_ms[work->deaths % JOBQ_DEATHS];

	*slot = now_ms;
	work->deaths++;
	/* The slot behind it holds the time of the fifth from the end. */
	slot = &work->death_ms[work->deaths % JOBQ_DEATHS];
	return work->deaths >= JOBQ_DEATHS && now_ms - *slot < MINUTE_MS;
}

static void
death(struct jobq_work *work)
{
	int64_t now_ms = jobq_mono_ms();
	struct jobq_buf text = JOBQ_BUF_INIT;
	int64_t wait_ms;

	jobq_work_put_end(&text, &work->stage[JOBQ_CLAIM]);
	jobq_buf_puts(&text, ", ");
	if (work->options->fetch != NULL) {
		jobq_work_put_end(&text, &work->stage[JOBQ_FETCH]);
		jobq_buf_puts(&text, ", ");
	}
	jobq_work_put_end(&text, &work->stage[JOBQ_RUN]);
	if (now_ms - work->begun_ms >= MINUTE_MS)
		jobq_backoff_reset(&work->backoff);
	work->empty_from_ms = now_ms + jobq_work_lease_ms(work->options);
	if (count_death(work, now_ms)) {
		jobq_fail(work->err, JOBQ_AGAIN,
		    "%s; that is the fifth death of the circle within a minute",
		    text.data);
		finish(work, JOBQ_AGAIN);
	} else {
		wait_ms = jobq_backoff_fail(&work->backoff);
		jobq_log_code(JOBQ_WARNING, "stage_died", NULL,
		    "%s; a new circle in %.1f s", text.data,
		    (double)wait_ms / 1000);
		jobq_timer_set(work->loop, &work->step, now_ms + wait_ms);
	}
	jobq_buf_release(&text);
}

static bool
has_end(const struct jobq_work_options *options)
{
	return options->until_empty || options->until_done ||
	       options->max_jobs != JOBQ_NOT_GIVEN ||
	       options->for_ms != JOBQ_NOT_GIVEN;
}

/* Whether a circle that was stopped has left no job to its lease. */
static bool
is_clean(const struct jobq_stage *claim)
{
	int code = jobq_stage_code(claim);

	/* Before claim has begun TERM just ends it. */
	return code == 0 || code == 1 ||
	       (code < 0 && WTERMSIG(claim->wait_status) == SIGTERM);
}

void
jobq_work_stopped(struct jobq_work *work, bool clean)
{
	if (!clean) {
		jobq_fail(work->err, JOBQ_AGAIN,
		    "stopped with jobs outstanding; they come back when their "
		    "leases end");
		finish(work, JOBQ_AGAIN);
	} else if (work->reader_gone) {
		finish(work, JOBQ_IO);
	} else {
		finish(work, work->any_failed ? JOBQ_EMPTY : JOBQ_OK);
	}
}

/* Whether jobq-fetch has ended as it should, or only for want of a reader. */
static bool
fetched_well(const struct jobq_stage *fetch)
{
	int code = jobq_stage_code(fetch);

	return code == 0 || code == 1 ||
	       (code < 0 && WTERMSIG(fetch->wait_status) == SIGPIPE);
}

static void
circle_over(struct jobq_work *work)
{
	int claim = jobq_stage_code(&work->stage[JOBQ_CLAIM]);
	int run = jobq_stage_code(&work->stage[JOBQ_RUN]);
	int fetch = jobq_stage_code(&work->stage[JOBQ_FETCH]);
	bool well = (claim == 0 || claim == 1) && (run == 0 || run == 1) &&
		    fetched_well(&work->stage[JOBQ_FETCH]);

	jobq_timer_stop(work->loop, &work->step);
	work->runs = false;
	work->any_failed = work->any_failed || claim == 1;
	if (claim == 2 || run == 2 || fetch == 2) {
		work->err->text[0] = '\0';
		finish(work, JOBQ_CONFIG);
	} else if (work->stopping) {
		jobq_work_stopped(work, is_clean(&work->stage[JOBQ_CLAIM]));
	} else if (is_halted(work)) {
		work->any_failed = true;
		jobq_work_stopped(work, is_clean(&work->stage[JOBQ_CLAIM]));
	} else if (!well || !has_end(work->options)) {
		death(work);
	} else if (work->partial) {
		start_circle(work);
	} else {
		finish(work, work->any_failed ? JOBQ_EMPTY : JOBQ_OK);
	}
	jobq_work_publish(work);
}

static void
sweep(struct jobq_work *work)
{
	int64_t now_ms = jobq_mono_ms();

	work->sweeping = jobq_circle_sweep(work, work->sweeping);
	if (work->sweeping && now_ms >= work->sweep_until_ms) {
		jobq_log(JOBQ_ERROR,
		    "processes that jobs left behind survive KILL and are "
		    "abandoned");
		work->sweeping = false;
	}
	if (work->sweeping)
		jobq_timer_set(work->loop, &work->sweep, now_ms + SWEEP_MS);
}

static int
count_ended(const struct jobq_work *work)
{
	int count = 0;

	for (int i = 0; i < JOBQ_STAGES; i++)
		count += work->stage[i].ended;
	return count;
}

/* Sees who is gone, and what follows from that. */
void
jobq_work_look(struct jobq_work *work)
{
	bool ran = !work->stage[JOBQ_RUN].ended;
	int before = count_ended(work);
	int none = work->options->fetch == NULL; /* so many always have */

	jobq_circle_reap(work);
	jobq_work_health_look(work);
	if (!work->runs)
		return;
	if (ran && work->stage[JOBQ_RUN].ended) {
		work->sweep_until_ms = jobq_mono_ms() + SWEEP_MOST_MS;
		sweep(work);
	}
	if (count_ended(work) == none)
		return;
	if (before == none) {
		jobq_timer_set(
		    work->loop, &work->step, jobq_mono_ms() + end_ms(work));
		jobq_work_publish(work);
	}
	if (count_ended(work) == JOBQ_STAGES && !work->sweeping)
		circle_over(work);
}

static void
sweep_due(void *context)
{
	struct jobq_work *work = context;

	sweep(work);
	jobq_work_look(work);
}

/* A new circle is due; or what has not ended has had its time. */
static void
step_due(void *context)
{
	struct jobq_work *work = context;

	if (!work->runs) {
		start_circle(work);
		return;
	}
	for (int i = 0; i < JOBQ_STAGES; i++) {
		if (work->stage[i].child.pid <= 0)
			continue;
		jobq_log_code(JOBQ_WARNING, "stage_killed", NULL,
		    "%s does not end and is killed", work->stage[i].name);
		jobq_circle_signal(work, i, SIGKILL);
	}
}

/* --- the whole ----------------------------------------------------------- */

static void
watchdog_due(void *context)
{
	struct jobq_work *work = context;

	jobq_notify_send(&work->notify, "WATCHDOG=1");
	jobq_timer_set(work->loop, &work->watchdog,
	    jobq_mono_ms() + work->notify.watchdog_ms);
}

static void
open_timers(struct jobq_work *work)
{
	jobq_work_stop_timers(work);
	work->step = (struct jobq_timer){ .due = step_due, .context = work };
	work->sweep = (struct jobq_timer){ .due = sweep_due, .context = work };
	work->watchdog =
	    (struct jobq_timer){ .due = watchdog_due, .context = work };
	work->revive = (struct jobq_timer){ .due = jobq_work_health_start,
		.context = work };
	if (work->notify.watchdog_ms > 0)
		watchdog_due(work);
}

static enum jobq_status
open_all(struct jobq_work *work, struct jobq_err *err)
{
	const struct jobq_work_options *options = work->options;
	enum jobq_status status;

	signal(SIGPIPE, SIG_IGN);
	status = jobq_circle_open(work, err);
	if (status == JOBQ_OK)
		status = jobq_notify_open(&work->notify, err);
	if (status == JOBQ_OK)
		status = jobq_work_health_open(work, err);
	if (status == JOBQ_OK)
		status = jobq_circle_rehearse(work, err);
	if (status != JOBQ_OK)
		return status;
	work->loop = jobq_loop_new();
	jobq_work_signals(work);
	open_timers(work);
	if (options->events || options->max_jobs != JOBQ_NOT_GIVEN ||
	    options->run->halt_failed > 0)
		work->copier = jobq_copier_new(
		    work->loop, options->events, jobq_work_reader_gone, work);
	if (work->health != NULL) {
		jobq_log(JOBQ_INFO, "health is told at %s",
		    jobq_health_where(work->health));
		jobq_work_health_start(work);
	}
	return JOBQ_OK;
}

static void
close_all(struct jobq_work *work)
{
	jobq_copier_free(work->copier);
	jobq_work_health_close(work);
	jobq_notify_close(&work->notify);
	jobq_loop_free(work->loop);
	jobq_circle_close(work);
}

/* With --log-jobs the log also has the life of the whole. */
static void
say_begun(const struct jobq_work_options *options)
{
	int64_t interval_ms = options->interval_ms != JOBQ_NOT_GIVEN
				  ? options->interval_ms
				  : INTERVAL_MS;

	jobq_log(JOBQ_INFO,
	    "started%s%s, up to %lld at a time, polling every %lld.%03lld s",
	    options->worker != NULL ? " as worker " : "",
	    options->worker != NULL ? options->worker : "",
	    (long long)options->places, (long long)(interval_ms / 1000),
	    (long long)(interval_ms % 1000));
}

enum jobq_status
jobq_work(const struct jobq_work_options *options, struct jobq_err *err)
{
	struct jobq_work work = {
		.options = options,
		.err = err,
		.notify = { .fd = -1 },
		.backoff = JOBQ_BACKOFF_INIT,
		.since_ms = jobq_mono_ms(),
	};
	enum jobq_status status = open_all(&work, err);

	if (status == JOBQ_OK) {
		if (options->run->log_jobs)
			say_begun(options);
		start_circle(&work);
		jobq_notify_send(&work.notify, "READY=1");
		jobq_loop_run(work.loop);
		/* The last events are for a reader who takes them. */
		work.done = true;
		if (work.stopping)
			jobq_timer_set(
			    work.loop, &work.bound, jobq_mono_ms() + READER_MS);
		while (work.copier != NULL && !work.leave &&
		       jobq_copier_waits(work.copier))
			jobq_loop_turn(work.loop, -1);
		status = work.status;
		if (work.reader_gone && status <= JOBQ_EMPTY)
			status = JOBQ_IO;
	}
	close_all(&work);
	if (options->run->log_jobs && status <= JOBQ_EMPTY)
		jobq_log(JOBQ_INFO, "stopped");
	return status;
}
