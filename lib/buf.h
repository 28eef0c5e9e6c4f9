/*
 * Growing text. A struct jobq_buf is always NUL-terminated once anything was
 * added (data is NULL before), may hold NUL bytes, and owns its memory until
 * release. Clearing keeps the memory for the next use.
 */
#ifndef JOBQ_BUF_H
#define JOBQ_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct jobq_buf {
	char *data;
	size_t len;
	size_t cap;
};

#define JOBQ_BUF_INIT      \
	{                  \
		NULL, 0, 0 \
	}

/* Frees the memory; the buf can be used again as after JOBQ_BUF_INIT. */
void jobq_buf_release(struct jobq_buf *buf);

/* Empties the buf and keeps its memory. */
void jobq_buf_clear(struct jobq_buf *buf);

/* Makes room for extra more bytes and the NUL. */
void jobq_buf_reserve(struct jobq_buf *buf, size_t extra);

/* Add bytes, a string, a character, formatted text. */
void jobq_buf_add(struct jobq_buf *buf, const void *bytes, size_t len);
void jobq_buf_puts(struct jobq_buf *buf, const char *text);
void jobq_buf_putc(struct jobq_buf *buf, char c);
void jobq_buf_printf(struct jobq_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void jobq_buf_vprintf(struct jobq_buf *buf, const char *format, va_list args);

/* A signed decimal number, without printf's price. */
void jobq_buf_int(struct jobq_buf *buf, long long number);

/* Removes the first count bytes (at most len) and moves the rest down. */
void jobq_buf_drop(struct jobq_buf *buf, size_t count);

/* Hands the NUL-terminated text to the caller, who frees it; never NULL. */
char *jobq_buf_detach(struct jobq_buf *buf);

/*
 * Adds text for human eyes: control bytes (C0, C1, DEL), bidirectional marks
 * and what is not UTF-8 become \xNN or \uNNNN, so that no text from outside
 * can steer a terminal or forge a log line.
 */
void jobq_buf_escape(struct jobq_buf *buf, const char *text, size_t len);

#endif
