/*
 * The loop of a command that waits for several things at once: file
 * descriptors, timers, signals (as a signalfd). Everything runs on one
 * thread; a callback may add, change and remove any watch or timer, itself
 * included. Watches and timers are the caller's memory.
 */
#ifndef JOBQ_LOOP_H
#define JOBQ_LOOP_H

#include "status.h"

#include <sys/signalfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_READ 1u
#define JOBQ_WRITE 2u
#define JOBQ_HANGUP 4u /* reported, never asked for: the other side is gone */

struct jobq_loop;

struct jobq_watch {
	int fd; /* -1: not watched */
	unsigned want;
	void (*ready)(void *context, unsigned what);
	void *context;
	bool always; /* a regular file: poll cannot wait for it */
};

struct jobq_timer {
	int64_t at_ms; /* monotonic; 0: not set */
	size_t place;  /* in the loop's heap */
	void (*due)(void *context);
	void *context;
};

struct jobq_loop *jobq_loop_new(void);
void jobq_loop_free(struct jobq_loop *loop);

/*
 * Watches fd for JOBQ_READ, JOBQ_WRITE, both, or 0 (only a hang-up). The
 * watch must be removed before its fd is closed.
 */
void jobq_watch_add(struct jobq_loop *loop, struct jobq_watch *watch, int fd,
    unsigned want, void (*ready)(void *, unsigned), void *context);
void jobq_watch_want(
    struct jobq_loop *loop, struct jobq_watch *watch, unsigned want);
void jobq_watch_remove(struct jobq_loop *loop, struct jobq_watch *watch);

/* Sets or moves a timer; due and context are taken from its members. */
void jobq_timer_set(
    struct jobq_loop *loop, struct jobq_timer *timer, int64_t at_ms);
void jobq_timer_stop(struct jobq_loop *loop, struct jobq_timer *timer);

/*
 * Blocks the signals in a list ended by 0 and delivers them to
 * fn, one call each. May be called once per loop.
 */
void jobq_loop_signals(struct jobq_loop *loop, const int *signals,
    void (*fn)(void *context, const struct signalfd_siginfo *info),
    void *context);

/* Runs until jobq_loop_stop(); what is due is done in order of time. */
void jobq_loop_run(struct jobq_loop *loop);
void jobq_loop_stop(struct jobq_loop *loop);

/* Waits once, at most wait_ms (-1: no limit), and does what came up. */
void jobq_loop_turn(struct jobq_loop *loop, int64_t wait_ms);

#endif
