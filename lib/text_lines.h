/*
 * A text that is lines, each with its newline: the answer of a store that
 * gives it in one piece.
 */
#ifndef JOBQ_TEXT_LINES_H
#define JOBQ_TEXT_LINES_H

#include "json.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>

/* What is left of the text. */
struct jobq_lines {
	const char *at;
	size_t left;
};

/* Takes the next line off, without its newline; false when none is whole. */
bool jobq_lines_next(struct jobq_lines *lines, struct jobq_span *line);

/*
 * Hands each line to line(), unless that is NULL; before the first one leaves
 * all are known to be JSON objects of at most JOBQ_STAGE_MAX bytes that have
 * their newlines. JOBQ_IO names the first that is none, as one of the answer of
 * whose.
 */
enum jobq_status jobq_lines_hand_out(struct jobq_lines lines, const char *whose,
    jobq_line_fn *line, void *context, struct jobq_err *err);

#endif
