/*
 * jobq-work: the ring of jobq-claim and jobq-run, made and watched.
 */
#include "command.h"
#include "lock.h"
#include "log.h"
#include "run_opts.h"
#include "url.h"
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
	.retry_ms = JOBQ_NOT_GIVEN,
	.run = &jobq_run_given.run,
	.shutdown_ms = JOBQ_NOT_GIVEN,
};

static const char *lock;
static bool print;

/* Those of the runner stand in run_opts.c. */
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
	{ "store-retry", 0, JOBQ_OPT_DURATION, &given.retry_ms, "DURATION",
	    "try a store that is away again after so long at most (30s)", 100,
	    INT64_MAX, NULL },
	{ "worker", 0, JOBQ_OPT_STRING, &given.worker, "NAME",
	    "claim under this name (host:pid:random)", 0, 0, NULL },
	{ "ready", 0, JOBQ_OPT_STRING, &given.ready, "URL",
	    "ask this before a job is taken, and wait until it answers 2xx", 0,
	    0, NULL },
	{ "fetch", 0, JOBQ_OPT_STRING, &given.fetch, "URL",
	    "jobs get what this answers as their context, by jobq-fetch", 0, 0,
	    NULL },
	{ "backoff", 0, JOBQ_OPT_STRING, &given.backoff, "FIRST..MOST",
	    "wait exactly so long after errors, doubling, until a job is "
	    "completed",
	    0, 0, NULL },
	{ "log-polls", 0, JOBQ_OPT_FLAG, &given.log_polls, NULL,
	    "say each look for jobs", 0, 0, NULL },
	{ "events", 0, JOBQ_OPT_FLAG, &given.events, NULL, "print what happens",
	    0, 0, NULL },
	{ "health", 0, JOBQ_OPT_STRING, &given.health.where,
	    "ADDR:PORT|unix:PATH", "tell over HTTP whether the stages run", 0,
	    0, NULL },
	{ "health-store", 0, JOBQ_OPT_FLAG, &given.health.asks_store, NULL,
	    "and whether the store answers, on a connection of its own", 0, 0,
	    NULL },
	{ "health-live", 0, JOBQ_OPT_STRING, &given.health.live, "JSON",
	    "the body of /health/live", 0, 0, NULL },
	{ "health-ready", 0, JOBQ_OPT_STRING, &given.health.ready, "JSON",
	    "the body of /health and /health/ready", 0, 0, NULL },
	{ "health-unready", 0, JOBQ_OPT_STRING, &given.health.unready, "JSON",
	    "the same of a 503; {error} in it is why", 0, 0, NULL },
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
	"[-j N] [options] --argv FILE",
	"[-j N] [options] --dir PATTERN [-- ARG ...]",
	"[-j N] [options] --post URL",
	"--coprocess [--depth N] [-j N] [options] -- COMMAND [ARG ...]",
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
	.more_options = jobq_run_opts,
	.uses_store = true,
	.long_running = true,
	.most_operands = -1,
};

static void
check(void)
{
	/* Every user of the machine can list the arguments of the runner. */
	if (jobq_run_opts_take(&command))
		jobq_command_misuse(&command,
		    "a password in --post and an Authorization in --header "
		    "would be handed to jobq-run on its command line; give "
		    "the token in a file (--token-file)");
	if (given.fetch != NULL && jobq_url_has_secret(given.fetch)) {
		jobq_command_hide(given.fetch, 0);
		jobq_command_misuse(&command,
		    "a password in --fetch would be handed to jobq-fetch on "
		    "its command line");
	}
	if (given.fetch != NULL && given.fetch[0] == '\0') {
		jobq_log(JOBQ_WARNING,
		    "the URL of --fetch is empty: nothing is fetched");
		given.fetch = NULL;
	}
	if (given.health.where == NULL &&
	    (given.health.asks_store || given.health.live != NULL ||
		given.health.ready != NULL || given.health.unready != NULL))
		jobq_command_misuse(&command,
		    "--health-store, --health-live, --health-ready and "
		    "--health-unready go with --health");
	if (print && (given.events || given.health.where != NULL ||
			 lock != NULL || given.shutdown_ms != JOBQ_NOT_GIVEN))
		jobq_command_misuse(&command,
		    "--print goes with none of --events, --health, --lock and "
		    "--shutdown: those are jobq-work's own");
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
