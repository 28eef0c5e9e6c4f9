/*
 * Standard output. The descriptor is shared with others, so it is not made
 * non-blocking: what is no regular file is asked before each write whether it
 * takes PIPE_BUF bytes, which a pipe that says yes does without blocking.
 */
#include "fetch_inside.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "banned.h"

#define WRITES_MAX 256 /* of one flush, then others have their turn */

static void
reader_gone(struct jobq_fetch *fetch)
{
	fetch->out.broken = true;
	fetch->status = JOBQ_IO;
	fetch->err.text[0] = '\0';
	jobq_writer_release(&fetch->out.writer);
}

static void
ready(void *context, unsigned what)
{
	struct jobq_fetch *fetch = context;

	/* With something to write, the write says what is wrong. */
	if ((what & JOBQ_HANGUP) != 0 && jobq_fetch_out_pending(fetch) == 0)
		reader_gone(fetch);
}

void
jobq_fetch_out_open(struct jobq_fetch *fetch)
{
	struct jobq_fetch_out *out = &fetch->out;
	struct stat info;

	out->regular =
	    fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode);
	jobq_writer_init(&out->writer, STDOUT_FILENO);
	jobq_watch_add(
	    fetch->loop, &out->watch, STDOUT_FILENO, 0, ready, fetch);
}

void
jobq_fetch_out_close(struct jobq_fetch *fetch)
{
	jobq_watch_remove(fetch->loop, &fetch->out.watch);
	jobq_writer_release(&fetch->out.writer);
}

void
jobq_fetch_out_line(struct jobq_fetch *fetch, const char *text, size_t len)
{
	if (!fetch->out.broken)
		jobq_writer_line(&fetch->out.writer, text, len);
}

size_t
jobq_fetch_out_pending(const struct jobq_fetch *fetch)
{
	return jobq_writer_pending(&fetch->out.writer);
}

void
jobq_fetch_out_narrow(struct jobq_fetch *fetch)
{
	/* No pipe, or more is in it than a page: then it stays as it is. */
	fcntl(fetch->out.writer.fd, F_SETPIPE_SZ, (int)sysconf(_SC_PAGESIZE));
}

/* Whether a write would not block now. */
static bool
takes_more(const struct jobq_fetch_out *out)
{
	struct pollfd poller = { .fd = out->writer.fd, .events = POLLOUT };

	return out->regular || poll(&poller, 1, 0) > 0;
}

void
jobq_fetch_out_flush(struct jobq_fetch *fetch)
{
	struct jobq_fetch_out *out = &fetch->out;
	enum jobq_status status;

	for (int i = 0; i < WRITES_MAX && !out->broken; i++) {
		if (jobq_fetch_out_pending(fetch) == 0 || !takes_more(out))
			break;
		errno = 0;
		status = jobq_writer_step(
		    &out->writer, out->regular ? 0 : PIPE_BUF, &fetch->err);
		if (status != JOBQ_OK && errno == EPIPE) {
			reader_gone(fetch);
		} else if (status != JOBQ_OK) {
			fetch->status = status;
			out->broken = true;
		}
	}
	if (!out->broken)
		jobq_watch_want(fetch->loop, &out->watch,
		    jobq_fetch_out_pending(fetch) > 0 ? JOBQ_WRITE : 0);
}
