#include "lock.h"

#include "buf.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define NAME_MOST 64

static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MOST && name[0] != '.' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static const char *
absolute(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] == '/' ? value : NULL;
}

static enum jobq_status
find_folder(struct jobq_buf *out, struct jobq_err *err)
{
	const char *state = absolute("XDG_STATE_HOME");
	const char *home = absolute("HOME");
	const char *runtime = absolute("XDG_RUNTIME_DIR");

	if (state != NULL)
		jobq_buf_printf(out, "%s/jobq", state);
	else if (home != NULL)
		jobq_buf_printf(out, "%s/.local/state/jobq", home);
	else if (runtime != NULL)
		jobq_buf_printf(out, "%s/jobq", runtime);
	else
		return jobq_fail(err, JOBQ_CONFIG,
		    "there is no place for a lock: set XDG_STATE_HOME, HOME "
		    "or XDG_RUNTIME_DIR");
	return JOBQ_OK;
}

/* Makes a folder and those above it. path is changed and put back. */
static enum jobq_status
make_folder(char *path, struct jobq_err *err)
{
	for (char *at = path + 1;; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return jobq_fail(err, JOBQ_CONFIG,
			    "unable to make the folder '%s': %s", path,
			    strerror(errno));
		*at = end;
		if (end == '\0')
			return JOBQ_OK;
	}
}

static enum jobq_status
lock_file(const char *name, const char *path, int fd, struct jobq_err *err)
{
	char holder[16] = "";
	ssize_t got;
	size_t len;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (ftruncate(fd, 0) == 0)
			dprintf(fd, "%d\n", (int)getpid());
		return JOBQ_OK;
	}
	if (errno != EWOULDBLOCK)
		return jobq_fail(err, JOBQ_IO, "unable to lock '%s': %s", path,
		    strerror(errno));
	got = pread(fd, holder, sizeof(holder) - 1, 0);
	len = got > 0 ? strspn(holder, "0123456789") : 0;
	return jobq_fail(err, JOBQ_AGAIN, "process %.*s has the lock '%s' (%s)",
	    len > 0 ? (int)len : 1, len > 0 ? holder : "?", name, path);
}

enum jobq_status
jobq_lock_take(const char *name, int *fd, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;

	*fd = -1;
	if (!is_name(name))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no name of a lock: up to %d of A-Z a-z 0-9 . _ -, "
		    "the first no dot",
		    name, NAME_MOST);
	status = find_folder(&path, err);
	if (status == JOBQ_OK)
		status = make_folder(path.data, err);
	if (status == JOBQ_OK) {
		jobq_buf_printf(&path, "/%s.lock", name);
		*fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (*fd < 0)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "unable to open '%s': %s", path.data,
			    strerror(errno));
	}
	if (status == JOBQ_OK)
		status = lock_file(name, path.data, *fd, err);
	if (status != JOBQ_OK && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	jobq_buf_release(&path);
	return status;
}
