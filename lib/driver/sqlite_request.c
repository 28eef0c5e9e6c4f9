/*
 * A request as rows, by table-valued functions (https://sqlite.org/vtab.html,
 * 2.1.2): request(TEXT), request_list(TEXT), request_events(TEXT),
 * request_jobs(TEXT), pairs(TEXT). One scan of an entry gives all its columns,
 * where json_each() renders each entry anew and each ->> then looks for its
 * member from the beginning.
 *
 * i numbers the rows from 0. A string is its text, true is 1, false is 0,
 * what is absent or null is NULL, an array is its JSON text.
 */
#include "sqlite_inside.h"

#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define COLUMNS 12

/* One of the functions: what its rows are, and its columns. */
struct kind {
	const char *name;
	enum {
		WHOLE,	 /* one row: the request */
		ENTRIES, /* the objects of the array in its member */
		PAIRS,	 /* the arrays of the array that TEXT is */
	} rows;
	const char *member;
	const char *columns[COLUMNS + 1];
};

/* Pairs are arrays themselves, so their columns are told by place. */
static const struct kind kinds[] = {
	{ "request", WHOLE, NULL,
	    { "limit", "worker", "lease", "queues", "flow", "ids", "ring",
		"count", "held" } },
	{ "request_list", WHOLE, NULL,
	    { "limit", "by", "state", "queues", "name", "flow", "key",
		"older_ms", "stuck_ms", "after", "why" } },
	{ "request_events", ENTRIES, "events",
	    { "event", "id", "epoch", "worker", "n", "reason", "retry",
		"retry_after_ms", "error", "waiting", "jobs", "line" } },
	{ "request_jobs", ENTRIES, "jobs",
	    { "id", "queue", "name", "priority", "max_attempts", "run_at_ms",
		"expires_at_ms", "key", "flow", "needs", "line" } },
	{ "pairs", PAIRS, NULL, { "id", "epoch" } },
};

struct table {
	sqlite3_vtab base;
	const struct kind *kind;
	int count; /* of the kind's columns */
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3_value *text;   /* a copy, so that it stays while we walk */
	struct jobq_span list; /* the array, in text */
	size_t next;	       /* where in list to go on */
	sqlite3_int64 row;
	bool over;
	struct jobq_object members;
	struct jobq_span value[COLUMNS]; /* len 0: absent */
	struct jobq_buf scratch;
};

/* The hidden column stands behind i and the kind's own. */
static int
connect_table(sqlite3 *db, void *context, int argc, const char *const *argv,
    sqlite3_vtab **out, char **error)
{
	const struct kind *kind = context;
	struct jobq_buf sql = JOBQ_BUF_INIT;
	struct table *table;
	int code, count = 0;

	(void)argc, (void)argv, (void)error;
	jobq_buf_puts(&sql, "CREATE TABLE x(i");
	while (kind->columns[count] != NULL)
		jobq_buf_printf(&sql, ",\"%s\"", kind->columns[count++]);
	jobq_buf_puts(&sql, ",request HIDDEN)");
	code = sqlite3_declare_vtab(db, sql.data);
	jobq_buf_release(&sql);
	if (code != SQLITE_OK)
		return code;
	sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
	table = jobq_xcalloc(1, sizeof *table);
	table->kind = kind;
	table->count = count;
	*out = &table->base;
	return SQLITE_OK;
}

static int
disconnect_table(sqlite3_vtab *base)
{
	free(base);
	return SQLITE_OK;
}

/* There is one way to walk, and it needs the text. */
static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	int hidden = ((struct table *)base)->count + 1;

	for (int i = 0; i < info->nConstraint; i++) {
		if (info->aConstraint[i].iColumn != hidden ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		if (!info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		info->aConstraintUsage[i].argvIndex = 1;
		info->aConstraintUsage[i].omit = 1;
		info->estimatedRows = 500;
		info->estimatedCost = 500;
		info->orderByConsumed = info->nOrderBy == 1 &&
					info->aOrderBy[0].iColumn == 0 &&
					!info->aOrderBy[0].desc;
		return SQLITE_OK;
	}
	return SQLITE_CONSTRAINT;
}

static int
open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	struct cursor *cursor = jobq_xcalloc(1, sizeof *cursor);

	(void)base;
	*out = &cursor->base;
	return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;

	sqlite3_value_free(cursor->text);
	jobq_object_release(&cursor->members);
	jobq_buf_release(&cursor->scratch);
	free(cursor);
	return SQLITE_OK;
}

static int
refuse(struct cursor *cursor, const struct jobq_err *err)
{
	sqlite3_free(cursor->base.pVtab->zErrMsg);
	cursor->base.pVtab->zErrMsg = sqlite3_mprintf("%s", err->text);
	return SQLITE_MISMATCH;
}

/*
 * The members of one entry into their columns. They come in the order of the
 * columns, some left out, so the search goes on behind the last one found.
 * Of members of one name the first counts.
 */
static void
place_members(struct cursor *cursor, const struct table *table)
{
	int at = 0;

	for (size_t i = 0; i < cursor->members.count; i++) {
		const struct jobq_member *member = &cursor->members.member[i];
		int column = 0;

		for (int tried = 0; tried < table->count; tried++) {
			column = (at + tried) % table->count;
			if (jobq_json_key_is(
				member->key, table->kind->columns[column]))
				break;
			column = -1;
		}
		if (column < 0)
			continue;
		if (cursor->value[column].len == 0)
			cursor->value[column] = member->value;
		at = column + 1;
	}
}

static int
next_row(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct table *table = (const struct table *)base->pVtab;
	struct jobq_span entry;
	struct jobq_err err;
	size_t inner = 0;

	cursor->row++;
	memset(cursor->value, 0, sizeof cursor->value);
	if (table->kind->rows == WHOLE) {
		cursor->over = cursor->row > 0;
		place_members(cursor, table);
		return SQLITE_OK;
	}
	cursor->over = !jobq_json_element(cursor->list, &cursor->next, &entry);
	if (cursor->over)
		return SQLITE_OK;
	if (table->kind->rows == PAIRS) {
		for (int i = 0; i < table->count; i++)
			if (!jobq_json_element(
				entry, &inner, &cursor->value[i]))
				break;
		return SQLITE_OK;
	}
	if (jobq_object_scan(&cursor->members, entry.at, entry.len, &err) !=
	    JOBQ_OK)
		return refuse(cursor, &err);
	place_members(cursor, table);
	return SQLITE_OK;
}

/* Finds the array; a request without it, or NULL, has no rows. */
static int
filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
    sqlite3_value **argv)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct kind *kind = ((struct table *)base->pVtab)->kind;
	const struct jobq_span *list = NULL;
	struct jobq_span text = { 0 };
	struct jobq_err err;
	enum jobq_status status = JOBQ_OK;

	(void)plan, (void)plan_text, (void)argc;
	sqlite3_value_free(cursor->text);
	cursor->text = sqlite3_value_dup(argv[0]);
	cursor->list = (struct jobq_span){ 0 };
	cursor->next = 0;
	cursor->row = -1;
	cursor->members.count = 0;
	if (cursor->text == NULL)
		return SQLITE_NOMEM;
	text.at = (const char *)sqlite3_value_text(cursor->text);
	text.len = (size_t)sqlite3_value_bytes(cursor->text);
	if (text.at != NULL && kind->rows == PAIRS)
		status =
		    jobq_json_check(text.at, text.len, &cursor->list, &err);
	else if (text.at != NULL)
		status =
		    jobq_object_scan(&cursor->members, text.at, text.len, &err);
	if (status != JOBQ_OK)
		return refuse(cursor, &err);
	if (kind->rows == ENTRIES)
		list = jobq_object_get(&cursor->members, kind->member);
	if (list != NULL)
		cursor->list = *list;
	return next_row(base);
}

static int
is_over(sqlite3_vtab_cursor *base)
{
	return ((struct cursor *)base)->over;
}

static void
give_number(sqlite3_context *result, struct jobq_span value)
{
	int64_t whole;
	double number;

	if (jobq_json_int(value, &whole, NULL) == JOBQ_OK)
		sqlite3_result_int64(result, whole);
	else if (jobq_json_double(value, &number, NULL) == JOBQ_OK)
		sqlite3_result_double(result, number);
	else
		sqlite3_result_null(result);
}

static int
give_string(
    struct cursor *cursor, sqlite3_context *result, struct jobq_span value)
{
	struct jobq_err err;

	if (memchr(value.at, '\\', value.len) == NULL) {
		sqlite3_result_text(
		    result, value.at + 1, (int)value.len - 2, SQLITE_TRANSIENT);
		return SQLITE_OK;
	}
	jobq_buf_clear(&cursor->scratch);
	if (jobq_json_string(value, &cursor->scratch, &err) != JOBQ_OK)
		return refuse(cursor, &err);
	sqlite3_result_text(result, cursor->scratch.data,
	    (int)cursor->scratch.len, SQLITE_TRANSIENT);
	return SQLITE_OK;
}

static int
give_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	struct jobq_span value = { 0 };

	if (number == 0) {
		sqlite3_result_int64(result, cursor->row);
		return SQLITE_OK;
	}
	if (number <= ((struct table *)base->pVtab)->count)
		value = cursor->value[number - 1];
	if (value.len == 0)
		return SQLITE_OK;
	switch (value.at[0]) {
	case '"':
		return give_string(cursor, result, value);
	case 't':
	case 'f':
		sqlite3_result_int(result, value.at[0] == 't');
		break;
	case 'n':
		break;
	case '[':
	case '{':
		sqlite3_result_text(
		    result, value.at, (int)value.len, SQLITE_TRANSIENT);
		break;
	default:
		give_number(result, value);
	}
	return SQLITE_OK;
}

static int
give_row(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
	*row = ((struct cursor *)base)->row;
	return SQLITE_OK;
}

/* Without xCreate it needs no CREATE VIRTUAL TABLE. */
static const sqlite3_module module = {
	.xConnect = connect_table,
	.xBestIndex = best_index,
	.xDisconnect = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next_row,
	.xEof = is_over,
	.xColumn = give_column,
	.xRowid = give_row,
};

int
jobq_sqlite_add_functions(sqlite3 *db)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (code == SQLITE_OK)
			code = sqlite3_create_module(
			    db, kinds[i].name, &module, (void *)&kinds[i]);
	return code;
}
