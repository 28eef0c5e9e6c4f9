#include "report.h"

#include "backoff.h"
#include "clock.h"
#include "log.h"
#include "settle.h"
#include "store_load.h"
#include "url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define DEADLINE_MS 30000

/*
 * So long after a commit what comes is gathered for the next one; what comes
 * later than that never waits.
 */
#define GATHER_MS 4
#define WRITE_BYTES ((size_t)64 << 10) /* unwritten, until they are */

/*
 * So much may stay unwritten when the reader is slow, or has stopped (a pager,
 * say): leases must be renewed meanwhile.
 */
#define UNWRITTEN_BYTES JOBQ_PAGE_BYTES

/* What is asked of the store until it answers. */
typedef enum jobq_status ask_fn(struct jobq_report *, struct jobq_err *);

static void
say_stopping(void *context)
{
	(void)context;
	jobq_log(JOBQ_WARNING,
	    "stopping at the end of the input, again to stop at once");
}

static void
say_status(void *context)
{
	const struct jobq_report *report = context;
	size_t unwritten = jobq_writer_pending(&report->out);

	jobq_log(JOBQ_CRITICAL,
	    "%zu events to settle, %zu bytes to write; waits for %s",
	    report->batch.count, unwritten,
	    report->opening || report->batch.count > 0 ? "the store"
	    : unwritten > 0			       ? "its reader"
						       : "events");
}

static enum jobq_status
stopped(struct jobq_report *report, struct jobq_err *err)
{
	if (report->batch.count == 0)
		return jobq_fail(
		    err, JOBQ_AGAIN, "stopped before the end of its input");
	return jobq_fail(err, JOBQ_AGAIN,
	    "stopped with %zu events that the store has not taken",
	    report->batch.count);
}

/* Asks the store, again and again while it is away. */
static enum jobq_status
insist(struct jobq_report *report, ask_fn *ask, struct jobq_err *err)
{
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;

	for (;;) {
		enum jobq_status status = ask(report, err);
		bool fresh = jobq_backoff_fresh(&backoff);
		int64_t wait, left;

		if (status != JOBQ_AGAIN && status != JOBQ_IO)
			return status;
		wait = jobq_backoff_fail(&backoff);
		jobq_log_code(fresh ? JOBQ_WARNING : JOBQ_DEBUG,
		    "backend_unreachable", NULL, "%s; trying again in %lld ms",
		    err->text, (long long)wait);
		wait += jobq_mono_ms();
		do {
			left = wait - jobq_mono_ms();
			status = jobq_signals_wait(
			    &report->signals, -1, -1, left > 0 ? left : 0);
		} while (status == JOBQ_AGAIN);
		if (status == JOBQ_STALE)
			return stopped(report, err);
	}
}

static enum jobq_status
try_open(struct jobq_report *report, struct jobq_err *err)
{
	return jobq_store_open(
	    report->url, JOBQ_STORE_WRITE, &report->store, err);
}

static enum jobq_status
open_store(struct jobq_report *report, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	report->opening = true;
	if (report->store == NULL)
		status = insist(report, try_open, err);
	report->opening = false;
	return status;
}

/* What can be said of the store before it is there. */
static enum jobq_status
check_url(const char *given, struct jobq_err *err)
{
	const struct jobq_driver *driver;
	struct jobq_url url = { 0 };
	char *found = NULL;
	enum jobq_status status;

	status = jobq_store_find_url(given, &found, NULL, err);
	if (status == JOBQ_OK)
		status = jobq_url_parse(&url, found, err);
	if (status == JOBQ_OK)
		status = jobq_driver_load(url.scheme, &driver, err);
	jobq_url_release(&url);
	free(found);
	return status;
}

enum jobq_status
jobq_report_open(struct jobq_report *report, const char *url, bool settles,
    struct jobq_err *err)
{
	enum jobq_status status;

	*report = (struct jobq_report){
		.url = url,
		.settles = settles,
		.signals = { .fd = -1,
		    .noted = say_stopping,
		    .asked = say_status,
		    .context = report },
	};
	jobq_batch_init(&report->batch, "events");
	jobq_writer_init(&report->out, STDOUT_FILENO);
	status = jobq_signals_open(&report->signals, err);
	if (status == JOBQ_OK && settles)
		status = check_url(url, err);
	return status;
}

void
jobq_report_close(struct jobq_report *report)
{
	jobq_signals_close(&report->signals);
	jobq_store_close(report->store);
	jobq_batch_release(&report->batch);
	jobq_event_release(&report->event);
	jobq_writer_release(&report->out);
}

static void
print_line(struct jobq_report *report, const char *line, size_t len)
{
	if (!report->out_closed)
		jobq_writer_line(&report->out, line, len);
}

static enum jobq_status
flush(struct jobq_report *report, size_t most, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (!report->out_closed)
		status = jobq_signals_flush(
		    &report->signals, &report->out, most, err);
	if (status != JOBQ_IO)
		return status;
	/* A reader that is gone wants no more; a full disk has lost lines. */
	report->out_lost = errno != EPIPE;
	jobq_log(
	    JOBQ_WARNING, "%s; events are settled all the same", err->text);
	report->out_closed = true;
	jobq_writer_release(&report->out);
	return JOBQ_OK;
}

static enum jobq_status
print_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	static const char failed[] = ",\"state\":\"failed\"}";
	const size_t failed_len = sizeof failed - 1;
	struct jobq_report *report = context;

	(void)err;
	/* Stores append what they say, so it stands at the line's end. */
	if (len > failed_len &&
	    memcmp(line + len - failed_len, failed, failed_len) == 0)
		report->any_failed = true;
	print_line(report, line, len);
	return JOBQ_OK;
}

static enum jobq_status
settle(struct jobq_report *report, struct jobq_err *err)
{
	return jobq_settle_batch(&report->batch, report->store, DEADLINE_MS,
	    print_answer, report, err);
}

enum jobq_status
jobq_report_send(struct jobq_report *report, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (report->batch.count > 0)
		status = open_store(report, err);
	if (report->batch.count > 0 && status == JOBQ_OK) {
		status = insist(report, settle, err);
		report->settled_ms = jobq_mono_ms();
	}
	jobq_batch_clear(&report->batch);
	return status == JOBQ_OK ? flush(report, UNWRITTEN_BYTES, err) : status;
}

enum jobq_status
jobq_report_finish(struct jobq_report *report, struct jobq_err *err)
{
	enum jobq_status status = jobq_report_send(report, err);

	if (status == JOBQ_OK)
		status = flush(report, 0, err);
	return status == JOBQ_OK && report->settles ? open_store(report, err)
						    : status;
}

/* The line at hand, with a word of ours in place of the store's. */
static void
print_settled(struct jobq_report *report, const char *word)
{
	static const char *const nothing[] = { NULL };
	struct jobq_buf line = JOBQ_BUF_INIT;

	jobq_line_strip(&report->event.members, nothing, &line);
	jobq_buf_printf(&line, ",\"settled\":\"%s\"}", word);
	print_line(report, line.data, line.len);
	jobq_buf_release(&line);
}

/* A request to cancel a job, as an event: the store's own verb. */
static enum jobq_status
ask_cancel(struct jobq_report *report, struct jobq_err *err)
{
	const struct jobq_event *event = &report->event;
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_puts(&request, "{\"ids\":[");
	jobq_json_put_string(&request, event->id, strlen(event->id));
	jobq_buf_putc(&request, ']');
	jobq_batch_put_reason(&request, event->reason);
	jobq_buf_putc(&request, '}');
	status = jobq_store_call(report->store, JOBQ_VERB_CANCEL, &request,
	    DEADLINE_MS, print_answer, report, err);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
cancel(struct jobq_report *report, struct jobq_err *err)
{
	enum jobq_status status = open_store(report, err);

	if (status == JOBQ_OK)
		status = insist(report, ask_cancel, err);
	if (status != JOBQ_UNSUPPORTED && status != JOBQ_INVALID)
		return status;
	jobq_log(JOBQ_ERROR, "%s", err->text);
	print_settled(
	    report, status == JOBQ_INVALID ? "refused" : "unsupported");
	return JOBQ_OK;
}

enum jobq_status
jobq_report_line(struct jobq_report *report, struct jobq_span line,
    unsigned long number, struct jobq_err *err)
{
	struct jobq_event *event = &report->event;
	bool is_event = jobq_line_is_event(&event->members);
	enum jobq_status status = JOBQ_OK;

	if (is_event)
		status = jobq_event_read(event, line.at, line.len, err);
	if (status != JOBQ_OK)
		return status;
	if (is_event && report->settles && jobq_settle_wants(event)) {
		jobq_batch_event(&report->batch, event, number);
		return jobq_batch_full(&report->batch)
			   ? jobq_report_send(report, err)
			   : JOBQ_OK;
	}
	if (report->batch.count > 0 ||
	    jobq_writer_pending(&report->out) >= WRITE_BYTES)
		status = jobq_report_send(report, err);
	if (status != JOBQ_OK)
		return status;
	if (is_event && report->settles && event->id != NULL &&
	    event->kind == JOBQ_EVENT_CANCEL && event->settled.len == 0)
		return cancel(report, err);
	print_line(report, line.at, line.len);
	return JOBQ_OK;
}

/* Waits until fd is readable, or out can be written; -1: neither. */
static enum jobq_status
wait_for(struct jobq_report *report, int fd, int out, int64_t wait_ms,
    struct jobq_err *err)
{
	enum jobq_status status;

	status = jobq_signals_wait(&report->signals, fd, out, wait_ms);
	if (status != JOBQ_STALE)
		return status == JOBQ_AGAIN ? JOBQ_OK : status;
	status = jobq_report_send(report, err);
	return status == JOBQ_OK ? stopped(report, err) : status;
}

enum jobq_status
jobq_report_look(struct jobq_report *report, struct jobq_err *err)
{
	enum jobq_status status = wait_for(report, -1, -1, 0, err);

	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

enum jobq_status
jobq_report_wait(struct jobq_report *report, int fd, struct jobq_err *err)
{
	int64_t left = report->settled_ms + GATHER_MS - jobq_mono_ms();
	enum jobq_status status = JOBQ_EMPTY;

	if (report->batch.count > 0 && left > 0)
		status = wait_for(report, fd, -1, left, err);
	if (status != JOBQ_EMPTY)
		return status;
	status = jobq_report_send(report, err);
	if (status != JOBQ_OK)
		return status;
	return wait_for(report, fd,
	    jobq_writer_pending(&report->out) > 0 ? report->out.fd : -1, -1,
	    err);
}
