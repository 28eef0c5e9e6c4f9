#include "backoff.h"

#include "clock.h"
#include "mem.h"

#include <sys/random.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* A number from -10 to 10 percent of ms; the middle when none can be had. */
static int64_t
spread(int64_t ms)
{
	uint32_t number;
	int64_t width = ms / 5;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(number))
		return 0;
	return number % (width + 1) - width / 2;
}

int64_t
jobq_backoff_fail(struct jobq_backoff *backoff)
{
	int64_t wait_ms = backoff->next_ms;

	if (wait_ms == 0)
		wait_ms = backoff->first_ms;
	if (wait_ms > backoff->most_ms)
		wait_ms = backoff->most_ms;
	backoff->next_ms =
	    wait_ms <= backoff->most_ms / 2 ? wait_ms * 2 : backoff->most_ms;
	return backoff->exact ? wait_ms : wait_ms + spread(wait_ms);
}

bool
jobq_backoff_fresh(const struct jobq_backoff *backoff)
{
	return backoff->next_ms == 0;
}

void
jobq_backoff_reset(struct jobq_backoff *backoff)
{
	backoff->next_ms = 0;
}

enum jobq_status
jobq_backoff_parse(
    const char *text, int64_t *first_ms, int64_t *most_ms, struct jobq_err *err)
{
	const char *dots = strstr(text, "..");
	char *first =
	    jobq_xstrndup(text, dots ? (size_t)(dots - text) : strlen(text));
	enum jobq_status status;

	status = jobq_duration_parse(first, false, first_ms, err);
	if (status == JOBQ_OK)
		status = jobq_duration_parse(
		    dots ? dots + 2 : first, false, most_ms, err);
	if (status == JOBQ_OK && *most_ms < *first_ms)
		status = jobq_fail(
		    err, JOBQ_INVALID, "'%s' ends before it begins", text);
	free(first);
	return status;
}
