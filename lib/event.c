/* Read as a job line is; see the top of job.c for where strings live. */
#include "event.h"
#include "clock.h"
#include "job.h"
#include "member.h"

#include <string.h>

#include "banned.h"

/* Of members whose text has no bound of its own: the line bounds them. */
#define ANY_LENGTH SIZE_MAX

static const struct jobq_known kinds[] = {
	[JOBQ_EVENT_OTHER] = JOBQ_KNOWN(""),
	[JOBQ_EVENT_STARTED] = JOBQ_KNOWN("started"),
	[JOBQ_EVENT_OUTPUT] = JOBQ_KNOWN("output"),
	[JOBQ_EVENT_PROGRESS] = JOBQ_KNOWN("progress"),
	[JOBQ_EVENT_ALIVE] = JOBQ_KNOWN("alive"),
	[JOBQ_EVENT_COMPLETED] = JOBQ_KNOWN("completed"),
	[JOBQ_EVENT_FAILED] = JOBQ_KNOWN("failed"),
	[JOBQ_EVENT_CANCELLED] = JOBQ_KNOWN("cancelled"),
	[JOBQ_EVENT_RELEASED] = JOBQ_KNOWN("released"),
	[JOBQ_EVENT_SNOOZED] = JOBQ_KNOWN("snoozed"),
	[JOBQ_EVENT_CANCEL] = JOBQ_KNOWN("cancel"),
	[JOBQ_EVENT_STOP] = JOBQ_KNOWN("stop"),
	[JOBQ_EVENT_IDLE] = JOBQ_KNOWN("idle"),
	[JOBQ_EVENT_GAP] = JOBQ_KNOWN("gap"),
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* From OUTPUT on they are only watched for standing twice. */
enum member {
	AT,
	EPOCH,
	EVENT,
	ID,
	JOBS,
	LOST,
	N,
	REASON,
	RETRY,
	RETRY_AFTER,
	SEQ,
	SETTLED,
	STARTED,
	STATE,
	WORKER,
	OUTPUT,
	BASE64,
	DATA,
	ERROR,
	NOTE,
	PERCENT,
	STREAM,
	TEXT,
	MEMBERS,
};

static const struct jobq_known names[MEMBERS] = {
	[AT] = JOBQ_KNOWN("at"),
	[EPOCH] = JOBQ_KNOWN("epoch"),
	[EVENT] = JOBQ_KNOWN("event"),
	[ID] = JOBQ_KNOWN("id"),
	[JOBS] = JOBQ_KNOWN("jobs"),
	[LOST] = JOBQ_KNOWN("lost"),
	[N] = JOBQ_KNOWN("n"),
	[REASON] = JOBQ_KNOWN("reason"),
	[RETRY] = JOBQ_KNOWN("retry"),
	[RETRY_AFTER] = JOBQ_KNOWN("retry_after"),
	[SEQ] = JOBQ_KNOWN("seq"),
	[SETTLED] = JOBQ_KNOWN("settled"),
	[STARTED] = JOBQ_KNOWN("started"),
	[STATE] = JOBQ_KNOWN("state"),
	[WORKER] = JOBQ_KNOWN("worker"),
	[OUTPUT] = JOBQ_KNOWN("output"),
	[BASE64] = JOBQ_KNOWN("base64"),
	[DATA] = JOBQ_KNOWN("data"),
	[ERROR] = JOBQ_KNOWN("error"),
	[NOTE] = JOBQ_KNOWN("note"),
	[PERCENT] = JOBQ_KNOWN("percent"),
	[STREAM] = JOBQ_KNOWN("stream"),
	[TEXT] = JOBQ_KNOWN("text"),
};

void
jobq_event_release(struct jobq_event *event)
{
	jobq_object_release(&event->members);
	jobq_buf_release(&event->text);
}

const char *
jobq_event_name(enum jobq_event_kind kind)
{
	return kinds[kind].name;
}

bool
jobq_event_is_ending(enum jobq_event_kind kind)
{
	return kind >= JOBQ_EVENT_COMPLETED && kind <= JOBQ_EVENT_SNOOZED;
}

/* Everything absent; what is allocated stays for the next line. */
static void
forget(struct jobq_event *event, const char *line, size_t len)
{
	event->line = (struct jobq_span){ line, len };
	event->kind = JOBQ_EVENT_OTHER;
	event->event = NULL;
	event->id = NULL;
	event->worker = NULL;
	event->reason = NULL;
	event->state = NULL;
	event->at = NULL;
	event->epoch = JOBQ_ABSENT;
	event->n = JOBQ_ABSENT;
	event->seq = JOBQ_ABSENT;
	event->retry_after_ms = JOBQ_ABSENT;
	event->retry = -1;
	event->settled = (struct jobq_span){ NULL, 0 };
	event->lost = (struct jobq_span){ NULL, 0 };
	event->jobs = (struct jobq_span){ NULL, 0 };
	event->started = (struct jobq_span){ NULL, 0 };
	jobq_buf_clear(&event->text);
	jobq_buf_reserve(&event->text, len + 1);
}

static enum jobq_status
read_kind(
    struct jobq_event *event, struct jobq_span value, struct jobq_err *err)
{
	enum jobq_status status = jobq_member_text(&event->text, "event", value,
	    1, JOBQ_NAME_MAX, true, &event->event, err);

	if (status != JOBQ_OK)
		return status;
	for (size_t i = 1; i < KINDS; i++) {
		if (strcmp(kinds[i].name, event->event) == 0)
			event->kind = (enum jobq_event_kind)i;
	}
	return JOBQ_OK;
}

static enum jobq_status
read_leases(struct jobq_event *event, const char *name, struct jobq_span value,
    struct jobq_span *out, struct jobq_err *err)
{
	*out = value;
	return jobq_member_leases(&event->text, name, value, err);
}

static enum jobq_status
read_retry(
    struct jobq_event *event, struct jobq_span value, struct jobq_err *err)
{
	bool retry = false;
	enum jobq_status status = jobq_member_bool("retry", value, &retry, err);

	event->retry = retry;
	return status;
}

static enum jobq_status
read_member(struct jobq_event *event, enum member place, struct jobq_span value,
    struct jobq_err *err)
{
	const char *name = names[place].name;
	struct jobq_buf *text = &event->text;
	int64_t at_ms;

	switch (place) {
	case AT:
		return jobq_member_time(
		    text, name, value, &at_ms, &event->at, err);
	case EPOCH:
		return jobq_member_int(
		    name, value, 1, INT64_MAX, &event->epoch, err);
	case EVENT:
		return read_kind(event, value, err);
	case ID:
		return jobq_member_id(text, name, value, &event->id, err);
	case JOBS:
		return read_leases(event, name, value, &event->jobs, err);
	case LOST:
		return read_leases(event, name, value, &event->lost, err);
	case N:
		return jobq_member_int(
		    name, value, 0, INT64_MAX, &event->n, err);
	case REASON:
		return jobq_member_text(text, name, value, 0, ANY_LENGTH, false,
		    &event->reason, err);
	case RETRY:
		return read_retry(event, value, err);
	case RETRY_AFTER:
		return jobq_member_seconds(
		    name, value, true, &event->retry_after_ms, err);
	case SEQ:
		return jobq_member_int(
		    name, value, 0, INT64_MAX, &event->seq, err);
	case SETTLED:
		event->settled = value;
		return JOBQ_OK;
	case STARTED:
		event->started = value;
		return JOBQ_OK;
	case STATE:
		return jobq_member_text(text, name, value, 1, JOBQ_NAME_MAX,
		    true, &event->state, err);
	case WORKER:
		return jobq_member_text(text, name, value, 1, JOBQ_NAME_MAX,
		    true, &event->worker, err);
	default:
		return JOBQ_OK;
	}
}

enum jobq_status
jobq_event_read(struct jobq_event *event, const char *line, size_t len,
    struct jobq_err *err)
{
	uint32_t seen = 0;

	forget(event, line, len);
	for (size_t i = 0; i < event->members.count; i++) {
		const struct jobq_member *member = &event->members.member[i];
		enum jobq_status status;
		int place;

		status = jobq_member_find(
		    names, MEMBERS, member->key, "", &seen, &place, err);
		/* null is absent */
		if (status == JOBQ_OK && place >= 0 && *member->value.at != 'n')
			status = read_member(
			    event, (enum member)place, member->value, err);
		if (status != JOBQ_OK)
			return status;
	}
	if (event->event == NULL)
		return jobq_fail(
		    err, JOBQ_INVALID, "member \"event\" is missing");
	if (event->kind == JOBQ_EVENT_ALIVE && event->jobs.len == 0)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"jobs\" of \"alive\" is missing");
	return JOBQ_OK;
}

static void
put_text(struct jobq_buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	jobq_buf_puts(out, name);
	jobq_json_put_string(out, text, strlen(text));
}

/* A text of ours, in which nothing needs an escape. */
static void
put_plain(struct jobq_buf *out, const char *name, const char *text)
{
	jobq_buf_puts(out, name);
	jobq_buf_putc(out, '"');
	jobq_buf_puts(out, text);
	jobq_buf_putc(out, '"');
}

static void
put_int(struct jobq_buf *out, const char *name, int64_t number)
{
	if (number == JOBQ_ABSENT)
		return;
	jobq_buf_puts(out, name);
	jobq_buf_int(out, number);
}

void
jobq_event_begin_at(struct jobq_buf *out, enum jobq_event_kind kind,
    const char *id, int64_t epoch, const char *worker, int64_t n,
    const char *at)
{
	put_plain(out, "{\"event\":", jobq_event_name(kind));
	put_text(out, ",\"id\":", id);
	put_int(out, ",\"epoch\":", epoch);
	put_text(out, ",\"worker\":", worker);
	put_int(out, ",\"n\":", n);
	put_plain(out, ",\"at\":", at);
}

void
jobq_event_begin(struct jobq_buf *out, enum jobq_event_kind kind,
    const char *id, int64_t epoch, const char *worker, int64_t n)
{
	char now[JOBQ_TIME_SIZE];

	jobq_time_format(jobq_wall_ms(), now);
	jobq_event_begin_at(out, kind, id, epoch, worker, n, now);
}
