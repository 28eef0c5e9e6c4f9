/*
 * The claiming end of a plain pipeline: jobs are taken from the store only
 * when the reader has taken all that was written before, are handed out line
 * by line, and are kept alive until they are seen to have started.
 */
#ifndef JOBQ_CLAIM_H
#define JOBQ_CLAIM_H

#include "command.h"
#include "opt.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_claim_options {
	int64_t limit;	     /* claim no more than this; -1: no limit */
	bool follow;	     /* wait for more when there is none */
	bool from_ids;	     /* claim what standard input names */
	int64_t lease_ms;    /* 0: the adapter's own */
	int64_t interval_ms; /* see jobq_claim_interval(); 0: not given */
	int64_t retry_ms;    /* most between tries of the store; 0: 30 s */
	const char *worker;  /* NULL: host:pid:random */
	const char *flow;    /* or NULL */
	struct jobq_list queues;
};

/*
 * Claims until there is nothing (or, with follow, until it is told to stop
 * or its reader is gone) and returns when its output is taken. JOBQ_EMPTY:
 * nothing was claimed, without follow. Bad lines of input are reported
 * through command.
 */
enum jobq_status jobq_claim(const struct jobq_claim_options *options,
    struct jobq_store *store, struct jobq_command *command,
    struct jobq_err *err);

#endif
