/*
 * --dir: a folder of handlers, one for each name of a job. The name is all
 * of a job that has a part in the path, and it can neither leave its place
 * in it nor hide.
 */
#ifndef JOBQ_RUN_DIR_H
#define JOBQ_RUN_DIR_H

#include "buf.h"
#include "status.h"

struct jobq_dir;

/*
 * Takes a pattern such as "plugins/{name}/run" apart, which must live as
 * long; a folder DIR stands for "DIR/{name}/run". JOBQ_CONFIG: neither of the
 * two, or braces around anything else.
 */
enum jobq_status jobq_dir_open(
    struct jobq_dir **dir, const char *pattern, struct jobq_err *err);
void jobq_dir_close(struct jobq_dir *dir);

/*
 * The handler of jobs of this name; path is replaced. JOBQ_INVALID: there is
 * none; the text begins with a stable word: bad_name (it is not of letters,
 * digits, '.', '_' and '-', or begins with '.'), no_handler.
 */
enum jobq_status jobq_dir_find(const struct jobq_dir *dir, const char *name,
    struct jobq_buf *path, struct jobq_err *err);

#endif
