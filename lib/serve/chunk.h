/*
 * A body in chunks (RFC 9112, section 7.1), read as it comes: extensions are
 * skipped, up to 256 bytes of each; so are trailers, up to 4 KiB.
 */
#ifndef JOBQ_SERVE_CHUNK_H
#define JOBQ_SERVE_CHUNK_H

#include "buf.h"

#include <stddef.h>

enum jobq_chunk_step {
	JOBQ_CHUNK_SIZE,
	JOBQ_CHUNK_DATA,
	JOBQ_CHUNK_DATA_END,
	JOBQ_CHUNK_TRAILER,
	JOBQ_CHUNK_DONE,
};

/* Zeroed before the first bytes. */
struct jobq_chunks {
	enum jobq_chunk_step step;
	size_t left;	 /* of the chunk */
	size_t trailers; /* bytes so far */
};

/*
 * Adds to body what the bytes hold of it and says in *used how many of them
 * were read. Returns 0 when more must come, 200 at the end, 400 when these
 * are no chunks, 413 when the body would be longer than most_bytes.
 */
int jobq_chunks_take(struct jobq_chunks *chunks, const char *bytes, size_t len,
    size_t most_bytes, struct jobq_buf *body, size_t *used);

#endif
