/*
 * The jobs and events of a request that came over HTTP, checked before a store
 * gets them.
 */
#ifndef JOBQ_SERVE_LINES_H
#define JOBQ_SERVE_LINES_H

#include "json.h"
#include "status.h"

#include <stdbool.h>

/*
 * Checks an array of jobs, else of events: at most JOBQ_PAGE_LINES, whose
 * members are what they must be, and whose lines are such that everybody can
 * read what a store hands out of them. JOBQ_INVALID names the element.
 */
enum jobq_status jobq_lines_check(
    struct jobq_span array, bool jobs, struct jobq_err *err);

#endif
