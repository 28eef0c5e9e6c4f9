/*
 * The process of a coprocess: its start, its pipes, its end.
 *
 * None of its pipes blocks on our side. What it is given is told in
 * run_coprocess_input.c.
 *
 * The end has three steps: no more input; TERM; KILL, again and again until
 * nothing is left of what it started, or until that is abandoned. It stays
 * unreaped until then.
 */
#include "run_coprocess.h"

#include "clock.h"

#include <sys/ioctl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define KILL_AGAIN_MS 100
#define ABANDON_MS 10000
#define ABANDON_FORCED_MS 500

void
jobq_coprocess_close(struct jobq_coprocess *co, struct jobq_watch *watch)
{
	int fd = watch->fd;

	jobq_watch_remove(co->run->loop, watch);
	if (fd >= 0)
		close(fd);
}

/* --- what comes out ------------------------------------------------------ */

static void
take_out(struct jobq_coprocess *co, const char *bytes, size_t len)
{
	jobq_coprocess_out(co, bytes, len);
	if (len > 0)
		return;
	jobq_coprocess_close(co, &co->process.out);
	if (co->state != JOBQ_COPROCESS_ALIVE)
		return;
	/* It ends, most often; if not, it cannot answer any more. */
	co->died = true;
	co->closed = "standard output";
	jobq_coprocess_end(co, -1, JOBQ_COPROCESS_CLOSED_MS);
}

static void
take_err(struct jobq_coprocess *co, const char *bytes, size_t len)
{
	if (len > 0)
		jobq_coprocess_err(co, bytes, len);
	else
		jobq_coprocess_close(co, &co->process.err);
}

static void
read_once(struct jobq_coprocess *co, struct jobq_watch *watch)
{
	const struct jobq_coprocesses *all = co->run->own;
	/* A line that is being understood may ask for standard error. */
	char *buffer =
	    watch == &co->process.err ? all->err_buffer : co->run->exec->buffer;
	ssize_t got = read(watch->fd, buffer, JOBQ_EXEC_READ_BYTES);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	co->heard = false;
	if (watch == &co->process.out)
		take_out(co, buffer, got > 0 ? (size_t)got : 0);
	else
		take_err(co, buffer, got > 0 ? (size_t)got : 0);
}

static void
out_ready(void *context, unsigned what)
{
	struct jobq_coprocess *co = context;

	if ((what & JOBQ_READ) != 0)
		read_once(co, &co->process.out);
}

static void
err_ready(void *context, unsigned what)
{
	struct jobq_coprocess *co = context;

	if ((what & JOBQ_READ) != 0)
		read_once(co, &co->process.err);
}

/* What stands in a pipe now, whoever may still hold it. */
static void
drain(struct jobq_coprocess *co, struct jobq_watch *watch)
{
	int left = 0;

	for (int i = 0; i < JOBQ_EXEC_READS_AT_END && watch->fd >= 0 &&
			ioctl(watch->fd, FIONREAD, &left) == 0 && left > 0;
	     i++)
		read_once(co, watch);
}

void
jobq_coprocess_hear_err(struct jobq_coprocess *co)
{
	if (co->heard)
		return;
	co->heard = true;
	drain(co, &co->process.err);
}

void
jobq_coprocess_pause(struct jobq_run *run, bool paused)
{
	struct jobq_coprocesses *all = run->own;
	unsigned want = paused ? 0 : JOBQ_READ;

	for (size_t i = 0; i < all->count; i++) {
		struct jobq_task_process *process = &all->item[i].process;

		if (process->out.fd >= 0)
			jobq_watch_want(run->loop, &process->out, want);
		if (process->err.fd >= 0)
			jobq_watch_want(run->loop, &process->err, want);
	}
}

/* --- start --------------------------------------------------------------- */

static void
exited(void *context, unsigned what)
{
	struct jobq_coprocess *co = context;

	(void)what;
	jobq_watch_remove(co->run->loop, &co->process.exit);
	co->process.exited = true;
	if (co->state == JOBQ_COPROCESS_ALIVE) {
		co->died = true;
		co->state = JOBQ_COPROCESS_ENDING;
		jobq_coprocess_close_input(co);
	}
	drain(co, &co->process.err);
	drain(co, &co->process.out);
	co->run->look = co->run->ended = true;
}

static void
close_pair(int *pair)
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

static void
watch_all(struct jobq_coprocess *co, int in, int out, int err)
{
	struct jobq_task_process *process = &co->process;
	struct jobq_loop *loop = co->run->loop;
	unsigned want = jobq_out_crowded(co->run) ? 0 : JOBQ_READ;

	/* They are also read and written when nobody says they are ready. */
	fcntl(in, F_SETFL, O_NONBLOCK);
	fcntl(out, F_SETFL, O_NONBLOCK);
	fcntl(err, F_SETFL, O_NONBLOCK);
	jobq_watch_add(loop, &process->in, in, 0, jobq_coprocess_in_ready, co);
	jobq_watch_add(loop, &process->out, out, want, out_ready, co);
	jobq_watch_add(loop, &process->err, err, want, err_ready, co);
	jobq_watch_add(
	    loop, &process->exit, process->child.pidfd, JOBQ_READ, exited, co);
}

static void
begin(struct jobq_coprocess *co)
{
	jobq_buf_clear(&co->in);
	jobq_buf_clear(&co->line);
	co->process.in_sent = 0;
	co->process.exited = false;
	co->process.tmpdir = co->tmpdir.path;
	co->process.serial = ++co->run->serial;
	co->shortening = false;
	co->skipping = co->answered = co->complained = co->died = false;
	co->closed = NULL;
	co->term_at_ms = co->kill_at_ms = co->abandon_at_ms = 0;
	co->state = JOBQ_COPROCESS_ALIVE;
	jobq_tree_add(co->run, &co->process);
}

enum jobq_status
jobq_coprocess_spawn(struct jobq_coprocess *co, struct jobq_err *err)
{
	struct jobq_exec *exec = co->run->exec;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, error[2] = { -1, -1 };
	enum jobq_status status = jobq_tmpdir_ready(&co->tmpdir, err);

	if (status == JOBQ_OK &&
	    (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
		pipe2(error, O_CLOEXEC) != 0))
		status = jobq_fail(err, JOBQ_AGAIN, "unable to make a pipe: %s",
		    strerror(errno));
	if (status == JOBQ_OK) {
		int fd[JOBQ_CHILD_FDS] = { in[0], out[1], error[1],
			exec->null_fd };

		status = jobq_exec_spawn(exec, &co->process.child,
		    jobq_env_fill(
			exec->env, NULL, NULL, co->tmpdir.path, &exec->from),
		    fd, err);
	}
	if (status == JOBQ_OK) {
		watch_all(co, in[1], out[0], error[0]);
		in[1] = out[0] = error[0] = -1;
		begin(co);
	}
	close_pair(in);
	close_pair(out);
	close_pair(error);
	/* No job is at fault. */
	return status == JOBQ_INVALID ? JOBQ_AGAIN : status;
}

/* --- end ----------------------------------------------------------------- */

/* The process is gone, or what is left of it does not die. */
static void
finish(struct jobq_coprocess *co)
{
	struct jobq_task_process *process = &co->process;
	struct jobq_run *run = co->run;
	struct jobq_err err;
	struct rusage usage;
	int wait_status = 0;
	bool known;

	drain(co, &process->err);
	drain(co, &process->out);
	jobq_coprocess_out(co, NULL, 0);
	jobq_coprocess_close(co, &process->in);
	jobq_coprocess_close(co, &process->out);
	jobq_coprocess_close(co, &process->err);
	jobq_watch_remove(run->loop, &process->exit);
	jobq_timer_stop(run->loop, &co->step);
	jobq_tree_remove(run, process);
	known = process->exited &&
		jobq_child_reap(&process->child, &wait_status, &usage);
	if (!known && process->child.pidfd >= 0) {
		/* It is found as a stray when it exits. */
		close(process->child.pidfd);
		process->child = (struct jobq_child){ 0, -1 };
	}
	if (jobq_tmpdir_empty(&co->tmpdir, &err) != JOBQ_OK)
		jobq_run_say(run, JOBQ_WARNING, NULL, NULL, "%s", err.text);
	co->state = JOBQ_COPROCESS_NONE;
	jobq_coprocess_gone(co, known, wait_status);
}

/* Kills what is there; false when that has been tried for long enough. */
static bool
kill_again(struct jobq_coprocess *co, int64_t now_ms)
{
	struct jobq_run *run = co->run;

	int64_t most_ms = run->forced ? ABANDON_FORCED_MS : ABANDON_MS;

	if (co->abandon_at_ms == 0 ||
	    (run->forced && co->abandon_at_ms > now_ms + most_ms))
		co->abandon_at_ms = now_ms + most_ms;
	if (now_ms >= co->abandon_at_ms) {
		jobq_run_say(run, JOBQ_ERROR, NULL, NULL,
		    "what coprocess %d has started survives KILL and is "
		    "abandoned",
		    (int)co->process.child.pid);
		return false;
	}
	jobq_tree_kill(run, &co->process);
	return true;
}

static void
step_due(void *context)
{
	struct jobq_coprocess *co = context;
	int64_t now_ms = jobq_mono_ms();
	int64_t next_ms = co->kill_at_ms;

	if (co->state == JOBQ_COPROCESS_NONE) {
		jobq_coprocess_again(co);
		return;
	}
	if (co->kill_at_ms <= now_ms) {
		if (!kill_again(co, now_ms)) {
			finish(co);
			return;
		}
		next_ms = now_ms + KILL_AGAIN_MS;
	} else if (co->term_at_ms != 0 && co->term_at_ms <= now_ms) {
		co->term_at_ms = 0;
		jobq_tree_ask(co->run, &co->process);
	} else if (co->term_at_ms != 0 && co->term_at_ms < next_ms) {
		next_ms = co->term_at_ms;
	}
	co->run->look = true;
	jobq_timer_set(co->run->loop, &co->step, next_ms);
}

void
jobq_coprocess_end(struct jobq_coprocess *co, int64_t term_ms, int64_t kill_ms)
{
	int64_t now_ms = jobq_mono_ms();

	if (co->state == JOBQ_COPROCESS_ALIVE)
		jobq_coprocess_close_input(co);
	co->state = JOBQ_COPROCESS_ENDING;
	if (term_ms >= 0)
		co->term_at_ms = now_ms + term_ms;
	if (co->kill_at_ms == 0 || co->kill_at_ms > now_ms + kill_ms)
		co->kill_at_ms = now_ms + kill_ms;
	jobq_timer_set(co->run->loop, &co->step, now_ms);
}

void
jobq_coprocess_look(struct jobq_coprocess *co)
{
	if (co->state != JOBQ_COPROCESS_ENDING)
		return;
	if (co->process.exited && !co->process.left)
		finish(co);
	else if (co->process.exited && co->kill_at_ms == 0)
		jobq_coprocess_end(co, 0, co->run->options.grace_ms);
}

void
jobq_coprocess_init(struct jobq_run *run, struct jobq_coprocess *co)
{
	co->run = run;
	co->step.due = step_due;
	co->step.context = co;
	co->process.child.pidfd = -1;
	co->process.exit.fd = -1;
	co->process.in.fd = -1;
	co->process.out.fd = -1;
	co->process.err.fd = -1;
	co->process.note.fd = -1;
}

void
jobq_coprocess_release(struct jobq_coprocess *co)
{
	jobq_tmpdir_release(&co->tmpdir);
	jobq_buf_release(&co->in);
	jobq_buf_release(&co->line);
	jobq_long_release(&co->answer);
}
