/*
 * Values out of text that was scanned, and strings into text. A number is
 * taken apart as it is written: sign, digits, the place of its point, an
 * exponent; so 42.0 and 1e3 are whole numbers and nothing is rounded.
 */
#include "json.h"
#include "mem.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "banned.h"

/* What an escape or a character can be; a code point, or one of these. */
#define CODE_END (-1)	    /* the text is over */
#define CODE_SURROGATE (-2) /* half of a pair */

static unsigned
hex4(const char *text)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)text[i];

		value =
		    value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/* The code point of a \u escape, of a pair of them where they are one. */
static int
unicode_escape(const char **at, const char *end)
{
	unsigned high = hex4(*at + 2);
	unsigned low;

	*at += 6;
	if (high < 0xd800 || high > 0xdfff)
		return (int)high;
	if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' ||
	    (*at)[1] != 'u')
		return CODE_SURROGATE;
	low = hex4(*at + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return CODE_SURROGATE;
	*at += 6;
	return (int)(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
}

/* The code point of the escape at *at, which is moved behind it. */
static int
escape_code(const char **at, const char *end)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *found;
	char c = (*at)[1];

	if (c == 'u')
		return unicode_escape(at, end);
	*at += 2;
	found = strchr(from, c);
	return found != NULL ? to[found - from] : c;
}

static size_t
utf8_put(int code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Whether the text of a key, escapes undone, is these bytes. */
static bool
key_equals(struct jobq_span key, const char *name, size_t len)
{
	const char *at = key.at;
	const char *end = key.at + key.len;
	const char *name_end = name + len;

	/* An escape is longer than what it stands for. */
	if (key.len < len || (key.len == len && memcmp(at, name, len) != 0))
		return false;
	if (memchr(at, '\\', key.len) == NULL)
		return key.len == len;
	while (at < end) {
		char bytes[4];
		size_t count = 1;
		int code;

		bytes[0] = *at;
		if (*at == '\\') {
			code = escape_code(&at, end);
			if (code < 0)
				return false;
			count = utf8_put(code, bytes);
		} else {
			at++;
		}
		if ((size_t)(name_end - name) < count ||
		    memcmp(name, bytes, count) != 0)
			return false;
		name += count;
	}
	return name == name_end;
}

bool
jobq_json_key_is(struct jobq_span key, const char *name)
{
	return key_equals(key, name, strlen(name));
}

const struct jobq_span *
jobq_object_get(const struct jobq_object *object, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < object->count; i++) {
		if (key_equals(object->member[i].key, name, len))
			return &object->member[i].value;
	}
	return NULL;
}

bool
jobq_span_is(struct jobq_span span, const char *word)
{
	return span.len == strlen(word) && memcmp(span.at, word, span.len) == 0;
}

enum jobq_status
jobq_json_string(
    struct jobq_span value, struct jobq_buf *out, struct jobq_err *err)
{
	size_t before = out->len;
	const char *at;
	const char *end;

	if (value.len < 2 || *value.at != '"')
		return jobq_fail(err, JOBQ_INVALID, "not a string");
	at = value.at + 1;
	end = value.at + value.len - 1;
	jobq_buf_reserve(out, value.len);
	while (at < end) {
		const char *stop = memchr(at, '\\', (size_t)(end - at));
		char bytes[4];
		int code;

		jobq_buf_add(out, at, (size_t)((stop ? stop : end) - at));
		if (stop == NULL)
			break;
		at = stop;
		code = escape_code(&at, end);
		if (code <= 0) {
			out->len = before;
			out->data[before] = '\0';
			return jobq_fail(err, JOBQ_INVALID,
			    code == 0 ? "it holds \\u0000"
				      : "it holds half a surrogate pair");
		}
		jobq_buf_add(out, bytes, utf8_put(code, bytes));
	}
	return JOBQ_OK;
}

/*
 * A number taken apart: its significant digits are those from first to last
 * (a '.' may stand between them), and the last one counts 10^exponent.
 */
struct number {
	bool negative;
	const char *first; /* NULL: the number is zero */
	const char *last;
	int64_t digits;
	int64_t exponent;
};

static int64_t
read_exponent(const char *at, const char *end)
{
	bool negative = at < end && *at == '-';
	int64_t value = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end; at++) {
		if (value < INT64_C(1) << 50)
			value = value * 10 + (*at - '0');
	}
	return negative ? -value : value;
}

static bool
take_apart(struct jobq_span value, struct number *number)
{
	const char *at = value.at;
	const char *end = value.at + value.len;
	int64_t behind_point = 0;
	int64_t zeros = 0;
	bool point = false;

	*number = (struct number){ .negative = at < end && *at == '-' };
	if (number->negative)
		at++;
	if (at >= end || *at < '0' || *at > '9')
		return false;
	for (; at < end && *at != 'e' && *at != 'E'; at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		behind_point += point;
		if (*at == '0') {
			zeros++;
			continue;
		}
		if (number->first == NULL) {
			number->first = at;
			zeros = 0;
		}
		number->digits += zeros + 1;
		number->last = at;
		zeros = 0;
	}
	number->exponent = zeros - behind_point;
	if (at < end)
		number->exponent += read_exponent(at + 1, end);
	return true;
}

enum jobq_status
jobq_json_int(struct jobq_span value, int64_t *out, struct jobq_err *err)
{
	struct number number;
	int64_t result = 0; /* kept negative, where the range is larger */
	const char *at;

	if (!take_apart(value, &number))
		return jobq_fail(err, JOBQ_INVALID, "not a number");
	if (number.first == NULL) {
		*out = 0;
		return JOBQ_OK;
	}
	if (number.exponent < 0)
		return jobq_fail(err, JOBQ_INVALID, "not a whole number");
	if (number.digits + number.exponent > 19)
		goto range;
	for (at = number.first; at <= number.last; at++) {
		if (*at == '.')
			continue;
		if (__builtin_mul_overflow(result, 10, &result) ||
		    __builtin_sub_overflow(result, *at - '0', &result))
			goto range;
	}
	while (number.exponent-- > 0) {
		if (__builtin_mul_overflow(result, 10, &result))
			goto range;
	}
	if (!number.negative && result == INT64_MIN)
		goto range;
	*out = number.negative ? result : -result;
	return JOBQ_OK;
range:
	return jobq_fail(err, JOBQ_INVALID, "a number beyond 64 bits");
}

/*
 * Up to 15 digits and a power of ten up to 10^22 are exact doubles, and one
 * operation on them rounds once; all else goes through strtod(), which sees
 * a '.' because the process stays in the C locale.
 */
enum jobq_status
jobq_json_double(struct jobq_span value, double *out, struct jobq_err *err)
{
	struct number number;
	double result = 0;
	char *copy;

	if (!take_apart(value, &number))
		return jobq_fail(err, JOBQ_INVALID, "not a number");
	if (number.digits <= 15 && number.exponent >= -22 &&
	    number.exponent <= 22) {
		double power = 1;
		int64_t places = llabs(number.exponent);

		for (const char *at = number.first;
		     at != NULL && at <= number.last; at++) {
			if (*at != '.')
				result = result * 10 + (*at - '0');
		}
		while (places-- > 0)
			power *= 10;
		result = number.exponent < 0 ? result / power : result * power;
		*out = number.negative ? -result : result;
		return JOBQ_OK;
	}
	copy = jobq_xstrndup(value.at, value.len);
	result = strtod(copy, NULL);
	free(copy);
	if (!isfinite(result))
		return jobq_fail(err, JOBQ_INVALID, "a number too large");
	*out = result;
	return JOBQ_OK;
}

static bool
find_member(
    struct jobq_span value, const char *name, size_t len, struct jobq_span *out)
{
	struct jobq_member member;
	size_t cursor = 0;

	while (jobq_json_member(value, &cursor, &member)) {
		if (key_equals(member.key, name, len)) {
			*out = member.value;
			return true;
		}
	}
	return false;
}

static bool
find_element(
    struct jobq_span value, const char *name, size_t len, struct jobq_span *out)
{
	size_t cursor = 0;
	size_t place = 0;

	if (len == 0 || len > 9 || (len > 1 && name[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		place = place * 10 + (size_t)(name[i] - '0');
	}
	while (jobq_json_element(value, &cursor, out)) {
		if (place-- == 0)
			return true;
	}
	return false;
}

bool
jobq_json_path(const struct jobq_object *object, const char *path,
    size_t path_len, struct jobq_span *out)
{
	const char *end = path + path_len;
	struct jobq_span value = { NULL, 0 };

	for (;;) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		size_t len = (size_t)((dot ? dot : end) - path);
		bool found = false;

		if (value.at == NULL) {
			for (size_t i = 0; i < object->count && !found; i++) {
				found = key_equals(
				    object->member[i].key, path, len);
				value = object->member[i].value;
			}
		} else if (*value.at == '{') {
			found = find_member(value, path, len, &value);
		} else if (*value.at == '[') {
			found = find_element(value, path, len, &value);
		}
		if (!found)
			return false;
		if (dot == NULL)
			break;
		path = dot + 1;
	}
	*out = value;
	return true;
}

/* Where the first byte stands that a string cannot hold as it is. */
static const char *
verbatim_end(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	while (end - at >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i found =
		    _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
				     _mm_cmpeq_epi8(bytes, backslash)),
			_mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
		int mask = _mm_movemask_epi8(found);

		if (mask != 0)
			return at + __builtin_ctz((unsigned)mask);
		at += 16;
	}
#endif
	while (
	    at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* The inside of a JSON string. */
static void
put_inside(struct jobq_buf *out, const char *text, size_t len)
{
	static const char shorts[] = "btnvfr"; /* from 8 on; \v is not JSON */
	const char *end = text + len;

	while (text < end) {
		const char *stop = verbatim_end(text, end);
		unsigned char c;

		jobq_buf_add(out, text, (size_t)(stop - text));
		if (stop == end)
			return;
		c = (unsigned char)*stop;
		if (c == '"' || c == '\\') {
			jobq_buf_putc(out, '\\');
			jobq_buf_putc(out, (char)c);
		} else if (c >= 8 && c <= 13 && c != 11) {
			jobq_buf_putc(out, '\\');
			jobq_buf_putc(out, shorts[c - 8]);
		} else {
			jobq_buf_printf(out, "\\u%04x", (unsigned)c);
		}
		text = stop + 1;
	}
}

void
jobq_json_put_string(struct jobq_buf *out, const char *text, size_t len)
{
	jobq_buf_reserve(out, len + 2);
	jobq_buf_putc(out, '"');
	put_inside(out, text, len);
	jobq_buf_putc(out, '"');
}

void
jobq_json_put_lossy(struct jobq_buf *out, const char *text, size_t len)
{
	jobq_buf_reserve(out, len + 2);
	jobq_buf_putc(out, '"');
	while (len > 0) {
		size_t fine = jobq_utf8_valid(text, len);
		const char *nul = memchr(text, '\0', fine);
		size_t bad = 1;
		int good;

		if (nul != NULL)
			fine = (size_t)(nul - text);
		put_inside(out, text, fine);
		text += fine;
		len -= fine;
		if (len == 0)
			break;
		if (nul == NULL)
			bad = jobq_utf8_step(text, len, &good);
		jobq_buf_puts(out, "\xef\xbf\xbd");
		text += bad;
		len -= bad;
	}
	jobq_buf_putc(out, '"');
}
