/*
 * Writing an adapter for a table that exists, out of templates: files of the
 * adapter's own language, in a folder of share/adopt, with the names of the
 * table and its columns left open.
 *
 *   --if NAME ...       the lines up to --else or --end are kept when one of
 *   --unless NAME ...   these values is given, or when none of them is; each
 *   --else --end        of the four stands alone on its line; they nest
 *   :"NAME" :'NAME'     a table or column as an identifier, any value as a
 *                       literal, quoted
 *   :{NAME}             the value as it is, which is no language's own text
 *
 * Everything else is left as it is. A file of which nothing but white space
 * is left is not written.
 */
#ifndef JOBQ_ADOPT_H
#define JOBQ_ADOPT_H

#include "buf.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

enum jobq_adopt_kind {
	JOBQ_ADOPT_COLUMN, /* [a-z_][a-z0-9_]{0,62} */
	JOBQ_ADOPT_TABLE,  /* one, or two with a dot between */
	JOBQ_ADOPT_STATUS, /* any text of one line */
	JOBQ_ADOPT_TEXT,   /* the caller's own; it is safe everywhere */
};

struct jobq_adopt_value {
	const char *name;
	enum jobq_adopt_kind kind;
	const char *value; /* NULL: not given */
};

/*
 * JOBQ_CONFIG when a value is none of its kind, or two are the same column or
 * status; option names in the message are "--" and the value's name, with
 * dashes.
 */
enum jobq_status jobq_adopt_check(
    const struct jobq_adopt_value *value, size_t count, struct jobq_err *err);

/* Adds a template to out with the values in their places. */
enum jobq_status jobq_adopt_fill(const char *template,
    const struct jobq_adopt_value *value, size_t count, struct jobq_buf *out,
    struct jobq_err *err);

/*
 * Fills all files of share/adopt/kind and writes them into the folder dir,
 * which is made, as are those above it. JOBQ_CONFIG when it is there already,
 * unless force is set: then its files are written anew, and others stay.
 */
enum jobq_status jobq_adopt_write(const char *kind, const char *dir, bool force,
    const struct jobq_adopt_value *value, size_t count, struct jobq_err *err);

#endif
