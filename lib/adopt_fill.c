#include "adopt.h"

#include "utf8.h"

#include <string.h>

#include "banned.h"

#define NAME_LEN 63
#define MOST_NESTED 8

static bool
is_column(const char *name, size_t len)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	size_t right = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");

	return len > 0 && len <= NAME_LEN && right >= len &&
	       strchr(first, *name) != NULL;
}

static bool
is_table(const char *name)
{
	const char *dot = strchr(name, '.');

	if (dot == NULL)
		return is_column(name, strlen(name));
	return is_column(name, (size_t)(dot - name)) &&
	       is_column(dot + 1, strlen(dot + 1));
}

/*
 * A status stands in SQL, in JSON and in what people read, so it has nothing
 * that ends a string in one of them; and the reader of SQL texts looks for $1
 * without looking where it is.
 */
static bool
is_status(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > NAME_LEN || jobq_utf8_valid(text, len) != len ||
	    strpbrk(text, "\"\\") != NULL || strstr(text, "$1") != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

/* Adds the option that sets a value. */
static void
put_option(struct jobq_buf *out, const char *name)
{
	jobq_buf_puts(out, "--");
	for (; *name != '\0'; name++)
		jobq_buf_putc(out, *name == '_' ? '-' : *name);
}

static enum jobq_status
bad_value(const struct jobq_adopt_value *value, const char *must,
    struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	put_option(&text, value->name);
	jobq_buf_puts(&text, " '");
	jobq_buf_escape(&text, value->value, strlen(value->value));
	status = jobq_fail(
	    err, JOBQ_CONFIG, "%s' cannot be used: %s", text.data, must);
	jobq_buf_release(&text);
	return status;
}

static enum jobq_status
check_value(const struct jobq_adopt_value *value, struct jobq_err *err)
{
	const char *text = value->value;

	switch (value->kind) {
	case JOBQ_ADOPT_COLUMN:
		if (!is_column(text, strlen(text)))
			return bad_value(value,
			    "a column is at most 63 of a-z, 0-9 and _, the "
			    "first no digit",
			    err);
		break;
	case JOBQ_ADOPT_TABLE:
		if (!is_table(text))
			return bad_value(value,
			    "a table is at most 63 of a-z, 0-9 and _, the "
			    "first no digit, or SCHEMA.TABLE of two such",
			    err);
		break;
	case JOBQ_ADOPT_STATUS:
		if (!is_status(text))
			return bad_value(value,
			    "a status is 1 to 63 bytes of UTF-8 without "
			    "control characters, \", \\ and $1",
			    err);
		break;
	case JOBQ_ADOPT_TEXT:
		break;
	}
	return JOBQ_OK;
}

enum jobq_status
jobq_adopt_check(
    const struct jobq_adopt_value *value, size_t count, struct jobq_err *err)
{
	for (size_t i = 0; i < count; i++) {
		enum jobq_status status;

		if (value[i].value == NULL)
			continue;
		status = check_value(&value[i], err);
		if (status != JOBQ_OK)
			return status;
		for (size_t j = 0; j < i; j++) {
			struct jobq_buf must = JOBQ_BUF_INIT;

			if (value[j].value == NULL ||
			    value[j].kind != value[i].kind ||
			    value[i].kind == JOBQ_ADOPT_TEXT ||
			    strcmp(value[j].value, value[i].value) != 0)
				continue;
			put_option(&must, value[j].name);
			jobq_buf_puts(&must, " is the same");
			status = bad_value(&value[i], must.data, err);
			jobq_buf_release(&must);
			return status;
		}
	}
	return JOBQ_OK;
}

struct filling {
	const struct jobq_adopt_value *value;
	size_t count;
	struct jobq_buf *out;
	bool kept[MOST_NESTED + 1]; /* by depth; [0] is the file itself */
	bool once[MOST_NESTED + 1]; /* what its condition said */
	size_t depth;
};

static const struct jobq_adopt_value *
find(const struct filling *filling, const char *name, size_t len)
{
	for (size_t i = 0; i < filling->count; i++)
		if (strlen(filling->value[i].name) == len &&
		    strncmp(filling->value[i].name, name, len) == 0)
			return &filling->value[i];
	return NULL;
}

/* Adds a value with its quotes doubled; a table's two names each quoted. */
static void
put_quoted(
    struct jobq_buf *out, const struct jobq_adopt_value *value, char quote)
{
	jobq_buf_putc(out, quote);
	for (const char *at = value->value; *at != '\0'; at++) {
		if (*at == quote)
			jobq_buf_putc(out, quote);
		if (*at == '.' && value->kind == JOBQ_ADOPT_TABLE &&
		    quote == '"')
			jobq_buf_puts(out, "\".\"");
		else
			jobq_buf_putc(out, *at);
	}
	jobq_buf_putc(out, quote);
}

/* Adds what stands at a ':', and says how long that was. */
static size_t
put_value(struct filling *filling, const char *at, size_t len)
{
	const struct jobq_adopt_value *value = NULL;
	char open = len > 1 ? at[1] : '\0';
	size_t name_len;

	if (open == ':') { /* a cast */
		jobq_buf_puts(filling->out, "::");
		return 2;
	}
	name_len = strspn(
	    at + 1 + (open != '\0'), "abcdefghijklmnopqrstuvwxyz_0123456789");
	if (name_len + 3 <= len && strchr("\"'{", open) != NULL &&
	    at[2 + name_len] == (open == '{' ? '}' : open))
		value = find(filling, at + 2, name_len);
	/* In JSON text a status is no identifier. */
	if (value != NULL && open == '"' && value->kind == JOBQ_ADOPT_STATUS)
		value = NULL;
	if (value == NULL || value->value == NULL) {
		jobq_buf_putc(filling->out, ':');
		return 1;
	}
	if (open == '{')
		jobq_buf_puts(filling->out, value->value);
	else
		put_quoted(filling->out, value, open);
	return name_len + 3;
}

static void
put_line(struct filling *filling, const char *line, size_t len)
{
	while (len > 0) {
		const char *colon = memchr(line, ':', len);
		size_t plain = colon == NULL ? len : (size_t)(colon - line);
		size_t used = plain;

		jobq_buf_add(filling->out, line, plain);
		if (colon != NULL)
			used += put_value(filling, colon, len - plain);
		line += used;
		len -= used;
	}
	jobq_buf_putc(filling->out, '\n');
}

/* Whether one of the names of a condition, up to the line's end, is given. */
static bool
any_given(const struct filling *filling, const char *names, const char *end)
{
	while (names < end) {
		size_t len = strcspn(names, " \n");
		const struct jobq_adopt_value *value;

		value = find(filling, names, len);
		if (value != NULL && value->value != NULL)
			return true;
		names += len + 1;
	}
	return false;
}

static bool
begin(struct filling *filling, bool holds)
{
	size_t outer = filling->depth;

	if (outer == MOST_NESTED)
		return false;
	filling->depth++;
	filling->once[filling->depth] = holds;
	filling->kept[filling->depth] = holds && filling->kept[outer];
	return true;
}

static bool
is_line(const char *line, size_t len, const char *word)
{
	return len == strlen(word) && strncmp(line, word, len) == 0;
}

/* One line; false when a condition has no place. */
static bool
take_line(struct filling *filling, const char *line, size_t len)
{
	static const char yes[] = "--if ", no[] = "--unless ";
	const char *end = line + len;
	size_t depth = filling->depth;

	if (strncmp(line, yes, strlen(yes)) == 0)
		return begin(
		    filling, any_given(filling, line + strlen(yes), end));
	if (strncmp(line, no, strlen(no)) == 0)
		return begin(
		    filling, !any_given(filling, line + strlen(no), end));
	if (is_line(line, len, "--end")) {
		if (depth > 0)
			filling->depth--;
		return depth > 0;
	}
	if (is_line(line, len, "--else")) {
		if (depth > 0)
			filling->kept[depth] =
			    !filling->once[depth] && filling->kept[depth - 1];
		return depth > 0;
	}
	if (filling->kept[depth])
		put_line(filling, line, len);
	return true;
}

enum jobq_status
jobq_adopt_fill(const char *template, const struct jobq_adopt_value *value,
    size_t count, struct jobq_buf *out, struct jobq_err *err)
{
	struct filling filling = {
		.value = value,
		.count = count,
		.out = out,
		.kept = { true },
	};
	bool ok = true;

	for (size_t number = 1; *template != '\0'; number++) {
		size_t len = strcspn(template, "\n");

		ok = take_line(&filling, template, len);
		if (!ok)
			return jobq_fail(err, JOBQ_CONFIG,
			    "line %zu: a condition that is too deep, or has no "
			    "beginning",
			    number);
		template += len + (template[len] == '\n');
	}
	return filling.depth == 0
		   ? JOBQ_OK
		   : jobq_fail(err, JOBQ_CONFIG, "a condition has no --end");
}
