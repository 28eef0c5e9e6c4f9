/*
 * What is wrong with a request, in the shape that clients of FastAPI read:
 * status 422, and {"detail":[{"type","loc","msg","input"}]}.
 */
#ifndef JOBQ_SERVE_DETAIL_H
#define JOBQ_SERVE_DETAIL_H

#include "json.h"
#include "request.h"

/*
 * Adds a fault to out, which begins empty and gets the whole body by
 * jobq_detail_send(). loc is where it is, "body" or "query", and member
 * what it is in there, or NULL. input is what was given, its JSON text, or a
 * span with at NULL.
 */
void jobq_detail_add(struct jobq_buf *out, const char *type, const char *loc,
    const char *member, const char *msg, struct jobq_span input);

/* Answers with the faults that were added. */
void jobq_detail_send(struct jobq_request *request, struct jobq_buf *out);

/* Both for one fault. */
void jobq_detail_answer(struct jobq_request *request, const char *type,
    const char *loc, const char *member, const char *msg,
    struct jobq_span input);

/*
 * Scans the body as one object. False when it is none; the request is
 * answered then.
 */
bool jobq_detail_scan(
    struct jobq_request *request, struct jobq_object *members);

/*
 * The member of a scanned body; NULL when it is not there, or null, and the
 * request is answered then if it is needed.
 */
const struct jobq_span *jobq_detail_member(struct jobq_request *request,
    const struct jobq_object *members, const char *name, bool needed);

/*
 * Adds the text of a member that is a string. False when it is none, or none
 * of least to most bytes; the request is answered then.
 */
bool jobq_detail_string(struct jobq_request *request, struct jobq_span value,
    const char *name, size_t least, size_t most, struct jobq_buf *out);

#endif
