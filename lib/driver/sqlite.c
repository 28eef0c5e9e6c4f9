/*
 * The driver of embedded stores: one SQLite file, its texts from an adapter.
 *
 * A verb is the statements of its file, one transaction together. A verb
 * that reads runs in a read transaction; one that writes waits for its turn
 * (turn.h) and then begins immediately, so SQLite's own lock is free when it
 * is asked for. A file VERB.probe.sql is tried first, as a plain read: when
 * it answers, that is the answer and no turn is taken. VERB.before.sql is run
 * before the turn, so that what needs no lock does not lengthen it. Lines are
 * collected while statements are open and handed out after the commit. WAL
 * with synchronous=FULL: what is committed is on disk.
 */
#include "sqlite_inside.h"

#include "clock.h"
#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* So many pages of the log are moved at a time; so many are too many. */
#define LOG_PAGES 1000
#define LOG_LONG 4000

static enum jobq_status
map_code(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
	case SQLITE_PROTOCOL:
		return JOBQ_AGAIN;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR:
		return JOBQ_CONFIG;
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return JOBQ_INVALID;
	default:
		return JOBQ_IO;
	}
}

enum jobq_status
jobq_sqlite_error(struct jobq_sqlite *store, const char *doing, int code,
    struct jobq_err *err)
{
	const char *why = sqlite3_errmsg(store->db);

	if ((code & 0xff) == SQLITE_INTERRUPT)
		why = "it took too long";
	else if ((code & 0xff) == SQLITE_BUSY)
		why = "another program has locked it";
	else if ((code & 0xff) == SQLITE_CORRUPT)
		why = "the file is damaged; restore it, or save what is left "
		      "with `sqlite3 FILE .recover`";
	return jobq_fail(err, map_code(code), "unable to %s store '%s': %s",
	    doing, store->path, why);
}

void
jobq_sqlite_deadline(struct jobq_sqlite *store, int64_t deadline)
{
	int64_t left = deadline - jobq_mono_ms();

	store->deadline = deadline;
	sqlite3_busy_timeout(store->db, left < 1	 ? 1
					: left > 1000000 ? 1000000
							 : (int)left);
}

enum jobq_status
jobq_sqlite_execute(struct jobq_sqlite *store, const char *doing,
    const char *sql, struct jobq_err *err)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? JOBQ_OK
				 : jobq_sqlite_error(store, doing, code, err);
}

enum jobq_status
jobq_sqlite_prepare(struct jobq_sqlite *store, const struct jobq_sql_text *text,
    struct jobq_sql_statement *statement, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	sqlite3_stmt *prepared = NULL;
	int code;

	code = sqlite3_prepare_v3(store->db, statement->sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &prepared, NULL);
	statement->prepared = prepared;
	if (code != SQLITE_OK) {
		status = jobq_sqlite_error(store, "prepare for", code, err);
		jobq_err_prefix(
		    err, "%s/%s", store->adapter->folder, text->name);
	}
	return status;
}

/* Runs one statement; what it says is added to lines. */
static int
run_statement(struct jobq_sqlite *store, sqlite3_stmt *statement,
    const char *request, size_t len)
{
	int code;

	if (sqlite3_bind_parameter_count(statement) > 0)
		sqlite3_bind_text(
		    statement, 1, request, (int)len, SQLITE_STATIC);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const unsigned char *line = sqlite3_column_text(statement, 0);

		store->answered = true;
		if (line == NULL)
			continue;
		jobq_buf_add(&store->lines, line,
		    (size_t)sqlite3_column_bytes(statement, 0));
		jobq_buf_putc(&store->lines, '\n');
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static enum jobq_status
run_wanted(struct jobq_sqlite *store, struct jobq_sql_text *text,
    const struct jobq_object *members, const char *request, size_t len,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	for (size_t i = 0; i < text->count && status == JOBQ_OK; i++) {
		struct jobq_sql_statement *statement = &text->statement[i];
		int code;

		if (text->probe && store->answered)
			break;
		if (!jobq_sql_wants(&store->texts, statement, members))
			continue;
		if (statement->prepared == NULL)
			status =
			    jobq_sqlite_prepare(store, text, statement, err);
		/* A text of comments alone is no statement. */
		if (status != JOBQ_OK || statement->prepared == NULL)
			continue;
		code = run_statement(store, statement->prepared, request, len);
		if (code != SQLITE_OK)
			status = jobq_sqlite_error(store, "use", code, err);
	}
	return status;
}

enum jobq_status
jobq_sqlite_run(struct jobq_sqlite *store, struct jobq_sql_text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status;

	status = jobq_sql_members(text, request, len, &members, err);
	if (status == JOBQ_OK)
		status = run_wanted(store, text, &members, request, len, err);
	jobq_object_release(&members);
	return status;
}

/* BEGIN, BEGIN IMMEDIATE or COMMIT, prepared the first time. */
static enum jobq_status
step(struct jobq_sqlite *store, sqlite3_stmt **statement, const char *sql,
    const char *doing, struct jobq_err *err)
{
	int code = SQLITE_OK;

	if (*statement == NULL)
		code = sqlite3_prepare_v3(store->db, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, statement, NULL);
	if (code == SQLITE_OK) {
		code = sqlite3_step(*statement);
		sqlite3_reset(*statement);
	}
	return code == SQLITE_DONE ? JOBQ_OK
				   : jobq_sqlite_error(store, doing, code, err);
}

/* The statements of a text that are wanted in one transaction, or none. */
static enum jobq_status
transact(struct jobq_sqlite *store, bool writes, struct jobq_sql_text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status;
	bool any = false;

	status = jobq_sql_members(text, request, len, &members, err);
	for (size_t i = 0; i < text->count && status == JOBQ_OK && !any; i++)
		any = jobq_sql_wants(
		    &store->texts, &text->statement[i], &members);
	if (any)
		status = writes
			     ? step(store, &store->begin_write,
				   "BEGIN IMMEDIATE", "use", err)
			     : step(store, &store->begin, "BEGIN", "use", err);
	if (any && status == JOBQ_OK) {
		status = run_wanted(store, text, &members, request, len, err);
		if (status == JOBQ_OK)
			status = step(
			    store, &store->commit, "COMMIT", "write to", err);
		if (status != JOBQ_OK && sqlite3_get_autocommit(store->db) == 0)
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	}
	jobq_object_release(&members);
	return status;
}

/*
 * Moves what is committed from the log into the file. Outside its turn, so
 * that others write meanwhile; but then the log is seldom moved to its end,
 * where it could begin anew, so once it is long that is done within a turn.
 */
static void
checkpoint(struct jobq_sqlite *store, int pages)
{
	if (store->log_pages < store->moved_pages)
		store->moved_pages = 0;
	if (store->log_pages - store->moved_pages < pages)
		return;
	/* One that fails is tried again a thousand pages later. */
	sqlite3_wal_checkpoint_v2(
	    store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	store->moved_pages = store->log_pages;
}

static enum jobq_status
write_verb(struct jobq_sqlite *store, const char *verb,
    struct jobq_sql_text *text, const char *request, size_t len,
    struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_turn_take(&store->turn, store->deadline, err);
	if (status != JOBQ_OK)
		return status;
	jobq_sqlite_deadline(store, store->deadline);
	status = transact(store, true, text, request, len, err);
	if (status == JOBQ_OK && jobq_adapter_hints(store->adapter, verb))
		jobq_turn_ring(&store->turn);
	if (store->log_pages >= LOG_LONG)
		checkpoint(store, 1);
	jobq_turn_give(&store->turn);
	checkpoint(store, LOG_PAGES);
	return status;
}

/* A verb that has texts; what it says is added to lines. */
static enum jobq_status
answer(struct jobq_sqlite *store, const char *verb, const char *request,
    size_t len, struct jobq_err *err)
{
	struct jobq_sql_text *text = NULL;
	enum jobq_status status;

	status = jobq_sql_find(&store->texts, verb, ".probe.sql", &text, err);
	if (status == JOBQ_OK && text->count > 0)
		status = transact(store, false, text, request, len, err);
	if (status != JOBQ_OK || store->answered)
		return status;
	status = jobq_sqlite_ready(
	    store, jobq_adapter_reads(store->adapter, verb), err);
	if (status == JOBQ_OK)
		status = jobq_sql_find(
		    &store->texts, verb, ".before.sql", &text, err);
	if (status == JOBQ_OK && text->count > 0)
		status = transact(store, false, text, request, len, err);
	if (status == JOBQ_OK)
		status = jobq_sql_find(&store->texts, verb, ".sql", &text, err);
	if (status != JOBQ_OK)
		return status;
	return jobq_adapter_reads(store->adapter, verb)
		   ? transact(store, false, text, request, len, err)
		   : write_verb(store, verb, text, request, len, err);
}

static enum jobq_status
sqlite_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_sqlite *store = handle;
	enum jobq_status status;

	store->answered = false;
	jobq_sqlite_deadline(store, deadline);
	/* A store is made when it is opened. */
	if (strcmp(verb, "init") == 0)
		return JOBQ_OK;
	if (strcmp(verb, "rehearse") == 0)
		status = jobq_sqlite_rehearse(store, request, len, err);
	else if (strcmp(verb, "plan") == 0)
		status = jobq_sqlite_plan(store, request, len, err);
	else
		status = answer(store, verb, request, len, err);
	if (status != JOBQ_OK) {
		jobq_buf_clear(&store->lines);
		return status;
	}
	return jobq_sql_hand_out(&store->lines, line, context, err);
}

static int
sqlite_fd(void *handle)
{
	return jobq_turn_listen(&((struct jobq_sqlite *)handle)->turn);
}

static void
sqlite_heard(void *handle)
{
	jobq_turn_heard(&((struct jobq_sqlite *)handle)->turn);
}

static const char *
sqlite_library(void)
{
	return "SQLite " SQLITE_VERSION;
}

extern const struct jobq_driver jobq_driver;

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "sqlite",
	.needs_adapter = true,
	.library = sqlite_library,
	.open = jobq_sqlite_open,
	.call = sqlite_call,
	.fd = sqlite_fd,
	.heard = sqlite_heard,
	.close = jobq_sqlite_close,
};
