/*
 * A strict scanner of JSON texts (RFC 8259, depth 64, UTF-8 checked) that
 * builds no tree: it says where the top-level members of an object stand.
 * Numbers keep their text, strings are decoded on demand, and whoever passes
 * a value on copies its span. A span points into the caller's text and lives
 * as long as that does.
 */
#ifndef JOBQ_JSON_H
#define JOBQ_JSON_H

#include "buf.h"
#include "status.h"
#include "utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_JSON_DEPTH 64

struct jobq_span {
	const char *at;
	size_t len;
};

/*
 * A member of an object. The key is the text between its quotes (compared by
 * jobq_json_key_is, which knows escapes); the value is its whole text, quotes
 * and brackets included, without white space around it. The type of a value
 * is its first character: one of { [ " t f n or else a number.
 */
struct jobq_member {
	struct jobq_span key;
	struct jobq_span value;
};

/* The members of one object, in order; reusable, freed by release. */
struct jobq_object {
	struct jobq_member *member;
	size_t count;
	size_t cap;
};

void jobq_object_release(struct jobq_object *object);

/*
 * Checks that text is exactly one JSON object (white space around it is
 * allowed) and lists its members. JOBQ_INVALID says what is wrong and at
 * which byte, counted from 1. Duplicate keys are listed as they come.
 */
enum jobq_status jobq_object_scan(struct jobq_object *object, const char *text,
    size_t len, struct jobq_err *err);

/* The same check for any one value; *value is its span without white space. */
enum jobq_status jobq_json_check(const char *text, size_t len,
    struct jobq_span *value, struct jobq_err *err);

/*
 * Makes a checked text one line: its line ends, which stand between values
 * alone, become spaces.
 */
void jobq_json_flatten(char *text, size_t len);

/* Adds a checked text as one line. */
void jobq_json_put_flat(struct jobq_buf *out, struct jobq_span text);

/* Whether a scanned key means this name, escapes undone. */
bool jobq_json_key_is(struct jobq_span key, const char *name);

/*
 * The value of the first member with this name, or NULL. The object must
 * have been scanned.
 */
const struct jobq_span *jobq_object_get(
    const struct jobq_object *object, const char *name);

/* Whether a span is the literal word true, false or null. */
bool jobq_span_is(struct jobq_span span, const char *word);

/*
 * Decodes a scanned string value (quotes included) and adds it to out.
 * JOBQ_INVALID for what is no string, for \u0000 and for a lone surrogate.
 */
enum jobq_status jobq_json_string(
    struct jobq_span value, struct jobq_buf *out, struct jobq_err *err);

/*
 * A scanned number that is a whole one in the range of int64_t, also when it
 * is written as 42.0 or 1e3; anything else is JOBQ_INVALID.
 */
enum jobq_status jobq_json_int(
    struct jobq_span value, int64_t *out, struct jobq_err *err);

/* A scanned number as a finite double; 1e400 and other types JOBQ_INVALID. */
enum jobq_status jobq_json_double(
    struct jobq_span value, double *out, struct jobq_err *err);

/*
 * Walks over the elements of a scanned array: *cursor begins as 0; returns
 * false after the last one, or at once when value is no array.
 */
bool jobq_json_element(
    struct jobq_span value, size_t *cursor, struct jobq_span *element);

/* The same for the members of a scanned object, in order, duplicates too. */
bool jobq_json_member(
    struct jobq_span value, size_t *cursor, struct jobq_member *member);

/*
 * Follows a path such as "input.path.to" (names divided by '.', array
 * elements by number) through a scanned object. False when it leads nowhere.
 */
bool jobq_json_path(const struct jobq_object *object, const char *path,
    size_t path_len, struct jobq_span *out);

/* Adds text as a JSON string with its quotes. text must be UTF-8. */
void jobq_json_put_string(struct jobq_buf *out, const char *text, size_t len);

/*
 * Adds bytes as a JSON string whatever they are: NUL and what is not UTF-8
 * become U+FFFD, one for each maximal bad part (Unicode 15, section 3.9).
 */
void jobq_json_put_lossy(struct jobq_buf *out, const char *text, size_t len);

#endif
