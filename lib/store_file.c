#include "store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "banned.h"

enum jobq_status
jobq_no_store(const char *path, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "there is no store '%s': jobq-push or `jobq-admin init` makes one",
	    path);
}

/*
 * SQLite's locks and shared memory do not hold over a network, and a store
 * that is damaged by that is found out too late.
 */
static enum jobq_status
check_file_system(const char *path, struct jobq_err *err)
{
	static const long refused[] = { 0x6969, 0xff534d42, 0xfe534d42, 0x517b,
		0x5346414f, 0x00c36400 };
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return JOBQ_OK;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if ((fs.f_type & 0xffffffffL) == refused[i])
			return jobq_fail(err, JOBQ_CONFIG,
			    "store '%s' is on a network file system, where "
			    "SQLite is not safe: put it on a local disk and "
			    "share it with jobq-serve",
			    path);
	return JOBQ_OK;
}

/* Makes the folders above path that are missing, mode 0700. */
static void
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

/*
 * A file that is there is not opened: when a process closes any descriptor of
 * a file it loses all its locks of it (fcntl(2)), those of connections that
 * its other threads have, too. The last one of another process would then
 * take the log away from under them.
 */
enum jobq_status
jobq_store_file(char *path, enum jobq_store_mode mode, struct jobq_err *err)
{
	int fd;

	if (mode == JOBQ_STORE_CREATE && access(path, F_OK) != 0) {
		make_folders(path);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return jobq_fail(err,
			    errno == ENOSPC ? JOBQ_IO : JOBQ_CONFIG,
			    "unable to make store '%s': %s", path,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (access(path, F_OK) != 0)
		return jobq_no_store(path, err);
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to open store '%s': %s", path, strerror(errno));
	return check_file_system(path, err);
}

bool
jobq_file_is_read_only(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}
