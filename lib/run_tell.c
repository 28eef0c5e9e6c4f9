/*
 * Events of a task while it runs. What it writes is told at most every
 * 100 ms, one event at a time, standard output and error by turns; so a
 * short job whose output is its result has sent none of it twice, and a
 * flood makes ten events a second. While anything is unsent the lines wait
 * with the task, so that other tasks' endings are not behind them.
 *
 * Where each line is an event of its own (--line-events), all lines of those
 * 100 ms are told, as long as not too much is unsent.
 */
#include "run_engine.h"

#include "clock.h"

#include "banned.h"

#define TELL_MS 100
#define UNSENT_MAX ((size_t)4096)
#define UNSENT_LINES_MAX ((size_t)128 << 10) /* of lines by themselves */
#define TELL_MORE_MS 5			     /* until the next of these */

struct jobq_buf *
jobq_tell_begin(struct jobq_task *task, enum jobq_event_kind kind)
{
	struct jobq_buf *text = &task->run->text;
	const struct jobq_job *job = &task->job;

	if (task->run->at[0] == '\0')
		jobq_time_format(jobq_wall_ms(), task->run->at);
	jobq_buf_clear(text);
	jobq_event_begin_at(text, kind, task->id,
	    job->has_lease ? job->epoch : JOBQ_ABSENT, job->worker, ++task->n,
	    task->run->at);
	/* What starts processes makes rounds that last too long for one. */
	if (task->run->handler->give == NULL)
		task->run->at[0] = '\0';
	return text;
}

void
jobq_tell_end(struct jobq_task *task)
{
	struct jobq_buf *text = &task->run->text;

	jobq_buf_putc(text, '}');
	jobq_out_line(task->run, text->data, text->len);
}

static bool
tell_piece(struct jobq_task *task, struct jobq_stream *stream)
{
	struct jobq_piece piece;
	struct jobq_buf *text;

	if (!jobq_stream_take(stream, task->run->options.line_events, &piece))
		return false;
	text = jobq_tell_begin(task, JOBQ_EVENT_OUTPUT);
	jobq_buf_puts(text, stream == &task->out ? ",\"stream\":\"stdout\""
						 : ",\"stream\":\"stderr\"");
	jobq_bytes_put(text, "text", piece.bytes, piece.len);
	if (piece.dropped > 0) {
		jobq_buf_puts(text, ",\"dropped\":");
		jobq_buf_int(text, (long long)piece.dropped);
	}
	if (piece.eof)
		jobq_buf_puts(text, ",\"eof\":true");
	jobq_tell_end(task);
	return true;
}

static void
tell_progress(struct jobq_task *task)
{
	struct jobq_buf *text;

	if (!jobq_note_has_progress(task))
		return;
	text = jobq_tell_begin(task, JOBQ_EVENT_PROGRESS);
	jobq_note_put_progress(task, text);
	jobq_tell_end(task);
}

/* Of the one stream or the other, by turns where both have some. */
static bool
tell_next(struct jobq_task *task)
{
	struct jobq_stream *first = task->err_next ? &task->err : &task->out;
	struct jobq_stream *second = task->err_next ? &task->out : &task->err;

	if (!tell_piece(task, first))
		return tell_piece(task, second);
	task->err_next = !task->err_next;
	return true;
}

static void
tell_lines(struct jobq_task *task)
{
	while (jobq_out_pending(task->run) <= UNSENT_LINES_MAX)
		if (!tell_next(task))
			return;
}

static void tell_after(struct jobq_task *task, int wait_ms);

static void
tell_due(void *context)
{
	struct jobq_task *task = context;
	bool lines = task->run->options.line_events;

	if (jobq_out_pending(task->run) <= UNSENT_MAX) {
		tell_progress(task);
		if (lines)
			tell_lines(task);
		else
			tell_next(task);
	}
	if (jobq_note_has_progress(task) || jobq_stream_ready(&task->out) ||
	    jobq_stream_ready(&task->err))
		tell_after(task, lines ? TELL_MORE_MS : TELL_MS);
}

static void
tell_after(struct jobq_task *task, int wait_ms)
{
	if (task->tell.at_ms != 0)
		return;
	task->tell.due = tell_due;
	task->tell.context = task;
	jobq_timer_set(task->run->loop, &task->tell, jobq_mono_ms() + wait_ms);
}

void
jobq_tell_soon(struct jobq_task *task)
{
	tell_after(task, TELL_MS);
}

void
jobq_tell_bytes(struct jobq_task *task, struct jobq_stream *stream,
    const char *bytes, size_t len)
{
	struct jobq_save *save = task->run->save;
	struct jobq_err err;

	if (save != NULL && jobq_save_bytes(save, task, stream == &task->err,
				bytes, len, &err) != JOBQ_OK)
		jobq_run_lose(task->run, &err);
	if (task->run->output_log != NULL)
		jobq_output_log_bytes(task, stream == &task->err, bytes, len);
	jobq_stream_add(stream, bytes, len);
	if (jobq_stream_ready(stream))
		jobq_tell_soon(task);
}

void
jobq_tell_rest(struct jobq_task *task, bool out_too)
{
	tell_progress(task);
	task->out.eof = task->err.eof = true;
	while (out_too && tell_piece(task, &task->out))
		;
	while (tell_piece(task, &task->err))
		;
}
