/*
 * What jobq-push and jobq-report have in common, and every command that reads
 * lines in order: the next line of standard input, read as far as any line
 * is, with bad ones reported by number.
 */
#ifndef JOBQ_INPUT_H
#define JOBQ_INPUT_H

#include "command.h"
#include "json.h"
#include "line.h"
#include "status.h"

#include <stdbool.h>

struct jobq_input {
	struct jobq_command *command;
	struct jobq_reader reader;
	const char *name; /* in messages: "stdin", or a file's */
};

/* Reads from a named file, or from standard input when file is NULL or "-". */
enum jobq_status jobq_input_open(struct jobq_input *input,
    struct jobq_command *command, const char *file, size_t max_bytes,
    struct jobq_err *err);
void jobq_input_close(struct jobq_input *input);

/*
 * The next line that is a JSON object, scanned into *members. Lines that are
 * not are reported and skipped. JOBQ_EMPTY: the end of the input, or, when
 * wait is false, no good line has arrived yet (tell them apart by
 * jobq_input_ended()). JOBQ_INVALID: a bad line with --strict.
 */
enum jobq_status jobq_input_next(struct jobq_input *input, bool wait,
    struct jobq_object *members, struct jobq_span *line, struct jobq_err *err);

/* Whether everything was read and handed out. */
bool jobq_input_ended(const struct jobq_input *input);

/* Reports the line handed out last as bad; JOBQ_INVALID with --strict. */
enum jobq_status jobq_input_bad(
    struct jobq_input *input, const struct jobq_err *err);

#endif
