/*
 * The runner's heart: what a task does at which event.
 *
 *   LATER       an attempt failed and is tried again, but not yet
 *   WAITING     a job line was read; no place is free, or nothing may start
 *   ANNOUNCED   it has a place, its `started` is on the way out; only when
 *               that is written does the work begin
 *   RUNNING     its handler works
 *   STOPPING    it was asked to end (TERM); the grace runs
 *   KILLING     the grace is over; it is killed again and again
 *   DRAINING    the work is over, but its output is still held open
 *   CLEANING    nothing comes out any more; what it left behind is asked to
 *               end, and the task waits until it is alone
 *   SWEEPING    what it left behind is killed again and again
 *
 *   WAITING -> ANNOUNCED -> RUNNING ------------> DRAINING -> CLEANING -> end
 *                              |                   ^    ^         |
 *                              +--> STOPPING ------+    |      SWEEPING -> end
 *                                      |                |
 *                                      +--> KILLING ----+
 *
 * CLEANING and SWEEPING may lead to LATER in place of the end, and LATER leads
 * to WAITING (run_again.c). The end is one ending line, whatever happened: a
 * task that never began ends directly from WAITING or ANNOUNCED. An ending is
 * written when nothing of the job runs any more, so that whoever starts its
 * next attempt meets no remains of this one. Only what the kernel does not let
 * die is abandoned.
 *
 * The table below is the whole of it: a row for each state, a column for
 * each event, an empty field where an event means nothing. Why a task is
 * stopped is kept in its cause; run_ending.c makes the ending of it.
 */
#include "run_after.h"
#include "run_engine.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define KILL_AGAIN_MS 100
#define ABANDON_MS 10000
#define ABANDON_FORCED_MS 500
#define LOST_GRACE_MS 1000 /* another worker may have the job already */
#define WAITING_MS 1000	   /* in the ring: another worker could start it */
#define FAULTS_MAX 5

static void
enter(struct jobq_task *task, enum jobq_task_state state, int64_t due_ms)
{
	task->state = state;
	if (due_ms > 0)
		jobq_timer_set(task->run->loop, &task->step, due_ms);
	else
		jobq_timer_stop(task->run->loop, &task->step);
}

/* --- the end of a task --------------------------------------------------- */

static void
end(struct jobq_task *task, const struct jobq_verdict *verdict)
{
	struct jobq_run *run = task->run;

	jobq_ending_tell(task, verdict);
	jobq_task_leave(task);
	jobq_task_count(task, verdict);
	if (task->state == JOBQ_WAITING) {
		run->waiting--;
		if (run->first_waiting == task)
			run->first_waiting = task->next;
	}
	jobq_task_list_remove(
	    task->state == JOBQ_LATER ? &run->later : &run->tasks, task);
	jobq_task_clear(task);
	jobq_task_list_add(&run->spare, task);
}

/* The attempt has failed, and there will be another one. */
static void
put_off(struct jobq_task *task, const struct jobq_verdict *verdict)
{
	struct jobq_run *run = task->run;
	int64_t delay_ms = jobq_again_delay_ms(task, verdict);

	jobq_attempt_tell(task, verdict, delay_ms);
	jobq_log_ended(task, verdict, delay_ms);
	jobq_task_leave(task);
	jobq_task_list_remove(&run->tasks, task);
	jobq_task_clear_attempt(task);
	task->tries++;
	if (task->job.attempt == JOBQ_ABSENT)
		task->job.attempt = 1;
	task->job.attempt++;
	jobq_task_list_add(&run->later, task);
	enter(task, JOBQ_LATER, jobq_mono_ms() + delay_ms);
}

static void
come_back(struct jobq_task *task)
{
	jobq_task_list_remove(&task->run->later, task);
	jobq_run_enter(task->run, task);
}

/* Ends a task by its cause and its outcome. */
static void
settle(struct jobq_task *task)
{
	struct jobq_verdict verdict;

	if (task->serial != 0)
		task->run->handler->finish(task);
	jobq_verdict_find(task, &verdict);
	if (jobq_again_wanted(task, &verdict))
		put_off(task, &verdict);
	else
		end(task, &verdict);
}

/* What the job itself causes fails for good. */
static void
settle_refused(struct jobq_task *task, const struct jobq_err *err)
{
	struct jobq_verdict verdict = { .kind = JOBQ_EVENT_FAILED,
		.reason = "spawn",
		.retry_after_ms = JOBQ_ABSENT,
		.error = *err };

	end(task, &verdict);
}

static void
settle_released(struct jobq_task *task, const char *reason)
{
	struct jobq_verdict verdict = { .kind = JOBQ_EVENT_RELEASED,
		.reason = reason,
		.retry_after_ms = JOBQ_ABSENT };

	end(task, &verdict);
}

static void
settle_waited(struct jobq_task *task)
{
	settle_released(task, "waiting");
}

static void
settle_quit(struct jobq_task *task)
{
	if (task->cause == JOBQ_CAUSE_NONE)
		task->cause = JOBQ_CAUSE_QUIT;
	settle(task);
}

/* --- the beginning of a task --------------------------------------------- */

static void
announce(struct jobq_task *task)
{
	struct jobq_run *run = task->run;
	struct jobq_err err;

	run->first_waiting = task->next;
	run->waiting--;
	enter(task, JOBQ_ANNOUNCED, 0);
	task->place = run->free_place[--run->free_count];
	if (run->handler->prepare(task, &err) != JOBQ_OK) {
		settle_refused(task, &err);
		return;
	}
	jobq_tell_begin(task, JOBQ_EVENT_STARTED);
	jobq_tell_end(task);
	/* JOBQ_WRITTEN is posted by the flush when all is out. */
	if (!run->handler->starts_together)
		jobq_out_flush(run);
}

/* Those that were announced together and fail together are one try. */
void
jobq_run_fault(struct jobq_run *run, const char *id, const struct jobq_err *err)
{
	struct jobq_err last;

	if (run->hold.at_ms != 0)
		return;
	run->faults++;
	if (run->faults == 1)
		jobq_run_say(run, JOBQ_ERROR, "worker_fault", id,
		    "%s; the job is released", err->text);
	jobq_timer_set(run->loop, &run->hold,
	    jobq_mono_ms() + jobq_backoff_fail(&run->backoff));
	if (run->faults < FAULTS_MAX || (run->quitting && !run->halting))
		return;
	jobq_fail(&last, JOBQ_AGAIN,
	    "%d times in a row no job could be started: %s", run->faults,
	    err->text);
	jobq_run_quit(run, JOBQ_AGAIN, &last);
}

static void
begin(struct jobq_task *task)
{
	struct jobq_run *run = task->run;
	struct jobq_err err;
	enum jobq_status status;
	int64_t timeout_ms = task->job.timeout_ms;

	status = run->handler->start(task, &err);
	if (status == JOBQ_INVALID) {
		settle_refused(task, &err);
		return;
	}
	if (status != JOBQ_OK) {
		jobq_run_fault(run, task->id, &err);
		settle_released(task, "worker-fault");
		return;
	}
	run->faults = 0;
	jobq_backoff_reset(&run->backoff);
	if (run->save != NULL &&
	    jobq_save_begin(run->save, task, &err) != JOBQ_OK)
		jobq_run_lose(run, &err);
	task->serial = ++run->serial;
	jobq_log_started(task);
	enter(task, JOBQ_RUNNING, 0);
	if (timeout_ms == JOBQ_ABSENT)
		timeout_ms = run->options.timeout_ms;
	if (timeout_ms > 0)
		jobq_timer_set(run->loop, &task->timeout,
		    (task->begun_ns + 999999) / 1000000 + timeout_ms);
}

/* --- stopping a task ----------------------------------------------------- */

static int64_t
grace_ms(const struct jobq_task *task)
{
	int64_t grace = task->run->options.grace_ms;

	return task->cause == JOBQ_CAUSE_LOST && grace > LOST_GRACE_MS
		   ? LOST_GRACE_MS
		   : grace;
}

static void
ask(struct jobq_task *task)
{
	if (task->cause == JOBQ_CAUSE_NONE)
		task->cause = JOBQ_CAUSE_QUIT;
	jobq_timer_stop(task->run->loop, &task->timeout);
	task->kill_at_ms = jobq_mono_ms() + grace_ms(task);
	task->run->handler->ask(task);
	enter(task, JOBQ_STOPPING, task->kill_at_ms);
}

/* One more reason to stop; some leave less time. */
static void
hurry(struct jobq_task *task)
{
	int64_t until_ms = jobq_mono_ms() + grace_ms(task);

	if (until_ms < task->kill_at_ms) {
		task->kill_at_ms = until_ms;
		enter(task, JOBQ_STOPPING, until_ms);
	}
}

/* Kills what is there; false when that has been tried for long enough. */
static bool
kill_again(struct jobq_task *task)
{
	struct jobq_run *run = task->run;
	int64_t now_ms = jobq_mono_ms();
	int64_t most_ms = run->forced ? ABANDON_FORCED_MS : ABANDON_MS;

	if (task->abandon_at_ms == 0 ||
	    (run->forced && task->abandon_at_ms > now_ms + most_ms))
		task->abandon_at_ms = now_ms + most_ms;
	if (now_ms >= task->abandon_at_ms) {
		jobq_run_say(run, JOBQ_ERROR, NULL, task->id,
		    "processes of job %s survive KILL and are abandoned",
		    task->id);
		return false;
	}
	run->handler->kill(task);
	return true;
}

static void
kill_task(struct jobq_task *task)
{
	if (task->cause == JOBQ_CAUSE_NONE)
		task->cause = JOBQ_CAUSE_QUIT;
	jobq_timer_stop(task->run->loop, &task->timeout);
	task->kill_at_ms = jobq_mono_ms();
	if (!kill_again(task)) {
		settle(task);
		return;
	}
	enter(task, JOBQ_KILLING, jobq_mono_ms() + KILL_AGAIN_MS);
}

/* --- after the work ------------------------------------------------------ */

static void
clean(struct jobq_task *task)
{
	enter(task, JOBQ_CLEANING, 0);
	task->run->look = true;
}

static void
drain(struct jobq_task *task)
{
	struct jobq_run *run = task->run;
	int64_t now_ms, due_ms;

	task->ended_ns = jobq_mono_ns();
	now_ms = task->ended_ns / 1000000;
	due_ms = now_ms + run->options.pipe_wait_ms;
	jobq_timer_stop(run->loop, &task->timeout);
	if (jobq_leases_lapsed(task))
		task->cause = JOBQ_CAUSE_LOST;
	if (run->handler->closed(task)) {
		clean(task);
		return;
	}
	if (task->kill_at_ms != 0 && task->kill_at_ms < due_ms)
		due_ms = task->kill_at_ms;
	if (due_ms < now_ms + KILL_AGAIN_MS)
		due_ms = now_ms + KILL_AGAIN_MS;
	enter(task, JOBQ_DRAINING, due_ms);
}

/* Somebody still holds its output: no more is taken. */
static void
let_go(struct jobq_task *task)
{
	struct jobq_run *run = task->run;

	if (jobq_out_crowded(run) && !run->forced && task->kill_at_ms == 0) {
		/* It was not read: the wait has not begun. */
		enter(task, JOBQ_DRAINING,
		    jobq_mono_ms() + run->options.pipe_wait_ms);
		return;
	}
	task->pipe_held = true;
	run->handler->shut(task);
	clean(task);
}

static void
ask_left(struct jobq_task *task)
{
	if (task->asked)
		return;
	task->asked = true;
	if (task->kill_at_ms == 0)
		task->kill_at_ms = jobq_mono_ms() + task->run->options.grace_ms;
	task->run->handler->ask(task);
	enter(task, JOBQ_CLEANING, task->kill_at_ms);
}

static void
sweep(struct jobq_task *task)
{
	if (!kill_again(task)) {
		settle(task);
		return;
	}
	task->run->look = true;
	enter(task, JOBQ_SWEEPING, jobq_mono_ms() + KILL_AGAIN_MS);
}

static void
let_go_and_sweep(struct jobq_task *task)
{
	task->run->handler->shut(task);
	sweep(task);
}

static void (*const table[JOBQ_TASK_STATES][JOBQ_TASK_EVENTS])(
    struct jobq_task *) = {
	[JOBQ_LATER] = {
		[JOBQ_DUE] = come_back,
		[JOBQ_QUIT] = settle_quit,
		[JOBQ_FORCE] = settle_quit,
	},
	[JOBQ_WAITING] = {
		[JOBQ_PLACE] = announce,
		[JOBQ_DUE] = settle_waited,
		[JOBQ_STOP] = settle,
		[JOBQ_QUIT] = settle_quit,
		[JOBQ_FORCE] = settle_quit,
	},
	[JOBQ_ANNOUNCED] = {
		[JOBQ_WRITTEN] = begin,
		[JOBQ_STOP] = settle,
		[JOBQ_QUIT] = settle_quit,
		[JOBQ_FORCE] = settle_quit,
	},
	[JOBQ_RUNNING] = {
		[JOBQ_EXIT] = drain,
		[JOBQ_STOP] = ask,
		[JOBQ_QUIT] = ask,
		[JOBQ_FORCE] = kill_task,
	},
	[JOBQ_STOPPING] = {
		[JOBQ_EXIT] = drain,
		[JOBQ_DUE] = kill_task,
		[JOBQ_STOP] = hurry,
		[JOBQ_FORCE] = kill_task,
	},
	[JOBQ_KILLING] = {
		[JOBQ_EXIT] = drain,
		[JOBQ_DUE] = kill_task,
		[JOBQ_FORCE] = kill_task,
	},
	[JOBQ_DRAINING] = {
		[JOBQ_CLOSED] = clean,
		[JOBQ_DUE] = let_go,
		[JOBQ_FORCE] = let_go_and_sweep,
	},
	[JOBQ_CLEANING] = {
		[JOBQ_LEFT] = ask_left,
		[JOBQ_ALONE] = settle,
		[JOBQ_DUE] = sweep,
		[JOBQ_FORCE] = sweep,
	},
	[JOBQ_SWEEPING] = {
		[JOBQ_ALONE] = settle,
		[JOBQ_DUE] = sweep,
		[JOBQ_FORCE] = sweep,
	},
};

void
jobq_task_post(struct jobq_task *task, enum jobq_task_event event)
{
	if (table[task->state][event] != NULL)
		table[task->state][event](task);
}

void
jobq_task_stop(struct jobq_task *task, enum jobq_cause cause)
{
	if (cause > task->cause)
		task->cause = cause;
	jobq_task_post(task, JOBQ_STOP);
}

void
jobq_run_enter(struct jobq_run *run, struct jobq_task *task)
{
	jobq_task_list_add(&run->tasks, task);
	if (run->first_waiting == NULL)
		run->first_waiting = task;
	run->waiting++;
	enter(task, JOBQ_WAITING,
	    task->job.ring ? jobq_mono_ms() + WAITING_MS : 0);
	jobq_leases_enter(task);
	if (run->quitting)
		jobq_task_post(task, JOBQ_QUIT);
}
