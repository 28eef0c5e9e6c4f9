#include "chunk.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "banned.h"

#define EXTENSION_MOST 256
#define DIGITS_MOST 8
#define TRAILERS_MOST 4096

/* The length of the line without its CRLF, -1: not whole, -2: no good one. */
static ptrdiff_t
line_length(const char *bytes, size_t len, size_t most)
{
	const char *end = memchr(bytes, '\n', len);

	if (end == NULL)
		return len > most ? -2 : -1;
	if (end == bytes || end[-1] != '\r' ||
	    memchr(bytes, '\r', (size_t)(end - 1 - bytes)) != NULL ||
	    (size_t)(end - bytes) > most)
		return -2;
	return end - 1 - bytes;
}

/* "1a2b" or "1a2b;name=value"; false when it is neither. */
static bool
read_size(const char *line, size_t len, size_t *size)
{
	size_t i = 0;

	*size = 0;
	for (; i < len && i <= DIGITS_MOST; i++) {
		char c = (char)(line[i] | 32);

		if (line[i] >= '0' && line[i] <= '9')
			*size = *size * 16 + (size_t)(line[i] - '0');
		else if (c >= 'a' && c <= 'f')
			*size = *size * 16 + (size_t)(c - 'a' + 10);
		else
			break;
	}
	if (i == 0 || i > DIGITS_MOST)
		return false;
	while (i < len && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return i == len || line[i] == ';';
}

static int
take_size(struct jobq_chunks *chunks, const char *bytes, size_t len,
    size_t room, size_t *used)
{
	ptrdiff_t length =
	    line_length(bytes, len, DIGITS_MOST + EXTENSION_MOST + 1);

	if (length < 0)
		return length == -1 ? 0 : 400;
	if (!read_size(bytes, (size_t)length, &chunks->left))
		return 400;
	if (chunks->left > room)
		return 413;
	chunks->step = chunks->left == 0 ? JOBQ_CHUNK_TRAILER : JOBQ_CHUNK_DATA;
	*used += (size_t)length + 2;
	return 100;
}

static int
take_trailer(
    struct jobq_chunks *chunks, const char *bytes, size_t len, size_t *used)
{
	ptrdiff_t length =
	    line_length(bytes, len, TRAILERS_MOST - chunks->trailers);

	if (length < 0)
		return length == -1 ? 0 : 400;
	chunks->trailers += (size_t)length + 2;
	*used += (size_t)length + 2;
	if (length == 0)
		chunks->step = JOBQ_CHUNK_DONE;
	return chunks->trailers > TRAILERS_MOST ? 400 : 100;
}

/* A step; 100 when there is another. */
static int
take(struct jobq_chunks *chunks, const char *bytes, size_t len,
    size_t most_bytes, struct jobq_buf *body, size_t *used)
{
	size_t some = len < chunks->left ? len : chunks->left;

	switch (chunks->step) {
	case JOBQ_CHUNK_SIZE:
		return take_size(
		    chunks, bytes, len, most_bytes - body->len, used);
	case JOBQ_CHUNK_DATA:
		jobq_buf_add(body, bytes, some);
		*used += some;
		chunks->left -= some;
		if (chunks->left > 0)
			return 0;
		chunks->step = JOBQ_CHUNK_DATA_END;
		return 100;
	case JOBQ_CHUNK_DATA_END:
		if (len < 2)
			return len == 0 || *bytes == '\r' ? 0 : 400;
		if (memcmp(bytes, "\r\n", 2) != 0)
			return 400;
		*used += 2;
		chunks->step = JOBQ_CHUNK_SIZE;
		return 100;
	case JOBQ_CHUNK_TRAILER:
		return take_trailer(chunks, bytes, len, used);
	case JOBQ_CHUNK_DONE:
		break;
	}
	return 200;
}

int
jobq_chunks_take(struct jobq_chunks *chunks, const char *bytes, size_t len,
    size_t most_bytes, struct jobq_buf *body, size_t *used)
{
	int status = 100;

	*used = 0;
	while (status == 100)
		status = take(
		    chunks, bytes + *used, len - *used, most_bytes, body, used);
	return status;
}
