/*
 * The token of --token-file as a header of an HTTP request.
 */
#ifndef JOBQ_HTTP_TOKEN_H
#define JOBQ_HTTP_TOKEN_H

#include "buf.h"
#include "status.h"

/*
 * Adds "Authorization: Bearer TOKEN" and a NUL, as http_client.h has headers;
 * nothing when path is NULL. The file is read anew in each call, so that a
 * new token holds from the next request on. JOBQ_CONFIG: it is not there, not
 * its owner's alone, no regular file, or not one word of printable ASCII.
 * Whoever has sent the headers wipes them.
 */
enum jobq_status jobq_http_token_put(
    const char *path, struct jobq_buf *out, struct jobq_err *err);

#endif
