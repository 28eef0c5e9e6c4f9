/*
 * One look: ask for the states of those jobs that may have ended (at first
 * and now and then all, otherwise those with an ending among the events of
 * the look before); then read the events that came; then announce the jobs
 * that had ended when they were asked for. In this order the events up to a
 * job's ending have been handed out when it is announced.
 */
#include "follow.h"

#include "backoff.h"
#include "clock.h"
#include "job.h"
#include "mem.h"
#include "page.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define GROUP 500

/* After a hint at least this long since the look before: hints may storm. */
#define LEAST_MS 20

/*
 * After so many intervals the states of all are asked for: no event tells
 * that a job was deleted.
 */
#define CHECK_INTERVALS 10

struct followed {
	const char *id;
	bool ask;	/* its state is wanted */
	bool ended;	/* announced */
	char state[16]; /* once asked for: how it ended; else empty */
};

struct group {
	struct jobq_buf request;
	struct jobq_pages pages;
};

struct follow {
	struct jobq_store *store;
	const struct jobq_follow_options *options;
	struct followed *job; /* sorted by id */
	size_t count;
	size_t ended;
	bool failed; /* one of them did not complete */
	struct group *group;
	size_t group_count;
	int64_t gap_until;
	int64_t last_seq;
	int64_t check_at_ms;
	bool again;	    /* an ending was read: look at once */
	bool callers_fault; /* a callback failed, not the store */
	struct jobq_event event;
	struct jobq_buf text;
};

static int
compare(const void *a, const void *b)
{
	const struct followed *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct followed *
find(struct follow *follow, const char *id)
{
	struct followed key = { .id = id };

	if (id == NULL || follow->count == 0)
		return NULL;
	return bsearch(
	    &key, follow->job, follow->count, sizeof *follow->job, compare);
}

static bool
is_terminal(const char *state)
{
	return strcmp(state, "completed") == 0 ||
	       strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
}

/* A string member of a line, in follow->text; "" when there is none. */
static const char *
member(
    struct follow *follow, const struct jobq_object *members, const char *name)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	jobq_buf_clear(&follow->text);
	if (value == NULL ||
	    jobq_json_string(*value, &follow->text, NULL) != JOBQ_OK ||
	    follow->text.len == 0)
		return "";
	return follow->text.data;
}

static enum jobq_status
take_job(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct follow *follow = context;
	struct followed *job = find(follow, member(follow, members, "id"));
	const char *state = member(follow, members, "state");

	(void)line;
	(void)err;
	if (job == NULL)
		return JOBQ_OK;
	job->ask = false;
	if (is_terminal(state))
		memcpy(job->state, state, strlen(state) + 1);
	return JOBQ_OK;
}

/* Asks for the states of at most GROUP jobs, those from *at on. */
static enum jobq_status
ask_states(struct follow *follow, size_t *at, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pages pages = { follow->store, JOBQ_VERB_LIST, NULL,
		"after", -1, JOBQ_BUF_INIT };
	size_t begin = *at, asked = 0;
	enum jobq_status status = JOBQ_OK;

	for (; *at < follow->count && asked < GROUP; ++*at) {
		if (!follow->job[*at].ask)
			continue;
		jobq_buf_puts(
		    &request, asked++ == 0 ? "{\"by\":\"ids\",\"ids\":[" : ",");
		jobq_json_put_string(
		    &request, follow->job[*at].id, strlen(follow->job[*at].id));
	}
	if (asked > 0) {
		jobq_buf_putc(&request, ']');
		pages.request = request.data;
		status = jobq_pages_ask(&pages, take_job, follow, err);
	}
	for (size_t i = begin; i < *at && status == JOBQ_OK; i++) {
		if (follow->job[i].ask)
			memcpy(follow->job[i].state, "gone", sizeof "gone");
		follow->job[i].ask = false;
	}
	jobq_pages_release(&pages);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
check_states(struct follow *follow, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	int64_t now = jobq_mono_ms();

	if (now >= follow->check_at_ms) {
		for (size_t i = 0; i < follow->count; i++)
			follow->job[i].ask = !follow->job[i].ended;
		follow->check_at_ms =
		    now + CHECK_INTERVALS * follow->options->interval_ms;
	}
	for (size_t at = 0; at < follow->count && status == JOBQ_OK;)
		status = ask_states(follow, &at, err);
	return status;
}

/* Whether an event may be the last of its job. */
static bool
may_end(const struct jobq_event *event)
{
	if (event->state != NULL)
		return is_terminal(event->state);
	return event->kind == JOBQ_EVENT_COMPLETED ||
	       event->kind == JOBQ_EVENT_FAILED ||
	       event->kind == JOBQ_EVENT_CANCELLED;
}

/* Whether a gap was told already: until when it goes says which it is. */
static bool
known_gap(struct follow *follow)
{
	const struct jobq_span *until =
	    jobq_object_get(&follow->event.members, "until");
	int64_t number = 0;

	if (until == NULL || jobq_json_int(*until, &number, NULL) != JOBQ_OK)
		return false;
	if (number <= follow->gap_until)
		return true;
	follow->gap_until = number;
	return false;
}

static enum jobq_status
take_event(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct follow *follow = context;
	struct jobq_event *event = &follow->event;
	struct jobq_object own = event->members;
	struct followed *job;
	enum jobq_status status;

	/* The event takes the scanned members; what it had is given back. */
	event->members = *members;
	*members = own;
	if (jobq_event_read(event, line.at, line.len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "the store answered a bad event");
		return JOBQ_IO;
	}
	if (event->kind == JOBQ_EVENT_GAP && known_gap(follow))
		return JOBQ_OK;
	if (event->seq != JOBQ_ABSENT && event->seq > follow->last_seq)
		follow->last_seq = event->seq;
	job = may_end(event) ? find(follow, event->id) : NULL;
	if (job != NULL && !job->ended) {
		job->ask = true;
		follow->again = true;
	}
	if (follow->options->event == NULL)
		return JOBQ_OK;
	status = follow->options->event(follow->options->context, event, err);
	follow->callers_fault = status != JOBQ_OK;
	return status;
}

/* A store that gave no cursor is asked for what is behind the last event. */
static void
move_cursor(struct follow *follow, struct jobq_buf *cursor)
{
	struct jobq_span text = { cursor->data, cursor->len };
	int64_t known = 0;

	if (text.len > 0 && jobq_json_int(text, &known, NULL) != JOBQ_OK)
		return;
	if (follow->last_seq > known) {
		jobq_buf_clear(cursor);
		jobq_buf_int(cursor, follow->last_seq);
	}
}

/*
 * A store that keeps no events is still asked for the states of jobs, at each
 * look, when events are not wanted for themselves.
 */
static enum jobq_status
read_events(struct follow *follow, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (follow->options->event == NULL && follow->count > 0 &&
	    !jobq_adapter_has(jobq_store_adapter(follow->store), "events")) {
		follow->check_at_ms = 0;
		return JOBQ_OK;
	}

	for (size_t i = 0; i < follow->group_count && !status; i++) {
		struct jobq_pages *pages = &follow->group[i].pages;

		follow->last_seq = 0;
		status = jobq_pages_ask(pages, take_event, follow, err);
		move_cursor(follow, &pages->cursor);
	}
	return status;
}

static void
announce(struct follow *follow)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct followed *job = &follow->job[i];

		if (job->ended || job->state[0] == '\0')
			continue;
		job->ended = true;
		follow->ended++;
		if (strcmp(job->state, "completed") != 0)
			follow->failed = true;
		if (follow->options->ended != NULL)
			follow->options->ended(
			    follow->options->context, job->id, job->state);
	}
}

static enum jobq_status
look(struct follow *follow, struct jobq_err *err)
{
	enum jobq_status status;

	follow->again = false;
	status = check_states(follow, err);
	if (status == JOBQ_OK)
		status = read_events(follow, err);
	if (status == JOBQ_OK)
		announce(follow);
	return status;
}

/* Waits for the store, unless that was heard already, and for the others. */
static bool
poll_all(struct follow *follow, bool heard, int64_t wait_ms)
{
	const struct jobq_follow_options *options = follow->options;
	struct pollfd fds[1 + JOBQ_FOLLOW_FDS] = { { .events = POLLIN } };
	size_t more = options->fd_count;

	fds[0].fd = heard ? -1 : jobq_store_fd(follow->store);
	for (size_t i = 0; i < more; i++)
		fds[1 + i] = options->fds[i];
	if (poll(fds, 1 + more, (int)(wait_ms < 60000 ? wait_ms : 60000)) < 0)
		return heard;
	for (size_t i = 0; i < more; i++)
		options->fds[i].revents = fds[1 + i].revents;
	if (fds[0].revents != 0)
		jobq_store_heard(follow->store);
	return heard || fds[0].revents != 0;
}

/* Waits for a hint, or until it is time to look anyway. */
static enum jobq_status
wait_for_hint(struct follow *follow, struct jobq_err *err)
{
	const struct jobq_follow_options *options = follow->options;
	int64_t begun = jobq_mono_ms();
	int64_t end = begun + options->interval_ms;
	enum jobq_status status;
	bool heard = false;

	for (;;) {
		int64_t wait, shown = -1;

		status = options->looked == NULL
			     ? JOBQ_OK
			     : options->looked(options->context, &shown, err);
		wait = (heard ? begun + LEAST_MS : end) - jobq_mono_ms();
		if (status != JOBQ_OK || wait <= 0)
			return status;
		heard = poll_all(
		    follow, heard, shown >= 0 && shown < wait ? shown : wait);
	}
}

/* Whether the failure of a look is one that passes; then it was waited. */
static bool
sit_out(struct follow *follow, enum jobq_status status,
    struct jobq_backoff *backoff, const struct jobq_err *err)
{
	bool fresh = jobq_backoff_fresh(backoff);
	int64_t wait_ms;

	if ((status != JOBQ_AGAIN && status != JOBQ_IO) ||
	    follow->callers_fault || follow->options->away == NULL)
		return false;
	wait_ms = jobq_backoff_fail(backoff);
	follow->options->away(follow->options->context, fresh, err, wait_ms);
	poll(NULL, 0, (int)wait_ms);
	return true;
}

static enum jobq_status
look_on(struct follow *follow, struct jobq_err *err)
{
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;
	enum jobq_status status;

	for (;;) {
		status = look(follow, err);
		if (status != JOBQ_OK) {
			if (!sit_out(follow, status, &backoff, err))
				return status;
			continue;
		}
		jobq_backoff_reset(&backoff);
		if (follow->options->replay_only ||
		    (follow->count > 0 && follow->ended == follow->count))
			return follow->failed ? JOBQ_EMPTY : JOBQ_OK;
		if (!follow->again)
			status = wait_for_hint(follow, err);
		if (status != JOBQ_OK)
			return status;
	}
}

/* Writes the request of a group: its ids, or the flow, or all. */
static void
set_up_group(struct follow *follow, size_t i)
{
	const struct jobq_follow_options *options = follow->options;
	struct group *group = &follow->group[i];
	size_t begin = i * GROUP;
	size_t end = begin + GROUP;

	if (follow->count > 0) {
		jobq_buf_puts(&group->request, "{\"ids\":");
		jobq_ids_put(options->ids, begin,
		    end < options->ids->count ? end : options->ids->count,
		    &group->request);
	} else {
		jobq_buf_puts(&group->request, "{\"flow\":");
		if (options->flow != NULL)
			jobq_json_put_lossy(&group->request, options->flow,
			    strlen(options->flow));
		else
			jobq_buf_puts(&group->request, "null");
	}
	group->pages = (struct jobq_pages){ follow->store, JOBQ_VERB_EVENTS,
		group->request.data, "since", -1, JOBQ_BUF_INIT };
	jobq_buf_int(&group->pages.cursor, options->since);
}

static void
set_up(struct follow *follow)
{
	const struct jobq_ids *ids = follow->options->ids;
	size_t kept = 0;

	follow->count = ids == NULL ? 0 : ids->count;
	follow->group_count =
	    follow->count == 0 ? 1 : (follow->count + GROUP - 1) / GROUP;
	follow->group =
	    jobq_xcalloc(follow->group_count, sizeof *follow->group);
	for (size_t i = 0; i < follow->group_count; i++)
		set_up_group(follow, i);
	follow->job = jobq_xcalloc(follow->count, sizeof *follow->job);
	for (size_t i = 0; i < follow->count; i++)
		follow->job[i].id = ids->id[i];
	qsort(follow->job, follow->count, sizeof *follow->job, compare);
	for (size_t i = 0; i < follow->count; i++)
		if (kept == 0 ||
		    compare(&follow->job[kept - 1], &follow->job[i]) != 0)
			follow->job[kept++] = follow->job[i];
	follow->count = kept;
}

enum jobq_status
jobq_follow_cursor(const char *text, int64_t *since, struct jobq_err *err)
{
	*since = 0;
	if (text == NULL)
		return JOBQ_OK;
	if (strcmp(text, "now") != 0)
		return jobq_int_parse(text, 0, INT64_MAX, since, err);
	*since = JOBQ_FOLLOW_NOW;
	return JOBQ_OK;
}

enum jobq_status
jobq_follow(struct jobq_store *store, const struct jobq_follow_options *options,
    struct jobq_err *err)
{
	struct follow follow = { .store = store, .options = options };
	enum jobq_status status;

	/*
	 * Hints are heard from before the first look; but closing what hears
	 * them costs milliseconds, so only who waits listens.
	 */
	if (!options->replay_only)
		jobq_store_fd(store);
	set_up(&follow);
	status = look_on(&follow, err);
	for (size_t i = 0; i < follow.group_count; i++) {
		jobq_pages_release(&follow.group[i].pages);
		jobq_buf_release(&follow.group[i].request);
	}
	free(follow.group);
	free(follow.job);
	jobq_event_release(&follow.event);
	jobq_buf_release(&follow.text);
	return status;
}
