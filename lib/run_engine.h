/*
 * The runner itself, and what its files call of each other. Only they
 * include this.
 */
#ifndef JOBQ_RUN_ENGINE_H
#define JOBQ_RUN_ENGINE_H

#include "backoff.h"
#include "clock.h"
#include "event.h"
#include "run.h"
#include "run_files.h"
#include "run_handler.h"
#include "run_say.h"
#include "run_task.h"
#include "run_tmpdir.h"

struct jobq_run_view;
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
	struct jobq_task_list later;	 /* tried again, but not yet */
	struct jobq_task *first_waiting; /* all behind it wait, too */
	size_t waiting;
	size_t *free_place; /* a stack */
	size_t free_count;
	struct jobq_tmpdir *tmpdir; /* by place */
	uint64_t serial, seq;

	struct jobq_run_view *view; /* these may be NULL */
	struct jobq_joblog *joblog;
	struct jobq_save *save;
	struct jobq_output_log *output_log;
	struct jobq_log_text *log_started, *log_ended, *log_completed;
	struct jobq_resume *resume;

	bool look;  /* a process ended, or a task waits to be alone */
	bool ended; /* a process did, since the handler last cleared it */
	bool over;  /* no task is there and none comes any more */
	bool left;  /* something of earlier tasks was there at the last look */
	bool quitting, forced;	 /* asked to end; at once */
	bool quit_due;		 /* the tasks are to be told so */
	bool halting;		 /* what has begun may go on to its end */
	int signal;		 /* that asked for the end */
	int one_code;		 /* exit status for the last job */
	enum jobq_status status; /* of the end */
	struct jobq_err err;
	int faults; /* of the worker, in a row */
	struct jobq_backoff backoff;
	bool lost;		 /* something in a file beside the output */
	struct jobq_timer hold;	 /* nothing is started until it is due */
	struct jobq_timer leave; /* then unsent output is left, if forced */
	uint64_t done, failed;
	struct jobq_buf text;	 /* an event in the making */
	char at[JOBQ_TIME_SIZE]; /* now, of this round's events; "": ask */
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

/* So many jobs have failed that it ends, as --halt says. */
void jobq_run_halt(struct jobq_run *run);

/* A file beside the output cannot be written: said now, and in the end. */
void jobq_run_lose(struct jobq_run *run, const struct jobq_err *err);

/*
 * Nothing can be started, which is not the fault of the job id: nothing is
 * for a while, and after five times in a row the runner ends.
 */
void jobq_run_fault(
    struct jobq_run *run, const char *id, const struct jobq_err *err);

/* A new task from a line that was read, or one that comes back: it waits. */
void jobq_run_enter(struct jobq_run *run, struct jobq_task *task);

/* run_view.c: a line on a terminal. */
void jobq_run_view_open(struct jobq_run *run);
void jobq_run_view_clear(struct jobq_run *run);
void jobq_run_view_close(struct jobq_run *run);

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

#endif
