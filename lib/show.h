/*
 * One job whole, for people: its members, why it is where it is, its runs,
 * and what it said last. The job's line comes from the store's list, the rest
 * is gathered from its events, of which only what is shown is kept.
 */
#ifndef JOBQ_SHOW_H
#define JOBQ_SHOW_H

#include "buf.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>

/*
 * Adds all about the job with this whole id, coloured and with times of this
 * place where that is wanted. JOBQ_EMPTY when the store has no such job. A
 * store that keeps no events shows what its list says.
 */
enum jobq_status jobq_show_job(struct jobq_store *store, const char *id,
    bool colour, bool local, struct jobq_buf *out, struct jobq_err *err);

#endif
