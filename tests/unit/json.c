#include "json.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>

struct text {
	const char *at;
	size_t len;
};

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* What RFC 8259 accepts, in the manner of JSONTestSuite's y_ files. */
static const struct text accepted[] = {
	TEXT("[]"),
	TEXT("{}"),
	TEXT(" [ ] "),
	TEXT("\t\r\n{ \t\r\n}\t\r\n"),
	TEXT("null"),
	TEXT("true"),
	TEXT("false"),
	TEXT("\"\""),
	TEXT("0"),
	TEXT("-0"),
	TEXT("-1"),
	TEXT("123"),
	TEXT("-123.25"),
	TEXT("0.5"),
	TEXT("1e1"),
	TEXT("1E1"),
	TEXT("1e+10"),
	TEXT("1e-10"),
	TEXT("0e1"),
	TEXT("0e+1"),
	TEXT("20e1"),
	TEXT("123.456e78"),
	TEXT("-0.0000000000000000000000000000000000000000000000000001"),
	TEXT("9007199254740993"),
	TEXT("1.10"),
	TEXT("1e400"),
	TEXT("100000000000000000000000000000000000000000000000000000000000"),
	TEXT("[1,2,3]"),
	TEXT("[1 , 2 ,3 ]"),
	TEXT("[null,1,\"1\",{}]"),
	TEXT("[[],[[]],{}]"),
	TEXT("[1,null,null,null,2]"),
	TEXT("{\"a\":1}"),
	TEXT("{\"a\":1,\"b\":2}"),
	TEXT("{\"a\":1,\"a\":2}"),
	TEXT("{\"\":0}"),
	TEXT("{ \"a\" : [ { \"b\" : null } ] , \"c\" : \"d\" }"),
	TEXT("{\"\\u0061\":1}"),
	TEXT("{\"a\":{\"b\":{\"c\":{}}}}"),
	TEXT("\"\\u0060\\u012a\\u12AB\""),
	TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	TEXT("\"\\\\u0000\""),
	TEXT("\"\\u0000\""),
	TEXT("\"\\uD801\\udc37\""),
	TEXT("\"\\uD800\""),
	TEXT("\"\\uDC00\\uD800\""),
	TEXT("\"\\uD800\\uD800\\n\""),
	TEXT("\"\\uFFFF\\uFFFE\\uFDD0\""),
	TEXT("\"a/*b*/c/*d//e\""),
	TEXT("\"\x7f\""),
	TEXT("\"\xc2\x80\xdf\xbf\""),
	TEXT("\"\xe0\xa0\x80\xef\xbf\xbf\""),
	TEXT("\"\xed\x9f\xbf\xee\x80\x80\""),
	TEXT("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
	TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
	TEXT("\"0123456789abcdef0123456789abcdef\""),
	TEXT("\"0123456789abcde\xc3\xa9 0123456789abcdef\""),
	TEXT("\"0123456789abcd\\n0123456789abcdef\""),
	TEXT("\"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\""),
};

/* What it refuses, as its n_ files; the byte is where that is noticed. */
static const struct {
	struct text text;
	size_t byte;
} refused[] = {
	{ TEXT(""), 1 },
	{ TEXT(" "), 2 },
	{ TEXT("["), 2 },
	{ TEXT("{"), 2 },
	{ TEXT("]"), 1 },
	{ TEXT("}"), 1 },
	{ TEXT("[1,]"), 4 },
	{ TEXT("[,1]"), 2 },
	{ TEXT("[1,,2]"), 4 },
	{ TEXT("[,]"), 2 },
	{ TEXT("[1 2]"), 4 },
	{ TEXT("[1:2]"), 3 },
	{ TEXT("[1"), 3 },
	{ TEXT("[1,"), 4 },
	{ TEXT("[1}"), 3 },
	{ TEXT("[}"), 2 },
	{ TEXT("{]"), 2 },
	{ TEXT("{\"a\":1]"), 7 },
	{ TEXT("[]]"), 3 },
	{ TEXT("{}}"), 3 },
	{ TEXT("[][]"), 3 },
	{ TEXT("1 2"), 3 },
	{ TEXT("{\"a\":1,}"), 8 },
	{ TEXT("{,\"a\":1}"), 2 },
	{ TEXT("{\"a\":1,,\"b\":2}"), 8 },
	{ TEXT("{\"a\"}"), 5 },
	{ TEXT("{\"a\",1}"), 5 },
	{ TEXT("{\"a\"::1}"), 6 },
	{ TEXT("{\"a\":}"), 6 },
	{ TEXT("{\"a\" 1}"), 6 },
	{ TEXT("{\"a\":1 \"b\":2}"), 8 },
	{ TEXT("{\"a\":"), 6 },
	{ TEXT("{\"a\""), 5 },
	{ TEXT("{\"a"), 4 },
	{ TEXT("{\"a\":1"), 7 },
	{ TEXT("{\"a\":1,"), 8 },
	{ TEXT("{a:1}"), 2 },
	{ TEXT("{'a':1}"), 2 },
	{ TEXT("{1:1}"), 2 },
	{ TEXT("{null:1}"), 2 },
	{ TEXT("{\"\xff\":1}"), 3 },
	{ TEXT("{\"\t\":1}"), 3 },
	{ TEXT("NaN"), 1 },
	{ TEXT("nan"), 1 },
	{ TEXT("Infinity"), 1 },
	{ TEXT("-Infinity"), 2 },
	{ TEXT("nul"), 1 },
	{ TEXT("nulll"), 5 },
	{ TEXT("Null"), 1 },
	{ TEXT("TRUE"), 1 },
	{ TEXT("tru"), 1 },
	{ TEXT("truth"), 1 },
	{ TEXT("fals"), 1 },
	{ TEXT("undefined"), 1 },
	{ TEXT("+1"), 1 },
	{ TEXT("-"), 2 },
	{ TEXT("--1"), 2 },
	{ TEXT("-a"), 2 },
	{ TEXT("01"), 2 },
	{ TEXT("-01"), 3 },
	{ TEXT("00"), 2 },
	{ TEXT(".5"), 1 },
	{ TEXT("-.5"), 2 },
	{ TEXT("1."), 3 },
	{ TEXT("1.e1"), 3 },
	{ TEXT("1.2."), 4 },
	{ TEXT("1e"), 3 },
	{ TEXT("1e+"), 4 },
	{ TEXT("1e-"), 4 },
	{ TEXT("1eE2"), 3 },
	{ TEXT("1e1.5"), 4 },
	{ TEXT("0x10"), 2 },
	{ TEXT("1_000"), 2 },
	{ TEXT("1 000"), 3 },
	{ TEXT("\xef\xbc\x91"), 1 },
	{ TEXT("1a"), 2 },
	{ TEXT("\""), 2 },
	{ TEXT("\"a"), 3 },
	{ TEXT("'a'"), 1 },
	{ TEXT("\"\\\""), 4 },
	{ TEXT("\"\\"), 3 },
	{ TEXT("\"\\x41\""), 3 },
	{ TEXT("\"\\a\""), 3 },
	{ TEXT("\"\\ \""), 3 },
	{ TEXT("\"\\'\""), 3 },
	{ TEXT("\"\\0\""), 3 },
	{ TEXT("\"\\\0\""), 3 },
	{ TEXT("\"\\U0041\""), 3 },
	{ TEXT("\"\\u\""), 4 },
	{ TEXT("\"\\u00\""), 6 },
	{ TEXT("\"\\u00A\""), 7 },
	{ TEXT("\"\\u00G0\""), 6 },
	{ TEXT("\"\\u-001\""), 4 },
	{ TEXT("\"\\u12"), 6 },
	{ TEXT("\"\t\""), 2 },
	{ TEXT("\"a\nb\""), 3 },
	{ TEXT("\"\0\""), 2 },
	{ TEXT("\"\x1f\""), 2 },
	{ TEXT("\"0123456789abcdef\x1f\""), 18 },
	{ TEXT("\"\x80\""), 2 },
	{ TEXT("\"a\xff\""), 3 },
	{ TEXT("\"\xc0\x80\""), 2 },
	{ TEXT("\"\xc1\xbf\""), 2 },
	{ TEXT("\"\xc3\""), 2 },
	{ TEXT("\"\xc3(\""), 2 },
	{ TEXT("\"\xe0\x9f\xbf\""), 2 },
	{ TEXT("\"\xe2\x82\""), 2 },
	{ TEXT("\"\xed\xa0\x80\""), 2 },
	{ TEXT("\"\xed\xbf\xbf\""), 2 },
	{ TEXT("\"\xf0\x8f\xbf\xbf\""), 2 },
	{ TEXT("\"\xf4\x90\x80\x80\""), 2 },
	{ TEXT("\"\xf5\x80\x80\x80\""), 2 },
	{ TEXT("\"\xf8\x88\x80\x80\x80\""), 2 },
	{ TEXT("\"\xc3\xa9\xc3\xa9\xc3\""), 6 },
	{ TEXT("\"\xe9\""), 2 },
	{ TEXT("[\xe9]"), 2 },
	{ TEXT("\xef\xbb\xbf{}"), 1 },
	{ TEXT("\xff\xfe{\0}\0"), 1 },
	{ TEXT("/**/1"), 1 },
	{ TEXT("1//x"), 2 },
	{ TEXT("[1]#x"), 4 },
	{ TEXT("[\f]"), 2 },
	{ TEXT("[\xe2\x81\xa0]"), 2 },
	{ TEXT("[\0]"), 2 },
	{ TEXT("1\0"), 2 },
	{ TEXT("[1,\n1\n,1"), 9 },
	{ TEXT("[\"a\",\n4\n,1,"), 12 },
	{ TEXT("(1)"), 1 },
	{ TEXT("<null>"), 1 },
	{ TEXT("*"), 1 },
	{ TEXT("[\"\\u00e9\"a]"), 10 },
};

/* Scans a copy that ends where the text ends, so that a sanitizer sees. */
static enum jobq_status
check_copy(struct text text, struct jobq_span *value, struct jobq_err *err)
{
	char *copy = malloc(text.len > 0 ? text.len : 1);
	enum jobq_status status;

	memcpy(copy, text.at, text.len);
	status = jobq_json_check(copy, text.len, value, err);
	if (status == JOBQ_OK)
		value->at = text.at + (value->at - copy);
	free(copy);
	return status;
}

JOBQ_TEST(json_accepts_what_the_standard_accepts)
{
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct jobq_span value;
		struct jobq_err err = { "" };

		if (check_copy(accepted[i], &value, &err) != JOBQ_OK)
			jobq_unit_fail(__FILE__, __LINE__, "%s: %s",
			    accepted[i].at, err.text);
		check_str(err.text, "");
	}
}

JOBQ_TEST(json_refuses_what_it_refuses_and_names_the_byte)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct jobq_span value;
		struct jobq_err err = { "" };
		char wanted[40];

		if (check_copy(refused[i].text, &value, &err) != JOBQ_INVALID)
			jobq_unit_fail(__FILE__, __LINE__, "accepted: %s",
			    refused[i].text.at);
		snprintf(wanted, sizeof(wanted), "byte %zu:", refused[i].byte);
		if (strstr(err.text, wanted) == NULL)
			jobq_unit_fail(__FILE__, __LINE__, "%s: %s, not %s",
			    refused[i].text.at, err.text, wanted);
	}
}

/* The same texts as a member of an object, which another function scans. */
JOBQ_TEST(json_objects_hold_to_the_same_rules)
{
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_buf buf = JOBQ_BUF_INIT;

	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		jobq_buf_clear(&buf);
		jobq_buf_puts(&buf, " {\"k\":");
		jobq_buf_add(&buf, accepted[i].at, accepted[i].len);
		jobq_buf_puts(&buf, "} ");
		check_int(
		    jobq_object_scan(&object, buf.data, buf.len, NULL), 0);
		check_int(object.count, 1);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		jobq_buf_clear(&buf);
		jobq_buf_puts(&buf, "{\"k\":");
		jobq_buf_add(&buf, refused[i].text.at, refused[i].text.len);
		jobq_buf_puts(&buf, "}");
		if (jobq_object_scan(&object, buf.data, buf.len, NULL) !=
		    JOBQ_INVALID)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", buf.data);
	}
	jobq_buf_release(&buf);
	jobq_object_release(&object);
}

JOBQ_TEST(json_every_beginning_of_a_text_is_refused)
{
	static const char whole[] = "{\"a\":[1.5e3,true,null,\"x\\u00e9\xc3\xa9"
				    "\",{\"b\":{}}],\"c\":-0.25,\"d\":\"\"}";
	struct jobq_object object = { NULL, 0, 0 };

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *copy = malloc(len > 0 ? len : 1);

		memcpy(copy, whole, len);
		check_int(
		    jobq_object_scan(&object, copy, len, NULL), JOBQ_INVALID);
		free(copy);
	}
	check_int(jobq_object_scan(&object, whole, sizeof(whole) - 1, NULL), 0);
	jobq_object_release(&object);
}

/* depth opening brackets of one kind or of both in turn, and their ends. */
static void
nest(struct jobq_buf *buf, size_t depth, const char *opens)
{
	size_t kinds = strlen(opens);

	jobq_buf_clear(buf);
	for (size_t i = 0; i < depth; i++)
		jobq_buf_puts(buf, opens[i % kinds] == '{' ? "{\"k\":" : "[");
	jobq_buf_puts(buf, "1");
	for (size_t i = depth; i-- > 0;)
		jobq_buf_putc(buf, opens[i % kinds] == '{' ? '}' : ']');
}

JOBQ_TEST(json_takes_64_levels_and_not_65)
{
	static const char *const kinds[] = { "[", "{", "[{", "{[", "{{[" };
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_buf buf = JOBQ_BUF_INIT;
	struct jobq_span value;
	struct jobq_err err;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		nest(&buf, 64, kinds[i]);
		check_int(jobq_json_check(buf.data, buf.len, &value, &err), 0);
		if (*kinds[i] == '{')
			check_int(
			    jobq_object_scan(&object, buf.data, buf.len, &err),
			    0);
		nest(&buf, 65, kinds[i]);
		check_int(jobq_json_check(buf.data, buf.len, &value, &err),
		    JOBQ_INVALID);
		check_has(err.text, "64");
		if (*kinds[i] == '{')
			check_int(
			    jobq_object_scan(&object, buf.data, buf.len, &err),
			    JOBQ_INVALID);
		nest(&buf, 100000, kinds[i]);
		check_int(jobq_json_check(buf.data, buf.len, &value, &err),
		    JOBQ_INVALID);
	}
	jobq_buf_clear(&buf);
	nest(&buf, 64, "[");
	buf.data[buf.len / 2] = ']'; /* in place of the 1: [[...]] and one ] */
	check_int(
	    jobq_json_check(buf.data, buf.len, &value, &err), JOBQ_INVALID);
	jobq_buf_release(&buf);
	jobq_object_release(&object);
}

JOBQ_TEST(json_members_are_spans_of_the_text_as_it_stands)
{
	static const char line[] =
	    " { \"big\" : 9007199254740993 ,\"dec\":1.10,\"huge\":1e400,"
	    "\"esc\":\"\\u00e9\\/\",\"o\": { \"x\" : [ 1 , 2 ] } ,"
	    "\"big\":2,\"\":null}\r";
	static const struct {
		const char *key;
		const char *value;
	} wanted[] = {
		{ "big", "9007199254740993" },
		{ "dec", "1.10" },
		{ "huge", "1e400" },
		{ "esc", "\"\\u00e9\\/\"" },
		{ "o", "{ \"x\" : [ 1 , 2 ] }" },
		{ "big", "2" },
		{ "", "null" },
	};
	struct jobq_object object = { NULL, 0, 0 };

	for (int again = 0; again < 2; again++) {
		check_int(
		    jobq_object_scan(&object, line, sizeof(line) - 1, NULL), 0);
		check_int(object.count, 7);
		for (size_t i = 0; i < object.count; i++) {
			const struct jobq_member *member = &object.member[i];

			check_text(
			    member->key.at, member->key.len, wanted[i].key);
			check_text(member->value.at, member->value.len,
			    wanted[i].value);
		}
	}
	check_text(jobq_object_get(&object, "big")->at, 16, "9007199254740993");
	check(jobq_object_get(&object, "none") == NULL);
	check(jobq_span_is(*jobq_object_get(&object, ""), "null"));
	jobq_object_release(&object);
}

JOBQ_TEST(json_many_members_and_long_strings)
{
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_buf buf = JOBQ_BUF_INIT;
	char name[20];

	jobq_buf_putc(&buf, '{');
	for (int i = 0; i < 3000; i++)
		jobq_buf_printf(
		    &buf, "%s\"k%d\":\"%*d\"", i ? "," : "", i, i % 100, i);
	jobq_buf_putc(&buf, '}');
	check_int(jobq_object_scan(&object, buf.data, buf.len, NULL), 0);
	check_int(object.count, 3000);
	for (int i = 0; i < 3000; i += 7) {
		snprintf(name, sizeof(name), "k%d", i);
		check(
		    jobq_object_get(&object, name) == &object.member[i].value);
	}
	jobq_buf_release(&buf);
	jobq_object_release(&object);
}

JOBQ_TEST(json_a_bad_byte_is_found_wherever_it_stands)
{
	char text[102];
	struct jobq_span value;
	struct jobq_err err;
	char wanted[40];

	for (size_t at = 1; at < sizeof(text) - 1; at++) {
		memset(text, 'x', sizeof(text));
		text[0] = text[sizeof(text) - 1] = '"';
		text[at] = '\n';
		check_int(jobq_json_check(text, sizeof(text), &value, &err),
		    JOBQ_INVALID);
		snprintf(wanted, sizeof(wanted), "byte %zu:", at + 1);
		check_has(err.text, wanted);
		text[at] = '\x80';
		check_int(jobq_json_check(text, sizeof(text), &value, &err),
		    JOBQ_INVALID);
		check_has(err.text, wanted);
	}
}

static bool
key_is(const char *key, const char *name)
{
	struct jobq_span span = { key, strlen(key) };

	return jobq_json_key_is(span, name);
}

JOBQ_TEST(json_keys_are_compared_with_their_escapes_undone)
{
	check(key_is("id", "id"));
	check(!key_is("id", "i"));
	check(!key_is("id", "idx"));
	check(!key_is("id", "ie"));
	check(key_is("\\u0069d", "id"));
	check(key_is("i\\u0064", "id"));
	check(!key_is("i\\u0065", "id"));
	check(!key_is("\\u0069", "id"));
	check(!key_is("\\u0069dd", "id"));
	check(key_is("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"));
	check(key_is("\\u00e9\\u20ac\\ud83c\\udf0d", "\xc3\xa9\xe2\x82\xac"
						     "\xf0\x9f\x8c\x8d"));
	check(key_is("\xc3\xa9\\u0061", "\xc3\xa9"
					"a"));
	check(!key_is("\\ud83c", "\xf0\x9f\x8c\x8d"));
	check(!key_is("i\\u0000", "i"));
	check(key_is("", ""));
	check(!key_is("", "a"));
}

/* Decodes a string value; the text, or "!" and the reason. */
static const char *
decoded(const char *value, struct jobq_buf *out)
{
	struct jobq_span span = { value, strlen(value) };
	struct jobq_err err;

	jobq_buf_clear(out);
	jobq_buf_puts(out, ">");
	if (jobq_json_string(span, out, &err) != JOBQ_OK) {
		check_str(out->data, ">");
		jobq_buf_printf(out, "!%s", err.text);
	}
	return out->data + 1;
}

JOBQ_TEST(json_strings_are_decoded)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_str(decoded("\"\"", &out), "");
	check_str(decoded("\"plain \xc3\xa9\"", &out), "plain \xc3\xa9");
	check_str(
	    decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", &out), "\"\\/\b\f\n\r\t");
	check_str(
	    decoded("\"a\\u0001\\u007f\\u0080\\u07ff\\u0800\\uFfFf\"", &out),
	    "a\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
	check_str(decoded("\"\\ud800\\udc00\\uDBFF\\uDFFF\"", &out),
	    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	check_str(decoded("\"\\\\u0000\"", &out), "\\u0000");
	jobq_buf_release(&out);
}

JOBQ_TEST(json_strings_with_nul_or_half_a_pair_are_refused_when_decoded)
{
	static const char *const halves[] = { "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\\udc00\"", "\"\\udc00\\udc00\"",
		"\"\\udfff\\ud800\"", "\"ok\\udfff\"" };
	struct jobq_buf out = JOBQ_BUF_INIT;

	check_str(decoded("\"a\\u0000b\"", &out), "!it holds \\u0000");
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++)
		check_has(decoded(halves[i], &out), "surrogate");
	check_str(decoded("12", &out), "!not a string");
	check_str(decoded("null", &out), "!not a string");
	check_str(decoded("", &out), "!not a string");
	jobq_buf_release(&out);
}

/* The number, or a value no text below has. */
static int64_t
int_of(const char *value)
{
	struct jobq_span span = { value, strlen(value) };
	int64_t number = -77;

	return jobq_json_int(span, &number, NULL) == JOBQ_OK ? number : -78;
}

JOBQ_TEST(json_whole_numbers_in_any_spelling)
{
	check_int(int_of("0"), 0);
	check_int(int_of("-0"), 0);
	check_int(int_of("0.000"), 0);
	check_int(int_of("0e999999999999999999999"), 0);
	check_int(int_of("42"), 42);
	check_int(int_of("-42"), -42);
	check_int(int_of("42.0"), 42);
	check_int(int_of("1e3"), 1000);
	check_int(int_of("1E+3"), 1000);
	check_int(int_of("1.5e1"), 15);
	check_int(int_of("1200e-2"), 12);
	check_int(int_of("12.340e2"), 1234);
	check_int(int_of("0.0012e4"), 12);
	check_int(int_of("100000000000000000000000e-23"), 1);
	check_int(int_of("9007199254740993"), INT64_C(9007199254740993));
	check_int(int_of("9223372036854775807"), INT64_MAX);
	check_int(int_of("-9223372036854775808"), INT64_MIN);
	check_int(int_of("922337203685477580.7e1"), INT64_MAX);
}

JOBQ_TEST(json_what_is_no_whole_number_of_64_bits_is_refused)
{
	static const char *const texts[] = { "0.5", "1e-1", "1.5", "12e-2",
		"9223372036854775808", "-9223372036854775809", "1e19", "1e400",
		"-1e400", "1e99999999999999999999999",
		"1e-99999999999999999999999", "99999999999999999999999", "true",
		"null", "\"1\"", "[1]", "{}", "-" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (int_of(texts[i]) != -78)
			jobq_unit_fail(
			    __FILE__, __LINE__, "accepted: %s", texts[i]);
	}
}

static double
double_of(const char *value)
{
	struct jobq_span span = { value, strlen(value) };
	double number;

	return jobq_json_double(span, &number, NULL) == JOBQ_OK ? number : -77;
}

JOBQ_TEST(json_doubles_are_those_of_strtod)
{
	static const char *const texts[] = { "0", "1", "-1", "0.1", "0.2",
		"1.10", "123456789012345", "9007199254740993",
		"123456789.123456789123456789", "1e22", "1e23", "1e-22",
		"1e-23", "4.9e-324", "1e-400", "1.7976931348623157e308",
		"-2.5e-3", "33.333e5", "0e400", "17179869184.0000001" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		double got = double_of(texts[i]);
		double wanted = strtod(texts[i], NULL);

		if (memcmp(&got, &wanted, sizeof(got)) != 0)
			jobq_unit_fail(
			    __FILE__, __LINE__, "%s is %.17g", texts[i], got);
	}
	check(double_of("1e400") == -77);
	check(double_of("-1e400") == -77);
	check(double_of("\"1\"") == -77);
	check(double_of("true") == -77);
}

JOBQ_TEST(json_elements_and_members_one_by_one)
{
	static const char array[] = "[ 1 ,\"a,]\", [2,3] ,{\"k\":[4]},null ]";
	static const char *const elements[] = { "1", "\"a,]\"", "[2,3]",
		"{\"k\":[4]}", "null" };
	struct jobq_span value = { array, sizeof(array) - 1 };
	struct jobq_span element;
	struct jobq_member member;
	size_t cursor = 0;
	size_t count = 0;

	while (jobq_json_element(value, &cursor, &element)) {
		check(count < 5);
		check_text(element.at, element.len, elements[count]);
		count++;
	}
	check_int(count, 5);
	check(!jobq_json_element(value, &cursor, &element));
	cursor = 0;
	value = (struct jobq_span){ "{ \"a\" : 1 , \"a\":{\"b\":2} }", 25 };
	check(!jobq_json_element(value, &cursor, &element));
	check(jobq_json_member(value, &cursor, &member));
	check_text(member.key.at, member.key.len, "a");
	check_text(member.value.at, member.value.len, "1");
	check(jobq_json_member(value, &cursor, &member));
	check_text(member.value.at, member.value.len, "{\"b\":2}");
	check(!jobq_json_member(value, &cursor, &member));
}

JOBQ_TEST(json_empty_and_foreign_values_have_no_elements)
{
	static const char *const texts[] = { "[]", "[ ]", "{}", "{ }", "1",
		"\"[1]\"", "null", "", "[", "{" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jobq_span value = { texts[i], strlen(texts[i]) };
		struct jobq_span element;
		struct jobq_member member;
		size_t cursor = 0;

		check(!jobq_json_element(value, &cursor, &element));
		cursor = 0;
		check(!jobq_json_member(value, &cursor, &member));
	}
}

JOBQ_TEST(json_paths_lead_through_objects_and_arrays)
{
	static const char line[] =
	    "{\"input\":{\"to\":[10,{\"x\":\"y\"},[30]],\"a\\u002eb\":5,"
	    "\"0\":\"zero\",\"to\":2,\"\":7},\"n\":1}";
	static const struct {
		const char *path;
		const char *wanted; /* NULL: leads nowhere */
	} paths[] = {
		{ "n", "1" },
		{ "input.to.0", "10" },
		{ "input.to.1.x", "\"y\"" },
		{ "input.to.2.0", "30" },
		{ "input.to.2", "[30]" },
		{ "input.0", "\"zero\"" },
		{ "input.", "7" },
		{ "input.to.3", NULL },
		{ "input.to.01", NULL },
		{ "input.to.-1", NULL },
		{ "input.to.x", NULL },
		{ "input.to.", NULL },
		{ "input.to.99999999999999999999", NULL },
		{ "input.a.b", NULL },
		{ "n.x", NULL },
		{ "input.to.1.x.y", NULL },
		{ "none", NULL },
		{ "", NULL },
		{ ".", NULL },
	};
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_span value;

	check_int(jobq_object_scan(&object, line, sizeof(line) - 1, NULL), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *path = paths[i].path;
		bool found =
		    jobq_json_path(&object, path, strlen(path), &value);

		if (found != (paths[i].wanted != NULL))
			jobq_unit_fail(__FILE__, __LINE__, "'%s'", path);
		if (found)
			check_text(value.at, value.len, paths[i].wanted);
	}
	check(jobq_json_path(&object, "input.to.0xyz", 10, &value));
	jobq_object_release(&object);
}

JOBQ_TEST(json_written_strings_come_back_as_they_were)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf quoted = JOBQ_BUF_INIT;
	struct jobq_buf back = JOBQ_BUF_INIT;
	struct jobq_span value;

	for (int c = 1; c < 128; c++)
		jobq_buf_putc(&text, (char)c);
	jobq_buf_puts(&text, "0123456789abcdef\xc3\xa9\xe2\x82\xac"
			     "\xf0\x9f\x8c\x8d\"0123456789abcdef\\");
	for (size_t from = 0; from <= text.len; from++) {
		if (((unsigned char)text.data[from] & 0xc0) == 0x80)
			continue;
		jobq_buf_clear(&quoted);
		jobq_buf_clear(&back);
		jobq_json_put_string(
		    &quoted, text.data + from, text.len - from);
		check_int(
		    jobq_json_check(quoted.data, quoted.len, &value, NULL), 0);
		check_int(jobq_json_string(value, &back, NULL), 0);
		check_str(back.data, text.data + from);
	}
	jobq_buf_clear(&quoted);
	jobq_json_put_string(&quoted, "\b\t\n\v\f\r\"\\/\x1f\x7f\0", 12);
	check_str(quoted.data,
	    "\"\\b\\t\\n\\u000b\\f\\r\\\"\\\\/\\u001f\x7f\\u0000\"");
	jobq_buf_release(&text);
	jobq_buf_release(&quoted);
	jobq_buf_release(&back);
}

static void
check_lossy(const char *text, size_t len, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_span value;

	jobq_json_put_lossy(&out, text, len);
	check_text(out.data, out.len, wanted);
	check_int(jobq_json_check(out.data, out.len, &value, NULL), 0);
	jobq_buf_release(&out);
}

#define R "\xef\xbf\xbd"
#define LOSSY(text, wanted) check_lossy(text, sizeof(text) - 1, wanted)

JOBQ_TEST(json_lossy_strings_have_one_mark_for_each_bad_part)
{
	LOSSY("", "\"\"");
	LOSSY("fine \xc3\xa9\n", "\"fine \xc3\xa9\\n\"");
	LOSSY("a\0b\0", "\"a" R "b" R "\"");
	LOSSY("\xff\xfe", "\"" R R "\"");
	LOSSY("\x80\x80", "\"" R R "\"");
	LOSSY(
	    "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", "\"" R R R R R R R R "A\"");
	LOSSY(
	    "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", "\"" R R R R R R R R "A\"");
	LOSSY("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\"" R R R R "A\"");
	LOSSY("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
	    "\"" R R R R R "A" R R "B\"");
	LOSSY("x\xe2\x82", "\"x" R "\"");
	LOSSY("0123456789\xff"
	      "0123456789",
	    "\"0123456789" R "0123456789\"");
}

JOBQ_TEST(json_any_bytes_become_a_valid_lossy_string)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_span value;
	char bytes[64];
	uint32_t state = 1;

	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)round % sizeof(bytes);

		for (size_t i = 0; i < len; i++) {
			state = state * 1664525 + 1013904223;
			bytes[i] = (char)(state >> 24);
			if (state & 0x10000)
				bytes[i] = (char)(bytes[i] | 0xc0);
		}
		jobq_buf_clear(&out);
		jobq_json_put_lossy(&out, bytes, len);
		check_int(jobq_json_check(out.data, out.len, &value, NULL), 0);
	}
	jobq_buf_release(&out);
}

JOBQ_TEST(json_the_valid_part_of_utf8_is_measured)
{
	static const char text[] = "0123456789abcdef\xc3\xa9 0123456789";

	for (size_t len = 0; len < sizeof(text); len++)
		check_int(jobq_utf8_valid(text, len), len == 17 ? 16 : len);
	check_int(jobq_utf8_valid("abc\xff"
				  "abc",
		      7),
	    3);
	check_int(jobq_utf8_valid("\0a\0", 3), 3);
}
