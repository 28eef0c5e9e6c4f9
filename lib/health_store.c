/*
 * Whether the store answers, on a connection of its own: a child asks it for
 * nothing, each second, and writes what it found as a line into a pipe, "+"
 * or "-" and why. So a store that hangs holds nobody up but that child, whose
 * silence then says enough.
 */
#include "health_store.h"

#include "buf.h"
#include "child.h"
#include "clock.h"
#include "store.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "banned.h"

#define EACH_MS 1000
#define CALL_MS 2000
#define SILENT_MS 10000 /* nothing was written for so long: it hangs */

/* --- the child ----------------------------------------------------------- */

static enum jobq_status
ask(const char *url, struct jobq_store **store, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (*store == NULL)
		status = jobq_store_open(url, JOBQ_STORE_READ, store, err);
	if (status == JOBQ_OK)
		status = jobq_store_ask(*store, CALL_MS, err);
	/* Who does not empty what rings is cut off by some. */
	if (*store != NULL)
		jobq_store_heard(*store);
	return status;
}

static _Noreturn void
ask_for_ever(const char *url, int to_fd)
{
	const struct timespec pause = { .tv_sec = EACH_MS / 1000 };
	struct jobq_store *store = NULL;
	struct jobq_buf line = JOBQ_BUF_INIT;

	for (;;) {
		struct jobq_err err = { "" };
		enum jobq_status status = ask(url, &store, &err);

		for (char *at = err.text; *at != '\0'; at++)
			if (*at == '\n')
				*at = ' ';
		jobq_buf_clear(&line);
		jobq_buf_printf(&line, "%c%s\n", status == JOBQ_OK ? '+' : '-',
		    status == JOBQ_OK ? "" : err.text);
		/* Shorter than PIPE_BUF: it goes out whole. */
		if (write(to_fd, line.data, line.len) < 0 && errno != EINTR)
			_exit(0);
		nanosleep(&pause, NULL);
	}
}

/* --- who reads it -------------------------------------------------------- */

void
jobq_health_store_start(struct jobq_health_store *look)
{
	int ends[2];

	look->fd = -1;
	look->again_ms = jobq_mono_ms() + EACH_MS;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	look->pid = jobq_child_fork(ends[1]);
	if (look->pid == 0)
		ask_for_ever(look->url, ends[1]);
	close(ends[1]);
	if (look->pid < 0) {
		close(ends[0]);
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	look->fd = ends[0];
}

static void
take_line(struct jobq_health_store *look, const char *line, size_t len)
{
	look->heard_ms = jobq_mono_ms();
	look->answers = len > 0 && line[0] == '+';
	if (len > 0)
		jobq_fail(
		    &look->err, JOBQ_OK, "%.*s", (int)(len - 1), line + 1);
}

/* The child is gone, which it never means to be. */
static void
lose(struct jobq_health_store *look)
{
	close(look->fd);
	look->fd = -1;
	kill(look->pid, SIGKILL);
	while (waitpid(look->pid, NULL, 0) < 0 && errno == EINTR)
		;
	look->answers = false;
	jobq_fail(
	    &look->err, JOBQ_OK, "the process that asks the store has died");
}

void
jobq_health_store_hear(struct jobq_health_store *look)
{
	struct jobq_buf *text = &look->text;
	char bytes[4096];
	ssize_t got = read(look->fd, bytes, sizeof(bytes));
	const char *newline;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		lose(look);
		return;
	}
	jobq_buf_add(text, bytes, (size_t)got);
	while ((newline = memchr(text->data, '\n', text->len)) != NULL) {
		size_t len = (size_t)(newline - text->data);

		take_line(look, text->data, len);
		text->len -= len + 1;
		memmove(text->data, newline + 1, text->len);
	}
}

bool
jobq_health_store_answers(
    const struct jobq_health_store *look, struct jobq_err *why)
{
	int64_t silent_ms = jobq_mono_ms() - look->heard_ms;

	if (look->heard_ms == 0 && look->err.text[0] == '\0') {
		jobq_fail(why, JOBQ_OK, "the store has not answered yet");
		return false;
	}
	if (look->answers && silent_ms > SILENT_MS) {
		jobq_fail(why, JOBQ_OK, "the store has not answered for %lld s",
		    (long long)(silent_ms / 1000));
		return false;
	}
	if (!look->answers)
		*why = look->err;
	return look->answers;
}
