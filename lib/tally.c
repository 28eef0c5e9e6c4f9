#include "tally.h"

#include "mem.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define SAMPLE_MS 1000

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
begin(struct jobq_tally *tally, const char *id)
{
	char *copy;

	if (tfind(id, &tally->ids, compare) != NULL)
		return;
	copy = jobq_xstrdup(id);
	if (tsearch(copy, &tally->ids, compare) == NULL)
		free(copy);
	else
		tally->running++;
}

static void
end(struct jobq_tally *tally, const char *id)
{
	char **node = tfind(id, &tally->ids, compare);
	char *copy;

	if (node == NULL)
		return;
	copy = *node;
	tdelete(id, &tally->ids, compare);
	free(copy);
	tally->running--;
}

/* Whether the job is in this state after its event; unsaid counts as yes. */
static bool
is_now(const struct jobq_event *event, const char *state)
{
	return event->state == NULL || strcmp(event->state, state) == 0;
}

void
jobq_tally_take(struct jobq_tally *tally, const struct jobq_event *event)
{
	if (event->id == NULL)
		return;
	if (event->kind == JOBQ_EVENT_STARTED)
		begin(tally, event->id);
	if (!jobq_event_is_ending(event->kind))
		return;
	end(tally, event->id);
	if (event->kind == JOBQ_EVENT_COMPLETED)
		tally->completed++;
	else if (event->kind == JOBQ_EVENT_FAILED && is_now(event, "failed"))
		tally->failed++;
	else if (event->kind == JOBQ_EVENT_CANCELLED ||
		 (event->state != NULL && is_now(event, "cancelled")))
		tally->cancelled++;
	else if (event->kind == JOBQ_EVENT_FAILED)
		tally->again++;
}

void
jobq_tally_release(struct jobq_tally *tally)
{
	tdestroy(tally->ids, free);
	tally->ids = NULL;
}

/* Endings per second since the oldest sample; below 0: not known yet. */
static double
rate(struct jobq_tally *tally, int64_t now_ms, uint64_t ended)
{
	size_t last = (tally->samples - 1) % JOBQ_TALLY_SAMPLES;
	size_t oldest = 0;
	int64_t passed_ms;

	if (tally->samples == 0 ||
	    now_ms - tally->sample[last].at_ms >= SAMPLE_MS) {
		last = tally->samples++ % JOBQ_TALLY_SAMPLES;
		tally->sample[last].at_ms = now_ms;
		tally->sample[last].ended = ended;
	}
	if (tally->samples > JOBQ_TALLY_SAMPLES)
		oldest = tally->samples % JOBQ_TALLY_SAMPLES;
	passed_ms = now_ms - tally->sample[oldest].at_ms;
	if (passed_ms < SAMPLE_MS)
		return -1;
	return (double)(ended - tally->sample[oldest].ended) * 1000 /
	       (double)passed_ms;
}

void
jobq_tally_put(struct jobq_tally *tally, int64_t now_ms, struct jobq_buf *out)
{
	uint64_t ended = tally->completed + tally->failed + tally->cancelled;
	double per_second = rate(tally, now_ms, ended);

	jobq_buf_printf(out, "%llu completed, %llu failed, ",
	    (unsigned long long)tally->completed,
	    (unsigned long long)tally->failed);
	if (tally->cancelled > 0)
		jobq_buf_printf(out, "%llu cancelled, ",
		    (unsigned long long)tally->cancelled);
	if (tally->again > 0)
		jobq_buf_printf(out, "%llu tried again, ",
		    (unsigned long long)tally->again);
	jobq_buf_printf(out, "%zu running", tally->running);
	if (per_second >= 0)
		jobq_buf_printf(out, ", %.1f/s", per_second);
}

void
jobq_tally_paint(struct jobq_tally *tally, int64_t now_ms, size_t width,
    struct jobq_buf *out)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_tally_put(tally, now_ms, &text);
	if (width > 1 && text.len > width - 1)
		text.data[width - 1] = '\0';
	jobq_buf_printf(out, "\r\033[K%s\r", text.data);
	jobq_buf_release(&text);
}
