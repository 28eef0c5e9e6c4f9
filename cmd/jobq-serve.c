/*
 * jobq-serve: a store, its tasks and their watchers over HTTP and WebSocket.
 */
#include "command.h"
#include "serve/serve.h"

#include "banned.h"

static struct jobq_serve_options given = {
	.history_ms = 3600000,
	.most_watchers = 4096,
	.drain_ms = 10000,
};

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
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[--listen WHERE] [--token-file FILE] [options]",
	"--health WHERE --health-only [options]",
	NULL,
};

static const char *const examples[] = {
	"jobq-serve & curl -s localhost:8000/health",
	"jobq-serve --listen 0.0.0.0:8000 --token-file token "
	"--allow-host jobs.example.org",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-serve",
	.summary = "serve a store, tasks and a page over HTTP",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.long_running = true,
};

int
main(int argc, char **argv)
{
	struct jobq_err err = { "" };
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	if (given.health_only && given.health.count == 0)
		jobq_command_misuse(&command, "--health-only needs --health");
	if (given.health_only && given.listen.count > 0)
		jobq_command_misuse(
		    &command, "--health-only and --listen exclude each other");
	if (given.open && given.token_file != NULL)
		jobq_command_misuse(
		    &command, "--open and --token-file exclude each other");
	given.store_url = command.store_url;
	status = jobq_serve(&given, &err);
	return jobq_command_end(&command, status, &err);
}
