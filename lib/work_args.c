#include "work_args.h"

#include "adapter.h"
#include "mem.h"
#include "run_env.h"
#include "run_opts.h"
#include "store.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define LEASE_MS 30000

static void
add_flag(struct jobq_words *words, const char *name, bool given)
{
	if (given)
		jobq_words_add(words, name);
}

static void
add_text(struct jobq_words *words, const char *name, const char *value)
{
	if (value == NULL)
		return;
	jobq_words_add(words, name);
	jobq_words_add(words, value);
}

static void
add_number(struct jobq_words *words, const char *name, int64_t number,
    const char *unit)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (number == JOBQ_NOT_GIVEN)
		return;
	jobq_words_add(words, name);
	if (number < 0)
		jobq_buf_puts(&text, "none");
	else
		jobq_buf_printf(&text, "%lld%s", (long long)number, unit);
	jobq_words_add(words, text.data);
	jobq_buf_release(&text);
}

void
jobq_work_claim_args(struct jobq_words *words,
    const struct jobq_work_options *options, const struct jobq_work_end *end)
{
	add_number(words, "--ring", options->places, "");
	add_text(words, "--ahead", options->ahead);
	add_flag(words, "--until-empty", end->until_empty);
	add_flag(words, "--until-done", options->until_done);
	add_number(words, "--max-jobs", end->max_jobs, "");
	add_number(words, "--for", end->for_ms, "ms");
	for (size_t i = 0; i < options->queues.count; i++)
		add_text(words, "--queue", options->queues.item[i]);
	add_text(words, "--flow", options->flow);
	add_number(words, "--lease", options->lease_ms, "ms");
	add_number(words, "--interval", options->interval_ms, "ms");
	add_number(words, "--store-retry", options->retry_ms, "ms");
	add_text(words, "--worker", options->worker);
	add_text(words, "--ready", options->ready);
	add_text(words, "--backoff", options->backoff);
	add_flag(words, "--log-polls", options->log_polls);
}

void
jobq_work_run_args(struct jobq_words *words,
    const struct jobq_work_options *options, const struct jobq_work_end *end)
{
	const struct jobq_run_options *run = options->run;
	struct jobq_buf halt = JOBQ_BUF_INIT;

	add_number(words, "--jobs", options->places, "");
	/* An empty file to resume from is what keeps the job log. */
	if (run->joblog != NULL)
		add_text(words, "--resume", "/dev/null");
	jobq_run_opts_words(words);
	if (end->failed > 0) {
		jobq_buf_printf(&halt, "%s,fail=%llu",
		    run->halt_now ? "now" : "soon",
		    (unsigned long long)(run->halt_failed - end->failed));
		add_text(words, "--halt", halt.data);
	}
	jobq_buf_release(&halt);
	jobq_words_add(words, "--");
	for (char *const *word = run->command; *word != NULL; word++)
		jobq_words_add(words, *word);
}

void
jobq_work_fetch_args(
    struct jobq_words *words, const struct jobq_work_options *options)
{
	jobq_words_add(words, "--");
	jobq_words_add(words, options->fetch);
}

static bool
begins(const char *entry, const char *with)
{
	return strncmp(entry, with, strlen(with)) == 0;
}

void
jobq_work_claim_env(
    struct jobq_words *words, const struct jobq_work_options *options)
{
	struct jobq_buf url = JOBQ_BUF_INIT;

	for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
		if (!begins(*entry, "NOTIFY_SOCKET=") &&
		    !begins(*entry, "WATCHDOG_") &&
		    !begins(*entry, "LISTEN_") &&
		    (options->store_url == NULL ||
			!begins(*entry, "JOBQ_URL=")))
			jobq_words_add(words, *entry);
	if (options->store_url != NULL) {
		jobq_buf_printf(&url, "JOBQ_URL=%s", options->store_url);
		jobq_words_add(words, url.data);
	}
	jobq_buf_release(&url);
}

void
jobq_work_run_env(struct jobq_words *words)
{
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
		if (!jobq_env_is_own(*entry))
			jobq_words_add(words, *entry);
}

int64_t
jobq_work_lease_ms(const struct jobq_work_options *options)
{
	struct jobq_url url = { 0 };
	struct jobq_adapter *adapter = NULL;
	char *text = NULL;
	const char *name;
	int64_t lease_ms = LEASE_MS;

	if (options->lease_ms != JOBQ_NOT_GIVEN)
		return options->lease_ms;
	/* What goes wrong here goes wrong in claim, too, which says so. */
	if (jobq_store_find_url(options->store_url, &text, NULL, NULL) ==
		JOBQ_OK &&
	    jobq_url_parse(&url, text, NULL) == JOBQ_OK) {
		name = jobq_url_take(&url, "adapter");
		if (name == NULL)
			name = url.scheme;
		if (jobq_adapter_open(name, &adapter, NULL) == JOBQ_OK &&
		    jobq_adapter_apply(adapter, &url, NULL) == JOBQ_OK)
			lease_ms = adapter->lease_ms;
	}
	if (adapter != NULL)
		jobq_adapter_free(adapter);
	jobq_url_release(&url);
	free(text);
	return lease_ms;
}
