/*
 * The options of jobq-run as they are written: values that have a form of
 * their own, and what goes with what.
 */
#ifndef JOBQ_RUN_PARSE_H
#define JOBQ_RUN_PARSE_H

#include "run.h"

struct jobq_run_words {
	const char *give;      /* input, job, none, or NULL: not given */
	const char *result;    /* auto, text, json, none */
	const char *permanent; /* exit codes from 1 to 255 divided by commas */
	const char *backoff;   /* "1s..30s", or one duration for both */
	bool coprocess;
	int64_t depth;	  /* 0: not given */
	const char *halt; /* "soon,fail=N", "now,fail=N", or NULL */
};

/*
 * Reads the words into the options, and checks the options as a whole.
 * JOBQ_INVALID names the option that is wrong.
 */
enum jobq_status jobq_run_parse(const struct jobq_run_words *words,
    struct jobq_run_options *options, struct jobq_err *err);

#endif
