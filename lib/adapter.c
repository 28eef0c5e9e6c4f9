#include "adapter_json.h"

#include "file.h"
#include "mem.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Folders may hold no text longer than this. */
#define TEXT_MAX ((size_t)1 << 20)
#define INCLUDE "-- include "

/* An adapter has a base, which may have one, and so on: so many. */
#define BASES_MOST 4

static bool
name_is_valid(const char *name)
{
	return *name != '\0' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
		   '\0';
}

/* Sets adapter->folder when base/name has an adapter.json. */
static bool
try_folder(struct jobq_adapter *adapter, const char *base, size_t len,
    const char *below, const char *name)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	bool there;

	jobq_buf_add(&path, base, len);
	jobq_buf_printf(&path, "%s/%s/adapter.json", below, name);
	there = len > 0 && base[0] == '/' && access(path.data, R_OK) == 0;
	if (there) {
		path.len -= strlen("/adapter.json");
		path.data[path.len] = '\0';
		adapter->folder = jobq_buf_detach(&path);
	}
	jobq_buf_release(&path);
	return there;
}

/* Each folder of a list divided by ':'. */
static bool
try_list(struct jobq_adapter *adapter, const char *list, const char *below,
    const char *name)
{
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, ":");

		if (try_folder(adapter, list, len, below, name))
			return true;
		list += len + (list[len] == ':');
	}
	return false;
}

static enum jobq_status
find_folder(
    struct jobq_adapter *adapter, const char *name, struct jobq_err *err)
{
	struct jobq_buf share = JOBQ_BUF_INIT;
	struct jobq_buf home = JOBQ_BUF_INIT;
	const char *data_home = getenv("XDG_DATA_HOME");
	const char *data_dirs = getenv("XDG_DATA_DIRS");
	enum jobq_status status;
	bool found;

	if (data_home == NULL || *data_home == '\0') {
		const char *user = getenv("HOME");

		if (user != NULL && *user != '\0')
			jobq_buf_printf(&home, "%s/.local/share", user);
		data_home = home.data;
	}
	status = jobq_place_share(&share, err);
	if (status == JOBQ_OK) {
		found =
		    try_list(adapter, getenv("JOBQ_ADAPTER_PATH"), "", name) ||
		    try_list(adapter, data_home, "/jobq/adapters", name) ||
		    try_list(adapter, share.data, "/adapters", name) ||
		    try_list(adapter, data_dirs, "/jobq/adapters", name);
		if (!found)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "there is no adapter '%s': looked in "
			    "$JOBQ_ADAPTER_PATH, %s/jobq/adapters and "
			    "%s/adapters; see jobq-adapter(7)",
			    name, data_home == NULL ? "~" : data_home,
			    share.data);
	}
	jobq_buf_release(&share);
	jobq_buf_release(&home);
	return status;
}

static enum jobq_status open_adapter(const char *name,
    const struct jobq_adapter *above, struct jobq_adapter **out,
    struct jobq_err *err);

/*
 * The base is the adapter of that name beside this one, else the one that a
 * URL would find by it.
 */
static enum jobq_status
open_base(struct jobq_adapter *adapter, struct jobq_err *err)
{
	struct jobq_buf beside = JOBQ_BUF_INIT;
	struct jobq_buf file = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (!name_is_valid(adapter->base))
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s/adapter.json: \"base\" must be the name of an adapter",
		    adapter->folder);
	jobq_buf_printf(&beside, "%s/../%s", adapter->folder, adapter->base);
	jobq_buf_printf(&file, "%s/adapter.json", beside.data);
	status = open_adapter(
	    access(file.data, R_OK) == 0 ? beside.data : adapter->base, adapter,
	    &adapter->under, err);
	if (status == JOBQ_OK &&
	    strcmp(adapter->driver, adapter->under->driver) != 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s/adapter.json: its base '%s' is for the driver '%s'",
		    adapter->folder, adapter->base, adapter->under->driver);
	jobq_buf_release(&beside);
	jobq_buf_release(&file);
	return status;
}

/* above is what it is the base of; NULL: a URL's own. */
static enum jobq_status
open_adapter(const char *name, const struct jobq_adapter *above,
    struct jobq_adapter **out, struct jobq_err *err)
{
	struct jobq_adapter *adapter = jobq_xcalloc(1, sizeof *adapter);
	enum jobq_status status = JOBQ_OK;

	adapter->name = jobq_xstrdup(name);
	adapter->bases_left = above == NULL ? BASES_MOST : above->bases_left;
	if (name[0] == '/' || strncmp(name, "./", 2) == 0)
		adapter->folder = jobq_xstrdup(name);
	else if (name_is_valid(name))
		status = find_folder(adapter, name, err);
	else
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no name of an adapter: a-z, 0-9 and '-', or a "
		    "path that begins with '/' or './'",
		    name);
	if (status == JOBQ_OK)
		status = jobq_adapter_read(adapter, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "there is no adapter in '%s': it has no adapter.json",
		    adapter->folder);
	if (status == JOBQ_OK && adapter->base != NULL)
		status = adapter->bases_left-- > 0
			     ? open_base(adapter, err)
			     : jobq_fail(err, JOBQ_CONFIG,
				   "%s/adapter.json: bases are too deep",
				   adapter->folder);
	if (status == JOBQ_OK)
		*out = adapter;
	else
		jobq_adapter_free(adapter);
	return status;
}

enum jobq_status
jobq_adapter_open(
    const char *name, struct jobq_adapter **out, struct jobq_err *err)
{
	return open_adapter(name, NULL, out, err);
}

static void
free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

void
jobq_adapter_free(struct jobq_adapter *adapter)
{
	if (adapter == NULL)
		return;
	free(adapter->name);
	free(adapter->folder);
	free(adapter->driver);
	free_list(adapter->verbs);
	free_list(adapter->reads);
	free_list(adapter->hints);
	free_list(adapter->cannot);
	for (size_t i = 0; i < adapter->parameters; i++) {
		free(adapter->parameter[i].name);
		free(adapter->parameter[i].value);
	}
	free(adapter->parameter);
	free(adapter->when);
	free(adapter->slot);
	free(adapter->base);
	jobq_adapter_free(adapter->under);
	free(adapter);
}

static bool
in_list(char *const *list, const char *word)
{
	for (size_t i = 0; list[i] != NULL; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

bool
jobq_adapter_has(const struct jobq_adapter *adapter, const char *verb)
{
	return in_list(adapter->verbs, verb);
}

bool
jobq_adapter_reads(const struct jobq_adapter *adapter, const char *verb)
{
	return in_list(adapter->reads, verb);
}

bool
jobq_adapter_hints(const struct jobq_adapter *adapter, const char *verb)
{
	return in_list(adapter->hints, verb);
}

const char *
jobq_adapter_slot(const struct jobq_adapter *adapter)
{
	for (; adapter != NULL; adapter = adapter->under)
		if (adapter->slot != NULL)
			return adapter->slot;
	return NULL;
}

/* The file of the adapter or of the nearest base that has one; its path. */
static enum jobq_status
read_text(const struct jobq_adapter *adapter, const char *file,
    struct jobq_buf *path, struct jobq_buf *text, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_EMPTY;

	for (; adapter != NULL && status == JOBQ_EMPTY;
	     adapter = adapter->under) {
		jobq_buf_clear(path);
		jobq_buf_printf(path, "%s/%s", adapter->folder, file);
		status = jobq_file_read(path->data, TEXT_MAX, text, err);
	}
	return status;
}

/* depth bounds files that include each other. */
static enum jobq_status
add_text(const struct jobq_adapter *adapter, const char *file,
    struct jobq_buf *out, int depth, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;
	size_t at = 0;

	status = depth > 4 ? jobq_fail(err, JOBQ_CONFIG,
				 "%s/%s: includes are too deep",
				 adapter->folder, file)
			   : read_text(adapter, file, &path, &text, err);
	while (status == JOBQ_OK && at < text.len) {
		const char *line = text.data + at;
		size_t len = strcspn(line, "\n");

		if (strncmp(line, INCLUDE, strlen(INCLUDE)) == 0) {
			char *name = jobq_xstrndup(
			    line + strlen(INCLUDE), len - strlen(INCLUDE));

			status =
			    strchr(name, '/') != NULL
				? jobq_fail(err, JOBQ_CONFIG,
				      "%s: '%s' is no name of a file beside it",
				      path.data, name)
				: add_text(adapter, name, out, depth + 1, err);
			if (status == JOBQ_EMPTY)
				status = jobq_fail(err, JOBQ_CONFIG,
				    "%s: there is no '%s' beside it", path.data,
				    name);
			free(name);
		} else {
			jobq_buf_add(out, line, len);
			jobq_buf_putc(out, '\n');
		}
		at += len + 1;
	}
	jobq_buf_release(&text);
	jobq_buf_release(&path);
	return status;
}

enum jobq_status
jobq_adapter_text(const struct jobq_adapter *adapter, const char *file,
    struct jobq_buf *out, struct jobq_err *err)
{
	return add_text(adapter, file, out, 0, err);
}
