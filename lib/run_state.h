/*
 * The states of a task, what happens to it, and why it is stopped. What does
 * what is told at the top of run.c. Only the files of the runner include this.
 */
#ifndef JOBQ_RUN_STATE_H
#define JOBQ_RUN_STATE_H

/* Those up to ANNOUNCED have not begun. */
enum jobq_task_state {
	JOBQ_LATER,
	JOBQ_WAITING,
	JOBQ_ANNOUNCED,
	JOBQ_RUNNING,
	JOBQ_STOPPING,
	JOBQ_KILLING,
	JOBQ_DRAINING,
	JOBQ_CLEANING,
	JOBQ_SWEEPING,
	JOBQ_TASK_STATES,
};

enum jobq_task_event {
	JOBQ_PLACE,   /* a place is free */
	JOBQ_WRITTEN, /* all events so far are written */
	JOBQ_EXIT,    /* the handler's work is over */
	JOBQ_CLOSED,  /* nothing more can come out of it */
	JOBQ_LEFT,    /* processes that it started are left */
	JOBQ_ALONE,   /* none is */
	JOBQ_DUE,     /* the timer of the state */
	JOBQ_STOP,    /* timeout, cancel, lost: see the task's cause */
	JOBQ_QUIT,    /* the runner ends */
	JOBQ_FORCE,   /* the runner ends at once */
	JOBQ_TASK_EVENTS,
};

/* Why a task is stopped; of several the greatest decides its ending. */
enum jobq_cause {
	JOBQ_CAUSE_NONE,
	JOBQ_CAUSE_QUIT,
	JOBQ_CAUSE_TIMEOUT,
	JOBQ_CAUSE_CANCEL,
	JOBQ_CAUSE_LOST,
};

#endif
