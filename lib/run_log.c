/*
 * What logs keep of jobs, beside the events: what becomes of each
 * (--log-jobs), by the runner's say, and all that they write (--output-log),
 * in two files that rotate as the log does. Lines of jobs that run at the
 * same time stay whole: a line that has not ended yet waits with its task,
 * up to LINE_KEPT bytes.
 */
#include "run_engine.h"

#include "clock.h"
#include "mem.h"
#include "rotate.h"
#include "run_log_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define LINE_KEPT JOBQ_PIECE_MAX

/* --- what becomes of a job ----------------------------------------------- */

/* Says it in the words of the command line; false: there are none for it. */
static bool
say_text(const struct jobq_task *task, struct jobq_log_text *text,
    const char *code, enum jobq_event_kind kind)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	bool said = text != NULL && jobq_log_text_fill(text, &task->job,
					task->id, jobq_event_name(kind), &line);

	if (said)
		jobq_run_say(task->run, JOBQ_INFO, code, task->id, "%s",
		    line.len > 0 ? line.data : "");
	jobq_buf_release(&line);
	return said;
}

void
jobq_log_started(const struct jobq_task *task)
{
	if (!task->run->options.log_jobs)
		return;
	if (say_text(task, task->run->log_started, "job_started",
		JOBQ_EVENT_STARTED))
		return;
	if (task->job.attempt != JOBQ_ABSENT)
		jobq_run_say(task->run, JOBQ_INFO, "job_started", task->id,
		    "job %s started, attempt %lld", task->id,
		    (long long)task->job.attempt);
	else
		jobq_run_say(task->run, JOBQ_INFO, "job_started", task->id,
		    "job %s started", task->id);
}

/* " after 3.214 s", of one that has begun. */
static void
put_time(struct jobq_buf *out, const struct jobq_task *task, const char *word)
{
	int64_t end_ns = task->ended_ns != 0 ? task->ended_ns : jobq_mono_ns();
	int64_t ms = (end_ns - task->begun_ns) / 1000000;

	if (task->serial != 0 && task->begun_ns != 0)
		jobq_buf_printf(out, " %s %lld.%03lld s", word,
		    (long long)(ms / 1000), (long long)(ms % 1000));
}

static void
put_why(struct jobq_buf *out, const struct jobq_verdict *verdict)
{
	if (verdict->error.text[0] != '\0')
		jobq_buf_printf(out, ": %s", verdict->error.text);
	else if (verdict->reason_json != NULL)
		jobq_buf_printf(out, ": %.*s", (int)verdict->reason_json->len,
		    verdict->reason_json->data);
	else if (verdict->reason != NULL)
		jobq_buf_printf(out, ": %s", verdict->reason);
}

/* Who asked for it: the runner, or a job whose worker is at fault or late. */
static enum jobq_level
level_of(const struct jobq_verdict *verdict)
{
	if (verdict->kind == JOBQ_EVENT_FAILED)
		return JOBQ_ERROR;
	if (verdict->kind == JOBQ_EVENT_RELEASED && verdict->reason != NULL &&
	    (strcmp(verdict->reason, "lost") == 0 ||
		strcmp(verdict->reason, "worker-fault") == 0))
		return JOBQ_WARNING;
	return JOBQ_INFO;
}

void
jobq_log_ended(const struct jobq_task *task, const struct jobq_verdict *verdict,
    int64_t again_ms)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_log_text *own = task->run->log_ended;
	struct jobq_log_text *completed = task->run->log_completed;

	if (!task->run->options.log_jobs)
		return;
	if (verdict->kind == JOBQ_EVENT_COMPLETED &&
	    say_text(task, completed != NULL ? completed : own, "job_ended",
		verdict->kind))
		return;
	jobq_buf_printf(
	    &text, "job %s %s", task->id, jobq_event_name(verdict->kind));
	put_time(&text, task,
	    verdict->kind == JOBQ_EVENT_COMPLETED ? "in" : "after");
	put_why(&text, verdict);
	if (again_ms != JOBQ_ABSENT)
		jobq_buf_printf(
		    &text, "; again in %.1f s", (double)again_ms / 1000);
	jobq_run_say(task->run, level_of(verdict), "job_ended", task->id, "%s",
	    text.data);
	jobq_buf_release(&text);
	if (verdict->kind == JOBQ_EVENT_FAILED && again_ms == JOBQ_ABSENT)
		say_text(task, own, "job_ended", verdict->kind);
}

/* --- what jobs write ----------------------------------------------------- */

struct jobq_output_log {
	struct {
		char *path;
		struct jobq_rotate file;
		bool failed; /* the last time; said once */
	} stream[2];
};

enum jobq_status
jobq_output_log_open(
    struct jobq_output_log **out, const char *prefix, struct jobq_err *err)
{
	static const char *const ends[] = { "_stdout.log", "_stderr.log" };
	struct jobq_output_log *log = jobq_xcalloc(1, sizeof *log);
	enum jobq_status status = JOBQ_OK;

	*out = log;
	for (int i = 0; i < 2; i++) {
		struct jobq_buf path = JOBQ_BUF_INIT;
		struct jobq_rotate *file = &log->stream[i].file;

		jobq_buf_printf(&path, "%s%s", prefix, ends[i]);
		log->stream[i].path = jobq_buf_detach(&path);
		file->file = log->stream[i].path;
		file->fd = -1;
		jobq_log_rotation(&file->limit_bytes, &file->keep);
		if (status == JOBQ_OK)
			status = jobq_rotate_open(file, err);
	}
	return status;
}

void
jobq_output_log_close(struct jobq_output_log *log)
{
	if (log == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		jobq_rotate_close(&log->stream[i].file);
		free(log->stream[i].path);
	}
	free(log);
}

static void
write_part(struct jobq_task *task, bool is_err)
{
	struct jobq_output_log *log = task->run->output_log;
	struct jobq_buf *part = &task->log_part[is_err];
	struct jobq_err err;
	bool ok =
	    jobq_rotate_write(&log->stream[is_err].file, part->data, part->len);

	if (!ok && !log->stream[is_err].failed) {
		jobq_fail(&err, JOBQ_IO, "unable to write to '%s': %s",
		    log->stream[is_err].path, strerror(errno));
		jobq_run_lose(task->run, &err);
	}
	log->stream[is_err].failed = !ok;
	jobq_buf_clear(part);
}

void
jobq_output_log_bytes(
    struct jobq_task *task, bool is_err, const char *bytes, size_t len)
{
	const char *last = len > 0 ? memrchr(bytes, '\n', len) : NULL;
	size_t whole = last != NULL ? (size_t)(last - bytes) + 1 : 0;
	struct jobq_buf *part = &task->log_part[is_err];

	jobq_buf_add(part, bytes, whole);
	if (whole > 0)
		write_part(task, is_err);
	jobq_buf_add(part, bytes + whole, len - whole);
	if (part->len > LINE_KEPT)
		write_part(task, is_err);
}

void
jobq_output_log_end(struct jobq_task *task)
{
	for (int i = 0; i < 2; i++) {
		if (task->log_part[i].len == 0)
			continue;
		jobq_buf_putc(&task->log_part[i], '\n');
		write_part(task, i);
	}
}
