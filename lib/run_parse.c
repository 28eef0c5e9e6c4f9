#include "run_parse.h"

#include "backoff.h"
#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

static enum jobq_status
no_codes(const char *text, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_INVALID,
	    "'%s' is no list of exit codes from 1 to 255 divided by commas",
	    text);
}

static enum jobq_status
parse_codes(const char *text, bool codes[256], struct jobq_err *err)
{
	const char *at = text;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");
		unsigned code = 0;

		for (size_t i = 0; i < len; i++) {
			if (at[i] < '0' || at[i] > '9' || code > 255)
				return no_codes(text, err);
			code = 10 * code + (unsigned)(at[i] - '0');
		}
		if (len == 0 || code < 1 || code > 255)
			return no_codes(text, err);
		codes[code] = true;
		at += len;
		at += *at == ',';
	}
	return JOBQ_OK;
}

static enum jobq_status
parse_halt(
    const char *text, struct jobq_run_options *options, struct jobq_err *err)
{
	static const char now[] = "now,fail=", soon[] = "soon,fail=";
	int64_t failed;

	options->halt_now = strncmp(text, now, strlen(now)) == 0;
	if ((!options->halt_now && strncmp(text, soon, strlen(soon)) != 0) ||
	    jobq_int_parse(strchr(text, '=') + 1, 1, INT64_MAX, &failed, err) !=
		JOBQ_OK)
		return jobq_fail(err, JOBQ_INVALID,
		    "'%s' is neither soon,fail=N nor now,fail=N, N from 1",
		    text);
	options->halt_failed = (uint64_t)failed;
	return JOBQ_OK;
}

/*
 * Where a word stands in a list of choices; the option table has let only
 * those in.
 */
static int
choice(const char *word, const char *const *list)
{
	int at = 0;

	while (strcmp(list[at], word) != 0)
		at++;
	return at;
}

static enum jobq_status
check_post(const struct jobq_run_options *options, struct jobq_err *err)
{
	const struct jobq_run_post *post = &options->post;

	if (post->url == NULL &&
	    (post->header_count > 0 || post->token_file != NULL ||
		post->body != NULL || post->result_map != NULL ||
		post->wrap != NULL || post->unwrap != NULL))
		return jobq_fail(err, JOBQ_INVALID,
		    "--header, --token-file, --body, --result-map, --wrap and "
		    "--unwrap go with --post");
	if ((post->body != NULL && post->wrap != NULL) ||
	    (post->result_map != NULL && post->unwrap != NULL))
		return jobq_fail(err, JOBQ_INVALID,
		    "--wrap stands in place of --body, --unwrap in place of "
		    "--result-map");
	if (post->url != NULL &&
	    (options->command[0] != NULL || options->argv_file != NULL ||
		options->dir != NULL))
		return jobq_fail(err, JOBQ_INVALID,
		    "--post: either a command or a server does the work");
	if (post->url != NULL && options->output_dir != NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "--output-dir is for what processes write: not with "
		    "--post");
	return JOBQ_OK;
}

/* A coprocess answers with more than an exit code and lines of text. */
static enum jobq_status
check_coprocess(const struct jobq_run_words *words,
    const struct jobq_run_options *options, struct jobq_err *err)
{
	if (!words->coprocess && words->depth != 0)
		return jobq_fail(err, JOBQ_INVALID,
		    "--depth is about coprocesses; use it with --coprocess, "
		    "or -j for more jobs at the same time");
	if (!words->coprocess)
		return JOBQ_OK;
	if (words->give != NULL && strcmp(words->give, "job") != 0)
		return jobq_fail(err, JOBQ_INVALID,
		    "--stdin %s: a coprocess reads whole job lines, for it "
		    "answers by their ids; leave --stdin out",
		    words->give);
	if (options->result != JOBQ_RESULT_AUTO)
		return jobq_fail(err, JOBQ_INVALID,
		    "--result %s: the result of a coprocess is the output in "
		    "its answer; leave --result out",
		    words->result);
	if (options->argv_file != NULL || options->dir != NULL ||
	    options->env_from != NULL || options->output_dir != NULL ||
	    options->post.url != NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "--coprocess is for one command of all jobs: not with "
		    "--argv, --dir, --env-from, --output-dir or --post");
	return JOBQ_OK;
}

/* Whether one thing, and only one, is to do the work. */
static enum jobq_status
check_work(const struct jobq_run_options *options, struct jobq_err *err)
{
	bool any = options->command[0] != NULL;

	if (options->argv_file != NULL && (options->dir != NULL || any))
		return jobq_fail(err, JOBQ_INVALID,
		    "--argv makes the whole command: neither --dir nor "
		    "anything after \"--\" goes with it");
	if (options->argv_file == NULL && options->dir == NULL && !any &&
	    options->post.url == NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "which command? It goes after \"--\", or --argv or --dir "
		    "finds it, or --post does without");
	return JOBQ_OK;
}

static enum jobq_status
check(const struct jobq_run_options *options, struct jobq_err *err)
{
	enum jobq_status status = check_post(options, err);

	if (status == JOBQ_OK)
		status = check_work(options, err);
	if (status == JOBQ_OK &&
	    (options->output_limit_bytes < 1024 ||
		options->output_limit_bytes > JOBQ_RUN_OUTPUT_MAX))
		status = jobq_fail(err, JOBQ_INVALID,
		    "--output-limit: from 1KiB to %lluKiB, so that a line "
		    "with it fits between stages",
		    (unsigned long long)(JOBQ_RUN_OUTPUT_MAX >> 10));
	return status;
}

enum jobq_status
jobq_run_parse(const struct jobq_run_words *words,
    struct jobq_run_options *options, struct jobq_err *err)
{
	static const char *const gives[] = { "input", "job", "none" };
	static const char *const results[] = { "auto", "text", "json", "none" };
	const char *name = "--permanent";

	enum jobq_status status;

	options->give = words->give != NULL
			    ? (enum jobq_run_stdin)choice(words->give, gives)
			    : JOBQ_STDIN_INPUT;
	if (words->coprocess)
		options->kind = JOBQ_RUN_COPROCESS;
	if (options->log_started != NULL || options->log_ended != NULL ||
	    options->log_completed != NULL)
		options->log_jobs = true;
	options->depth = words->depth > 0 ? (size_t)words->depth : 1;
	options->result = (enum jobq_run_result)choice(words->result, results);
	status = parse_codes(words->permanent, options->permanent, err);
	if (status == JOBQ_OK) {
		name = "--backoff";
		status = jobq_backoff_parse(words->backoff,
		    &options->backoff_first_ms, &options->backoff_most_ms, err);
	}
	if (status == JOBQ_OK && words->halt != NULL) {
		name = "--halt";
		status = parse_halt(words->halt, options, err);
	}
	if (status == JOBQ_OK)
		status = check_coprocess(words, options, err);
	else
		jobq_err_prefix(err, "%s", name);
	return status == JOBQ_OK ? check(options, err) : status;
}
