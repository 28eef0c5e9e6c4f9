/*
 * What a driver's listener stands on: one descriptor, the same for as long as
 * the store is open, behind which a connection comes and goes and a timer
 * says when to try the next. The listener takes a step each time that the
 * descriptor is readable; nothing here waits, and what fails costs its caller
 * latency and no more.
 */
#ifndef JOBQ_BELL_H
#define JOBQ_BELL_H

#include <stdbool.h>
#include <stdint.h>

struct jobq_bell {
	int epoll; /* -1: nobody listens */
	int timer;
	int64_t wait_ms; /* until the next attempt; 0: none has failed */
};

void jobq_bell_init(struct jobq_bell *bell);
void jobq_bell_release(struct jobq_bell *bell);

/* The descriptor, made when it is first asked for; -1: there is none. */
int jobq_bell_fd(struct jobq_bell *bell);

/* Sets the timer, in ms from now; 0 stops it. */
void jobq_bell_set(struct jobq_bell *bell, int64_t ms);

/* Sets it for the next attempt: 1 s, doubling to 30 s. */
void jobq_bell_later(struct jobq_bell *bell);

/*
 * Watches a connection's socket for EPOLLIN, EPOLLOUT, or both; one that is
 * closed is forgotten by itself.
 */
void jobq_bell_watch(struct jobq_bell *bell, int fd, uint32_t events);

/*
 * What is to be done now: whether the timer has run out, and whether the
 * socket fd (-1: none) is ready.
 */
void jobq_bell_look(struct jobq_bell *bell, int fd, bool *timer, bool *socket);

#endif
