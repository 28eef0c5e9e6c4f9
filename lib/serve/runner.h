/*
 * The jobq-run that a tool is: one child for as long as the server lives,
 * given job lines, heard for event lines, and started anew when it dies, 1 s
 * after the first death, doubling to 30 s.
 */
#ifndef JOBQ_SERVE_RUNNER_H
#define JOBQ_SERVE_RUNNER_H

#include "status.h"
#include "words.h"

#include <stdbool.h>
#include <stddef.h>

struct jobq_runner;

struct jobq_runner_kind {
	/* A line that it printed. */
	void (*line)(void *context, const char *line, size_t len);
	/* It is gone, and what it was given and has not ended is, too. */
	void (*died)(void *context, const char *how);
};

/*
 * Runs the command line once on no jobs, then for good; its words live as
 * long as the runner. JOBQ_CONFIG: it refuses them, and has said why (err is
 * empty).
 */
enum jobq_status jobq_runner_open(struct jobq_runner **runner,
    const struct jobq_words *words, const struct jobq_runner_kind *kind,
    void *context, struct jobq_err *err);

/*
 * Ends it: by the end of its input when it is idle, else by signals, two at
 * once when it is to hurry.
 */
void jobq_runner_close(struct jobq_runner *runner, bool idle, bool hurries);

/* Readable when jobq_runner_look() has something to do. */
int jobq_runner_fd(const struct jobq_runner *runner);
void jobq_runner_look(struct jobq_runner *runner);

/* To be called about every second: starts it anew when that is due. */
void jobq_runner_tick(struct jobq_runner *runner);

bool jobq_runner_is_up(const struct jobq_runner *runner);

/* Whether it has died five times within a minute: that is no accident. */
bool jobq_runner_is_hopeless(const struct jobq_runner *runner);

/* Gives it a line; it must be up. */
void jobq_runner_put(struct jobq_runner *runner, const char *line, size_t len);

#endif
