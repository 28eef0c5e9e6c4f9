/*
 * An answer of a coprocess that is too long to be kept: it is shortened as it
 * comes. Members stay, and so does a value up to JOBQ_LONG_VALUE bytes; of a
 * longer string its beginning stays, a longer output or other value becomes
 * null. So one line is left that names its job, however long it was.
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
	uint64_t output_len;  /* bytes of an output that became null; or 0 */
	size_t key_at;	      /* in text: of the member at hand */
	size_t value_at;      /* in text; 0: in no value */
	uint64_t value_len;   /* bytes that it had so far */
	unsigned depth;	      /* brackets that are open */
	bool in_string;
	bool escaped; /* behind a backslash */
	bool lost;    /* has more members than any answer */
};

/* Whether a line that begins so is meant as an answer or an event. */
bool jobq_long_is_answer(const char *line, size_t len);

/* Begins a line; keeps the memory. */
void jobq_long_begin(struct jobq_long *answer);
void jobq_long_add(struct jobq_long *answer, const char *bytes, size_t len);
void jobq_long_release(struct jobq_long *answer);

#endif
