/*
 * Values of jobq-run's options that have a form of their own. All return
 * JOBQ_INVALID with what is wrong.
 */
#ifndef JOBQ_RUN_PARSE_H
#define JOBQ_RUN_PARSE_H

#include "run.h"

/* Exit codes from 1 to 255 divided by commas; an empty list is allowed. */
enum jobq_status jobq_run_parse_codes(
    const char *text, bool codes[256], struct jobq_err *err);

/* "1s..30s": the first and the longest wait; one duration is both. */
enum jobq_status jobq_run_parse_backoff(
    const char *text, struct jobq_run_options *options, struct jobq_err *err);

/* "soon,fail=N" or "now,fail=N". */
enum jobq_status jobq_run_parse_halt(
    const char *text, struct jobq_run_options *options, struct jobq_err *err);

#endif
