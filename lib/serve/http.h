/*
 * Connections of HTTP/1.1 behind the gate: every head of every request is
 * read by head.c and nothing else, bodies by their length; requests that come
 * together are answered one after the other. All of them stand in one epoll
 * descriptor, which the server's loop watches.
 *
 * A request's head has 10 s from its first byte, a body 30 s and then 16
 * KiB/s; a connection that asks nothing for 60 s is closed, and so is one
 * that takes nothing of its answer for 30 s. Of those whose request has begun
 * and is not whole there are as few as in the gate; the oldest makes room.
 */
#ifndef JOBQ_SERVE_HTTP_H
#define JOBQ_SERVE_HTTP_H

#include "channel.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_door;
struct jobq_http;
struct jobq_request;
struct jobq_server;

/* NULL with errno set when this process may open no more. */
struct jobq_http *jobq_http_new(struct jobq_server *server);
void jobq_http_free(struct jobq_http *http);

int jobq_http_fd(const struct jobq_http *http);
void jobq_http_look(struct jobq_http *http);
void jobq_http_tick(struct jobq_http *http);

/* Takes a connection over, of which nothing was read. */
void jobq_http_admit(
    struct jobq_http *http, int fd, const struct jobq_door *door);

/*
 * Ends a connection, so that another has its descriptor: one that asks nothing
 * now, else the oldest whose request is not whole, if that was so before
 * since_ms; with INT64_MAX one that reads slowly, too. False: there is none.
 */
bool jobq_http_give_way(struct jobq_http *http, int64_t since_ms);

/* The answer of a request stands in its out. */
void jobq_http_answered(struct jobq_request *request);

/*
 * Answers a request with a stream of events that ends when the channel does.
 * False when the client has gone, or wants the head alone; the channel stays
 * the caller's then.
 */
bool jobq_http_stream(
    struct jobq_request *request, struct jobq_channel *channel);
void jobq_http_stream_wake(struct jobq_channel *channel);

#endif
