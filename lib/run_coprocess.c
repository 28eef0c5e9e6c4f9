/*
 * The handler of "--coprocess -- command": processes that live between jobs,
 * read job lines and write answers. There are as many as are needed for all
 * places with --depth jobs each; a process is started when a job is to be
 * given to it and none that is there is idle.
 *
 * A job that is stopped is told to the process by a line; the grace that the
 * runner gives it is the process's to answer in. When that is over the
 * process is killed with all it started, and only that job ends: the others
 * in hand are given to a new process. When a process dies by itself, or
 * closes a pipe, which is no better, one job is to blame: the first in hand,
 * for most processes work one after the other; or the one that was told to
 * stop. It fails, and the others are given to a new process.
 *
 * Five deaths in a row without any answer in between are the worker's fault;
 * from the second on nothing is started for a while.
 */
#include "run_coprocess.h"

#include "clock.h"
#include "mem.h"

#include <sys/wait.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define EOF_MS 1000 /* from the end of input to TERM */
#define DEATHS_MAX 5
#define FIRST_BACKOFF_MS 250
#define MOST_BACKOFF_MS 30000

static struct jobq_coprocesses *
all_of(const struct jobq_coprocess *co)
{
	return co->run->own;
}

static size_t
place_of(const struct jobq_coprocess *co, const struct jobq_task *task)
{
	for (size_t i = 0; i < co->count; i++)
		if (co->task[i] == task)
			return i;
	JOBQ_BUG("a task that its coprocess does not know");
}

void
jobq_coprocess_detach(struct jobq_task *task)
{
	struct jobq_coprocess *co = task->work;
	size_t place = place_of(co, task);

	memmove(&co->task[place], &co->task[place + 1],
	    (co->count - place - 1) * sizeof(co->task[0]));
	co->count--;
	if (place < co->given) {
		co->given--;
		/* The rest of its line goes out, but is nobody's any more. */
		if (place == co->given)
			co->partial = false;
	}
	task->work = NULL;
}

/* Ends it when whoever is at work with it now has finished. */
static void
end_soon(struct jobq_task *task)
{
	struct jobq_coprocess *co = task->work;

	jobq_coprocess_detach(task);
	jobq_timer_set(co->run->loop, &all_of(co)->soon, jobq_mono_ms());
}

static void
soon_due(void *context)
{
	struct jobq_run *run = context;
	struct jobq_task *task;

	for (task = run->tasks.first;
	     task != NULL && task->state != JOBQ_WAITING; task = task->next)
		if (task->serial != 0 && task->work == NULL)
			jobq_task_post(task, JOBQ_EXIT);
}

/* How gladly it takes one more: the less the better; SIZE_MAX: not at all. */
static size_t
load(const struct jobq_coprocess *co, size_t depth)
{
	if (co->count >= depth)
		return SIZE_MAX;
	if (co->state == JOBQ_COPROCESS_ALIVE)
		return co->count > 0 ? co->count + 1 : 0;
	if (co->state == JOBQ_COPROCESS_NONE && co->step.at_ms == 0)
		return 1;
	return depth + co->count + 1;
}

static struct jobq_coprocess *
choose(const struct jobq_coprocesses *all)
{
	size_t least = SIZE_MAX;
	struct jobq_coprocess *best = NULL;

	for (size_t i = 0; i < all->count && least > 0; i++) {
		size_t own = load(&all->item[i], all->depth);

		if (own < least) {
			least = own;
			best = &all->item[i];
		}
	}
	if (best == NULL)
		JOBQ_BUG("a place without a coprocess");
	return best;
}

static enum jobq_status
prepare(struct jobq_task *task, struct jobq_err *err)
{
	(void)task;
	(void)err;
	return JOBQ_OK;
}

static enum jobq_status
start(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_run *run = task->run;
	struct jobq_coprocesses *all = run->own;
	struct jobq_coprocess *co = choose(all);
	uint64_t limit = run->options.output_limit_bytes;
	enum jobq_status status = JOBQ_OK;

	co->task[co->count++] = task;
	task->work = co;
	if (co->state == JOBQ_COPROCESS_NONE && co->step.at_ms == 0)
		status = jobq_coprocess_spawn(co, err);
	if (status != JOBQ_OK) {
		jobq_coprocess_detach(task);
		return status;
	}
	jobq_stream_begin(&task->out, (size_t)limit);
	jobq_stream_begin(&task->err, (size_t)limit);
	if (all->begun_ns == 0)
		all->begun_ns = jobq_mono_ns();
	task->begun_ns = all->begun_ns;
	jobq_coprocess_write_soon(co);
	return JOBQ_OK;
}

/* --- stopping one -------------------------------------------------------- */

static void
ask(struct jobq_task *task)
{
	struct jobq_coprocess *co = task->work;

	if (co == NULL)
		return;
	if (place_of(co, task) >= co->given)
		end_soon(task);
	else
		jobq_coprocess_put_stop(co, task);
}

static void
kill_one(struct jobq_task *task)
{
	struct jobq_coprocess *co = task->work;

	if (co == NULL)
		return;
	if (place_of(co, task) >= co->given)
		end_soon(task);
	else
		jobq_coprocess_end(co, -1, 0);
}

static bool
closed(const struct jobq_task *task)
{
	(void)task;
	return true; /* what comes after an answer is not of this job */
}

static void
shut(struct jobq_task *task)
{
	(void)task;
}

static void
finish(struct jobq_task *task)
{
	if (task->work != NULL)
		jobq_coprocess_detach(task);
}

/* --- the death of a process ---------------------------------------------- */

static void
say_death(const struct jobq_coprocess *co, bool known, int wait_status,
    struct jobq_outcome *outcome)
{
	struct jobq_err *err = &outcome->error;
	int number = WTERMSIG(wait_status);

	outcome->reason = "exit";
	if (co->closed != NULL && co->abandon_at_ms != 0) {
		jobq_fail(err, JOBQ_OK,
		    "the coprocess closed its %s while it had the job, and "
		    "was killed",
		    co->closed);
	} else if (!known) {
		jobq_fail(err, JOBQ_OK, "the coprocess could not be ended");
	} else if (WIFSIGNALED(wait_status)) {
		const char *name = sigdescr_np(number);

		outcome->reason = "signal";
		jobq_fail(err, JOBQ_OK,
		    "the coprocess was killed by signal %d (%s) while it had "
		    "the job",
		    number, name != NULL ? name : "real-time");
	} else {
		jobq_fail(err, JOBQ_OK,
		    "the coprocess ended with exit status %d while it had the "
		    "job",
		    WEXITSTATUS(wait_status));
	}
}

void
jobq_coprocess_works(struct jobq_coprocess *co)
{
	struct jobq_coprocesses *all = all_of(co);

	co->answered = true;
	all->deaths = 0;
	jobq_backoff_reset(&all->backoff);
}

/* Waits longer from death to death, and at last gives up. */
static void
count_death(struct jobq_coprocess *co, const struct jobq_err *err)
{
	struct jobq_run *run = co->run;
	struct jobq_coprocesses *all = all_of(co);
	struct jobq_err last;

	if (++all->deaths < 2)
		return;
	jobq_timer_set(run->loop, &run->hold,
	    jobq_mono_ms() + jobq_backoff_fail(&all->backoff));
	if (all->deaths < DEATHS_MAX || (run->quitting && !run->halting))
		return;
	jobq_fail(&last, JOBQ_AGAIN,
	    "%d times in a row a coprocess died before any answer: %s",
	    all->deaths, err->text);
	jobq_run_quit(run, JOBQ_AGAIN, &last);
}

/* Those that were told to stop have ended with it; returns whether any. */
static bool
end_stopped(struct jobq_coprocess *co)
{
	bool any = false;

	for (size_t i = co->count; i > 0; i--) {
		if (co->task[i - 1]->cause == JOBQ_CAUSE_NONE)
			continue;
		end_soon(co->task[i - 1]);
		any = true;
	}
	return any;
}

/* Starts the process for those that wait for it. */
static void
start_again(struct jobq_coprocess *co)
{
	struct jobq_err err;

	if (jobq_coprocess_spawn(co, &err) == JOBQ_OK) {
		jobq_coprocess_write_soon(co);
		return;
	}
	jobq_run_fault(co->run, co->task[0]->id, &err);
	while (co->count > 0)
		end_soon(co->task[co->count - 1]);
}

void
jobq_coprocess_again(struct jobq_coprocess *co)
{
	if (co->count > 0)
		start_again(co);
}

void
jobq_coprocess_gone(struct jobq_coprocess *co, bool known, int wait_status)
{
	struct jobq_outcome outcome = {
		.known = true, .answered = true, .failed = true, .retry = true
	};
	bool stopped = end_stopped(co);

	if (co->died && !stopped) {
		say_death(co, known, wait_status, &outcome);
		if (!co->answered)
			count_death(co, &outcome.error);
		if (co->given > 0) {
			struct jobq_task *first = co->task[0];

			first->outcome = outcome;
			jobq_ending_last_line(first, &first->outcome.error);
			end_soon(first);
		}
	}
	co->given = 0;
	if (co->count == 0)
		return;
	if (co->run->hold.at_ms != 0)
		jobq_timer_set(co->run->loop, &co->step, co->run->hold.at_ms);
	else
		start_again(co);
}

/* --- all of them --------------------------------------------------------- */

/* Ends those that no job will need any more. */
static void
end_all(struct jobq_run *run)
{
	struct jobq_coprocesses *all = run->own;
	int64_t grace_ms = run->options.grace_ms;

	for (size_t i = 0; i < all->count; i++) {
		struct jobq_coprocess *co = &all->item[i];

		if (co->state == JOBQ_COPROCESS_NONE)
			continue;
		if (run->forced)
			jobq_coprocess_end(co, -1, 0);
		else if (co->state == JOBQ_COPROCESS_ALIVE)
			jobq_coprocess_end(co, EOF_MS, EOF_MS + grace_ms);
	}
}

static bool
any_in_state(
    const struct jobq_coprocesses *all, enum jobq_coprocess_state least)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->item[i].state >= least)
			return true;
	return false;
}

/* /proc is asked only when something may be seen there. */
static bool
look(struct jobq_run *run)
{
	struct jobq_coprocesses *all = run->own;
	struct jobq_task *task;
	struct jobq_task *next;

	if (run->over)
		end_all(run);
	if (run->ended || run->over || all->strays ||
	    any_in_state(all, JOBQ_COPROCESS_ENDING)) {
		run->ended = false;
		jobq_tree_mark(run);
		for (size_t i = 0; i < all->count; i++)
			jobq_coprocess_look(&all->item[i]);
		all->strays = jobq_tree_end_strays(run);
	}
	for (task = run->tasks.first;
	     task != NULL && task->state != JOBQ_WAITING; task = next) {
		next = task->next;
		if (task->state == JOBQ_CLEANING ||
		    task->state == JOBQ_SWEEPING)
			jobq_task_post(task, JOBQ_ALONE);
	}
	return all->strays || any_in_state(all, JOBQ_COPROCESS_ALIVE);
}

static void
close_all(struct jobq_run *run)
{
	struct jobq_coprocesses *all = run->own;

	for (size_t i = 0; all != NULL && i < all->count; i++) {
		jobq_coprocess_release(&all->item[i]);
		free(all->item[i].task);
	}
	if (all != NULL) {
		jobq_object_release(&all->members);
		jobq_buf_release(&all->text);
		jobq_buf_release(&all->batch);
		free(all->line_end);
		free(all->err_buffer);
		free(all->item);
	}
	free(all);
	run->own = NULL;
	jobq_exec_close(run);
}

static const struct jobq_handler handler = {
	.prepare = prepare,
	.start = start,
	.ask = ask,
	.kill = kill_one,
	.closed = closed,
	.shut = shut,
	.pause = jobq_coprocess_pause,
	.look = look,
	.starts_together = true,
	.give = jobq_coprocess_give,
	.finish = finish,
	.close = close_all,
};

/* No job fills anything in: the same arguments serve for all processes. */
static enum jobq_status
fill_arguments(struct jobq_exec *exec, struct jobq_err *err)
{
	const struct jobq_job none = { 0 };
	size_t len = 0;
	const char *text = jobq_call_placeholder(exec->call, &len);

	if (text != NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "a coprocess is not started for one job, so {%.*s} stands "
		    "for nothing; write {{%.*s}} if the text is meant",
		    (int)len, text, (int)len, text);
	return jobq_call_fill(
	    exec->call, &none, "", &exec->path, &exec->argv, err);
}

enum jobq_status
jobq_coprocess_open(struct jobq_run *run, struct jobq_err *err)
{
	struct jobq_coprocesses *all;
	size_t depth = run->options.depth > 0 ? run->options.depth : 1;
	enum jobq_status status;

	run->handler = &handler;
	status = jobq_exec_init(run, err);
	if (status == JOBQ_OK)
		status = fill_arguments(run->exec, err);
	if (status != JOBQ_OK)
		return status;
	all = jobq_xcalloc(1, sizeof(*all));
	run->own = all;
	all->depth = depth;
	all->count = (run->options.places + depth - 1) / depth;
	all->item = jobq_xcalloc(all->count, sizeof(all->item[0]));
	all->backoff = (struct jobq_backoff){ FIRST_BACKOFF_MS, MOST_BACKOFF_MS,
		0, false };
	all->line_end = jobq_xcalloc(depth, sizeof(all->line_end[0]));
	all->err_buffer = jobq_xmalloc(JOBQ_EXEC_READ_BYTES);
	all->soon.due = soon_due;
	all->soon.context = run;
	for (size_t i = 0; i < all->count; i++) {
		jobq_coprocess_init(run, &all->item[i]);
		all->item[i].task =
		    jobq_xcalloc(depth, sizeof(struct jobq_task *));
	}
	return JOBQ_OK;
}
