/*
 * Ids of jobs: opaque texts of 1 to 128 of A-Za-z0-9._:@-, the first a letter
 * or digit. jobq makes UUIDs of version 7 (RFC 9562), which sort by their
 * time of creation; lines without an id are known by their SHA-256.
 */
#ifndef JOBQ_ID_H
#define JOBQ_ID_H

#include <stdbool.h>
#include <stddef.h>

#define JOBQ_ID_MAX 128
#define JOBQ_UUID_SIZE 37 /* with its NUL */

bool jobq_id_valid(const char *text, size_t len);

/*
 * Makes an id that is greater than all this process made before, also within
 * one millisecond (the counter of RFC 9562, section 6.2, method 1).
 */
void jobq_uuid7(char out[JOBQ_UUID_SIZE]);

/* The first 16 hex digits of the SHA-256 of a line, and a NUL. */
void jobq_line_hash(const char *text, size_t len, char out[17]);

#endif
