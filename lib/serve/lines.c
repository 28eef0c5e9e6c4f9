/*
 * A store believes the members of an entry and keeps its line as text. So
 * that nobody can hand it a line that is none, or one that says something
 * else than the members beside it:
 *
 * - each known member is of its type, and stands there once;
 * - the line, with its closing brace, is an object on one line, which has none
 *   of the members that the store appends;
 * - what it has that stands beside it, too, has the same value.
 */
#include "lines.h"

#include "line.h"
#include "member.h"
#include "store.h"

#include <stdint.h>
#include <string.h>

#include "banned.h"

#define REASON_MAX 65536
#define NEEDS_MAX 1000

enum type {
	TEXT,	/* of at most JOBQ_NAME_MAX bytes */
	LONGER, /* text of more */
	ID,
	NUMBER,
	TRUTH,
	IDS,
	LEASES,
	LINE,
};

/* A member, and whether a line may have it, too, with the same value. */
struct known {
	enum type type;
	bool in_line;
};

#define MOST 13

struct kind {
	struct jobq_known name[MOST];
	struct known known[MOST];
	size_t count;
	/* What of a line is the store's to append; NULL ends it. */
	const char *appended[10];
};

static const struct kind job_kind = {
	.name = { JOBQ_KNOWN("line"), JOBQ_KNOWN("id"), JOBQ_KNOWN("queue"),
	    JOBQ_KNOWN("name"), JOBQ_KNOWN("key"), JOBQ_KNOWN("flow"),
	    JOBQ_KNOWN("priority"), JOBQ_KNOWN("max_attempts"),
	    JOBQ_KNOWN("run_at_ms"), JOBQ_KNOWN("expires_at_ms"),
	    JOBQ_KNOWN("needs") },
	.known = { { LINE, false }, { ID, true }, { TEXT, true },
	    { TEXT, true }, { TEXT, true }, { TEXT, true }, { NUMBER, true },
	    { NUMBER, true }, { NUMBER, false }, { NUMBER, false },
	    { IDS, false } },
	.count = 11,
	.appended = { "state", "attempt", "run_at", "lease", "held", "ended",
	    "rescues", "why", "pushed_at", NULL },
};

static const struct kind event_kind = {
	.name = { JOBQ_KNOWN("line"), JOBQ_KNOWN("event"), JOBQ_KNOWN("id"),
	    JOBQ_KNOWN("epoch"), JOBQ_KNOWN("worker"), JOBQ_KNOWN("n"),
	    JOBQ_KNOWN("reason"), JOBQ_KNOWN("retry"),
	    JOBQ_KNOWN("retry_after_ms"), JOBQ_KNOWN("error"),
	    JOBQ_KNOWN("jobs"), JOBQ_KNOWN("waiting") },
	.known = { { LINE, false }, { TEXT, true }, { ID, true },
	    { NUMBER, true }, { TEXT, true }, { NUMBER, true },
	    { LONGER, false }, { TRUTH, false }, { NUMBER, false },
	    { LONGER, false }, { LEASES, false }, { TRUTH, false } },
	.count = 12,
	.appended = { "settled", "lost", "state", "seq", NULL },
};

/* Memory that is used again from entry to entry. */
struct check {
	const struct kind *kind;
	struct jobq_object entry, members;
	struct jobq_buf line, text, other;
};

static enum jobq_status
check_ids(struct jobq_buf *text, const char *name, struct jobq_span value,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	struct jobq_span element;
	size_t cursor = 0, count = 0;
	const char *id;

	if (value.at[0] != '[')
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"%s\" must be a list of ids", name);
	while (status == JOBQ_OK && count++ < NEEDS_MAX &&
	       jobq_json_element(value, &cursor, &element))
		status = jobq_member_id(text, name, element, &id, err);
	return status != JOBQ_OK || count <= NEEDS_MAX
		   ? status
		   : jobq_fail(err, JOBQ_INVALID,
			 "member \"%s\" has more than %d ids", name, NEEDS_MAX);
}

static enum jobq_status
check_value(struct check *check, int place, struct jobq_span value,
    struct jobq_err *err)
{
	const char *name = check->kind->name[place].name;
	struct jobq_buf *text = &check->text;
	const char *decoded;
	int64_t number;
	bool truth;

	switch (check->kind->known[place].type) {
	case TEXT:
		return jobq_member_text(
		    text, name, value, 0, JOBQ_NAME_MAX, false, &decoded, err);
	case LONGER:
		return jobq_member_text(
		    text, name, value, 0, REASON_MAX, false, &decoded, err);
	case ID:
		return jobq_member_id(text, name, value, &decoded, err);
	case NUMBER:
		return jobq_member_int(
		    name, value, INT64_MIN, INT64_MAX, &number, err);
	case TRUTH:
		return jobq_member_bool(name, value, &truth, err);
	case IDS:
		return check_ids(text, name, value, err);
	case LEASES:
		return jobq_member_leases(text, name, value, err);
	case LINE:
		return jobq_json_string(value, &check->line, err);
	}
	return JOBQ_OK;
}

/* Strings as they are read, numbers by their value. */
static bool
is_same(struct check *check, struct jobq_span one, struct jobq_span other)
{
	int64_t number, another;

	jobq_buf_clear(&check->text);
	jobq_buf_clear(&check->other);
	if (one.at[0] == '"' && other.at[0] == '"')
		return jobq_json_string(one, &check->text, NULL) == JOBQ_OK &&
		       jobq_json_string(other, &check->other, NULL) ==
			   JOBQ_OK &&
		       check->text.len == check->other.len &&
		       (check->text.len == 0 ||
			   memcmp(check->text.data, check->other.data,
			       check->text.len) == 0);
	if (jobq_json_int(one, &number, NULL) == JOBQ_OK &&
	    jobq_json_int(other, &another, NULL) == JOBQ_OK)
		return number == another;
	return one.len == other.len && memcmp(one.at, other.at, one.len) == 0;
}

static enum jobq_status
check_line_member(struct check *check, const struct jobq_member *member,
    uint32_t *seen, struct jobq_err *err)
{
	const struct kind *kind = check->kind;
	const struct jobq_span *beside;
	enum jobq_status status;
	int place;

	for (size_t i = 0; kind->appended[i] != NULL; i++)
		if (jobq_json_key_is(member->key, kind->appended[i]))
			return jobq_fail(err, JOBQ_INVALID,
			    "\"line\" has a member \"%s\", which is the "
			    "store's to say",
			    kind->appended[i]);
	status = jobq_member_find(
	    kind->name, kind->count, member->key, "", seen, &place, err);
	if (status != JOBQ_OK || place < 0 || !kind->known[place].in_line)
		return status;
	beside = jobq_object_get(&check->entry, kind->name[place].name);
	return beside == NULL || is_same(check, member->value, *beside)
		   ? JOBQ_OK
		   : jobq_fail(err, JOBQ_INVALID,
			 "\"line\" says another \"%s\" than what stands "
			 "beside it",
			 kind->name[place].name);
}

static enum jobq_status
check_line(struct check *check, struct jobq_err *err)
{
	struct jobq_buf *line = &check->line;
	enum jobq_status status;
	uint32_t seen = 0;

	if (line->len == 0)
		return jobq_fail(err, JOBQ_INVALID, "there is no \"line\"");
	if (line->len > JOBQ_STAGE_MAX || line->data[0] != '{' ||
	    memchr(line->data, '\n', line->len) != NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "\"line\" is no object on one line of at most 2 MiB");
	jobq_buf_putc(line, '}');
	status = jobq_object_scan(&check->members, line->data, line->len, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "\"line\"");
	/* Something is appended behind a comma. */
	if (status == JOBQ_OK && check->members.count == 0)
		status =
		    jobq_fail(err, JOBQ_INVALID, "\"line\" has no members");
	for (size_t i = 0; status == JOBQ_OK && i < check->members.count; i++)
		status = check_line_member(
		    check, &check->members.member[i], &seen, err);
	return status;
}

static enum jobq_status
check_entry(struct check *check, struct jobq_span element, struct jobq_err *err)
{
	const struct kind *kind = check->kind;
	enum jobq_status status =
	    jobq_object_scan(&check->entry, element.at, element.len, err);
	uint32_t seen = 0;

	jobq_buf_clear(&check->line);
	for (size_t i = 0; status == JOBQ_OK && i < check->entry.count; i++) {
		const struct jobq_member *member = &check->entry.member[i];
		int place;

		status = jobq_member_find(kind->name, kind->count, member->key,
		    "", &seen, &place, err);
		if (status != JOBQ_OK || place < 0 ||
		    jobq_span_is(member->value, "null"))
			continue;
		jobq_buf_clear(&check->text);
		jobq_buf_reserve(&check->text, member->value.len + 1);
		status = check_value(check, place, member->value, err);
	}
	return status == JOBQ_OK ? check_line(check, err) : status;
}

enum jobq_status
jobq_lines_check(struct jobq_span array, bool jobs, struct jobq_err *err)
{
	struct check check = { .kind = jobs ? &job_kind : &event_kind };
	enum jobq_status status = JOBQ_OK;
	struct jobq_span element;
	size_t cursor = 0, count = 0;

	if (array.at[0] != '[')
		return jobq_fail(err, JOBQ_INVALID, "\"%s\" is no array",
		    jobs ? "jobs" : "events");
	while (
	    status == JOBQ_OK && jobq_json_element(array, &cursor, &element)) {
		status = count++ < JOBQ_PAGE_LINES
			     ? check_entry(&check, element, err)
			     : jobq_fail(err, JOBQ_INVALID,
				   "more than %d lines in one request",
				   JOBQ_PAGE_LINES);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "\"%s\", element %zu",
			    jobs ? "jobs" : "events", count);
	}
	jobq_object_release(&check.entry);
	jobq_object_release(&check.members);
	jobq_buf_release(&check.line);
	jobq_buf_release(&check.text);
	jobq_buf_release(&check.other);
	return status;
}
