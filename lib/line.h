/*
 * Lines in and out of file descriptors. The reader takes what read() gives,
 * so it fits under poll(); a line may end in \n or \r\n, the first may begin
 * with a byte order mark, blank lines are skipped but counted. The writer
 * keeps what could not be written yet. Neither ever holds more than its
 * limit and one read.
 */
#ifndef JOBQ_LINE_H
#define JOBQ_LINE_H

#include "buf.h"
#include "json.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

#define JOBQ_LINE_MAX ((size_t)1 << 20)	 /* from a producer */
#define JOBQ_STAGE_MAX ((size_t)2 << 20) /* between stages, from a store */

struct jobq_reader {
	int fd;
	size_t max_bytes;
	size_t read_bytes; /* of one fill at most; 0: 64 KiB */
	char delimiter;	   /* '\n'; '\0' for jobq-lines -0: no CR or BOM then */
	bool eof;
	bool skipping;	      /* inside a line that was too long */
	bool keep_blank;      /* hand out blank lines too (jobq-lines) */
	bool any_text;	      /* lines are no JSON: the last needs no end */
	unsigned long number; /* of the line handed out last, from 1 */
	size_t start;	      /* of what was not handed out yet, in buf */
	size_t searched;      /* bytes after start known to have no delimiter */
	struct jobq_buf buf;
};

/* Begins to read from fd, which stays the caller's. */
void jobq_reader_init(struct jobq_reader *reader, int fd, size_t max_bytes);
void jobq_reader_release(struct jobq_reader *reader);

/*
 * One read(). JOBQ_OK when bytes or the end came (then eof is set),
 * JOBQ_EMPTY when a non-blocking fd has nothing now, JOBQ_IO. A signal that
 * interrupts the read is JOBQ_EMPTY too.
 */
enum jobq_status jobq_reader_fill(
    struct jobq_reader *reader, struct jobq_err *err);

/*
 * The next whole line that was read, without its end; it lives until the
 * next call. JOBQ_EMPTY when more must be read first, or at the end.
 * JOBQ_INVALID for a line that is too long, or one at the end of the input
 * that has no newline and is no whole JSON text (the text says "line N");
 * the reader can go on after it. A last line without newline that is a
 * whole JSON text counts.
 */
enum jobq_status jobq_reader_next(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err);

/* Fill and next together, blocking; JOBQ_EMPTY is the end of the input. */
enum jobq_status jobq_reader_get(
    struct jobq_reader *reader, struct jobq_span *line, struct jobq_err *err);

struct jobq_writer {
	int fd;
	size_t sent; /* bytes of buf that are out already */
	struct jobq_buf buf;
};

void jobq_writer_init(struct jobq_writer *writer, int fd);
void jobq_writer_release(struct jobq_writer *writer);

/* Adds one line; its newline is added here. */
void jobq_writer_line(struct jobq_writer *writer, const char *text, size_t len);

/* Bytes that are added and not out yet. */
size_t jobq_writer_pending(const struct jobq_writer *writer);

/*
 * One write() of at most max_bytes (0: all that is there); what a
 * non-blocking fd does not take stays. JOBQ_IO when the other side is gone
 * or the disk is full. Lines that fit into PIPE_BUF are never torn by a
 * second writer when max_bytes is PIPE_BUF or less.
 */
enum jobq_status jobq_writer_step(
    struct jobq_writer *writer, size_t max_bytes, struct jobq_err *err);

/* Everything, waiting for as long as the fd needs. */
enum jobq_status jobq_writer_flush(
    struct jobq_writer *writer, struct jobq_err *err);

#endif
