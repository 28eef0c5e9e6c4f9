#include "run_program.h"

#include <sys/stat.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

const char *
jobq_program_fault(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return strerror(errno);
	if (S_ISDIR(info.st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(info.st_mode))
		return "it is no regular file";
	if ((info.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		return "it is not executable; chmod +x makes it so";
	return access(path, X_OK) == 0 ? NULL : strerror(errno);
}

enum jobq_status
jobq_program_find(const char *name, struct jobq_buf *path, struct jobq_err *err)
{
	const char *at = getenv("PATH");

	jobq_buf_clear(path);
	if (strchr(name, '/') != NULL) {
		const char *fault = jobq_program_fault(name);

		jobq_buf_puts(path, name);
		if (fault == NULL)
			return JOBQ_OK;
		return jobq_fail(
		    err, JOBQ_CONFIG, "unable to run '%s': %s", name, fault);
	}
	if (at == NULL)
		at = "/usr/local/bin:/usr/bin:/bin";
	for (;;) {
		size_t len = strcspn(at, ":");

		/* An empty folder is the current one. */
		jobq_buf_clear(path);
		jobq_buf_add(path, at, len);
		jobq_buf_puts(path, len > 0 ? "/" : "./");
		jobq_buf_puts(path, name);
		if (jobq_program_fault(path->data) == NULL)
			return JOBQ_OK;
		if (at[len] == '\0')
			break;
		at += len + 1;
	}
	return jobq_fail(err, JOBQ_CONFIG,
	    "unable to find the command '%s' in PATH; give its path or install "
	    "it",
	    name);
}

int
jobq_program_missing_code(const char *name)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_err err;
	bool found = jobq_program_find(name, &path, &err) == JOBQ_OK;

	jobq_buf_release(&path);
	if (found)
		return 0;
	return strchr(name, '/') != NULL && access(name, F_OK) == 0 ? 126 : 127;
}
