/*
 * jobq-work: the ring of jobq-claim and jobq-run, made and watched.
 */
#include "command.h"
#include "lock.h"
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "banned.h"

#define PLACES_MOST 1000

static struct jobq_work_options given = {
	.places = 1,
	.max_jobs = JOBQ_NOT_GIVEN,
	.for_ms = JOBQ_NOT_GIVEN,
	.lease_ms = JOBQ_NOT_GIVEN,
	.interval_ms = JOBQ_NOT_GIVEN,
	.timeout_ms = JOBQ_NOT_GIVEN,
	.grace_ms = JOBQ_NOT_GIVEN,
	.pipe_wait_ms = JOBQ_NOT_GIVEN,
	.output_limit = JOBQ_NOT_GIVEN,
	.depth = JOBQ_NOT_GIVEN,
	.shutdown_ms = JOBQ_NOT_GIVEN,
};

static uint64_t output_limit;
static const char *lock;
static bool print;

static const struct jobq_opt options[] = {
	{ "jobs", 'j', JOBQ_OPT_INT, &given.places, "N",
	    "places: jobs that run at the same time (1)", 1, PLACES_MOST,
	    NULL },
	{ "ahead", 0, JOBQ_OPT_STRING, &given.ahead, "auto|N",
	    "jobs that may wait in the runner (auto: up to 4, the "
	    "shorter they are)",
	    0, 0, NULL },
	{ "until-empty", 0, JOBQ_OPT_FLAG, &given.until_empty, NULL,
	    "end when nothing is ready and none is outstanding", 0, 0, NULL },
	{ "until-done", 0, JOBQ_OPT_FLAG, &given.until_done, NULL,
	    "end when nothing is pending or running anywhere", 0, 0, NULL },
	{ "max-jobs", 0, JOBQ_OPT_INT, &given.max_jobs, "N", "end after N jobs",
	    0, INT64_MAX, NULL },
	{ "for", 0, JOBQ_OPT_DURATION, &given.for_ms, "DURATION",
	    "end after so long", 0, INT64_MAX, NULL },
	{ "queue", 'Q', JOBQ_OPT_LIST, &given.queues, "QUEUE",
	    "only from this queue; may stand several times", 0, 0, NULL },
	{ "flow", 0, JOBQ_OPT_STRING, &given.flow, "FLOW",
	    "only from this flow", 0, 0, NULL },
	{ "lease", 'l', JOBQ_OPT_DURATION, &given.lease_ms, "DURATION",
	    "how long a claim holds without a sign of life (30s)", 100,
	    INT64_MAX, NULL },
	{ "interval", 0, JOBQ_OPT_DURATION, &given.interval_ms, "DURATION",
	    "how often to look while there is nothing (1s)", 10, INT64_MAX,
	    NULL },
	{ "worker", 0, JOBQ_OPT_STRING, &given.worker, "NAME",
	    "claim under this name (host:pid:random)", 0, 0, NULL },
	{ "timeout", 0, JOBQ_OPT_NO_DURATION, &given.timeout_ms, "DURATION",
	    "stop a job that runs longer and has no timeout of its own (none)",
	    1, 0, NULL },
	{ "grace", 0, JOBQ_OPT_DURATION, &given.grace_ms, "DURATION",
	    "from TERM to KILL when a job is stopped (10s)", 0, 0, NULL },
	{ "stdin", 0, JOBQ_OPT_CHOICE, &given.give, "WHAT",
	    "what a job reads: its input (the default), its whole job line, "
	    "none",
	    0, 0, "input job none" },
	{ "result", 0, JOBQ_OPT_CHOICE, &given.result, "HOW",
	    "how standard output becomes the output of the job (auto)", 0, 0,
	    "auto text json none" },
	{ "output-limit", 0, JOBQ_OPT_SIZE, &output_limit, "SIZE",
	    "keep so much of what a job writes (1MiB)", 0, 0, NULL },
	{ "pipe-wait", 0, JOBQ_OPT_DURATION, &given.pipe_wait_ms, "DURATION",
	    "wait so long for those who hold a finished job's output (2s)", 0,
	    0, NULL },
	{ "permanent", 0, JOBQ_OPT_STRING, &given.permanent, "CODES",
	    "exit codes that fail for good (64,65)", 0, 0, NULL },
	{ "clean-env", 0, JOBQ_OPT_FLAG, &given.clean_env, NULL,
	    "jobs see only PATH, HOME, LANG, LC_*, TZ, TMPDIR, JOBQ_* and "
	    "TRACEPARENT",
	    0, 0, NULL },
	{ "coprocess", 0, JOBQ_OPT_FLAG, &given.coprocess, NULL,
	    "the command lives on: it reads job lines and writes answers", 0, 0,
	    NULL },
	{ "depth", 0, JOBQ_OPT_INT, &given.depth, "N",
	    "jobs that one coprocess has at the same time (1)", 1, PLACES_MOST,
	    NULL },
	{ "events", 0, JOBQ_OPT_FLAG, &given.events, NULL, "print what happens",
	    0, 0, NULL },
	{ "health", 0, JOBQ_OPT_STRING, &given.health, "ADDR:PORT|unix:PATH",
	    "tell over HTTP whether the stages run", 0, 0, NULL },
	{ "shutdown", 0, JOBQ_OPT_NO_DURATION, &given.shutdown_ms, "DURATION",
	    "a stop takes no longer than this (none)", 0, 0, NULL },
	{ "lock", 0, JOBQ_OPT_STRING, &lock, "NAME",
	    "exit 75 if another one of this user has this lock", 0, 0, NULL },
	{ "print", 0, JOBQ_OPT_FLAG, &print, NULL,
	    "print the shell script that does the same", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[-j N] [options] -- COMMAND [ARG ...]",
	NULL,
};

static const char *const examples[] = {
	"jobq-work -j 4 -- ./handler {input.file}",
	"jobq-work -j 4 --until-empty -- ./handler && echo done",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-work",
	.summary = "keep claiming and running jobs",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.long_running = true,
	.most_operands = -1,
};

static void
check(void)
{
	if (command.count == 0)
		jobq_command_misuse(
		    &command, "which command? It goes after \"--\"");
	if (command.after_dashes != command.count)
		jobq_command_misuse(&command,
		    "'%s' stands before the command; put \"--\" between the "
		    "options and the command",
		    command.operands[0]);
	if (print && (given.events || given.health != NULL || lock != NULL ||
			 given.shutdown_ms != JOBQ_NOT_GIVEN))
		jobq_command_misuse(&command,
		    "--print goes with none of --events, --health, --lock and "
		    "--shutdown: those are jobq-work's own");
	if (output_limit > INT64_MAX)
		jobq_command_misuse(&command, "--output-limit is too large");
	if (output_limit > 0)
		given.output_limit = (int64_t)output_limit;
	given.command = command.operands;
	given.store_url = command.store_url;
}

static enum jobq_status
print_script(struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_work_script(&given, &text, err);

	if (status == JOBQ_OK)
		fwrite(text.data, 1, text.len, stdout);
	jobq_buf_release(&text);
	return status;
}

int
main(int argc, char **argv)
{
	struct jobq_err err = { "" };
	enum jobq_status status = JOBQ_OK;
	int lock_fd = -1;
	int code;

	jobq_command_start(&command, argc, argv);
	check();
	jobq_command_export_log();
	if (print) {
		status = print_script(&err);
	} else {
		if (lock != NULL)
			status = jobq_lock_take(lock, &lock_fd, &err);
		if (status == JOBQ_OK)
			status = jobq_work(&given, &err);
	}
	if (lock_fd >= 0)
		close(lock_fd);
	code = jobq_command_end(&command, status, &err);
	if (status == JOBQ_IO && err.text[0] == '\0') {
		/* Everything is settled: now as any other filter. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
