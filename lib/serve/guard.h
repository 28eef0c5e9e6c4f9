/*
 * Who may ask for what: the name a browser was led here by (Host), the page
 * that asks (Origin, Sec-Fetch-Site), the bearer's token. Pure functions of
 * what the request says; the same hold for requests and for WebSockets.
 */
#ifndef JOBQ_SERVE_GUARD_H
#define JOBQ_SERVE_GUARD_H

#include "json.h"
#include "opt.h"
#include "status.h"

#include <stdbool.h>

/* What a listener lets through; see DESIGN in jobq-serve(1). */
enum jobq_reach {
	JOBQ_REACH_LOCAL,   /* loopback or a unix socket */
	JOBQ_REACH_NETWORK, /* can be reached from other machines */
	JOBQ_REACH_HEALTH,  /* /health and /metrics alone, by anybody */
	JOBQ_REACHES,
};

struct jobq_guard {
	const struct jobq_list *allowed_hosts; /* NAME or NAME:PORT */
	unsigned char token[32];	       /* its SHA-256 */
	bool has_token;
};

/* Spans with at NULL are absent. */
struct jobq_guarded {
	enum jobq_reach reach;
	bool is_unix;
	bool changes;	/* a method other than GET, HEAD and OPTIONS */
	bool websocket; /* a request to become one */
	bool open;	/* a route that needs no token */
	struct jobq_span host, origin, fetch_site, authorization;
};

/*
 * Reads the token of a file, its first line. JOBQ_CONFIG when there is none
 * of 16 to 1024 printable characters, or others may read the file.
 */
enum jobq_status jobq_guard_read_token(
    struct jobq_guard *guard, const char *path, struct jobq_err *err);

/*
 * The status to refuse the request with, or 0; *why is then a sentence for
 * people, of static memory.
 */
int jobq_guard_check(const struct jobq_guard *guard,
    const struct jobq_guarded *request, const char **why);

/* Whether the two texts are equal, in a time that does not tell how much. */
bool jobq_guard_same(
    const unsigned char digest[32], const char *text, size_t len);

#endif
