#include "adapter.h"

#include "clock.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Folders may hold no text longer than this. */
#define TEXT_MAX ((size_t)1 << 20)
#define INCLUDE "-- include "

/* The longest name, and value, of a parameter. */
#define VALUE_MAX 63

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

static enum jobq_status
bad_member(const struct jobq_adapter *adapter, const char *member,
    const char *must, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG, "%s/adapter.json: \"%s\" must be %s",
	    adapter->folder, member, must);
}

/* A list of strings; an absent member gives an empty one. */
static enum jobq_status
read_list(const struct jobq_adapter *adapter, const struct jobq_object *object,
    const char *member, char ***list, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(object, member);
	struct jobq_span element;
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t cursor = 0, count = 0, cap = 0;
	enum jobq_status status = JOBQ_OK;
	char **out = NULL;

	if (value != NULL && value->at[0] != '[')
		status = bad_member(adapter, member, "an array", err);
	while (value != NULL && status == JOBQ_OK &&
	       jobq_json_element(*value, &cursor, &element)) {
		jobq_buf_clear(&text);
		status = jobq_json_string(element, &text, NULL);
		if (status != JOBQ_OK) {
			status = bad_member(
			    adapter, member, "an array of strings", err);
			break;
		}
		out = jobq_grow(out, count, &cap, sizeof *out);
		out[count++] = jobq_xstrndup(text.data, text.len);
	}
	out = jobq_grow(out, count, &cap, sizeof *out);
	out[count] = NULL;
	*list = out;
	jobq_buf_release(&text);
	return status;
}

static enum jobq_status
read_fencing(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	static const char *const words[] = { "\"epoch\"", "\"owner\"",
		"\"none\"" };
	const struct jobq_span *value = jobq_object_get(object, "fencing");

	for (size_t i = 0; value != NULL && i < 3; i++)
		if (jobq_span_is(*value, words[i])) {
			adapter->fencing = (enum jobq_fencing)i;
			return JOBQ_OK;
		}
	return bad_member(
	    adapter, "fencing", "\"epoch\", \"owner\" or \"none\"", err);
}

static enum jobq_status
read_scalars(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *driver = jobq_object_get(object, "driver");
	const struct jobq_span *lease = jobq_object_get(object, "lease");
	const struct jobq_span *version = jobq_object_get(object, "version");
	const struct jobq_span *renews = jobq_object_get(object, "renews");
	struct jobq_buf text = JOBQ_BUF_INIT;
	double seconds = 30;

	if (driver == NULL || jobq_json_string(*driver, &text, NULL) != 0) {
		jobq_buf_release(&text);
		return bad_member(adapter, "driver", "a scheme", err);
	}
	adapter->driver = jobq_buf_detach(&text);
	if (lease != NULL &&
	    (jobq_json_double(*lease, &seconds, NULL) != JOBQ_OK ||
		seconds < 0.1 || seconds > 1e7))
		return bad_member(adapter, "lease", "a number of seconds", err);
	adapter->lease_ms = (int64_t)(seconds * 1000);
	if (version != NULL &&
	    jobq_json_int(*version, &adapter->version, NULL) != JOBQ_OK)
		return bad_member(adapter, "version", "a whole number", err);
	adapter->renews = renews == NULL || jobq_span_is(*renews, "true");
	return read_fencing(adapter, object, err);
}

bool
jobq_adapter_may_be(const char *value)
{
	size_t len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return len <= VALUE_MAX && value[len] == '\0';
}

static bool
may_be_parameter(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= VALUE_MAX && name[len] == '\0';
}

static void
add_parameter(
    struct jobq_adapter *adapter, size_t *cap, char *name, char *value)
{
	struct jobq_adapter_parameter *list = adapter->parameter;

	list = jobq_grow(list, adapter->parameters, cap, sizeof *list);
	list[adapter->parameters].name = name;
	list[adapter->parameters++].value = value;
	adapter->parameter = list;
}

/* "parameters": names with their defaults; an absent member gives none. */
static enum jobq_status
read_parameters(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(object, "parameters");
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	size_t cursor = 0, cap = 0;

	if (value != NULL && value->at[0] != '{')
		return bad_member(adapter, "parameters", "an object", err);
	while (value != NULL && status == JOBQ_OK &&
	       jobq_json_member(*value, &cursor, &member)) {
		char *name = jobq_xstrndup(member.key.at, member.key.len);
		struct jobq_buf text = JOBQ_BUF_INIT;

		status = jobq_json_string(member.value, &text, NULL);
		add_parameter(adapter, &cap, name, jobq_buf_detach(&text));
		if (status == JOBQ_OK && may_be_parameter(name) &&
		    jobq_adapter_may_be(
			adapter->parameter[adapter->parameters - 1].value))
			continue;
		status = bad_member(adapter, "parameters",
		    "an object of names (a-z 0-9 _) and their values as "
		    "strings (at most 63 of A-Z a-z 0-9 _ . -)",
		    err);
	}
	return status;
}

static enum jobq_status
read_json(struct jobq_adapter *adapter, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_object object = { 0 };
	enum jobq_status status;

	status = jobq_adapter_text(adapter, "adapter.json", &text, err);
	if (status == JOBQ_OK &&
	    jobq_object_scan(&object, text.data, text.len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "%s/adapter.json", adapter->folder);
		status = JOBQ_CONFIG;
	}
	if (status == JOBQ_OK)
		status = read_scalars(adapter, &object, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "verbs", &adapter->verbs, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "reads", &adapter->reads, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "hints", &adapter->hints, err);
	if (status == JOBQ_OK)
		status = read_list(
		    adapter, &object, "cannot", &adapter->cannot, err);
	if (status == JOBQ_OK)
		status = read_parameters(adapter, &object, err);
	jobq_object_release(&object);
	jobq_buf_release(&text);
	return status;
}

enum jobq_status
jobq_adapter_open(
    const char *name, struct jobq_adapter **out, struct jobq_err *err)
{
	struct jobq_adapter *adapter = jobq_xcalloc(1, sizeof *adapter);
	enum jobq_status status = JOBQ_OK;

	adapter->name = jobq_xstrdup(name);
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
		status = read_json(adapter, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "there is no adapter in '%s': it has no adapter.json",
		    adapter->folder);
	if (status == JOBQ_OK)
		*out = adapter;
	else
		jobq_adapter_free(adapter);
	return status;
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

/* depth bounds files that include each other. */
static enum jobq_status
add_text(const struct jobq_adapter *adapter, const char *file,
    struct jobq_buf *out, int depth, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;
	size_t at = 0;

	jobq_buf_printf(&path, "%s/%s", adapter->folder, file);
	status = depth > 4 ? jobq_fail(err, JOBQ_CONFIG,
				 "%s: includes are too deep", path.data)
			   : jobq_file_read(path.data, TEXT_MAX, &text, err);
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
