/*
 * The directory stays open: one look says whether a job left anything, and a
 * shared lock on it tells systemd-tmpfiles that it is in use.
 *
 * Most jobs never touch it. One whose time of change (ctime, which nobody can
 * set) is that of an empty one has not been touched since. A file system
 * counts in steps, so a time counts only when it was seen long enough ago: no
 * later change can have the same. Steps are two seconds at most, where not
 * even hundredths are whole ones they are those of a kernel's clock.
 *
 * Emptying walks down by descriptors and never follows a symbolic link, so
 * that nothing outside is touched. A directory that its owner made unreadable
 * is made readable first.
 */
#include "run_tmpdir.h"

#include "buf.h"
#include "clock.h"
#include "mem.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define DEPTH_MAX 256	    /* a descriptor is open for each level */
#define SETTLED_MS 3000	    /* longer than any step of a file system */
#define SETTLED_FINE_MS 100 /* than any of a kernel's clock */
#define HUNDREDTH_NS 10000000

static void
forget(struct jobq_tmpdir *tmpdir)
{
	if (tmpdir->dir != NULL)
		closedir(tmpdir->dir);
	free(tmpdir->path);
	*tmpdir = (struct jobq_tmpdir){ 0 };
}

enum jobq_status
jobq_tmpdir_ready(struct jobq_tmpdir *tmpdir, struct jobq_err *err)
{
	const char *parent;
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct stat info;

	if (tmpdir->dir != NULL) {
		if (fstat(dirfd(tmpdir->dir), &info) == 0 && info.st_nlink > 0)
			return JOBQ_OK;
		forget(tmpdir);
	}
	parent = getenv("TMPDIR");
	if (parent == NULL || parent[0] != '/')
		parent = "/tmp";
	jobq_buf_printf(&path, "%s/jobq-run-XXXXXX", parent);
	if (mkdtemp(path.data) == NULL) {
		jobq_fail(err, JOBQ_IO,
		    "unable to make a directory for the job in '%s': %s",
		    parent, strerror(errno));
		jobq_buf_release(&path);
		return JOBQ_IO;
	}
	tmpdir->path = jobq_buf_detach(&path);
	tmpdir->dir = opendir(tmpdir->path);
	if (tmpdir->dir == NULL) {
		jobq_fail(err, JOBQ_IO, "unable to open '%s': %s", tmpdir->path,
		    strerror(errno));
		rmdir(tmpdir->path);
		forget(tmpdir);
		return JOBQ_IO;
	}
	flock(dirfd(tmpdir->dir), LOCK_SH | LOCK_NB);
	return JOBQ_OK;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *
open_below(int parent, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);
	DIR *dir;

	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, flags);
	if (fd < 0)
		return NULL;
	fchmod(fd, 0700);
	dir = fdopendir(fd);
	if (dir == NULL)
		close(fd);
	return dir;
}

/* Removes all that is in dir; false when something stays. */
static bool
remove_all(DIR *dir, int depth)
{
	const struct dirent *entry;
	bool gone = true;

	rewinddir(dir);
	for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		DIR *below;

		if (is_dots(entry->d_name) ||
		    unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		below = depth < DEPTH_MAX
			    ? open_below(dirfd(dir), entry->d_name)
			    : NULL;
		if (below != NULL) {
			gone = remove_all(below, depth + 1) && gone;
			closedir(below);
		}
		if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) != 0)
			gone = false;
	}
	return gone;
}

static bool
is_since(const struct jobq_tmpdir *tmpdir, const struct stat *info)
{
	return tmpdir->empty_since.tv_sec == info->st_ctim.tv_sec &&
	       tmpdir->empty_since.tv_nsec == info->st_ctim.tv_nsec;
}

/* It is empty now. */
static void
remember(struct jobq_tmpdir *tmpdir)
{
	int64_t now_ms = jobq_mono_ms();
	int64_t step_ms;
	struct stat info;

	if (fstat(dirfd(tmpdir->dir), &info) != 0)
		return;
	if (tmpdir->seen_ms == 0 || !is_since(tmpdir, &info)) {
		tmpdir->empty_since = info.st_ctim;
		tmpdir->seen_ms = now_ms;
	}
	step_ms = info.st_ctim.tv_nsec % HUNDREDTH_NS == 0 ? SETTLED_MS
							   : SETTLED_FINE_MS;
	tmpdir->settled = now_ms - tmpdir->seen_ms >= step_ms;
}

enum jobq_status
jobq_tmpdir_empty(struct jobq_tmpdir *tmpdir, struct jobq_err *err)
{
	struct stat info;

	if (tmpdir->dir == NULL)
		return JOBQ_OK;
	if (fstat(dirfd(tmpdir->dir), &info) == 0) {
		if (tmpdir->settled && is_since(tmpdir, &info))
			return JOBQ_OK;
		if ((info.st_mode & 07777) != 0700)
			fchmod(dirfd(tmpdir->dir), 0700);
	}
	if (remove_all(tmpdir->dir, 0)) {
		remember(tmpdir);
		return JOBQ_OK;
	}
	jobq_fail(err, JOBQ_IO,
	    "unable to remove all that a job left in '%s'; it stays there",
	    tmpdir->path);
	forget(tmpdir);
	return JOBQ_IO;
}

void
jobq_tmpdir_release(struct jobq_tmpdir *tmpdir)
{
	struct jobq_err err;

	jobq_tmpdir_empty(tmpdir, &err);
	if (tmpdir->path != NULL)
		rmdir(tmpdir->path);
	forget(tmpdir);
}
