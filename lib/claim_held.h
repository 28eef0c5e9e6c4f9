/*
 * What a claim has printed and nobody has started yet: renewed in its name
 * every third of a lease, so that a job which waits in a filter behind the
 * pipe is not lost.
 */
#ifndef JOBQ_CLAIM_HELD_H
#define JOBQ_CLAIM_HELD_H

#include "batch.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_held_job {
	char *id;
	int64_t epoch;
	uint64_t begin; /* of its line, in bytes of all output */
	bool gone;
};

struct jobq_held {
	const char *worker;
	struct jobq_held_job *job;
	size_t count;
	size_t cap;
	bool any_started; /* some job was seen to have started */
	size_t answered;  /* jobs the answer to a renewal has covered */
};

void jobq_held_release(struct jobq_held *held);

/* The members of a claimed job's line; begin says where that stands. */
enum jobq_status jobq_held_add(struct jobq_held *held,
    const struct jobq_object *members, uint64_t begin, struct jobq_err *err);

/*
 * Renews all that have not started and forgets the others. The store has
 * until deadline_ms; on failure all are kept.
 */
enum jobq_status jobq_held_renew(struct jobq_held *held,
    struct jobq_store *store, int64_t deadline_ms, struct jobq_err *err);

/*
 * Gives back the jobs whose lines begin at or after `from` and forgets them;
 * *count says how many there were.
 */
enum jobq_status jobq_held_give_back(struct jobq_held *held,
    struct jobq_store *store, uint64_t from, int64_t deadline_ms, size_t *count,
    struct jobq_err *err);

#endif
