#include "run_files.h"

#include "mem.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

struct jobq_save {
	char *path;
	int fd; /* of the folder */
};

static enum jobq_status
fail(struct jobq_save *save, struct jobq_task *task, bool is_err,
    struct jobq_err *err)
{
	int error = errno;

	jobq_save_end(task);
	task->save_failed = true;
	return jobq_fail(err, JOBQ_IO, "unable to write '%s/%s.%s': %s",
	    save->path, task->id, is_err ? "err" : "out", strerror(error));
}

enum jobq_status
jobq_save_open(struct jobq_save **out, const char *dir, struct jobq_err *err)
{
	struct jobq_save *save = jobq_xcalloc(1, sizeof *save);

	save->path = jobq_xstrdup(dir);
	save->fd = -1;
	*out = save;
	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to make folder '%s': %s", dir, strerror(errno));
	save->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (save->fd < 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to open folder '%s': %s", dir, strerror(errno));
	if (faccessat(save->fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to write into folder '%s': %s", dir,
		    strerror(errno));
	return JOBQ_OK;
}

void
jobq_save_close(struct jobq_save *save)
{
	if (save == NULL)
		return;
	if (save->fd >= 0)
		close(save->fd);
	free(save->path);
	free(save);
}

/* An id is a name of a file as it stands: its first letter is no dot. */
static bool
open_file(struct jobq_save *save, struct jobq_task *task, bool is_err)
{
	struct jobq_buf name = JOBQ_BUF_INIT;

	jobq_buf_printf(&name, "%s.%s", task->id, is_err ? "err" : "out");
	/* A FIFO of that name is refused, not waited for. */
	task->save_fd[is_err] = openat(save->fd, name.data,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
	    0666);
	jobq_buf_release(&name);
	return task->save_fd[is_err] >= 0;
}

enum jobq_status
jobq_save_begin(
    struct jobq_save *save, struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_buf name = JOBQ_BUF_INIT;

	/* What an earlier attempt wrote on standard error is no part of it. */
	jobq_buf_printf(&name, "%s.err", task->id);
	unlinkat(save->fd, name.data, 0);
	jobq_buf_release(&name);
	return open_file(save, task, false) ? JOBQ_OK
					    : fail(save, task, false, err);
}

enum jobq_status
jobq_save_bytes(struct jobq_save *save, struct jobq_task *task, bool is_err,
    const char *bytes, size_t len, struct jobq_err *err)
{
	if (task->save_failed)
		return JOBQ_OK;
	if (task->save_fd[is_err] < 0 && !open_file(save, task, is_err))
		return fail(save, task, is_err, err);
	while (len > 0) {
		ssize_t put = write(task->save_fd[is_err], bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fail(save, task, is_err, err);
		bytes += put;
		len -= (size_t)put;
	}
	return JOBQ_OK;
}

void
jobq_save_end(struct jobq_task *task)
{
	for (int i = 0; i < 2; i++) {
		if (task->save_fd[i] >= 0)
			close(task->save_fd[i]);
		task->save_fd[i] = -1;
	}
	task->save_failed = false;
}
