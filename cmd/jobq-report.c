/*
 * jobq-report: events into the store, printed again with what the store says.
 *
 * Whatever waits on stdin goes in one request, never delayed. While the store
 * is away nothing more is read: the batch is kept and sent again, so nothing
 * is lost but time. It ends at the end of its input only; a signal is noted
 * and a second one ends it at once, exit 75. A closed stdout does not stop
 * the settling.
 */
#include "backoff.h"
#include "batch.h"
#include "command.h"
#include "input.h"
#include "line.h"
#include "log.h"
#include "settle.h"
#include "signals.h"
#include "store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define DEADLINE_MS 30000

static bool dry_run;

static const struct jobq_opt options[] = {
	{ "dry-run", 0, JOBQ_OPT_FLAG, &dry_run, NULL,
	    "read and check the lines, write nothing into the store", 0, 0,
	    NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = { "[options] <events", NULL };

static const char *const examples[] = {
	"jobq-claim --follow | jobq-run -- ./handler | jobq-report >log",
	"jobq-claim -n 10 | jobq-run -- ./handler | jobq-report | jq .settled",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-report",
	.summary = "settle what jobq-run says in the store",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.long_running = true,
	.needs_stdin = true,
};

struct report {
	struct jobq_store *store; /* NULL: --dry-run */
	struct jobq_batch batch;
	struct jobq_writer out;
	bool out_closed;
	struct jobq_event event;
	struct jobq_signals signals;
	bool any_failed; /* some job's state became failed */
};

static void
print_line(struct report *report, const char *line, size_t len)
{
	if (!report->out_closed)
		jobq_writer_line(&report->out, line, len);
}

static void
flush(struct report *report)
{
	struct jobq_err err;

	if (report->out_closed ||
	    jobq_writer_flush(&report->out, &err) == JOBQ_OK)
		return;
	jobq_log(JOBQ_WARNING, "%s; events are settled all the same", err.text);
	report->out_closed = true;
}

static enum jobq_status
print_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	static const char failed[] = ",\"state\":\"failed\"}";
	const size_t failed_len = sizeof failed - 1;
	struct report *report = context;

	(void)err;
	/* Stores append what they say, so it stands at the line's end. */
	if (len > failed_len &&
	    memcmp(line + len - failed_len, failed, failed_len) == 0)
		report->any_failed = true;
	print_line(report, line, len);
	return JOBQ_OK;
}

/* Sends the batch, again and again while the store is away. */
static enum jobq_status
send_batch(struct report *report, struct jobq_err *err)
{
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;
	enum jobq_status status = JOBQ_OK;
	int64_t wait;

	while (report->batch.count > 0 && report->store != NULL) {
		status = jobq_settle_batch(&report->batch, report->store,
		    DEADLINE_MS, print_answer, report, err);
		if (status != JOBQ_AGAIN && status != JOBQ_IO)
			break;
		wait = jobq_backoff_fail(&backoff);
		jobq_log_code(JOBQ_WARNING, "backend_unreachable", NULL,
		    "%s; trying again in %lld ms", err->text, (long long)wait);
		if (jobq_signals_wait(&report->signals, -1, wait) == JOBQ_STALE)
			return jobq_fail(err, JOBQ_AGAIN,
			    "stopped with %zu events that the store has not "
			    "taken",
			    report->batch.count);
	}
	jobq_batch_clear(&report->batch);
	flush(report);
	return status;
}

/* A request to cancel a job, as an event: the store's own verb. */
static enum jobq_status
cancel(struct report *report, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_puts(&request, "{\"ids\":[");
	jobq_json_put_string(
	    &request, report->event.id, strlen(report->event.id));
	jobq_buf_puts(&request, "]}");
	status = jobq_store_call(report->store, JOBQ_VERB_CANCEL, &request,
	    DEADLINE_MS, print_answer, report, err);
	jobq_buf_release(&request);
	return status;
}

/* One scanned line: into the batch, or through, in its order. */
static enum jobq_status
take_line(struct report *report, struct jobq_span line, unsigned long number,
    struct jobq_err *err)
{
	struct jobq_event *event = &report->event;
	enum jobq_status status = JOBQ_OK;

	if (jobq_line_is_event(&event->members)) {
		status = jobq_event_read(event, line.at, line.len, err);
		if (status != JOBQ_OK)
			return status;
		if (jobq_settle_wants(event) && report->store != NULL) {
			jobq_batch_event(&report->batch, event, number);
			return jobq_batch_full(&report->batch)
				   ? send_batch(report, err)
				   : JOBQ_OK;
		}
	}
	status = send_batch(report, err);
	if (status == JOBQ_OK && event->kind == JOBQ_EVENT_CANCEL &&
	    event->id != NULL && report->store != NULL &&
	    event->settled.len == 0 && jobq_line_is_event(&event->members))
		return cancel(report, err);
	print_line(report, line.at, line.len);
	return status;
}

static enum jobq_status
report_lines(
    struct report *report, struct jobq_input *input, struct jobq_err *err)
{
	struct jobq_span line;
	enum jobq_status status;

	for (;;) {
		status = jobq_input_next(
		    input, false, &report->event.members, &line, err);
		if (status == JOBQ_OK) {
			status =
			    take_line(report, line, input->reader.number, err);
			if (status == JOBQ_INVALID)
				status = jobq_input_bad(input, err);
		} else if (status == JOBQ_EMPTY) {
			status = send_batch(report, err);
			flush(report);
			if (status == JOBQ_OK && jobq_input_ended(input))
				return JOBQ_OK;
			if (status == JOBQ_OK &&
			    jobq_signals_wait(&report->signals,
				input->reader.fd, -1) == JOBQ_STALE)
				return jobq_fail(err, JOBQ_AGAIN,
				    "stopped before the end of its input");
		}
		if (status != JOBQ_OK)
			return status;
	}
}

int
main(int argc, char **argv)
{
	struct report report = { .signals = { .fd = -1 } };
	struct jobq_input input;
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	jobq_batch_init(&report.batch, "events");
	jobq_writer_init(&report.out, STDOUT_FILENO);
	status = jobq_input_open(&input, &command, NULL, JOBQ_STAGE_MAX, &err);
	if (status == JOBQ_OK)
		status = jobq_signals_open(&report.signals, &err);
	if (status == JOBQ_OK && !dry_run)
		status = jobq_store_open(
		    command.store_url, JOBQ_STORE_WRITE, &report.store, &err);
	if (status == JOBQ_OK)
		status = report_lines(&report, &input, &err);
	if (status == JOBQ_OK && report.any_failed)
		status = JOBQ_EMPTY;
	jobq_input_close(&input);
	jobq_signals_close(&report.signals);
	jobq_store_close(report.store);
	jobq_batch_release(&report.batch);
	jobq_event_release(&report.event);
	jobq_writer_release(&report.out);
	return jobq_command_end(&command, status, &err);
}
