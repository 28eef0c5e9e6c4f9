/*
 * The loop: epoll for descriptors, a binary heap for timers, a signalfd.
 *
 * One turn waits until something is ready or the earliest timer is due, then
 * serves the descriptors that are ready, then the timers that are due, at most
 * as many as there are when it begins with them: a timer that sets itself anew
 * for "now" cannot keep the descriptors waiting.
 *
 * A callback may remove a watch whose event of the same turn is still to be
 * served: removing takes it out of the batch. Files that epoll refuses
 * (regular files, /dev/null) stand in a list of their own and are ready in
 * every turn.
 */
#include "loop.h"

#include "clock.h"
#include "mem.h"

#include <sys/epoll.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "banned.h"

/* Of one turn: what would not fit is served after timers that are due. */
#define BATCH 1024

struct jobq_loop {
	int epoll_fd;
	bool stopped;

	/* The batch being served; only jobq_loop_turn() and removal use it. */
	struct epoll_event batch[BATCH];
	int batch_count;

	/* Watches of files that are always ready; NULL where one was removed.
	 */
	struct jobq_watch **always;
	size_t always_count, always_cap;
	size_t always_wanting; /* those that want something */

	/* A binary heap; a timer's place is its index here. */
	struct jobq_timer **heap;
	size_t heap_count, heap_cap;

	struct jobq_watch signals;
	void (*signal_fn)(void *, const struct signalfd_siginfo *);
	void *signal_context;
};

struct jobq_loop *
jobq_loop_new(void)
{
	struct jobq_loop *loop = jobq_xcalloc(1, sizeof(*loop));

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		jobq_mem_exhausted("an epoll descriptor");
	loop->signals.fd = -1;
	return loop;
}

void
jobq_loop_free(struct jobq_loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->signals.fd >= 0)
		close(loop->signals.fd);
	close(loop->epoll_fd);
	free(loop->always);
	free(loop->heap);
	free(loop);
}

/*
 * What epoll is asked for. A watch that wants nothing is edge-triggered, so
 * that a hang-up, which cannot be masked, is told once and not in each turn.
 */
static uint32_t
events_of(unsigned want)
{
	uint32_t events = 0;

	if (want & JOBQ_READ)
		events |= EPOLLIN;
	if (want & JOBQ_WRITE)
		events |= EPOLLOUT;
	return events != 0 ? events : (uint32_t)EPOLLET;
}

static void
always_add(struct jobq_loop *loop, struct jobq_watch *watch)
{
	watch->always = true;
	loop->always = jobq_grow(loop->always, loop->always_count,
	    &loop->always_cap, sizeof(struct jobq_watch *));
	loop->always[loop->always_count++] = watch;
	if (watch->want != 0)
		loop->always_wanting++;
}

void
jobq_watch_add(struct jobq_loop *loop, struct jobq_watch *watch, int fd,
    unsigned want, void (*ready)(void *, unsigned), void *context)
{
	struct epoll_event event = { .events = events_of(want),
		.data = { .ptr = watch } };

	*watch = (struct jobq_watch){
		.fd = fd, .want = want, .ready = ready, .context = context
	};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return;
	if (errno == EBADF || errno == EEXIST)
		JOBQ_BUG("a watch needs an open descriptor of its own");
	/* EPERM: no waiting possible. ENOMEM, ENOSPC: not now; both can do
	 * with being asked in each turn. */
	always_add(loop, watch);
}

void
jobq_watch_want(struct jobq_loop *loop, struct jobq_watch *watch, unsigned want)
{
	struct epoll_event event = { .events = events_of(want),
		.data = { .ptr = watch } };

	if (watch->want == want)
		return;
	if (watch->always) {
		loop->always_wanting += (want != 0);
		loop->always_wanting -= (watch->want != 0);
	} else if (epoll_ctl(
		       loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) != 0) {
		JOBQ_BUG("a watched descriptor was closed");
	}
	watch->want = want;
}

void
jobq_watch_remove(struct jobq_loop *loop, struct jobq_watch *watch)
{
	if (watch->fd < 0)
		return;
	if (watch->always) {
		for (size_t i = 0; i < loop->always_count; i++)
			if (loop->always[i] == watch)
				loop->always[i] = NULL;
		loop->always_wanting -= (watch->want != 0);
	} else {
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	}
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	watch->fd = -1;
}

static void
heap_put(struct jobq_loop *loop, size_t place, struct jobq_timer *timer)
{
	loop->heap[place] = timer;
	timer->place = place;
}

/* Moves the timer to where its time belongs, beginning at its place. */
static void
heap_settle(struct jobq_loop *loop, struct jobq_timer *timer)
{
	size_t place = timer->place;

	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (loop->heap[parent]->at_ms <= timer->at_ms)
			break;
		heap_put(loop, place, loop->heap[parent]);
		place = parent;
	}
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= loop->heap_count)
			break;
		if (child + 1 < loop->heap_count &&
		    loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
			child++;
		if (timer->at_ms <= loop->heap[child]->at_ms)
			break;
		heap_put(loop, place, loop->heap[child]);
		place = child;
	}
	heap_put(loop, place, timer);
}

void
jobq_timer_set(struct jobq_loop *loop, struct jobq_timer *timer, int64_t at_ms)
{
	if (timer->at_ms == 0) {
		loop->heap = jobq_grow(loop->heap, loop->heap_count,
		    &loop->heap_cap, sizeof(struct jobq_timer *));
		heap_put(loop, loop->heap_count, timer);
		loop->heap_count++;
	}
	timer->at_ms = at_ms > 0 ? at_ms : 1; /* 0 means: not set */
	heap_settle(loop, timer);
}

void
jobq_timer_stop(struct jobq_loop *loop, struct jobq_timer *timer)
{
	struct jobq_timer *last;

	if (timer->at_ms == 0)
		return;
	timer->at_ms = 0;
	last = loop->heap[--loop->heap_count];
	if (last == timer)
		return;
	heap_put(loop, timer->place, last);
	heap_settle(loop, last);
}

static void
signals_ready(void *context, unsigned what)
{
	struct jobq_loop *loop = context;
	struct signalfd_siginfo info[8];
	ssize_t got = read(loop->signals.fd, info, sizeof(info));

	(void)what;
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(info[0]); i++)
		loop->signal_fn(loop->signal_context, &info[i]);
}

void
jobq_loop_signals(struct jobq_loop *loop, const int *signals,
    void (*fn)(void *context, const struct signalfd_siginfo *info),
    void *context)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *signals != 0; signals++)
		sigaddset(&set, *signals);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		jobq_mem_exhausted("a signal descriptor");
	loop->signal_fn = fn;
	loop->signal_context = context;
	jobq_watch_add(
	    loop, &loop->signals, fd, JOBQ_READ, signals_ready, loop);
}

static void
serve(struct jobq_watch *watch, uint32_t events)
{
	unsigned what = 0;

	if (events & EPOLLIN)
		what |= JOBQ_READ;
	if (events & EPOLLOUT)
		what |= JOBQ_WRITE;
	/* The next read or write says what is wrong, so let it happen. */
	if (events & (EPOLLHUP | EPOLLERR))
		what |= JOBQ_HANGUP | watch->want;
	watch->ready(watch->context, what);
}

static void
serve_always(struct jobq_loop *loop)
{
	size_t count = loop->always_count;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct jobq_watch *watch = loop->always[i];

		if (watch != NULL && watch->want != 0)
			watch->ready(watch->context, watch->want);
	}
	for (size_t i = 0; i < loop->always_count; i++)
		if (loop->always[i] != NULL)
			loop->always[kept++] = loop->always[i];
	loop->always_count = kept;
}

static void
serve_timers(struct jobq_loop *loop)
{
	size_t most = loop->heap_count;
	int64_t now_ms;

	if (most == 0)
		return;
	now_ms = jobq_mono_ms();
	while (most-- > 0 && loop->heap_count > 0 &&
	       loop->heap[0]->at_ms <= now_ms) {
		struct jobq_timer *timer = loop->heap[0];

		jobq_timer_stop(loop, timer);
		timer->due(timer->context);
	}
}

/* How long the wait may be, in ms, given what else is to be done. */
static int
wait_for(const struct jobq_loop *loop, int64_t wait_ms)
{
	if (loop->always_wanting > 0)
		return 0;
	if (loop->heap_count > 0) {
		int64_t left_ms = loop->heap[0]->at_ms - jobq_mono_ms();

		if (left_ms < 0)
			left_ms = 0;
		if (wait_ms < 0 || left_ms < wait_ms)
			wait_ms = left_ms;
	}
	return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

void
jobq_loop_turn(struct jobq_loop *loop, int64_t wait_ms)
{
	int count;

	if (loop->batch_count != 0)
		JOBQ_BUG("a turn of the loop inside a callback of the loop");
	count = epoll_wait(
	    loop->epoll_fd, loop->batch, BATCH, wait_for(loop, wait_ms));
	/* After a SIGSTOP: what came meanwhile goes before what became due. */
	if (count < 0 && errno == EINTR)
		count = epoll_wait(loop->epoll_fd, loop->batch, BATCH, 0);
	loop->batch_count = count > 0 ? count : 0;
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr != NULL)
			serve(loop->batch[i].data.ptr, loop->batch[i].events);
	loop->batch_count = 0;
	if (loop->always_count > 0)
		serve_always(loop);
	serve_timers(loop);
}

void
jobq_loop_run(struct jobq_loop *loop)
{
	while (!loop->stopped)
		jobq_loop_turn(loop, -1);
	loop->stopped = false;
}

void
jobq_loop_stop(struct jobq_loop *loop)
{
	loop->stopped = true;
}
