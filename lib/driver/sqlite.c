/*
 * The driver of embedded stores: one SQLite file, its texts from an adapter.
 *
 * A verb is the statements of its file, one transaction together. A verb
 * that reads runs in a read transaction; one that writes waits for its turn
 * (turn.h) and then begins immediately, so SQLite's own lock is free when it
 * is asked for. A file VERB.probe.sql is tried first, as a plain read: when
 * it answers, that is the answer and no turn is taken. Lines are collected
 * while statements are open and handed out after the commit. WAL with
 * synchronous=FULL: what is committed is on disk.
 */
#include "clock.h"
#include "driver.h"
#include "mem.h"
#include "store_file.h"
#include "turn.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define APPLICATION_ID 0x6a6f6271 /* "jobq" */

/* The statements of one file, prepared once. */
struct text {
	char *name;
	sqlite3_stmt **statement;
	size_t count;
};

struct store {
	const struct jobq_adapter *adapter;
	struct jobq_url *url;
	char *path;
	sqlite3 *db;
	struct jobq_turn turn;
	struct text *texts;
	size_t text_count;
	size_t text_cap;
	int64_t deadline;
	struct jobq_buf lines;
};

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

static enum jobq_status
db_error(struct store *store, const char *doing, int code, struct jobq_err *err)
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

static int
check_deadline(void *context)
{
	struct store *store = context;

	return jobq_mono_ms() > store->deadline;
}

static void
set_deadline(struct store *store, int64_t deadline)
{
	int64_t left = deadline - jobq_mono_ms();

	store->deadline = deadline;
	sqlite3_busy_timeout(store->db, left < 1	 ? 1
					: left > 1000000 ? 1000000
							 : (int)left);
}

static enum jobq_status
execute(struct store *store, const char *doing, const char *sql,
    struct jobq_err *err)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? JOBQ_OK : db_error(store, doing, code, err);
}

/* Prepares the statements of a file, divided by lines of "---". */
static enum jobq_status
prepare(struct store *store, struct text *text, const char *sql,
    struct jobq_err *err)
{
	size_t cap = 0;

	while (sql != NULL && *sql != '\0') {
		const char *end = strstr(sql, "\n---\n");
		size_t len = end == NULL ? strlen(sql) : (size_t)(end - sql);
		sqlite3_stmt *statement;
		int code;

		code = sqlite3_prepare_v3(store->db, sql, (int)len,
		    SQLITE_PREPARE_PERSISTENT, &statement, NULL);
		if (code != SQLITE_OK) {
			enum jobq_status status;

			status = db_error(store, "prepare for", code, err);
			jobq_err_prefix(
			    err, "%s/%s", store->adapter->folder, text->name);
			return status;
		}
		if (statement != NULL) {
			text->statement = jobq_grow(text->statement,
			    text->count, &cap, sizeof *text->statement);
			text->statement[text->count++] = statement;
		}
		sql = end == NULL ? NULL : end + 5;
	}
	return JOBQ_OK;
}

/* The prepared text of a file; one without statements when there is none. */
static enum jobq_status
find_text(struct store *store, const char *verb, const char *ending,
    struct text **out, struct jobq_err *err)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_buf sql = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct text *text = NULL;

	jobq_buf_printf(&name, "%s%s", verb, ending);
	for (size_t i = 0; i < store->text_count && text == NULL; i++)
		if (strcmp(store->texts[i].name, name.data) == 0)
			text = &store->texts[i];
	if (text == NULL) {
		status =
		    jobq_adapter_text(store->adapter, name.data, &sql, err);
		if (status == JOBQ_OK || status == JOBQ_EMPTY) {
			store->texts =
			    jobq_grow(store->texts, store->text_count,
				&store->text_cap, sizeof *store->texts);
			text = &store->texts[store->text_count++];
			*text =
			    (struct text){ .name = jobq_xstrdup(name.data) };
			status = prepare(store, text, sql.data, err);
		}
	}
	*out = text;
	jobq_buf_release(&name);
	jobq_buf_release(&sql);
	return status;
}

/* Runs one statement; what it says is added to lines. */
static int
run_statement(struct store *store, sqlite3_stmt *statement, const char *request,
    size_t len)
{
	int code;

	if (sqlite3_bind_parameter_count(statement) > 0)
		sqlite3_bind_text(
		    statement, 1, request, (int)len, SQLITE_STATIC);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const unsigned char *line = sqlite3_column_text(statement, 0);

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
run_text(struct store *store, const struct text *text, const char *request,
    size_t len, struct jobq_err *err)
{
	for (size_t i = 0; i < text->count; i++) {
		int code =
		    run_statement(store, text->statement[i], request, len);

		if (code != SQLITE_OK)
			return db_error(store, "use", code, err);
	}
	return JOBQ_OK;
}

/* All statements of a text between begin and COMMIT, or none. */
static enum jobq_status
transact(struct store *store, const char *begin, const struct text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	enum jobq_status status;

	status = execute(store, "use", begin, err);
	if (status != JOBQ_OK)
		return status;
	status = run_text(store, text, request, len, err);
	if (status == JOBQ_OK)
		status = execute(store, "write to", "COMMIT", err);
	if (status != JOBQ_OK && sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

static enum jobq_status
write_verb(struct store *store, const char *verb, const struct text *text,
    const char *request, size_t len, struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_turn_take(&store->turn, store->deadline, err);
	if (status != JOBQ_OK)
		return status;
	set_deadline(store, store->deadline);
	status = transact(store, "BEGIN IMMEDIATE", text, request, len, err);
	if (status == JOBQ_OK && jobq_adapter_hints(store->adapter, verb))
		jobq_turn_ring(&store->turn);
	jobq_turn_give(&store->turn);
	return status;
}

static enum jobq_status
hand_out(struct store *store, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	size_t at = 0;

	while (status == JOBQ_OK && at < store->lines.len) {
		const char *text = store->lines.data + at;
		const char *end = memchr(text, '\n', store->lines.len - at);

		status = line(context, text, (size_t)(end - text), err);
		at += (size_t)(end - text) + 1;
	}
	/* A rare large answer does not stay in memory for good. */
	if (store->lines.cap > JOBQ_PAGE_BYTES / 4)
		jobq_buf_release(&store->lines);
	else
		jobq_buf_clear(&store->lines);
	return status;
}

static enum jobq_status
sqlite_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct store *store = handle;
	enum jobq_status status;
	struct text *text = NULL, *probe = NULL;

	set_deadline(store, deadline);
	/* A store is made when it is opened. */
	if (strcmp(verb, "init") == 0)
		return JOBQ_OK;
	status = find_text(store, verb, ".probe.sql", &probe, err);
	if (status == JOBQ_OK && probe->count > 0)
		status = transact(store, "BEGIN", probe, request, len, err);
	if (status != JOBQ_OK)
		return status;
	if (store->lines.len == 0) {
		status = find_text(store, verb, ".sql", &text, err);
		if (status == JOBQ_OK)
			status = jobq_adapter_reads(store->adapter, verb)
				     ? transact(store, "BEGIN", text, request,
					   len, err)
				     : write_verb(store, verb, text, request,
					   len, err);
	}
	if (status != JOBQ_OK) {
		jobq_buf_clear(&store->lines);
		return status;
	}
	return hand_out(store, line, context, err);
}

/* Runs a text that is not worth keeping (the schema, the temporary tables). */
static enum jobq_status
run_once(struct store *store, const char *file, struct jobq_err *err)
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
		status = execute(store, "set up", at, err);
		at = end == NULL ? NULL : end + 5;
	}
	jobq_buf_release(&sql);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

static int64_t
pragma(struct store *store, const char *sql)
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
check_version(struct store *store, struct jobq_err *err)
{
	int64_t version = pragma(store, "PRAGMA user_version");
	int64_t application = pragma(store, "PRAGMA application_id");

	if (version < 0 || application < 0)
		return db_error(store, "open", sqlite3_errcode(store->db), err);
	if (version == 0 && application == 0 &&
	    pragma(store, "SELECT count(*) FROM sqlite_schema") == 0)
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
create_schema(struct store *store, struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_turn_take(&store->turn, store->deadline, err);
	if (status != JOBQ_OK)
		return status;
	status = execute(store, "set up", "PRAGMA journal_mode = WAL", err);
	if (status == JOBQ_OK)
		status = execute(store, "set up", "BEGIN IMMEDIATE", err);
	if (status == JOBQ_OK && check_version(store, err) == JOBQ_EMPTY)
		status = run_once(store, "init.sql", err);
	if (status == JOBQ_OK)
		status = execute(store, "set up", "COMMIT", err);
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
open_db(struct store *store, enum jobq_store_mode mode)
{
	struct jobq_buf uri = JOBQ_BUF_INIT;
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	int code;

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

static enum jobq_status
set_up(struct store *store, enum jobq_store_mode mode, struct jobq_err *err)
{
	enum jobq_status status;
	int code;

	code = open_db(store, mode);
	if (code != SQLITE_OK)
		return db_error(store, "open", code, err);
	set_deadline(store, jobq_mono_ms() + 5000);
	sqlite3_progress_handler(store->db, 20000, check_deadline, store);
	status = execute(store, "open",
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA temp_store = MEMORY;PRAGMA foreign_keys = OFF;"
	    "PRAGMA trusted_schema = OFF",
	    err);
	if (status == JOBQ_OK)
		status = check_version(store, err);
	if (status == JOBQ_EMPTY)
		status = mode == JOBQ_STORE_CREATE
			     ? create_schema(store, err)
			     : jobq_no_store(store->path, err);
	if (status == JOBQ_OK)
		status = run_once(store, "open.sql", err);
	return status;
}

static void
sqlite_close(void *handle)
{
	struct store *store = handle;

	for (size_t i = 0; i < store->text_count; i++) {
		for (size_t k = 0; k < store->texts[i].count; k++)
			sqlite3_finalize(store->texts[i].statement[k]);
		free(store->texts[i].statement);
		free(store->texts[i].name);
	}
	free(store->texts);
	sqlite3_close(store->db);
	jobq_turn_release(&store->turn);
	jobq_buf_release(&store->lines);
	free(store->path);
	free(store);
}

static enum jobq_status
sqlite_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct store *store = jobq_xcalloc(1, sizeof *store);
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;

	store->adapter = adapter;
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
		sqlite_close(store);
	return status;
}

static int
sqlite_fd(void *handle)
{
	return jobq_turn_listen(&((struct store *)handle)->turn);
}

static void
sqlite_heard(void *handle)
{
	jobq_turn_heard(&((struct store *)handle)->turn);
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
	.open = sqlite_open,
	.call = sqlite_call,
	.fd = sqlite_fd,
	.heard = sqlite_heard,
	.close = sqlite_close,
};
