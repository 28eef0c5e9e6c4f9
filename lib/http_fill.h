/*
 * A URL with placeholders, filled in from a job: {id}, {name}, {input} and
 * {input.path.to}.
 *
 * What is filled in can only become a part of the path or query: placeholders
 * stand behind the first '/' after the host, values are encoded but for the
 * unreserved characters, and a part of the path that has a placeholder in it
 * is refused when it comes out empty or as "." or "..", which would be
 * another path.
 */
#ifndef JOBQ_HTTP_FILL_H
#define JOBQ_HTTP_FILL_H

#include "buf.h"
#include "job.h"
#include "status.h"

/*
 * JOBQ_CONFIG for what is no URL of http or https, and for a placeholder that
 * is unknown or stands in the scheme, host or port. Needs an open client, as
 * jobq_http_check_url() does.
 */
enum jobq_status jobq_http_fill_check(const char *url, struct jobq_err *err);

/*
 * Replaces out by the URL with the job's values in it; id is the job's own or
 * the one it was given. JOBQ_INVALID: the job's own fault.
 */
enum jobq_status jobq_http_fill(const char *url, const struct jobq_job *job,
    const char *id, struct jobq_buf *out, struct jobq_err *err);

#endif
