/*
 * An answer of a coprocess that is too long to be kept: it is shortened as it
 * comes. Members stay, and so does a value up to JOBQ_LONG_VALUE bytes, or an
 * output up to its own limit; of a longer string its beginning stays, and that
 * of a longer error as a string, whatever it is; a longer output or other value
 * becomes null. So one line is left that names its job, however long it was.
 */
#ifndef JOBQ_RUN_COPROCESS_LONG_H
#define JOBQ_RUN_COPROCESS_LONG_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_LONG_VALUE ((size_t)64 << 10)

struct jobq_long {
	struct jobq_buf text; /* the line so far, shortened */
	size_t output_most;   /* bytes of an output that stays */
	uint64_t output_len;  /* bytes of an output that became null; or 0 */
	uint64_t cut_len;     /* bytes of other values that did not stay */
	size_t key_at;	      /* in text: of the member at hand */
	size_t value_at;      /* in text; 0: in no value */
	uint64_t value_len;   /* bytes that it had so far */
	size_t value_most;    /* bytes of it that stay */
	bool is_output;	      /* it is one */
	unsigned depth;	      /* brackets that are open */
	bool in_string;
	bool escaped; /* behind a backslash */
	bool lost;    /* has more members than any answer */
};

/* Whether a line that begins so is meant as an answer or an event. */
bool jobq_long_is_answer(const char *line, size_t len);

/* Begins a line; keeps the memory. */
void jobq_long_begin(struct jobq_long *answer, size_t output_most);
void jobq_long_add(struct jobq_long *answer, const char *bytes, size_t len);
void jobq_long_release(struct jobq_long *answer);

#endif
