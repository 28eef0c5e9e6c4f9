/*
 * What goes through the pipes of a job's process, and when that is watched.
 *
 * A job has four pipes of its own. Input that a pipe surely takes at once is
 * written before the start; longer input as the process reads it, and a
 * process that does not want it is no error. Our ends are read once per
 * report of the loop, so they need not be non-blocking.
 *
 * To watch a process, three pipes and its exit, is a good part of what a
 * short job costs. Jobs are mostly alike, so after one that was brief and
 * wrote little the next is taken for brief, too: it is not watched, a look
 * at each SIGCHLD finds that it has exited, and then its pipes are read. One
 * that is still there after some milliseconds is watched from then on, one
 * that has to be fed is from its start.
 */
#include "run_pipes.h"

#include "clock.h"

#include <sys/ioctl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define BRIEF_MS 10
#define LITTLE_BYTES PIPE_BUF /* of output; a pipe takes it in any case */
#define OUTPUTS 3	      /* standard output, error, descriptor 3 */

static void
close_watch(struct jobq_task *task, struct jobq_watch *watch)
{
	int fd = watch->fd;

	if (task->process.watched)
		jobq_watch_remove(task->run->loop, watch);
	watch->fd = -1;
	if (fd >= 0)
		close(fd);
}

/* --- what comes out ------------------------------------------------------ */

bool
jobq_pipes_closed(const struct jobq_task *task)
{
	const struct jobq_task_process *process = &task->process;

	return process->out.fd < 0 && process->err.fd < 0 &&
	       process->note.fd < 0;
}

/* Bytes from one of the pipes; len 0 is its end. */
static void
take(struct jobq_task *task, struct jobq_watch *watch, const char *bytes,
    size_t len)
{
	struct jobq_stream *stream =
	    watch == &task->process.out ? &task->out : &task->err;

	if (watch == &task->process.note) {
		jobq_note_bytes(task, bytes, len);
	} else if (len > 0) {
		jobq_tell_bytes(task, stream, bytes, len);
	} else {
		stream->eof = true;
		if (jobq_stream_ready(stream))
			jobq_tell_soon(task);
	}
	if (len > 0)
		return;
	close_watch(task, watch);
	if (jobq_pipes_closed(task))
		jobq_task_post(task, JOBQ_CLOSED);
}

static void
read_once(struct jobq_task *task, struct jobq_watch *watch, unsigned what)
{
	char *buffer = task->run->exec->buffer;
	ssize_t got;

	if ((what & JOBQ_READ) == 0)
		return;
	got = read(watch->fd, buffer, JOBQ_EXEC_READ_BYTES);
	if (got >= 0)
		take(task, watch, buffer, (size_t)got);
	else if (errno != EINTR && errno != EAGAIN)
		take(task, watch, NULL, 0);
}

static void
out_ready(void *context, unsigned what)
{
	struct jobq_task *task = context;

	read_once(task, &task->process.out, what);
}

static void
err_ready(void *context, unsigned what)
{
	struct jobq_task *task = context;

	read_once(task, &task->process.err, what);
}

static void
note_ready(void *context, unsigned what)
{
	struct jobq_task *task = context;

	read_once(task, &task->process.note, what);
}

static void
shut_pipe(struct jobq_task *task, struct jobq_watch *watch)
{
	int left = 0;

	for (int i = 0; i < JOBQ_EXEC_READS_AT_END && watch->fd >= 0 &&
			ioctl(watch->fd, FIONREAD, &left) == 0 && left > 0;
	     i++)
		read_once(task, watch, JOBQ_READ);
	if (watch->fd >= 0)
		take(task, watch, NULL, 0);
}

void
jobq_pipes_shut(struct jobq_task *task)
{
	close_watch(task, &task->process.in);
	shut_pipe(task, &task->process.out);
	shut_pipe(task, &task->process.err);
	shut_pipe(task, &task->process.note);
}

void
jobq_pipes_pause(struct jobq_run *run, bool paused)
{
	unsigned want = paused ? 0 : JOBQ_READ;
	struct jobq_task *task;

	for (task = run->tasks.first; task != NULL; task = task->next) {
		struct jobq_task_process *process = &task->process;
		struct jobq_watch *watches[OUTPUTS] = { &process->out,
			&process->err, &process->note };

		for (size_t i = 0; process->watched && i < OUTPUTS; i++)
			if (watches[i]->fd >= 0)
				jobq_watch_want(run->loop, watches[i], want);
	}
}

/* --- what goes in -------------------------------------------------------- */

/* Writes on; false when there is nothing more to write, for any reason. */
static bool
feed_more(struct jobq_task *task, int fd)
{
	size_t left = task->input.len - task->process.in_sent;
	ssize_t put = write(fd, task->input.data + task->process.in_sent, left);

	if (put < 0)
		return errno == EAGAIN || errno == EINTR;
	task->process.in_sent += (size_t)put;
	return task->process.in_sent < task->input.len;
}

static void
in_ready(void *context, unsigned what)
{
	struct jobq_task *task = context;

	(void)what; /* when nobody reads any more, the write says so */
	if (!feed_more(task, task->process.in.fd))
		close_watch(task, &task->process.in);
}

static void
make_input(struct jobq_task *task)
{
	const struct jobq_job *job = &task->job;
	enum jobq_run_stdin give = task->run->options.give;

	jobq_buf_clear(&task->input);
	if (give == JOBQ_STDIN_JOB)
		jobq_buf_add(&task->input, task->line.data, task->line.len);
	else if (give == JOBQ_STDIN_INPUT && job->input.len > 0)
		jobq_buf_add(&task->input, job->input.at, job->input.len);
	if (task->input.len > 0)
		jobq_buf_putc(&task->input, '\n');
}

/* --- the ends ------------------------------------------------------------ */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
jobq_ends_close(struct jobq_ends *ends, const struct jobq_exec *exec)
{
	for (int i = 0; i < JOBQ_CHILD_FDS; i++) {
		close_fd(&ends->ours[i]);
		if (ends->theirs[i] != exec->null_fd)
			close_fd(&ends->theirs[i]);
	}
}

/* Makes the pipe of standard input, and writes what fits. */
static bool
open_input(struct jobq_task *task, struct jobq_ends *ends)
{
	int pipe_fd[2];

	make_input(task);
	if (task->input.len == 0) {
		ends->theirs[0] = task->run->exec->null_fd;
		return true;
	}
	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return false;
	ends->theirs[0] = pipe_fd[0];
	ends->ours[0] = pipe_fd[1];
	if (task->input.len > PIPE_BUF)
		fcntl(pipe_fd[1], F_SETFL, O_NONBLOCK);
	if (!feed_more(task, pipe_fd[1]))
		close_fd(&ends->ours[0]);
	return true;
}

enum jobq_status
jobq_ends_open(
    struct jobq_task *task, struct jobq_ends *ends, struct jobq_err *err)
{
	int pipe_fd[2];
	bool made = true;

	for (int i = 0; i < JOBQ_CHILD_FDS; i++)
		ends->ours[i] = ends->theirs[i] = -1;
	for (int i = 1; i < JOBQ_CHILD_FDS && made; i++) {
		made = pipe2(pipe_fd, O_CLOEXEC) == 0;
		if (made) {
			ends->ours[i] = pipe_fd[0];
			ends->theirs[i] = pipe_fd[1];
		}
	}
	if (made && open_input(task, ends))
		return JOBQ_OK;
	jobq_fail(
	    err, JOBQ_AGAIN, "unable to make a pipe: %s", strerror(errno));
	jobq_ends_close(ends, task->run->exec);
	return JOBQ_AGAIN;
}

/* --- watching ------------------------------------------------------------ */

static void
exited(void *context, unsigned what)
{
	struct jobq_task *task = context;

	(void)what;
	jobq_watch_remove(task->run->loop, &task->process.exit);
	task->process.exited = true;
	jobq_task_post(task, JOBQ_EXIT);
}

static void
watch_one(struct jobq_task *task, struct jobq_watch *watch, unsigned want,
    void (*ready)(void *, unsigned))
{
	if (watch->fd >= 0)
		jobq_watch_add(
		    task->run->loop, watch, watch->fd, want, ready, task);
}

/* Its exit, too, if that is still to come; false: not now. */
static bool
watch_all(struct jobq_task *task)
{
	struct jobq_task_process *process = &task->process;
	unsigned want = jobq_out_crowded(task->run) ? 0 : JOBQ_READ;

	if (!process->exited) {
		if (!jobq_child_watch(&process->child))
			return false;
		process->exit.fd = process->child.pidfd;
		watch_one(task, &process->exit, JOBQ_READ, exited);
	}
	watch_one(task, &process->out, want, out_ready);
	watch_one(task, &process->err, want, err_ready);
	watch_one(task, &process->note, want, note_ready);
	watch_one(task, &process->in, JOBQ_WRITE, in_ready);
	process->watched = true;
	return true;
}

/* Watches those that turn out not to be brief. */
static void
brief_due(void *context)
{
	struct jobq_run *run = context;
	struct jobq_exec *exec = run->exec;
	int64_t now_ms = jobq_mono_ms();
	struct jobq_task_process *process = exec->brief_first;
	int64_t due_ms;

	for (; process != NULL; process = process->next) {
		if (process->watched || process->exited)
			continue;
		due_ms = process->task->begun_ns / 1000000 + BRIEF_MS;
		if (now_ms >= due_ms && watch_all(process->task))
			continue;
		jobq_timer_set(run->loop, &exec->brief_timer,
		    due_ms > now_ms ? due_ms : now_ms + BRIEF_MS);
		break;
	}
	exec->brief_first = process;
}

void
jobq_pipes_begin(struct jobq_task *task, struct jobq_ends *ends)
{
	struct jobq_run *run = task->run;
	struct jobq_exec *exec = run->exec;
	struct jobq_task_process *process = &task->process;

	process->in.fd = ends->ours[0];
	process->out.fd = ends->ours[1];
	process->err.fd = ends->ours[2];
	process->note.fd = ends->ours[3];
	for (int i = 0; i < JOBQ_CHILD_FDS; i++)
		ends->ours[i] = -1;
	process->watched = false;
	if ((!exec->brief || process->in.fd >= 0) && watch_all(task))
		return;
	if (exec->brief_first == NULL)
		exec->brief_first = process;
	if (exec->brief_timer.at_ms == 0)
		jobq_timer_set(
		    run->loop, &exec->brief_timer, jobq_mono_ms() + BRIEF_MS);
}

/* Reads of one that has exited all there is, and watches what goes on. */
static void
read_rest(struct jobq_task *task)
{
	struct jobq_task_process *process = &task->process;
	struct jobq_watch *watch[OUTPUTS] = { &process->out, &process->err,
		&process->note };
	struct pollfd end[OUTPUTS];

	for (int i = 0; i < JOBQ_EXEC_READS_AT_END; i++) {
		for (size_t k = 0; k < OUTPUTS; k++)
			end[k] = (struct pollfd){ watch[k]->fd, POLLIN, 0 };
		if (jobq_out_crowded(task->run) || poll(end, OUTPUTS, 0) <= 0)
			break;
		for (size_t k = 0; k < OUTPUTS; k++)
			if (end[k].revents & POLLIN)
				read_once(task, watch[k], JOBQ_READ);
			else if (end[k].revents != 0) /* nobody writes */
				take(task, watch[k], NULL, 0);
		if (jobq_pipes_closed(task))
			return;
	}
	watch_all(task);
}

void
jobq_pipes_look(struct jobq_run *run)
{
	struct jobq_task_process *process = run->exec->brief_first;
	struct jobq_task_process *next;

	for (; process != NULL; process = next) {
		next = process->next;
		if (process->watched || process->exited ||
		    !jobq_child_exited(&process->child))
			continue;
		process->exited = true;
		read_rest(process->task);
		jobq_task_post(process->task, JOBQ_EXIT);
	}
}

void
jobq_pipes_end(struct jobq_task *task)
{
	struct jobq_exec *exec = task->run->exec;
	uint64_t bytes = task->out.head.len + task->out.over_bytes +
			 task->err.head.len + task->err.over_bytes;

	jobq_pipes_shut(task);
	jobq_watch_remove(task->run->loop, &task->process.exit);
	if (exec->brief_first == &task->process)
		exec->brief_first = task->process.next;
	exec->brief = task->process.exited && bytes <= LITTLE_BYTES &&
		      task->ended_ns - task->begun_ns < BRIEF_MS * 1000000L;
}

void
jobq_pipes_open(struct jobq_run *run)
{
	run->exec->brief_timer.due = brief_due;
	run->exec->brief_timer.context = run;
}

void
jobq_pipes_close(struct jobq_run *run)
{
	jobq_timer_stop(run->loop, &run->exec->brief_timer);
}
