/*
 * The scanner against a second one that is slow, recursive and written only
 * to be plainly right; then everything that walks over accepted text.
 */
#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct plain {
	const uint8_t *at;
	const uint8_t *end;
};

static bool plain_value(struct plain *text, int depth);

static void
need(bool condition)
{
	if (!condition)
		abort();
}

static int
peek(const struct plain *text)
{
	return text->at < text->end ? *text->at : -1;
}

static bool
eat(struct plain *text, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(text->end - text->at) < len ||
	    memcmp(text->at, word, len) != 0)
		return false;
	text->at += len;
	return true;
}

static void
plain_space(struct plain *text)
{
	while (eat(text, " ") || eat(text, "\t") || eat(text, "\r") ||
	       eat(text, "\n"))
		continue;
}

static bool
plain_digits(struct plain *text)
{
	const uint8_t *from = text->at;

	while (peek(text) >= '0' && peek(text) <= '9')
		text->at++;
	return text->at > from;
}

static bool
plain_number(struct plain *text)
{
	eat(text, "-");
	if (!eat(text, "0") && !plain_digits(text))
		return false;
	if (eat(text, ".") && !plain_digits(text))
		return false;
	if (eat(text, "e") || eat(text, "E")) {
		if (!eat(text, "+"))
			eat(text, "-");
		return plain_digits(text);
	}
	return true;
}

/* One character of UTF-8, by decoding it and looking at the result. */
static bool
plain_character(struct plain *text)
{
	uint32_t code = *text->at++;
	uint32_t least = 0;
	int more = 0;

	if (code < 0x80)
		return code >= 0x20;
	if (code >= 0xc0 && code < 0xe0) {
		more = 1;
		code &= 0x1f;
		least = 0x80;
	} else if (code >= 0xe0 && code < 0xf0) {
		more = 2;
		code &= 0x0f;
		least = 0x800;
	} else if (code >= 0xf0 && code < 0xf8) {
		more = 3;
		code &= 0x07;
		least = 0x10000;
	} else {
		return false;
	}
	for (; more > 0; more--, text->at++) {
		if (peek(text) < 0x80 || peek(text) > 0xbf)
			return false;
		code = code << 6 | (*text->at & 0x3fu);
	}
	return code >= least && code <= 0x10ffff &&
	       (code < 0xd800 || code > 0xdfff);
}

static bool
plain_string(struct plain *text)
{
	if (!eat(text, "\""))
		return false;
	while (peek(text) >= 0 && peek(text) != '"') {
		if (!eat(text, "\\")) {
			if (!plain_character(text))
				return false;
			continue;
		}
		if (eat(text, "u")) {
			for (int i = 0; i < 4; i++, text->at++) {
				int c = peek(text);

				if (c <= 0 ||
				    !strchr("0123456789abcdefABCDEF", c))
					return false;
			}
			continue;
		}
		if (peek(text) <= 0 || !strchr("\"\\/bfnrt", peek(text)))
			return false;
		text->at++;
	}
	return eat(text, "\"");
}

static bool
plain_list(struct plain *text, int depth, bool object)
{
	const char *end = object ? "}" : "]";

	if (depth == JOBQ_JSON_DEPTH)
		return false;
	text->at++;
	plain_space(text);
	if (eat(text, end))
		return true;
	do {
		plain_space(text);
		if (object) {
			if (!plain_string(text))
				return false;
			plain_space(text);
			if (!eat(text, ":"))
				return false;
		}
		if (!plain_value(text, depth + 1))
			return false;
		plain_space(text);
	} while (eat(text, ","));
	return eat(text, end);
}

static bool
plain_value(struct plain *text, int depth)
{
	plain_space(text);
	switch (peek(text)) {
	case '{':
		return plain_list(text, depth, true);
	case '[':
		return plain_list(text, depth, false);
	case '"':
		return plain_string(text);
	default:
		return eat(text, "true") || eat(text, "false") ||
		       eat(text, "null") || plain_number(text);
	}
}

static bool
plain_text(const uint8_t *data, size_t size)
{
	struct plain text = { data, data + size };

	if (!plain_value(&text, 0))
		return false;
	plain_space(&text);
	return text.at == text.end;
}

/* What a decoded string is written as decodes to the same. */
static void
again(struct jobq_span value)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf quoted = JOBQ_BUF_INIT;
	struct jobq_buf back = JOBQ_BUF_INIT;
	struct jobq_span span;

	if (jobq_json_string(value, &text, NULL) == JOBQ_OK) {
		jobq_json_put_string(&quoted, text.data, text.len);
		need(jobq_json_check(quoted.data, quoted.len, &span, NULL) ==
		     JOBQ_OK);
		need(jobq_json_string(span, &back, NULL) == JOBQ_OK);
		need(back.len == text.len &&
		     memcmp(back.data, text.data, text.len) == 0);
		jobq_buf_clear(&back);
		jobq_json_put_lossy(&back, text.data, text.len);
		need(back.len == quoted.len &&
		     memcmp(back.data, quoted.data, back.len) == 0);
	}
	jobq_buf_release(&text);
	jobq_buf_release(&quoted);
	jobq_buf_release(&back);
}

static void
walk(struct jobq_span value)
{
	struct jobq_member member;
	struct jobq_span element;
	struct jobq_span checked;
	size_t cursor = 0;
	int64_t whole;
	double number;

	need(jobq_json_check(value.at, value.len, &checked, NULL) == JOBQ_OK);
	need(checked.at == value.at && checked.len == value.len);
	again(value);
	if (jobq_json_int(value, &whole, NULL) == JOBQ_OK) {
		need(jobq_json_double(value, &number, NULL) == JOBQ_OK);
		need((double)whole == number);
	}
	while (jobq_json_element(value, &cursor, &element))
		walk(element);
	for (cursor = 0; jobq_json_member(value, &cursor, &member);)
		walk(member.value);
}

static void
lossy(const char *text, size_t size)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_span value;

	jobq_json_put_lossy(&out, text, size);
	need(jobq_json_check(out.data, out.len, &value, NULL) == JOBQ_OK);
	jobq_buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_span value = { NULL, 0 };
	struct jobq_err err = { "" };
	bool valid = plain_text(data, size);

	need((jobq_json_check(text, size, &value, &err) == JOBQ_OK) == valid);
	need((*err.text != '\0') == !valid);
	need((jobq_object_scan(&object, text, size, NULL) == JOBQ_OK) ==
	     (valid && *value.at == '{'));
	if (valid)
		walk(value);
	for (size_t i = 0; valid && i < object.count; i++)
		walk(object.member[i].value);
	jobq_json_path(&object, text, size < 40 ? size : 40, &value);
	lossy(text, size);
	jobq_object_release(&object);
	return 0;
}
