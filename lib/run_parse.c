#include "run_parse.h"

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

enum jobq_status
jobq_run_parse_codes(const char *text, bool codes[256], struct jobq_err *err)
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

enum jobq_status
jobq_run_parse_backoff(
    const char *text, struct jobq_run_options *options, struct jobq_err *err)
{
	const char *dots = strstr(text, "..");
	char *first =
	    jobq_xstrndup(text, dots ? (size_t)(dots - text) : strlen(text));
	enum jobq_status status;

	status =
	    jobq_duration_parse(first, false, &options->backoff_first_ms, err);
	if (status == JOBQ_OK)
		status = jobq_duration_parse(dots ? dots + 2 : first, false,
		    &options->backoff_most_ms, err);
	if (status == JOBQ_OK &&
	    options->backoff_most_ms < options->backoff_first_ms)
		status = jobq_fail(
		    err, JOBQ_INVALID, "'%s' ends before it begins", text);
	free(first);
	return status;
}

enum jobq_status
jobq_run_parse_halt(
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
