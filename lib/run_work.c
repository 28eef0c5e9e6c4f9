/*
 * The runner as a whole: its beginning, its rounds, its end.
 *
 * A round waits for what comes up and serves it, looks at what processes are
 * left, starts what can start, and writes. Whatever changes many tasks at
 * once (the end, asked for by a signal or a failure) is only noted where it
 * comes up and done between rounds, when no task is in the middle of
 * anything.
 */
#include "run_engine.h"

#include "clock.h"
#include "line.h"
#include "mem.h"
#include "run_log_text.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include "banned.h"

#define FIRST_BACKOFF_MS 250
#define MOST_BACKOFF_MS 30000
#define LEAVE_MS 800 /* for endings to be read, after a second signal */

void
jobq_run_say(struct jobq_run *run, enum jobq_level level, const char *code,
    const char *id, const char *format, ...)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	va_list args;

	va_start(args, format);
	jobq_buf_vprintf(&text, format, args);
	va_end(args);
	jobq_run_view_clear(run);
	run->options.say(run->options.context, level, code, id, text.data);
	jobq_buf_release(&text);
}

void
jobq_run_quit(
    struct jobq_run *run, enum jobq_status status, const struct jobq_err *err)
{
	if (run->status == JOBQ_OK && status != JOBQ_OK) {
		run->status = status;
		if (err != NULL)
			run->err = *err;
	}
	/* The end of those that --halt lets go on may come before theirs. */
	if (!run->quitting || run->halting)
		run->quit_due = true;
	run->quitting = true;
	run->halting = false;
}

void
jobq_run_lose(struct jobq_run *run, const struct jobq_err *err)
{
	jobq_run_say(run, JOBQ_ERROR, NULL, NULL, "%s", err->text);
	run->lost = true;
}

void
jobq_run_halt(struct jobq_run *run)
{
	if (run->quitting)
		return;
	jobq_run_say(run, JOBQ_WARNING, "halted", NULL,
	    "%llu jobs have failed: nothing more is started%s",
	    (unsigned long long)run->failed,
	    run->options.halt_now ? ", what runs is stopped" : "");
	jobq_run_quit(run, JOBQ_OK, NULL);
	run->halting = !run->options.halt_now;
}

static size_t
running(const struct jobq_run *run)
{
	return run->tasks.count - run->waiting;
}

/* The second one kills; the third does not wait for the reader either. */
static void
stop_signal(struct jobq_run *run, bool again)
{
	if (again) {
		run->quit_due = true;
		if (run->forced)
			jobq_timer_stop(run->loop, &run->leave);
		else
			jobq_timer_set(
			    run->loop, &run->leave, jobq_mono_ms() + LEAVE_MS);
		run->forced = true;
		return;
	}
	jobq_run_say(run, JOBQ_WARNING, NULL, NULL,
	    "stopping, %zu running, again to force", running(run));
	jobq_run_quit(run, JOBQ_OK, NULL);
}

static void
say_status(struct jobq_run *run)
{
	bool post = run->options.kind == JOBQ_RUN_POST;
	const char *waits = "jobs";

	if (jobq_out_pending(run) > 0)
		waits = "the reader of its output";
	else if (run->hold.at_ms != 0)
		waits = "a while, because jobs could not be started";
	else if (running(run) > 0)
		waits = post ? "answers" : "commands";
	jobq_run_say(run, JOBQ_WARNING, NULL, NULL,
	    "waits for %s: %zu running, %zu waiting, %zu places free, "
	    "%zu bytes unsent, %llu done, %llu of them failed%s%s",
	    waits, running(run), run->waiting, run->free_count,
	    jobq_out_pending(run), (unsigned long long)run->done,
	    (unsigned long long)run->failed,
	    jobq_feed_ended(run) ? ", input ended" : "",
	    run->quitting ? ", stopping" : "");
}

static void
signalled(void *context, const struct signalfd_siginfo *info)
{
	struct jobq_run *run = context;
	bool again = run->signal != 0;

	switch (info->ssi_signo) {
	case SIGCHLD:
		run->look = run->ended = true;
		if (run->handler->child_exited != NULL)
			run->handler->child_exited(run);
		break;
	case SIGUSR1:
		say_status(run);
		break;
	default:
		run->signal = (int)info->ssi_signo;
		stop_signal(run, again);
		break;
	}
}

/* An interrupt that is ignored, as in a shell's background, stays so. */
static void
open_signals(struct jobq_run *run)
{
	int numbers[] = { SIGCHLD, SIGTERM, SIGUSR1, SIGINT, 0 };
	struct sigaction action;

	if (sigaction(SIGINT, NULL, &action) == 0 &&
	    action.sa_handler == SIG_IGN)
		numbers[3] = 0;
	signal(SIGPIPE, SIG_IGN);
	jobq_loop_signals(run->loop, numbers, signalled, run);
}

static void
round_due(void *context)
{
	(void)context; /* the next round does what can be done now */
}

static void
open_places(struct jobq_run *run)
{
	size_t places = run->options.places;

	run->tmpdir = jobq_xcalloc(places, sizeof(run->tmpdir[0]));
	run->free_place = jobq_xcalloc(places, sizeof(size_t));
	for (size_t i = places; i > 0; i--)
		run->free_place[run->free_count++] = i - 1;
}

static enum jobq_status
open_files(struct jobq_run *run, struct jobq_err *err)
{
	const struct jobq_run_options *options = &run->options;
	enum jobq_status status = JOBQ_OK;

	if (options->resume != NULL)
		status = jobq_resume_open(
		    &run->resume, options->resume, JOBQ_STAGE_MAX, err);
	if (status == JOBQ_OK && options->joblog != NULL)
		status = jobq_joblog_open(
		    &run->joblog, options->joblog, options->resume, err);
	if (status == JOBQ_OK && options->output_dir != NULL)
		status = jobq_save_open(&run->save, options->output_dir, err);
	if (status == JOBQ_OK && options->output_log != NULL)
		status = jobq_output_log_open(
		    &run->output_log, options->output_log, err);
	if (options->log_started != NULL)
		run->log_started = jobq_log_text_new(options->log_started);
	if (options->log_ended != NULL)
		run->log_ended = jobq_log_text_new(options->log_ended);
	if (options->log_completed != NULL)
		run->log_completed = jobq_log_text_new(options->log_completed);
	return status;
}

enum jobq_status
jobq_run_open(struct jobq_run **out, const struct jobq_run_options *options,
    struct jobq_err *err)
{
	struct jobq_run *run = jobq_xcalloc(1, sizeof(*run));
	enum jobq_status status = JOBQ_OK;

	*out = NULL;
	run->options = *options;
	run->backoff = (struct jobq_backoff){ FIRST_BACKOFF_MS, MOST_BACKOFF_MS,
		0, false };
	run->hold.due = round_due;
	run->leave.due = round_due;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write that is too much fails instead */
	/* It takes descriptors out of use before others are opened. */
	run->one_code = 125;
	if (options->kind == JOBQ_RUN_COMMAND)
		status = jobq_exec_open(run, err);
	else if (options->kind == JOBQ_RUN_COPROCESS)
		status = jobq_coprocess_open(run, err);
	if (status == JOBQ_OK)
		status = open_files(run, err);
	if (status == JOBQ_OK)
		run->loop = jobq_loop_new();
	if (status == JOBQ_OK && options->kind == JOBQ_RUN_POST)
		status = jobq_post_open(run, err);
	if (status != JOBQ_OK) {
		jobq_run_close(run);
		return status;
	}
	open_signals(run);
	open_places(run);
	jobq_leases_open(run);
	jobq_out_open(run);
	jobq_feed_open(run);
	jobq_run_view_open(run);
	*out = run;
	return JOBQ_OK;
}

static void
free_tasks(struct jobq_task_list *list)
{
	struct jobq_task *task = list->first;

	while (task != NULL) {
		struct jobq_task *next = task->next;

		jobq_task_free(task);
		task = next;
	}
}

void
jobq_run_close(struct jobq_run *run)
{
	if (run == NULL)
		return;
	jobq_run_view_close(run);
	jobq_feed_close(run);
	jobq_leases_close(run);
	jobq_out_close(run);
	if (run->handler != NULL)
		run->handler->close(run);
	for (size_t i = 0; run->tmpdir != NULL && i < run->options.places; i++)
		jobq_tmpdir_release(&run->tmpdir[i]);
	jobq_joblog_close(run->joblog);
	jobq_save_close(run->save);
	jobq_output_log_close(run->output_log);
	jobq_log_text_free(run->log_started);
	jobq_log_text_free(run->log_ended);
	jobq_log_text_free(run->log_completed);
	jobq_resume_close(run->resume);
	free_tasks(&run->tasks);
	free_tasks(&run->later);
	free_tasks(&run->spare);
	jobq_loop_free(run->loop);
	free(run->tmpdir);
	free(run->free_place);
	jobq_buf_release(&run->text);
	jobq_buf_release(&run->result.text);
	free(run);
}

int
jobq_run_one_code(const struct jobq_run *run)
{
	return run->one_code;
}

bool
jobq_run_reader_gone(const struct jobq_run *run)
{
	return jobq_out_gone(run);
}

/* Whether a job that waits may be started now. */
static bool
may_start(const struct jobq_run *run)
{
	return run->first_waiting != NULL && run->free_count > 0 &&
	       !run->quitting && run->hold.at_ms == 0 &&
	       jobq_out_pending(run) <= JOBQ_OUT_CROWDED_BYTES;
}

static void
quit_list(struct jobq_run *run, const struct jobq_task_list *list)
{
	enum jobq_task_event event = run->forced ? JOBQ_FORCE : JOBQ_QUIT;
	struct jobq_task *task;
	struct jobq_task *next;

	for (task = list->first; task != NULL; task = next) {
		next = task->next;
		if (!run->halting || task->state <= JOBQ_ANNOUNCED)
			jobq_task_post(task, event);
	}
}

/* Tells all tasks that the runner ends. */
static void
quit_tasks(struct jobq_run *run)
{
	run->quit_due = false;
	jobq_feed_quit(run);
	quit_list(run, &run->later);
	quit_list(run, &run->tasks);
	run->look = true;
}

static bool
finished(const struct jobq_run *run)
{
	return run->tasks.count + run->later.count == 0 &&
	       jobq_feed_ended(run) && !run->look && !run->left &&
	       (jobq_out_idle(run) || (run->forced && run->leave.at_ms == 0));
}

enum jobq_status
jobq_run_work(struct jobq_run *run, struct jobq_err *err)
{
	run->look = true;
	do {
		bool at_once;

		if (!run->over && run->tasks.count == 0 &&
		    jobq_feed_ended(run)) {
			/* What the handler keeps for tasks is to go, too. */
			run->over = true;
			run->look = run->look || run->left;
		}
		at_once = run->quit_due || run->look || may_start(run);

		jobq_feed_update(run);
		run->at[0] = '\0';
		jobq_loop_turn(run->loop, at_once ? 0 : -1);
		if (run->quit_due)
			quit_tasks(run);
		if (run->look) {
			run->look = false;
			run->left = run->handler->look(run);
		}
		while (may_start(run))
			jobq_task_post(run->first_waiting, JOBQ_PLACE);
		jobq_out_flush(run);
		if (run->handler->give != NULL)
			run->handler->give(run);
	} while (!finished(run));
	if (run->status != JOBQ_OK) {
		*err = run->err;
		return run->status;
	}
	if (!jobq_out_gone(run) && jobq_out_pending(run) > 0)
		return jobq_fail(err, JOBQ_IO,
		    "%zu bytes of output could not be written",
		    jobq_out_pending(run));
	if (run->lost)
		return jobq_fail(err, JOBQ_IO,
		    "all jobs have had their endings, but not all of the files "
		    "beside them could be written");
	return run->failed > 0 ? JOBQ_EMPTY : JOBQ_OK;
}
