/*
 * A partition whose window is full stands still. Where that is so because of
 * jobs at its front that wait for their time, they go to the end of the log,
 * unless most of it is such jobs: then it stands still until they are due.
 */
#include "kafka_settle.h"

#include "clock.h"

#include "banned.h"

enum jobq_status
jobq_kafka_make_room(struct jobq_kafka *store, struct jobq_kafka_part *part,
    struct jobq_err *err)
{
	int64_t front = jobq_offsets_commit(&part->offsets), now;
	enum jobq_status status = JOBQ_OK;
	size_t waiting = 0;

	if (jobq_offsets_window(&part->offsets) < JOBQ_KAFKA_WINDOW)
		return JOBQ_OK;
	now = jobq_wall_ms() + 1000;
	for (struct jobq_kafka_job *job = store->first; job != NULL;
	     job = job->next)
		waiting += job->part == part && job->due_ms > now;
	for (struct jobq_kafka_job *job = store->first;
	     job != NULL && waiting <= JOBQ_KAFKA_WINDOW / 4 &&
	     status == JOBQ_OK;
	     job = job->next)
		if (job->part == part && job->due_ms > now &&
		    job->offset < front + JOBQ_KAFKA_WINDOW / 2 &&
		    !job->too_large && job->state == JOBQ_KAFKA_WAITING &&
		    job->bad == NULL && job->end_state == NULL)
			status = jobq_kafka_postpone(store, job, err);
	return status;
}
