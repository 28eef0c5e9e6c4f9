#include "buf.h"
#include "mem.h"
#include "utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define LEAST_CAP 64

void
jobq_buf_release(struct jobq_buf *buf)
{
	free(buf->data);
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
}

void
jobq_buf_clear(struct jobq_buf *buf)
{
	buf->len = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

/* cap counts the byte of the NUL; doubling keeps adding linear. */
static void
grow(struct jobq_buf *buf, size_t extra)
{
	size_t cap;

	if (extra > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4)
		extra = SIZE_MAX - buf->len - 1; /* fails below, and says so */
	cap = buf->cap < LEAST_CAP ? LEAST_CAP : buf->cap;
	while (cap - 1 < buf->len + extra && cap <= SIZE_MAX / 2)
		cap *= 2;
	if (cap - 1 < buf->len + extra)
		cap = SIZE_MAX;
	buf->data = jobq_xrealloc(buf->data, cap, 1);
	buf->cap = cap;
	buf->data[buf->len] = '\0';
}

static inline void
reserve(struct jobq_buf *buf, size_t extra)
{
	if (buf->data == NULL || extra >= buf->cap - buf->len)
		grow(buf, extra);
}

void
jobq_buf_reserve(struct jobq_buf *buf, size_t extra)
{
	reserve(buf, extra);
}

static inline void
add(struct jobq_buf *buf, const void *bytes, size_t len)
{
	reserve(buf, len);
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
jobq_buf_add(struct jobq_buf *buf, const void *bytes, size_t len)
{
	add(buf, bytes, len);
}

void
jobq_buf_puts(struct jobq_buf *buf, const char *text)
{
	add(buf, text, strlen(text));
}

void
jobq_buf_putc(struct jobq_buf *buf, char c)
{
	reserve(buf, 1);
	buf->data[buf->len++] = c;
	buf->data[buf->len] = '\0';
}

void
jobq_buf_printf(struct jobq_buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	jobq_buf_vprintf(buf, format, args);
	va_end(args);
}

void
jobq_buf_vprintf(struct jobq_buf *buf, const char *format, va_list args)
{
	va_list again;
	int saved = errno;
	int len;

	va_copy(again, args);
	jobq_buf_reserve(buf, LEAST_CAP);
	len =
	    vsnprintf(buf->data + buf->len, buf->cap - buf->len, format, args);
	if (len < 0)
		JOBQ_BUG("a format that cannot be printed");
	if ((size_t)len >= buf->cap - buf->len) {
		jobq_buf_reserve(buf, (size_t)len);
		vsnprintf(
		    buf->data + buf->len, buf->cap - buf->len, format, again);
	}
	buf->len += (size_t)len;
	va_end(again);
	errno = saved;
}

void
jobq_buf_int(struct jobq_buf *buf, long long number)
{
	char digits[24];
	size_t at = sizeof(digits);
	unsigned long long rest = (unsigned long long)number;

	if (number < 0)
		rest = 0 - rest;
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		digits[--at] = '-';
	jobq_buf_add(buf, digits + at, sizeof(digits) - at);
}

void
jobq_buf_drop(struct jobq_buf *buf, size_t count)
{
	if (count == 0)
		return;
	if (count > buf->len)
		JOBQ_BUG("more bytes dropped than there are");
	buf->len -= count;
	memmove(buf->data, buf->data + count, buf->len + 1);
}

char *
jobq_buf_detach(struct jobq_buf *buf)
{
	char *text;

	jobq_buf_reserve(buf, 0);
	text = buf->data;
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
	return text;
}

/*
 * The code point of a valid sequence when it is one that steers a terminal
 * or ends a line for some reader: C0, DEL, C1, the bidirectional marks, and
 * the line and paragraph separators. 0xffffffff for all others.
 */
static uint32_t
steering(const char *text, size_t len)
{
	const unsigned char *byte = (const unsigned char *)text;
	uint32_t code;

	if (len == 1)
		return byte[0] < 0x20 || byte[0] == 0x7f ? byte[0] : UINT32_MAX;
	if (len == 2)
		code = (byte[0] & 0x1fu) << 6 | (byte[1] & 0x3fu);
	else if (len == 3)
		code = (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 |
		       (byte[2] & 0x3fu);
	else
		return UINT32_MAX;
	if (code <= 0x9f || code == 0x61c || code == 0x200e || code == 0x200f ||
	    (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069))
		return code;
	return UINT32_MAX;
}

void
jobq_buf_escape(struct jobq_buf *buf, const char *text, size_t len)
{
	size_t at = 0;

	jobq_buf_reserve(buf, len);
	while (at < len) {
		int good;
		size_t step = jobq_utf8_step(text + at, len - at, &good);
		uint32_t code = good ? steering(text + at, step) : 0;

		if (good && code == UINT32_MAX) {
			jobq_buf_add(buf, text + at, step);
		} else if (good && code >= 0x80) {
			jobq_buf_printf(buf, "\\u%04x", (unsigned)code);
		} else {
			for (size_t i = 0; i < step; i++)
				jobq_buf_printf(buf, "\\x%02x",
				    (unsigned)(unsigned char)text[at + i]);
		}
		at += step;
	}
}
