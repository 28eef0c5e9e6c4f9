/*
 * What a job writes on its standard output or error: the head of it, up to a
 * limit, the tail, and how many bytes there were in all. From the head whole
 * lines are taken for output events while the job runs; the head of standard
 * output is also where the result comes from.
 */
#ifndef JOBQ_RUN_STREAM_H
#define JOBQ_RUN_STREAM_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_PIECE_MAX ((size_t)64 << 10) /* bytes of an output event */
#define JOBQ_TAIL_MAX ((size_t)4 << 10)

struct jobq_stream {
	size_t limit_bytes;
	struct jobq_buf head;
	struct jobq_buf tail;	  /* of what is beyond the limit */
	size_t told;		  /* bytes of head that pieces have covered */
	size_t lines_end;	  /* of head: behind its last newline */
	uint64_t over_bytes;	  /* beyond the limit */
	uint64_t over_line_bytes; /* of these, the rest of head's last line */
	bool over_line_ended;
	bool eof;
};

/* What one output event carries: lines divided by \n, without the last. */
struct jobq_piece {
	const char *bytes;
	size_t len;
	uint64_t dropped; /* bytes that a line had beyond the piece's limit */
	bool eof;	  /* the last line had no newline */
};

void jobq_stream_release(struct jobq_stream *stream);

/* Begins anew; large memory of the last use is given back. */
void jobq_stream_begin(struct jobq_stream *stream, size_t limit_bytes);

void jobq_stream_add(struct jobq_stream *stream, const char *bytes, size_t len);

/* Whether a piece can be taken: a whole line, or at the end any rest. */
bool jobq_stream_ready(const struct jobq_stream *stream);

/*
 * Takes the next piece, of as many lines as it may hold or of one; it lives
 * until the next add or begin.
 */
bool jobq_stream_take(
    struct jobq_stream *stream, bool one_line, struct jobq_piece *piece);

/* The last JOBQ_TAIL_MAX bytes, from the beginning of a line if one is there.
 */
void jobq_stream_tail(const struct jobq_stream *stream, struct jobq_buf *out);

/*
 * Adds a member: ,"NAME":"…" when the bytes are UTF-8 without NUL, else
 * ,"base64":"…".
 */
void jobq_bytes_put(
    struct jobq_buf *out, const char *name, const char *bytes, size_t len);

#endif
