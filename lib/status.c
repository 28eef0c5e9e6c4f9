#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "banned.h"

static const struct {
	const char *name;
	int exit_code;
} classes[] = {
	[JOBQ_OK] = { "ok", 0 },
	[JOBQ_EMPTY] = { "empty", 1 },
	[JOBQ_STALE] = { "stale", 1 },
	[JOBQ_AGAIN] = { "again", 75 },
	[JOBQ_INVALID] = { "invalid", 2 },
	[JOBQ_CONFIG] = { "config", 2 },
	[JOBQ_UNSUPPORTED] = { "unsupported", 2 },
	[JOBQ_IO] = { "io", 75 },
};

#define CLASSES ((int)(sizeof(classes) / sizeof(classes[0])))

/*
 * Puts text into err, cut with "..." where it does not fit; the cut never
 * splits a UTF-8 sequence. length is what snprintf() said.
 */
static void
keep(struct jobq_err *err, const char *text, int length)
{
	size_t room = sizeof(err->text) - sizeof("...");

	if (length < 0) {
		memcpy(err->text, "unknown error", sizeof("unknown error"));
		return;
	}
	if ((size_t)length < sizeof(err->text)) {
		memcpy(err->text, text, (size_t)length + 1);
		return;
	}
	while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
		room--;
	memcpy(err->text, text, room);
	memcpy(err->text + room, "...", sizeof("..."));
}

/* The arguments may point into err, so the text is made beside it first. */
enum jobq_status
jobq_fail(
    struct jobq_err *err, enum jobq_status status, const char *format, ...)
{
	struct jobq_err made;
	int saved = errno;
	int length;
	va_list args;

	if (err == NULL)
		return status;
	va_start(args, format);
	length = vsnprintf(made.text, sizeof(made.text), format, args);
	va_end(args);
	keep(err, made.text, length);
	errno = saved;
	return status;
}

void
jobq_err_prefix(struct jobq_err *err, const char *format, ...)
{
	struct jobq_err prefix;
	char text[2 * sizeof(prefix.text) + 2];
	int saved = errno;
	int length;
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	vsnprintf(prefix.text, sizeof(prefix.text), format, args);
	va_end(args);
	length = snprintf(text, sizeof(text), "%s: %s", prefix.text, err->text);
	keep(err, text, length);
	errno = saved;
}

int
jobq_status_exit(enum jobq_status status)
{
	if ((int)status < 0 || (int)status >= CLASSES)
		return 75;
	return classes[status].exit_code;
}

const char *
jobq_status_name(enum jobq_status status)
{
	if ((int)status < 0 || (int)status >= CLASSES)
		return "unknown";
	return classes[status].name;
}

int
jobq_status_by_name(const char *name)
{
	for (int i = 0; i < CLASSES; i++) {
		if (strcmp(classes[i].name, name) == 0)
			return i;
	}
	return -1;
}
