/*
 * The web page as HTML, for browsers without JavaScript and for the first
 * moment of those with it: pure functions from the answers of a store to
 * text. The frame around it is share/www/index.html; what the scripts
 * beside it make of that afterwards has the same markup and the same URLs:
 *
 *	./                                          the overview
 *	jobs?state=S&queue=Q&name=N&after=CURSOR    a page of a list
 *	jobs?id=ID                                  one job
 *
 * Links are relative, so that the page works behind any prefix of a path.
 * Nothing that comes from outside reaches the text but through
 * jobq_www_escape(). There are no scripts and no styles in it.
 */
#ifndef JOBQ_SERVE_WWW_H
#define JOBQ_SERVE_WWW_H

#include "buf.h"
#include "json.h"
#include "stats.h"
#include "status.h"

#include <stddef.h>
#include <stdint.h>

/* Jobs in a page of a list. */
#define JOBQ_WWW_ROWS 50

/* Which jobs are looked at; what was not given, or empty, is NULL. */
struct jobq_www_query {
	char *state; /* one that a list knows */
	char *queue;
	char *name;
	char *id;
	char *after; /* a store's cursor, a JSON text */
};

/*
 * Reads the query of /jobs, as target.h has it. Parameters of other names are
 * passed over, of one that stands several times the last counts. JOBQ_INVALID
 * says which value no job can have.
 */
enum jobq_status jobq_www_query_read(struct jobq_www_query *query,
    const struct jobq_buf *texts, struct jobq_err *err);

void jobq_www_query_release(struct jobq_www_query *query);

/* Adds the request of the verb list for this page, whole. */
void jobq_www_query_request(
    const struct jobq_www_query *query, struct jobq_buf *out);

/*
 * Adds "jobs?state=..." for the query with this state and cursor in place of
 * its own (NULL: without), already escaped for an attribute.
 */
void jobq_www_query_link(const struct jobq_www_query *query, const char *state,
    const char *after, struct jobq_buf *out);

/*
 * Adds text for a place between tags or in a quoted attribute: & < > " ' as
 * entities, control bytes and bidirectional marks as jobq_buf_escape() has
 * them.
 */
void jobq_www_escape(struct jobq_buf *out, const char *text, size_t len);

/*
 * Adds the frame with main in place of its marker, <!-- main -->. A template
 * without the marker is added as it is.
 */
void jobq_www_frame(const char *template, size_t len,
    const struct jobq_buf *main, struct jobq_buf *out);

/* Add what goes into the frame: the queues; a message that stands alone. */
void jobq_www_overview(
    const struct jobq_stats *stats, int64_t now_ms, struct jobq_buf *out);
void jobq_www_message(
    const char *title, const char *text, struct jobq_buf *out);

/*
 * Add a list of jobs: what is above its rows, with the counts of stats on the
 * tabs (NULL: none, for stores that do not count), a row for each job as a
 * store lists it, and what is below. after is the cursor of the page line that
 * ended the answer, its JSON text, or NULL when nothing follows.
 */
void jobq_www_list_begin(const struct jobq_www_query *query,
    const struct jobq_stats *stats, struct jobq_buf *out);
void jobq_www_list_row(
    const struct jobq_object *members, int64_t now_ms, struct jobq_buf *out);
void jobq_www_list_end(const struct jobq_www_query *query, size_t rows,
    const char *after, struct jobq_buf *out);

#endif
