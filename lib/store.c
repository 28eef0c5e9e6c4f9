#include "store.h"

#include "clock.h"
#include "driver.h"
#include "file.h"
#include "line.h"
#include "log.h"
#include "mem.h"
#include "store_load.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* How long a look whether there is a store may take. */
#define LOOK_MS 30000

struct jobq_store {
	const struct jobq_driver *driver;
	struct jobq_adapter *adapter;
	struct jobq_url url;
	struct jobq_buf name; /* the URL without secrets */
	void *handle;
	bool called;
};

static const char *const verb_names[JOBQ_VERBS] = {
	[JOBQ_VERB_INIT] = "init",
	[JOBQ_VERB_PUSH] = "push",
	[JOBQ_VERB_LIST] = "list",
	[JOBQ_VERB_CLAIM] = "claim",
	[JOBQ_VERB_SETTLE] = "settle",
	[JOBQ_VERB_CANCEL] = "cancel",
	[JOBQ_VERB_RETRY] = "retry",
	[JOBQ_VERB_STATS] = "stats",
	[JOBQ_VERB_EVENTS] = "events",
	[JOBQ_VERB_REAP] = "reap",
	[JOBQ_VERB_PRUNE] = "prune",
	[JOBQ_VERB_PAUSE] = "pause",
	[JOBQ_VERB_RESUME] = "resume",
	[JOBQ_VERB_CHECK] = "check",
	[JOBQ_VERB_REHEARSE] = "rehearse",
	[JOBQ_VERB_PLAN] = "plan",
};

const char *
jobq_verb_name(enum jobq_verb verb)
{
	return verb_names[verb];
}

/* What a driver without texts is: it answers everything itself. */
static struct jobq_adapter *
bare_adapter(const char *scheme)
{
	struct jobq_adapter *adapter = jobq_xcalloc(1, sizeof *adapter);
	size_t count = 0, cap = 0;

	adapter->name = jobq_xstrdup(scheme);
	adapter->driver = jobq_xstrdup(scheme);
	adapter->fencing = JOBQ_FENCING_EPOCH;
	adapter->renews = true;
	adapter->lease_ms = 30000;
	for (int i = 0; i <= JOBQ_VERBS; i++) {
		adapter->verbs = jobq_grow(
		    adapter->verbs, count, &cap, sizeof *adapter->verbs);
		adapter->verbs[count++] =
		    i < JOBQ_VERBS ? jobq_xstrdup(verb_names[i]) : NULL;
	}
	adapter->reads = jobq_xcalloc(1, sizeof *adapter->reads);
	adapter->hints = jobq_xcalloc(1, sizeof *adapter->hints);
	adapter->cannot = jobq_xcalloc(1, sizeof *adapter->cannot);
	return adapter;
}

static enum jobq_status
open_adapter(struct jobq_store *store, struct jobq_err *err)
{
	const char *scheme = store->driver->scheme;
	const char *named = jobq_url_take(&store->url, "adapter");
	enum jobq_status status;

	if (!store->driver->needs_adapter) {
		store->adapter = bare_adapter(scheme);
		return JOBQ_OK;
	}
	status = jobq_adapter_open(
	    named != NULL ? named : scheme, &store->adapter, err);
	if (status == JOBQ_OK && strcmp(store->adapter->driver, scheme) != 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "adapter '%s' is for stores of '%s:', not '%s:'",
		    store->adapter->name, store->adapter->driver, scheme);
	if (status == JOBQ_OK)
		status = jobq_adapter_apply(store->adapter, &store->url, err);
	return status;
}

/* The URL to open; a file that names one with a password must be private. */
static enum jobq_status
find_url(const char *given, char **url, struct jobq_err *err)
{
	char *source = NULL;
	enum jobq_status status = jobq_store_find_url(given, url, &source, err);

	if (status == JOBQ_OK && source[0] == '/' && jobq_url_has_secret(*url))
		status = jobq_file_check_private(
		    source, "password in the settings file", err);
	free(source);
	return status;
}

enum jobq_status
jobq_store_open(const char *url, enum jobq_store_mode mode,
    struct jobq_store **out, struct jobq_err *err)
{
	struct jobq_store *store = jobq_xcalloc(1, sizeof *store);
	char *found = NULL;
	enum jobq_status status;
	const char *left;

	status = find_url(url, &found, err);
	if (status == JOBQ_OK) {
		jobq_url_redact(found, &store->name);
		status = jobq_url_parse(&store->url, found, err);
	}
	if (status == JOBQ_OK)
		status =
		    jobq_driver_load(store->url.scheme, &store->driver, err);
	if (status == JOBQ_OK)
		status = open_adapter(store, err);
	if (status == JOBQ_OK)
		status = store->driver->open(
		    &store->url, store->adapter, mode, &store->handle, err);
	if (status == JOBQ_OK) {
		left = jobq_url_left(&store->url);
		if (left != NULL)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "%s: a store of '%s:' has no parameter '%s'",
			    store->name.data, store->url.scheme, left);
	}
	if (status == JOBQ_OK)
		*out = store;
	else
		jobq_store_close(store);
	free(found);
	return status;
}

void
jobq_store_close(struct jobq_store *store)
{
	if (store == NULL)
		return;
	if (store->handle != NULL)
		store->driver->close(store->handle);
	jobq_adapter_free(store->adapter);
	jobq_url_release(&store->url);
	jobq_buf_release(&store->name);
	free(store);
}

/* Checks what a store hands out before anyone else sees it. */
struct answer {
	jobq_line_fn *line;
	void *context;
	size_t lines;
};

static enum jobq_status
hand_out(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct answer *answer = context;

	if (len > JOBQ_STAGE_MAX)
		return jobq_fail(err, JOBQ_IO,
		    "the store answered a line of %zu bytes; the most is %zu",
		    len, JOBQ_STAGE_MAX);
	answer->lines++;
	return answer->line == NULL
		   ? JOBQ_OK
		   : answer->line(answer->context, line, len, err);
}

enum jobq_status
jobq_store_call(struct jobq_store *store, enum jobq_verb verb,
    const struct jobq_buf *request, int64_t deadline_ms, jobq_line_fn *line,
    void *context, struct jobq_err *err)
{
	struct answer answer = { line, context, 0 };
	const char *name = verb_names[verb];
	int64_t begun = jobq_mono_ms();
	enum jobq_status status;

	if (!jobq_adapter_has(store->adapter, name))
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "%s: adapter '%s' does not have the verb '%s'",
		    store->name.data, store->adapter->name, name);
	store->called = true;
	status = store->driver->call(store->handle, name, request->data,
	    request->len, begun + deadline_ms, hand_out, &answer, err);
	if (jobq_log_wants(JOBQ_DEBUG))
		jobq_log(JOBQ_DEBUG, "%s: %s took %lld ms, %zu lines%s%s",
		    store->name.data, name, (long long)(jobq_mono_ms() - begun),
		    answer.lines, status == JOBQ_OK ? "" : ", ",
		    status == JOBQ_OK ? "" : jobq_status_name(status));
	return status;
}

enum jobq_status
jobq_store_make(
    struct jobq_store *store, int64_t deadline_ms, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (store->called || !jobq_adapter_has(store->adapter, "init"))
		return JOBQ_OK;
	jobq_buf_puts(&request, "{}");
	status = jobq_store_call(
	    store, JOBQ_VERB_INIT, &request, deadline_ms, NULL, NULL, err);
	jobq_buf_release(&request);
	return status;
}

int
jobq_store_fd(struct jobq_store *store)
{
	return store->driver->fd == NULL ? -1
					 : store->driver->fd(store->handle);
}

void
jobq_store_heard(struct jobq_store *store)
{
	if (store->driver->heard != NULL)
		store->driver->heard(store->handle);
}

bool
jobq_store_listens(struct jobq_store *store)
{
	return store->driver->listens != NULL &&
	       store->driver->listens(store->handle);
}

const struct jobq_adapter *
jobq_store_adapter(const struct jobq_store *store)
{
	return store->adapter;
}

const char *
jobq_store_name(const struct jobq_store *store)
{
	return store->name.data;
}

enum jobq_status
jobq_store_ask(
    struct jobq_store *store, int64_t deadline_ms, struct jobq_err *err)
{
	static char ids[] = "{\"by\":\"ids\",\"limit\":1,\"ids\":[]}";
	const struct jobq_buf request = { ids, sizeof ids - 1, 0 };

	return jobq_store_call(
	    store, JOBQ_VERB_LIST, &request, deadline_ms, NULL, NULL, err);
}

bool
jobq_store_is_there(const char *url, struct jobq_store **store)
{
	if (jobq_store_open(url, JOBQ_STORE_READ, store, NULL) != JOBQ_OK)
		return false;
	if (jobq_store_ask(*store, LOOK_MS, NULL) == JOBQ_OK)
		return true;
	jobq_store_close(*store);
	*store = NULL;
	return false;
}
