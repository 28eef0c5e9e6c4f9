/*
 * What the files share that speak to libwebsockets: web.c, web_request.c and
 * web_channel.c.
 */
#ifndef JOBQ_SERVE_WEB_H
#define JOBQ_SERVE_WEB_H

#include "server.h"

#include <libwebsockets.h>

struct connection {
	struct jobq_server *server;
	const struct jobq_door *door;
	struct lws *wsi;	      /* NULL: not seen yet */
	struct jobq_request *request; /* being read or answered */
	struct jobq_channel *channel;
	bool dispatching; /* what is answered now is written at once */
};

/*
 * Steps of a callback of the library; what is not 0 closes the connection.
 */

/* web_request.c: a head, some of a body, its end, room to write in. */
int jobq_web_request_begin(struct connection *connection);
int jobq_web_request_body(
    struct connection *connection, const void *bytes, size_t len);
int jobq_web_request_dispatch(struct connection *connection);
int jobq_web_request_write(struct connection *connection);
void jobq_web_request_end(struct connection *connection);

/* web_channel.c */
void jobq_web_channel_link(
    struct connection *connection, struct jobq_channel *channel);
int jobq_web_channel_pump(struct jobq_channel *channel);
int jobq_web_channel_hear(
    struct jobq_channel *channel, const char *bytes, size_t len);
void jobq_web_channel_end(struct connection *connection);

#endif
