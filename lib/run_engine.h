/*
 * The runner itself, and what its files call of each other. Only they
 * include this.
 */
#ifndef JOBQ_RUN_ENGINE_H
#define JOBQ_RUN_ENGINE_H

#include "backoff.h"
#include "event.h"
#include "run.h"
#include "run_say.h"
#include "run_task.h"
#include "run_tmpdir.h"

/*
 * What does the work of tasks. It posts JOBQ_EXIT when the work of a task is
 * over, JOBQ_CLOSED when nothing more can come out of it.
 */
struct jobq_handler {
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
	/* Posts JOBQ_LEFT or JOBQ_ALONE to those cleaned or swept up;
	 * returns whether anything at all is left of earlier tasks. */
	bool (*look)(struct jobq_run *run);
	/* Fills in the outcome; what is still there is abandoned. */
	void (*finish)(struct jobq_task *task);
	void (*close)(struct jobq_run *run);
};

struct jobq_feed;
struct jobq_out;
struct jobq_leases;
struct jobq_exec;

struct jobq_run {
	struct jobq_run_options options;
	struct jobq_loop *loop;
	struct jobq_feed *feed;
	struct jobq_out *out;
	struct jobq_leases *leases;
	const struct jobq_handler *handler;
	struct jobq_exec *exec; /* of handlers that start processes */
	void *own;		/* of other handlers, and more of those */

	struct jobq_task_list tasks, spare;
	struct jobq_task *first_waiting; /* all behind it wait, too */
	size_t waiting;
	size_t *free_place; /* a stack */
	size_t free_count;
	struct jobq_tmpdir *tmpdir; /* by place */
	uint64_t serial;

	bool look;  /* a process ended, or a task waits to be alone */
	bool ended; /* a process did, since the handler last cleared it */
	bool over;  /* no task is there and none comes any more */
	bool left;  /* something of earlier tasks was there at the last look */
	bool quitting, forced;	 /* asked to end; at once */
	bool quit_due;		 /* the tasks are to be told so */
	enum jobq_status status; /* of the end */
	struct jobq_err err;
	int faults; /* of the worker, in a row */
	struct jobq_backoff backoff;
	struct jobq_timer hold; /* nothing is started until it is due */
	uint64_t done, failed;
	struct jobq_buf text; /* an event in the making */
	struct jobq_result result;
};

void jobq_run_say(struct jobq_run *run, enum jobq_level level, const char *code,
    const char *id, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/*
 * Nothing more is started from now on, and tasks are told to end when the
 * loop comes round. The first status that is not OK stays.
 */
void jobq_run_quit(
    struct jobq_run *run, enum jobq_status status, const struct jobq_err *err);

/*
 * Nothing can be started, which is not the fault of the job id: nothing is
 * for a while, and after five times in a row the runner ends.
 */
void jobq_run_fault(
    struct jobq_run *run, const char *id, const struct jobq_err *err);

/* A new task from a line that was read: it waits. */
void jobq_run_enter(struct jobq_run *run, struct jobq_task *task);

/* run_feed.c: standard input. */
void jobq_feed_open(struct jobq_run *run);
void jobq_feed_close(struct jobq_run *run);
void jobq_feed_update(struct jobq_run *run); /* reads on or not */
void jobq_feed_quit(struct jobq_run *run);
bool jobq_feed_ended(const struct jobq_run *run);

/* run_out.c: standard output. */
#define JOBQ_OUT_CROWDED_BYTES ((size_t)256 << 10)
void jobq_out_open(struct jobq_run *run);
void jobq_out_close(struct jobq_run *run);
void jobq_out_line(struct jobq_run *run, const char *text, size_t len);
void jobq_out_flush(struct jobq_run *run); /* what can be written now */
size_t jobq_out_pending(const struct jobq_run *run);
bool jobq_out_idle(
    const struct jobq_run *run); /* no write is to be waited for */
bool jobq_out_crowded(const struct jobq_run *run); /* much is unsent */
bool jobq_out_gone(const struct jobq_run *run);
/* Bytes that were added up to now, since the beginning. */
uint64_t jobq_out_place(const struct jobq_run *run);

/* run_lease.c: alive, stop, deadlines. */
void jobq_leases_open(struct jobq_run *run);
void jobq_leases_close(struct jobq_run *run);
void jobq_leases_enter(struct jobq_task *task);
bool jobq_leases_lapsed(const struct jobq_task *task);
/* All up to this place was written no earlier than then. */
void jobq_leases_written(struct jobq_run *run, uint64_t place, int64_t mono_ms);
/* A stop or an answered alive. */
void jobq_leases_hear(struct jobq_run *run, const struct jobq_event *event);

/*
 * The handlers: run_exec.c, run_coprocess.c. JOBQ_CONFIG: the command cannot
 * be run.
 */
enum jobq_status jobq_exec_open(struct jobq_run *run, struct jobq_err *err);
enum jobq_status jobq_coprocess_open(
    struct jobq_run *run, struct jobq_err *err);

#endif
