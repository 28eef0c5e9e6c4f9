/*
 * A job line, read: its envelope (the members that jobq gives a meaning to)
 * decoded and checked, everything else left where it stands in the text. The
 * members and their defaults are told in jobq-line(5).
 *
 * A struct jobq_job is reused from line to line. What it points to lives as
 * long as the line's own text and until the next read or release.
 */
#ifndef JOBQ_JOB_H
#define JOBQ_JOB_H

#include "json.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of a number or time that the line does not have. */
#define JOBQ_ABSENT INT64_MIN

struct jobq_job {
	struct jobq_span line;
	struct jobq_object members;
	struct jobq_buf text; /* holds the decoded strings */

	/* Decoded, NUL-terminated; NULL when absent. */
	const char *id;
	const char *queue;
	const char *name;
	const char *key;
	const char *flow;
	const char *trace;
	const char *state;

	/* JOBQ_ABSENT when absent. */
	int64_t priority;
	int64_t attempt;
	int64_t max_attempts;
	int64_t run_at_ms;     /* wall clock */
	int64_t expires_at_ms; /* wall clock */
	int64_t timeout_ms;

	/* Of the lease; has_lease says whether there is one. */
	bool has_lease;
	bool ring;
	int64_t epoch;
	const char *worker;
	int64_t lease_ms; /* JOBQ_ABSENT: the store cannot renew */

	/* Free values as they stand in the line; len 0 when absent. */
	struct jobq_span input;
	struct jobq_span meta;
	struct jobq_span needs;
};

void jobq_job_release(struct jobq_job *job);

/*
 * Reads a line that jobq_object_scan() has put into job->members. JOBQ_INVALID
 * names the member: wrong type or range, \u0000 or a lone surrogate in a
 * string, an envelope member that stands twice.
 */
enum jobq_status jobq_job_read(
    struct jobq_job *job, const char *line, size_t len, struct jobq_err *err);

/*
 * Whether the scanned line is an event (it has a member "event"), so that a
 * stage can tell its two kinds of lines apart before it reads one.
 */
bool jobq_line_is_event(const struct jobq_object *members);

/*
 * Adds the line without those members whose names are in the NULL-terminated
 * list drop, and without its closing brace, to out; every other byte, the
 * order and the spelling stay. Returns whether a member is left (so that
 * the caller knows whether a comma is due).
 */
bool jobq_line_strip(const struct jobq_object *members, const char *const *drop,
    struct jobq_buf *out);

#endif
