/*
 * jobq-serve: a store, its tasks and their watchers over HTTP and WebSocket.
 */
#include "command.h"
#include "run_opts.h"
#include "serve/serve.h"
#include "work.h"
#include "work_args.h"

#include <unistd.h>

#include "banned.h"

static struct jobq_serve_options given = {
	.history_ms = 3600000,
	.most_watchers = 4096,
	.drain_ms = 10000,
};

static bool tool;
static int64_t places = JOBQ_NOT_GIVEN;

#define DEFAULT_PLACES 4

static const struct jobq_opt options[] = {
	{ "listen", 0, JOBQ_OPT_LIST, &given.listen, "ADDR:PORT|unix:PATH",
	    "listen here (127.0.0.1:8000); may stand several times", 0, 0,
	    NULL },
	{ "health", 0, JOBQ_OPT_LIST, &given.health, "ADDR:PORT|unix:PATH",
	    "here tell /health and /metrics alone, to anybody", 0, 0, NULL },
	{ "health-only", 0, JOBQ_OPT_FLAG, &given.health_only, NULL,
	    "listen nowhere else", 0, 0, NULL },
	{ "open", 0, JOBQ_OPT_FLAG, &given.open, NULL,
	    "let other machines in without a token", 0, 0, NULL },
	{ "read-only", 0, JOBQ_OPT_FLAG, &given.read_only, NULL,
	    "let nobody change anything", 0, 0, NULL },
	{ "token-file", 0, JOBQ_OPT_STRING, &given.token_file, "FILE",
	    "let in who has the token in this file", 0, 0, NULL },
	{ "allow-host", 0, JOBQ_OPT_LIST, &given.allowed_hosts, "HOST[:PORT]",
	    "be known under this name, too; may stand several times", 0, 0,
	    NULL },
	{ "history", 0, JOBQ_OPT_DURATION, &given.history_ms, "DURATION",
	    "how long a task can be watched after its end (1h)", 0, INT64_MAX,
	    NULL },
	{ "max-watchers", 0, JOBQ_OPT_INT, &given.most_watchers, "N",
	    "watchers at the same time (4096)", 1, 1000000, NULL },
	{ "tool", 0, JOBQ_OPT_FLAG, &tool, NULL,
	    "serve no store but a handler of jobq-run, at POST /execute", 0, 0,
	    NULL },
	{ "jobs", 'j', JOBQ_OPT_INT, &places, "N",
	    "with --tool: runs at the same time (4)", 1, JOBQ_RUN_PLACES_MAX,
	    NULL },
	{ "post-token-file", 0, JOBQ_OPT_STRING,
	    &jobq_run_given.run.post.token_file, "FILE",
	    "with --post: send the token in it as Authorization: Bearer", 0, 0,
	    NULL },
	JOBQ_OPT_END,
};

/* Those of jobq-run that hold for --tool. */
static const char *const others[] = { "token-file", "halt", NULL };
static struct jobq_opt run_options[64];

static const char *const synopsis[] = {
	"[--listen WHERE] [--token-file FILE] [options]",
	"--health WHERE --health-only [options]",
	"--tool [-j N] [--listen WHERE] [options] -- COMMAND [ARG ...]",
	NULL,
};

static const char *const examples[] = {
	"jobq-serve & curl -s localhost:8000/health",
	"jobq-serve --listen 0.0.0.0:8000 --token-file token "
	"--allow-host example.org",
	"jobq-serve --tool -j 8 -- jq -c '{doubled: (.n * 2)}'",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-serve",
	.summary = "serve a store, tasks and a page over HTTP",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.more_options = run_options,
	.most_operands = -1,
	.uses_store = true,
	.long_running = true,
};

/* The options of jobq-run that are given; none may be without --tool. */
static void
refuse_run_options(void)
{
	struct jobq_words words = { NULL, 0, 0 };

	jobq_run_opts_words(&words);
	if (words.count > 0)
		jobq_command_misuse(
		    &command, "%s goes with --tool", words.item[0]);
	if (places != JOBQ_NOT_GIVEN)
		jobq_command_misuse(&command, "--jobs goes with --tool");
	if (command.count > 0)
		jobq_command_misuse(&command,
		    "'%s': only with --tool a command is run",
		    command.operands[0]);
}

/* Makes the command line of jobq-run, which lives as long as we do. */
static void
take_tool(struct jobq_words *words)
{
	struct jobq_work_options work = { .run = &jobq_run_given.run };
	struct jobq_work_end no_end = { false, JOBQ_NOT_GIVEN, JOBQ_NOT_GIVEN,
		0 };

	if (given.health_only || command.store_url != NULL || given.read_only)
		jobq_command_misuse(&command,
		    "--tool goes with none of --store, --health-only and "
		    "--read-only");
	if (jobq_run_opts_take(&command))
		jobq_command_misuse(&command,
		    "a password in --post and an Authorization in --header "
		    "would be handed to jobq-run on its command line; give "
		    "the token in a file (--post-token-file)");
	work.places = places == JOBQ_NOT_GIVEN ? DEFAULT_PLACES : places;
	jobq_words_add(words, "jobq-run");
	jobq_work_run_args(words, &work, &no_end);
	jobq_command_export_log();
	given.tool = words;
	given.tool_places = (size_t)work.places;
	given.drain_ms = jobq_run_given.run.grace_ms;
}

int
main(int argc, char **argv)
{
	struct jobq_err err = { "" };
	struct jobq_words words = { NULL, 0, 0 };
	enum jobq_status status;
	bool left = false;
	int code;

	jobq_run_opts_without(
	    others, run_options, sizeof(run_options) / sizeof(*run_options));
	jobq_command_start(&command, argc, argv);
	if (given.health_only && given.listen.count > 0)
		jobq_command_misuse(
		    &command, "--health-only and --listen exclude each other");
	if (given.open && given.token_file != NULL)
		jobq_command_misuse(
		    &command, "--open and --token-file exclude each other");
	if (tool)
		take_tool(&words);
	else
		refuse_run_options();
	given.store_url = command.store_url;
	status = jobq_serve(&given, &left, &err);
	code = jobq_command_end(&command, status, &err);
	if (left)
		_exit(code);
	jobq_words_release(&words);
	return code;
}
