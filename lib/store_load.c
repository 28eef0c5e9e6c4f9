#include "store_load.h"

#include "mem.h"
#include "place.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Defined, with a NULL at its end, by a build with STATIC=1 only. */
extern const struct jobq_driver *const jobq_builtin_drivers[]
    __attribute__((weak));

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_driver_file(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, ".so") == 0;
}

void
jobq_driver_names(struct jobq_buf *out)
{
	struct jobq_buf folder = JOBQ_BUF_INIT;
	char **names = NULL;
	size_t count = 0, cap = 0;
	struct dirent *entry;
	DIR *dir = NULL;

	for (size_t i = 0;
	     jobq_builtin_drivers != NULL && jobq_builtin_drivers[i] != NULL;
	     i++) {
		names = jobq_grow(names, count, &cap, sizeof *names);
		names[count++] = jobq_xstrdup(jobq_builtin_drivers[i]->scheme);
	}
	if (jobq_place_drivers(&folder, NULL) == JOBQ_OK)
		dir = opendir(folder.data);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!is_driver_file(entry->d_name))
			continue;
		names = jobq_grow(names, count, &cap, sizeof *names);
		names[count++] =
		    jobq_xstrndup(entry->d_name, strlen(entry->d_name) - 3);
	}
	if (dir != NULL)
		closedir(dir);
	if (count > 0)
		qsort(names, count, sizeof *names, compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			jobq_buf_putc(out, ' ');
		jobq_buf_puts(out, names[i]);
		free(names[i]);
	}
	free(names);
	jobq_buf_release(&folder);
}

static enum jobq_status
unknown_scheme(const char *scheme, struct jobq_err *err)
{
	struct jobq_buf names = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_driver_names(&names);
	status = jobq_fail(err, JOBQ_CONFIG,
	    "unknown store scheme '%s': this jobq knows %s", scheme,
	    names.len == 0 ? "none (its folder of drivers is missing)"
			   : names.data);
	jobq_buf_release(&names);
	return status;
}

static enum jobq_status
load(const char *path, const char *scheme, const struct jobq_driver **driver,
    struct jobq_err *err)
{
	void *library;

	library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (library == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to load the driver of '%s': %s", scheme, dlerror());
	*driver = dlsym(library, "jobq_driver");
	if (*driver == NULL || (*driver)->abi != JOBQ_DRIVER_ABI)
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no driver of this version of jobq: install both "
		    "from one build",
		    path);
	return JOBQ_OK;
}

/* Some stores are known by more than one scheme. */
static const char *
driver_of(const char *scheme)
{
	static const char *const other[][2] = {
		{ "https", "http" },
		{ "postgres", "postgresql" },
		{ "rediss", "redis" },
		{ "unix", "redis" },
	};

	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		if (strcmp(scheme, other[i][0]) == 0)
			return other[i][1];
	return scheme;
}

enum jobq_status
jobq_driver_load(
    const char *named, const struct jobq_driver **driver, struct jobq_err *err)
{
	const char *scheme = driver_of(named);
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;

	for (size_t i = 0;
	     jobq_builtin_drivers != NULL && jobq_builtin_drivers[i] != NULL;
	     i++) {
		*driver = jobq_builtin_drivers[i];
		if (strcmp((*driver)->scheme, scheme) == 0)
			return JOBQ_OK;
	}
	if (scheme[strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789")] !=
	    '\0')
		return unknown_scheme(named, err);
	status = jobq_place_drivers(&path, err);
	if (status == JOBQ_OK) {
		jobq_buf_printf(&path, "/%s.so", scheme);
		status = access(path.data, F_OK) != 0
			     ? unknown_scheme(named, err)
			     : load(path.data, scheme, driver, err);
	}
	jobq_buf_release(&path);
	return status;
}
