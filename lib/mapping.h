/*
 * A jq program of an adapter that says which value goes where, and never sees
 * one: libjq does not keep numbers as they are written (2^53+1, 1.10, 1e400),
 * nor lone surrogates. The program gets an object of the members of what is to
 * be mapped, in which each value is a string that holds its JSON text, and
 * gives one of the same kind; here the texts are put back as they are. It may
 * also give one string: the text of a whole object. A member that is null it
 * does not see, so that  .input // .payload  is what it seems to be.
 */
#ifndef JOBQ_MAPPING_H
#define JOBQ_MAPPING_H

#include "adapter.h"
#include "buf.h"
#include "jq_program.h"
#include "json.h"
#include "status.h"

#include <stdbool.h>

/* Begins with the first two set and all else zero; then its own. */
struct jobq_mapping {
	const struct jobq_adapter *adapter;
	const char *file;	 /* of the adapter, or of its base */
	bool ids;		 /* an "id" that is a number is its digits */
	struct jobq_jq *program; /* NULL until it is needed */
	struct jobq_buf texts, result;
};

void jobq_mapping_release(struct jobq_mapping *mapping);

/* Whether the adapter, or what it stands on, has such a program. */
bool jobq_mapping_is_there(const struct jobq_mapping *mapping);

/*
 * Compiles it, once: what cannot be told of is not to be begun. JOBQ_CONFIG:
 * there is none, or none that can be compiled.
 */
enum jobq_status jobq_mapping_ready(
    struct jobq_mapping *mapping, struct jobq_err *err);

/*
 * Runs it on a checked object; out is replaced by the object that it gives, in
 * one line. JOBQ_EMPTY: it gave none. JOBQ_INVALID: it failed, or its result
 * is none. JOBQ_CONFIG as above.
 */
enum jobq_status jobq_mapping_run(struct jobq_mapping *mapping,
    struct jobq_span object, struct jobq_buf *out, struct jobq_err *err);

#endif
