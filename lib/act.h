/*
 * What jobq-cancel and jobq-retry have in common: one verb of a store is
 * done to many jobs, those of the operands or, without any, of standard
 * input, and what became of each is said.
 *
 * Ids of standard input go to the store as they arrive, at most 500 in a
 * request. When a person is there (a terminal) and more than 100 are meant,
 * nothing is done before that was confirmed.
 */
#ifndef JOBQ_ACT_H
#define JOBQ_ACT_H

#include "command.h"
#include "status.h"
#include "store.h"

#include <stdbool.h>

/* More jobs than this are confirmed, or need --yes. */
#define JOBQ_ACT_UNASKED 100

/* What became of one job; strings are empty where there is nothing to say. */
struct jobq_answer {
	const char *id;
	const char *was; /* its state before, or "unknown" */
	const char *worker;
	const char *why;   /* what kept it from being done */
	bool done;	   /* the job was changed */
	bool asked_before; /* a running one had been asked to stop */
};

struct jobq_act {
	struct jobq_command *command;
	struct jobq_store *store;
	enum jobq_verb verb;
	const char *doing;  /* for questions: "cancel" */
	const char *reason; /* or NULL */
	bool dry_run;	    /* say only what is meant */
	bool yes;	    /* confirmed beforehand */
	/*
	 * Says what became of a job, or with dry_run what would. Returns
	 * false when it is not as it was asked for.
	 */
	bool (*say)(
	    const struct jobq_act *act, const struct jobq_answer *answer);
};

/*
 * Does it all. The store's answers also go to stdout when that is no
 * terminal. JOBQ_EMPTY: one of the jobs is not as it was asked for.
 */
enum jobq_status jobq_act_run(const struct jobq_act *act, struct jobq_err *err);

#endif
