/*
 * Lines come in, and what is no job goes straight out again. A job whose
 * context is known goes out with it; another one is held until the answer is
 * there, and those behind it overtake it when theirs is. A job that is held
 * ends in its place by an event when no context can be had, a `stop` names it,
 * half of its lease is over, or a signal has come.
 *
 * Reading rests only while too much is held or unsent, so that a `stop` is
 * heard at any time. Of jobs that come through the plain pipeline no more is
 * taken than a few and what the reader has room for: what waits here nobody
 * else can take.
 */
#include "fetch_inside.h"

#include "http_fill.h"
#include "http_token.h"
#include "log.h"
#include "mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define CONNECTIONS 32
#define HELD_MAX 1000
#define HELD_PLAIN 16 /* through a plain pipe */
#define HELD_BYTES ((size_t)64 << 20)
#define UNSENT_BYTES ((size_t)1 << 20)

/* --- lines --------------------------------------------------------------- */

static enum jobq_status
take_job(struct jobq_fetch *fetch, struct jobq_span line, struct jobq_err *err)
{
	struct jobq_fetch_job *job = jobq_fetch_job_new(fetch, line);
	struct jobq_job *read = &job->job;
	enum jobq_status status;

	status = jobq_object_scan(
	    &read->members, job->line.data, job->line.len, err);
	if (status == JOBQ_OK)
		status =
		    jobq_job_read(read, job->line.data, job->line.len, err);
	if (status != JOBQ_OK) {
		jobq_fetch_job_free(job);
		return status;
	}
	job->id = read->id;
	if (read->has_lease) {
		if (!read->ring && !fetch->plain)
			jobq_fetch_out_narrow(fetch);
		fetch->plain = !read->ring;
	}
	jobq_fetch_job_enter(fetch, job);
	return JOBQ_OK;
}

static void
take_event(struct jobq_fetch *fetch, struct jobq_span line)
{
	struct jobq_event *event = &fetch->event;
	const struct jobq_span *name =
	    jobq_object_get(&event->members, "event");

	/* One that cannot be read is for those behind to complain of. */
	if (fetch->held > 0 && jobq_span_is(*name, "\"stop\"") &&
	    jobq_event_read(event, line.at, line.len, NULL) == JOBQ_OK)
		jobq_fetch_stop(fetch, event);
	jobq_fetch_out_line(fetch, line.at, line.len);
}

static enum jobq_status
take_line(struct jobq_fetch *fetch, struct jobq_span line, struct jobq_err *err)
{
	struct jobq_object *members = &fetch->event.members;
	enum jobq_status status =
	    jobq_object_scan(members, line.at, line.len, err);

	if (status != JOBQ_OK)
		return status;
	if (jobq_line_is_event(members))
		take_event(fetch, line);
	else if (fetch->http != NULL)
		return take_job(fetch, line, err);
	else
		jobq_fetch_out_line(fetch, line.at, line.len);
	return JOBQ_OK;
}

/* No line is read any more; what is held is given back. */
static void
end_input(struct jobq_fetch *fetch, enum jobq_status status)
{
	fetch->ended = true;
	fetch->more = false;
	if (status == JOBQ_OK)
		return;
	fetch->status = status;
	fetch->quitting = true;
	jobq_fetch_release_all(fetch);
}

static bool
has_room(const struct jobq_fetch *fetch)
{
	size_t unsent = jobq_fetch_out_pending(fetch);

	if (fetch->plain && (unsent > 0 || fetch->held >= HELD_PLAIN))
		return false;
	return fetch->held < HELD_MAX && fetch->held_bytes < HELD_BYTES &&
	       unsent < UNSENT_BYTES;
}

/* The whole lines that were read, as far as there is room. */
static void
take_lines(struct jobq_fetch *fetch)
{
	struct jobq_reader *reader = &fetch->input.reader;
	struct jobq_span line;
	struct jobq_err err;
	enum jobq_status status;

	while (fetch->more && has_room(fetch)) {
		status = jobq_reader_next(reader, &line, &err);
		if (status == JOBQ_EMPTY) {
			fetch->more = false;
			if (reader->eof)
				end_input(fetch, JOBQ_OK);
			return;
		}
		if (status == JOBQ_OK)
			status = take_line(fetch, line, &err);
		if (status == JOBQ_OK ||
		    jobq_input_bad(&fetch->input, &err) == JOBQ_OK)
			continue;
		fetch->err = err;
		end_input(fetch, JOBQ_INVALID);
	}
}

static void
readable(void *context, unsigned what)
{
	struct jobq_fetch *fetch = context;
	enum jobq_status status;

	if ((what & JOBQ_READ) == 0)
		return;
	status = jobq_reader_fill(&fetch->input.reader, &fetch->err);
	if (status == JOBQ_OK)
		fetch->more = true;
	else if (status != JOBQ_EMPTY)
		end_input(fetch, status);
}

/* --- signals ------------------------------------------------------------- */

static void
signalled(void *context, const struct signalfd_siginfo *info)
{
	struct jobq_fetch *fetch = context;

	if (info->ssi_signo == SIGUSR1) {
		jobq_log(JOBQ_CRITICAL,
		    "%zu jobs wait for their context, %zu requests are on "
		    "their way, %zu answers are known, %zu bytes to write",
		    fetch->held, fetch->asked, fetch->known - fetch->asked,
		    jobq_fetch_out_pending(fetch));
		return;
	}
	if (fetch->quitting) {
		fetch->forced = true;
		return;
	}
	jobq_log(JOBQ_WARNING,
	    "stopping at the end of the input, %zu jobs given back, again to "
	    "stop at once",
	    fetch->held);
	fetch->quitting = true;
	jobq_fetch_release_all(fetch);
}

/* --- the whole ----------------------------------------------------------- */

static enum jobq_status
open_http(struct jobq_fetch *fetch, struct jobq_err *err)
{
	struct jobq_buf token = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (fetch->options.url[0] == '\0') {
		jobq_log(JOBQ_WARNING,
		    "the URL is empty: nothing is fetched, and all lines pass "
		    "as they are");
		return JOBQ_OK;
	}
	status = jobq_http_open(&fetch->http, fetch->loop, CONNECTIONS, err);
	if (status == JOBQ_OK)
		status = jobq_http_fill_check(fetch->options.url, err);
	if (status == JOBQ_OK)
		status =
		    jobq_http_token_put(fetch->options.token_file, &token, err);
	if (token.data != NULL)
		explicit_bzero(token.data, token.len);
	jobq_buf_release(&token);
	return status;
}

enum jobq_status
jobq_fetch_open(struct jobq_fetch **out,
    const struct jobq_fetch_options *options, struct jobq_err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGUSR1, 0 };
	struct jobq_fetch *fetch = jobq_xcalloc(1, sizeof(*fetch));
	enum jobq_status status;

	*out = fetch;
	fetch->options = *options;
	fetch->in.fd = fetch->out.watch.fd = -1;
	fetch->loop = jobq_loop_new();
	fetch->ids = jobq_ids_new();
	status = open_http(fetch, err);
	if (status == JOBQ_OK)
		status = jobq_input_open(
		    &fetch->input, options->command, NULL, JOBQ_STAGE_MAX, err);
	if (status != JOBQ_OK)
		return status;
	signal(SIGPIPE, SIG_IGN);
	jobq_loop_signals(fetch->loop, signals, signalled, fetch);
	jobq_watch_add(
	    fetch->loop, &fetch->in, STDIN_FILENO, 0, readable, fetch);
	jobq_fetch_out_open(fetch);
	return JOBQ_OK;
}

void
jobq_fetch_close(struct jobq_fetch *fetch)
{
	while (fetch->first != NULL)
		jobq_fetch_job_forget(fetch->first);
	jobq_fetch_get_close(fetch);
	jobq_http_close(fetch->http);
	jobq_fetch_out_close(fetch);
	jobq_watch_remove(fetch->loop, &fetch->in);
	if (fetch->input.command != NULL)
		jobq_input_close(&fetch->input);
	jobq_event_release(&fetch->event);
	jobq_ids_free(fetch->ids);
	jobq_loop_free(fetch->loop);
	free(fetch);
}

/* Whether there is something to wait for. */
static bool
goes_on(const struct jobq_fetch *fetch)
{
	if (fetch->out.broken || fetch->forced)
		return false;
	return !fetch->ended || fetch->held > 0 ||
	       jobq_fetch_out_pending(fetch) > 0;
}

enum jobq_status
jobq_fetch_work(struct jobq_fetch *fetch, struct jobq_err *err)
{
	for (;;) {
		bool waits;

		take_lines(fetch);
		jobq_fetch_get_pump(fetch);
		jobq_fetch_out_flush(fetch);
		if (!goes_on(fetch))
			break;
		waits = fetch->more && has_room(fetch);
		jobq_watch_want(fetch->loop, &fetch->in,
		    !fetch->ended && !fetch->more && has_room(fetch) ? JOBQ_READ
								     : 0);
		jobq_loop_turn(fetch->loop, waits ? 0 : -1);
	}
	*err = fetch->err;
	if (fetch->status != JOBQ_OK)
		return fetch->status;
	if (fetch->forced)
		return jobq_fail(
		    err, JOBQ_AGAIN, "stopped before the end of its input");
	return fetch->any_failed ? JOBQ_EMPTY : JOBQ_OK;
}
