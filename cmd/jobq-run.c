/* jobq-run: runs a command for each job line, prints what happens. */
#include "command.h"
#include "line.h"
#include "log.h"
#include "run.h"
#include "run_parse.h"
#include "run_program.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* With --one: it is not the job that has failed (timeout(1)). */
#define ONE_FAILED 125

static struct jobq_run_options run = {
	.in_fd = STDIN_FILENO,
	.out_fd = STDOUT_FILENO,
	.timeout_ms = -1,
	.grace_ms = 10000,
	.pipe_wait_ms = 2000,
	.output_limit_bytes = (uint64_t)1 << 20,
};
static int64_t places = 1;
static struct jobq_list headers;
static struct jobq_run_words words = {
	.result = "auto",
	.permanent = "64,65",
	.backoff = "1s..30s",
};

static const struct jobq_opt options[] = {
	{ "jobs", 'j', JOBQ_OPT_INT, &places, "N",
	    "places: jobs that run at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
	{ "argv", 0, JOBQ_OPT_STRING, &run.argv_file, "FILE",
	    "run the command that this jq program makes of the job line", 0, 0,
	    NULL },
	{ "dir", 0, JOBQ_OPT_STRING, &run.dir, "PATTERN",
	    "run the handler of the job's name: plugins/{name}/run, or a "
	    "folder of such",
	    0, 0, NULL },
	{ "timeout", 0, JOBQ_OPT_NO_DURATION, &run.timeout_ms, "DURATION",
	    "stop a job that runs longer and has no timeout of its own (none)",
	    1, 0, NULL },
	{ "grace", 0, JOBQ_OPT_DURATION, &run.grace_ms, "DURATION",
	    "from TERM to KILL when a job is stopped (10s)", 0, 0, NULL },
	{ "stdin", 0, JOBQ_OPT_CHOICE, &words.give, "WHAT",
	    "what a job reads: its input (the default), its whole job line, "
	    "none",
	    0, 0, "input job none" },
	{ "result", 0, JOBQ_OPT_CHOICE, &words.result, "HOW",
	    "how standard output becomes the output of the job (auto)", 0, 0,
	    "auto text json none" },
	{ "output-limit", 0, JOBQ_OPT_SIZE, &run.output_limit_bytes, "SIZE",
	    "keep so much of what a job writes (1MiB)", 0, 0, NULL },
	{ "pipe-wait", 0, JOBQ_OPT_DURATION, &run.pipe_wait_ms, "DURATION",
	    "wait so long for those who hold a finished job's output (2s)", 0,
	    0, NULL },
	{ "permanent", 0, JOBQ_OPT_STRING, &words.permanent, "CODES",
	    "exit codes that fail for good (64,65)", 0, 0, NULL },
	{ "clean-env", 0, JOBQ_OPT_FLAG, &run.clean_env, NULL,
	    "jobs see only PATH, HOME, LANG, LC_*, TZ, TMPDIR, JOBQ_* and "
	    "TRACEPARENT",
	    0, 0, NULL },
	{ "retries", 0, JOBQ_OPT_INT, &run.retries, "N",
	    "repeat a failed job so often, unless it is a store's (0)", 0,
	    1000000, NULL },
	{ "backoff", 0, JOBQ_OPT_STRING, &words.backoff, "FIRST..MOST",
	    "wait so long before a job is repeated, doubling (1s..30s)", 0, 0,
	    NULL },
	{ "halt", 0, JOBQ_OPT_STRING, &words.halt, "WHEN,fail=N",
	    "when N jobs have failed start nothing more (soon), or stop what "
	    "runs, too (now)",
	    0, 0, NULL },
	{ "joblog", 0, JOBQ_OPT_STRING, &run.joblog, "FILE",
	    "write a line for each job, in the columns of GNU parallel", 0, 0,
	    NULL },
	{ "output-dir", 0, JOBQ_OPT_STRING, &run.output_dir, "DIR",
	    "write all output of a job to DIR/ID.out and DIR/ID.err", 0, 0,
	    NULL },
	{ "resume", 0, JOBQ_OPT_STRING, &run.resume, "FILE",
	    "skip the jobs that are completed in the events of FILE", 0, 0,
	    NULL },
	{ "one", 0, JOBQ_OPT_FLAG, &run.one, NULL,
	    "run the first job alone and exit as it does, as timeout(1)", 0, 0,
	    NULL },
	{ "env-from", 0, JOBQ_OPT_STRING, &run.env_from, "PATH",
	    "the object in the job line, such as .context.env, that has "
	    "further variables of its process",
	    0, 0, NULL },
	{ "post", 0, JOBQ_OPT_STRING, &run.post.url, "URL",
	    "POST each job to a server instead of running a command", 0, 0,
	    NULL },
	{ "header", 0, JOBQ_OPT_LIST, &headers, "TEXT",
	    "a header of each request, 'Name: value'", 0, 0, NULL },
	{ "token-file", 0, JOBQ_OPT_STRING, &run.post.token_file, "FILE",
	    "send the token in it as Authorization: Bearer", 0, 0, NULL },
	{ "body", 0, JOBQ_OPT_STRING, &run.post.body, "FILE.jq",
	    "jq program that makes the body from the job (the job line)", 0, 0,
	    NULL },
	{ "result-map", 0, JOBQ_OPT_STRING, &run.post.result_map, "FILE.jq",
	    "jq program that makes the result from {status, headers, body}", 0,
	    0, NULL },
	{ "unclaimed", 0, JOBQ_OPT_FLAG, &run.unclaimed, NULL,
	    "run jobs of a store that nobody has claimed, too", 0, 0, NULL },
	{ "coprocess", 0, JOBQ_OPT_FLAG, &words.coprocess, NULL,
	    "the command lives on: it reads job lines and writes answers", 0, 0,
	    NULL },
	{ "depth", 0, JOBQ_OPT_INT, &words.depth, "N",
	    "jobs that one coprocess has at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
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

/* Secrets do not stay where ps(1) shows them. */
static void
take_post(void)
{
	if (run.post.url != NULL && jobq_url_has_secret(run.post.url))
		run.post.url = jobq_command_hide(run.post.url, 0);
	for (size_t i = 0; i < headers.count; i++) {
		size_t name = strcspn(headers.item[i], ":");

		if (strncasecmp(headers.item[i], "Authorization:", name + 1) ==
		    0)
			headers.item[i] =
			    jobq_command_hide(headers.item[i], name);
	}
	run.post.headers = headers.item;
	run.post.header_count = headers.count;
	if (run.post.url != NULL)
		run.kind = JOBQ_RUN_POST;
}

static void
take_options(void)
{
	struct jobq_err err;

	take_post();
	if (command.after_dashes != command.count)
		jobq_command_misuse(&command,
		    "'%s' stands before the command; put \"--\" between the "
		    "options and the command",
		    command.operands[0]);
	run.command = command.operands;
	run.places = (size_t)places;
	run.max_line_bytes = jobq_command_max_line(&command, JOBQ_STAGE_MAX);
	run.view_fd = jobq_shows_progress() ? STDERR_FILENO : -1;
	run.bad_line = bad_line;
	run.say = say;
	if (jobq_run_parse(&words, &run, &err) != JOBQ_OK)
		jobq_command_misuse(&command, "%s", err.text);
}

/* How the one job went; without a runner, why there is none, or 0. */
static int
one_code(const struct jobq_run *runner)
{
	if (runner != NULL)
		return jobq_run_one_code(runner);
	return command.count > 0 && run.dir == NULL
		   ? jobq_program_missing_code(command.operands[0])
		   : 0;
}

int
main(int argc, char **argv)
{
	struct jobq_run *runner = NULL;
	struct jobq_err err;
	enum jobq_status status;
	bool reader_gone = false;
	int code, own;

	jobq_command_start(&command, argc, argv);
	take_options();
	/* A closed one has become one that can only be read. */
	if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
		status = jobq_fail(&err, JOBQ_IO,
		    "unable to write to standard output: %s", strerror(EBADF));
	else
		status = jobq_run_open(&runner, &run, &err);
	if (status == JOBQ_OK) {
		status = jobq_run_work(runner, &err);
		reader_gone = jobq_run_reader_gone(runner);
	}
	own = one_code(runner);
	jobq_run_close(runner);
	code = jobq_command_end(&command, status, &err);
	if (run.one)
		return code > 1 && (runner != NULL || own == 0) ? ONE_FAILED
								: own;
	if (reader_gone) {
		/* Everything is released: now as any other filter. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
