/*
 * What people are shown of a job: its members as words, durations in one
 * unit, times in UTC or of this place, and its row in a table.
 */
#ifndef JOBQ_VIEW_H
#define JOBQ_VIEW_H

#include "buf.h"
#include "json.h"
#include "table.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of a member; of length 0 when there is none, or null. */
struct jobq_span jobq_view_member(
    const struct jobq_object *members, const char *name);

/* A member of a member, such as held.worker. */
struct jobq_span jobq_view_inner(
    const struct jobq_object *members, const char *path);

/*
 * Adds a value as people read it: a string without quotes and escapes (what
 * cannot be decoded as it stands), anything else as its JSON text.
 */
void jobq_view_text(struct jobq_buf *out, struct jobq_span value);

/* A whole number, or otherwise what is given for it. */
int64_t jobq_view_int(struct jobq_span value, int64_t otherwise);

/* Adds "6 s", "14 min", "3 h", "2 d"; less than nothing is nothing. */
void jobq_view_duration(struct jobq_buf *out, int64_t ms);

/*
 * Adds a time to the second, in UTC or by the clock of this place; the second
 * one a time that is written in RFC 3339.
 */
void jobq_view_clock(struct jobq_buf *out, int64_t wall_ms, bool local);
void jobq_view_time(struct jobq_buf *out, struct jobq_span value, bool local);

/* Its milliseconds since 1970, or -1. */
int64_t jobq_view_time_ms(struct jobq_span value);

/* How a state is coloured. */
enum jobq_shade jobq_view_state(const char *state);

/* Adds what matters most of a job besides its state, in some words. */
void jobq_view_note(struct jobq_buf *out, const struct jobq_object *members,
    const char *state, int64_t now_ms, bool local);

/* The columns of a list of jobs, for jobq_table_init(). */
extern const struct jobq_column jobq_view_columns[];
#define JOBQ_VIEW_COLUMNS 7

/* Adds the row of a job as a store lists it; now_ms is the wall clock. */
void jobq_view_row(struct jobq_table *table, const struct jobq_object *members,
    int64_t now_ms, bool local);

#endif
