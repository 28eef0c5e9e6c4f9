#include "view.h"

#include "clock.h"

#include <string.h>
#include <time.h>

#include "banned.h"

const struct jobq_column jobq_view_columns[] = {
	{ .title = "ID", .least = 12, .keep_end = true },
	{ .title = "STATE" },
	{ .title = "QUEUE", .least = 8 },
	{ .title = "NAME", .least = 8 },
	{ .title = "TRY", .right = true },
	{ .title = "AGE", .right = true },
	{ .title = "NOTE", .least = 8 },
};

struct jobq_span
jobq_view_member(const struct jobq_object *members, const char *name)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	if (value == NULL || jobq_span_is(*value, "null"))
		return (struct jobq_span){ "", 0 };
	return *value;
}

struct jobq_span
jobq_view_inner(const struct jobq_object *members, const char *path)
{
	struct jobq_span value;

	if (!jobq_json_path(members, path, strlen(path), &value) ||
	    jobq_span_is(value, "null"))
		return (struct jobq_span){ "", 0 };
	return value;
}

void
jobq_view_text(struct jobq_buf *out, struct jobq_span value)
{
	size_t before = out->len;

	if (value.len > 0 && value.at[0] == '"') {
		if (jobq_json_string(value, out, NULL) == JOBQ_OK)
			return;
		out->len = before;
	}
	jobq_buf_add(out, value.at, value.len);
}

int64_t
jobq_view_int(struct jobq_span value, int64_t otherwise)
{
	int64_t number;

	if (value.len == 0 || jobq_json_int(value, &number, NULL) != JOBQ_OK)
		return otherwise;
	return number;
}

void
jobq_view_duration(struct jobq_buf *out, int64_t ms)
{
	long long seconds = ms < 0 ? 0 : ms / 1000;

	if (seconds < 120)
		jobq_buf_printf(out, "%lld s", seconds);
	else if (seconds < 120 * 60)
		jobq_buf_printf(out, "%lld min", seconds / 60);
	else if (seconds < 48 * 3600)
		jobq_buf_printf(out, "%lld h", seconds / 3600);
	else
		jobq_buf_printf(out, "%lld d", seconds / 86400);
}

int64_t
jobq_view_time_ms(struct jobq_span value)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	int64_t ms = -1;

	jobq_view_text(&text, value);
	if (text.len == 0 || jobq_time_parse(text.data, &ms, NULL) != JOBQ_OK)
		ms = -1;
	jobq_buf_release(&text);
	return ms;
}

void
jobq_view_clock(struct jobq_buf *out, int64_t wall_ms, bool local)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[64];

	if (local)
		localtime_r(&seconds, &tm);
	else
		gmtime_r(&seconds, &tm);
	if (strftime(text, sizeof text,
		local ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		jobq_buf_puts(out, text);
}

void
jobq_view_time(struct jobq_buf *out, struct jobq_span value, bool local)
{
	int64_t ms = jobq_view_time_ms(value);

	if (ms < 0)
		jobq_view_text(out, value);
	else
		jobq_view_clock(out, ms, local);
}

enum jobq_shade
jobq_view_state(const char *state)
{
	if (strcmp(state, "completed") == 0)
		return JOBQ_SHADE_GOOD;
	if (strcmp(state, "running") == 0)
		return JOBQ_SHADE_BUSY;
	if (strcmp(state, "failed") == 0)
		return JOBQ_SHADE_BAD;
	if (strcmp(state, "pending") == 0)
		return JOBQ_SHADE_NONE;
	return JOBQ_SHADE_DIM;
}

/* "reason: error" of what ended it last, behind what leads to it. */
static void
put_ended(
    struct jobq_buf *out, const struct jobq_object *members, const char *lead)
{
	struct jobq_span reason = jobq_view_inner(members, "ended.reason");
	struct jobq_span error = jobq_view_inner(members, "ended.error");

	if (reason.len > 0 || error.len > 0)
		jobq_buf_puts(out, lead);
	jobq_view_text(out, reason);
	if (reason.len > 0 && error.len > 0)
		jobq_buf_puts(out, ": ");
	jobq_view_text(out, error);
}

void
jobq_view_note(struct jobq_buf *out, const struct jobq_object *members,
    const char *state, int64_t now_ms, bool local)
{
	struct jobq_span run_at = jobq_view_member(members, "run_at");
	bool due = false;

	if (strcmp(state, "running") == 0) {
		jobq_buf_puts(out, "on ");
		jobq_view_text(out, jobq_view_inner(members, "held.worker"));
		return;
	}
	if (strcmp(state, "pending") == 0)
		due = jobq_view_time_ms(run_at) > now_ms;
	if (due) {
		jobq_buf_puts(out, "due ");
		jobq_view_time(out, run_at, local);
	}
	put_ended(out, members, due ? ", " : "");
}

static void
put_age(struct jobq_buf *out, const struct jobq_object *members, int64_t now_ms)
{
	int64_t pushed_ms =
	    jobq_view_time_ms(jobq_view_member(members, "pushed_at"));

	if (pushed_ms >= 0)
		jobq_view_duration(out, now_ms - pushed_ms);
}

static void
put_attempts(struct jobq_buf *out, const struct jobq_object *members)
{
	jobq_view_text(out, jobq_view_member(members, "attempt"));
	jobq_buf_putc(out, '/');
	jobq_view_text(out, jobq_view_member(members, "max_attempts"));
}

/* A cell of what was put into text, which is empty again afterwards. */
static void
cell(struct jobq_table *table, struct jobq_buf *text, enum jobq_shade shade)
{
	jobq_table_cell(
	    table, text->data == NULL ? "" : text->data, text->len, shade);
	jobq_buf_clear(text);
}

void
jobq_view_row(struct jobq_table *table, const struct jobq_object *members,
    int64_t now_ms, bool local)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf state = JOBQ_BUF_INIT;

	jobq_view_text(&state, jobq_view_member(members, "state"));
	jobq_view_text(&text, jobq_view_member(members, "id"));
	cell(table, &text, JOBQ_SHADE_NONE);
	jobq_table_text(table, state.data, jobq_view_state(state.data));
	jobq_view_text(&text, jobq_view_member(members, "queue"));
	cell(table, &text, JOBQ_SHADE_NONE);
	jobq_view_text(&text, jobq_view_member(members, "name"));
	cell(table, &text, JOBQ_SHADE_NONE);
	put_attempts(&text, members);
	cell(table, &text, JOBQ_SHADE_NONE);
	put_age(&text, members, now_ms);
	cell(table, &text, JOBQ_SHADE_DIM);
	jobq_view_note(&text, members, state.data, now_ms, local);
	cell(table, &text, JOBQ_SHADE_DIM);
	jobq_buf_release(&text);
	jobq_buf_release(&state);
}
