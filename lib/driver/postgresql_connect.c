/*
 * The connection of a store: made when the first call needs it, made anew by
 * the next call after it was lost. A server that went away while nothing was
 * asked of it is found out before anything is sent, so that such a call need
 * not fail.
 *
 * Every wait ends at the call's deadline. libpq itself looks names of hosts
 * up, and that takes as long as the resolver takes.
 *
 * Behind the connection comes the question whether there is a store, and of
 * which version: the text version.sql of the adapter answers one number, or
 * fails for want of its schema or table. Who may make a store then runs
 * init.sql, which makes or brings up to date, whichever is needed, also
 * beside others that do the same.
 *
 * Last come the facts: the text facts.sql, if there is one, answers names by
 * which the other texts choose their statements, for a statement that names
 * a table cannot even be parsed where there is no such table.
 */
#include "postgresql_inside.h"

#include "clock.h"
#include "mem.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* To a session that is idle the last words of the server are a notice. */
static void
hear_notice(void *context, const PGresult *notice)
{
	const char *severity =
	    PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	struct jobq_pg *store = context;

	if (severity != NULL && strcmp(severity, "FATAL") == 0)
		store->dismissed = true;
}

void
jobq_pg_drop(struct jobq_pg *store)
{
	PQfinish(store->conn);
	store->conn = NULL;
	store->dismissed = false;
	store->checked = false;
}

/* Waits until libpq can go on; false when there is no time left. */
static bool
wait_for(PGconn *conn, PostgresPollingStatusType what, int64_t until)
{
	struct pollfd fd = {
		.fd = PQsocket(conn),
		.events = what == PGRES_POLLING_READING ? POLLIN : POLLOUT,
	};
	int64_t left;

	do {
		left = until - jobq_mono_ms();
		if (left <= 0)
			return false;
	} while (poll(&fd, 1, left > 1000000 ? 1000000 : (int)left) <= 0);
	return true;
}

static enum jobq_status
connect_store(struct jobq_pg *store, struct jobq_err *err)
{
	PostgresPollingStatusType what = PGRES_POLLING_WRITING;
	int64_t until = jobq_mono_ms() + store->connect_ms;
	PGconn *conn;

	if (until > store->deadline)
		until = store->deadline;
	conn =
	    PQconnectStartParams((const char *const *)store->settings.keyword,
		(const char *const *)store->settings.value, 0);
	if (conn == NULL)
		jobq_mem_exhausted("a connection");
	store->conn = conn;
	jobq_pg_note_name(store, conn);
	PQsetNoticeReceiver(conn, hear_notice, store);
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	while (what != PGRES_POLLING_OK) {
		if (PQstatus(conn) == CONNECTION_BAD) {
			enum jobq_status status =
			    jobq_pg_refused(store, conn, err);

			jobq_pg_drop(store);
			return status;
		}
		if (!wait_for(conn, what, until))
			return jobq_pg_late(store, err);
		what = PQconnectPoll(conn);
	}
	/* Of several servers it is now known which. */
	jobq_pg_note_name(store, conn);
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	if (PQsetnonblocking(conn, 1) != 0 || PQenterPipelineMode(conn) == 0)
		return jobq_pg_lost(store, err);
	jobq_pg_ear_meet(&store->ear, conn);
	return JOBQ_OK;
}

/* Whether the server has closed what was idle. */
static bool
has_gone(struct jobq_pg *store)
{
	struct pollfd fd = { PQsocket(store->conn), POLLIN, 0 };

	while (poll(&fd, 1, 0) > 0)
		if ((fd.revents & ~POLLIN) != 0 ||
		    PQconsumeInput(store->conn) == 0 || PQisBusy(store->conn) ||
		    store->dismissed)
			return true;
	return false;
}

static enum jobq_status
no_store(struct jobq_pg *store, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "there is no store in schema '%s' of '%s': jobq-push or "
	    "`jobq-admin init` makes one",
	    store->schema, store->name.data);
}

/* Asks for the version; 0: there is no store. */
static enum jobq_status
ask_version(struct jobq_pg *store, int64_t *version, struct jobq_err *err)
{
	struct jobq_sql_text *text;
	struct jobq_err why = { "" };
	enum jobq_status status;

	*version = 0;
	status = jobq_sql_find(&store->texts, "version", ".sql", &text, &why);
	if (status == JOBQ_OK && text->count != 1)
		status = jobq_fail(&why, JOBQ_CONFIG,
		    "%s has a version, so its version.sql must be one "
		    "statement",
		    store->adapter->folder);
	if (status == JOBQ_OK)
		status = jobq_pg_begin(store, false, &why);
	if (status == JOBQ_OK)
		status = jobq_pg_send(store, text, 0, "{}", &why);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(store, NULL, &why);
	if (status == JOBQ_OK && store->lines.len > 0)
		*version = strtoll(store->lines.data, NULL, 10);
	jobq_buf_clear(&store->lines);
	store->answered = false;
	if (status == JOBQ_CONFIG && (strcmp(store->state, "42P01") == 0 ||
					 strcmp(store->state, "3F000") == 0))
		return JOBQ_OK;
	if (status != JOBQ_OK && err != NULL)
		*err = why;
	return status;
}

static enum jobq_status
make_store(struct jobq_pg *store, int64_t *version, struct jobq_err *err)
{
	struct jobq_sql_text *text;
	enum jobq_status status;

	status = jobq_sql_find(&store->texts, "init", ".sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_pg_script(store, text, err);
	if (status == JOBQ_OK)
		status = ask_version(store, version, err);
	if (status == JOBQ_OK && *version < store->adapter->version)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s/init.sql made version %lld of its schema, but "
		    "adapter.json says %lld",
		    store->adapter->folder, (long long)*version,
		    (long long)store->adapter->version);
	return status;
}

static enum jobq_status
check_version(struct jobq_pg *store, struct jobq_err *err)
{
	int64_t known = store->adapter->version, version;
	enum jobq_status status = ask_version(store, &version, err);

	if (status == JOBQ_OK && version < known &&
	    store->mode == JOBQ_STORE_CREATE)
		status = make_store(store, &version, err);
	else if (status == JOBQ_OK && version == 0)
		status = no_store(store, err);
	else if (status == JOBQ_OK && version < known)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "store '%s' (schema %s) was made by an older jobq (version "
		    "%lld, this one needs %lld): `jobq-admin init` brings it "
		    "up to date",
		    store->name.data, store->schema, (long long)version,
		    (long long)known);
	if (status == JOBQ_OK && version > known)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "store '%s' (schema %s) was made by a newer jobq (version "
		    "%lld, this one knows %lld): update jobq",
		    store->name.data, store->schema, (long long)version,
		    (long long)known);
	return status;
}

static enum jobq_status
find_facts(struct jobq_pg *store, struct jobq_err *err)
{
	struct jobq_sql_text *text;
	enum jobq_status status;

	status = jobq_sql_find(&store->texts, "facts", ".sql", &text, err);
	if (status != JOBQ_OK || text->count == 0)
		return status;
	status = jobq_pg_begin(store, text->count > 1, err);
	for (size_t i = 0; i < text->count && status == JOBQ_OK; i++)
		status = jobq_pg_send(store, text, i, "{}", err);
	if (status == JOBQ_OK)
		status = jobq_pg_finish(
		    store, text->count > 1 ? "COMMIT" : NULL, err);
	if (status == JOBQ_OK)
		jobq_sql_set_facts(&store->texts, &store->lines);
	jobq_buf_clear(&store->lines);
	store->answered = false;
	return status;
}

enum jobq_status
jobq_pg_ready(struct jobq_pg *store, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (store->conn != NULL && has_gone(store))
		jobq_pg_drop(store);
	if (store->conn == NULL)
		status = connect_store(store, err);
	if (status == JOBQ_OK && !store->checked && store->adapter->version > 0)
		status = check_version(store, err);
	if (status == JOBQ_OK && !store->checked)
		status = find_facts(store, err);
	if (status == JOBQ_OK)
		store->checked = true;
	return status;
}
