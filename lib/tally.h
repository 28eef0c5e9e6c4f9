/*
 * What a stream of events comes to, for a view of one line: how many jobs
 * completed, failed, were cancelled, run now, and how many end per second.
 */
#ifndef JOBQ_TALLY_H
#define JOBQ_TALLY_H

#include "buf.h"
#include "event.h"

#include <stddef.h>
#include <stdint.h>

#define JOBQ_TALLY_SAMPLES 10

struct jobq_tally {
	uint64_t completed;
	uint64_t failed; /* for good */
	uint64_t cancelled;
	uint64_t again; /* attempts that failed and are tried again */
	size_t running;
	void *ids; /* of what runs: a tree of tsearch(3) */
	/* When and how many had ended, once a second; the oldest goes. */
	struct {
		int64_t at_ms;
		uint64_t ended;
	} sample[JOBQ_TALLY_SAMPLES];
	size_t samples; /* in all */
};

void jobq_tally_take(struct jobq_tally *tally, const struct jobq_event *event);
void jobq_tally_release(struct jobq_tally *tally);

/*
 * Adds "12 completed, 1 failed, 2 running, 5.3/s"; now_ms is monotonic. The
 * rate is that of the last ten seconds in which this was called.
 */
void jobq_tally_put(
    struct jobq_tally *tally, int64_t now_ms, struct jobq_buf *out);

/*
 * Adds the same as a line that a terminal of this width shows in the place of
 * the one before. The cursor stays at its beginning, so that whatever is
 * printed next covers it.
 */
void jobq_tally_paint(struct jobq_tally *tally, int64_t now_ms, size_t width,
    struct jobq_buf *out);

#endif
