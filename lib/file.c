#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "banned.h"

enum jobq_status
jobq_file_read(const char *path, size_t max_bytes, struct jobq_buf *out,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	size_t total = 0;
	ssize_t got = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return JOBQ_EMPTY;
	if (fd < 0)
		return jobq_fail(err,
		    errno == EMFILE || errno == ENFILE ? JOBQ_AGAIN
						       : JOBQ_CONFIG,
		    "unable to read '%s': %s", path, strerror(errno));
	do {
		jobq_buf_reserve(out, 4096);
		got = read(fd, out->data + out->len, 4096);
		if (got > 0) {
			out->len += (size_t)got;
			out->data[out->len] = '\0';
			total += (size_t)got;
		}
	} while (
	    (got > 0 && total <= max_bytes) || (got < 0 && errno == EINTR));
	if (got < 0)
		status = jobq_fail(err, JOBQ_CONFIG, "unable to read '%s': %s",
		    path, strerror(errno));
	else if (total > max_bytes)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is longer than %zu bytes", path, max_bytes);
	close(fd);
	return status;
}

enum jobq_status
jobq_file_check_private(
    const char *path, const char *what, struct jobq_err *err)
{
	struct stat info;

	if (stat(path, &info) != 0 || (info.st_mode & 077) == 0)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_CONFIG,
	    "others may use the %s '%s' (its mode is %04o); make it yours "
	    "alone: chmod 600 '%s'",
	    what, path, info.st_mode & 07777U, path);
}
