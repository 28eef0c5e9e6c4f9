/*
 * The gate before the server: connections whose first request has not come
 * whole yet. What stands here costs a descriptor and the bytes that have
 * come, and nothing of the server; a head that is no good one is answered
 * and its connection closed here.
 *
 * A head has 10 s to come. There are at most 256 connections, of one peer at
 * most 32 (loopback and unix sockets are many peers); the oldest makes room.
 * It also does when descriptors run out, of which some are kept for the store.
 */
#ifndef JOBQ_SERVE_GATE_H
#define JOBQ_SERVE_GATE_H

#include "buf.h"
#include "head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_GATE_MOST 256
#define JOBQ_GATE_PEER_MOST 32
#define JOBQ_GATE_HEAD_MS 10000

struct jobq_gate;
struct jobq_listener;
struct sockaddr_storage;

/* A connection whose head has come; its memory is the gate's. */
struct jobq_arrival {
	int fd;
	const struct jobq_listener *listener;
	struct jobq_buf text; /* the head, and what came with it */
	struct jobq_head head;
};

/*
 * The one who is told of arrivals decides now or later what becomes of each:
 * jobq_gate_take() or jobq_gate_refuse(), each of which ends it.
 */
typedef void jobq_arrived_fn(void *context, struct jobq_arrival *arrival);

/*
 * Called when descriptors run out: whether a connection that was let through
 * has been ended, one that asks nothing or has been slow since before that
 * time.
 */
typedef bool jobq_gives_way_fn(void *context, int64_t since_ms);

/* NULL with errno set when this process may open no more. */
struct jobq_gate *jobq_gate_new(
    jobq_arrived_fn *arrived, jobq_gives_way_fn *gives_way, void *context);

/* Closes what stands in it, arrivals that are not decided included. */
void jobq_gate_free(struct jobq_gate *gate);

/* Readable when jobq_gate_look() has something to do. */
int jobq_gate_fd(const struct jobq_gate *gate);
void jobq_gate_look(struct jobq_gate *gate);

/* To be called about every second: ends what is late. */
void jobq_gate_tick(struct jobq_gate *gate);

/* Accepts from a listener, which outlives the gate. */
void jobq_gate_listen(
    struct jobq_gate *gate, const struct jobq_listener *listener);

/*
 * Whose connection it is: an IPv4 address, or the /64 of an IPv6 one. False
 * for loopback and unix sockets, which are many peers.
 */
bool jobq_gate_peer(
    const struct sockaddr_storage *address, unsigned char peer[16]);

/* How many connections stand in it. */
size_t jobq_gate_count(const struct jobq_gate *gate);

/*
 * Gives the connection out: the descriptor becomes the caller's, and its head
 * is still to be read from it.
 */
int jobq_gate_take(struct jobq_gate *gate, struct jobq_arrival *arrival);

/* Answers with the bytes of a whole answer and closes. */
void jobq_gate_refuse(struct jobq_gate *gate, struct jobq_arrival *arrival,
    const struct jobq_buf *answer);

#endif
