/*
 * The texts of HTTP that need no connection: headers of an answer, dates, how
 * a URL may be shown. Headers stand in a buf as name, NUL, value, NUL, and so
 * on; names are in lower case, values without white space around them.
 */
#ifndef JOBQ_HTTP_TEXT_H
#define JOBQ_HTTP_TEXT_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Adds a header from its line; what is none, or makes them longer than 64 KiB
 * in all, is left out.
 */
void jobq_http_add_header(
    struct jobq_buf *headers, const char *line, size_t len);

/* Walks over the headers in order: *cursor begins as 0. */
bool jobq_http_header(const struct jobq_buf *headers, size_t *cursor,
    const char **name, const char **value);

/* The value of the first header of that name, or NULL. */
const char *jobq_http_find(const struct jobq_buf *headers, const char *name);

/* Reads a date in any of the three forms of RFC 9110, section 5.6.7. */
bool jobq_http_date(const char *text, int64_t *wall_ms);

/*
 * How long Retry-After asks to wait: its seconds, or its date less that of
 * the answer (or the wall clock's when that has none), cut to 0 to most_ms.
 * False when there is none or it cannot be read.
 */
bool jobq_http_retry_after(
    const struct jobq_buf *headers, int64_t most_ms, int64_t *ms);

/* Adds the URL without user, password, query and fragment. */
void jobq_http_show_url(const char *url, struct jobq_buf *out);

#endif
