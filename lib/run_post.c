/*
 * The handler of --post: one request per job.
 *
 * A request cannot be asked to end, only be dropped, which closes its
 * connection; the server sees that. When the runner itself ends, a request
 * has the grace to be answered. Otherwise what stops a task (its timeout, a
 * cancel, a lost lease) has decided already how it ends, and it is dropped at
 * once. That the work is over is always told from the loop, never from within
 * the call that dropped it, because the task is in the middle of a step then.
 */
#include "run_post.h"

#include "clock.h"
#include "mem.h"

#include <sys/resource.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define FDS_PER_PLACE 4 /* the connection, and looking up its host */
#define FDS_MORE 64
#define KEEP_BYTES ((size_t)64 << 10) /* of a text, to the next job */

static void
dropped(void *context)
{
	struct jobq_post_work *work = context;

	jobq_task_post(work->task, JOBQ_EXIT);
}

static struct jobq_post_work *
work_of(struct jobq_task *task)
{
	struct jobq_post_work *work = task->work;

	if (work != NULL)
		return work;
	work = jobq_xcalloc(1, sizeof(*work));
	work->task = task;
	work->dropped.due = dropped;
	work->dropped.context = work;
	task->work = work;
	return work;
}

static void
bytes_came(void *context, const char *bytes, size_t len)
{
	struct jobq_task *task = context;

	jobq_stream_add(&task->out, bytes, len);
}

static void
answered(void *context, const struct jobq_http_answer *answer)
{
	struct jobq_task *task = context;
	struct jobq_post_work *work = task->work;

	work->exchange = NULL;
	jobq_post_judge(task, work, answer);
	jobq_task_post(task, JOBQ_EXIT);
}

static enum jobq_status
prepare(struct jobq_task *task, struct jobq_err *err)
{
	return jobq_post_make(task, work_of(task), err);
}

static enum jobq_status
start(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_run *run = task->run;
	struct jobq_post *post = run->own;
	struct jobq_post_work *work = task->work;
	uint64_t limit = run->options.output_limit_bytes;
	const struct jobq_buf *body =
	    post->body != NULL || run->options.post.wrap != NULL ? &work->body
								 : &task->line;
	struct jobq_http_request request = {
		.url = work->url.data,
		.headers = &work->headers,
		.body = body->data,
		.body_len = body->len,
		.bytes = bytes_came,
		.done = answered,
		.context = task,
	};
	enum jobq_status status = jobq_post_make_headers(task, work, err);

	if (status != JOBQ_OK)
		return status;
	jobq_stream_begin(&task->out, (size_t)limit);
	jobq_stream_begin(&task->err, (size_t)limit);
	task->outcome.known = true;
	task->outcome.answered = true;
	task->outcome.reason = "http";
	task->begun_ns = jobq_mono_ns();
	return jobq_http_post(post->http, &request, &work->exchange, err);
}

/* Forgets what came of an answer. */
static void
drop_body(struct jobq_task *task)
{
	jobq_stream_begin(
	    &task->out, (size_t)task->run->options.output_limit_bytes);
}

static void
drop(struct jobq_task *task)
{
	struct jobq_post_work *work = task->work;

	if (work->exchange == NULL)
		return;
	jobq_http_drop(work->exchange);
	work->exchange = NULL;
	drop_body(task);
	task->outcome.failed = true;
	task->outcome.retry = true;
	jobq_fail(&task->outcome.error, JOBQ_OK, "the request was given up");
	jobq_timer_set(task->run->loop, &work->dropped, jobq_mono_ms());
}

static void
ask(struct jobq_task *task)
{
	if (task->cause != JOBQ_CAUSE_QUIT)
		drop(task);
}

static bool
closed(const struct jobq_task *task)
{
	(void)task; /* all of an answer has come before its end is told */
	return true;
}

static void
shut(struct jobq_task *task)
{
	(void)task;
}

/* What is read of an answer is bounded and makes no lines of output. */
static void
pause_reading(struct jobq_run *run, bool paused)
{
	(void)run;
	(void)paused;
}

/* A request leaves nothing behind. */
static bool
look(struct jobq_run *run)
{
	struct jobq_task *task;
	struct jobq_task *next;

	for (task = run->tasks.first; task != NULL; task = next) {
		next = task->next;
		if (task->state == JOBQ_CLEANING ||
		    task->state == JOBQ_SWEEPING)
			jobq_task_post(task, JOBQ_ALONE);
	}
	return false;
}

static void
trim(struct jobq_buf *text)
{
	if (text->cap > KEEP_BYTES)
		jobq_buf_release(text);
}

static void
finish(struct jobq_task *task)
{
	struct jobq_post_work *work = task->work;

	drop(task);
	jobq_timer_stop(task->run->loop, &work->dropped);
	/* An answer that decides nothing any more is no output either. */
	if (task->cause >= JOBQ_CAUSE_CANCEL ||
	    (task->cause == JOBQ_CAUSE_QUIT && task->outcome.failed))
		drop_body(task);
	if (work->headers.data != NULL) /* with the token in it */
		explicit_bzero(work->headers.data, work->headers.len);
	trim(&work->url);
	trim(&work->headers);
	trim(&work->body);
}

/* --- the handler as a whole ---------------------------------------------- */

static void
free_work(struct jobq_task_list *list)
{
	struct jobq_task *task;

	for (task = list->first; task != NULL; task = task->next) {
		struct jobq_post_work *work = task->work;

		if (work == NULL)
			continue;
		if (work->exchange != NULL)
			jobq_http_drop(work->exchange);
		jobq_timer_stop(task->run->loop, &work->dropped);
		jobq_buf_release(&work->url);
		jobq_buf_release(&work->headers);
		jobq_buf_release(&work->body);
		free(work);
		task->work = NULL;
	}
}

static void
close_post(struct jobq_run *run)
{
	struct jobq_post *post = run->own;

	free_work(&run->tasks);
	free_work(&run->spare);
	jobq_http_close(post->http);
	jobq_jq_close(post->body);
	jobq_jq_close(post->result_map);
	jobq_buf_release(&post->headers);
	free(post);
	run->own = NULL;
}

static const struct jobq_handler handler = {
	.output_is_result = true,
	.starts_together = true,
	.prepare = prepare,
	.start = start,
	.ask = ask,
	.kill = drop,
	.closed = closed,
	.shut = shut,
	.pause = pause_reading,
	.look = look,
	.finish = finish,
	.close = close_post,
};

/* Raises the soft limit of descriptors to what so many places may need. */
static enum jobq_status
make_room(size_t places, struct jobq_err *err)
{
	rlim_t needed = (rlim_t)places * FDS_PER_PLACE + FDS_MORE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return JOBQ_OK;
	if (limit.rlim_max < needed)
		return jobq_fail(err, JOBQ_CONFIG,
		    "so many places need %llu descriptors, and this process "
		    "may open %llu; give it more (ulimit -Hn), or a smaller "
		    "-j",
		    (unsigned long long)needed,
		    (unsigned long long)limit.rlim_max);
	limit.rlim_cur = needed;
	setrlimit(RLIMIT_NOFILE, &limit);
	return JOBQ_OK;
}

enum jobq_status
jobq_post_open(struct jobq_run *run, struct jobq_err *err)
{
	const struct jobq_run_post *options = &run->options.post;
	struct jobq_post *post = jobq_xcalloc(1, sizeof(*post));
	enum jobq_status status = make_room(run->options.places, err);

	run->own = post;
	run->handler = &handler;
	if (status == JOBQ_OK)
		status = jobq_http_open(
		    &post->http, run->loop, run->options.places, err);
	if (status == JOBQ_OK)
		status = jobq_post_check(run, err);
	if (status == JOBQ_OK && options->body != NULL)
		status = jobq_jq_open(&post->body, options->body, err);
	if (status == JOBQ_OK && options->result_map != NULL)
		status =
		    jobq_jq_open(&post->result_map, options->result_map, err);
	return status;
}
