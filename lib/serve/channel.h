/*
 * An answer that goes on: a WebSocket, or a stream of server-sent events.
 * Pieces are asked for when the client takes one, so that nothing piles up
 * here; who has none says so, and wakes the channel later.
 */
#ifndef JOBQ_SERVE_CHANNEL_H
#define JOBQ_SERVE_CHANNEL_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

enum jobq_piece {
	JOBQ_PIECE,	 /* one was added */
	JOBQ_PIECE_NONE, /* not now */
	JOBQ_PIECE_END,	 /* nor ever again */
};

struct jobq_channel_kind {
	/* The next piece: the text of a frame, or lines of a stream. */
	enum jobq_piece (*next)(void *context, struct jobq_buf *out);
	/* A message of the client, whole; NULL where there are none. */
	void (*heard)(void *context, const char *text, size_t len);
	/* The channel is closed; nothing of it is touched after this. */
	void (*gone)(void *context);
};

struct jobq_channel {
	const struct jobq_channel_kind *kind;
	void *context;
	/* The server's own. */
	void *connection; /* NULL: not open */
	bool websocket, closing;
	int code;	 /* a WebSocket's closing status; 0: 1000 */
	const char *why; /* for people, of at most 123 bytes */
	struct jobq_buf in, out;
	size_t sent;
	struct jobq_channel *next, *last; /* of all that are open */
};

/* Has pieces, or an end, now. */
void jobq_channel_wake(struct jobq_channel *channel);

#endif
