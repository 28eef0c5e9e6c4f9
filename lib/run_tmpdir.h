/*
 * The directory that jobs of one place find in JOBQ_TMPDIR: made once,
 * private, empty at the start of each job, gone at the end.
 */
#ifndef JOBQ_RUN_TMPDIR_H
#define JOBQ_RUN_TMPDIR_H

#include "status.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct jobq_tmpdir {
	char *path; /* NULL: not made */
	DIR *dir;
	struct timespec empty_since; /* its last change, it was empty then */
	int64_t seen_ms; /* when that was first seen (monotonic); 0: never */
	bool settled;	 /* no later change can have the same time */
};

/* Makes it below $TMPDIR or /tmp if it is not there (any more). JOBQ_IO. */
enum jobq_status jobq_tmpdir_ready(
    struct jobq_tmpdir *tmpdir, struct jobq_err *err);

/*
 * Removes what is in it. JOBQ_IO when something stays; that directory is
 * then left alone and the next job gets another.
 */
enum jobq_status jobq_tmpdir_empty(
    struct jobq_tmpdir *tmpdir, struct jobq_err *err);

/* Removes it and what is in it. */
void jobq_tmpdir_release(struct jobq_tmpdir *tmpdir);

#endif
