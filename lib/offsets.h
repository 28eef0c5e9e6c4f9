/*
 * What is known of the offsets of one partition of a log, where jobs end in
 * another order than they came in and the only thing that can be kept is one
 * offset with a short text beside it: the commit.
 *
 * The committed offset is the lowest that is not finished, so that no restart
 * passes by an unfinished job. The text says of those from there on which are
 * finished nevertheless, how often each was claimed, and how many of its
 * claims have come to no end: those of workers that died, but for the one that
 * holds it now.
 *
 * Offsets are taken in growing order. Some may be missing (a log that is
 * compacted, or has transactions); they count as finished.
 */
#ifndef JOBQ_OFFSETS_H
#define JOBQ_OFFSETS_H

#include "buf.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_offset {
	int64_t offset;
	int64_t claims; /* so far, by all processes */
	int64_t open;	/* of them, those without an end */
	bool ahead;	/* one of the claims is still to be given */
	bool sure;	/* and that it is counted was committed */
	bool finished;
};

/* A list of offsets in growing order. */
struct jobq_offset_list {
	struct jobq_offset *entry;
	size_t first; /* what is before it is over */
	size_t count; /* from first on */
	size_t cap;
};

struct jobq_offsets {
	struct jobq_offset_list taken; /* its first one is not finished */
	struct jobq_offset_list told;  /* by a commit, not taken yet */
	int64_t next;		       /* one behind the last that was taken */
};

/* Begins at the committed offset, or where there is none at the first one. */
void jobq_offsets_init(struct jobq_offsets *offsets, int64_t committed);
void jobq_offsets_release(struct jobq_offsets *offsets);

/*
 * Reads the text of the commit that init was given; before anything is taken.
 * JOBQ_INVALID: it is none of ours, and nothing is known by it.
 */
enum jobq_status jobq_offsets_read(struct jobq_offsets *offsets,
    const char *text, size_t len, struct jobq_err *err);

/*
 * The offset was read from the log. False when it is finished or was taken
 * already, so that nothing is to be done with it.
 */
bool jobq_offsets_take(struct jobq_offsets *offsets, int64_t offset);

/*
 * Counts a claim of an offset that is not read yet, the one behind all that
 * are known; it is not open. So who reads it can be given it at once, when this
 * was committed before. False when it cannot be, or is counted already.
 */
bool jobq_offsets_ahead(struct jobq_offsets *offsets, int64_t offset);

/* What was written is committed. */
void jobq_offsets_committed(struct jobq_offsets *offsets);

/* What is known of it; NULL unless it is taken and the window has it yet. */
struct jobq_offset *jobq_offsets_find(
    struct jobq_offsets *offsets, int64_t offset);

/* Its job has ended, or is none. An offset that is not taken is ignored. */
void jobq_offsets_finish(struct jobq_offsets *offsets, int64_t offset);

/* The offset to commit: of the first job to be read after a restart. */
int64_t jobq_offsets_commit(const struct jobq_offsets *offsets);

/* How many offsets there are from there on to the last that was taken. */
int64_t jobq_offsets_window(const struct jobq_offsets *offsets);

/*
 * Replaces out by the text of the commit, of at most `most` bytes, 64 or more.
 * Where there is no room it says less: first what is finished is left out, for
 * it is only run again; then it counts as claimed; in the end all have the
 * claims of the one that has the most, for no epoch may come twice, and the
 * open ones of that with the fewest, for nobody is to be blamed for another.
 */
void jobq_offsets_write(
    const struct jobq_offsets *offsets, size_t most, struct jobq_buf *out);

#endif
