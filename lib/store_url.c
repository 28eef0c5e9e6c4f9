#include "store.h"

#include "file.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* The longest settings file: one URL and some comment. */
#define SETTINGS_MAX 65536

static void
set_source(char **source, const char *text)
{
	if (source != NULL)
		*source = jobq_xstrdup(text);
}

/* The first line of a settings file; JOBQ_EMPTY when there is none. */
static enum jobq_status
from_file(const char *path, char **url, char **source, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;
	size_t len;

	status = jobq_file_read(path, SETTINGS_MAX, &text, err);
	if (status == JOBQ_OK) {
		len = strcspn(text.data == NULL ? "" : text.data, "\r\n");
		if (len == 0)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "the first line of '%s' must be the URL of the "
			    "store",
			    path);
		else if (url != NULL)
			*url = jobq_xstrndup(text.data, len);
	}
	if (status == JOBQ_OK)
		set_source(source, path);
	jobq_buf_release(&text);
	return status;
}

/* variable/tail, or $HOME/below/tail; false when neither is set. */
static bool
xdg_path(struct jobq_buf *out, const char *variable, const char *below,
    const char *tail)
{
	const char *base = getenv(variable);
	const char *home = getenv("HOME");

	if (base != NULL && base[0] == '/')
		jobq_buf_printf(out, "%s/%s", base, tail);
	else if (home != NULL && home[0] == '/')
		jobq_buf_printf(out, "%s/%s/%s", home, below, tail);
	return out->len > 0;
}

bool
jobq_store_state_path(struct jobq_buf *out, const char *tail)
{
	return xdg_path(out, "XDG_STATE_HOME", ".local/state", tail);
}

static enum jobq_status
from_settings(char **url, char **source, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_EMPTY;

	if (xdg_path(&path, "XDG_CONFIG_HOME", ".config", "jobq/url"))
		status = from_file(path.data, url, source, err);
	jobq_buf_release(&path);
	if (status == JOBQ_EMPTY)
		status = from_file("/etc/jobq/url", url, source, err);
	return status;
}

enum jobq_status
jobq_store_find_url(
    const char *given, char **url, char **source, struct jobq_err *err)
{
	const char *environment = getenv("JOBQ_URL");
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (given != NULL || (environment != NULL && *environment != '\0')) {
		set_source(source, given != NULL ? "--store" : "JOBQ_URL");
		if (url != NULL)
			*url =
			    jobq_xstrdup(given != NULL ? given : environment);
		return JOBQ_OK;
	}
	status = from_settings(url, source, err);
	if (status != JOBQ_EMPTY)
		return status;
	jobq_buf_puts(&text, "sqlite:");
	status = JOBQ_OK;
	{
		struct jobq_buf path = JOBQ_BUF_INIT;

		if (jobq_store_state_path(&path, "jobq/jobq.db"))
			jobq_buf_puts(&text, path.data);
		else
			status = jobq_fail(err, JOBQ_CONFIG,
			    "no store is named and HOME is not set: give "
			    "--store URL, or set JOBQ_URL");
		jobq_buf_release(&path);
	}
	if (status == JOBQ_OK) {
		set_source(source, "the default");
		if (url != NULL)
			*url = jobq_buf_detach(&text);
	}
	jobq_buf_release(&text);
	return status;
}
