/*
 * Where jobq's own files are, found from the running command's own place:
 * PREFIX/bin/jobq-x has PREFIX/lib/jobq and PREFIX/share/jobq; a command in a
 * build tree (build/bin) has build/drivers and the tree's share. Never the
 * working directory.
 */
#ifndef JOBQ_PLACE_H
#define JOBQ_PLACE_H

#include "buf.h"
#include "status.h"

/* Add the folder of drivers, of shared data, of commands. */
enum jobq_status jobq_place_drivers(struct jobq_buf *out, struct jobq_err *err);
enum jobq_status jobq_place_share(struct jobq_buf *out, struct jobq_err *err);
enum jobq_status jobq_place_commands(
    struct jobq_buf *out, struct jobq_err *err);

#endif
