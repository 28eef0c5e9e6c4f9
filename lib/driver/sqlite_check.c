/*
 * What the doctor asks of an adapter's texts.
 *
 * A rehearsal does verbs one after the other in one transaction, under the
 * writer's turn, and takes all of it back; nobody is rung for. Behind the
 * lines of each step stands {"step":N}.
 *
 * A plan is what SQLite says of each statement of a verb, one that its
 * request would leave out too: {"statement":N,"plan":TEXT}. The names there
 * are those that the statement gives its tables, so which table is read as a
 * whole is seen in its program: a cursor on the table, or on an index of all
 * of its rows, that is set on the first row and then moved on. As a range
 * with an upper end alone begins there, too, the plan must call it a scan.
 */
#include "sqlite_inside.h"

#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* Decodes a string that a request must have. */
static enum jobq_status
take_string(const struct jobq_object *members, const char *name,
    struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	jobq_buf_clear(out);
	if (value == NULL)
		return jobq_fail(
		    err, JOBQ_INVALID, "the request has no \"%s\"", name);
	return jobq_json_string(*value, out, err);
}

/* The verb of a request: one that has texts. */
static enum jobq_status
take_verb(const struct jobq_sqlite *store, const struct jobq_object *members,
    struct jobq_buf *verb, struct jobq_err *err)
{
	enum jobq_status status = take_string(members, "verb", verb, err);

	if (status == JOBQ_OK &&
	    (verb->len == 0 || !jobq_adapter_has(store->adapter, verb->data)))
		status = jobq_fail(err, JOBQ_UNSUPPORTED,
		    "adapter '%s' does not have the verb '%s'",
		    store->adapter->name, verb->len == 0 ? "" : verb->data);
	return status;
}

/* A verb as it is done otherwise, too: its probe first, if it has one. */
static enum jobq_status
run_verb(struct jobq_sqlite *store, const char *verb,
    const struct jobq_buf *request, struct jobq_err *err)
{
	struct jobq_sql_text *text;
	enum jobq_status status;

	store->answered = false;
	status = jobq_sql_find(&store->texts, verb, ".probe.sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_run(
		    store, text, request->data, request->len, err);
	if (status != JOBQ_OK || store->answered)
		return status;
	status = jobq_sql_find(&store->texts, verb, ".before.sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_run(
		    store, text, request->data, request->len, err);
	if (status == JOBQ_OK)
		status = jobq_sql_find(&store->texts, verb, ".sql", &text, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_run(
		    store, text, request->data, request->len, err);
	return status;
}

static enum jobq_status
run_step(struct jobq_sqlite *store, struct jobq_span step, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf verb = JOBQ_BUF_INIT;
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	status = jobq_object_scan(&members, step.at, step.len, err);
	if (status == JOBQ_OK)
		status = take_verb(store, &members, &verb, err);
	if (status == JOBQ_OK)
		status = take_string(&members, "request", &request, err);
	if (status == JOBQ_OK) {
		status = run_verb(store, verb.data, &request, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "%s", verb.data);
	}
	jobq_object_release(&members);
	jobq_buf_release(&verb);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
run_steps(
    struct jobq_sqlite *store, struct jobq_span steps, struct jobq_err *err)
{
	enum jobq_status status;
	struct jobq_span step;
	size_t cursor = 0;
	int number = 0;

	status = jobq_sqlite_execute(store, "use", "BEGIN IMMEDIATE", err);
	if (status != JOBQ_OK)
		return status;
	while (status == JOBQ_OK && jobq_json_element(steps, &cursor, &step)) {
		status = run_step(store, step, err);
		jobq_buf_printf(&store->lines, "{\"step\":%d}\n", ++number);
	}
	/* Some failures have taken it back already. */
	if (sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

enum jobq_status
jobq_sqlite_rehearse(struct jobq_sqlite *store, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	const struct jobq_span *steps;
	enum jobq_status status;

	status = jobq_object_scan(&members, request, len, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_ready(store, true, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_ready(store, false, err);
	if (status == JOBQ_OK)
		status = jobq_turn_take(&store->turn, store->deadline, err);
	if (status == JOBQ_OK) {
		jobq_sqlite_deadline(store, store->deadline);
		steps = jobq_object_get(&members, "steps");
		if (steps != NULL)
			status = run_steps(store, *steps, err);
		jobq_turn_give(&store->turn);
	}
	jobq_object_release(&members);
	return status;
}

/* A cursor of a statement's program, on a table or index of the store. */
struct cursor {
	int root;    /* page; 0: of something else */
	bool begins; /* it is set on the first or last row */
	bool moves;
};

struct cursors {
	struct cursor *item;
	size_t count, cap;
};

static struct cursor *
find_cursor(struct cursors *cursors, int number)
{
	while (cursors->count <= (size_t)number) {
		cursors->item = jobq_grow(cursors->item, cursors->count,
		    &cursors->cap, sizeof *cursors->item);
		cursors->item[cursors->count++] = (struct cursor){ .root = 0 };
	}
	return &cursors->item[number];
}

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* A row of EXPLAIN is: address, instruction, and its operands. */
static void
read_instruction(sqlite3_stmt *row, struct cursors *cursors)
{
	static const char *const opens[] = { "OpenRead", "OpenWrite",
		"ReopenIdx", NULL };
	static const char *const begins[] = { "Rewind", "Last", "Count", NULL };
	static const char *const moves[] = { "Next", "Prev", "Count", NULL };
	const char *name = (const char *)sqlite3_column_text(row, 1);
	int number = sqlite3_column_int(row, 2);

	if (name == NULL || number < 0)
		return;
	/* The last operand is the database: 0 is the store's file. */
	if (is_one_of(name, opens) && sqlite3_column_int(row, 4) == 0)
		find_cursor(cursors, number)->root = sqlite3_column_int(row, 3);
	if (is_one_of(name, begins))
		find_cursor(cursors, number)->begins = true;
	if (is_one_of(name, moves))
		find_cursor(cursors, number)->moves = true;
}

/* Prepares how, a kind of EXPLAIN, of a statement. */
static enum jobq_status
explain(struct jobq_sqlite *store, const char *how, const char *sql,
    sqlite3_stmt **out, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	int code;

	jobq_buf_printf(&text, "%s %s", how, sql);
	code = sqlite3_prepare_v2(store->db, text.data, -1, out, NULL);
	jobq_buf_release(&text);
	return code == SQLITE_OK
		   ? JOBQ_OK
		   : jobq_sqlite_error(store, "prepare for", code, err);
}

/* Adds the table whose page this is, if it is one that grows with the jobs. */
static enum jobq_status
put_whole(struct jobq_sqlite *store, const char *file, size_t number, int root,
    struct jobq_err *err)
{
	static const char sql[] =
	    "SELECT s.tbl_name FROM sqlite_schema s"
	    " WHERE s.rootpage = ?1 AND s.tbl_name IN ('job', 'body', 'event')"
	    " AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.tbl_name) l"
	    " WHERE l.name = s.name AND l.partial)";
	sqlite3_stmt *statement = NULL;
	int code;

	code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
	if (code != SQLITE_OK)
		return jobq_sqlite_error(store, "use", code, err);
	sqlite3_bind_int(statement, 1, root);
	if (sqlite3_step(statement) == SQLITE_ROW)
		jobq_buf_printf(&store->lines,
		    "{\"file\":\"%s\",\"statement\":%zu,\"whole\":\"%s\"}\n",
		    file, number,
		    (const char *)sqlite3_column_text(statement, 0));
	code = sqlite3_finalize(statement);
	return code == SQLITE_OK ? JOBQ_OK
				 : jobq_sqlite_error(store, "use", code, err);
}

/* Adds the tables that a statement reads as a whole. */
static enum jobq_status
put_wholes(struct jobq_sqlite *store, const char *file, size_t number,
    const char *sql, struct jobq_err *err)
{
	struct cursors cursors = { NULL, 0, 0 };
	sqlite3_stmt *row = NULL;
	enum jobq_status status;

	status = explain(store, "EXPLAIN", sql, &row, err);
	while (status == JOBQ_OK && sqlite3_step(row) == SQLITE_ROW)
		read_instruction(row, &cursors);
	sqlite3_finalize(row);
	for (size_t i = 0; i < cursors.count && status == JOBQ_OK; i++) {
		struct cursor *cursor = &cursors.item[i];

		if (cursor->root > 0 && cursor->begins && cursor->moves)
			status =
			    put_whole(store, file, number, cursor->root, err);
	}
	free(cursors.item);
	return status;
}

static enum jobq_status
put_plan(struct jobq_sqlite *store, const char *file, size_t number,
    const char *sql, struct jobq_err *err)
{
	sqlite3_stmt *row = NULL;
	enum jobq_status status;
	bool scans = false;

	status = explain(store, "EXPLAIN QUERY PLAN", sql, &row, err);
	while (status == JOBQ_OK && sqlite3_step(row) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(row, 3);

		if (text == NULL)
			continue;
		scans = scans || strncmp(text, "SCAN ", 5) == 0 ||
			strstr(text, " AUTOMATIC ") != NULL;
		jobq_buf_printf(&store->lines,
		    "{\"file\":\"%s\",\"statement\":%zu,\"plan\":", file,
		    number);
		jobq_json_put_lossy(&store->lines, text, strlen(text));
		jobq_buf_puts(&store->lines, "}\n");
	}
	sqlite3_finalize(row);
	if (status == JOBQ_OK && scans)
		status = put_wholes(store, file, number, sql, err);
	return status;
}

static enum jobq_status
plan_text(struct jobq_sqlite *store, const char *verb, const char *ending,
    struct jobq_err *err)
{
	struct jobq_sql_text *text;
	enum jobq_status status;

	status = jobq_sql_find(&store->texts, verb, ending, &text, err);
	for (size_t i = 0; status == JOBQ_OK && i < text->count; i++) {
		struct jobq_sql_statement *statement = &text->statement[i];

		if (statement->prepared == NULL)
			status =
			    jobq_sqlite_prepare(store, text, statement, err);
		if (status == JOBQ_OK && statement->prepared != NULL)
			status = put_plan(
			    store, text->name, i + 1, statement->sql, err);
	}
	return status;
}

enum jobq_status
jobq_sqlite_plan(struct jobq_sqlite *store, const char *request, size_t len,
    struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf verb = JOBQ_BUF_INIT;
	enum jobq_status status;

	status = jobq_object_scan(&members, request, len, err);
	if (status == JOBQ_OK)
		status = take_verb(store, &members, &verb, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_ready(store, true, err);
	if (status == JOBQ_OK)
		status = jobq_sqlite_ready(store, false, err);
	if (status == JOBQ_OK)
		status = plan_text(store, verb.data, ".probe.sql", err);
	if (status == JOBQ_OK)
		status = plan_text(store, verb.data, ".before.sql", err);
	if (status == JOBQ_OK)
		status = plan_text(store, verb.data, ".sql", err);
	jobq_object_release(&members);
	jobq_buf_release(&verb);
	return status;
}
