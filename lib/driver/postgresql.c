/*
 * The driver of PostgreSQL: a schema of a database, its texts from an adapter.
 *
 * A verb is the statements of its file, one transaction together, in one trip
 * to the server (postgresql_trip.c). Of a file VERB.probe.sql the statements
 * go first, each on its own trip, until one answers: then that is the answer.
 * Lines are handed out when the commit is confirmed. The request is the one
 * parameter, $1, of the statements that have one.
 */
#include "postgresql_inside.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

#include "banned.h"

static size_t
count_wanted(const struct jobq_pg *store, const struct jobq_sql_text *text,
    const struct jobq_object *members)
{
	size_t count = 0;

	for (size_t i = 0; i < text->count; i++)
		count +=
		    jobq_sql_wants(&store->texts, &text->statement[i], members);
	return count;
}

/* Sends the statements of a text that are meant for this request. */
static enum jobq_status
send_wanted(struct jobq_pg *store, const struct jobq_sql_text *text,
    const struct jobq_object *members, const char *request,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	for (size_t i = 0; i < text->count && status == JOBQ_OK; i++)
		if (jobq_sql_wants(&store->texts, &text->statement[i], members))
			status = jobq_pg_send(store, text, i, request, err);
	return status;
}

static enum jobq_status
transact(struct jobq_pg *store, const struct jobq_sql_text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status;
	size_t count = 0;

	status = jobq_sql_members(text, request, len, &members, err);
	if (status == JOBQ_OK)
		count = count_wanted(store, text, &members);
	if (count > 0) {
		status = jobq_pg_begin(store, count > 1, err);
		if (status == JOBQ_OK)
			status =
			    send_wanted(store, text, &members, request, err);
		if (status == JOBQ_OK)
			status = jobq_pg_finish(
			    store, count > 1 ? "COMMIT" : NULL, err);
	}
	jobq_object_release(&members);
	return status;
}

/* One statement after the other until one answers. */
static enum jobq_status
probe(struct jobq_pg *store, const struct jobq_sql_text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status;

	status = jobq_sql_members(text, request, len, &members, err);
	for (size_t i = 0;
	     i < text->count && status == JOBQ_OK && !store->answered; i++) {
		if (!jobq_sql_wants(
			&store->texts, &text->statement[i], &members))
			continue;
		status = jobq_pg_begin(store, false, err);
		if (status == JOBQ_OK)
			status = jobq_pg_send(store, text, i, request, err);
		if (status == JOBQ_OK)
			status = jobq_pg_finish(store, NULL, err);
	}
	jobq_object_release(&members);
	return status;
}

/* A verb that has texts; what it says is added to lines. */
static enum jobq_status
answer(struct jobq_pg *store, const char *verb, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_sql_text *text = NULL;
	enum jobq_status status;

	status = jobq_sql_find(&store->texts, verb, ".probe.sql", &text, err);
	if (status == JOBQ_OK && text->count > 0)
		status = probe(store, text, request, len, err);
	if (status != JOBQ_OK || store->answered)
		return status;
	status = jobq_sql_find(&store->texts, verb, ".sql", &text, err);
	if (status == JOBQ_OK && text->count == 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "adapter '%s' says that it has the verb '%s', but "
		    "%s/%s.sql "
		    "has no statement",
		    store->adapter->name, verb, store->adapter->folder, verb);
	return status == JOBQ_OK ? transact(store, text, request, len, err)
				 : status;
}

/* A store with a version is made when it is first connected to. */
static enum jobq_status
init(struct jobq_pg *store, struct jobq_err *err)
{
	struct jobq_sql_text *text = NULL;
	enum jobq_status status;

	if (store->adapter->version > 0)
		return JOBQ_OK;
	status = jobq_sql_find(&store->texts, "init", ".sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_pg_script(store, text, err);
	store->checked = false; /* the facts may be others now */
	return status;
}

static enum jobq_status
postgresql_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_pg *store = handle;
	enum jobq_status status;

	store->begun = jobq_mono_ms();
	store->deadline = deadline;
	store->answered = false;
	if (store->ear.bell.epoll >= 0)
		jobq_pg_ear_tune(
		    &store->ear, store->schema, verb, request, len);
	status = jobq_pg_ready(store, err);
	if (status == JOBQ_OK)
		jobq_pg_ear_start(&store->ear, &store->settings);
	if (status == JOBQ_OK && strcmp(verb, "init") == 0)
		status = init(store, err);
	else if (status == JOBQ_OK && strcmp(verb, "rehearse") == 0)
		status = jobq_pg_rehearse(store, request, len, err);
	else if (status == JOBQ_OK && strcmp(verb, "plan") == 0)
		status = jobq_pg_plan(store, request, len, err);
	else if (status == JOBQ_OK)
		status = answer(store, verb, request, len, err);
	if (status != JOBQ_OK) {
		jobq_buf_clear(&store->lines);
		return status;
	}
	return jobq_sql_hand_out(&store->lines, line, context, err);
}

static int
postgresql_fd(void *handle)
{
	struct jobq_pg *store = handle;

	return store->listens ? jobq_bell_fd(&store->ear.bell) : -1;
}

static void
postgresql_heard(void *handle)
{
	struct jobq_pg *store = handle;

	jobq_pg_ear_turn(&store->ear, &store->settings);
}

/* Somebody has to ring, too: the adapter says that its push does. */
static bool
postgresql_listens(void *handle)
{
	const struct jobq_pg *store = handle;

	return store->ear.conn != NULL &&
	       store->ear.state == JOBQ_PG_LISTENING &&
	       jobq_adapter_hints(store->adapter, "push");
}

/* The version that is there when this runs; always the same text. */
static const char *
postgresql_library(void)
{
	static char text[32];
	int version = PQlibVersion();

	snprintf(
	    text, sizeof text, "libpq %d.%d", version / 10000, version % 10000);
	return text;
}

extern const struct jobq_driver jobq_driver;

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "postgresql",
	.needs_adapter = true,
	.library = postgresql_library,
	.open = jobq_pg_open,
	.call = postgresql_call,
	.fd = postgresql_fd,
	.heard = postgresql_heard,
	.listens = postgresql_listens,
	.close = jobq_pg_close,
};
