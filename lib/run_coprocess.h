/*
 * What the files of the coprocess handler share: run_coprocess.c gives jobs
 * to processes and decides what becomes of them, run_coprocess_process.c
 * starts, feeds, reads and ends the processes, run_coprocess_line.c
 * understands what they say.
 */
#ifndef JOBQ_RUN_COPROCESS_H
#define JOBQ_RUN_COPROCESS_H

#include "run_engine.h"
#include "run_exec.h"

enum jobq_coprocess_state {
	JOBQ_COPROCESS_NONE,   /* no process; one is started when needed */
	JOBQ_COPROCESS_ALIVE,  /* it is given jobs */
	JOBQ_COPROCESS_ENDING, /* it is given nothing more */
};

/*
 * A place for one process, and the tasks it has: in the order in which they
 * came, the first of them given to it, the others to be given. A task's work
 * is its coprocess; NULL when nothing is done for it any more.
 */
struct jobq_coprocess {
	struct jobq_run *run;
	enum jobq_coprocess_state state;
	struct jobq_tmpdir tmpdir;
	struct jobq_timer step; /* of its end; without a process, of a start */

	struct jobq_task **task;
	size_t count;
	size_t given; /* of them, from the first on */
	bool partial; /* the last one given is not written whole */

	struct jobq_task_process process;
	struct jobq_buf in;   /* is being written, process.in_sent bytes of it
			       */
	struct jobq_buf line; /* of standard output, not whole yet */
	bool skipping;	      /* inside a line too long for an answer */
	bool answered;	      /* at least once */
	bool complained;
	bool died;	    /* nobody had asked it to end */
	const char *closed; /* the stream it closed, by which it died; NULL */
	int64_t term_at_ms, kill_at_ms; /* of its end; 0: not yet */
	int64_t abandon_at_ms;
};

struct jobq_coprocesses {
	struct jobq_coprocess *item;
	size_t count;
	size_t depth; /* tasks that one has at most */
	int deaths;   /* in a row, without any answer */
	bool strays;  /* were left at the last look at them */
	struct jobq_backoff backoff;
	struct jobq_timer soon; /* tasks that nothing is done for end */
	struct jobq_object members;
	struct jobq_buf text;
	char *err_buffer; /* JOBQ_EXEC_READ_BYTES */
};

/* run_coprocess.c. */
/* Takes a task from its coprocess; its work is NULL then. */
void jobq_coprocess_detach(struct jobq_task *task);
/* An answer came: the process works. */
void jobq_coprocess_works(struct jobq_coprocess *co);
/* The process is gone, its status known unless it was abandoned. */
void jobq_coprocess_gone(
    struct jobq_coprocess *co, bool known, int wait_status);
/* The timer of a start came. */
void jobq_coprocess_again(struct jobq_coprocess *co);

/* run_coprocess_process.c. */
/* What is no JOBQ_OK is the worker's fault. */
enum jobq_status jobq_coprocess_spawn(
    struct jobq_coprocess *co, struct jobq_err *err);
/* Writes what is to be written, as far as it is taken. */
void jobq_coprocess_write(struct jobq_coprocess *co);
/*
 * Ends it: EOF at once, TERM and KILL after so many ms (-1: no TERM). What
 * an earlier call has set is only made sooner.
 */
void jobq_coprocess_end(
    struct jobq_coprocess *co, int64_t term_ms, int64_t kill_ms);
/* Takes what it has written on standard error up to now. */
void jobq_coprocess_hear_err(struct jobq_coprocess *co);
void jobq_coprocess_pause(struct jobq_run *run, bool paused);
/* After jobq_tree_mark(): those that are over are gone. */
void jobq_coprocess_look(struct jobq_coprocess *co);
void jobq_coprocess_init(struct jobq_run *run, struct jobq_coprocess *co);
void jobq_coprocess_release(struct jobq_coprocess *co);

/* run_coprocess_line.c: bytes of standard output and error; len 0 is the end
 * of a last line without newline. */
void jobq_coprocess_out(
    struct jobq_coprocess *co, const char *bytes, size_t len);
void jobq_coprocess_err(
    struct jobq_coprocess *co, const char *bytes, size_t len);

#endif
