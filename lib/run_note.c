/*
 * Descriptor 3: one JSON object per line, by which a job says more than an
 * exit status can. Members: percent, note, data (progress; of several within
 * one event the last of each counts); output (the result); retry_after,
 * snooze, cancel (how the attempt is to end). Other members mean nothing
 * yet. What is no such line is ignored and mentioned once per job.
 */
#include "run_engine.h"

#include <string.h>

#include "banned.h"

#define SNOOZE_MS 60000
#define REASON_MAX ((size_t)4096)
#define SECONDS_MAX 3.2e9 /* a hundred years */

static const char *const progress_name[JOBQ_PROGRESS_MEMBERS] = { "percent",
	"note", "data" };

static void
complain(struct jobq_task *task, const char *what)
{
	if (task->notes.complained)
		return;
	task->notes.complained = true;
	jobq_run_say(task->run, JOBQ_WARNING, "bad_note", task->id,
	    "job %s: ignored %s: %s", task->id,
	    task->run->options.kind == JOBQ_RUN_COPROCESS ? "in an answer"
							  : "on descriptor 3",
	    what);
}

/* The code unit of a \uXXXX at text (checked by the scanner). */
static unsigned
code_unit(const char *text)
{
	unsigned unit = 0;

	for (int i = 2; i < 6; i++) {
		char c = text[i];

		unit = unit << 4 |
		       (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return unit;
}

/*
 * Adds a scanned string as it stands, but U+FFFD for \u0000 and for a lone
 * surrogate, which no envelope may hold, and no more characters once it has
 * JOBQ_PIECE_MAX bytes.
 */
static void
put_clean(struct jobq_buf *out, struct jobq_span value)
{
	const char *end = value.at + value.len - 1;
	size_t most = out->len + JOBQ_PIECE_MAX;

	for (const char *at = value.at; at < end;) {
		size_t len = 1;
		bool bad = false;

		if (out->len >= most && ((unsigned char)*at & 0xc0) != 0x80)
			break;
		if (at[0] == '\\' && at[1] == 'u') {
			unsigned unit = code_unit(at);
			bool pair = unit >= 0xd800 && unit < 0xdc00 &&
				    at[6] == '\\' && at[7] == 'u' &&
				    code_unit(at + 6) >= 0xdc00 &&
				    code_unit(at + 6) < 0xe000;

			len = pair ? 12 : 6;
			bad = unit == 0 ||
			      (!pair && unit >= 0xd800 && unit < 0xe000);
		} else if (at[0] == '\\') {
			len = 2;
		}
		if (bad)
			jobq_buf_puts(out, "\\ufffd");
		else
			jobq_buf_add(out, at, len);
		at += len;
	}
	jobq_buf_putc(out, '"');
}

/* A number of seconds; false when it is none or out of range. */
static bool
seconds(struct jobq_span value, int64_t *ms)
{
	double number;

	if (value.at[0] == '"' ||
	    jobq_json_double(value, &number, NULL) != JOBQ_OK || number < 0 ||
	    number > SECONDS_MAX)
		return false;
	*ms = (int64_t)(number * 1000 + 0.5);
	return true;
}

void
jobq_note_progress(struct jobq_task *task, const struct jobq_object *members)
{
	for (int i = 0; i < JOBQ_PROGRESS_MEMBERS; i++) {
		const struct jobq_span *value =
		    jobq_object_get(members, progress_name[i]);
		struct jobq_buf *to = &task->notes.progress[i];
		double percent;

		if (value == NULL)
			continue;
		if (i == 0 &&
		    (jobq_json_double(*value, &percent, NULL) != JOBQ_OK ||
			percent < 0 || percent > 100)) {
			complain(task, "percent is no number from 0 to 100");
		} else if (i == 1 && value->at[0] != '"') {
			complain(task, "note is no string");
		} else if (value->len > JOBQ_PIECE_MAX) {
			complain(task, "a note or data longer than 64 KiB");
		} else {
			jobq_buf_clear(to);
			if (i == 1)
				put_clean(to, *value);
			else
				jobq_buf_add(to, value->at, value->len);
			jobq_tell_soon(task);
		}
	}
}

void
jobq_note_too_long(struct jobq_task *task, uint64_t len)
{
	task->notes.dropped += len;
	complain(task, "an output longer than --output-limit");
}

void
jobq_note_output(struct jobq_task *task, struct jobq_span value)
{
	if (value.len > task->run->options.output_limit_bytes) {
		jobq_note_too_long(task, value.len);
		return;
	}
	jobq_buf_clear(&task->notes.output);
	jobq_buf_add(&task->notes.output, value.at, value.len);
}

void
jobq_note_retry_after(struct jobq_task *task, struct jobq_span value)
{
	if (!seconds(value, &task->notes.retry_after_ms))
		complain(task, "retry_after is no number of seconds");
}

/* A number of seconds, or true. */
void
jobq_note_snooze(struct jobq_task *task, struct jobq_span value)
{
	if (jobq_span_is(value, "true"))
		task->notes.snooze_ms = SNOOZE_MS;
	else if (!seconds(value, &task->notes.snooze_ms))
		complain(task, "snooze is no number of seconds");
}

void
jobq_note_cancel(struct jobq_task *task, struct jobq_span value)
{
	struct jobq_buf *cancel = &task->notes.cancel;

	if (value.at[0] != '"') {
		complain(task, "cancel is no string");
		return;
	}
	jobq_buf_clear(cancel);
	if (value.len <= REASON_MAX)
		put_clean(cancel, value);
	else
		jobq_buf_puts(cancel, "\"cancel\"");
}

void
jobq_note_error(struct jobq_task *task, struct jobq_span value)
{
	jobq_buf_clear(&task->notes.error);
	put_clean(&task->notes.error, value);
}

static void
take_line(struct jobq_task *task, const char *line, size_t len)
{
	struct jobq_object members = { NULL, 0, 0 };
	const struct jobq_span *value;

	if (jobq_object_scan(&members, line, len, NULL) != JOBQ_OK) {
		complain(task, "a line that is no JSON object");
		jobq_object_release(&members);
		return;
	}
	jobq_note_progress(task, &members);
	value = jobq_object_get(&members, "output");
	if (value != NULL)
		jobq_note_output(task, *value);
	value = jobq_object_get(&members, "retry_after");
	if (value != NULL)
		jobq_note_retry_after(task, *value);
	value = jobq_object_get(&members, "snooze");
	if (value != NULL)
		jobq_note_snooze(task, *value);
	value = jobq_object_get(&members, "cancel");
	if (value != NULL)
		jobq_note_cancel(task, *value);
	jobq_object_release(&members);
}

/* A part of a line; last: it ends the line. */
static void
take_part(struct jobq_task *task, const char *bytes, size_t len, bool last)
{
	struct jobq_notes *notes = &task->notes;
	size_t most = task->run->options.output_limit_bytes + 4096;

	if (notes->skipping) {
		notes->dropped += len;
	} else if (notes->line.len + len > most) {
		notes->skipping = true;
		notes->dropped += notes->line.len + len;
		jobq_buf_clear(&notes->line);
		complain(task, "a line longer than --output-limit");
	} else if (len > 0) {
		jobq_buf_add(&notes->line, bytes, len);
	}
	if (!last)
		return;
	if (!notes->skipping && notes->line.len > 0)
		take_line(task, notes->line.data, notes->line.len);
	notes->skipping = false;
	jobq_buf_clear(&notes->line);
}

void
jobq_note_bytes(struct jobq_task *task, const char *bytes, size_t len)
{
	if (len == 0)
		take_part(task, NULL, 0, true);
	while (len > 0) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline != NULL ? (size_t)(newline - bytes) : len;

		take_part(task, bytes, part, newline != NULL);
		part += newline != NULL;
		bytes += part;
		len -= part;
	}
}

bool
jobq_note_has_progress(const struct jobq_task *task)
{
	for (int i = 0; i < JOBQ_PROGRESS_MEMBERS; i++)
		if (task->notes.progress[i].len > 0)
			return true;
	return false;
}

void
jobq_note_put_progress(struct jobq_task *task, struct jobq_buf *out)
{
	for (int i = 0; i < JOBQ_PROGRESS_MEMBERS; i++) {
		struct jobq_buf *value = &task->notes.progress[i];

		if (value->len == 0)
			continue;
		jobq_buf_printf(out, ",\"%s\":", progress_name[i]);
		jobq_buf_add(out, value->data, value->len);
		jobq_buf_clear(value);
	}
}
