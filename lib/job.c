/*
 * A line is read in one walk over its members. Decoded strings go one behind
 * the other into job->text, each with its NUL. A string is never longer than
 * what stands in the line, and its two quotes make up for the NUL, so room
 * for the line's length is reserved before the walk and no pointer moves.
 */
#include "job.h"
#include "member.h"

#include <limits.h>
#include <string.h>

#include "banned.h"

#define NEEDS_MAX 1000
#define ATTEMPTS_MAX 1000000

enum member {
	ATTEMPT,
	EXPIRES_AT,
	FLOW,
	ID,
	INPUT,
	KEY,
	LEASE,
	MAX_ATTEMPTS,
	META,
	NAME,
	NEEDS,
	PRIORITY,
	QUEUE,
	RUN_AT,
	STATE,
	TIMEOUT,
	TRACE,
	MEMBERS,
};

static const struct jobq_known names[MEMBERS] = {
	[ATTEMPT] = JOBQ_KNOWN("attempt"),
	[EXPIRES_AT] = JOBQ_KNOWN("expires_at"),
	[FLOW] = JOBQ_KNOWN("flow"),
	[ID] = JOBQ_KNOWN("id"),
	[INPUT] = JOBQ_KNOWN("input"),
	[KEY] = JOBQ_KNOWN("key"),
	[LEASE] = JOBQ_KNOWN("lease"),
	[MAX_ATTEMPTS] = JOBQ_KNOWN("max_attempts"),
	[META] = JOBQ_KNOWN("meta"),
	[NAME] = JOBQ_KNOWN("name"),
	[NEEDS] = JOBQ_KNOWN("needs"),
	[PRIORITY] = JOBQ_KNOWN("priority"),
	[QUEUE] = JOBQ_KNOWN("queue"),
	[RUN_AT] = JOBQ_KNOWN("run_at"),
	[STATE] = JOBQ_KNOWN("state"),
	[TIMEOUT] = JOBQ_KNOWN("timeout"),
	[TRACE] = JOBQ_KNOWN("trace"),
};

enum lease_member {
	EPOCH,
	RING,
	SECONDS,
	WORKER,
	LEASE_MEMBERS,
};

static const struct jobq_known lease_names[LEASE_MEMBERS] = {
	[EPOCH] = JOBQ_KNOWN("epoch"),
	[RING] = JOBQ_KNOWN("ring"),
	[SECONDS] = JOBQ_KNOWN("seconds"),
	[WORKER] = JOBQ_KNOWN("worker"),
};

void
jobq_job_release(struct jobq_job *job)
{
	jobq_object_release(&job->members);
	jobq_buf_release(&job->text);
}

/* Everything absent; what is allocated stays for the next line. */
static void
forget(struct jobq_job *job, const char *line, size_t len)
{
	job->line = (struct jobq_span){ line, len };
	job->id = NULL;
	job->queue = NULL;
	job->name = NULL;
	job->key = NULL;
	job->flow = NULL;
	job->trace = NULL;
	job->state = NULL;
	job->worker = NULL;
	job->priority = JOBQ_ABSENT;
	job->attempt = JOBQ_ABSENT;
	job->max_attempts = JOBQ_ABSENT;
	job->run_at_ms = JOBQ_ABSENT;
	job->expires_at_ms = JOBQ_ABSENT;
	job->timeout_ms = JOBQ_ABSENT;
	job->epoch = JOBQ_ABSENT;
	job->lease_ms = JOBQ_ABSENT;
	job->has_lease = false;
	job->ring = false;
	job->input = (struct jobq_span){ NULL, 0 };
	job->meta = (struct jobq_span){ NULL, 0 };
	job->needs = (struct jobq_span){ NULL, 0 };
	jobq_buf_clear(&job->text);
	jobq_buf_reserve(&job->text, len + 1);
}

static enum jobq_status
read_lease_member(struct jobq_job *job, int place, struct jobq_span value,
    struct jobq_err *err)
{
	switch ((enum lease_member)place) {
	case EPOCH:
		return jobq_member_int(
		    "lease.epoch", value, 1, INT64_MAX, &job->epoch, err);
	case RING:
		return jobq_member_bool("lease.ring", value, &job->ring, err);
	case SECONDS:
		return jobq_member_seconds(
		    "lease.seconds", value, false, &job->lease_ms, err);
	case WORKER:
		return jobq_member_text(&job->text, "lease.worker", value, 1,
		    JOBQ_NAME_MAX, true, &job->worker, err);
	case LEASE_MEMBERS:
		break;
	}
	return JOBQ_OK;
}

static enum jobq_status
read_lease(struct jobq_job *job, struct jobq_span lease, struct jobq_err *err)
{
	struct jobq_member member;
	uint32_t seen = 0;
	size_t cursor = 0;

	if (*lease.at != '{')
		return jobq_fail(
		    err, JOBQ_INVALID, "member \"lease\" must be an object");
	while (jobq_json_member(lease, &cursor, &member)) {
		enum jobq_status status;
		int place;

		status = jobq_member_find(lease_names, LEASE_MEMBERS,
		    member.key, "lease.", &seen, &place, err);
		if (status == JOBQ_OK && place >= 0 && *member.value.at != 'n')
			status =
			    read_lease_member(job, place, member.value, err);
		if (status != JOBQ_OK)
			return status;
	}
	if (job->epoch == JOBQ_ABSENT || job->worker == NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"lease\" has no %s",
		    job->worker == NULL ? "worker" : "epoch");
	job->has_lease = true;
	return JOBQ_OK;
}

/* Each id is checked and forgotten again; who wants them walks the span. */
static enum jobq_status
read_needs(struct jobq_job *job, struct jobq_span value, struct jobq_err *err)
{
	struct jobq_span element;
	size_t before = job->text.len;
	size_t cursor = 0;
	size_t count = 0;

	if (*value.at != '[')
		return jobq_fail(err, JOBQ_INVALID,
		    "member \"needs\" must be an array of ids");
	while (jobq_json_element(value, &cursor, &element)) {
		enum jobq_status status;
		const char *id;

		if (++count > NEEDS_MAX)
			return jobq_fail(err, JOBQ_INVALID,
			    "member \"needs\" has more than %d ids", NEEDS_MAX);
		status = jobq_member_id(&job->text, "needs", element, &id, err);
		if (status != JOBQ_OK)
			return status;
		job->text.len = before;
	}
	job->needs = value;
	return JOBQ_OK;
}

static enum jobq_status
read_meta(struct jobq_job *job, struct jobq_span value, struct jobq_err *err)
{
	if (*value.at != '{')
		return jobq_fail(
		    err, JOBQ_INVALID, "member \"meta\" must be an object");
	job->meta = value;
	return JOBQ_OK;
}

/* The members that are names of something, and the id. */
static enum jobq_status
read_text(struct jobq_job *job, enum member place, struct jobq_span value,
    struct jobq_err *err)
{
	const char **out = NULL;
	bool plain = true;

	switch (place) {
	case ID:
		return jobq_member_id(&job->text, "id", value, &job->id, err);
	case FLOW:
		out = &job->flow;
		plain = false;
		break;
	case KEY:
		out = &job->key;
		plain = false;
		break;
	case NAME:
		out = &job->name;
		break;
	case QUEUE:
		out = &job->queue;
		break;
	case STATE:
		out = &job->state;
		break;
	case TRACE:
		out = &job->trace;
		break;
	default:
		return JOBQ_OK;
	}
	return jobq_member_text(&job->text, names[place].name, value, 1,
	    JOBQ_NAME_MAX, plain, out, err);
}

static enum jobq_status
read_member(struct jobq_job *job, enum member place, struct jobq_span value,
    struct jobq_err *err)
{
	const char *name = names[place].name;

	switch (place) {
	case ATTEMPT:
		return jobq_member_int(
		    name, value, 0, INT32_MAX, &job->attempt, err);
	case EXPIRES_AT:
		return jobq_member_time(
		    &job->text, name, value, &job->expires_at_ms, NULL, err);
	case INPUT:
		job->input = value;
		return JOBQ_OK;
	case LEASE:
		return read_lease(job, value, err);
	case MAX_ATTEMPTS:
		return jobq_member_int(
		    name, value, 1, ATTEMPTS_MAX, &job->max_attempts, err);
	case META:
		return read_meta(job, value, err);
	case NEEDS:
		return read_needs(job, value, err);
	case PRIORITY:
		return jobq_member_int(
		    name, value, INT32_MIN, INT32_MAX, &job->priority, err);
	case RUN_AT:
		return jobq_member_time(
		    &job->text, name, value, &job->run_at_ms, NULL, err);
	case TIMEOUT:
		return jobq_member_seconds(
		    name, value, false, &job->timeout_ms, err);
	default:
		return read_text(job, place, value, err);
	}
}

enum jobq_status
jobq_job_read(
    struct jobq_job *job, const char *line, size_t len, struct jobq_err *err)
{
	uint32_t seen = 0;

	forget(job, line, len);
	for (size_t i = 0; i < job->members.count; i++) {
		const struct jobq_member *member = &job->members.member[i];
		enum jobq_status status;
		int place;

		status = jobq_member_find(
		    names, MEMBERS, member->key, "", &seen, &place, err);
		/* null is absent, but for the input, which may be anything */
		if (status == JOBQ_OK && place >= 0 &&
		    (*member->value.at != 'n' || place == INPUT))
			status = read_member(
			    job, (enum member)place, member->value, err);
		if (status != JOBQ_OK)
			return status;
	}
	return JOBQ_OK;
}

bool
jobq_line_is_event(const struct jobq_object *members)
{
	return jobq_object_get(members, "event") != NULL;
}

static bool
is_dropped(struct jobq_span key, const char *const *drop)
{
	for (; *drop != NULL; drop++) {
		if (jobq_json_key_is(key, *drop))
			return true;
	}
	return false;
}

static const char *
end_of(const struct jobq_member *member)
{
	return member->value.at + member->value.len;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * What stays is copied with the text before it: the white space behind the
 * opening brace for the first one, the comma and white space for the others.
 * White space before the closing brace goes with the last member.
 */
bool
jobq_line_strip(const struct jobq_object *members, const char *const *drop,
    struct jobq_buf *out)
{
	bool any = false;

	jobq_buf_putc(out, '{');
	for (size_t i = 0; i < members->count; i++) {
		const struct jobq_member *member = &members->member[i];
		const char *from = member->key.at - 1;
		const char *to = end_of(member);

		if (is_dropped(member->key, drop))
			continue;
		if (any) {
			from = end_of(member - 1);
		} else {
			while (is_space(from[-1]))
				from--;
		}
		if (i + 1 == members->count) {
			while (is_space(*to))
				to++;
		}
		jobq_buf_add(out, from, (size_t)(to - from));
		any = true;
	}
	return any;
}
