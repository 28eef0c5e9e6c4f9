/*
 * Ids of jobs as people give them: operands, which may be the last 6 or more
 * characters of an id when that is unambiguous, and lines of standard input,
 * which are ids or JSON objects with a member "id".
 */
#ifndef JOBQ_IDS_H
#define JOBQ_IDS_H

#include "buf.h"
#include "command.h"
#include "json.h"
#include "line.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>

/* The fewest characters of an id's end that may stand for it. */
#define JOBQ_ID_TAIL 6

/* A growing list; it owns its strings. */
struct jobq_ids {
	char **id;
	size_t count;
	size_t cap;
};

void jobq_ids_add(struct jobq_ids *ids, const char *id, size_t len);
void jobq_ids_clear(struct jobq_ids *ids);
void jobq_ids_release(struct jobq_ids *ids);

/* Adds the ids from begin to before end as a JSON array. */
void jobq_ids_put(
    const struct jobq_ids *ids, size_t begin, size_t end, struct jobq_buf *out);

/*
 * Adds to found the whole id that an operand means. JOBQ_EMPTY: the store has
 * no such job, or several; err then has a line for people, also on EMPTY.
 */
enum jobq_status jobq_ids_find(struct jobq_store *store, const char *operand,
    struct jobq_ids *found, struct jobq_err *err);

/*
 * The same for all operands. What is not found is said (as an error of the
 * log) and *missing set; the others are added.
 */
enum jobq_status jobq_ids_find_all(struct jobq_store *store,
    const struct jobq_command *command, struct jobq_ids *found, bool *missing,
    struct jobq_err *err);

/* Ids out of standard input. */
struct jobq_ids_input {
	struct jobq_command *command;
	struct jobq_reader reader;
	struct jobq_object members;
	struct jobq_buf text;
};

void jobq_ids_open(struct jobq_ids_input *input, struct jobq_command *command);
void jobq_ids_close(struct jobq_ids_input *input);

/*
 * Adds the id of the next line. Bad lines are reported and skipped.
 * JOBQ_EMPTY: the end, or, when wait is false, nothing has arrived yet (the
 * reader's eof tells them apart). JOBQ_INVALID: a bad line with --strict.
 */
enum jobq_status jobq_ids_next(struct jobq_ids_input *input, bool wait,
    struct jobq_ids *ids, struct jobq_err *err);

/* Adds the ids of all lines, up to the end; JOBQ_INVALID with --strict. */
enum jobq_status jobq_ids_read(
    struct jobq_command *command, struct jobq_ids *ids, struct jobq_err *err);

#endif
