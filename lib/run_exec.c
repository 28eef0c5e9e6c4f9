/*
 * The handler of "-- command": one process per job, its pipes, its end.
 *
 * A job has four pipes of its own. Input that a pipe surely takes at once is
 * written before the start; longer input as the process reads it, and a
 * process that does not want it is no error. Our ends are read once per
 * report of the loop, so they need not be non-blocking.
 */
#include "run_exec.h"

#include "clock.h"
#include "mem.h"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Our ends, the pidfd, the directory, files of the output. */
#define FDS_PER_PLACE 8
#define FDS_MORE 72 /* the ends of the child that is being started, too */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
close_watch(struct jobq_task *task, struct jobq_watch *watch)
{
	int fd = watch->fd;

	jobq_watch_remove(task->run->loop, watch);
	if (fd >= 0)
		close(fd);
}

/* --- what comes out ------------------------------------------------------ */

static bool
closed(const struct jobq_task *task)
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
	if (closed(task))
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

/* Takes what stands in a pipe and closes it, whoever may still hold it. */
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

static void
shut(struct jobq_task *task)
{
	close_watch(task, &task->process.in);
	shut_pipe(task, &task->process.out);
	shut_pipe(task, &task->process.err);
	shut_pipe(task, &task->process.note);
}

static void
pause_reading(struct jobq_run *run, bool paused)
{
	unsigned want = paused ? 0 : JOBQ_READ;
	struct jobq_task *task;

	for (task = run->tasks.first; task != NULL; task = task->next) {
		struct jobq_watch *watches[] = { &task->process.out,
			&task->process.err, &task->process.note };

		for (size_t i = 0; i < 3; i++)
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

/* --- start --------------------------------------------------------------- */

/* The ends of a job's pipes, by descriptor of the child; -1: none. */
struct ends {
	int ours[JOBQ_CHILD_FDS];
	int theirs[JOBQ_CHILD_FDS];
};

static void
close_ends(struct ends *ends, const struct jobq_exec *exec)
{
	for (int i = 0; i < JOBQ_CHILD_FDS; i++) {
		close_fd(&ends->ours[i]);
		if (ends->theirs[i] != exec->null_fd)
			close_fd(&ends->theirs[i]);
	}
}

/* Makes the pipe of standard input, and writes what fits. */
static bool
open_input(struct jobq_task *task, struct ends *ends)
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

static enum jobq_status
open_ends(struct jobq_task *task, struct ends *ends, struct jobq_err *err)
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
	close_ends(ends, task->run->exec);
	return JOBQ_AGAIN;
}

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
watch_all(struct jobq_task *task, struct ends *ends)
{
	struct jobq_loop *loop = task->run->loop;
	struct jobq_task_process *process = &task->process;
	unsigned want = jobq_out_crowded(task->run) ? 0 : JOBQ_READ;

	jobq_watch_add(loop, &process->exit, process->child.pidfd, JOBQ_READ,
	    exited, task);
	jobq_watch_add(
	    loop, &process->out, ends->ours[1], want, out_ready, task);
	jobq_watch_add(
	    loop, &process->err, ends->ours[2], want, err_ready, task);
	jobq_watch_add(
	    loop, &process->note, ends->ours[3], want, note_ready, task);
	if (ends->ours[0] >= 0)
		jobq_watch_add(loop, &process->in, ends->ours[0], JOBQ_WRITE,
		    in_ready, task);
	for (int i = 0; i < JOBQ_CHILD_FDS; i++)
		ends->ours[i] = -1; /* they are the watches' now */
}

static enum jobq_status
prepare(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_exec *exec = task->run->exec;
	const char *from = task->run->options.env_from;
	enum jobq_status status = jobq_call_fill(
	    exec->call, &task->job, task->id, &exec->path, &exec->argv, err);

	if (status == JOBQ_OK && from != NULL)
		status = jobq_env_from_take(&exec->from, from, &task->job, err);
	exec->filled_for = status == JOBQ_OK ? task : NULL;
	return status;
}

static enum jobq_status
spawn(struct jobq_task *task, struct ends *ends, const char *tmpdir,
    struct jobq_err *err)
{
	struct jobq_exec *exec = task->run->exec;
	enum jobq_status status = jobq_exec_spawn(exec, &task->process.child,
	    jobq_env_fill(exec->env, &task->job, task->id, tmpdir, &exec->from),
	    ends->theirs, err);

	if (status != JOBQ_OK)
		return status;
	task->process.task = task;
	task->process.serial = task->run->serial + 1; /* it gets this one */
	jobq_tree_add(task->run, &task->process);
	return JOBQ_OK;
}

static enum jobq_status
start(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_run *run = task->run;
	struct jobq_exec *exec = run->exec;
	struct jobq_tmpdir *tmpdir = &run->tmpdir[task->place];
	uint64_t limit = run->options.output_limit_bytes;
	struct ends ends;
	enum jobq_status status = jobq_tmpdir_ready(tmpdir, err);

	if (status == JOBQ_OK && exec->filled_for != task)
		status = prepare(task, err);
	if (status == JOBQ_OK)
		status = open_ends(task, &ends, err);
	if (status != JOBQ_OK)
		return status;
	jobq_stream_begin(&task->out, (size_t)limit);
	jobq_stream_begin(&task->err, (size_t)limit);
	task->process.oom_kills = jobq_oom_kills(&exec->oom);
	task->begun_ns = jobq_mono_ns();
	status = spawn(task, &ends, tmpdir->path, err);
	if (status == JOBQ_OK) {
		watch_all(task, &ends);
		if (run->joblog != NULL)
			jobq_joblog_command(task, exec->argv);
	}
	close_ends(&ends, exec);
	return status;
}

/* --- end ----------------------------------------------------------------- */

static void
finish(struct jobq_task *task)
{
	struct jobq_task_process *process = &task->process;
	struct jobq_outcome *outcome = &task->outcome;
	struct rusage usage;

	shut(task);
	jobq_watch_remove(task->run->loop, &process->exit);
	jobq_tree_remove(task->run, process);
	outcome->known = process->exited && jobq_child_reap(&process->child,
						&outcome->wait_status, &usage);
	if (!outcome->known) {
		/* It is found as a stray when it exits. */
		close_fd(&process->child.pidfd);
		process->child.pid = 0;
		return;
	}
	outcome->user_us =
	    usage.ru_utime.tv_sec * 1000000L + usage.ru_utime.tv_usec;
	outcome->sys_us =
	    usage.ru_stime.tv_sec * 1000000L + usage.ru_stime.tv_usec;
	outcome->max_rss_bytes = usage.ru_maxrss * 1024;
	outcome->oom =
	    WIFSIGNALED(outcome->wait_status) &&
	    WTERMSIG(outcome->wait_status) == SIGKILL &&
	    task->kill_at_ms == 0 &&
	    jobq_oom_kills(&task->run->exec->oom) > process->oom_kills;
}

static void
ask(struct jobq_task *task)
{
	jobq_tree_ask(task->run, &task->process);
}

static void
kill_all(struct jobq_task *task)
{
	jobq_tree_kill(task->run, &task->process);
}

static bool
look(struct jobq_run *run)
{
	struct jobq_task *task;
	struct jobq_task *next;

	jobq_tree_mark(run);
	for (task = run->tasks.first; task != NULL; task = next) {
		next = task->next;
		if (task->state == JOBQ_CLEANING ||
		    task->state == JOBQ_SWEEPING)
			jobq_task_post(
			    task, task->process.left ? JOBQ_LEFT : JOBQ_ALONE);
	}
	return jobq_tree_end_strays(run);
}

void
jobq_exec_close(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;

	if (exec == NULL)
		return;
	jobq_tree_close(run);
	jobq_call_close(exec->call);
	jobq_env_free(exec->env);
	jobq_env_from_release(&exec->from);
	jobq_spawner_close(exec->spawner);
	close_fd(&exec->null_fd);
	jobq_oom_close(&exec->oom);
	free(exec->buffer);
	free(exec);
	run->exec = NULL;
}

static const struct jobq_handler handler = {
	.output_is_result = true,
	.prepare = prepare,
	.start = start,
	.ask = ask,
	.kill = kill_all,
	.closed = closed,
	.shut = shut,
	.pause = pause_reading,
	.look = look,
	.finish = finish,
	.close = jobq_exec_close,
};

enum jobq_status
jobq_exec_init(struct jobq_run *run, struct jobq_err *err)
{
	struct jobq_exec *exec = jobq_xcalloc(1, sizeof(*exec));
	enum jobq_status status;

	run->exec = exec;
	exec->null_fd = -1;
	exec->oom.fd = -1;
	status = jobq_call_open(&exec->call, &run->options, err);
	if (status == JOBQ_OK)
		status = jobq_spawner_open(&exec->spawner,
		    run->options.places * FDS_PER_PLACE + FDS_MORE, err);
	if (status != JOBQ_OK)
		return status;
	exec->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (exec->null_fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to open /dev/null: %s",
		    strerror(errno));
	exec->env = jobq_env_new(run->options.clean_env);
	jobq_oom_open(&exec->oom);
	exec->buffer = jobq_xmalloc(JOBQ_EXEC_READ_BYTES);
	jobq_tree_open(run);
	return JOBQ_OK;
}

enum jobq_status
jobq_exec_open(struct jobq_run *run, struct jobq_err *err)
{
	run->handler = &handler;
	return jobq_exec_init(run, err);
}
