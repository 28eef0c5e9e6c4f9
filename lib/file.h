/*
 * Small files read whole: settings, adapters' texts.
 */
#ifndef JOBQ_FILE_H
#define JOBQ_FILE_H

#include "buf.h"
#include "status.h"

#include <stddef.h>

/*
 * Adds the file's bytes to out. JOBQ_EMPTY when there is no such file,
 * JOBQ_CONFIG when it is longer than max_bytes or cannot be read, JOBQ_AGAIN
 * when this process may open no more.
 */
enum jobq_status jobq_file_read(const char *path, size_t max_bytes,
    struct jobq_buf *out, struct jobq_err *err);

/*
 * Whether a file with a secret in it, which is what people know it as, is its
 * owner's alone: JOBQ_CONFIG when others may read or write it. One that is
 * not there is.
 */
enum jobq_status jobq_file_check_private(
    const char *path, const char *what, struct jobq_err *err);

#endif
