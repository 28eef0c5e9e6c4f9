/*
 * The line is followed byte by byte, only far enough to know brackets from
 * what is inside strings: each member of the outermost object has its value
 * between a colon and the next comma or the closing bracket at that depth.
 * Whether it is JSON is seen later, when what is left of it is scanned.
 */
#include "run_coprocess_long.h"

#include "json.h"

#include <string.h>

#include "banned.h"

#define TEXT_MOST ((size_t)512 << 10)
#define CUT_MOST 12 /* bytes of one character in two escapes */

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r", *at) != NULL)
		at++;
	return at;
}

bool
jobq_long_is_answer(const char *line, size_t len)
{
	static const char *const names[] = { "\"id\"", "\"output\"",
		"\"error\"", "\"event\"", "\"retry\"" };
	const char *end = line + len;
	const char *at = skip_blanks(line, end);

	if (at == end || *at != '{')
		return false;
	at = skip_blanks(at + 1, end);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t most = strlen(names[i]);

		if ((size_t)(end - at) >= most &&
		    memcmp(at, names[i], most) == 0)
			return true;
	}
	return false;
}

void
jobq_long_begin(struct jobq_long *answer)
{
	struct jobq_buf text = answer->text;

	jobq_buf_clear(&text);
	*answer = (struct jobq_long){ .text = text };
}

void
jobq_long_release(struct jobq_long *answer)
{
	jobq_buf_release(&answer->text);
}

/* --- values -------------------------------------------------------------- */

/* Ends a string that was cut where it may be cut; false: nowhere. */
static bool
close_string(struct jobq_buf *text, size_t at)
{
	struct jobq_buf decoded = JOBQ_BUF_INIT;
	bool good = false;

	for (int i = 0; i <= CUT_MOST && !good && text->len > at + 1; i++) {
		struct jobq_span span;

		jobq_buf_putc(text, '"');
		span = (struct jobq_span){ text->data + at, text->len - at };
		good = jobq_json_check(span.at, span.len, &span, NULL) ==
			   JOBQ_OK &&
		       jobq_json_string(span, &decoded, NULL) == JOBQ_OK;
		if (!good)
			text->len -= 2;
	}
	jobq_buf_release(&decoded);
	return good;
}

static void
end_value(struct jobq_long *answer)
{
	static const char output[] = "\"output\"";
	struct jobq_buf *text = &answer->text;
	const char *end = text->data + text->len;
	size_t at = (size_t)(skip_blanks(text->data + answer->value_at, end) -
			     text->data);
	bool is_output = memcmp(text->data + answer->key_at, output,
			     sizeof(output) - 1) == 0;
	size_t begins = answer->value_at;

	answer->value_at = 0;
	if (answer->value_len <= JOBQ_LONG_VALUE)
		return;
	if (is_output)
		answer->output_len = answer->value_len;
	else if (text->data[at] == '"' && close_string(text, at))
		return;
	text->len = begins;
	jobq_buf_puts(text, "null");
}

/* --- bytes --------------------------------------------------------------- */

static void
keep(struct jobq_long *answer, char c)
{
	if (answer->value_at > 0 && answer->value_len++ >= JOBQ_LONG_VALUE)
		return;
	if (answer->text.len >= TEXT_MOST)
		answer->lost = true;
	else
		jobq_buf_putc(&answer->text, c);
}

static void
take_in_string(struct jobq_long *answer, char c)
{
	keep(answer, c);
	if (answer->escaped)
		answer->escaped = false;
	else if (c == '\\')
		answer->escaped = true;
	else if (c == '"')
		answer->in_string = false;
}

static void
take(struct jobq_long *answer, char c)
{
	bool is_outermost = answer->depth == 1;

	if (c == '"') {
		answer->in_string = true;
		if (answer->value_at == 0)
			answer->key_at = answer->text.len;
	} else if (c == '{' || c == '[') {
		answer->depth++;
	} else if (c == '}' || c == ']') {
		answer->depth -= answer->depth > 0;
	}
	if (answer->value_at > 0 && is_outermost &&
	    (c == ',' || c == '}' || c == ']'))
		end_value(answer);
	keep(answer, c);
	if (c == ':' && is_outermost && answer->value_at == 0) {
		answer->value_at = answer->text.len;
		answer->value_len = 0;
	}
}

void
jobq_long_add(struct jobq_long *answer, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !answer->lost; i++)
		if (answer->in_string)
			take_in_string(answer, bytes[i]);
		else
			take(answer, bytes[i]);
}
