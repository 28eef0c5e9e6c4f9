/*
 * What the files of HTTP connections share: http.c,
 * http_request.c, http_room.c and http_stream.c.
 */
#ifndef JOBQ_SERVE_HTTP_INSIDE_H
#define JOBQ_SERVE_HTTP_INSIDE_H

#include "server.h"

#include <stdbool.h>
#include <stdint.h>

enum step { HEAD, BODY, WAIT, WRITE, STREAM, LEAVE };

struct connection {
	struct jobq_http *http;
	const struct jobq_door *door;
	int fd;
	enum step step;
	uint32_t wants; /* of its events */
	bool open;	/* in the epoll */
	bool dead;	/* to be freed when the step is done */
	int64_t until_ms;
	bool unfinished; /* a request has begun to come and is not whole */
	int64_t unfinished_ms;
	unsigned char peer[16];
	bool counted;	    /* of its peer there are at most so many */
	struct jobq_buf in; /* what was read and not used yet */
	struct jobq_request *request;
	size_t unsent; /* bytes that its answer takes, once it waits */
	struct jobq_channel *channel;
	struct connection *next, *last;
};

struct jobq_http {
	struct jobq_server *server;
	int epoll;
	struct connection *connections, *oldest;
	size_t count;  /* of those that are no streams */
	size_t unsent; /* of all */
};

/* Asks for other events of its descriptor. */
void jobq_http_want(struct connection *connection, uint32_t events);

/* Begins a step that may last so long; 0: for ever. */
void jobq_http_go_on(struct connection *connection, enum step step, int64_t ms);

void jobq_http_end_request(struct connection *connection);

/* Closes and frees it. */
void jobq_http_end(struct connection *connection);

/*
 * http_room.c: of those whose request has begun to come and is not whole, now
 * that this may be one more, the oldest is ended; of all, one that asks
 * nothing now.
 */
void jobq_http_note_unfinished(struct connection *connection);
void jobq_http_make_room(struct jobq_http *http);

/*
 * http_room.c: its answer has to wait; where those that wait are too large
 * together, others are ended, the oldest first.
 */
void jobq_http_note_unsent(struct connection *connection);

/*
 * http_request.c: reads the head into the request, which may be answered
 * then: refused.
 */
void jobq_http_read(struct jobq_request *request, const struct jobq_door *door,
    const struct jobq_head *head);

/* http_stream.c: there is room to write in. */
void jobq_http_stream_write(struct connection *connection);

#endif
