/* jobq-run: runs a command for each job line, prints what happens. */
#include "command.h"
#include "line.h"
#include "log.h"
#include "run.h"
#include "run_opts.h"
#include "run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* With --one: it is not the job that has failed (timeout(1)). */
#define ONE_FAILED 125

static int64_t places = 1;

/* The others stand in run_opts.c. */
static const struct jobq_opt options[] = {
	{ "jobs", 'j', JOBQ_OPT_INT, &places, "N",
	    "places: jobs that run at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
	{ "retries", 0, JOBQ_OPT_INT, &jobq_run_given.run.retries, "N",
	    "repeat a failed job so often, unless it is a store's (0)", 0,
	    1000000, NULL },
	{ "backoff", 0, JOBQ_OPT_STRING, &jobq_run_given.words.backoff,
	    "FIRST..MOST",
	    "wait so long before a job is repeated, doubling (1s..30s)", 0, 0,
	    NULL },
	{ "resume", 0, JOBQ_OPT_STRING, &jobq_run_given.run.resume, "FILE",
	    "skip the jobs that are completed in the events of FILE", 0, 0,
	    NULL },
	{ "one", 0, JOBQ_OPT_FLAG, &jobq_run_given.run.one, NULL,
	    "run the first job alone and exit as it does, as timeout(1)", 0, 0,
	    NULL },
	{ "unclaimed", 0, JOBQ_OPT_FLAG, &jobq_run_given.run.unclaimed, NULL,
	    "run jobs of a store that nobody has claimed, too", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[-j N] [--timeout DURATION] [options] -- COMMAND [ARG ...]",
	"[-j N] [--timeout DURATION] [options] --argv FILE",
	"[-j N] [--timeout DURATION] [options] --dir PATTERN [-- ARG ...]",
	"[-j N] [--timeout DURATION] [options] --post URL",
	"--coprocess [--depth N] [-j N] [options] -- COMMAND [ARG ...]",
	NULL,
};

static const char *const examples[] = {
	"seq 3 | jobq-lines | jobq-run -j 2 -- sh -c 'echo \"got $1\"' - {}",
	"jobq-claim --follow | jobq-run -j 4 -- ./handler | jobq-report",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-run",
	.summary = "run a command for each job and print what happens",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.more_options = jobq_run_opts,
	.most_operands = -1,
	.needs_stdin = true,
};

static enum jobq_status
bad_line(void *context, unsigned long number, const struct jobq_err *err)
{
	(void)context;
	return jobq_command_bad_line(&command, "stdin", number, err);
}

static void
say(void *context, enum jobq_level level, const char *code, const char *id,
    const char *text)
{
	(void)context;
	jobq_log_code(level, code, id, "%s", text);
}

static void
take_options(struct jobq_run_options *run)
{
	jobq_run_opts_take(&command);
	run->places = (size_t)places;
	run->max_line_bytes = jobq_command_max_line(&command, JOBQ_STAGE_MAX);
	run->view_fd = jobq_shows_progress() ? STDERR_FILENO : -1;
	run->bad_line = bad_line;
	run->say = say;
}

/* How the one job went; without a runner, why there is none, or 0. */
static int
one_code(const struct jobq_run *runner)
{
	if (runner != NULL)
		return jobq_run_one_code(runner);
	return command.count > 0 && jobq_run_given.run.dir == NULL
		   ? jobq_program_missing_code(command.operands[0])
		   : 0;
}

int
main(int argc, char **argv)
{
	struct jobq_run_options *run = &jobq_run_given.run;
	struct jobq_run *runner = NULL;
	struct jobq_err err;
	enum jobq_status status;
	bool reader_gone = false;
	int code, own;

	jobq_command_start(&command, argc, argv);
	take_options(run);
	/* A closed one has become one that can only be read. */
	if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
		status = jobq_fail(&err, JOBQ_IO,
		    "unable to write to standard output: %s", strerror(EBADF));
	else
		status = jobq_run_open(&runner, run, &err);
	if (status == JOBQ_OK) {
		status = jobq_run_work(runner, &err);
		reader_gone = jobq_run_reader_gone(runner);
	}
	own = one_code(runner);
	jobq_run_close(runner);
	code = jobq_command_end(&command, status, &err);
	if (run->one)
		return code > 1 && (runner != NULL || own == 0) ? ONE_FAILED
								: own;
	if (reader_gone) {
		/* Everything is released: now as any other filter. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
