/*
 * What a claim asks the store for, and the ids it is given to ask for.
 */
#ifndef JOBQ_CLAIM_REQUEST_H
#define JOBQ_CLAIM_REQUEST_H

#include "buf.h"
#include "claim.h"
#include "event.h"
#include "json.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Writes the request of the verb claim for at most limit jobs to out (cleared
 * first); with an id, for that job only.
 */
void jobq_claim_request(const struct jobq_claim_options *options,
    const char *worker, struct jobq_store *store, int64_t limit, const char *id,
    struct jobq_buf *out);

/*
 * The lease by which claim measures how long it waits: the one that it asks
 * for, or 30 s where the store does not renew and a lease is as long as the
 * longest run.
 */
int64_t jobq_claim_lease_ms(
    const struct jobq_claim_options *options, const struct jobq_store *store);

/*
 * The name to claim under, which the caller frees. JOBQ_CONFIG: it is longer
 * than what the store has a place for.
 */
enum jobq_status jobq_claim_worker(const struct jobq_claim_options *options,
    const struct jobq_adapter *adapter, char **worker, struct jobq_err *err);

/*
 * Reads a line that names a job: a JSON object with an id, or the bare id,
 * into id (cleared first). An event, which names none, sets *is_event.
 * members is memory to scan with.
 */
enum jobq_status jobq_claim_id(struct jobq_span line,
    struct jobq_object *members, struct jobq_buf *id, bool *is_event,
    struct jobq_err *err);

/*
 * Reads an event of the store's answer, scanned into event->members. One that
 * is idle may say in how many ms the next job is due; *next_in_ms stays as it
 * is otherwise.
 */
enum jobq_status jobq_claim_event(struct jobq_event *event, const char *line,
    size_t len, int64_t *next_in_ms, struct jobq_err *err);

/*
 * Says aloud what the store has failed by itself, for no worker has settled
 * it: a job that crashed too often, an entry that is no job or whose payload
 * is gone. Any other event of its answer says nothing.
 */
void jobq_claim_say_failed(const struct jobq_event *event);

/*
 * How long to wait between looks while there is nothing, in ms: what is given,
 * else 1 s, or 3 s while the store tells of every job that becomes ready.
 */
int64_t jobq_claim_interval(
    const struct jobq_claim_options *options, struct jobq_store *store);

#endif
