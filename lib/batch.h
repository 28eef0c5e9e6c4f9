/*
 * Lines on their way into a store, gathered into one request: at most
 * JOBQ_PAGE_LINES of them or JOBQ_PAGE_BYTES. Each entry remembers what it
 * was made from, so that an answer, which comes in the same order, finds its
 * line, and a batch the store refuses can be sent again entry by entry.
 */
#ifndef JOBQ_BATCH_H
#define JOBQ_BATCH_H

#include "buf.h"
#include "event.h"
#include "job.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_entry {
	size_t begin;	      /* in text */
	unsigned long number; /* of the line of input */
	enum jobq_event_kind kind;
};

struct jobq_batch {
	const char *member; /* "jobs" or "events" */
	struct jobq_buf text;
	struct jobq_entry *entry;
	size_t count;
	size_t cap;
	size_t done; /* entries from the first on that were answered singly */
	struct jobq_buf request;
	struct jobq_buf scratch;
};

void jobq_batch_init(struct jobq_batch *batch, const char *member);
void jobq_batch_release(struct jobq_batch *batch);
void jobq_batch_clear(struct jobq_batch *batch);

/* Whether the next line must wait until this batch has been sent. */
bool jobq_batch_full(const struct jobq_batch *batch);

/*
 * Adds a job for the verb push: what the line leaves open is filled in (an
 * id of version 7, queue, name, priority, max_attempts), the members that
 * are the store's (state, attempt, lease, held and their like) are left out,
 * every other byte stays.
 */
void jobq_batch_job(
    struct jobq_batch *batch, const struct jobq_job *job, unsigned long number);

/* The same of a job with an id, whose kept line is there already. */
void jobq_batch_kept_job(struct jobq_batch *batch, const struct jobq_job *job,
    const struct jobq_buf *line);

/* Adds an event for the verb settle. */
void jobq_batch_event(struct jobq_batch *batch, const struct jobq_event *event,
    unsigned long number);

/*
 * Adds an event that the caller has written itself, whole and valid, with
 * its closing brace: jobq-claim's own.
 */
void jobq_batch_own_event(
    struct jobq_batch *batch, const char *line, size_t len);

/*
 * ,"reason":"..." of a request, unless reason is NULL: its first 1000 bytes,
 * for a store keeps it beside the job.
 */
void jobq_batch_put_reason(struct jobq_buf *out, const char *reason);

/*
 * Sends all entries as one request; when the store refuses it as INVALID,
 * each by itself, and those that are guilty go to refused(), whose answer
 * ends the sending unless it is JOBQ_OK (*err is then refused()'s to fill).
 * When the sending ends early, sending the batch again goes on with the
 * entry that was not answered; an answer never comes twice.
 */
enum jobq_status jobq_batch_send(struct jobq_batch *batch,
    struct jobq_store *store, enum jobq_verb verb, int64_t deadline_ms,
    jobq_line_fn *line,
    enum jobq_status (*refused)(void *context, const struct jobq_entry *entry,
	const struct jobq_err *why),
    void *context, struct jobq_err *err);

/* The text of an entry as it stands in the request: a JSON object. */
struct jobq_span jobq_batch_text(
    const struct jobq_batch *batch, const struct jobq_entry *entry);

#endif
