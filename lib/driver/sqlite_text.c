/*
 * The texts of an adapter: files of statements divided by lines of "---",
 * read once, each statement prepared when it is first wanted.
 */
#include "sqlite_inside.h"

#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

enum jobq_status
jobq_sqlite_prepare(struct jobq_sqlite *store,
    const struct jobq_sqlite_text *text,
    struct jobq_sqlite_statement *statement, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	int code;

	code = sqlite3_prepare_v3(store->db, statement->sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL);
	if (code != SQLITE_OK) {
		status = jobq_sqlite_error(store, "prepare for", code, err);
		jobq_err_prefix(
		    err, "%s/%s", store->adapter->folder, text->name);
	}
	return status;
}

/* The lines "-- only MEMBER [VALUE]" and "-- unless MEMBER" at its top. */
static void
read_conditions(struct jobq_sqlite_statement *statement)
{
	static const char only[] = "-- only ", unless[] = "-- unless ";
	const char *line = statement->sql;
	size_t cap = 0;

	for (;;) {
		struct jobq_sqlite_condition condition = { .unless = false };
		size_t len;

		if (strncmp(line, only, strlen(only)) == 0) {
			line += strlen(only);
		} else if (strncmp(line, unless, strlen(unless)) == 0) {
			line += strlen(unless);
			condition.unless = true;
		} else {
			return;
		}
		len = strcspn(line, " \n");
		condition.member = jobq_xstrndup(line, len);
		line += len;
		if (*line == ' ') {
			len = strcspn(++line, "\n");
			condition.value = jobq_xstrndup(line, len);
			line += len;
		}
		line += *line == '\n';
		statement->condition = jobq_grow(statement->condition,
		    statement->conditions, &cap, sizeof condition);
		statement->condition[statement->conditions++] = condition;
	}
}

/* Divides a file at its lines of "---". */
static void
divide(struct jobq_sqlite_text *text, const char *sql)
{
	size_t cap = 0;

	while (sql != NULL && *sql != '\0') {
		const char *end = strstr(sql, "\n---\n");
		size_t len = end == NULL ? strlen(sql) : (size_t)(end - sql);
		struct jobq_sqlite_statement *statement;

		text->statement = jobq_grow(text->statement, text->count, &cap,
		    sizeof *text->statement);
		statement = &text->statement[text->count++];
		*statement = (struct jobq_sqlite_statement){
			.sql = jobq_xstrndup(sql, len),
		};
		read_conditions(statement);
		if (statement->conditions > 0)
			text->choosy = true;
		sql = end == NULL ? NULL : end + 5;
	}
}

enum jobq_status
jobq_sqlite_find(struct jobq_sqlite *store, const char *verb,
    const char *ending, struct jobq_sqlite_text **out, struct jobq_err *err)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_buf sql = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_sqlite_text *text = NULL;

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
			*text = (struct jobq_sqlite_text){ .name = jobq_xstrdup(
							       name.data) };
			text->probe = strcmp(ending, ".probe.sql") == 0;
			divide(text, sql.data);
			status = JOBQ_OK;
		}
	}
	*out = text;
	jobq_buf_release(&name);
	jobq_buf_release(&sql);
	return status;
}

static bool
holds(const struct jobq_sqlite_condition *condition,
    const struct jobq_object *members)
{
	const struct jobq_span *value;

	value = jobq_object_get(members, condition->member);
	if (condition->value == NULL)
		return (value != NULL) != condition->unless;
	return value != NULL && value->len == strlen(condition->value) + 2 &&
	       memcmp(value->at + 1, condition->value, value->len - 2) == 0;
}

bool
jobq_sqlite_wants(const struct jobq_sqlite_statement *statement,
    const struct jobq_object *members)
{
	for (size_t i = 0; i < statement->conditions; i++)
		if (!holds(&statement->condition[i], members))
			return false;
	return true;
}

void
jobq_sqlite_release_text(struct jobq_sqlite_text *text)
{
	for (size_t i = 0; i < text->count; i++) {
		struct jobq_sqlite_statement *statement = &text->statement[i];

		sqlite3_finalize(statement->prepared);
		free(statement->sql);
		for (size_t j = 0; j < statement->conditions; j++) {
			free(statement->condition[j].member);
			free(statement->condition[j].value);
		}
		free(statement->condition);
	}
	free(text->statement);
	free(text->name);
}
