#include "place.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/*
 * Adds the folder above the running command's, then one of two paths below
 * it: a build folder is known by its drivers, which no PREFIX has.
 */
static enum jobq_status
place(struct jobq_buf *out, const char *built, const char *installed,
    struct jobq_err *err)
{
	char path[PATH_MAX];
	char *slash;
	ssize_t got;
	size_t len;

	got = readlink("/proc/self/exe", path, sizeof path - 1);
	if (got < 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to find the place of the running command: "
		    "/proc/self/exe: %s",
		    strerror(errno));
	path[got] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	jobq_buf_puts(out, path);
	len = out->len;
	jobq_buf_puts(out, "/drivers");
	if (access(out->data, F_OK) != 0)
		built = installed;
	out->len = len;
	jobq_buf_puts(out, built);
	return JOBQ_OK;
}

enum jobq_status
jobq_place_drivers(struct jobq_buf *out, struct jobq_err *err)
{
	return place(out, "/drivers", "/lib/jobq", err);
}

enum jobq_status
jobq_place_share(struct jobq_buf *out, struct jobq_err *err)
{
	return place(out, "/share", "/share/jobq", err);
}

enum jobq_status
jobq_place_commands(struct jobq_buf *out, struct jobq_err *err)
{
	return place(out, "/bin", "/bin", err);
}
