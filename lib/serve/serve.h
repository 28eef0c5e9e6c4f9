/*
 * jobq-serve: a store's verbs, tasks and their watchers, job APIs and a page,
 * over HTTP/1.1 and WebSocket.
 */
#ifndef JOBQ_SERVE_H
#define JOBQ_SERVE_H

#include "opt.h"
#include "status.h"
#include "words.h"

#include <stdbool.h>
#include <stdint.h>

struct jobq_serve_options {
	struct jobq_list listen; /* ADDR:PORT or unix:PATH; none: the default */
	struct jobq_list health; /* listeners of the health level */
	bool health_only;
	bool open;		/* beyond loopback without a token */
	bool read_only;		/* nothing of the store can be changed */
	const char *token_file; /* or NULL */
	struct jobq_list allowed_hosts;
	const char *store_url; /* as of jobq_store_open() */
	int64_t history_ms;    /* a task can be watched so long after its end */
	int64_t most_watchers;
	int64_t drain_ms; /* a stop takes no longer than this */
	/* In place of a store: a command line of jobq-run; NULL: none. */
	const struct jobq_words *tool;
	size_t tool_places; /* how many jobs that runs at the same time */
};

/*
 * Serves until INT or TERM; JOBQ_CONFIG when it cannot begin. With *left the
 * process must end by _exit(): threads hang in the store and were not waited
 * for.
 */
enum jobq_status jobq_serve(
    const struct jobq_serve_options *options, bool *left, struct jobq_err *err);

#endif
