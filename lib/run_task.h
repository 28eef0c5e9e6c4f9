/*
 * A task is one job line that the runner holds, from its reading to its
 * ending. Tasks stand in one list in the order of their reading; their
 * memory is reused. Only the files of the runner include this.
 */
#ifndef JOBQ_RUN_TASK_H
#define JOBQ_RUN_TASK_H

#include "child.h"
#include "job.h"
#include "loop.h"
#include "run_ids.h"
#include "run_state.h"
#include "run_stream.h"

/* A process with its pipes; the handler of "-- command". */
struct jobq_task_process {
	/* In the list of those that are there, see run_tree.c. */
	struct jobq_task_process *prev, *next;
	uint64_t serial;	/* of the start since which it may own things */
	struct jobq_task *task; /* whose it is; NULL: a coprocess */
	const char *tmpdir;	/* of a coprocess: it alone has this one */
	struct jobq_child child;
	struct jobq_watch exit, in, out, err, note;
	size_t in_sent;	    /* of the task's input */
	uint64_t oom_kills; /* of the control group, when it began */
	bool watched;	    /* by the loop: its exit and its pipes */
	bool exited, left;
};

/* How the work of a task went, as its handler saw it. */
struct jobq_outcome {
	bool known; /* false: it never began, or could not be ended */
	int wait_status;
	int64_t user_us, sys_us, max_rss_bytes;
	bool oom; /* killed by the kernel for want of memory */
	/* Of a handler that answers instead of exiting; all else is 0 then. */
	bool answered;
	bool failed, retry;
	const char *reason; /* of an ending as failed; a literal, or NULL */
	struct jobq_err error;
};

enum { JOBQ_PROGRESS_MEMBERS = 3 }; /* percent, note, data */

/* What a job says on descriptor 3, see run_note.c. */
struct jobq_notes {
	struct jobq_buf line; /* that is not whole yet */
	struct jobq_buf progress[JOBQ_PROGRESS_MEMBERS]; /* not told yet */
	struct jobq_buf output; /* the result, len 0: none was given */
	struct jobq_buf cancel; /* the reason as JSON, len 0: none */
	struct jobq_buf error;	/* an answer's, as JSON, len 0: none */
	int64_t snooze_ms, retry_after_ms; /* JOBQ_ABSENT: not asked for */
	uint64_t dropped;
	bool skipping, complained;
};

struct jobq_run;

struct jobq_task {
	struct jobq_task *prev, *next;
	struct jobq_run *run;
	enum jobq_task_state state;
	enum jobq_cause cause;
	size_t place;	 /* SIZE_MAX: none */
	uint64_t serial; /* of its start; 0: not started */
	int64_t n;	 /* of its last event */
	uint64_t seq;	 /* of its line, from 1 */
	int64_t tries;	 /* attempts that this runner has repeated */

	struct jobq_buf line;
	struct jobq_job job;
	const char *id;
	char given_id[JOBQ_GIVEN_ID_SIZE];

	struct jobq_timer step;	   /* of the state */
	struct jobq_timer timeout; /* of the job */
	struct jobq_timer lease;
	struct jobq_timer tell; /* the next output event */
	int64_t lease_until_ms;
	int64_t kill_at_ms;    /* once it was asked to end; 0: not yet */
	int64_t abandon_at_ms; /* once it was killed; 0: not yet */
	int64_t begun_ns, ended_ns;

	struct jobq_task_process process;
	void *work; /* of another handler, which frees it in its close */
	struct jobq_outcome outcome;
	bool pipe_held, asked;
	bool err_next; /* whose turn it is in output events */
	struct jobq_stream out, err;
	struct jobq_buf input;	 /* text for standard input */
	struct jobq_buf command; /* for the job log */
	int save_fd[2];		 /* files of its output; -1: none */
	bool save_failed;
	struct jobq_buf log_part[2]; /* for the logs, not written yet */
	struct jobq_notes notes;
};

/* Tasks in order. */
struct jobq_task_list {
	struct jobq_task *first, *last;
	size_t count;
};

void jobq_task_list_add(struct jobq_task_list *list, struct jobq_task *task);
void jobq_task_list_remove(struct jobq_task_list *list, struct jobq_task *task);

/* A cleared task of the list, or a new one. */
struct jobq_task *jobq_task_take(
    struct jobq_task_list *spare, struct jobq_run *run);

/*
 * Clears a task for its next use, or for the next attempt at its job; it
 * stands in no list.
 */
void jobq_task_clear(struct jobq_task *task);
void jobq_task_clear_attempt(struct jobq_task *task);
void jobq_task_free(struct jobq_task *task);

/* Adds what an event of this state does (run.c). */
void jobq_task_post(struct jobq_task *task, enum jobq_task_event event);

/* Raises the cause and posts JOBQ_STOP. */
void jobq_task_stop(struct jobq_task *task, enum jobq_cause cause);

/* Whether it holds a lease that can be renewed, and for how long one lasts. */
bool jobq_task_leased(const struct jobq_task *task);
int64_t jobq_task_lease_ms(const struct jobq_task *task);

#endif
