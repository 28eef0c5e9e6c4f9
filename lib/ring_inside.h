/*
 * Shared by the files of the ring: ring.c waits and writes, ring_turn.c talks
 * to the store, ring_feed.c reads what comes round.
 */
#ifndef JOBQ_RING_INSIDE_H
#define JOBQ_RING_INSIDE_H

#include "backoff.h"
#include "batch.h"
#include "event.h"
#include "http_client.h"
#include "input.h"
#include "line.h"
#include "loop.h"
#include "ring.h"
#include "ring_jobs.h"

/* What must be well before a job is taken (--ready). */
struct jobq_ring_ready {
	struct jobq_http *http;
	struct jobq_http_exchange *asked; /* NULL: nothing is asked now */
	struct jobq_timer late;
	struct jobq_buf headers;
	bool well; /* it said so, and nothing was claimed since */
};

struct jobq_ring {
	const struct jobq_ring_options *options;
	struct jobq_store *store;
	struct jobq_command *command;
	struct jobq_err *err;
	enum jobq_status status; /* of the end */
	struct jobq_loop *loop;
	struct jobq_watch out, in, hints;
	struct jobq_timer turn; /* when the store is asked next */
	struct jobq_timer end;	/* --for; later, how long EOF is waited for */
	char *worker;
	int64_t lease_ms; /* also where the store cannot renew: 30 s */

	struct jobq_ring_jobs jobs;
	struct jobq_batch events; /* to be settled with the next claim */
	struct jobq_batch alive;  /* the latest round, not answered yet */
	int64_t alive_n;	  /* its number */
	int64_t waiting_since;	  /* of the oldest event; 0: none */
	int64_t ending_since;	  /* of the oldest ending among them; 0: none */

	struct jobq_writer writer; /* jobs and stops on their way out */
	struct jobq_buf answers;   /* the latest round of alive, answered */
	int64_t answers_n;
	bool out_open;

	struct jobq_input input;
	struct jobq_event event; /* the line being read */

	struct jobq_backoff store_backoff, worker_backoff;
	struct jobq_backoff errors; /* --backoff: stands for both */
	struct jobq_ring_ready ready;
	int64_t look_ms;       /* a claim is worth while from then on */
	int64_t asked_ms;      /* when the store was asked last */
	int64_t claim_from_ms; /* worker-fault: not before */
	int64_t fewer; /* so many had to wait: so many less are outstanding */
	int64_t claimed;
	int64_t limit;	    /* of the call being answered */
	int64_t got;	    /* jobs it gave */
	int64_t next_in_ms; /* its idle; -1: nothing is scheduled */
	int64_t unfinished; /* -1: not said */
	bool idle;	    /* it gave fewer jobs than there are places */
	bool began;	    /* a claim was answered */
	bool hinted;	    /* the store rang since it was asked last */
	bool stopping, ending, any_failed;
	int signals;
};

/* Ends the ring: status for main, what happened in ring->err. */
void jobq_ring_finish(struct jobq_ring *ring, enum jobq_status status);

/* Nothing more is claimed; what is outstanding is waited for. */
void jobq_ring_stop_claiming(struct jobq_ring *ring);

/* Writes a line to the runner, when it can be written. */
void jobq_ring_write(struct jobq_ring *ring, const char *line, size_t len);

/* Adds a line to the answers of alive round n; other rounds are dropped. */
void jobq_ring_answer(
    struct jobq_ring *ring, int64_t n, const char *line, size_t len);

/* Sees to it that jobq_ring_turn() runs when there is a reason to. */
void jobq_ring_plan(struct jobq_ring *ring);

/* One call of the store: settles, asks for stops, claims. */
void jobq_ring_turn(struct jobq_ring *ring);

/* How many jobs may be claimed now. */
int64_t jobq_ring_room(struct jobq_ring *ring, int64_t now);

/* Takes in what has been read from the runner. */
void jobq_ring_feed(struct jobq_ring *ring);

/*
 * How long to wait after one more error, which own counts unless --backoff
 * counts them all; it says so then.
 */
int64_t jobq_ring_wait(struct jobq_ring *ring, struct jobq_backoff *own);

/* ring_ready.c. JOBQ_CONFIG: there is no libcurl, or it is no URL. */
enum jobq_status jobq_ring_ready_open(
    struct jobq_ring *ring, struct jobq_err *err);
void jobq_ring_ready_close(struct jobq_ring *ring);

/* Whether a job may be taken now; if not it is asked, and planned anew. */
bool jobq_ring_ready_use(struct jobq_ring *ring);

/* An ending came back settled: its place is free. */
void jobq_ring_free_place(
    struct jobq_ring *ring, const struct jobq_event *event);

#endif
