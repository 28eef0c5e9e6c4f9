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

#define TEXT_MOST ((size_t)512 << 10) /* beside the output */
#define CUT_MOST 6		      /* bytes of an escape */

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at;
}

bool
jobq_long_is_answer(const char *line, size_t len)
{
	static const char *const names[] = { "\"id\"", "\"epoch\"",
		"\"output\"", "\"error\"", "\"event\"", "\"retry\"" };
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
jobq_long_begin(struct jobq_long *answer, size_t output_most)
{
	struct jobq_buf text = answer->text;

	jobq_buf_clear(&text);
	*answer =
	    (struct jobq_long){ .text = text, .output_most = output_most };
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
	for (int i = 0; i <= CUT_MOST && text->len > at + 1; i++) {
		struct jobq_span span;

		jobq_buf_putc(text, '"');
		if (jobq_json_check(text->data + at, text->len - at, &span,
			NULL) == JOBQ_OK)
			return true;
		text->len -= 2;
	}
	return false;
}

/* Whether the key at hand, which ends at its colon, means this name. */
static bool
key_is(const struct jobq_long *answer, const char *name)
{
	const struct jobq_buf *text = &answer->text;
	struct jobq_span key;

	if (jobq_json_check(text->data + answer->key_at,
		answer->value_at - 1 - answer->key_at, &key, NULL) != JOBQ_OK ||
	    key.at[0] != '"')
		return false;
	return jobq_json_key_is(
	    (struct jobq_span){ key.at + 1, key.len - 2 }, name);
}

static void
begin_value(struct jobq_long *answer)
{
	answer->value_at = answer->text.len;
	answer->value_len = 0;
	answer->is_output = key_is(answer, "output");
	answer->value_most =
	    answer->is_output ? answer->output_most : JOBQ_LONG_VALUE;
}

/* An error is text whatever it is, and one that is null would be none. */
static void
quote_value(struct jobq_long *answer, size_t begins)
{
	struct jobq_buf *text = &answer->text;
	struct jobq_buf value = JOBQ_BUF_INIT;

	jobq_buf_add(&value, text->data + begins, text->len - begins);
	text->len = begins;
	jobq_json_put_lossy(text, value.data, value.len);
	jobq_buf_release(&value);
}

/* Shortens a value that is longer than what stays. */
static void
cut_value(struct jobq_long *answer)
{
	struct jobq_buf *text = &answer->text;
	size_t begins = answer->value_at;
	const char *value =
	    skip_blanks(text->data + begins, text->data + text->len);
	size_t at = (size_t)(value - text->data);

	if (answer->is_output)
		answer->output_len = answer->value_len;
	else
		answer->cut_len += answer->value_len - answer->value_most;
	if (!answer->is_output && *value == '"' && close_string(text, at))
		return;
	if (key_is(answer, "error")) {
		quote_value(answer, begins);
	} else {
		text->len = begins;
		jobq_buf_puts(text, "null");
	}
}

/* What follows is no key until there is a quote. */
static void
end_value(struct jobq_long *answer)
{
	if (answer->value_len > answer->value_most)
		cut_value(answer);
	answer->value_at = 0;
	answer->key_at = answer->text.len;
}

/* --- bytes --------------------------------------------------------------- */

static void
keep(struct jobq_long *answer, char c)
{
	if (answer->value_at > 0 && answer->value_len++ >= answer->value_most)
		return;
	if (answer->text.len >= TEXT_MOST + answer->output_most)
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
	if (c == ':' && is_outermost && answer->value_at == 0 && !answer->lost)
		begin_value(answer);
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
