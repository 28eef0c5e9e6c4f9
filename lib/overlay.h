/*
 * Members for lines that do not have them, or have null there: the defaults
 * that a command's options give. A line's own values always win.
 */
#ifndef JOBQ_OVERLAY_H
#define JOBQ_OVERLAY_H

#include "buf.h"
#include "json.h"
#include "status.h"

#include <stdint.h>

struct jobq_overlay {
	struct jobq_buf text; /* {"queue":…,"priority":… without the brace */
};

void jobq_overlay_release(struct jobq_overlay *overlay);

/* Add a member; a NULL text or JOBQ_ABSENT adds none. */
void jobq_overlay_text(
    struct jobq_overlay *overlay, const char *name, const char *text);
void jobq_overlay_int(
    struct jobq_overlay *overlay, const char *name, int64_t number);

/* Adds a member whose value is a JSON text, which must be valid. */
void jobq_overlay_json(
    struct jobq_overlay *overlay, const char *name, const char *json);

/*
 * Writes the scanned line with the members it lacks to out (cleared first)
 * and scans that into *members, which then point into out.
 */
enum jobq_status jobq_overlay_apply(const struct jobq_overlay *overlay,
    struct jobq_object *members, struct jobq_buf *out, struct jobq_err *err);

#endif
