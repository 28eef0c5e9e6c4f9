/*
 * What a handler is to the runner. Only the files of the runner include this.
 */
#ifndef JOBQ_RUN_HANDLER_H
#define JOBQ_RUN_HANDLER_H

#include "run_task.h"
#include "status.h"

#include <stdbool.h>

/*
 * What does the work of tasks. It posts JOBQ_EXIT when the work of a task is
 * over, JOBQ_CLOSED when nothing more can come out of it.
 */
struct jobq_handler {
	/* What comes on standard output is the result, if nothing else is. */
	bool output_is_result;
	/* A start is brief: all of a round are told by one write, and begin
	 * when that is out. Otherwise each begins before the next is told. */
	bool starts_together;
	/* Before the task is announced; JOBQ_INVALID: the job's own fault. */
	enum jobq_status (*prepare)(
	    struct jobq_task *task, struct jobq_err *err);
	/* JOBQ_INVALID as above; all else is the worker's fault. */
	enum jobq_status (*start)(struct jobq_task *task, struct jobq_err *err);
	void (*ask)(struct jobq_task *task);  /* all it started, to end */
	void (*kill)(struct jobq_task *task); /* all it started */
	bool (*closed)(const struct jobq_task *task);
	void (*shut)(struct jobq_task *task); /* nothing more comes out */
	/* Stops or goes on to read what tasks write. */
	void (*pause)(struct jobq_run *run, bool paused);
	/* A child has exited; before the timers of the same turn, so that no
	 * job is stopped that was over in time. NULL: look() is enough. */
	void (*child_exited)(struct jobq_run *run);
	/* Posts JOBQ_LEFT or JOBQ_ALONE to those cleaned or swept up;
	 * returns whether anything at all is left of earlier tasks. */
	bool (*look)(struct jobq_run *run);
	/* At the end of a round, when what it has told is written: passes on
	 * what start() only noted, all at once. NULL: start() does it. */
	void (*give)(struct jobq_run *run);
	/* Fills in the outcome; what is still there is abandoned. */
	void (*finish)(struct jobq_task *task);
	void (*close)(struct jobq_run *run);
};

/*
 * The handlers: run_exec.c, run_coprocess.c. JOBQ_CONFIG: the command cannot
 * be run.
 */
enum jobq_status jobq_exec_open(struct jobq_run *run, struct jobq_err *err);
enum jobq_status jobq_coprocess_open(
    struct jobq_run *run, struct jobq_err *err);

/* run_post.c: requests; needs the loop. JOBQ_CONFIG: bad options. */
enum jobq_status jobq_post_open(struct jobq_run *run, struct jobq_err *err);

#endif
