/*
 * Shared by the files of jobq-fetch: fetch.c reads lines and decides,
 * fetch_job.c keeps the jobs that wait and ends them, fetch_get.c keeps the
 * answers and gets them, fetch_out.c writes.
 */
#ifndef JOBQ_FETCH_INSIDE_H
#define JOBQ_FETCH_INSIDE_H

#include "backoff.h"
#include "event.h"
#include "fetch.h"
#include "http_client.h"
#include "input.h"
#include "job.h"
#include "line.h"
#include "loop.h"
#include "run_ids.h"

enum jobq_fetch_state {
	JOBQ_GET_QUEUED, /* to be asked for when a connection is free */
	JOBQ_GET_ASKED,	 /* a request is on its way */
	JOBQ_GET_RESTS,	 /* its request has failed and will be repeated */
	JOBQ_GET_DONE,	 /* the body is there */
};

/* A URL and what is known of it. */
struct jobq_fetch_get {
	struct jobq_fetch_get *next, *prev; /* the latest used one first */
	struct jobq_fetch *fetch;
	enum jobq_fetch_state state;
	char *url;
	size_t hash;
	struct jobq_http_exchange *exchange;
	struct jobq_buf headers;
	struct jobq_buf body;
	bool too_long;
	struct jobq_timer timer; /* no answer in time; or the next request */
	struct jobq_backoff backoff;
	int64_t tries;
	int64_t until_ms; /* the body is good */
	size_t waiters;
	struct jobq_err why; /* of the last failure; empty: none yet */
	int64_t retry_after_ms;
};

/* A job that waits for its context. */
struct jobq_fetch_job {
	struct jobq_fetch_job *next, *prev; /* in the order they came */
	struct jobq_fetch *fetch;
	struct jobq_fetch_get *get; /* or NULL */
	struct jobq_buf line;
	struct jobq_job job;
	char given_id[JOBQ_GIVEN_ID_SIZE];
	const char *id;
	struct jobq_timer deadline;
};

struct jobq_fetch_out {
	struct jobq_writer writer;
	struct jobq_watch watch;
	bool regular;
	bool broken; /* nothing can be written any more */
};

struct jobq_fetch {
	struct jobq_fetch_options options;
	struct jobq_loop *loop;
	struct jobq_http *http; /* NULL: nothing is fetched */
	struct jobq_input input;
	struct jobq_watch in;
	struct jobq_event event; /* scratch of the line at hand */
	struct jobq_ids *ids;
	struct jobq_fetch_out out;

	struct jobq_fetch_job *first, *last;
	size_t held, held_bytes;
	struct jobq_fetch_get *newest, *oldest;
	size_t known, kept_bytes, asked;

	bool plain; /* the latest lease was none of the ring */
	bool more;  /* whole lines may stand in the reader still */
	bool ended; /* the input */
	bool quitting;
	bool forced;
	bool any_failed;
	enum jobq_status status;
	struct jobq_err err;
};

/* fetch_job.c: takes the line at hand, of which job was read. */
void jobq_fetch_job_enter(struct jobq_fetch *fetch, struct jobq_fetch_job *job);

struct jobq_fetch_job *jobq_fetch_job_new(
    struct jobq_fetch *fetch, struct jobq_span line);
void jobq_fetch_job_free(struct jobq_fetch_job *job);

/* Ends a job that is held in its place, without it having been started. */
void jobq_fetch_job_drop(
    struct jobq_fetch_job *job, enum jobq_event_kind kind, const char *reason);

/* Takes it out of what is held, without a word. */
void jobq_fetch_job_forget(struct jobq_fetch_job *job);

/* What a `stop` says of a job that is held. */
void jobq_fetch_stop(struct jobq_fetch *fetch, const struct jobq_event *event);

/* Gives all that is held back. */
void jobq_fetch_release_all(struct jobq_fetch *fetch);

/* Those who wait for this: they go on with its body, or fail. */
void jobq_fetch_serve(struct jobq_fetch_get *get);
void jobq_fetch_fail(struct jobq_fetch_get *get, bool retry);

/*
 * fetch_get.c: what is known of a URL, asked for when it is not there. The
 * caller is one of its waiters until it leaves.
 */
struct jobq_fetch_get *jobq_fetch_get_find(
    struct jobq_fetch *fetch, const char *url);
void jobq_fetch_get_leave(struct jobq_fetch_get *get);

/* Begins requests as far as connections are free. */
void jobq_fetch_get_pump(struct jobq_fetch *fetch);
void jobq_fetch_get_close(struct jobq_fetch *fetch);

/* fetch_out.c */
void jobq_fetch_out_open(struct jobq_fetch *fetch);
void jobq_fetch_out_close(struct jobq_fetch *fetch);
void jobq_fetch_out_line(
    struct jobq_fetch *fetch, const char *text, size_t len);
size_t jobq_fetch_out_pending(const struct jobq_fetch *fetch);
void jobq_fetch_out_flush(struct jobq_fetch *fetch);

/* Lets the pipe hold one page, so that it is not what keeps jobs waiting. */
void jobq_fetch_out_narrow(struct jobq_fetch *fetch);

#endif
