/*
 * One table of options per command, from which parsing, --help and the
 * completions come, and against which the pages are tested. Options and
 * operands may stand in any order; "--" ends the options; the last one wins;
 * names are never abbreviated.
 */
#ifndef JOBQ_OPT_H
#define JOBQ_OPT_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jobq_opt_type {
	JOBQ_OPT_FLAG,	      /* bool *      */
	JOBQ_OPT_COUNT,	      /* int *: one more each time */
	JOBQ_OPT_STRING,      /* const char ** */
	JOBQ_OPT_LIST,	      /* struct jobq_list *: may stand several times */
	JOBQ_OPT_INT,	      /* int64_t *, within least and most */
	JOBQ_OPT_DURATION,    /* int64_t *, milliseconds; least is checked */
	JOBQ_OPT_NO_DURATION, /* the same, and "none" is -1 */
	JOBQ_OPT_SIZE,	      /* uint64_t *, bytes */
	JOBQ_OPT_CHOICE,      /* const char **: one of the words in choices */
	JOBQ_OPT_TIME,	      /* int64_t *, wall clock, RFC 3339 */
};

/* The values of a repeated option, in order; they belong to argv. */
struct jobq_list {
	const char **item;
	size_t count;
	size_t cap;
};

struct jobq_opt {
	const char *name; /* without "--" */
	char letter;	  /* or 0 */
	enum jobq_opt_type type;
	void *to;
	const char *arg;     /* what --help calls the value, NULL for flags */
	const char *help;    /* one line, no full stop */
	int64_t least, most; /* INT; both 0: no bounds */
	const char *choices; /* CHOICE: words divided by spaces */
};

#define JOBQ_OPT_END                                                 \
	{                                                            \
		NULL, 0, JOBQ_OPT_FLAG, NULL, NULL, NULL, 0, 0, NULL \
	}

/*
 * Takes the options out of argv (argv[0] is skipped) and moves the operands
 * together at its beginning; *count says how many there are, *after_dashes
 * how many of them stood behind "--" (so that a command to run can be told
 * from operands). tables is a NULL-terminated list of option tables.
 * stop_at_operand ends parsing at the first operand (for jobq itself).
 * JOBQ_CONFIG: an unknown option (the nearest one is suggested), a missing
 * or superfluous value, a bad value.
 */
enum jobq_status jobq_opt_parse(const struct jobq_opt *const *tables,
    bool stop_at_operand, int argc, char **argv, int *count, int *after_dashes,
    struct jobq_err *err);

/* The name in the table that is nearest to a mistyped one, or NULL. */
const char *jobq_opt_nearest(
    const struct jobq_opt *const *tables, const char *name);

#endif
