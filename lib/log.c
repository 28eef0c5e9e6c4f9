/*
 * One log per process. A message is made whole in memory and written by one
 * write(2), in append mode, so that several commands may share one file.
 */
#include "log.h"

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "mem.h"
#include "rotate.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "banned.h"

#define TEXT_MAX 3500 /* bytes of a message; a line fits into PIPE_BUF */

static struct jobq_log_options now = {
	.level = JOBQ_WARNING,
	.format = JOBQ_LOG_PLAIN,
};
static struct jobq_rotate file = JOBQ_ROTATE_INIT; /* now.file */

static const char *const level_names[] = {
	[JOBQ_DEBUG] = "DEBUG",
	[JOBQ_INFO] = "INFO",
	[JOBQ_WARNING] = "WARNING",
	[JOBQ_ERROR] = "ERROR",
	[JOBQ_CRITICAL] = "CRITICAL",
};

/* The stable words of the JSON format for failures that have no own. */
static const char *const status_codes[] = {
	[JOBQ_OK] = "ok",
	[JOBQ_EMPTY] = "empty",
	[JOBQ_STALE] = "stale_lease",
	[JOBQ_AGAIN] = "temporary",
	[JOBQ_INVALID] = "bad_line",
	[JOBQ_CONFIG] = "config",
	[JOBQ_UNSUPPORTED] = "unsupported",
	[JOBQ_IO] = "io",
};

int
jobq_level_by_name(const char *name)
{
	for (int i = JOBQ_DEBUG; i <= JOBQ_CRITICAL; i++)
		if (!strcasecmp(name, level_names[i]))
			return i;
	return -1;
}

bool
jobq_log_wants(enum jobq_level level)
{
	return level >= now.level;
}

enum jobq_status
jobq_log_open(const struct jobq_log_options *options, struct jobq_err *err)
{
	struct jobq_rotate opened = { options->file, options->rotate_bytes,
		options->rotate_keep, -1 };

	if (options->file && jobq_rotate_open(&opened, err))
		return JOBQ_CONFIG;
	jobq_rotate_close(&file);
	file = opened;
	now = *options;
	return JOBQ_OK;
}

void
jobq_log_rotation(uint64_t *bytes, int64_t *keep)
{
	*bytes = now.rotate_bytes;
	*keep = now.rotate_keep;
}

/* What cannot be written into the file is said on stderr instead. */
static void
put_line(const struct jobq_buf *line)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	bool written;

	/* A thread that turns the file over must be the only one at it. */
	pthread_mutex_lock(&lock);
	written =
	    file.fd >= 0 && jobq_rotate_write(&file, line->data, line->len);
	pthread_mutex_unlock(&lock);
	if (!written || now.also_stderr)
		jobq_write_all(STDERR_FILENO, line->data, line->len);
}

static void
put_local_time(struct jobq_buf *line)
{
	time_t seconds = time(NULL);
	struct tm tm;
	char text[32];

	if (localtime_r(&seconds, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		jobq_buf_puts(line, text);
}

static void
put_member(
    struct jobq_buf *line, const char *name, const char *text, size_t len)
{
	if (line->len)
		jobq_buf_putc(line, ',');
	else
		jobq_buf_putc(line, '{');
	jobq_buf_printf(line, "\"%s\":", name);
	jobq_json_put_lossy(line, text, len);
}

static void
put_json(struct jobq_buf *line, const char *level, const char *name,
    const char *code, const char *job_id, const struct jobq_buf *text)
{
	char ts[JOBQ_TIME_SIZE];

	jobq_time_format(jobq_wall_ms(), ts);
	put_member(line, "ts", ts, strlen(ts));
	put_member(line, "level", level, strlen(level));
	put_member(line, "cmd", name, strlen(name));
	put_member(line, "msg", text->data, text->len);
	if (code)
		put_member(line, "code", code, strlen(code));
	if (job_id)
		put_member(line, "job_id", job_id, strlen(job_id));
	jobq_buf_putc(line, '}');
}

/* Escapes a message, cut so that its line is written in one piece. */
static void
put_text(struct jobq_buf *text, const struct jobq_buf *raw)
{
	jobq_buf_reserve(text, raw->len);
	jobq_buf_escape(text, raw->data, raw->len);
	if (text->len <= TEXT_MAX)
		return;
	size_t len = TEXT_MAX;
	while (len && ((unsigned char)text->data[len] & 0xc0) == 0x80)
		len--;
	text->len = len;
	jobq_buf_puts(text, "...");
}

static void
put(enum jobq_level level, const char *code, const char *job_id,
    const char *format, va_list args)
{
	int saved = errno;
	struct jobq_buf raw = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf line = JOBQ_BUF_INIT;
	const char *name = now.name ? now.name : program_invocation_short_name;

	jobq_buf_vprintf(&raw, format, args);
	put_text(&text, &raw);
	switch (now.format) {
	case JOBQ_LOG_PLAIN:
		jobq_buf_printf(&line, "%s: ", name);
		jobq_buf_add(&line, text.data, text.len);
		break;
	case JOBQ_LOG_TEXT:
		put_local_time(&line);
		jobq_buf_printf(
		    &line, " - %s - %s - ", name, level_names[level]);
		jobq_buf_add(&line, text.data, text.len);
		break;
	case JOBQ_LOG_JSON:
		put_json(&line, level_names[level], name, code, job_id, &text);
		break;
	}
	jobq_buf_putc(&line, '\n');
	put_line(&line);
	jobq_buf_release(&raw);
	jobq_buf_release(&text);
	jobq_buf_release(&line);
	errno = saved;
}

void
jobq_log(enum jobq_level level, const char *format, ...)
{
	va_list args;

	if (!jobq_log_wants(level))
		return;
	va_start(args, format);
	put(level, NULL, NULL, format, args);
	va_end(args);
}

void
jobq_log_code(enum jobq_level level, const char *code, const char *job_id,
    const char *format, ...)
{
	va_list args;

	if (!jobq_log_wants(level))
		return;
	va_start(args, format);
	put(level, code, job_id, format, args);
	va_end(args);
}

void
jobq_log_err(
    enum jobq_level level, enum jobq_status status, const struct jobq_err *err)
{
	jobq_log_code(level, status_codes[status], NULL, "%s", err->text);
}
