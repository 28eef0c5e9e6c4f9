#include "adopt.h"

#include "file.h"
#include "mem.h"
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "banned.h"

#define TEXT_MAX ((size_t)1 << 20)

/* Makes the folders above dir, then it. */
static enum jobq_status
make_folder(const char *dir, bool force, struct jobq_err *err)
{
	char *path = jobq_xstrdup(dir);
	enum jobq_status status = JOBQ_OK;

	for (char *slash = strchr(path + 1, '/');
	     slash != NULL && status == JOBQ_OK;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "unable to make the folder '%s': %s", path,
			    strerror(errno));
		*slash = '/';
	}
	if (status == JOBQ_OK && mkdir(dir, 0777) != 0) {
		if (errno != EEXIST)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "unable to make the folder '%s': %s", dir,
			    strerror(errno));
		else if (!force)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "'%s' is there already: --force writes its files "
			    "anew, --into names another folder",
			    dir);
	}
	free(path);
	return status;
}

/* A name is there with all of its text or with what it had before. */
static enum jobq_status
write_file(const char *path, const struct jobq_buf *text, struct jobq_err *err)
{
	struct jobq_buf made = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	size_t at = 0;
	int fd;

	jobq_buf_printf(&made, "%s.new", path);
	fd = open(made.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	while (fd >= 0 && at < text->len) {
		ssize_t got = write(fd, text->data + at, text->len - at);

		if (got < 0)
			break;
		at += (size_t)got;
	}
	if (fd < 0 || at < text->len || fsync(fd) != 0 ||
	    rename(made.data, path) != 0) {
		status = jobq_fail(err, JOBQ_IO, "unable to write '%s': %s",
		    path, strerror(errno));
		unlink(made.data);
	}
	if (fd >= 0)
		close(fd);
	jobq_buf_release(&made);
	return status;
}

static bool
is_blank(const struct jobq_buf *text)
{
	return text->len == 0 || strspn(text->data, " \t\n") == text->len;
}

static enum jobq_status
write_one(const char *from, const char *dir, const char *name,
    const struct jobq_adopt_value *value, size_t count, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_buf template = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_printf(&path, "%s/%s", from, name);
	status = jobq_file_read(path.data, TEXT_MAX, &template, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "'%s' is not there any more", path.data);
	if (status == JOBQ_OK && template.len > 0) {
		status =
		    jobq_adopt_fill(template.data, value, count, &text, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "%s", path.data);
	}
	if (status == JOBQ_OK && !is_blank(&text)) {
		jobq_buf_clear(&path);
		jobq_buf_printf(&path, "%s/%s", dir, name);
		status = write_file(path.data, &text, err);
	}
	jobq_buf_release(&path);
	jobq_buf_release(&template);
	jobq_buf_release(&text);
	return status;
}

enum jobq_status
jobq_adopt_write(const char *kind, const char *dir, bool force,
    const struct jobq_adopt_value *value, size_t count, struct jobq_err *err)
{
	struct jobq_buf from = JOBQ_BUF_INIT;
	struct dirent *entry = NULL;
	enum jobq_status status;
	DIR *folder = NULL;

	status = jobq_place_share(&from, err);
	if (status == JOBQ_OK) {
		jobq_buf_printf(&from, "/adopt/%s", kind);
		folder = opendir(from.data);
		if (folder == NULL)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "unable to read the folder '%s': %s", from.data,
			    strerror(errno));
	}
	if (status == JOBQ_OK)
		status = make_folder(dir, force, err);
	if (status == JOBQ_OK)
		entry = readdir(folder);
	while (status == JOBQ_OK && entry != NULL) {
		if (entry->d_name[0] != '.')
			status = write_one(
			    from.data, dir, entry->d_name, value, count, err);
		entry = readdir(folder);
	}
	if (folder != NULL)
		closedir(folder);
	jobq_buf_release(&from);
	return status;
}
