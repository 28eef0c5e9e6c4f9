#include "bell.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "banned.h"

#define FIRST_MS 1000
#define LONGEST_MS 30000

void
jobq_bell_init(struct jobq_bell *bell)
{
	*bell = (struct jobq_bell){ .epoll = -1, .timer = -1 };
}

void
jobq_bell_release(struct jobq_bell *bell)
{
	if (bell->timer >= 0)
		close(bell->timer);
	if (bell->epoll >= 0)
		close(bell->epoll);
	bell->timer = bell->epoll = -1;
}

int
jobq_bell_fd(struct jobq_bell *bell)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (bell->epoll >= 0)
		return bell->epoll;
	bell->epoll = epoll_create1(EPOLL_CLOEXEC);
	bell->timer =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	event.data.fd = bell->timer;
	if (bell->epoll < 0 || bell->timer < 0 ||
	    epoll_ctl(bell->epoll, EPOLL_CTL_ADD, bell->timer, &event) != 0)
		jobq_bell_release(bell);
	return bell->epoll;
}

void
jobq_bell_set(struct jobq_bell *bell, int64_t ms)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(ms / 1000),
		.it_value.tv_nsec = (long)(ms % 1000 * 1000000),
	};

	timerfd_settime(bell->timer, 0, &when, NULL);
}

void
jobq_bell_later(struct jobq_bell *bell)
{
	bell->wait_ms = bell->wait_ms == 0		 ? FIRST_MS
			: bell->wait_ms * 2 > LONGEST_MS ? LONGEST_MS
							 : bell->wait_ms * 2;
	jobq_bell_set(bell, bell->wait_ms);
}

void
jobq_bell_watch(struct jobq_bell *bell, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (fd >= 0 && epoll_ctl(bell->epoll, EPOLL_CTL_MOD, fd, &event) != 0 &&
	    errno == ENOENT)
		epoll_ctl(bell->epoll, EPOLL_CTL_ADD, fd, &event);
}

void
jobq_bell_look(struct jobq_bell *bell, int fd, bool *timer, bool *socket)
{
	struct epoll_event events[2];
	uint64_t times;
	int count;

	*timer = *socket = false;
	count = bell->epoll < 0 ? 0 : epoll_wait(bell->epoll, events, 2, 0);
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == bell->timer)
			*timer = read(bell->timer, &times, sizeof times) > 0;
		else if (events[i].data.fd == fd)
			*socket = true;
	}
}
