/*
 * jobq-fetch: gives job lines what a GET of a URL made from them answers, as
 * their member context; all other lines pass through.
 */
#include "backoff.h"
#include "command.h"
#include "fetch.h"
#include "url.h"

#include <signal.h>

#include "banned.h"

static struct jobq_fetch_options given = {
	.ttl_ms = 60000,
	.timeout_ms = 10000,
	.retries = 3,
};

static const char *backoff = "1s..30s";

static const struct jobq_opt options[] = {
	{ "ttl", 0, JOBQ_OPT_DURATION, &given.ttl_ms, "DURATION",
	    "an answer is good for so long (60s)", 0, INT64_MAX, NULL },
	{ "timeout", 0, JOBQ_OPT_DURATION, &given.timeout_ms, "DURATION",
	    "a request may take so long (10s)", 10, INT64_MAX, NULL },
	{ "retries", 0, JOBQ_OPT_INT, &given.retries, "N",
	    "repeat a request that may work later so often (3)", 0, 1000000,
	    NULL },
	{ "backoff", 0, JOBQ_OPT_STRING, &backoff, "FIRST..MOST",
	    "wait so long before a request is repeated, doubling (1s..30s)", 0,
	    0, NULL },
	{ "token-file", 0, JOBQ_OPT_STRING, &given.token_file, "FILE",
	    "send the token in it as a bearer token", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[--ttl DURATION] [options] URL <lines",
	NULL,
};

static const char *const examples[] = {
	"jobq-claim -n9 | jobq-fetch http://api/{name} | jobq-run -- ./handler",
	"jobq-fetch --ttl 10m 'http://localhost:8080/projects/{input.project}' "
	"<jobs",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-fetch",
	.summary = "give jobs what a URL answers as their context",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.least_operands = 1,
	.most_operands = 1,
	.needs_stdin = true,
};

static enum jobq_status
take_options(struct jobq_err *err)
{
	enum jobq_status status =
	    jobq_backoff_parse(backoff, &given.first_ms, &given.most_ms, err);

	given.command = &command;
	given.url = command.operands[0];
	/* All users of the machine can list the arguments. */
	if (jobq_url_has_secret(given.url))
		given.url = jobq_command_hide(given.url, 0);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "--backoff");
	return status;
}

int
main(int argc, char **argv)
{
	struct jobq_fetch *fetch = NULL;
	struct jobq_err err = { "" };
	enum jobq_status status;
	int code;

	jobq_command_start(&command, argc, argv);
	status = take_options(&err);
	if (status == JOBQ_OK)
		status = jobq_fetch_open(&fetch, &given, &err);
	if (status == JOBQ_OK)
		status = jobq_fetch_work(fetch, &err);
	if (fetch != NULL)
		jobq_fetch_close(fetch);
	code = jobq_command_end(&command, status, &err);
	if (status == JOBQ_IO && err.text[0] == '\0') {
		/* Nobody can be told anything: now as any other filter. */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
