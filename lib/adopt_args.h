/*
 * The options of `jobq-admin adopt`, and what comes of them.
 */
#ifndef JOBQ_ADOPT_ARGS_H
#define JOBQ_ADOPT_ARGS_H

#include "buf.h"
#include "opt.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options of a table, a column or a status, and all of them. */
#define JOBQ_ADOPT_NAMES 20
#define JOBQ_ADOPT_OPTIONS (JOBQ_ADOPT_NAMES + 5)

struct jobq_adopt_args {
	const char *name[JOBQ_ADOPT_NAMES]; /* NULL: not given */
	const char *id_type, *dir;	    /* the same */
	int64_t lease_ms, max_attempts;	    /* -1: not given */
	bool force;
};

/* Sets args to nothing given and fills in the options that set them. */
void jobq_adopt_options(
    struct jobq_adopt_args *args, struct jobq_opt option[JOBQ_ADOPT_OPTIONS]);

/* Whether any of them was given. */
bool jobq_adopt_given(const struct jobq_adopt_args *args);

/*
 * Checks what was given and, unless dry, writes the adapter; adds to said
 * what was done, for people. JOBQ_CONFIG when something is missing, wrong, or
 * there already.
 */
enum jobq_status jobq_adopt(const struct jobq_adopt_args *args, bool dry,
    struct jobq_buf *said, struct jobq_err *err);

#endif
