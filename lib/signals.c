#include "signals.h"

#include "clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "banned.h"

static int
listen_to(sigset_t *set)
{
	sigaddset(set, SIGUSR1);
	sigprocmask(SIG_BLOCK, set, NULL);
	return signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
jobq_signals_listen(void)
{
	sigset_t set;

	sigemptyset(&set);
	return listen_to(&set);
}

bool
jobq_signals_heard(int fd)
{
	struct signalfd_siginfo info;

	return fd >= 0 && read(fd, &info, sizeof info) == sizeof info;
}

enum jobq_status
jobq_signals_open(struct jobq_signals *signals, struct jobq_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signals->count = 0;
	signals->fd = listen_to(&set);
	if (signals->fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to watch signals: %s",
		    strerror(errno));
	return JOBQ_OK;
}

void
jobq_signals_close(struct jobq_signals *signals)
{
	if (signals->fd >= 0)
		close(signals->fd);
	signals->fd = -1;
}

static void
take_signals(struct jobq_signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof info) == sizeof info) {
		bool asks = info.ssi_signo == SIGUSR1;

		if (!asks)
			signals->count++;
		if (asks && signals->asked != NULL)
			signals->asked(signals->context);
		if (!asks && signals->count == 1 && signals->noted != NULL)
			signals->noted(signals->context);
	}
}

enum jobq_status
jobq_signals_wait(
    struct jobq_signals *signals, int in, int out, int64_t wait_ms)
{
	struct pollfd fds[3] = {
		{ .fd = signals->fd, .events = POLLIN },
		{ .fd = in, .events = POLLIN },
		{ .fd = out, .events = POLLOUT },
	};
	int64_t end = jobq_mono_ms() + wait_ms;
	int before = signals->count;

	for (;;) {
		int64_t left = wait_ms < 0 ? -1 : end - jobq_mono_ms();

		if (wait_ms >= 0 && left <= 0)
			left = 0;
		poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
		take_signals(signals);
		if (signals->count > 1)
			return JOBQ_STALE;
		if (signals->count > before)
			return JOBQ_AGAIN;
		if (fds[1].revents != 0 || fds[2].revents != 0)
			return JOBQ_OK;
		if (wait_ms >= 0 && jobq_mono_ms() >= end)
			return JOBQ_EMPTY;
	}
}

enum jobq_status
jobq_signals_flush(struct jobq_signals *signals, struct jobq_writer *writer,
    size_t most, struct jobq_err *err)
{
	while (jobq_writer_pending(writer) > 0) {
		int64_t wait_ms = jobq_writer_pending(writer) > most ? -1 : 0;
		enum jobq_status status =
		    jobq_signals_wait(signals, -1, writer->fd, wait_ms);

		if (status == JOBQ_EMPTY)
			return JOBQ_OK;
		if (status == JOBQ_STALE)
			return jobq_fail(err, JOBQ_AGAIN,
			    "stopped before its reader had taken everything");
		if (status == JOBQ_OK)
			status = jobq_writer_step(writer, PIPE_BUF, err);
		if (status == JOBQ_IO)
			return status;
	}
	return JOBQ_OK;
}
