/*
 * A jq program that moves values it never sees. libjq reads a number as a
 * double and prints another text for it; so a value that is only moved is
 * shown to the program as a mark, a string, and where that stands in the
 * result the text of the value is put in its place. A mark has random bits
 * in it, so that no value can look like one.
 */
#ifndef JOBQ_JQ_SPLICE_H
#define JOBQ_JQ_SPLICE_H

#include "buf.h"
#include "json.h"
#include "status.h"

#include <stddef.h>

#define JOBQ_SPLICE_MOST 26 /* values at once */

struct jobq_splice;

/* As jobq_jq_open(). */
enum jobq_status jobq_splice_open(
    struct jobq_splice **splice, const char *path, struct jobq_err *err);
void jobq_splice_close(struct jobq_splice *splice);

/* Adds the mark of value number i, counted from 0, as a JSON string. */
void jobq_splice_mark(
    const struct jobq_splice *splice, size_t i, struct jobq_buf *out);

/*
 * Runs the program on a JSON text; out is replaced by its first result, with
 * the texts of the values, which are checked JSON, where their marks stood.
 * Failures are those of jobq_jq_run().
 */
enum jobq_status jobq_splice_run(struct jobq_splice *splice,
    const struct jobq_buf *in, const struct jobq_span *values, size_t count,
    struct jobq_buf *out, struct jobq_err *err);

#endif
