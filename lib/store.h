/*
 * A store of jobs: verb and JSON in, lines out. The layer finds the driver
 * and the adapter of a URL, refuses verbs the adapter does not have by name,
 * traces and times every call, and hands out the lines of an answer only
 * when the store has done all of it (so nothing is printed that is not
 * durable). The verbs, their requests and answers are told in
 * jobq-adapter(7).
 *
 * In a request every free value (input, output, meta, data, a kept line) is a
 * string that holds its JSON text; request.h writes them.
 */
#ifndef JOBQ_STORE_H
#define JOBQ_STORE_H

#include "adapter.h"
#include "buf.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum jobq_verb {
	JOBQ_VERB_INIT,
	JOBQ_VERB_PUSH,
	JOBQ_VERB_LIST,
	JOBQ_VERB_CLAIM,
	JOBQ_VERB_SETTLE,
	JOBQ_VERB_CANCEL,
	JOBQ_VERB_RETRY,
	JOBQ_VERB_STATS,
	JOBQ_VERB_EVENTS,
	JOBQ_VERB_REAP,
	JOBQ_VERB_PRUNE,
	JOBQ_VERB_PAUSE,
	JOBQ_VERB_RESUME,
	/* What the doctor asks; no work needs them. */
	JOBQ_VERB_CHECK,
	JOBQ_VERB_REHEARSE,
	JOBQ_VERB_PLAN,
	JOBQ_VERBS,
};

/* The most of one request and of one page of an answer. */
#define JOBQ_PAGE_LINES 500
#define JOBQ_PAGE_BYTES ((size_t)4 << 20)

enum jobq_store_mode {
	JOBQ_STORE_READ,   /* must exist; opened without writing anything */
	JOBQ_STORE_WRITE,  /* must exist */
	JOBQ_STORE_CREATE, /* made when it is not there */
};

struct jobq_store;

/* Called once for each line of an answer; any status but OK ends the call. */
typedef enum jobq_status jobq_line_fn(
    void *context, const char *line, size_t len, struct jobq_err *err);

/*
 * The URL to use and where it came from ("--store", "JOBQ_URL", a file, "the
 * default"), by the order told in jobq(7); both are the caller's to free,
 * either may be NULL. given is --store's value or NULL. JOBQ_CONFIG when a
 * settings file cannot be used.
 */
enum jobq_status jobq_store_find_url(
    const char *given, char **url, char **source, struct jobq_err *err);

/*
 * Adds the path of a file of ours that is no store to be named, at its place
 * below $XDG_STATE_HOME or $HOME; false when neither is set.
 */
bool jobq_store_state_path(struct jobq_buf *out, const char *tail);

/*
 * Opens the store at url (found by jobq_store_find_url() when NULL or what
 * --store gave). JOBQ_CONFIG: unknown scheme (the known ones are named), no
 * adapter, no store there. JOBQ_AGAIN, JOBQ_IO: it is away or busy.
 */
enum jobq_status jobq_store_open(const char *url, enum jobq_store_mode mode,
    struct jobq_store **store, struct jobq_err *err);

void jobq_store_close(struct jobq_store *store);

/*
 * Whether there is a store at url; it is then open for reading. One far away
 * is asked, for only then it is known.
 */
bool jobq_store_is_there(const char *url, struct jobq_store **store);

/*
 * One verb. request is the JSON text; the call takes at most deadline_ms from
 * now (then JOBQ_AGAIN, and the store has done all of it or nothing). line
 * may be NULL for verbs whose answer is not wanted.
 */
enum jobq_status jobq_store_call(struct jobq_store *store, enum jobq_verb verb,
    const struct jobq_buf *request, int64_t deadline_ms, jobq_line_fn *line,
    void *context, struct jobq_err *err);

/*
 * Makes a store that was opened to be made and has not been called yet: some
 * drivers connect with the first call only, and who has had nothing to ask
 * for leaves a store behind all the same.
 */
enum jobq_status jobq_store_make(
    struct jobq_store *store, int64_t deadline_ms, struct jobq_err *err);

/* Asks the store for nothing: JOBQ_OK when it answers. */
enum jobq_status jobq_store_ask(
    struct jobq_store *store, int64_t deadline_ms, struct jobq_err *err);

/*
 * A descriptor that becomes readable when it may be worth looking again, or
 * -1. After it did, jobq_store_heard() empties it. Polling stays complete
 * without it.
 */
int jobq_store_fd(struct jobq_store *store);
void jobq_store_heard(struct jobq_store *store);

/*
 * Whether the descriptor tells of every job that becomes ready, so that who
 * waits may look less often. False as soon as that is in doubt.
 */
bool jobq_store_listens(struct jobq_store *store);

/* What the adapter can do, and the URL without secrets; the store's own. */
const struct jobq_adapter *jobq_store_adapter(const struct jobq_store *store);
const char *jobq_store_name(const struct jobq_store *store);

const char *jobq_verb_name(enum jobq_verb verb);

#endif
