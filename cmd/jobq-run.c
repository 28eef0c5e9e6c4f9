/* jobq-run: runs a command for each job line, prints what happens. */
#include "command.h"
#include "line.h"
#include "log.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static int64_t places = 1;
static int64_t timeout_ms = -1;
static int64_t grace_ms = 10000;
static int64_t pipe_wait_ms = 2000;
static uint64_t output_limit = (uint64_t)1 << 20;
static const char *give; /* NULL: not given */
static const char *result = "auto";
static const char *permanent = "64,65";
static bool clean_env;
static bool coprocess;
static int64_t depth = -1; /* not given */
static bool unclaimed;

static const struct jobq_opt options[] = {
	{ "jobs", 'j', JOBQ_OPT_INT, &places, "N",
	    "places: jobs that run at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
	{ "timeout", 0, JOBQ_OPT_NO_DURATION, &timeout_ms, "DURATION",
	    "stop a job that runs longer and has no timeout of its own (none)",
	    1, 0, NULL },
	{ "grace", 0, JOBQ_OPT_DURATION, &grace_ms, "DURATION",
	    "from TERM to KILL when a job is stopped (10s)", 0, 0, NULL },
	{ "stdin", 0, JOBQ_OPT_CHOICE, &give, "WHAT",
	    "what a job reads: its input (the default), its whole job line, "
	    "none",
	    0, 0, "input job none" },
	{ "result", 0, JOBQ_OPT_CHOICE, &result, "HOW",
	    "how standard output becomes the output of the job (auto)", 0, 0,
	    "auto text json none" },
	{ "output-limit", 0, JOBQ_OPT_SIZE, &output_limit, "SIZE",
	    "keep so much of what a job writes (1MiB)", 0, 0, NULL },
	{ "pipe-wait", 0, JOBQ_OPT_DURATION, &pipe_wait_ms, "DURATION",
	    "wait so long for those who hold a finished job's output (2s)", 0,
	    0, NULL },
	{ "permanent", 0, JOBQ_OPT_STRING, &permanent, "CODES",
	    "exit codes that fail for good (64,65)", 0, 0, NULL },
	{ "clean-env", 0, JOBQ_OPT_FLAG, &clean_env, NULL,
	    "jobs see only PATH, HOME, LANG, LC_*, TZ, TMPDIR, JOBQ_* and "
	    "TRACEPARENT",
	    0, 0, NULL },
	{ "unclaimed", 0, JOBQ_OPT_FLAG, &unclaimed, NULL,
	    "run jobs of a store that nobody has claimed, too", 0, 0, NULL },
	{ "coprocess", 0, JOBQ_OPT_FLAG, &coprocess, NULL,
	    "the command lives on: it reads job lines and writes answers", 0, 0,
	    NULL },
	{ "depth", 0, JOBQ_OPT_INT, &depth, "N",
	    "jobs that one coprocess has at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[-j N] [--timeout DURATION] [options] -- COMMAND [ARG ...]",
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

/* Reads a list such as 64,65; an empty one is allowed. */
static void
take_codes(const char *text, bool *codes)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		unsigned code = 0;

		for (size_t i = 0; i < len; i++) {
			if (text[i] < '0' || text[i] > '9' || code > 255)
				len = 0;
			else
				code = 10 * code + (unsigned)(text[i] - '0');
		}
		if (len == 0 || code < 1 || code > 255)
			jobq_command_misuse(&command,
			    "--permanent: '%s' is no list of exit codes from "
			    "1 to 255 divided by commas",
			    permanent);
		codes[code] = true;
		text += len;
		text += *text == ',';
	}
}

/* Where a word stands in a list of choices. */
static int
choice(const char *word, const char *const *words)
{
	int at = 0;

	while (strcmp(words[at], word) != 0)
		at++;
	return at;
}

/* A coprocess answers with more than an exit code and lines of text. */
static void
check_coprocess(void)
{
	if (!coprocess && depth != -1)
		jobq_command_misuse(&command,
		    "--depth is about coprocesses; use it with --coprocess, "
		    "or -j for more jobs at the same time");
	if (coprocess && give != NULL && strcmp(give, "job") != 0)
		jobq_command_misuse(&command,
		    "--stdin %s: a coprocess reads whole job lines, for it "
		    "answers by their ids; leave --stdin out",
		    give);
	if (coprocess && strcmp(result, "auto") != 0)
		jobq_command_misuse(&command,
		    "--result %s: the result of a coprocess is the output in "
		    "its answer; leave --result out",
		    result);
}

static void
take_options(struct jobq_run_options *run)
{
	static const char *const gives[] = { "input", "job", "none" };
	static const char *const results[] = { "auto", "text", "json", "none" };

	if (command.count == 0)
		jobq_command_misuse(
		    &command, "which command? It goes after \"--\"");
	if (command.after_dashes != command.count)
		jobq_command_misuse(&command,
		    "'%s' stands before the command; put \"--\" between the "
		    "options and the command",
		    command.operands[0]);
	check_coprocess();
	if (output_limit < 1024 || output_limit > JOBQ_RUN_OUTPUT_MAX)
		jobq_command_misuse(&command,
		    "--output-limit: from 1KiB to %lluKiB, so that a line "
		    "with it fits between stages",
		    (unsigned long long)(JOBQ_RUN_OUTPUT_MAX >> 10));
	*run = (struct jobq_run_options){
		.kind = coprocess ? JOBQ_RUN_COPROCESS : JOBQ_RUN_COMMAND,
		.depth = depth > 0 ? (size_t)depth : 1,
		.in_fd = STDIN_FILENO,
		.out_fd = STDOUT_FILENO,
		.command = command.operands,
		.places = (size_t)places,
		.max_line_bytes =
		    jobq_command_max_line(&command, JOBQ_STAGE_MAX),
		.timeout_ms = timeout_ms,
		.grace_ms = grace_ms,
		.pipe_wait_ms = pipe_wait_ms,
		.output_limit_bytes = output_limit,
		.give = (enum jobq_run_stdin)choice(
		    give != NULL ? give : gives[0], gives),
		.result = (enum jobq_run_result)choice(result, results),
		.clean_env = clean_env,
		.unclaimed = unclaimed,
		.bad_line = bad_line,
		.say = say,
	};
	take_codes(permanent, run->permanent);
}

int
main(int argc, char **argv)
{
	struct jobq_run_options run_options;
	struct jobq_run *run = NULL;
	struct jobq_err err;
	enum jobq_status status;
	bool reader_gone = false;
	int code;

	jobq_command_start(&command, argc, argv);
	take_options(&run_options);
	/* A closed one has become one that can only be read. */
	if ((fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
		status = jobq_fail(&err, JOBQ_IO,
		    "unable to write to standard output: %s", strerror(EBADF));
	else
		status = jobq_run_open(&run, &run_options, &err);
	if (status == JOBQ_OK) {
		status = jobq_run_work(run, &err);
		reader_gone = jobq_run_reader_gone(run);
	}
	jobq_run_close(run);
	code = jobq_command_end(&command, status, &err);
	if (reader_gone) {
		/* Everything is released: now as any other filter. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
