/*
 * How the server ends. At the first INT or TERM it lets nobody new in and
 * answers what is under way, for so long as its options say; at the second it
 * ends at once. Before it serves, and after its loop has ended, somebody may
 * wait for a thread: a stop ends that, too.
 */
#ifndef JOBQ_SERVE_DRAIN_H
#define JOBQ_SERVE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct jobq_server;

struct jobq_drain {
	int signals;   /* a signalfd; -1: none */
	int stops;     /* INT and TERM that came */
	bool serving;  /* the loop has begun */
	int64_t by_ms; /* monotonic: by then it is over */
};

/* Blocks the signals in this thread and all that it starts. */
bool jobq_drain_open(struct jobq_server *server);
void jobq_drain_close(struct jobq_server *server);

/* As the first or the next TERM does. */
void jobq_drain_stop(struct jobq_server *server);

/* Takes the signals that have come; for the loop. */
void jobq_drain_look(void *server);

/* Whether a second one has come. */
bool jobq_drain_hurries(const struct jobq_server *server);

/* Whether the loop is to go on: nobody stops it, or some are not answered. */
bool jobq_drain_serves(const struct jobq_server *server);

/* Waits until the descriptor is readable; false: a stop has no time left. */
bool jobq_drain_await(void *server, int fd);

#endif
