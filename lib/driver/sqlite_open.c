/*
 * Opening an embedded store: the file, the connection's settings, the check
 * that it is a store and not of a later version, the schema when it is new.
 */
#include "sqlite_inside.h"

#include "clock.h"
#include "mem.h"
#include "store_file.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define APPLICATION_ID 0x6a6f6271 /* "jobq" */

static int
check_deadline(void *context)
{
	struct jobq_sqlite *store = context;

	return jobq_mono_ms() > store->deadline;
}

/* Runs a text that is not worth keeping (the schema, the temporary tables). */
static enum jobq_status
run_once(struct jobq_sqlite *store, const char *file, struct jobq_err *err)
{
	struct jobq_buf sql = JOBQ_BUF_INIT;
	enum jobq_status status;
	const char *at;

	status = jobq_adapter_text(store->adapter, file, &sql, err);
	at = sql.data;
	while (status == JOBQ_OK && at != NULL) {
		char *end = strstr(at, "\n---\n");

		if (end != NULL)
			*end = '\0';
		status = jobq_sqlite_execute(store, "set up", at, err);
		at = end == NULL ? NULL : end + 5;
	}
	jobq_buf_release(&sql);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

enum jobq_status
jobq_sqlite_ready(struct jobq_sqlite *store, bool reads, struct jobq_err *err)
{
	bool *ready = reads ? &store->read_ready : &store->write_ready;
	enum jobq_status status = JOBQ_OK;

	if (!*ready)
		status =
		    run_once(store, reads ? "open.read.sql" : "open.sql", err);
	*ready = status == JOBQ_OK;
	return status;
}

static int64_t
pragma(struct jobq_sqlite *store, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t value = -1;

	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) !=
	    SQLITE_OK)
		return -1;
	if (sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

/*
 * Whether the file is a store of ours, and of a version we know: JOBQ_EMPTY
 * when it has nothing in it yet.
 */
static enum jobq_status
check_version(struct jobq_sqlite *store, struct jobq_err *err)
{
	/* First, or one who makes the schema meanwhile is taken for another. */
	int64_t tables = pragma(store, "SELECT count(*) FROM sqlite_schema");
	int64_t version = pragma(store, "PRAGMA user_version");
	int64_t application = pragma(store, "PRAGMA application_id");

	if (tables < 0 || version < 0 || application < 0)
		return jobq_sqlite_error(
		    store, "open", sqlite3_errcode(store->db), err);
	if (version == 0 && application == 0 && tables == 0)
		return JOBQ_EMPTY;
	if (application != APPLICATION_ID)
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is a SQLite database, but not a store of jobq",
		    store->path);
	if (version > store->adapter->version)
		return jobq_fail(err, JOBQ_CONFIG,
		    "store '%s' was written by a newer jobq (schema %lld, this "
		    "one knows %lld): update jobq",
		    store->path, (long long)version,
		    (long long)store->adapter->version);
	return JOBQ_OK;
}

/* Makes the schema; of two processes that try, the second finds it there. */
static enum jobq_status
create_schema(struct jobq_sqlite *store, struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_turn_take(&store->turn, store->deadline, err);
	if (status != JOBQ_OK)
		return status;
	status = jobq_sqlite_execute(
	    store, "set up", "PRAGMA journal_mode = WAL", err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_execute(
		    store, "set up", "BEGIN IMMEDIATE", err);
	if (status == JOBQ_OK && check_version(store, err) == JOBQ_EMPTY)
		status = run_once(store, "init.sql", err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_execute(store, "set up", "COMMIT", err);
	if (status != JOBQ_OK && sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	jobq_turn_give(&store->turn);
	return status;
}

/*
 * A store on a read-only disk has no place for WAL's shared memory; when
 * nobody can be writing it, it is read as it lies there.
 */
static int
open_db(struct jobq_sqlite *store, enum jobq_store_mode mode)
{
	struct jobq_buf uri = JOBQ_BUF_INIT;
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	int code;

	/* No count of memory that nobody asks for, under a lock each time. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	jobq_buf_puts(&uri, "file:");
	for (const char *at = store->path; *at != '\0'; at++)
		if (strchr("%?#", *at) != NULL)
			jobq_buf_printf(&uri, "%%%02x", (unsigned char)*at);
		else
			jobq_buf_putc(&uri, *at);
	if (mode == JOBQ_STORE_READ && jobq_file_is_read_only(store->path))
		jobq_buf_puts(&uri, "?immutable=1");
	flags |= mode == JOBQ_STORE_READ ? SQLITE_OPEN_READONLY
					 : SQLITE_OPEN_READWRITE;
	code = sqlite3_open_v2(uri.data, &store->db, flags, NULL);
	jobq_buf_release(&uri);
	return code;
}

static int
note_log(void *context, sqlite3 *db, const char *name, int pages)
{
	(void)db, (void)name;
	((struct jobq_sqlite *)context)->log_pages = pages;
	return SQLITE_OK;
}

static enum jobq_status
set_up(
    struct jobq_sqlite *store, enum jobq_store_mode mode, struct jobq_err *err)
{
	enum jobq_status status;
	int code;

	code = open_db(store, mode);
	if (code == SQLITE_OK)
		code = jobq_sqlite_add_functions(store->db);
	if (code != SQLITE_OK)
		return jobq_sqlite_error(store, "open", code, err);
	jobq_sqlite_deadline(store, jobq_mono_ms() + 5000);
	/* Instead of SQLite's own checkpoints, which come within a commit. */
	sqlite3_wal_hook(store->db, note_log, store);
	sqlite3_progress_handler(store->db, 20000, check_deadline, store);
	status = jobq_sqlite_execute(store, "open",
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA temp_store = MEMORY;PRAGMA cache_size = -1024;PRAGMA "
	    "foreign_keys = OFF;"
	    "PRAGMA trusted_schema = OFF",
	    err);
	if (status == JOBQ_OK)
		status = check_version(store, err);
	if (status == JOBQ_EMPTY)
		status = mode == JOBQ_STORE_CREATE
			     ? create_schema(store, err)
			     : jobq_no_store(store->path, err);
	return status;
}

void
jobq_sqlite_close(void *handle)
{
	struct jobq_sqlite *store = handle;

	for (size_t i = 0; i < store->texts.count; i++) {
		struct jobq_sql_text *text = store->texts.item[i];

		for (size_t j = 0; j < text->count; j++)
			sqlite3_finalize(text->statement[j].prepared);
	}
	jobq_sql_release(&store->texts);
	sqlite3_finalize(store->begin);
	sqlite3_finalize(store->begin_write);
	sqlite3_finalize(store->commit);
	sqlite3_close(store->db);
	jobq_turn_release(&store->turn);
	jobq_buf_release(&store->lines);
	free(store->path);
	free(store);
}

enum jobq_status
jobq_sqlite_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_sqlite *store = jobq_xcalloc(1, sizeof *store);
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;

	store->adapter = store->texts.adapter = adapter;
	store->url = url;
	status = jobq_url_path(url, &path, err);
	if (status == JOBQ_OK && path.len == 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "sqlite: names no file: sqlite:/path/to/jobs.db");
	store->path = jobq_buf_detach(&path);
	jobq_turn_init(&store->turn, store->path);
	if (status == JOBQ_OK)
		status = jobq_store_file(store->path, mode, err);
	if (status == JOBQ_OK)
		status = set_up(store, mode, err);
	if (status == JOBQ_OK)
		*handle = store;
	else
		jobq_sqlite_close(store);
	return status;
}
