/*
 * What is said to people: one message, one line, one write(2) on stderr or
 * into a log file, control characters escaped, errno kept. Before the log is
 * set up, messages go to stderr as "NAME: text".
 *
 * Text log:  2026-11-22 10:30:45 - NAME - INFO - text   (local time)
 * JSON log:  {"ts":…,"level":…,"cmd":…,"msg":…,"code":…,"job_id":…}
 */
#ifndef JOBQ_LOG_H
#define JOBQ_LOG_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

enum jobq_level {
	JOBQ_DEBUG,
	JOBQ_INFO,
	JOBQ_WARNING,
	JOBQ_ERROR,
	JOBQ_CRITICAL,
};

enum jobq_log_format {
	JOBQ_LOG_PLAIN, /* NAME: text, what a command typed by hand says */
	JOBQ_LOG_TEXT,	/* the dated line above */
	JOBQ_LOG_JSON,
};

struct jobq_log_options {
	const char *name;      /* of the command, or --log-name */
	const char *file;      /* or NULL for stderr */
	bool also_stderr;      /* beside a file */
	enum jobq_level level; /* what is less is not said */
	enum jobq_log_format format;
	uint64_t rotate_bytes; /* file grown beyond: FILE to FILE.1 to ... */
	int64_t rotate_keep;   /* how many old files stay, 0 to 99 */
};

/* Opens the file, if one is named; JOBQ_CONFIG says why it cannot. */
enum jobq_status jobq_log_open(
    const struct jobq_log_options *options, struct jobq_err *err);

/* The size and number of old files that hold for the log, for others, too. */
void jobq_log_rotation(uint64_t *bytes, int64_t *keep);

/* DEBUG INFO WARNING ERROR CRITICAL in any case; -1 for other words. */
int jobq_level_by_name(const char *name);

/* Whether messages of this level are said, to spare making one. */
bool jobq_log_wants(enum jobq_level level);

void jobq_log(enum jobq_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The same with a stable code ("stale_lease", "backend_unreachable",
 * "bad_line") and the job it is about, either may be NULL; both appear in
 * the JSON format.
 */
void jobq_log_code(enum jobq_level level, const char *code, const char *job_id,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Says an error as it is; status gives the code of the JSON format. */
void jobq_log_err(
    enum jobq_level level, enum jobq_status status, const struct jobq_err *err);

#endif
