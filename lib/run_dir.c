#include "run_dir.h"

#include "mem.h"
#include "run_program.h"

#include <sys/stat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define NAME "{name}"
#define NAME_LEN (sizeof(NAME) - 1)
#define SHOWN_MAX ((size_t)80) /* bytes of a name that is refused */

struct jobq_dir {
	struct jobq_buf pattern; /* every brace in it is of {name} */
};

static enum jobq_status
check_braces(const char *pattern, bool *named, struct jobq_err *err)
{
	*named = false;
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at != '{' && *at != '}')
			continue;
		if (strncmp(at, NAME, NAME_LEN) != 0)
			return jobq_fail(err, JOBQ_CONFIG,
			    "--dir: '%s': of a job only {name} may stand in "
			    "the path of its handler, and no other brace",
			    pattern);
		*named = true;
		at += NAME_LEN - 1;
	}
	return JOBQ_OK;
}

static enum jobq_status
check_folder(const char *pattern, struct jobq_err *err)
{
	struct stat info;

	if (stat(pattern, &info) == 0 && S_ISDIR(info.st_mode))
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_CONFIG,
	    "--dir: '%s' is no folder, and as a pattern it needs a {name}, "
	    "such as 'plugins/{name}/run'",
	    pattern);
}

enum jobq_status
jobq_dir_open(struct jobq_dir **out, const char *pattern, struct jobq_err *err)
{
	struct jobq_dir *dir;
	bool named;
	enum jobq_status status = check_braces(pattern, &named, err);

	if (status == JOBQ_OK && !named)
		status = check_folder(pattern, err);
	if (status != JOBQ_OK)
		return status;
	dir = jobq_xcalloc(1, sizeof(*dir));
	/* The system gives the path to a script's interpreter as it is: it
	 * must not look like an option there. */
	if (pattern[0] == '-' || pattern[0] == '{')
		jobq_buf_puts(&dir->pattern, "./");
	jobq_buf_puts(&dir->pattern, pattern);
	if (!named) {
		size_t len = dir->pattern.len;

		if (dir->pattern.data[len - 1] != '/')
			jobq_buf_putc(&dir->pattern, '/');
		jobq_buf_puts(&dir->pattern, NAME "/run");
	}
	*out = dir;
	return JOBQ_OK;
}

void
jobq_dir_close(struct jobq_dir *dir)
{
	if (dir == NULL)
		return;
	jobq_buf_release(&dir->pattern);
	free(dir);
}

/* ASCII in every locale. */
static bool
is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static enum jobq_status
check_name(const char *name, struct jobq_err *err)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;
	bool good = name[0] != '\0' && name[0] != '.';

	for (const char *at = name; *at != '\0'; at++)
		good = good && is_safe(*at);
	if (good)
		return JOBQ_OK;
	jobq_buf_puts(&shown, "");
	jobq_buf_escape(&shown, name, strnlen(name, SHOWN_MAX));
	jobq_fail(err, JOBQ_INVALID,
	    "bad_name: '%s' cannot be the name of a handler: it is made of "
	    "letters, digits, '.', '_' and '-', and does not begin with '.'",
	    shown.data);
	jobq_buf_release(&shown);
	return JOBQ_INVALID;
}

enum jobq_status
jobq_dir_find(const struct jobq_dir *dir, const char *name,
    struct jobq_buf *path, struct jobq_err *err)
{
	const char *at = dir->pattern.data;
	const char *fault;

	if (check_name(name, err) != JOBQ_OK)
		return JOBQ_INVALID;
	jobq_buf_clear(path);
	while (*at != '\0') {
		size_t len = strcspn(at, "{");

		jobq_buf_add(path, at, len);
		at += len;
		if (*at == '{') {
			jobq_buf_puts(path, name);
			at += NAME_LEN;
		}
	}
	fault = jobq_program_fault(path->data);
	if (fault == NULL)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_INVALID,
	    "no_handler: jobs of the name '%s' have no handler: '%s': %s", name,
	    path->data, fault);
}
