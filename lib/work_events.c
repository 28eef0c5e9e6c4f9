#include "work_events.h"

#include "clock.h"
#include "line.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define READ_BYTES ((size_t)64 << 10)
#define UNSENT_MOST ((size_t)256 << 10)	 /* then run is not read */
#define UNPRINTED_MOST ((size_t)8 << 20) /* then lines are dropped */

struct jobq_copier {
	struct jobq_loop *loop;
	struct jobq_watch from, to, print;
	struct jobq_writer ring;  /* to claim */
	struct jobq_writer lines; /* to stdout */
	struct jobq_buf part;	  /* of the line being read */
	bool ended;		  /* run has ended: the rest goes to claim */
	bool printing;
	uint64_t dropped; /* lines, since the last that was printed */
	int64_t endings;
	uint64_t failed;
	void (*gone)(void *context, int error);
	void *context;
};

static void
close_watch(struct jobq_copier *copier, struct jobq_watch *watch)
{
	int fd = watch->fd;

	jobq_watch_remove(copier->loop, watch);
	if (fd >= 0)
		close(fd);
}

static void
close_both(struct jobq_copier *copier)
{
	close_watch(copier, &copier->from);
	close_watch(copier, &copier->to);
}

static void
update(struct jobq_copier *copier)
{
	size_t unsent = jobq_writer_pending(&copier->ring);

	if (copier->ended && unsent == 0)
		close_watch(copier, &copier->to);
	if (copier->from.fd >= 0)
		jobq_watch_want(copier->loop, &copier->from,
		    unsent < UNSENT_MOST ? JOBQ_READ : 0);
	if (copier->to.fd >= 0)
		jobq_watch_want(
		    copier->loop, &copier->to, unsent > 0 ? JOBQ_WRITE : 0);
	if (copier->printing)
		jobq_watch_want(copier->loop, &copier->print,
		    jobq_copier_waits(copier) ? JOBQ_WRITE : 0);
}

/* As the runner begins its lines: its own make, so no parser is needed. */
static bool
is_event(const struct jobq_buf *line, const char *name)
{
	static const char begin[] = "{\"event\":\"";
	size_t len = strlen(name);

	return line->len > sizeof(begin) - 1 + len &&
	       memcmp(line->data, begin, sizeof(begin) - 1) == 0 &&
	       memcmp(line->data + sizeof(begin) - 1, name, len) == 0 &&
	       line->data[sizeof(begin) - 1 + len] == '"';
}

static void
take_line(struct jobq_copier *copier)
{
	struct jobq_buf *line = &copier->part;

	if (is_event(line, "completed") || is_event(line, "failed") ||
	    is_event(line, "cancelled") || is_event(line, "snoozed"))
		copier->endings++;
	if (is_event(line, "failed"))
		copier->failed++;
	if (!copier->printing || is_event(line, "alive"))
		return;
	if (jobq_writer_pending(&copier->lines) + line->len >= UNPRINTED_MOST) {
		if (copier->dropped++ == 0)
			jobq_log(JOBQ_WARNING,
			    "the reader of standard output is too slow for the "
			    "work: events are left out (jobq-watch has all)");
		return;
	}
	if (copier->dropped > 0)
		jobq_log(JOBQ_WARNING, "%llu events were left out",
		    (unsigned long long)copier->dropped);
	copier->dropped = 0;
	jobq_writer_line(&copier->lines, line->data, line->len);
}

static void
take(struct jobq_copier *copier, const char *bytes, size_t len)
{
	if (copier->ring.sent > READ_BYTES) {
		jobq_buf_drop(&copier->ring.buf, copier->ring.sent);
		copier->ring.sent = 0;
	}
	jobq_buf_add(&copier->ring.buf, bytes, len);
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end == NULL ? len : (size_t)(end - bytes);

		jobq_buf_add(&copier->part, bytes, part);
		if (end == NULL)
			return;
		take_line(copier);
		jobq_buf_clear(&copier->part);
		bytes += part + 1;
		len -= part + 1;
	}
}

static void
on_from(void *context, unsigned what)
{
	struct jobq_copier *copier = context;
	char bytes[READ_BYTES];
	ssize_t got;

	if ((what & (JOBQ_READ | JOBQ_HANGUP)) == 0)
		return;
	got = read(copier->from.fd, bytes, sizeof(bytes));
	if (got > 0) {
		take(copier, bytes, (size_t)got);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		copier->ended = true;
		close_watch(copier, &copier->from);
	}
	update(copier);
}

static void
on_to(void *context, unsigned what)
{
	struct jobq_copier *copier = context;
	struct jobq_err err;

	if ((what & JOBQ_HANGUP) != 0 ||
	    jobq_writer_step(&copier->ring, 0, &err) != JOBQ_OK) {
		/* Nobody hears the runner, so it must see that at once. */
		jobq_buf_clear(&copier->ring.buf);
		copier->ring.sent = 0;
		close_both(copier);
	}
	update(copier);
}

static void
on_print(void *context, unsigned what)
{
	struct jobq_copier *copier = context;
	struct jobq_err err;
	int error = EPIPE;
	bool failed = (what & JOBQ_HANGUP) != 0;

	if (!failed && jobq_copier_waits(copier)) {
		errno = 0;
		failed =
		    jobq_writer_step(&copier->lines, PIPE_BUF, &err) != JOBQ_OK;
		error = errno;
	}
	if (failed) {
		copier->printing = false;
		jobq_buf_clear(&copier->lines.buf);
		copier->lines.sent = 0;
		jobq_watch_remove(copier->loop, &copier->print);
		copier->gone(copier->context, error);
	}
	update(copier);
}

struct jobq_copier *
jobq_copier_new(struct jobq_loop *loop, bool print,
    void (*gone)(void *context, int error), void *context)
{
	struct jobq_copier *copier = jobq_xcalloc(1, sizeof(*copier));

	copier->loop = loop;
	copier->from.fd = copier->to.fd = copier->print.fd = -1;
	copier->gone = gone;
	copier->context = context;
	copier->printing = print;
	jobq_writer_init(&copier->lines, STDOUT_FILENO);
	if (print)
		jobq_watch_add(
		    loop, &copier->print, STDOUT_FILENO, 0, on_print, copier);
	return copier;
}

void
jobq_copier_free(struct jobq_copier *copier)
{
	if (copier == NULL)
		return;
	close_both(copier);
	jobq_watch_remove(copier->loop, &copier->print);
	jobq_writer_release(&copier->ring);
	jobq_writer_release(&copier->lines);
	jobq_buf_release(&copier->part);
	free(copier);
}

void
jobq_copier_begin(struct jobq_copier *copier, int from_fd, int to_fd)
{
	close_both(copier);
	/* Only our ends; the stages' stay as they are. */
	fcntl(from_fd, F_SETFL, O_NONBLOCK);
	fcntl(to_fd, F_SETFL, O_NONBLOCK);
	jobq_writer_release(&copier->ring);
	jobq_writer_init(&copier->ring, to_fd);
	jobq_buf_clear(&copier->part);
	copier->ended = false;
	jobq_watch_add(
	    copier->loop, &copier->from, from_fd, JOBQ_READ, on_from, copier);
	jobq_watch_add(copier->loop, &copier->to, to_fd, 0, on_to, copier);
}

bool
jobq_copier_waits(const struct jobq_copier *copier)
{
	return jobq_writer_pending(&copier->lines) > 0;
}

int64_t
jobq_copier_endings(const struct jobq_copier *copier)
{
	return copier->endings;
}

uint64_t
jobq_copier_failed(const struct jobq_copier *copier)
{
	return copier->failed;
}
