#include "drain.h"

#include "clock.h"
#include "log.h"
#include "server.h"

#include <sys/signalfd.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "banned.h"

/* What a thread has, at least, to end when nothing holds it up. */
#define HURRY_MS 300

bool
jobq_drain_open(struct jobq_server *server)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	/* Before there are threads, so that none of them gets one. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	server->drain.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->drain.signals >= 0;
}

void
jobq_drain_close(struct jobq_server *server)
{
	if (server->drain.signals >= 0)
		close(server->drain.signals);
	server->drain.signals = -1;
}

void
jobq_drain_stop(struct jobq_server *server)
{
	struct jobq_drain *drain = &server->drain;
	bool first = drain->stops++ == 0;

	drain->by_ms =
	    jobq_mono_ms() +
	    (first && drain->serving ? server->options->drain_ms : HURRY_MS);
	if (!first)
		return;
	server->draining = true;
	jobq_log(JOBQ_INFO, "stopping, %zu running, again to force",
	    server->requests);
	for (struct jobq_channel *channel = server->channels; channel != NULL;
	     channel = channel->next) {
		channel->code = 1001;
		channel->closing = true;
		jobq_channel_wake(channel);
	}
}

void
jobq_drain_look(void *context)
{
	struct jobq_server *server = context;
	struct signalfd_siginfo info;

	while (read(server->drain.signals, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGUSR1)
			jobq_server_tell(server);
		else
			jobq_drain_stop(server);
}

bool
jobq_drain_hurries(const struct jobq_server *server)
{
	return server->drain.stops > 1;
}

bool
jobq_drain_serves(const struct jobq_server *server)
{
	bool busy = server->requests > 0 || server->runs > 0 ||
		    server->channels != NULL;

	return !jobq_drain_hurries(server) &&
	       (!server->draining ||
		   (busy && jobq_mono_ms() < server->drain.by_ms));
}

bool
jobq_drain_await(void *context, int fd)
{
	struct jobq_server *server = context;
	const struct jobq_drain *drain = &server->drain;
	int64_t left_ms, least_ms = jobq_mono_ms() + HURRY_MS;
	struct pollfd polled[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = drain->signals, .events = POLLIN } };

	do {
		left_ms = (drain->by_ms > least_ms ? drain->by_ms : least_ms) -
			  jobq_mono_ms();
		if (left_ms < 0)
			left_ms = 0;
		poll(polled, 2, drain->stops > 0 ? (int)left_ms : -1);
		if (polled[1].revents != 0)
			jobq_drain_look(server);
	} while (polled[0].revents == 0 && (drain->stops == 0 || left_ms > 0));
	return polled[0].revents != 0;
}
