/*
 * Three pipes and one poll loop. The request goes in while the answer and
 * what is said on stderr come out, so that neither side can wait for the
 * other; a program that does not read its request must not end us by
 * SIGPIPE, which is blocked meanwhile and taken back. The program is reaped
 * only after its group was killed, so that the group's id is still its own.
 */
#include "exec_process.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "banned.h"

/* Of stderr this much of the end is kept. */
#define ERROR_BYTES 4096

/*
 * A pipe whose ends close on exec and are none of 0, 1, 2, so that they can
 * be put there in the child in any order.
 */
static enum jobq_status
call_pipe(int end[2], struct jobq_err *err)
{
	if (pipe2(end, O_CLOEXEC) != 0) {
		end[0] = end[1] = -1;
		return jobq_fail(err, JOBQ_AGAIN, "unable to make a pipe: %s",
		    strerror(errno));
	}
	for (int i = 0; i < 2; i++) {
		int low = end[i];

		if (low > STDERR_FILENO)
			continue;
		end[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(low);
		if (end[i] < 0)
			return jobq_fail(err, JOBQ_AGAIN,
			    "unable to move a pipe: %s", strerror(errno));
	}
	return JOBQ_OK;
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The child has its own group and the signals of a fresh process. */
static int
call_spawn(struct jobq_exec_process *call, int in, int out, int error)
{
	char *argv[] = { (char *)call->program, (char *)call->argument, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int failed;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
						  POSIX_SPAWN_SETSIGMASK |
						  POSIX_SPAWN_SETSIGDEF);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	failed = posix_spawn(&call->pid, call->program, &actions, &attributes,
	    argv, call->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static enum jobq_status
call_start(struct jobq_exec_process *call, struct jobq_err *err)
{
	int in[2] = { -1, -1 };
	int out[2] = { -1, -1 };
	int error[2] = { -1, -1 };
	enum jobq_status status;
	int failed;

	status = call_pipe(in, err);
	if (status == JOBQ_OK)
		status = call_pipe(out, err);
	if (status == JOBQ_OK)
		status = call_pipe(error, err);
	call->in = in[1];
	call->out = out[0];
	call->error = error[0];
	if (status == JOBQ_OK) {
		failed = call_spawn(call, in[0], out[1], error[1]);
		if (failed != 0)
			status = jobq_fail(err,
			    failed == EAGAIN || failed == ENOMEM ? JOBQ_AGAIN
								 : JOBQ_CONFIG,
			    "unable to start '%s': %s", call->program,
			    strerror(failed));
	}
	close_end(&in[0]);
	close_end(&out[1]);
	close_end(&error[1]);
	if (status != JOBQ_OK)
		return status;
	fcntl(call->in, F_SETFL, O_NONBLOCK);
	fcntl(call->out, F_SETFL, O_NONBLOCK);
	fcntl(call->error, F_SETFL, O_NONBLOCK);
	return JOBQ_OK;
}

/*
 * Writes what the pipe takes of the request. A program need not read it: that
 * it has closed its end is no error.
 */
static void
call_feed(struct jobq_exec_process *call)
{
	ssize_t count = write(call->in, call->request, call->left);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count >= 0) {
		call->request += count;
		call->left -= (size_t)count;
	}
	if (count < 0 || call->left == 0)
		close_end(&call->in);
}

/* One read from *fd into buf; closes *fd at the end. */
static void
call_read(int *fd, struct jobq_buf *buf)
{
	ssize_t count;

	jobq_buf_reserve(buf, 65536);
	count = read(*fd, buf->data + buf->len, buf->cap - buf->len - 1);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		close_end(fd);
		return;
	}
	buf->len += (size_t)count;
	buf->data[buf->len] = '\0';
}

static enum jobq_status
call_late(const struct jobq_exec_process *call, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_AGAIN,
	    "'%s %s' did not end in time and was killed", call->program,
	    call->argument);
}

/* Until the program has closed its stdout and stderr. */
static enum jobq_status
call_talk(struct jobq_exec_process *call, struct jobq_err *err)
{
	while (call->out >= 0 || call->error >= 0) {
		struct pollfd fds[] = {
			{ .fd = call->out, .events = POLLIN },
			{ .fd = call->error, .events = POLLIN },
			{ .fd = call->in, .events = POLLOUT },
		};
		int64_t left = call->deadline - jobq_mono_ms();

		if (left <= 0)
			return call_late(call, err);
		if (poll(fds, 3, left > 60000 ? 60000 : (int)left) < 0) {
			if (errno == EINTR)
				continue;
			return jobq_fail(
			    err, JOBQ_IO, "poll: %s", strerror(errno));
		}
		if (fds[2].revents != 0)
			call_feed(call);
		if (fds[0].revents != 0)
			call_read(&call->out, &call->answer);
		if (fds[1].revents != 0)
			call_read(&call->error, &call->said);
		if (call->said.len > 2 * ERROR_BYTES)
			jobq_buf_drop(
			    &call->said, call->said.len - ERROR_BYTES);
		if (call->answer.len > call->most_bytes)
			return jobq_fail(err, JOBQ_IO,
			    "'%s %s' answered more than %zu bytes",
			    call->program, call->argument, call->most_bytes);
	}
	return JOBQ_OK;
}

/*
 * Waits for the program to end, until the deadline. It stays unreaped, so
 * that its group's id is still its own when the group is killed.
 */
static enum jobq_status
call_ended(const struct jobq_exec_process *call, struct jobq_err *err)
{
	int wait_ms = 0;
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)call->pid, &info,
			WEXITED | WNOHANG | WNOWAIT) != 0 &&
		    errno != EINTR)
			return jobq_fail(err, JOBQ_IO,
			    "unable to wait for '%s': %s", call->program,
			    strerror(errno));
		if (info.si_pid != 0)
			return JOBQ_OK;
		if (jobq_mono_ms() >= call->deadline)
			return call_late(call, err);
		poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < 8 ? 2 * wait_ms + 1 : 16;
	}
}

/* Kills what is left of the group and reaps the program. */
static void
call_reap(struct jobq_exec_process *call)
{
	kill(-call->pid, SIGKILL);
	while (waitpid(call->pid, &call->code, 0) < 0 && errno == EINTR)
		;
}

static enum jobq_status
call_run(struct jobq_exec_process *call, struct jobq_err *err)
{
	enum jobq_status status;

	status = call_start(call, err);
	if (status != JOBQ_OK)
		return status;
	status = call_talk(call, err);
	if (status == JOBQ_OK)
		status = call_ended(call, err);
	call_reap(call);
	return status;
}

enum jobq_status
jobq_exec_process_run(struct jobq_exec_process *call, struct jobq_err *err)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t broken, pending, before;
	enum jobq_status status;

	call->in = call->out = call->error = -1;
	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	sigpending(&pending);
	sigprocmask(SIG_BLOCK, &broken, &before);
	status = call_run(call, err);
	if (!sigismember(&pending, SIGPIPE))
		sigtimedwait(&broken, NULL, &at_once);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close_end(&call->in);
	close_end(&call->out);
	close_end(&call->error);
	return status;
}

void
jobq_exec_process_release(struct jobq_exec_process *call)
{
	jobq_buf_release(&call->answer);
	jobq_buf_release(&call->said);
}
