/*
 * jobq-push: job lines into the store. Lines are gathered as they arrive, up
 * to a request's size, and printed as the store has them once they are
 * durable. Nothing is delayed: whatever waits on stdin goes in one request.
 */
#include "clock.h"
#include "command.h"
#include "input.h"
#include "overlay.h"
#include "page.h"
#include "push.h"
#include "store.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

static struct {
	const char *queue, *name, *input, *key, *flow;
	struct jobq_list needs;
	int64_t priority, max_attempts, run_at_ms, in_ms, timeout_ms, repeat;
	bool wait, dry_run;
} given = {
	.priority = JOBQ_ABSENT,
	.max_attempts = JOBQ_ABSENT,
	.run_at_ms = JOBQ_ABSENT,
	.in_ms = JOBQ_ABSENT,
	.timeout_ms = JOBQ_ABSENT,
	.repeat = 1,
};

static const struct jobq_opt options[] = {
	{ "name", 'N', JOBQ_OPT_STRING, &given.name, "NAME",
	    "push one job of this name", 0, 0, NULL },
	{ "input", 'i', JOBQ_OPT_STRING, &given.input, "JSON",
	    "push one job with this input", 0, 0, NULL },
	{ "repeat", 0, JOBQ_OPT_INT, &given.repeat, "N",
	    "push that job so many times", 1, 1000000000, NULL },
	{ "queue", 'Q', JOBQ_OPT_STRING, &given.queue, "QUEUE",
	    "the queue of lines that name none", 0, 0, NULL },
	{ "key", 'k', JOBQ_OPT_STRING, &given.key, "KEY",
	    "unique among the unfinished jobs of a queue", 0, 0, NULL },
	{ "flow", 0, JOBQ_OPT_STRING, &given.flow, "FLOW",
	    "the flow of lines that name none", 0, 0, NULL },
	{ "in", 0, JOBQ_OPT_DURATION, &given.in_ms, "DURATION",
	    "not before so long from now", 0, 0, NULL },
	{ "run-at", 0, JOBQ_OPT_TIME, &given.run_at_ms, "TIME",
	    "not before this time (RFC 3339)", 0, 0, NULL },
	{ "priority", 'p', JOBQ_OPT_INT, &given.priority, "N",
	    "higher goes first", INT32_MIN, INT32_MAX, NULL },
	{ "max-attempts", 0, JOBQ_OPT_INT, &given.max_attempts, "N",
	    "attempts until a job is given up", 1, 1000000, NULL },
	{ "timeout", 0, JOBQ_OPT_DURATION, &given.timeout_ms, "DURATION",
	    "the longest a run may take", 1, 0, NULL },
	{ "needs", 0, JOBQ_OPT_LIST, &given.needs, "ID",
	    "a job that must complete first", 0, 0, NULL },
	{ "wait", 'w', JOBQ_OPT_FLAG, &given.wait, NULL,
	    "print what happens to the jobs, until all have ended", 0, 0,
	    NULL },
	{ "dry-run", 0, JOBQ_OPT_FLAG, &given.dry_run, NULL,
	    "print what would be pushed", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[options] [<jobs]",
	"[options] --name NAME [--input JSON] [--repeat N]",
	NULL,
};

static const char *const examples[] = {
	"seq 100 | jq -c '{input:{n:.}}' | jobq-push",
	"jobq-push --name backup --input '{\"disk\":\"sda\"}' --in 2h",
	"jobq-push --name report --wait >/dev/null && echo done",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-push",
	.summary = "put jobs into the store",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reads_lines = true,
};

static void
make_defaults(struct jobq_overlay *defaults)
{
	struct jobq_buf needs = JOBQ_BUF_INIT;
	struct jobq_buf timeout = JOBQ_BUF_INIT;
	char time[JOBQ_TIME_SIZE];

	if (given.in_ms != JOBQ_ABSENT)
		given.run_at_ms = jobq_wall_ms() + given.in_ms;
	jobq_time_format(given.run_at_ms, time);
	for (size_t i = 0; i < given.needs.count; i++) {
		const char *id = given.needs.item[i];

		jobq_buf_putc(&needs, i == 0 ? '[' : ',');
		jobq_json_put_lossy(&needs, id, strlen(id));
	}
	if (needs.len > 0)
		jobq_buf_putc(&needs, ']');
	if (given.timeout_ms != JOBQ_ABSENT)
		jobq_buf_printf(
		    &timeout, "%.15g", (double)given.timeout_ms / 1000);
	jobq_overlay_text(defaults, "queue", given.queue);
	jobq_overlay_text(defaults, "key", given.key);
	jobq_overlay_text(defaults, "flow", given.flow);
	jobq_overlay_int(defaults, "priority", given.priority);
	jobq_overlay_int(defaults, "max_attempts", given.max_attempts);
	jobq_overlay_json(defaults, "timeout", timeout.data);
	jobq_overlay_json(defaults, "needs", needs.data);
	jobq_overlay_text(
	    defaults, "run_at", given.run_at_ms == JOBQ_ABSENT ? NULL : time);
	jobq_buf_release(&needs);
	jobq_buf_release(&timeout);
}

/* What was gathered before the input failed or --strict stopped is pushed. */
static enum jobq_status
push_lines(struct jobq_push *push, struct jobq_err *err)
{
	struct jobq_input input;
	struct jobq_span line;
	struct jobq_err why;
	enum jobq_status status, sent;

	status = jobq_input_open(&input, &command, NULL, JOBQ_LINE_MAX, err);
	while (status == JOBQ_OK) {
		status = jobq_input_next(&input, push->batch.count == 0,
		    &push->job.members, &line, err);
		if (status == JOBQ_OK) {
			status = jobq_push_line(
			    push, line, input.reader.number, err);
			if (status == JOBQ_INVALID && !push->stopped)
				status = jobq_input_bad(&input, err);
		} else if (status == JOBQ_EMPTY) {
			if (jobq_input_ended(&input))
				break;
			status = jobq_push_send(push, err);
		}
	}
	jobq_input_close(&input);
	sent = jobq_push_send(push, &why);
	if (sent == JOBQ_OK)
		return status == JOBQ_EMPTY ? JOBQ_OK : status;
	*err = why;
	return sent;
}

/* The one job that --name and --input describe, as often as --repeat says. */
static enum jobq_status
push_one(struct jobq_push *push, struct jobq_err *err)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	jobq_buf_puts(&line, "{\"name\":");
	jobq_json_put_lossy(&line, given.name ? given.name : "default",
	    strlen(given.name ? given.name : "default"));
	if (given.input != NULL)
		jobq_buf_printf(&line, ",\"input\":%s", given.input);
	jobq_buf_putc(&line, '}');
	for (int64_t i = 0; i < given.repeat && status == JOBQ_OK; i++) {
		status = jobq_object_scan(
		    &push->job.members, line.data, line.len, err);
		if (status == JOBQ_OK)
			status = jobq_push_line(push,
			    (struct jobq_span){ line.data, line.len },
			    (unsigned long)i + 1, err);
	}
	if (status == JOBQ_INVALID && !push->stopped)
		jobq_err_prefix(err, "the job of --name and --input");
	jobq_buf_release(&line);
	return status == JOBQ_OK ? jobq_push_send(push, err) : status;
}

static void
check_options(void)
{
	struct jobq_span value;
	struct jobq_err err;

	if (given.input != NULL &&
	    jobq_json_check(given.input, strlen(given.input), &value, &err) !=
		JOBQ_OK)
		jobq_command_misuse(&command,
		    "--input takes JSON (%s); a text needs its quotes: "
		    "--input '\"text\"'",
		    err.text);
	if (given.name != NULL || given.input != NULL)
		return;
	if (isatty(STDIN_FILENO))
		jobq_command_misuse(&command,
		    "give job lines on standard input, or --name or --input");
	if (given.repeat != 1)
		jobq_command_misuse(
		    &command, "--repeat goes with --name or --input");
}

int
main(int argc, char **argv)
{
	struct jobq_push push = { .command = &command };
	struct jobq_err err;
	enum jobq_status status = JOBQ_OK;

	jobq_command_start(&command, argc, argv);
	check_options();
	jobq_batch_init(&push.batch, "jobs");
	jobq_writer_init(&push.out, STDOUT_FILENO);
	push.wait = given.wait;
	push.source = given.name || given.input ? "the options" : "stdin";
	make_defaults(&push.defaults);
	if (!given.dry_run)
		status = jobq_store_open(
		    command.store_url, JOBQ_STORE_CREATE, &push.store, &err);
	if (status == JOBQ_OK)
		status = given.name == NULL && given.input == NULL
			     ? push_lines(&push, &err)
			     : push_one(&push, &err);
	if (status == JOBQ_OK && push.store != NULL)
		status = jobq_store_make(push.store, JOBQ_CALL_MS, &err);
	if (status == JOBQ_OK && given.wait && !given.dry_run)
		status = jobq_push_wait(&push, &err);
	jobq_store_close(push.store);
	jobq_push_release(&push);
	return jobq_command_end(&command, status, &err);
}
