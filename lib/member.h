/*
 * The members of a line that jobq gives a meaning to, read as what they must
 * be. A reader hands each value here with the name it stands under; what is
 * wrong comes back as JOBQ_INVALID with that name in the text. Used by job.c
 * and event.c.
 */
#ifndef JOBQ_MEMBER_H
#define JOBQ_MEMBER_H

#include "json.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of a queue, name, worker, key, flow or reason. */
#define JOBQ_NAME_MAX 255

/* A known name; its place in the table is the number of the member. */
struct jobq_known {
	const char *name;
	size_t len;
};

#define JOBQ_KNOWN(text)               \
	{                              \
		text, sizeof(text) - 1 \
	}

/*
 * The place of a key in a table of at most 32 names, -1 when it is none of
 * them. seen has a bit for each name met so far: JOBQ_INVALID when this one
 * was met before. owner is what errors put before the name ("lease." or "").
 */
enum jobq_status jobq_member_find(const struct jobq_known *table, size_t count,
    struct jobq_span key, const char *owner, uint32_t *seen, int *place,
    struct jobq_err *err);

/*
 * A string, decoded into text, of least to most bytes. *out points into text
 * and is NUL-terminated; text must have room for it (the room of the whole
 * line, reserved once, is enough for all strings of the line). plain refuses
 * control characters.
 */
enum jobq_status jobq_member_text(struct jobq_buf *text, const char *name,
    struct jobq_span value, size_t least, size_t most, bool plain,
    const char **out, struct jobq_err *err);

/* The same for the id of a job. */
enum jobq_status jobq_member_id(struct jobq_buf *text, const char *name,
    struct jobq_span value, const char **out, struct jobq_err *err);

/* A whole number within bounds, both included. */
enum jobq_status jobq_member_int(const char *name, struct jobq_span value,
    int64_t least, int64_t most, int64_t *out, struct jobq_err *err);

/*
 * Seconds, fractions allowed, as milliseconds rounded up; at most 100 years,
 * and more than none unless zero_allowed.
 */
enum jobq_status jobq_member_seconds(const char *name, struct jobq_span value,
    bool zero_allowed, int64_t *ms, struct jobq_err *err);

/* A string with an RFC 3339 time; *text_out, where wanted, as it is written. */
enum jobq_status jobq_member_time(struct jobq_buf *text, const char *name,
    struct jobq_span value, int64_t *wall_ms, const char **text_out,
    struct jobq_err *err);

enum jobq_status jobq_member_bool(
    const char *name, struct jobq_span value, bool *out, struct jobq_err *err);

/* A list [[id, epoch], ...] of jobs; what its strings hold is checked. */
enum jobq_status jobq_member_leases(struct jobq_buf *text, const char *name,
    struct jobq_span value, struct jobq_err *err);

#endif
