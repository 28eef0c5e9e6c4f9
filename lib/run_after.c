/*
 * Attempts are repeated by the runner itself for lines without a lease only;
 * those of a store are its own to repeat. The attempt that failed is told as a
 * progress event, so that a line has one ending all the same; then the task
 * waits, beside the others, for its next turn.
 */
#include "run_after.h"

#include "run_engine.h"

#include "backoff.h"
#include "clock.h"

#include "banned.h"

bool
jobq_again_wanted(
    const struct jobq_task *task, const struct jobq_verdict *verdict)
{
	const struct jobq_run *run = task->run;

	return verdict->kind == JOBQ_EVENT_FAILED && verdict->retry &&
	       task->tries < run->options.retries && !task->job.has_lease &&
	       !run->quitting;
}

int64_t
jobq_again_delay_ms(
    const struct jobq_task *task, const struct jobq_verdict *verdict)
{
	struct jobq_backoff backoff = { task->run->options.backoff_first_ms,
		task->run->options.backoff_most_ms, 0, false };
	int64_t delay_ms = 0;

	if (verdict->retry_after_ms != JOBQ_ABSENT)
		return verdict->retry_after_ms;
	for (int64_t i = 0; i <= task->tries; i++)
		delay_ms = jobq_backoff_fail(&backoff);
	return delay_ms;
}

static void
give_back_place(struct jobq_task *task)
{
	struct jobq_run *run = task->run;
	struct jobq_err err;

	if (task->place == SIZE_MAX)
		return;
	if (jobq_tmpdir_empty(&run->tmpdir[task->place], &err) != JOBQ_OK)
		jobq_run_say(run, JOBQ_WARNING, NULL, task->id, "%s", err.text);
	run->free_place[run->free_count++] = task->place;
	task->place = SIZE_MAX;
}

void
jobq_task_leave(struct jobq_task *task)
{
	struct jobq_loop *loop = task->run->loop;

	jobq_timer_stop(loop, &task->step);
	jobq_timer_stop(loop, &task->timeout);
	jobq_timer_stop(loop, &task->lease);
	jobq_timer_stop(loop, &task->tell);
	jobq_save_end(task);
	jobq_output_log_end(task);
	give_back_place(task);
}

void
jobq_task_count(
    const struct jobq_task *task, const struct jobq_verdict *verdict)
{
	struct jobq_run *run = task->run;
	struct jobq_err err;

	jobq_log_ended(task, verdict, JOBQ_ABSENT);
	run->done++;
	if (verdict->kind == JOBQ_EVENT_FAILED)
		run->failed++;
	run->one_code = jobq_verdict_code(task, verdict);
	if (run->joblog != NULL && task->serial != 0 &&
	    jobq_joblog_add(run->joblog, task, &err) != JOBQ_OK)
		jobq_run_lose(run, &err);
	if (run->options.halt_failed > 0 &&
	    run->failed >= run->options.halt_failed)
		jobq_run_halt(run);
}
