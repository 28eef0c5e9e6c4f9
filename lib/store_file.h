/*
 * The file of an embedded store, before its library opens it. Linux only in
 * what it knows of file systems.
 */
#ifndef JOBQ_STORE_FILE_H
#define JOBQ_STORE_FILE_H

#include "status.h"
#include "store.h"

#include <stdbool.h>

/*
 * With JOBQ_STORE_CREATE makes a missing file, and the folders above it, with
 * modes 0600 and 0700 from the first moment. JOBQ_CONFIG when there is none,
 * it cannot be opened, or it lies on a network file system. path is changed
 * and put back meanwhile.
 */
enum jobq_status jobq_store_file(
    char *path, enum jobq_store_mode mode, struct jobq_err *err);

/* Fails with JOBQ_CONFIG and says how to make a store. */
enum jobq_status jobq_no_store(const char *path, struct jobq_err *err);

/* Whether the file's file system is mounted read-only. */
bool jobq_file_is_read_only(const char *path);

#endif
