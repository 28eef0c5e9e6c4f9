/*
 * A piece ends at a newline whenever one is near enough. A line that is
 * longer than a piece may be is cut, and the rest of it is skipped and
 * counted; so a piece is never a part of a line that pretends to be whole.
 */
#include "run_stream.h"

#include "json.h"

#include <string.h>

#include "banned.h"

/* More than this is not kept from one job to the next. */
#define KEEP_BYTES ((size_t)128 << 10)

void
jobq_stream_release(struct jobq_stream *stream)
{
	jobq_buf_release(&stream->head);
	jobq_buf_release(&stream->tail);
}

void
jobq_stream_begin(struct jobq_stream *stream, size_t limit_bytes)
{
	struct jobq_buf head = stream->head;
	struct jobq_buf tail = stream->tail;

	if (head.cap > KEEP_BYTES)
		jobq_buf_release(&head);
	jobq_buf_clear(&head);
	jobq_buf_clear(&tail);
	*stream = (struct jobq_stream){
		.limit_bytes = limit_bytes, .head = head, .tail = tail
	};
}

/* Counts what is beyond the limit, and keeps its end. */
static void
add_over(struct jobq_stream *stream, const char *bytes, size_t len)
{
	const char *newline;

	if (len == 0)
		return;
	stream->over_bytes += len;
	if (!stream->over_line_ended) {
		newline = memchr(bytes, '\n', len);
		stream->over_line_ended = newline != NULL;
		stream->over_line_bytes +=
		    newline != NULL ? (size_t)(newline - bytes) : len;
	}
	if (len > JOBQ_TAIL_MAX) {
		bytes += len - JOBQ_TAIL_MAX;
		len = JOBQ_TAIL_MAX;
	}
	if (stream->tail.len + len > 4 * JOBQ_TAIL_MAX)
		jobq_buf_drop(&stream->tail, stream->tail.len - JOBQ_TAIL_MAX);
	jobq_buf_add(&stream->tail, bytes, len);
}

void
jobq_stream_add(struct jobq_stream *stream, const char *bytes, size_t len)
{
	size_t room = stream->limit_bytes - stream->head.len;
	size_t kept = len < room ? len : room;
	const char *newline = kept > 0 ? memrchr(bytes, '\n', kept) : NULL;

	if (newline != NULL)
		stream->lines_end =
		    stream->head.len + (size_t)(newline - bytes) + 1;
	if (kept > 0)
		jobq_buf_add(&stream->head, bytes, kept);
	add_over(stream, bytes + kept, len - kept);
}

bool
jobq_stream_ready(const struct jobq_stream *stream)
{
	return stream->told < stream->lines_end ||
	       (stream->eof && stream->told < stream->head.len);
}

/* The longest part of a line that a piece may hold and that ends a character.
 */
static size_t
cut(const char *bytes, size_t len)
{
	size_t end = len < JOBQ_PIECE_MAX ? len : JOBQ_PIECE_MAX;

	for (int i = 0; i < 3 && end < len && end > 0; i++) {
		if (((unsigned char)bytes[end] & 0xc0) != 0x80)
			break;
		end--;
	}
	return end;
}

/* The last line of a stream that has ended, without a newline in the head. */
static void
take_rest(struct jobq_stream *stream, struct jobq_piece *piece)
{
	size_t left = stream->head.len - stream->told;

	piece->len = cut(piece->bytes, left);
	piece->dropped = left - piece->len + stream->over_line_bytes;
	piece->eof = !stream->over_line_ended;
	stream->told = stream->head.len;
}

bool
jobq_stream_take(
    struct jobq_stream *stream, bool one_line, struct jobq_piece *piece)
{
	size_t left, most;
	const char *end;

	if (!jobq_stream_ready(stream))
		return false;
	*piece =
	    (struct jobq_piece){ .bytes = stream->head.data + stream->told };
	if (stream->told >= stream->lines_end) {
		take_rest(stream, piece);
		return true;
	}
	left = stream->lines_end - stream->told;
	most = left <= JOBQ_PIECE_MAX ? left : JOBQ_PIECE_MAX + 1;
	end = one_line ? memchr(piece->bytes, '\n', most)
		       : memrchr(piece->bytes, '\n', most);
	if (end == NULL) {
		end = memchr(piece->bytes, '\n', left);
		piece->len = cut(piece->bytes, (size_t)(end - piece->bytes));
		piece->dropped = (size_t)(end - piece->bytes) - piece->len;
	} else {
		piece->len = (size_t)(end - piece->bytes);
	}
	stream->told += (size_t)(end - piece->bytes) + 1;
	return true;
}

void
jobq_stream_tail(const struct jobq_stream *stream, struct jobq_buf *out)
{
	size_t from_head = 0;
	size_t start = 0;
	size_t skip = stream->tail.len;
	const char *newline;

	jobq_buf_clear(out);
	if (stream->tail.len < JOBQ_TAIL_MAX)
		from_head = JOBQ_TAIL_MAX - stream->tail.len;
	if (from_head > stream->head.len)
		from_head = stream->head.len;
	start = stream->head.len - from_head;
	if (from_head > 0)
		jobq_buf_add(out, stream->head.data + start, from_head);
	skip = skip > JOBQ_TAIL_MAX ? skip - JOBQ_TAIL_MAX : 0;
	if (stream->tail.len > 0)
		jobq_buf_add(
		    out, stream->tail.data + skip, stream->tail.len - skip);
	if (out->len == 0 || (start == 0 && skip == 0 && from_head > 0))
		return;
	newline = memchr(out->data, '\n', out->len - 1);
	if (newline != NULL)
		jobq_buf_drop(out, (size_t)(newline - out->data) + 1);
}

static void
put_base64(struct jobq_buf *out, const char *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes;

	jobq_buf_reserve(out, (len + 2) / 3 * 4);
	for (size_t i = 0; i < len; i += 3) {
		unsigned group = (unsigned)in[i] << 16;
		char text[4];

		if (i + 1 < len)
			group |= (unsigned)in[i + 1] << 8;
		if (i + 2 < len)
			group |= in[i + 2];
		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = i + 1 < len ? digits[group >> 6 & 63] : '=';
		text[3] = i + 2 < len ? digits[group & 63] : '=';
		jobq_buf_add(out, text, sizeof(text));
	}
}

void
jobq_bytes_put(
    struct jobq_buf *out, const char *name, const char *bytes, size_t len)
{
	bool text = len == 0 || (jobq_utf8_valid(bytes, len) == len &&
				    memchr(bytes, '\0', len) == NULL);

	jobq_buf_puts(out, ",\"");
	jobq_buf_puts(out, text ? name : "base64");
	jobq_buf_puts(out, "\":");
	if (text) {
		jobq_json_put_string(out, len > 0 ? bytes : "", len);
		return;
	}
	jobq_buf_putc(out, '"');
	put_base64(out, bytes, len);
	jobq_buf_putc(out, '"');
}
