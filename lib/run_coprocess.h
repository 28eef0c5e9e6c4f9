/*
 * What the files of the coprocess handler share: run_coprocess.c gives jobs
 * to processes and decides what becomes of them, run_coprocess_process.c
 * starts, reads and ends the processes, run_coprocess_input.c writes to them,
 * run_coprocess_line.c understands what they say, and run_coprocess_long.c
 * shortens it.
 */
#ifndef JOBQ_RUN_COPROCESS_H
#define JOBQ_RUN_COPROCESS_H

#include "run_coprocess_long.h"
#include "run_engine.h"
#include "run_exec.h"

#define JOBQ_COPROCESS_CLOSED_MS 1000 /* from the end of a pipe to KILL */

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
	/* The rest of a line that was not taken whole, and stops; of it
	 * process.in_sent bytes are written. */
	struct jobq_buf in;
	bool due;	      /* it may be written to when the round ends */
	struct jobq_buf line; /* of standard output, not whole yet */
	bool skipping;	      /* inside a line too long for an answer */
	bool shortening;      /* which began as one */
	struct jobq_long answer;
	bool heard;    /* standard error, since the last read */
	bool answered; /* at least once */
	bool complained;
	bool died;	    /* nobody had asked it to end */
	const char *closed; /* the stream it closed, by which it died; NULL */
	int64_t term_at_ms, kill_at_ms; /* of its end; 0: not yet */
	int64_t abandon_at_ms;
};

struct jobq_coprocesses {
	struct jobq_coprocess *item;
	size_t count;
	size_t depth;	  /* tasks that one has at most */
	int deaths;	  /* in a row, without any answer */
	bool strays;	  /* were left at the last look at them */
	bool due;	  /* one of them is */
	int64_t begun_ns; /* of those that start in this round; 0: none */
	struct jobq_backoff backoff;
	struct jobq_timer soon; /* tasks that nothing is done for end */
	struct jobq_object members;
	struct jobq_buf text;
	struct jobq_buf batch; /* lines for one write */
	size_t *line_end;      /* of each of them, up to depth */
	size_t batched;
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
/* Takes one of its pipes out of the loop and closes it, if it is open. */
void jobq_coprocess_close(struct jobq_coprocess *co, struct jobq_watch *watch);
/*
 * Ends it: EOF at once, TERM and KILL after so many ms (-1: no TERM). What
 * an earlier call has set is only made sooner.
 */
void jobq_coprocess_end(
    struct jobq_coprocess *co, int64_t term_ms, int64_t kill_ms);
/*
 * Takes what it has written on standard error up to now, unless that was done
 * since the last read of standard output.
 */
void jobq_coprocess_hear_err(struct jobq_coprocess *co);
void jobq_coprocess_pause(struct jobq_run *run, bool paused);
/* After jobq_tree_mark(): those that are over are gone. */
void jobq_coprocess_look(struct jobq_coprocess *co);
void jobq_coprocess_init(struct jobq_run *run, struct jobq_coprocess *co);
void jobq_coprocess_release(struct jobq_coprocess *co);

/* run_coprocess_input.c. */
/* What is to be written is, when the round ends. */
void jobq_coprocess_write_soon(struct jobq_coprocess *co);
/* The same for a line that stops a job which it was given. */
void jobq_coprocess_put_stop(
    struct jobq_coprocess *co, const struct jobq_task *task);
/* The end of the round: writes to all, as far as they take it. */
void jobq_coprocess_give(struct jobq_run *run);
void jobq_coprocess_in_ready(void *context, unsigned what);
void jobq_coprocess_close_input(struct jobq_coprocess *co);

/* run_coprocess_line.c: bytes of standard output and error; len 0 is the end
 * of a last line without newline. */
void jobq_coprocess_out(
    struct jobq_coprocess *co, const char *bytes, size_t len);
void jobq_coprocess_err(
    struct jobq_coprocess *co, const char *bytes, size_t len);

#endif
