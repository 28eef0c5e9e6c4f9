#include "ring_jobs.h"

#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* A job that lasts so long is no short one; none of the shortest. */
#define LONG_MS 100
#define BRIEF_MS 10
#define LATELY_MS 1000 /* how long one of those is remembered */

/* So many may wait, which is a commit's time of jobs that last a millisecond.
 */
#define AHEAD_SHORT 2
#define AHEAD_BRIEF 4

void
jobq_ring_jobs_release(struct jobq_ring_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		free(jobs->job[i].id);
	free(jobs->job);
	jobs->job = NULL;
	jobs->count = jobs->cap = 0;
}

void
jobq_ring_jobs_add(
    struct jobq_ring_jobs *jobs, const char *id, int64_t epoch, int64_t now)
{
	jobs->job =
	    jobq_grow(jobs->job, jobs->count, &jobs->cap, sizeof *jobs->job);
	jobs->job[jobs->count++] = (struct jobq_ring_job){
		.id = jobq_xstrdup(id),
		.epoch = epoch,
		.heard_ms = now,
	};
}

struct jobq_ring_job *
jobq_ring_jobs_find(struct jobq_ring_jobs *jobs, const char *id, int64_t epoch)
{
	for (size_t i = 0; id != NULL && i < jobs->count; i++)
		if (jobs->job[i].epoch == epoch &&
		    strcmp(jobs->job[i].id, id) == 0)
			return &jobs->job[i];
	return NULL;
}

static void
note_length(
    struct jobq_ring_jobs *jobs, const struct jobq_ring_job *job, int64_t now)
{
	int64_t lasts = now - job->started_ms;

	/* What waits for a commit lasts no longer by that. */
	if (job->started_ms == 0 || job->ending)
		return;
	if (lasts >= LONG_MS)
		jobs->long_ms = now;
	if (lasts >= BRIEF_MS)
		jobs->not_brief_ms = now;
}

void
jobq_ring_jobs_end(
    struct jobq_ring_jobs *jobs, struct jobq_ring_job *job, int64_t now)
{
	note_length(jobs, job, now);
	job->ending = true;
}

void
jobq_ring_jobs_remove(
    struct jobq_ring_jobs *jobs, struct jobq_ring_job *job, int64_t now)
{
	note_length(jobs, job, now);
	if (job->started_ms != 0)
		jobs->any_ended = true;
	free(job->id);
	*job = jobs->job[--jobs->count];
}

size_t
jobq_ring_jobs_busy(const struct jobq_ring_jobs *jobs)
{
	size_t busy = 0;

	for (size_t i = 0; i < jobs->count; i++)
		busy += !jobs->job[i].ending;
	return busy;
}

void
jobq_ring_jobs_heard(
    struct jobq_ring_jobs *jobs, struct jobq_span list, int64_t now)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	struct jobq_span pair, element;
	size_t cursor = 0;

	while (list.len > 0 && jobq_json_element(list, &cursor, &pair)) {
		struct jobq_ring_job *job = NULL;
		size_t inner = 0;
		int64_t epoch;

		jobq_buf_clear(&id);
		if (jobq_json_element(pair, &inner, &element) &&
		    jobq_json_string(element, &id, NULL) == JOBQ_OK &&
		    jobq_json_element(pair, &inner, &element) &&
		    jobq_json_int(element, &epoch, NULL) == JOBQ_OK)
			job = jobq_ring_jobs_find(jobs, id.data, epoch);
		if (job != NULL)
			job->heard_ms = now;
	}
	jobq_buf_release(&id);
}

int64_t
jobq_ring_jobs_ahead(struct jobq_ring_jobs *jobs, int64_t now)
{
	for (size_t i = 0; i < jobs->count; i++)
		note_length(jobs, &jobs->job[i], now);
	if (jobs->long_ms != 0 && now - jobs->long_ms < LATELY_MS)
		return 0;
	if (!jobs->any_ended ||
	    (jobs->not_brief_ms != 0 && now - jobs->not_brief_ms < LATELY_MS))
		return AHEAD_SHORT;
	return AHEAD_BRIEF;
}
