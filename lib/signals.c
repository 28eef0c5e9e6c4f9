#include "signals.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "banned.h"

enum jobq_status
jobq_signals_open(struct jobq_signals *signals, struct jobq_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals->count = 0;
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
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

	while (read(signals->fd, &info, sizeof info) == sizeof info)
		signals->count++;
}

enum jobq_status
jobq_signals_wait(struct jobq_signals *signals, int fd, int64_t wait_ms)
{
	struct pollfd fds[2] = {
		{ .fd = signals->fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	int64_t end = jobq_mono_ms() + wait_ms;
	int before = signals->count;

	for (;;) {
		int64_t left = wait_ms < 0 ? -1 : end - jobq_mono_ms();

		if (wait_ms >= 0 && left <= 0)
			left = 0;
		poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);
		take_signals(signals);
		if (signals->count > 1)
			return JOBQ_STALE;
		if (signals->count > before)
			return JOBQ_AGAIN;
		if (fds[1].revents != 0)
			return JOBQ_OK;
		if (wait_ms >= 0 && jobq_mono_ms() >= end)
			return JOBQ_EMPTY;
	}
}
