#include "moment.h"

#include "job.h"

#include <string.h>

#include "banned.h"

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool
jobq_text_line(struct jobq_span *text, struct jobq_span *line)
{
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(text->at, '\n', text->len);
	*line = (struct jobq_span){ text->at,
		end == NULL ? text->len : (size_t)(end - text->at) };
	text->len -= line->len + (end != NULL);
	text->at += line->len + (end != NULL);
	while (line->len > 0 && is_blank(*line->at))
		line->at++, line->len--;
	while (line->len > 0 && is_blank(line->at[line->len - 1]))
		line->len--;
	return true;
}

bool
jobq_page_end_read(struct jobq_span line, struct jobq_page_end *end)
{
	static const char begin[] = "{\"event\":\"page\"";
	struct jobq_object members = { 0 };
	const struct jobq_span *after, *more;
	bool is_end;

	if (line.len < sizeof(begin) - 1 ||
	    memcmp(line.at, begin, sizeof(begin) - 1) != 0)
		return false;
	is_end = jobq_object_scan(&members, line.at, line.len, NULL) == JOBQ_OK;
	after = is_end ? jobq_object_get(&members, "after") : NULL;
	is_end = after != NULL &&
		 jobq_json_int(*after, &end->after, NULL) == JOBQ_OK;
	if (is_end) {
		more = jobq_object_get(&members, "more");
		end->seen = true;
		end->more = more == NULL || !jobq_span_is(*more, "false");
	}
	jobq_object_release(&members);
	return is_end;
}

static enum jobq_moment_kind
kind_of(const struct jobq_event *event)
{
	switch (event->kind) {
	case JOBQ_EVENT_STARTED:
		return JOBQ_MOMENT_STARTED;
	case JOBQ_EVENT_OUTPUT:
		return JOBQ_MOMENT_OUTPUT;
	case JOBQ_EVENT_COMPLETED:
		return JOBQ_MOMENT_DONE;
	case JOBQ_EVENT_CANCELLED:
		return JOBQ_MOMENT_STOPPED;
	case JOBQ_EVENT_RELEASED:
	case JOBQ_EVENT_SNOOZED:
		/* Of a job that was to be cancelled this is its end. */
		return event->state != NULL &&
			       strcmp(event->state, "cancelled") == 0
			   ? JOBQ_MOMENT_STOPPED
			   : JOBQ_MOMENT_OTHER;
	case JOBQ_EVENT_FAILED:
		if (event->state == NULL || strcmp(event->state, "failed") == 0)
			return JOBQ_MOMENT_FAILED;
		return strcmp(event->state, "cancelled") == 0
			   ? JOBQ_MOMENT_STOPPED
			   : JOBQ_MOMENT_ATTEMPT;
	default:
		return JOBQ_MOMENT_OTHER;
	}
}

/* Adds a member: a string decoded, anything else as its text. */
static void
add_text(const struct jobq_event *event, const char *name, struct jobq_buf *out)
{
	const struct jobq_span *value = jobq_object_get(&event->members, name);

	if (value == NULL)
		return;
	if (value->at[0] != '"')
		jobq_buf_add(out, value->at, value->len);
	else
		jobq_json_string(*value, out, NULL);
}

static void
read_why(const struct jobq_event *event, struct jobq_buf *out)
{
	struct jobq_buf tail = JOBQ_BUF_INIT;
	struct jobq_span text, line;

	jobq_buf_clear(out);
	add_text(event, "stderr_tail", &tail);
	text = (struct jobq_span){ tail.data, tail.len };
	while (jobq_text_line(&text, &line)) {
		if (line.len == 0)
			continue;
		jobq_buf_clear(out);
		jobq_buf_add(out, line.at, line.len);
	}
	if (out->len == 0)
		add_text(event, "error", out);
	if (out->len == 0 && event->reason != NULL)
		jobq_buf_puts(out, event->reason);
	jobq_buf_release(&tail);
}

bool
jobq_moment_read(
    struct jobq_moment *moment, struct jobq_event *event, struct jobq_span line)
{
	const struct jobq_span *stream;

	if (jobq_object_scan(&event->members, line.at, line.len, NULL) !=
		JOBQ_OK ||
	    jobq_event_read(event, line.at, line.len, NULL) != JOBQ_OK ||
	    event->seq == JOBQ_ABSENT || event->id == NULL)
		return false;
	moment->kind = kind_of(event);
	moment->seq = event->seq;
	moment->epoch = event->epoch;
	jobq_buf_clear(&moment->id);
	jobq_buf_puts(&moment->id, event->id);
	jobq_buf_clear(&moment->line);
	jobq_buf_add(&moment->line, line.at, line.len);
	jobq_buf_clear(&moment->text);
	jobq_buf_clear(&moment->why);
	stream = jobq_object_get(&event->members, "stream");
	if (moment->kind == JOBQ_MOMENT_OUTPUT) {
		if (stream != NULL && jobq_span_is(*stream, "\"stderr\"")) {
			moment->kind = JOBQ_MOMENT_OTHER;
			return true;
		}
		add_text(event, "text", &moment->text);
		add_text(event, "base64", &moment->text);
	} else if (moment->kind >= JOBQ_MOMENT_ATTEMPT) {
		add_text(event, "output", &moment->text);
	}
	if (moment->kind == JOBQ_MOMENT_FAILED)
		read_why(event, &moment->why);
	return true;
}

bool
jobq_moment_last_line(const struct jobq_moment *moment, struct jobq_buf *out)
{
	struct jobq_span text = { moment->text.data, moment->text.len };
	struct jobq_span line, last = { NULL, 0 };

	if (moment->kind != JOBQ_MOMENT_OUTPUT &&
	    moment->kind < JOBQ_MOMENT_ATTEMPT)
		return false;
	while (jobq_text_line(&text, &line))
		if (line.len > 0)
			last = line;
	if (last.len > 0)
		jobq_json_put_lossy(out, last.at, last.len);
	return last.len > 0;
}

void
jobq_moment_release(struct jobq_moment *moment)
{
	jobq_buf_release(&moment->id);
	jobq_buf_release(&moment->line);
	jobq_buf_release(&moment->text);
	jobq_buf_release(&moment->why);
}
