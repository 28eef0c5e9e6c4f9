/*
 * The pipes of a job's process, and how its exit is noticed. Only the files
 * of the runner include this.
 */
#ifndef JOBQ_RUN_PIPES_H
#define JOBQ_RUN_PIPES_H

#include "child.h"
#include "run_exec.h"

/* The ends of a job's pipes, by descriptor of the child; -1: none. */
struct jobq_ends {
	int ours[JOBQ_CHILD_FDS];
	int theirs[JOBQ_CHILD_FDS];
};

/* Makes the pipes, and writes of the input what fits. */
enum jobq_status jobq_ends_open(
    struct jobq_task *task, struct jobq_ends *ends, struct jobq_err *err);

/* Closes those that are still the caller's. */
void jobq_ends_close(struct jobq_ends *ends, const struct jobq_exec *exec);

/* The process has been started: our ends are its own from now on. */
void jobq_pipes_begin(struct jobq_task *task, struct jobq_ends *ends);

/* Nothing comes out any more. */
bool jobq_pipes_closed(const struct jobq_task *task);

/* Takes what stands in the pipes and closes them, whoever may hold them. */
void jobq_pipes_shut(struct jobq_task *task);

/* Stops or goes on to read what processes write. */
void jobq_pipes_pause(struct jobq_run *run, bool paused);

/* Some child has exited: posts JOBQ_EXIT to the brief ones that have. */
void jobq_pipes_look(struct jobq_run *run);

/* The process has ended and is reaped or given up. */
void jobq_pipes_end(struct jobq_task *task);

void jobq_pipes_open(struct jobq_run *run);
void jobq_pipes_close(struct jobq_run *run);

#endif
