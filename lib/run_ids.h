/*
 * Ids for lines that have none: the hash of the line, with .2, .3 and so on
 * for repeats of it. Repeats are known within the last 65,536 such lines at
 * least; what came before may be given the same ids again.
 */
#ifndef JOBQ_RUN_IDS_H
#define JOBQ_RUN_IDS_H

#include <stddef.h>

#define JOBQ_GIVEN_ID_SIZE 40 /* 16 digits, a dot, a number, NUL */

struct jobq_ids;

struct jobq_ids *jobq_ids_new(void);
void jobq_ids_free(struct jobq_ids *ids);

void jobq_ids_make(struct jobq_ids *ids, const char *line, size_t len,
    char out[JOBQ_GIVEN_ID_SIZE]);

#endif
