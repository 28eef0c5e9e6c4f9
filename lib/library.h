/*
 * Libraries that most runs do without, so that they do not pay for loading
 * them: found by their file name when they are first needed.
 */
#ifndef JOBQ_LIBRARY_H
#define JOBQ_LIBRARY_H

#include "status.h"

#include <stddef.h>

/* A function of a library and where its address goes. */
struct jobq_symbol {
	const char *name;
	void *to; /* the address of a pointer to a function */
};

/*
 * Loads a library ("libcurl.so.4") and finds all symbols of a table that ends
 * with a NULL name. It stays loaded. JOBQ_CONFIG says which package to
 * install.
 */
enum jobq_status jobq_library_load(const char *file, const char *package,
    const struct jobq_symbol *symbols, struct jobq_err *err);

#endif
