/*
 * The reader keeps one buffer: what was handed out stands before start, what
 * is left after it. A fill moves the rest (less than one line, for all whole
 * ones are taken first) to the front and reads once behind it. Bytes that
 * were searched for the delimiter are not searched again, so a line that
 * arrives in small pieces costs no more than its length.
 *
 * A line that is longer than the limit is reported as soon as that is
 * certain; then its bytes are thrown away as they come (skipping).
 */
#include "line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define READ_BYTES ((size_t)64 << 10)

/* What may stand in the buffer beside a line of the longest kind. */
#define BOM "\xef\xbb\xbf"
#define SLACK (sizeof(BOM) - 1 + sizeof("\r") - 1)

/* Sent bytes stay in a writer's buffer until there are so many. */
#define KEEP_SENT ((size_t)64 << 10)

void
jobq_reader_init(struct jobq_reader *reader, int fd, size_t max_bytes)
{
	*reader = (struct jobq_reader){
		.fd = fd,
		.max_bytes = max_bytes,
		.delimiter = '\n',
	};
}

void
jobq_reader_release(struct jobq_reader *reader)
{
	jobq_buf_release(&reader->buf);
	reader->start = 0;
	reader->searched = 0;
}

/* How messages call a descriptor. */
static const char *
fd_name(int fd)
{
	static const char *const names[] = { "standard input",
		"standard output", "standard error" };

	return fd >= 0 && fd <= 2 ? names[fd] : "a pipe or file";
}

enum jobq_status
jobq_reader_fill(struct jobq_reader *reader, struct jobq_err *err)
{
	struct jobq_buf *buf = &reader->buf;
	size_t most = reader->read_bytes > 0 ? reader->read_bytes : READ_BYTES;
	ssize_t got;

	if (reader->eof)
		return JOBQ_OK;
	jobq_buf_drop(buf, reader->start);
	reader->start = 0;
	jobq_buf_reserve(buf, most);
	got = read(reader->fd, buf->data + buf->len, most);
	if (got < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return JOBQ_EMPTY;
		return jobq_fail(err, JOBQ_IO, "unable to read %s: %s",
		    fd_name(reader->fd), strerror(errno));
	}
	if (got == 0)
		reader->eof = true;
	buf->len += (size_t)got;
	buf->data[buf->len] = '\0';
	return JOBQ_OK;
}

static bool
is_blank(struct jobq_span line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.at[i] != ' ' && line.at[i] != '\t' &&
		    line.at[i] != '\r')
			return false;
	}
	return true;
}

/* Takes the line's own bytes out of what stood between two delimiters. */
static void
trim(const struct jobq_reader *reader, struct jobq_span *line)
{
	if (reader->delimiter != '\n')
		return;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	if (reader->number == 1 && line->len >= sizeof(BOM) - 1 &&
	    memcmp(line->at, BOM, sizeof(BOM) - 1) == 0) {
		line->at += sizeof(BOM) - 1;
		line->len -= sizeof(BOM) - 1;
	}
}

static enum jobq_status
too_long(const struct jobq_reader *reader, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_INVALID, "line %lu is longer than %zu bytes",
	    reader->number, reader->max_bytes);
}

/* Throws the rest of a long line away; false when its end has not come. */
static bool
skip(struct jobq_reader *reader)
{
	struct jobq_buf *buf = &reader->buf;
	char *from;
	char *stop;

	if (buf->len == reader->start)
		return false;
	from = buf->data + reader->start;
	stop = memchr(from, reader->delimiter, buf->len - reader->start);
	reader->searched = 0;
	if (stop == NULL) {
		jobq_buf_clear(buf);
		reader->start = 0;
		return false;
	}
	reader->start = (size_t)(stop - buf->data) + 1;
	reader->skipping = false;
	return true;
}

/* What stands behind the last delimiter, at the end of the input. */
static enum jobq_status
last_line(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err)
{
	struct jobq_span value;
	struct jobq_err why;

	reader->number++;
	line->at = reader->buf.data + reader->start;
	line->len = reader->buf.len - reader->start;
	reader->start = reader->buf.len;
	reader->searched = 0;
	trim(reader, line);
	if (line->len > reader->max_bytes)
		return too_long(reader, err);
	if (is_blank(*line) && !reader->keep_blank)
		return JOBQ_EMPTY;
	if (reader->any_text ||
	    jobq_json_check(line->at, line->len, &value, &why) == JOBQ_OK)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_INVALID,
	    "line %lu, the last one, has no newline and is cut short (%s)",
	    reader->number, why.text);
}

/* Nothing is left to hand out before more is read. */
static enum jobq_status
need_more(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err)
{
	size_t left = reader->buf.len - reader->start;

	if (left > reader->max_bytes + SLACK) {
		reader->number++;
		reader->skipping = true;
		reader->searched = 0;
		jobq_buf_clear(&reader->buf);
		reader->start = 0;
		return too_long(reader, err);
	}
	if (reader->eof && left > 0)
		return last_line(reader, line, err);
	reader->searched = left;
	return JOBQ_EMPTY;
}

enum jobq_status
jobq_reader_next(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err)
{
	struct jobq_buf *buf = &reader->buf;

	for (;;) {
		size_t from;
		char *stop = NULL;

		if (reader->skipping && !skip(reader))
			return JOBQ_EMPTY;
		from = reader->start + reader->searched;
		if (buf->len > from)
			stop = memchr(buf->data + from, reader->delimiter,
			    buf->len - from);
		if (stop == NULL)
			return need_more(reader, line, err);
		line->at = buf->data + reader->start;
		line->len = (size_t)(stop - line->at);
		reader->number++;
		reader->start += line->len + 1;
		reader->searched = 0;
		trim(reader, line);
		if (line->len > reader->max_bytes)
			return too_long(reader, err);
		if (reader->keep_blank || !is_blank(*line))
			return JOBQ_OK;
	}
}

/* Waits until the fd can be read or written; a signal ends the wait too. */
static enum jobq_status
wait_for(int fd, short what, struct jobq_err *err)
{
	struct pollfd poller = { .fd = fd, .events = what };

	if (poll(&poller, 1, -1) < 0 && errno != EINTR)
		return jobq_fail(err, JOBQ_IO, "unable to wait for %s: %s",
		    fd_name(fd), strerror(errno));
	return JOBQ_OK;
}

enum jobq_status
jobq_reader_get(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err)
{
	for (;;) {
		enum jobq_status status = jobq_reader_next(reader, line, err);

		if (status != JOBQ_EMPTY || reader->eof)
			return status;
		status = jobq_reader_fill(reader, err);
		if (status == JOBQ_EMPTY)
			status = wait_for(reader->fd, POLLIN, err);
		if (status != JOBQ_OK)
			return status;
	}
}

void
jobq_writer_init(struct jobq_writer *writer, int fd)
{
	*writer = (struct jobq_writer){ .fd = fd };
}

void
jobq_writer_release(struct jobq_writer *writer)
{
	jobq_buf_release(&writer->buf);
	writer->sent = 0;
}

/* Sent bytes go when they are the larger part, so that each moves once. */
void
jobq_writer_line(struct jobq_writer *writer, const char *text, size_t len)
{
	struct jobq_buf *buf = &writer->buf;

	if (writer->sent > KEEP_SENT && writer->sent > buf->len / 2) {
		jobq_buf_drop(buf, writer->sent);
		writer->sent = 0;
	}
	jobq_buf_reserve(buf, len + 1);
	memcpy(buf->data + buf->len, text, len);
	buf->len += len;
	buf->data[buf->len++] = '\n';
	buf->data[buf->len] = '\0';
}

size_t
jobq_writer_pending(const struct jobq_writer *writer)
{
	return writer->buf.len - writer->sent;
}

/* How much to write now: whole lines, where at least one fits. */
static size_t
portion(const struct jobq_writer *writer, size_t max_bytes)
{
	size_t pending = jobq_writer_pending(writer);
	const char *from = writer->buf.data + writer->sent;
	const char *last;

	if (max_bytes == 0 || pending <= max_bytes)
		return pending;
	last = memrchr(from, '\n', max_bytes);
	return last != NULL ? (size_t)(last - from) + 1 : max_bytes;
}

enum jobq_status
jobq_writer_step(
    struct jobq_writer *writer, size_t max_bytes, struct jobq_err *err)
{
	ssize_t put;

	if (jobq_writer_pending(writer) == 0)
		return JOBQ_OK;
	put = write(writer->fd, writer->buf.data + writer->sent,
	    portion(writer, max_bytes));
	if (put < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return JOBQ_OK;
		return jobq_fail(err, JOBQ_IO, "unable to write to %s: %s",
		    fd_name(writer->fd), strerror(errno));
	}
	writer->sent += (size_t)put;
	if (jobq_writer_pending(writer) == 0) {
		jobq_buf_clear(&writer->buf);
		writer->sent = 0;
	}
	return JOBQ_OK;
}

enum jobq_status
jobq_writer_flush(struct jobq_writer *writer, struct jobq_err *err)
{
	size_t pending = jobq_writer_pending(writer);

	while (pending > 0) {
		enum jobq_status status = jobq_writer_step(writer, 0, err);
		size_t left = jobq_writer_pending(writer);

		if (status == JOBQ_OK && left == pending)
			status = wait_for(writer->fd, POLLOUT, err);
		if (status != JOBQ_OK)
			return status;
		pending = left;
	}
	return JOBQ_OK;
}
