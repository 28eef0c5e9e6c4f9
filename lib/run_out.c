/*
 * Standard output. Lines are added to one buffer and written as the other
 * side takes them. The descriptor is shared with others, so it is not made
 * non-blocking: what is no regular file is asked before each write whether
 * it takes PIPE_BUF bytes, which a pipe that says yes does without blocking.
 *
 * Endings and `alive` overtake the output of other jobs by this: output
 * events are made only while next to nothing is unsent (run_tell.c), until
 * then lines wait with their task. When the other side takes nothing and
 * much is unsent, children are not read any more.
 *
 * A write that fails is tried again for a while, for a disk may get room;
 * then the runner ends. When the reader is gone nobody can be told anything:
 * the runner stops what it runs and ends.
 */
#include "run_engine.h"

#include "clock.h"
#include "line.h"
#include "mem.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define WRITES_MAX 256 /* of one flush, then others have their turn */
#define FAILURES_MAX 5

struct jobq_out {
	struct jobq_run *run;
	struct jobq_writer writer;
	struct jobq_watch watch;
	bool regular;
	bool gone;    /* its reader */
	bool blocked; /* not all could be written at the last flush */
	bool crowded;
	uint64_t place; /* bytes added since the beginning */
	int failures;	/* in a row */
	struct jobq_backoff backoff;
	struct jobq_timer again;
};

static void
reader_gone(struct jobq_run *run)
{
	run->out->gone = true;
	jobq_writer_release(&run->out->writer);
	jobq_watch_remove(run->loop, &run->out->watch);
	jobq_run_quit(run, JOBQ_OK, NULL);
}

static void
ready(void *context, unsigned what)
{
	struct jobq_run *run = context;

	/* With something to write, the write says what is wrong. */
	if ((what & JOBQ_HANGUP) != 0 && jobq_out_pending(run) == 0)
		reader_gone(run);
	else
		jobq_out_flush(run);
}

static void
again_due(void *context)
{
	jobq_out_flush(context);
}

void
jobq_out_open(struct jobq_run *run)
{
	struct jobq_out *out = jobq_xcalloc(1, sizeof(*out));
	struct stat info;
	int fd = run->options.out_fd;

	out->run = run;
	out->regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
	out->backoff = (struct jobq_backoff){ 200, 5000, 0, false };
	out->again.due = again_due;
	out->again.context = run;
	jobq_writer_init(&out->writer, fd);
	jobq_watch_add(run->loop, &out->watch, fd, 0, ready, run);
	run->out = out;
}

void
jobq_out_close(struct jobq_run *run)
{
	if (run->out == NULL)
		return;
	jobq_watch_remove(run->loop, &run->out->watch);
	jobq_timer_stop(run->loop, &run->out->again);
	jobq_writer_release(&run->out->writer);
	free(run->out);
	run->out = NULL;
}

void
jobq_out_line(struct jobq_run *run, const char *text, size_t len)
{
	if (run->out->gone)
		return;
	jobq_writer_line(&run->out->writer, text, len);
	run->out->place += len + 1;
}

size_t
jobq_out_pending(const struct jobq_run *run)
{
	return jobq_writer_pending(&run->out->writer);
}

bool
jobq_out_idle(const struct jobq_run *run)
{
	return run->out->gone || run->out->failures >= FAILURES_MAX ||
	       jobq_out_pending(run) == 0;
}

bool
jobq_out_crowded(const struct jobq_run *run)
{
	return run->out->crowded;
}

bool
jobq_out_gone(const struct jobq_run *run)
{
	return run->out->gone;
}

uint64_t
jobq_out_place(const struct jobq_run *run)
{
	return run->out->place;
}

/* Whether a write would not block now. */
static bool
takes_more(const struct jobq_out *out)
{
	struct pollfd poller = { .fd = out->writer.fd, .events = POLLOUT };

	return out->regular || poll(&poller, 1, 0) > 0;
}

/* A write failed, errno says why. */
static void
failed(struct jobq_run *run, const struct jobq_err *err)
{
	struct jobq_out *out = run->out;

	if (errno == EPIPE) {
		reader_gone(run);
		return;
	}
	if (++out->failures == 1)
		jobq_run_say(run, JOBQ_ERROR, NULL, NULL,
		    "%s; trying again for a while", err->text);
	if (out->failures >= FAILURES_MAX) {
		jobq_run_quit(run, JOBQ_IO, err);
		return;
	}
	jobq_timer_set(run->loop, &out->again,
	    jobq_mono_ms() + jobq_backoff_fail(&out->backoff));
}

/* One write; false when there should be no other now. */
static bool
write_some(struct jobq_run *run)
{
	struct jobq_out *out = run->out;
	size_t pending = jobq_writer_pending(&out->writer);
	int64_t now_ms;
	struct jobq_err err;

	if (pending == 0 || !takes_more(out))
		return false;
	now_ms = jobq_mono_ms();
	errno = 0;
	if (jobq_writer_step(&out->writer, out->regular ? 0 : PIPE_BUF, &err) !=
	    JOBQ_OK) {
		failed(run, &err);
		return false;
	}
	if (jobq_writer_pending(&out->writer) == pending)
		return false;
	out->failures = 0;
	jobq_backoff_reset(&out->backoff);
	jobq_leases_written(
	    run, out->place - jobq_writer_pending(&out->writer), now_ms);
	return true;
}

/* Children are read while their output can go somewhere. */
static void
update_crowded(struct jobq_run *run)
{
	struct jobq_out *out = run->out;
	size_t unsent = jobq_writer_pending(&out->writer);
	const struct jobq_task *task;
	bool crowded;

	if (!out->blocked && !out->crowded)
		return;
	for (task = run->tasks.first; task != NULL; task = task->next) {
		unsent += task->out.head.len - task->out.told;
		unsent += task->err.head.len - task->err.told;
	}
	crowded = out->blocked && unsent > JOBQ_OUT_CROWDED_BYTES;
	if (crowded == out->crowded)
		return;
	out->crowded = crowded;
	run->handler->pause(run, crowded);
}

void
jobq_out_flush(struct jobq_run *run)
{
	struct jobq_out *out = run->out;
	struct jobq_task *task;
	struct jobq_task *next;

	if (out->gone)
		return;
	/* What failed is tried again when its time has come, not before. */
	for (int i = 0; out->again.at_ms == 0 && i < WRITES_MAX; i++)
		if (!write_some(run))
			break;
	if (out->gone)
		return;
	out->blocked = jobq_writer_pending(&out->writer) > 0;
	/* A file that could not be written waits for the timer. */
	jobq_watch_want(run->loop, &out->watch,
	    out->blocked && out->failures == 0 ? JOBQ_WRITE : 0);
	update_crowded(run);
	if (out->blocked)
		return;
	for (task = run->tasks.first;
	     task != NULL && task->state != JOBQ_WAITING; task = next) {
		next = task->next;
		if (task->state == JOBQ_ANNOUNCED)
			jobq_task_post(task, JOBQ_WRITTEN);
	}
}
