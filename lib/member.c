#include "member.h"
#include "clock.h"
#include "id.h"
#include "mem.h"

#include <string.h>

#include "banned.h"

#define HUNDRED_YEARS_S 3155760000.0

/* Whether this key, which is written with escapes, is one of the names. */
static int
find_escaped(const struct jobq_known *table, size_t count, struct jobq_span key)
{
	for (size_t i = 0; i < count; i++) {
		if (jobq_json_key_is(key, table[i].name))
			return (int)i;
	}
	return -1;
}

static int
find(const struct jobq_known *table, size_t count, struct jobq_span key)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].len == key.len && *table[i].name == *key.at &&
		    memcmp(table[i].name, key.at, key.len) == 0)
			return (int)i;
	}
	if (memchr(key.at, '\\', key.len) != NULL)
		return find_escaped(table, count, key);
	return -1;
}

enum jobq_status
jobq_member_find(const struct jobq_known *table, size_t count,
    struct jobq_span key, const char *owner, uint32_t *seen, int *place,
    struct jobq_err *err)
{
	uint32_t bit;

	*place = find(table, count, key);
	if (*place < 0)
		return JOBQ_OK;
	bit = UINT32_C(1) << *place;
	if (*seen & bit)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s%s\" stands twice", owner, table[*place].name);
	*seen |= bit;
	return JOBQ_OK;
}

/* What a value is, in words, for whoever wrote another kind. */
static const char *
kind_of(struct jobq_span value)
{
	switch (*value.at) {
	case '{':
		return "an object";
	case '[':
		return "an array";
	case '"':
		return "a string";
	case 't':
	case 'f':
		return "true or false";
	case 'n':
		return "null";
	default:
		return "a number";
	}
}

static enum jobq_status
wrong_kind(const char *name, struct jobq_span value, const char *wanted,
    struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_INVALID,
	    "member \"%s\" must be %s and is %s", name, wanted, kind_of(value));
}

static bool
is_number(struct jobq_span value)
{
	return *value.at == '-' || (*value.at >= '0' && *value.at <= '9');
}

/* Decodes behind what text holds; the NUL is kept as part of it. */
static enum jobq_status
decode(struct jobq_buf *text, const char *name, struct jobq_span value,
    const char **out, size_t *len, struct jobq_err *err)
{
	size_t before = text->len;
	enum jobq_status status;

	if (*value.at != '"')
		return wrong_kind(name, value, "a string", err);
	if (text->cap - text->len <= value.len)
		JOBQ_BUG("no room was reserved for the strings of a line");
	status = jobq_json_string(value, text, err);
	if (status != JOBQ_OK) {
		jobq_err_prefix(err, "member \"%s\"", name);
		return status;
	}
	*out = text->data + before;
	*len = text->len - before;
	jobq_buf_putc(text, '\0');
	return JOBQ_OK;
}

/* C0, DEL, and C1 in its UTF-8 form. */
static bool
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

enum jobq_status
jobq_member_text(struct jobq_buf *text, const char *name,
    struct jobq_span value, size_t least, size_t most, bool plain,
    const char **out, struct jobq_err *err)
{
	enum jobq_status status;
	const char *decoded = NULL;
	size_t len = 0;

	status = decode(text, name, value, &decoded, &len, err);
	if (status != JOBQ_OK)
		return status;
	if (len < least)
		return jobq_fail(
		    err, JOBQ_INVALID, "member \"%s\" is empty", name);
	if (len > most)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" is longer than %zu bytes", name, most);
	if (plain && has_control(decoded, len))
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" holds a control character", name);
	*out = decoded;
	return JOBQ_OK;
}

enum jobq_status
jobq_member_id(struct jobq_buf *text, const char *name, struct jobq_span value,
    const char **out, struct jobq_err *err)
{
	enum jobq_status status;
	const char *decoded = NULL;
	size_t len = 0;

	status = decode(text, name, value, &decoded, &len, err);
	if (status != JOBQ_OK)
		return status;
	if (!jobq_id_valid(decoded, len))
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" is no id (1 to %d of A-Za-z0-9._:@-, the "
		    "first a letter or digit)",
		    name, JOBQ_ID_MAX);
	*out = decoded;
	return JOBQ_OK;
}

enum jobq_status
jobq_member_int(const char *name, struct jobq_span value, int64_t least,
    int64_t most, int64_t *out, struct jobq_err *err)
{
	int64_t number;

	if (!is_number(value))
		return wrong_kind(name, value, "a whole number", err);
	if (jobq_json_int(value, &number, NULL) != JOBQ_OK || number < least ||
	    number > most)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" must be a whole number from %lld to %lld",
		    name, (long long)least, (long long)most);
	*out = number;
	return JOBQ_OK;
}

enum jobq_status
jobq_member_seconds(const char *name, struct jobq_span value, bool zero_allowed,
    int64_t *ms, struct jobq_err *err)
{
	double seconds;

	if (!is_number(value))
		return wrong_kind(name, value, "a number of seconds", err);
	if (jobq_json_double(value, &seconds, NULL) != JOBQ_OK || seconds < 0 ||
	    (seconds <= 0 && !zero_allowed) || seconds > HUNDRED_YEARS_S)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" must be seconds, %s 0 and at most 100 years",
		    name, zero_allowed ? "at least" : "more than");
	*ms = (int64_t)(seconds * 1000);
	if ((double)*ms < seconds * 1000)
		++*ms;
	return JOBQ_OK;
}

enum jobq_status
jobq_member_time(struct jobq_buf *text, const char *name,
    struct jobq_span value, int64_t *wall_ms, const char **text_out,
    struct jobq_err *err)
{
	enum jobq_status status;
	const char *decoded = NULL;
	size_t len = 0;

	status = decode(text, name, value, &decoded, &len, err);
	if (status != JOBQ_OK)
		return status;
	status = jobq_time_parse(decoded, wall_ms, err);
	if (status != JOBQ_OK) {
		jobq_err_prefix(err, "member \"%s\"", name);
		return status;
	}
	if (text_out != NULL)
		*text_out = decoded;
	return JOBQ_OK;
}

enum jobq_status
jobq_member_bool(
    const char *name, struct jobq_span value, bool *out, struct jobq_err *err)
{
	if (*value.at != 't' && *value.at != 'f')
		return wrong_kind(name, value, "true or false", err);
	*out = *value.at == 't';
	return JOBQ_OK;
}

static bool
is_lease(struct jobq_buf *text, struct jobq_span pair)
{
	struct jobq_span element;
	const char *id;
	int64_t epoch;
	size_t cursor = 0;

	return jobq_json_element(pair, &cursor, &element) &&
	       jobq_member_id(text, "id", element, &id, NULL) == JOBQ_OK &&
	       jobq_json_element(pair, &cursor, &element) &&
	       jobq_json_int(element, &epoch, NULL) == JOBQ_OK && epoch >= 1 &&
	       !jobq_json_element(pair, &cursor, &element);
}

enum jobq_status
jobq_member_leases(struct jobq_buf *text, const char *name,
    struct jobq_span value, struct jobq_err *err)
{
	struct jobq_span pair;
	size_t before = text->len;
	size_t cursor = 0;

	if (*value.at != '[')
		return wrong_kind(name, value, "an array", err);
	while (jobq_json_element(value, &cursor, &pair)) {
		bool good = is_lease(text, pair);

		text->len = before;
		if (!good)
			return jobq_fail(err, JOBQ_INVALID,
			    "member \"%s\" must be a list of [id, epoch]",
			    name);
	}
	return JOBQ_OK;
}
