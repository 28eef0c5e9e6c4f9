/*
 * What comes after an attempt: another one, or the end of the task. Only the
 * files of the runner include this.
 */
#ifndef JOBQ_RUN_AFTER_H
#define JOBQ_RUN_AFTER_H

#include "run_say.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether, and after how long, a failed attempt is repeated. */
bool jobq_again_wanted(
    const struct jobq_task *task, const struct jobq_verdict *verdict);
int64_t jobq_again_delay_ms(
    const struct jobq_task *task, const struct jobq_verdict *verdict);

/* Stops its timers, closes its files, gives back its place. */
void jobq_task_leave(struct jobq_task *task);

/* An ending: its numbers, its line in the job log, --halt. */
void jobq_task_count(
    const struct jobq_task *task, const struct jobq_verdict *verdict);

#endif
