/*
 * One epoll descriptor holds the listeners and the connections, so that the
 * server's own loop watches one thing. A connection is reading (its head is
 * not whole), held (its head is with the one who decides; it is not watched)
 * or leaving: its answer is written, its sending side is shut, and what still
 * comes in is thrown away for a second, for a close with unread bytes would
 * take the answer away from the client again.
 *
 * A head is looked at and left in the socket, for the library reads it again
 * with what follows; so that what lies there unread does not wake anybody,
 * only what is new is waited for (EPOLLET).
 */
#include "gate.h"

#include "answer.h"
#include "clock.h"
#include "listen.h"
#include "mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define LEAVE_MS 1000
#define PEEKED (JOBQ_HEAD_LINE_MAX + JOBQ_HEAD_MAX + 1024)
#define ACCEPTS_AT_ONCE 64
#define FULL_MS 100 /* without accepting, when descriptors have run out */
#define KEPT 16	    /* descriptors for others, or a quarter of a few */

enum standing { LISTENER, READING, HELD, LEAVING };

struct spot {
	enum standing standing;
	struct jobq_arrival arrival; /* of a listener: its listener alone */
	int64_t until_ms;
	unsigned char peer[16];
	bool counted; /* of its peer there are at most so many */
	struct spot *next, *last;
};

struct jobq_gate {
	int epoll;
	jobq_arrived_fn *arrived;
	jobq_gives_way_fn *gives_way;
	void *context;
	int fd_most; /* no connection has a higher one: those are kept */
	struct spot *oldest, *newest; /* connections, as they came */
	struct spot *listeners;
	size_t count;
	int64_t full_until_ms; /* 0: accepting */
};

struct jobq_gate *
jobq_gate_new(
    jobq_arrived_fn *arrived, jobq_gives_way_fn *gives_way, void *context)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct jobq_gate *gate;

	if (epoll < 0)
		return NULL;
	gate = jobq_xcalloc(1, sizeof(*gate));
	gate->epoll = epoll;
	gate->arrived = arrived;
	gate->gives_way = gives_way;
	gate->context = context;
	return gate;
}

static void
watch(struct jobq_gate *gate, struct spot *spot, int operation)
{
	struct epoll_event event = { .data.ptr = spot,
		.events = spot->standing == READING
			      ? EPOLLIN | EPOLLRDHUP | EPOLLET
			      : EPOLLIN };

	epoll_ctl(gate->epoll, operation,
	    spot->standing == LISTENER ? spot->arrival.listener->fd
				       : spot->arrival.fd,
	    &event);
}

static void
forget(struct jobq_gate *gate, struct spot *spot)
{
	*(spot->last == NULL ? &gate->oldest : &spot->last->next) = spot->next;
	*(spot->next == NULL ? &gate->newest : &spot->next->last) = spot->last;
	gate->count--;
	jobq_buf_release(&spot->arrival.text);
	free(spot);
}

static void
drop(struct jobq_gate *gate, struct spot *spot)
{
	close(spot->arrival.fd);
	forget(gate, spot);
}

static struct spot *
spot_of(struct jobq_arrival *arrival)
{
	return (
	    struct spot *)((char *)arrival - offsetof(struct spot, arrival));
}

int
jobq_gate_take(struct jobq_gate *gate, struct jobq_arrival *arrival)
{
	int fd = arrival->fd;

	forget(gate, spot_of(arrival));
	return fd;
}

/* An answer fits into the socket's buffer, which nothing was written to. */
void
jobq_gate_refuse(struct jobq_gate *gate, struct jobq_arrival *arrival,
    const struct jobq_buf *answer)
{
	struct spot *spot = spot_of(arrival);
	enum standing stood = spot->standing;
	ssize_t sent = send(arrival->fd, answer->data, answer->len,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 || shutdown(arrival->fd, SHUT_WR) != 0) {
		drop(gate, spot);
		return;
	}
	spot->standing = LEAVING;
	watch(gate, spot, stood == HELD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
	spot->until_ms = jobq_mono_ms() + LEAVE_MS;
}

/* All that lies there, up to more than a head may be; most are short. */
static ssize_t
peek(struct spot *spot)
{
	struct jobq_buf *text = &spot->arrival.text;
	size_t room = text->len + 1024;
	ssize_t got;

	for (;; room *= 4) {
		jobq_buf_reserve(text, room);
		got = recv(spot->arrival.fd, text->data, room,
		    MSG_DONTWAIT | MSG_PEEK);
		if (got < (ssize_t)room || room >= PEEKED)
			return got;
	}
}

static void
read_head(struct jobq_gate *gate, struct spot *spot, bool ends)
{
	struct jobq_buf *text = &spot->arrival.text;
	struct jobq_buf answer = JOBQ_BUF_INIT;
	const char *why = NULL;
	ssize_t got;
	int size;

	got = peek(spot);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || (ends && (size_t)got == text->len)) {
		drop(gate, spot);
		return;
	}
	text->len = (size_t)got;
	size =
	    jobq_head_check(text->data, text->len, &spot->arrival.head, &why);
	if (size == 0)
		return;
	if (size < 0) {
		jobq_answer_problem(&answer, -size, NULL, why, strlen(why));
		jobq_gate_refuse(gate, &spot->arrival, &answer);
		jobq_buf_release(&answer);
		return;
	}
	epoll_ctl(gate->epoll, EPOLL_CTL_DEL, spot->arrival.fd, NULL);
	spot->standing = HELD;
	gate->arrived(gate->context, &spot->arrival);
}

static void
throw_away(struct jobq_gate *gate, struct spot *spot)
{
	char bytes[4096];
	ssize_t got =
	    recv(spot->arrival.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		drop(gate, spot);
}

bool
jobq_gate_peer(const struct sockaddr_storage *address, unsigned char peer[16])
{
	const struct sockaddr_in *four = (const void *)address;
	const struct sockaddr_in6 *six = (const void *)address;
	bool mapped;

	if (address->ss_family == AF_INET) {
		memcpy(peer, &four->sin_addr, 4);
		return ntohl(four->sin_addr.s_addr) >> 24 != 127;
	}
	if (address->ss_family != AF_INET6)
		return false;
	mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
	memcpy(peer, &six->sin6_addr, mapped ? 16 : 8);
	return !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) &&
	       !(mapped && six->sin6_addr.s6_addr[12] == 127);
}

/* Only those that are still reading can make room. */
static void
make_room(struct jobq_gate *gate, const struct spot *fresh)
{
	struct spot *spot, *first = NULL, *first_of_peer = NULL;
	size_t reading = 0, of_peer = 0;

	for (spot = gate->oldest; spot != NULL; spot = spot->next) {
		if (spot->standing == HELD)
			continue;
		reading++;
		if (first == NULL)
			first = spot;
		if (!fresh->counted || !spot->counted ||
		    memcmp(spot->peer, fresh->peer, sizeof(fresh->peer)) != 0)
			continue;
		of_peer++;
		if (first_of_peer == NULL)
			first_of_peer = spot;
	}
	if (of_peer >= JOBQ_GATE_PEER_MOST)
		drop(gate, first_of_peer);
	else if (reading >= JOBQ_GATE_MOST)
		drop(gate, first);
}

static void
enter(struct jobq_gate *gate, const struct jobq_listener *listener, int fd,
    const struct sockaddr_storage *address)
{
	const int one = 1;
	struct spot *spot = jobq_xcalloc(1, sizeof(*spot));

	spot->standing = READING;
	spot->arrival.fd = fd;
	spot->arrival.listener = listener;
	spot->until_ms = jobq_mono_ms() + JOBQ_GATE_HEAD_MS;
	spot->counted = jobq_gate_peer(address, spot->peer);
	make_room(gate, spot);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	spot->last = gate->newest;
	*(spot->last == NULL ? &gate->oldest : &spot->last->next) = spot;
	gate->newest = spot;
	gate->count++;
	watch(gate, spot, EPOLL_CTL_ADD);
	read_head(gate, spot, false);
}

/* The oldest here gives its descriptor, unless one let through does. */
static bool
gives_way(struct jobq_gate *gate)
{
	struct spot *spot = gate->oldest;

	while (spot != NULL && spot->standing == HELD)
		spot = spot->next;
	if (gate->gives_way(gate->context,
		spot == NULL ? INT64_MAX : spot->until_ms - JOBQ_GATE_HEAD_MS))
		return true;
	if (spot != NULL)
		drop(gate, spot);
	return spot != NULL;
}

/* Without a free descriptor accept4() does not even look. */
static bool
somebody_waits(const struct jobq_listener *listener)
{
	struct pollfd polled = { .fd = listener->fd, .events = POLLIN };

	return poll(&polled, 1, 0) > 0;
}

/* Lets them wait for a moment. */
static void
pause_listeners(struct jobq_gate *gate)
{
	gate->full_until_ms = jobq_mono_ms() + FULL_MS;
	for (struct spot *l = gate->listeners; l != NULL; l = l->next)
		epoll_ctl(
		    gate->epoll, EPOLL_CTL_DEL, l->arrival.listener->fd, NULL);
}

/* The one that was given for it, so that those that are kept stay free. */
static int
lower(const struct jobq_gate *gate, int fd)
{
	int other = fd < gate->fd_most ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (other < 0)
		return fd;
	close(fd);
	return other;
}

static void
accept_some(struct jobq_gate *gate, const struct jobq_listener *listener)
{
	struct sockaddr_storage address;
	socklen_t len;
	bool fits;
	int fd;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		len = sizeof(address);
		fd = accept4(listener->fd, (struct sockaddr *)&address, &len,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0 && !somebody_waits(listener))
			return;
		fits = (fd >= 0 && fd < gate->fd_most) || gives_way(gate);
		if (fd >= 0)
			enter(gate, listener, lower(gate, fd), &address);
		/* All wait for the store, which takes 10 s at most. */
		if (!fits) {
			pause_listeners(gate);
			return;
		}
	}
}

void
jobq_gate_look(struct jobq_gate *gate)
{
	struct epoll_event event;

	/* One at a time: what one does may end another. */
	for (int i = 0; i < 256 && epoll_wait(gate->epoll, &event, 1, 0) == 1;
	     i++) {
		struct spot *spot = event.data.ptr;

		if (spot->standing == LISTENER)
			accept_some(gate, spot->arrival.listener);
		else if (spot->standing == READING)
			read_head(gate, spot,
			    (event.events & ~(uint32_t)EPOLLIN) != 0);
		else
			throw_away(gate, spot);
	}
}

void
jobq_gate_tick(struct jobq_gate *gate)
{
	static const char late[] = "the head of the request took too long";
	int64_t now_ms = jobq_mono_ms();
	struct jobq_buf answer = JOBQ_BUF_INIT;
	struct spot *next;

	for (struct spot *spot = gate->oldest; spot != NULL; spot = next) {
		next = spot->next;
		if (spot->until_ms > now_ms || spot->standing == HELD)
			continue;
		if (spot->standing == READING && spot->arrival.text.len > 0) {
			jobq_buf_clear(&answer);
			jobq_answer_problem(
			    &answer, 408, NULL, late, sizeof(late) - 1);
			jobq_gate_refuse(gate, &spot->arrival, &answer);
		} else {
			drop(gate, spot);
		}
	}
	jobq_buf_release(&answer);
	if (gate->full_until_ms == 0 || gate->full_until_ms > now_ms)
		return;
	gate->full_until_ms = 0;
	for (struct spot *l = gate->listeners; l != NULL; l = l->next)
		watch(gate, l, EPOLL_CTL_ADD);
}

void
jobq_gate_listen(struct jobq_gate *gate, const struct jobq_listener *listener)
{
	struct spot *spot = jobq_xcalloc(1, sizeof(*spot));
	struct rlimit limit = { .rlim_cur = INT_MAX };

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
		limit.rlim_cur = INT_MAX;
	gate->fd_most =
	    (int)limit.rlim_cur -
	    (limit.rlim_cur / 4 < KEPT ? (int)limit.rlim_cur / 4 : KEPT);
	fcntl(listener->fd, F_SETFL, O_NONBLOCK);
	spot->standing = LISTENER;
	spot->arrival.listener = listener;
	spot->next = gate->listeners;
	gate->listeners = spot;
	watch(gate, spot, EPOLL_CTL_ADD);
}

static void
close_listeners(struct jobq_gate *gate)
{
	struct spot *next;

	for (struct spot *spot = gate->listeners; spot != NULL; spot = next) {
		next = spot->next;
		epoll_ctl(gate->epoll, EPOLL_CTL_DEL,
		    spot->arrival.listener->fd, NULL);
		free(spot);
	}
	gate->listeners = NULL;
}

void
jobq_gate_free(struct jobq_gate *gate)
{
	if (gate == NULL)
		return;
	close_listeners(gate);
	while (gate->oldest != NULL)
		drop(gate, gate->oldest);
	close(gate->epoll);
	free(gate);
}

int
jobq_gate_fd(const struct jobq_gate *gate)
{
	return gate->epoll;
}

size_t
jobq_gate_count(const struct jobq_gate *gate)
{
	return gate->count;
}
