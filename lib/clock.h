/*
 * Time. Deadlines are milliseconds of CLOCK_MONOTONIC; what is written down
 * is RFC 3339 in UTC with milliseconds ("2026-11-22T10:30:45.123Z"), counted
 * inside as milliseconds since 1970. Durations of options are texts such as
 * 500ms, 10s, 5m, 2h, 1d; a plain number is seconds.
 */
#ifndef JOBQ_CLOCK_H
#define JOBQ_CLOCK_H

#include "status.h"

#include <stdint.h>

#define JOBQ_TIME_SIZE 25 /* an RFC 3339 time with its NUL */

/* CLOCK_MONOTONIC, never 0. */
int64_t jobq_mono_ms(void);
int64_t jobq_mono_ns(void);

/* CLOCK_REALTIME. */
int64_t jobq_wall_ms(void);

/* Writes the time; years 0000 to 9999, others are clamped. */
void jobq_time_format(int64_t wall_ms, char out[JOBQ_TIME_SIZE]);

/*
 * Reads an RFC 3339 time: any offset, any number of digits of a second
 * (cut to milliseconds). JOBQ_INVALID names the text.
 */
enum jobq_status jobq_time_parse(
    const char *text, int64_t *wall_ms, struct jobq_err *err);

/*
 * Reads a duration as milliseconds; "none" gives -1 when none_allowed. Also
 * fractions: "1.5s", "0.2". At most 100 years. JOBQ_CONFIG names the text.
 */
enum jobq_status jobq_duration_parse(
    const char *text, int none_allowed, int64_t *ms, struct jobq_err *err);

/* A size: 4096, 64KiB, 1MiB, 2GiB. JOBQ_CONFIG names the text. */
enum jobq_status jobq_size_parse(
    const char *text, uint64_t *bytes, struct jobq_err *err);

/* A whole number within bounds, both included. JOBQ_CONFIG names the text. */
enum jobq_status jobq_int_parse(const char *text, int64_t least, int64_t most,
    int64_t *out, struct jobq_err *err);

#endif
