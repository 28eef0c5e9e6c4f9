/*
 * The files of share/www: read at the start, known by name, never looked for
 * by what a request says. Names are [a-z0-9] and then [a-z0-9.-]*; what has
 * another name, or an ending that is not known, is not served.
 */
#ifndef JOBQ_SERVE_FILES_H
#define JOBQ_SERVE_FILES_H

#include "buf.h"
#include "status.h"

#include <stddef.h>

struct jobq_files {
	struct jobq_file *file;
	size_t count, cap;
};

struct jobq_file {
	char *name;
	const char *type;
	char etag[19]; /* with its quotes */
	struct jobq_buf text;
};

/* Reads them all; JOBQ_CONFIG when one cannot be read. */
enum jobq_status jobq_files_read(
    struct jobq_files *files, const char *folder, struct jobq_err *err);
void jobq_files_release(struct jobq_files *files);

/* The file of that name, or NULL. */
const struct jobq_file *jobq_files_find(
    const struct jobq_files *files, const char *name);

#endif
