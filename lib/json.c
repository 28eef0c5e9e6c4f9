/*
 * The scanner. It goes over the text once and builds nothing: containers
 * that are open are one bit each (object or array) in a 64-bit word, which
 * is why the depth is 64, and no text can make it recurse. A failed step
 * leaves scan->at on the byte that is wrong and scan->why on the reason.
 *
 * Nearly all bytes of real lines stand in strings, so that loop decides the
 * speed: 16 bytes are compared at once where SSE2 is there. Compared as
 * signed bytes, one "less than space" finds both the control characters and
 * the bytes of UTF-8 sequences, which are then checked one by one.
 */
#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "banned.h"

struct scan {
	const char *text;
	const char *at;
	const char *end;
	const char *why;
};

static bool
wrong(struct scan *scan, const char *why)
{
	scan->why = why;
	return false;
}

static enum jobq_status
not_json(const struct scan *scan, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_INVALID, "no valid JSON: byte %zu: %s",
	    (size_t)(scan->at - scan->text) + 1, scan->why);
}

static inline void
skip_space(struct scan *scan)
{
	const char *at = scan->at;

	while (at < scan->end &&
	       (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	scan->at = at;
}

/* Where the first byte stands that is no plain ASCII inside a string. */
static inline const char *
plain_end(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	while (end - at >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i found =
		    _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
				     _mm_cmpeq_epi8(bytes, backslash)),
			_mm_cmplt_epi8(bytes, space));
		int mask = _mm_movemask_epi8(found);

		if (mask != 0)
			return at + __builtin_ctz((unsigned)mask);
		at += 16;
	}
#endif
	while (at < end && (unsigned char)*at >= 0x20 &&
	       (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

static inline bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

static bool
scan_escape(struct scan *scan)
{
	const char *at = scan->at + 1;

	if (at < scan->end && *at == 'u') {
		for (int i = 1; i <= 4; i++) {
			if (at + i >= scan->end || !is_hex(at[i])) {
				scan->at =
				    at + i < scan->end ? at + i : scan->end;
				return wrong(scan,
				    "\\u is not followed by four hex digits");
			}
		}
		scan->at = at + 5;
		return true;
	}
	if (at >= scan->end || *at == '\0' || !strchr("\"\\/bfnrt", *at)) {
		scan->at = at;
		return wrong(scan, "an unknown escape in a string");
	}
	scan->at = at + 1;
	return true;
}

/* From the byte after the opening quote to the byte after the closing one. */
static bool
scan_string(struct scan *scan)
{
	for (;;) {
		size_t step;
		int good;

		scan->at = plain_end(scan->at, scan->end);
		if (scan->at >= scan->end)
			return wrong(scan, "the text ends inside a string");
		if (*scan->at == '"') {
			scan->at++;
			return true;
		}
		if (*scan->at == '\\') {
			if (!scan_escape(scan))
				return false;
			continue;
		}
		if ((unsigned char)*scan->at < 0x20)
			return wrong(
			    scan, "a raw control character in a string");
		do {
			step = jobq_utf8_step(
			    scan->at, (size_t)(scan->end - scan->at), &good);
			if (!good)
				return wrong(scan, "bytes that are not UTF-8");
			scan->at += step;
		} while (scan->at < scan->end && (*scan->at & 0x80) != 0);
	}
}

static inline bool
scan_digits(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	if (scan->at == from)
		return wrong(scan, "a digit is missing in a number");
	return true;
}

static bool
scan_number(struct scan *scan)
{
	if (*scan->at == '-')
		scan->at++;
	if (scan->at < scan->end && *scan->at == '0')
		scan->at++;
	else if (!scan_digits(scan))
		return false;
	if (scan->at < scan->end && *scan->at == '.') {
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
		scan->at++;
		if (scan->at < scan->end &&
		    (*scan->at == '+' || *scan->at == '-'))
			scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	return true;
}

static bool
scan_word(struct scan *scan, const char *word, size_t len)
{
	if ((size_t)(scan->end - scan->at) < len ||
	    memcmp(scan->at, word, len) != 0)
		return wrong(scan, "an unknown word");
	scan->at += len;
	return true;
}

/* A string, number or word; strings begin at their quote. */
static bool
scan_scalar(struct scan *scan)
{
	switch (*scan->at) {
	case '"':
		scan->at++;
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true", 4);
	case 'f':
		return scan_word(scan, "false", 5);
	case 'n':
		return scan_word(scan, "null", 4);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return scan_number(scan);
	default:
		return wrong(scan, "a value is missing");
	}
}

/* A key with the colon after it; *key is the text between its quotes. */
static bool
scan_key(struct scan *scan, struct jobq_span *key)
{
	skip_space(scan);
	if (scan->at >= scan->end)
		return wrong(scan, "the text ends inside an object");
	if (*scan->at != '"')
		return wrong(scan, "a name in quotes is missing");
	key->at = ++scan->at;
	if (!scan_string(scan))
		return false;
	key->len = (size_t)(scan->at - key->at) - 1;
	skip_space(scan);
	if (scan->at >= scan->end)
		return wrong(scan, "the text ends inside an object");
	if (*scan->at != ':')
		return wrong(scan, "a colon is missing after a name");
	scan->at++;
	return true;
}

/*
 * After a value inside a container: a comma (*more is true then, and the
 * scanner stands behind it) or the closing bracket, which is taken.
 */
static inline bool
scan_after(struct scan *scan, bool object, bool *more)
{
	skip_space(scan);
	if (scan->at >= scan->end)
		return wrong(scan, object ? "the text ends inside an object"
					  : "the text ends inside an array");
	*more = *scan->at == ',';
	if (!*more && *scan->at != (object ? '}' : ']'))
		return wrong(scan, object ? "a comma or } is missing"
					  : "a comma or ] is missing");
	scan->at++;
	return true;
}

/*
 * One value of any kind inside depth open containers, from the white space
 * before it to its last byte; *start is its first one. In objects, the
 * lowest bit tells the innermost container of this value.
 */
static bool
scan_value(struct scan *scan, unsigned depth, const char **start)
{
	uint64_t objects = 0;
	unsigned base = depth;
	struct jobq_span key;

	skip_space(scan);
	*start = scan->at;
	for (;;) {
		bool more = false;

		skip_space(scan);
		if (scan->at >= scan->end)
			return wrong(scan, "the text ends before a value");
		if (*scan->at == '{' || *scan->at == '[') {
			bool object = *scan->at == '{';

			if (depth == JOBQ_JSON_DEPTH)
				return wrong(scan, "nested deeper than 64");
			scan->at++;
			skip_space(scan);
			if (scan->at < scan->end &&
			    *scan->at == (object ? '}' : ']')) {
				scan->at++;
			} else {
				depth++;
				objects = objects << 1 | object;
				if (object && !scan_key(scan, &key))
					return false;
				continue;
			}
		} else if (!scan_scalar(scan)) {
			return false;
		}
		while (depth > base && !more) {
			if (!scan_after(scan, objects & 1, &more))
				return false;
			if (more)
				break;
			depth--;
			objects >>= 1;
		}
		if (depth == base)
			return true;
		if ((objects & 1) && !scan_key(scan, &key))
			return false;
	}
}

/* The members of an object; the scanner stands behind its '{'. */
static bool
scan_members(struct scan *scan, struct jobq_object *object)
{
	bool more;

	skip_space(scan);
	if (scan->at < scan->end && *scan->at == '}') {
		scan->at++;
		return true;
	}
	do {
		struct jobq_member *member;

		object->member = jobq_grow(object->member, object->count,
		    &object->cap, sizeof(*object->member));
		member = &object->member[object->count];
		if (!scan_key(scan, &member->key) ||
		    !scan_value(scan, 1, &member->value.at))
			return false;
		member->value.len = (size_t)(scan->at - member->value.at);
		object->count++;
		if (!scan_after(scan, true, &more))
			return false;
	} while (more);
	return true;
}

void
jobq_object_release(struct jobq_object *object)
{
	free(object->member);
	object->member = NULL;
	object->count = 0;
	object->cap = 0;
}

enum jobq_status
jobq_object_scan(struct jobq_object *object, const char *text, size_t len,
    struct jobq_err *err)
{
	struct scan scan = { text, text, text + len, NULL };

	object->count = 0;
	skip_space(&scan);
	if (scan.at >= scan.end || *scan.at != '{') {
		wrong(&scan, "a line must be one JSON object, {...}");
		return not_json(&scan, err);
	}
	scan.at++;
	if (!scan_members(&scan, object))
		return not_json(&scan, err);
	skip_space(&scan);
	if (scan.at < scan.end) {
		wrong(&scan, "something follows after the object");
		return not_json(&scan, err);
	}
	return JOBQ_OK;
}

enum jobq_status
jobq_json_check(
    const char *text, size_t len, struct jobq_span *value, struct jobq_err *err)
{
	struct scan scan = { text, text, text + len, NULL };
	const char *start;

	if (!scan_value(&scan, 0, &start))
		return not_json(&scan, err);
	value->at = start;
	value->len = (size_t)(scan.at - start);
	skip_space(&scan);
	if (scan.at < scan.end) {
		wrong(&scan, "something follows after the value");
		return not_json(&scan, err);
	}
	return JOBQ_OK;
}

/*
 * The walks below go over text that was scanned before; *cursor counts the
 * bytes that are behind. They check again as they go, so that a span that
 * was not scanned ends a walk and nothing worse.
 */
static bool
walk(struct jobq_span value, size_t *cursor, char open, struct scan *scan)
{
	bool object = open == '{';
	bool more;

	scan->text = value.at;
	scan->end = value.at + value.len;
	scan->at = value.at + *cursor;
	scan->why = NULL;
	if (*cursor == 0) {
		if (value.len < 2 || *value.at != open)
			return false;
		scan->at++;
		skip_space(scan);
		return scan->at < scan->end &&
		       *scan->at != (object ? '}' : ']');
	}
	return scan_after(scan, object, &more) && more;
}

bool
jobq_json_element(
    struct jobq_span value, size_t *cursor, struct jobq_span *element)
{
	struct scan scan;

	/* Around one of the full depth there may be an array of our own. */
	if (!walk(value, cursor, '[', &scan) ||
	    !scan_value(&scan, 0, &element->at))
		return false;
	element->len = (size_t)(scan.at - element->at);
	*cursor = (size_t)(scan.at - value.at);
	return true;
}

bool
jobq_json_member(
    struct jobq_span value, size_t *cursor, struct jobq_member *member)
{
	struct scan scan;

	if (!walk(value, cursor, '{', &scan) ||
	    !scan_key(&scan, &member->key) ||
	    !scan_value(&scan, 1, &member->value.at))
		return false;
	member->value.len = (size_t)(scan.at - member->value.at);
	*cursor = (size_t)(scan.at - value.at);
	return true;
}

void
jobq_json_flatten(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || text[i] == '\r')
			text[i] = ' ';
}

void
jobq_json_put_flat(struct jobq_buf *out, struct jobq_span text)
{
	size_t begin = out->len;

	jobq_buf_add(out, text.at, text.len);
	jobq_json_flatten(out->data + begin, text.len);
}
