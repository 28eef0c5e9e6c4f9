/*
 * Rotation, also when several processes write: before a write the file's
 * name is looked at. Where it is another file than the open one (another
 * process or logrotate has moved it) it is opened anew. Where the write would
 * make it too long, the process that gets the flock on it, and finds the name
 * still meaning that file, moves FILE.2 to FILE.3, FILE.1 to FILE.2, FILE to
 * FILE.1; the others find the new file as above.
 */
#include "rotate.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "banned.h"

#define STUCK_MS 1000 /* how long a full, non-blocking stderr is waited for */

static int
open_file(const char *file)
{
	return open(
	    file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

enum jobq_status
jobq_rotate_open(struct jobq_rotate *rotate, struct jobq_err *err)
{
	rotate->fd = open_file(rotate->file);
	if (rotate->fd < 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to open log file '%s': %s", rotate->file,
		    strerror(errno));
	return JOBQ_OK;
}

void
jobq_rotate_close(struct jobq_rotate *rotate)
{
	if (rotate->fd >= 0)
		close(rotate->fd);
	rotate->fd = -1;
}

static void
reopen(struct jobq_rotate *rotate)
{
	int fd = open_file(rotate->file);

	if (fd < 0)
		return;
	close(rotate->fd);
	rotate->fd = fd;
}

/* Moves FILE to FILE.1 and so on; the oldest is overwritten. */
static void
shift_files(const struct jobq_rotate *rotate)
{
	struct jobq_buf from = JOBQ_BUF_INIT;
	struct jobq_buf to = JOBQ_BUF_INIT;

	if (rotate->keep < 1)
		unlink(rotate->file);
	for (int64_t i = rotate->keep; i >= 1; i--) {
		jobq_buf_clear(&from);
		jobq_buf_clear(&to);
		jobq_buf_puts(&from, rotate->file);
		if (i > 1)
			jobq_buf_printf(&from, ".%lld", (long long)i - 1);
		jobq_buf_printf(&to, "%s.%lld", rotate->file, (long long)i);
		rename(from.data, to.data);
	}
	jobq_buf_release(&from);
	jobq_buf_release(&to);
}

/* Whether the name still means the open file; *size is the open file's. */
static bool
is_current(const struct jobq_rotate *rotate, off_t *size)
{
	struct stat open_one, named;

	if (fstat(rotate->fd, &open_one))
		return true;
	*size = open_one.st_size;
	return !stat(rotate->file, &named) && named.st_ino == open_one.st_ino &&
	       named.st_dev == open_one.st_dev;
}

/* Makes fd the file that so many bytes belong into. */
static void
find_file(struct jobq_rotate *rotate, size_t len)
{
	off_t size = 0;
	bool current = is_current(rotate, &size);

	if (!current) {
		reopen(rotate);
		current = is_current(rotate, &size);
	}
	if (!rotate->limit_bytes || size <= 0 || !current ||
	    (uint64_t)size + len <= rotate->limit_bytes)
		return;
	if (flock(rotate->fd, LOCK_EX | LOCK_NB))
		return;
	if (is_current(rotate, &size))
		shift_files(rotate);
	reopen(rotate); /* closing the old file gives the lock back */
}

bool
jobq_write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd full = { .fd = fd, .events = POLLOUT };
			if (poll(&full, 1, STUCK_MS) > 0)
				continue;
			return false;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

bool
jobq_rotate_write(struct jobq_rotate *rotate, const char *bytes, size_t len)
{
	find_file(rotate, len);
	return jobq_write_all(rotate->fd, bytes, len);
}
