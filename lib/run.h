/*
 * The runner: job lines in, events out, one ending for each job line. What
 * it does in which state is told at the top of run.c; the lines and options
 * in jobq-run(1) and jobq-line(5).
 *
 * It works on one thread, from the main thread, and has signals blocked and
 * read as a descriptor while it exists: TERM, INT, USR1, CHLD.
 */
#ifndef JOBQ_RUN_H
#define JOBQ_RUN_H

#include "log.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_RUN_PLACES_MAX 4000

/* Limit of a job's output: an ending with it must fit between stages. */
#define JOBQ_RUN_OUTPUT_MAX ((uint64_t)1536 << 10)

enum jobq_run_stdin { JOBQ_STDIN_INPUT, JOBQ_STDIN_JOB, JOBQ_STDIN_NONE };

enum jobq_run_result {
	JOBQ_RESULT_AUTO,
	JOBQ_RESULT_TEXT,
	JOBQ_RESULT_JSON,
	JOBQ_RESULT_NONE,
};

/* What does the work of a job. */
enum jobq_run_kind {
	JOBQ_RUN_COMMAND,   /* a process for each */
	JOBQ_RUN_COPROCESS, /* a long-lived process that answers */
	JOBQ_RUN_POST,	    /* an HTTP server */
};

struct jobq_run_post {
	const char *url;
	const char *const *headers; /* "Name: value" */
	size_t header_count;
	const char *token_file; /* or NULL */
	const char *body; /* file of a jq program, or NULL: the job line */
	const char *result_map; /* the same for an answer; NULL: its body */
	/* Moved as text: the input as this member, a member as the output. */
	const char *wrap, *unwrap;
};

struct jobq_run_options {
	enum jobq_run_kind kind;
	/* Job lines, events; neither is made non-blocking. When no more is
	 * read before the input has ended, in_fd becomes /dev/null. */
	int in_fd, out_fd;
	char *const *command;  /* NULL-terminated; outlives the runner */
	const char *argv_file; /* a jq program that makes it, or NULL */
	const char *dir;       /* of handlers, whose arguments it is, or NULL */
	size_t depth;	       /* of a coprocess: jobs that one has at once */
	struct jobq_run_post post;
	size_t places;
	size_t max_line_bytes; /* of a line of input */
	int64_t timeout_ms; /* of jobs that have none of their own; -1: none */
	int64_t grace_ms;   /* from TERM to KILL */
	int64_t pipe_wait_ms;
	uint64_t output_limit_bytes;
	enum jobq_run_stdin give;
	enum jobq_run_result result;
	bool permanent[256]; /* exit codes that fail for good */
	bool clean_env;
	bool line_events; /* each line of output is an event of its own */
	int64_t retries;  /* of a job without a lease */
	int64_t backoff_first_ms, backoff_most_ms;
	uint64_t halt_failed; /* so many failed jobs end it; 0: never */
	bool halt_now;	      /* also what runs is stopped then */
	const char *joblog, *output_dir, *resume; /* paths, or NULL */
	const char *output_log; /* of all jobs; what its files begin with */
	bool log_jobs;		/* what becomes of each is said */
	/* In these words, or NULL; completed in its own if it has some. */
	const char *log_started, *log_ended, *log_completed;
	bool one;    /* the first job alone */
	int view_fd; /* a terminal that is told how it goes; -1: none */
	const char *env_from; /* where a job line has variables, or NULL */
	bool unclaimed; /* lines with a state and no lease are taken, too */

	/*
	 * Called for each bad line of the input; what is not JOBQ_OK stops
	 * the runner in an orderly way and becomes its status.
	 */
	enum jobq_status (*bad_line)(
	    void *context, unsigned long number, const struct jobq_err *err);
	/* What people should know; code and id may be NULL (see log.h). */
	void (*say)(void *context, enum jobq_level level, const char *code,
	    const char *id, const char *text);
	void *context;
};

struct jobq_run;

/*
 * JOBQ_CONFIG: the command cannot be run at all, or a file beside the output
 * cannot be opened. *run is NULL unless JOBQ_OK.
 */
enum jobq_status jobq_run_open(struct jobq_run **run,
    const struct jobq_run_options *options, struct jobq_err *err);

/*
 * Works until the input has ended (or a signal asked for the end) and every
 * job line has got its ending. JOBQ_OK; JOBQ_EMPTY when some attempt failed;
 * JOBQ_AGAIN after five failures in a row to start anything; JOBQ_IO when
 * the input or output failed; what bad_line returned.
 */
enum jobq_status jobq_run_work(struct jobq_run *run, struct jobq_err *err);

/*
 * How the last job went, as timeout(1) says it: its exit status, 124 when it
 * ran out of time, 126 when it could not be started, 128 + the number of the
 * signal that ended it or the runner; 125 when there was no job.
 */
int jobq_run_one_code(const struct jobq_run *run);

/* Whether the reader of the output went away. */
bool jobq_run_reader_gone(const struct jobq_run *run);

void jobq_run_close(struct jobq_run *run);

#endif
