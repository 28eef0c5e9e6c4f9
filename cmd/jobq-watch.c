/*
 * jobq-watch: what happens to jobs, as lines of the event log; for a person
 * at a terminal what it comes to, in one line that is kept up to date.
 */
#include "clock.h"
#include "command.h"
#include "follow.h"
#include "ids.h"
#include "job.h"
#include "line.h"
#include "log.h"
#include "page.h"
#include "signals.h"
#include "table.h"
#include "tally.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define PAINT_MS 300 /* between two paintings, and before the first */

static const char *since, *flow;
static int64_t interval_ms = 1000;
static bool no_follow, json, no_progress;

static const struct jobq_opt options[] = {
	{ "since", 0, JOBQ_OPT_STRING, &since, "SEQ",
	    "only events behind this one, or behind now", 0, 0, NULL },
	{ "flow", 0, JOBQ_OPT_STRING, &flow, "FLOW",
	    "only events of jobs of this flow", 0, 0, NULL },
	{ "no-follow", 0, JOBQ_OPT_FLAG, &no_follow, NULL,
	    "print the events there are, and end", 0, 0, NULL },
	{ "interval", 0, JOBQ_OPT_DURATION, &interval_ms, "DURATION",
	    "look at least so often (1s)", 1, 0, NULL },
	{ "json", 0, JOBQ_OPT_FLAG, &json, NULL,
	    "print lines on a terminal, too", 0, 0, NULL },
	{ "no-progress", 0, JOBQ_OPT_FLAG, &no_progress, NULL,
	    "say what ends, but keep no count up to date", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[options] [ID ...]",
	"[options] - <lines",
	NULL,
};

static const char *const examples[] = {
	"jobq-watch 4bf92f && echo completed",
	"jobq-watch --since now | jq -c 'select(.event==\"failed\")'",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-watch",
	.summary = "follow what happens to jobs",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reports = true,
	.reads_lines = true,
	.most_operands = -1,
};

struct watch {
	struct jobq_store *store;
	struct jobq_ids ids;
	struct jobq_writer out;
	bool lines; /* they are wanted, not a view */
	bool painted;
	int64_t paint_at_ms;
	struct jobq_tally tally;
	struct jobq_buf text;
	struct pollfd fds[2]; /* stdout, and USR1 */
};

/* Takes the view away, so that a message can stand in its place. */
static void
wipe(struct watch *watch)
{
	if (watch->painted)
		fputs("\r\033[K", stderr);
	watch->painted = false;
}

static void
paint(struct watch *watch, int64_t now_ms)
{
	jobq_buf_clear(&watch->text);
	jobq_tally_paint(&watch->tally, now_ms,
	    jobq_screen_width(STDERR_FILENO), &watch->text);
	fputs(watch->text.data, stderr);
	fflush(stderr);
	watch->painted = true;
	watch->paint_at_ms = now_ms + PAINT_MS;
}

/* Between two looks: writes, paints, answers a USR1, sees its reader go. */
static enum jobq_status
looked(void *context, int64_t *wait_ms, struct jobq_err *err)
{
	struct watch *watch = context;
	int64_t now_ms = jobq_mono_ms();

	if ((watch->fds[0].revents & POLLERR) != 0) {
		/* As a write would end it; unless that is ignored. */
		raise(SIGPIPE);
		return jobq_fail(err, JOBQ_IO, "standard output has no reader");
	}
	if (jobq_signals_heard(watch->fds[1].fd)) {
		jobq_buf_clear(&watch->text);
		jobq_tally_put(&watch->tally, now_ms, &watch->text);
		jobq_log(
		    JOBQ_CRITICAL, "%s; waits for events", watch->text.data);
	}
	if (watch->lines)
		return jobq_writer_flush(&watch->out, err);
	if (no_progress)
		return JOBQ_OK;
	if (now_ms >= watch->paint_at_ms)
		paint(watch, now_ms);
	*wait_ms = watch->paint_at_ms - now_ms;
	return JOBQ_OK;
}

/* What a person is told of an event besides the count. */
static void
say_event(struct watch *watch, const struct jobq_event *event)
{
	if (event->kind == JOBQ_EVENT_GAP) {
		wipe(watch);
		jobq_log(JOBQ_WARNING,
		    "some events had been deleted before they could be shown");
	} else if (event->kind == JOBQ_EVENT_FAILED && watch->ids.count == 0 &&
		   event->state != NULL &&
		   strcmp(event->state, "failed") == 0) {
		wipe(watch);
		jobq_log_code(JOBQ_INFO, NULL, event->id, "job %s failed (%s)",
		    event->id, event->reason == NULL ? "" : event->reason);
	}
}

static enum jobq_status
take_event(void *context, const struct jobq_event *event, struct jobq_err *err)
{
	struct watch *watch = context;

	jobq_tally_take(&watch->tally, event);
	if (!watch->lines) {
		say_event(watch, event);
		return JOBQ_OK;
	}
	return jobq_page_write(&watch->out, NULL, event->line, err);
}

static void
say_ended(void *context, const char *id, const char *state)
{
	struct watch *watch = context;

	wipe(watch);
	if (strcmp(state, "gone") == 0)
		jobq_log_code(JOBQ_ERROR, "unknown_job", id,
		    "job %s is not in the store", id);
	else if (!watch->lines)
		jobq_log_code(JOBQ_INFO, NULL, id, "job %s %s", id,
		    strcmp(state, "cancelled") ? state : "was cancelled");
}

static void
say_away(void *context, bool first, const struct jobq_err *err, int64_t wait_ms)
{
	wipe(context);
	jobq_log_code(first ? JOBQ_WARNING : JOBQ_DEBUG, "backend_unreachable",
	    NULL, "%s; looking again in %.1f s", err->text,
	    (double)wait_ms / 1000);
}

static enum jobq_status
watch_jobs(struct watch *watch, int64_t cursor, struct jobq_err *err)
{
	struct jobq_follow_options follow = {
		.ids = &watch->ids,
		.flow = flow,
		.since = cursor,
		.replay_only = no_follow,
		.interval_ms = interval_ms,
		.event = take_event,
		.ended = say_ended,
		.looked = looked,
		.fds = watch->fds,
		.fd_count = 2,
		.away = no_follow ? NULL : say_away,
		.context = watch,
	};
	bool missing = false;
	enum jobq_status status, flushed;

	if (command.count == 1 && strcmp(command.operands[0], "-") == 0)
		status = jobq_ids_read(&command, &watch->ids, err);
	else
		status = jobq_ids_find_all(
		    watch->store, &command, &watch->ids, &missing, err);
	/* Ids that mean nothing do not mean all. */
	if (status == JOBQ_OK && (command.count == 0 || watch->ids.count > 0))
		status = jobq_follow(watch->store, &follow, err);
	wipe(watch);
	flushed =
	    jobq_writer_flush(&watch->out, status > JOBQ_EMPTY ? NULL : err);
	if (flushed != JOBQ_OK && status <= JOBQ_EMPTY)
		return flushed;
	return status == JOBQ_OK && missing ? JOBQ_EMPTY : status;
}

int
main(int argc, char **argv)
{
	struct watch watch = { .fds = { { .fd = STDOUT_FILENO },
				   { .fd = -1, .events = POLLIN } } };
	struct jobq_err err = { "" };
	enum jobq_status status;
	int64_t cursor;

	jobq_command_start(&command, argc, argv);
	if (command.count > 0 && flow != NULL)
		jobq_command_misuse(&command, "ids do not go with --flow");
	if (jobq_follow_cursor(since, &cursor, &err) != JOBQ_OK)
		jobq_command_misuse(&command, "--since: %s", err.text);
	watch.lines = json || !isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO);
	watch.fds[1].fd = jobq_signals_listen();
	watch.paint_at_ms = jobq_mono_ms() + PAINT_MS;
	jobq_writer_init(&watch.out, STDOUT_FILENO);
	status = jobq_store_open(
	    command.store_url, JOBQ_STORE_READ, &watch.store, &err);
	if (status == JOBQ_OK)
		status = watch_jobs(&watch, cursor, &err);
	jobq_store_close(watch.store);
	jobq_ids_release(&watch.ids);
	jobq_writer_release(&watch.out);
	jobq_tally_release(&watch.tally);
	jobq_buf_release(&watch.text);
	return jobq_command_end(&command, status, &err);
}
