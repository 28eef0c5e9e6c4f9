#include "adapter_sql.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* The conditions at the top of a statement. */
static void
read_conditions(struct jobq_sql_statement *statement)
{
	static const char only[] = "-- only ", unless[] = "-- unless ";
	const char *line = statement->sql;
	size_t cap = 0;

	for (;;) {
		struct jobq_sql_condition condition = { .unless = false };
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
divide(struct jobq_sql_text *text, const char *sql)
{
	size_t cap = 0;

	while (sql != NULL && *sql != '\0') {
		const char *end = strstr(sql, "\n---\n");
		size_t len = end == NULL ? strlen(sql) : (size_t)(end - sql);
		struct jobq_sql_statement *statement;

		text->statement = jobq_grow(text->statement, text->count, &cap,
		    sizeof *text->statement);
		statement = &text->statement[text->count++];
		*statement = (struct jobq_sql_statement){
			.sql = jobq_xstrndup(sql, len),
		};
		read_conditions(statement);
		if (statement->conditions > 0)
			text->choosy = true;
		sql = end == NULL ? NULL : end + 5;
	}
}

/* The value that :'NAME' or :"NAME" stands for, and how long that is. */
static const char *
named_value(const struct jobq_sql_texts *texts, const char *at, size_t *len)
{
	for (size_t i = 0; i < texts->values; i++) {
		const char *name = texts->value[i].name;
		size_t name_len = strlen(name);

		if (strncmp(at + 2, name, name_len) != 0 ||
		    at[2 + name_len] != at[1])
			continue;
		*len = name_len + 3;
		return texts->value[i].value;
	}
	return NULL;
}

/* Adds a text with its values in their places. */
static void
fill_in(
    const struct jobq_sql_texts *texts, const char *sql, struct jobq_buf *out)
{
	for (;;) {
		size_t len = strcspn(sql, ":");
		const char *value = NULL;

		jobq_buf_add(out, sql, len);
		sql += len;
		if (*sql == '\0')
			return;
		len = 1;
		if (sql[1] == ':')
			len = 2; /* x::"char" is a cast */
		else if (sql[1] == '\'' || sql[1] == '"')
			value = named_value(texts, sql, &len);
		if (value == NULL) {
			jobq_buf_add(out, sql, len);
			sql += len;
			continue;
		}
		jobq_buf_putc(out, sql[1]);
		for (const char *at = value; *at != '\0'; at++) {
			if (*at == sql[1])
				jobq_buf_putc(out, *at);
			jobq_buf_putc(out, *at);
		}
		jobq_buf_putc(out, sql[1]);
		sql += len;
	}
}

static struct jobq_sql_text *
add_text(struct jobq_sql_texts *texts, const char *name, const char *sql)
{
	struct jobq_buf filled = JOBQ_BUF_INIT;
	struct jobq_sql_text *text;

	texts->item = jobq_grow(
	    texts->item, texts->count, &texts->cap, sizeof *texts->item);
	text = jobq_xcalloc(1, sizeof *text);
	text->name = jobq_xstrdup(name);
	texts->item[texts->count++] = text;
	if (sql != NULL)
		fill_in(texts, sql, &filled);
	divide(text, filled.data);
	jobq_buf_release(&filled);
	return text;
}

enum jobq_status
jobq_sql_find(struct jobq_sql_texts *texts, const char *verb,
    const char *ending, struct jobq_sql_text **out, struct jobq_err *err)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_buf sql = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_sql_text *text = NULL;

	jobq_buf_printf(&name, "%s%s", verb, ending);
	for (size_t i = 0; i < texts->count && text == NULL; i++)
		if (strcmp(texts->item[i]->name, name.data) == 0)
			text = texts->item[i];
	if (text == NULL) {
		status =
		    jobq_adapter_text(texts->adapter, name.data, &sql, err);
		if (status == JOBQ_OK || status == JOBQ_EMPTY) {
			text = add_text(texts, name.data, sql.data);
			text->probe = strcmp(ending, ".probe.sql") == 0;
			status = JOBQ_OK;
		}
	}
	*out = text;
	jobq_buf_release(&name);
	jobq_buf_release(&sql);
	return status;
}

static void
forget_facts(struct jobq_sql_texts *texts)
{
	while (texts->facts > 0)
		free(texts->fact[--texts->facts]);
}

void
jobq_sql_set_facts(struct jobq_sql_texts *texts, const struct jobq_buf *lines)
{
	const char *at = lines->len == 0 ? "" : lines->data;

	forget_facts(texts);
	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		texts->fact = jobq_grow(texts->fact, texts->facts,
		    &texts->fact_cap, sizeof *texts->fact);
		texts->fact[texts->facts++] = jobq_xstrndup(at, len);
		at += len + (at[len] == '\n');
	}
}

static void
release_text(struct jobq_sql_text *text)
{
	for (size_t i = 0; i < text->count; i++) {
		struct jobq_sql_statement *statement = &text->statement[i];

		free(statement->sql);
		for (size_t j = 0; j < statement->conditions; j++) {
			free(statement->condition[j].member);
			free(statement->condition[j].value);
		}
		free(statement->condition);
	}
	free(text->statement);
	free(text->name);
	free(text);
}

void
jobq_sql_release(struct jobq_sql_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		release_text(texts->item[i]);
	free(texts->item);
	texts->item = NULL;
	texts->count = texts->cap = 0;
	forget_facts(texts);
	free(texts->fact);
	texts->fact = NULL;
	texts->fact_cap = 0;
}

static bool
is_fact(const struct jobq_sql_texts *texts, const char *name)
{
	for (size_t i = 0; i < texts->facts; i++)
		if (strcmp(texts->fact[i], name) == 0)
			return true;
	return false;
}

static bool
holds(const struct jobq_sql_texts *texts,
    const struct jobq_sql_condition *condition,
    const struct jobq_object *members)
{
	const struct jobq_span *value;

	value = jobq_object_get(members, condition->member);
	if (condition->value == NULL)
		return (value != NULL || is_fact(texts, condition->member)) !=
		       condition->unless;
	return value != NULL && value->len == strlen(condition->value) + 2 &&
	       memcmp(value->at + 1, condition->value, value->len - 2) == 0;
}

bool
jobq_sql_wants(const struct jobq_sql_texts *texts,
    const struct jobq_sql_statement *statement,
    const struct jobq_object *members)
{
	for (size_t i = 0; i < statement->conditions; i++)
		if (!holds(texts, &statement->condition[i], members))
			return false;
	return true;
}

enum jobq_status
jobq_sql_members(const struct jobq_sql_text *text, const char *request,
    size_t len, struct jobq_object *members, struct jobq_err *err)
{
	return text->choosy ? jobq_object_scan(members, request, len, err)
			    : JOBQ_OK;
}

enum jobq_status
jobq_sql_hand_out(struct jobq_buf *lines, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	size_t at = 0;

	while (status == JOBQ_OK && at < lines->len) {
		const char *text = lines->data + at;
		const char *end = memchr(text, '\n', lines->len - at);

		status = line(context, text, (size_t)(end - text), err);
		at += (size_t)(end - text) + 1;
	}
	/* A rare large answer does not stay in memory for good. */
	if (lines->cap > JOBQ_PAGE_BYTES / 4)
		jobq_buf_release(lines);
	else
		jobq_buf_clear(lines);
	return status;
}
