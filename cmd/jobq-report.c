/*
 * jobq-report: events into the store, printed again with what the store says.
 *
 * Whatever waits on stdin goes in one request, at the latest a few
 * milliseconds after the one before. It ends at the end of its input only; a
 * signal is noted, and a second one ends it when what was read is settled,
 * exit 75.
 */
#include "command.h"
#include "input.h"
#include "report.h"

#include "banned.h"

#define LOOK_LINES 500 /* read between two looks for signals */

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

/* The next line, or a wait for one; JOBQ_EMPTY at the end of the input. */
static enum jobq_status
read_line(
    struct jobq_report *report, struct jobq_input *input, struct jobq_err *err)
{
	struct jobq_span line;
	enum jobq_status status;

	status =
	    jobq_input_next(input, false, &report->event.members, &line, err);
	if (status == JOBQ_OK) {
		status =
		    jobq_report_line(report, line, input->reader.number, err);
		if (status == JOBQ_INVALID)
			status = jobq_input_bad(input, err);
		if (status == JOBQ_OK && input->reader.number % LOOK_LINES == 0)
			status = jobq_report_look(report, err);
		return status;
	}
	if (status != JOBQ_EMPTY || jobq_input_ended(input))
		return status;
	return jobq_report_wait(report, input->reader.fd, err);
}

/* What was read before the input failed or --strict stopped is settled. */
static enum jobq_status
report_lines(
    struct jobq_report *report, struct jobq_input *input, struct jobq_err *err)
{
	struct jobq_err why;
	enum jobq_status status, sent;

	do
		status = read_line(report, input, err);
	while (status == JOBQ_OK);
	if (status == JOBQ_AGAIN)
		return status;
	sent = jobq_report_finish(report, &why);
	if (sent == JOBQ_OK)
		return status == JOBQ_EMPTY ? JOBQ_OK : status;
	*err = why;
	return sent;
}

int
main(int argc, char **argv)
{
	struct jobq_report report;
	struct jobq_input input;
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	status = jobq_report_open(&report, command.store_url, !dry_run, &err);
	if (status == JOBQ_OK)
		status = jobq_input_open(
		    &input, &command, NULL, JOBQ_REPORT_MAX, &err);
	if (status == JOBQ_OK) {
		status = report_lines(&report, &input, &err);
		jobq_input_close(&input);
	}
	if (status == JOBQ_OK && report.out_lost)
		status = jobq_fail(&err, JOBQ_IO,
		    "all events are settled, but not all could be written");
	if (status == JOBQ_OK && report.any_failed)
		status = JOBQ_EMPTY;
	jobq_report_close(&report);
	return jobq_command_end(&command, status, &err);
}
