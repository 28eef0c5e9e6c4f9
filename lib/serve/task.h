/*
 * Tasks: jobs as the clients of a task service know them. A task's type is
 * the job's name, and the job's input is the task as it was given, with its
 * task_id.
 */
#ifndef JOBQ_SERVE_TASK_H
#define JOBQ_SERVE_TASK_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

/* The status of a task that a job's state means; state may be absent. */
const char *jobq_task_status(const struct jobq_span *state);

/* Whether that status is an end. */
bool jobq_task_ended(const char *status);

/*
 * Of a job's line from a list, scanned: how long ago it has ended, in ms by
 * this machine's clock; -1 when it has not.
 */
int64_t jobq_task_ended_for(const struct jobq_object *job);

#endif
