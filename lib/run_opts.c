#include "run_opts.h"

#include "buf.h"
#include "mem.h"
#include "url.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "banned.h"

/* Written once for two objects: the options as given, and as they were. */
/* clang-format off */
#define DEFAULTS {                                              \
	.run = {                                                \
		.in_fd = STDIN_FILENO,                          \
		.out_fd = STDOUT_FILENO,                        \
		.timeout_ms = -1,                               \
		.grace_ms = 10000,                              \
		.pipe_wait_ms = 2000,                           \
		.output_limit_bytes = (uint64_t)1 << 20,        \
	},                                                      \
	.words = {                                              \
		.result = "auto",                               \
		.permanent = "64,65",                           \
		.backoff = "1s..30s",                           \
	},                                                      \
}
/* clang-format on */
static const struct jobq_run_given defaults = DEFAULTS;
struct jobq_run_given jobq_run_given = DEFAULTS;

#define RUN jobq_run_given.run
#define WORDS jobq_run_given.words

const struct jobq_opt jobq_run_opts[] = {
	{ "argv", 0, JOBQ_OPT_STRING, &RUN.argv_file, "FILE",
	    "run the command that this jq program makes of the job line", 0, 0,
	    NULL },
	{ "dir", 0, JOBQ_OPT_STRING, &RUN.dir, "PATTERN",
	    "run the handler of the job's name: plugins/{name}/run, or a "
	    "folder of such",
	    0, 0, NULL },
	{ "timeout", 0, JOBQ_OPT_NO_DURATION, &RUN.timeout_ms, "DURATION",
	    "stop a job that runs longer and has no timeout of its own (none)",
	    1, 0, NULL },
	{ "grace", 0, JOBQ_OPT_DURATION, &RUN.grace_ms, "DURATION",
	    "from TERM to KILL when a job is stopped (10s)", 0, 0, NULL },
	{ "stdin", 0, JOBQ_OPT_CHOICE, &WORDS.give, "WHAT",
	    "what a job reads: its input (the default), its whole job line, "
	    "none",
	    0, 0, "input job none" },
	{ "result", 0, JOBQ_OPT_CHOICE, &WORDS.result, "HOW",
	    "how standard output becomes the output of the job (auto)", 0, 0,
	    "auto text json none" },
	{ "output-limit", 0, JOBQ_OPT_SIZE, &RUN.output_limit_bytes, "SIZE",
	    "keep so much of what a job writes (1MiB)", 0, 0, NULL },
	{ "line-events", 0, JOBQ_OPT_FLAG, &RUN.line_events, NULL,
	    "tell each line of output as an event of its own", 0, 0, NULL },
	{ "pipe-wait", 0, JOBQ_OPT_DURATION, &RUN.pipe_wait_ms, "DURATION",
	    "wait so long for those who hold a finished job's output (2s)", 0,
	    0, NULL },
	{ "permanent", 0, JOBQ_OPT_STRING, &WORDS.permanent, "CODES",
	    "exit codes that fail for good (64,65)", 0, 0, NULL },
	{ "clean-env", 0, JOBQ_OPT_FLAG, &RUN.clean_env, NULL,
	    "jobs see only PATH, HOME, LANG, LC_*, TZ, TMPDIR, JOBQ_* and "
	    "TRACEPARENT",
	    0, 0, NULL },
	{ "halt", 0, JOBQ_OPT_STRING, &WORDS.halt, "WHEN,fail=N",
	    "when N jobs have failed start nothing more (soon), or stop what "
	    "runs, too (now)",
	    0, 0, NULL },
	{ "joblog", 0, JOBQ_OPT_STRING, &RUN.joblog, "FILE",
	    "write a line for each job, in the columns of GNU parallel", 0, 0,
	    NULL },
	{ "output-dir", 0, JOBQ_OPT_STRING, &RUN.output_dir, "DIR",
	    "write all output of a job to DIR/ID.out and DIR/ID.err", 0, 0,
	    NULL },
	{ "output-log", 0, JOBQ_OPT_STRING, &RUN.output_log, "PREFIX",
	    "add the output of all jobs to PREFIX_stdout.log, _stderr.log", 0,
	    0, NULL },
	{ "log-jobs", 0, JOBQ_OPT_FLAG, &RUN.log_jobs, NULL,
	    "say what becomes of each job", 0, 0, NULL },
	{ "log-started", 0, JOBQ_OPT_STRING, &RUN.log_started, "TEXT",
	    "say so, with {name} and the like, that a job has started", 0, 0,
	    NULL },
	{ "log-ended", 0, JOBQ_OPT_STRING, &RUN.log_ended, "TEXT",
	    "the same when it has completed or failed, which is {event}", 0, 0,
	    NULL },
	{ "log-completed", 0, JOBQ_OPT_STRING, &RUN.log_completed, "TEXT",
	    "the same when it has completed, in place of --log-ended", 0, 0,
	    NULL },
	{ "env-from", 0, JOBQ_OPT_STRING, &RUN.env_from, "PATH",
	    "the object in the job line, such as .context.env, that has "
	    "further variables of its process",
	    0, 0, NULL },
	{ "post", 0, JOBQ_OPT_STRING, &RUN.post.url, "URL",
	    "POST each job to a server instead of running a command", 0, 0,
	    NULL },
	{ "header", 0, JOBQ_OPT_LIST, &jobq_run_given.headers, "TEXT",
	    "a header of each request, 'Name: value'", 0, 0, NULL },
	{ "token-file", 0, JOBQ_OPT_STRING, &RUN.post.token_file, "FILE",
	    "send the token in it as Authorization: Bearer", 0, 0, NULL },
	{ "body", 0, JOBQ_OPT_STRING, &RUN.post.body, "FILE.jq",
	    "jq program that makes the body from the job (the job line)", 0, 0,
	    NULL },
	{ "result-map", 0, JOBQ_OPT_STRING, &RUN.post.result_map, "FILE.jq",
	    "jq program that makes the result from {status, headers, body}", 0,
	    0, NULL },
	{ "wrap", 0, JOBQ_OPT_STRING, &RUN.post.wrap, "NAME",
	    "send the input alone, as the member NAME of an object", 0, 0,
	    NULL },
	{ "unwrap", 0, JOBQ_OPT_STRING, &RUN.post.unwrap, "NAME",
	    "the result is the member NAME of the answer", 0, 0, NULL },
	{ "coprocess", 0, JOBQ_OPT_FLAG, &WORDS.coprocess, NULL,
	    "the command lives on: it reads job lines and writes answers", 0, 0,
	    NULL },
	{ "depth", 0, JOBQ_OPT_INT, &WORDS.depth, "N",
	    "jobs that one coprocess has at the same time (1)", 1,
	    JOBQ_RUN_PLACES_MAX, NULL },
	JOBQ_OPT_END,
};

void
jobq_run_opts_without(
    const char *const *names, struct jobq_opt *out, size_t room)
{
	size_t count = 0;

	for (const struct jobq_opt *opt = jobq_run_opts; opt->name != NULL;
	     opt++) {
		const char *const *name = names;

		while (*name != NULL && strcmp(*name, opt->name) != 0)
			name++;
		if (*name != NULL)
			continue;
		if (count + 1 >= room)
			JOBQ_BUG("no room for the options of jobq-run");
		out[count++] = *opt;
	}
	out[count] = (struct jobq_opt)JOBQ_OPT_END;
}

/* Secrets do not stay where ps(1) shows them. */
static bool
take_post(struct jobq_run_post *post, const struct jobq_list *headers)
{
	bool secret = post->url != NULL && jobq_url_has_secret(post->url);

	if (secret)
		post->url = jobq_command_hide(post->url, 0);
	for (size_t i = 0; i < headers->count; i++) {
		size_t name = strcspn(headers->item[i], ":");

		if (strncasecmp(headers->item[i], "Authorization:", name + 1) !=
		    0)
			continue;
		headers->item[i] = jobq_command_hide(headers->item[i], name);
		secret = true;
	}
	post->headers = headers->item;
	post->header_count = headers->count;
	return secret;
}

bool
jobq_run_opts_take(const struct jobq_command *command)
{
	struct jobq_err err;
	bool secret = take_post(&RUN.post, &jobq_run_given.headers);

	if (RUN.post.url != NULL)
		RUN.kind = JOBQ_RUN_POST;
	if (command->after_dashes != command->count)
		jobq_command_misuse(command,
		    "'%s' stands before the command; put \"--\" between the "
		    "options and the command",
		    command->operands[0]);
	RUN.command = command->operands;
	if (jobq_run_parse(&WORDS, &RUN, &err) != JOBQ_OK)
		jobq_command_misuse(command, "%s", err.text);
	return secret;
}

static void
add(struct jobq_words *words, const struct jobq_opt *opt, const char *value)
{
	struct jobq_buf name = JOBQ_BUF_INIT;

	jobq_buf_printf(&name, "--%s", opt->name);
	jobq_words_add(words, name.data);
	if (value != NULL)
		jobq_words_add(words, value);
	jobq_buf_release(&name);
}

static void
add_number(struct jobq_words *words, const struct jobq_opt *opt, int64_t number)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (opt->type == JOBQ_OPT_NO_DURATION && number < 0)
		jobq_buf_puts(&text, "none");
	else
		jobq_buf_printf(&text, "%lld%s", (long long)number,
		    opt->type == JOBQ_OPT_DURATION ||
			    opt->type == JOBQ_OPT_NO_DURATION
			? "ms"
			: "");
	add(words, opt, text.data);
	jobq_buf_release(&text);
}

/* Whether two texts, both of which may be NULL, are the same. */
static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Adds an option whose value is at to, unless it is the default. */
static void
add_opt(struct jobq_words *words, const struct jobq_opt *opt, const void *to,
    const void *unset)
{
	const struct jobq_list *list;

	switch (opt->type) {
	case JOBQ_OPT_FLAG:
		if (*(const bool *)to)
			add(words, opt, NULL);
		break;
	case JOBQ_OPT_LIST:
		list = to;
		for (size_t i = 0; i < list->count; i++)
			add(words, opt, list->item[i]);
		break;
	case JOBQ_OPT_STRING:
	case JOBQ_OPT_CHOICE:
		if (!same(
			*(const char *const *)to, *(const char *const *)unset))
			add(words, opt, *(const char *const *)to);
		break;
	case JOBQ_OPT_INT:
	case JOBQ_OPT_DURATION:
	case JOBQ_OPT_NO_DURATION:
		if (*(const int64_t *)to != *(const int64_t *)unset)
			add_number(words, opt, *(const int64_t *)to);
		break;
	case JOBQ_OPT_SIZE:
		if (*(const uint64_t *)to != *(const uint64_t *)unset)
			add_number(
			    words, opt, (int64_t) * (const uint64_t *)to);
		break;
	case JOBQ_OPT_COUNT:
	case JOBQ_OPT_TIME:
		JOBQ_BUG("an option of this type is not handed on");
	}
}

void
jobq_run_opts_words(struct jobq_words *words)
{
	const char *begin = (const char *)&jobq_run_given;

	for (const struct jobq_opt *opt = jobq_run_opts; opt->name != NULL;
	     opt++)
		add_opt(words, opt, opt->to,
		    (const char *)&defaults + ((const char *)opt->to - begin));
}
