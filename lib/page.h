/*
 * Answers that come in pages: a verb is asked again, from where the last page
 * ended, until there is nothing more. Lines are handed out while no statement
 * of the store is open, so whoever takes them may take their time.
 *
 * A store ends a page with {"event":"page","after":CURSOR} when more may
 * follow. With "more":false nothing follows now, and the cursor is only where
 * a later look goes on. Without such a line nothing follows either, and the
 * cursor stays where it was.
 */
#ifndef JOBQ_PAGE_H
#define JOBQ_PAGE_H

#include "buf.h"
#include "json.h"
#include "line.h"
#include "status.h"
#include "store.h"

#include <stddef.h>
#include <stdint.h>

/* How long people wait for one answer of a store (habit 41). */
#define JOBQ_CALL_MS 30000

struct jobq_pages {
	struct jobq_store *store;
	enum jobq_verb verb;
	/* An object without its closing brace. */
	const char *request;
	const char *since; /* what the cursor is called in it: after, since */
	int64_t limit;	   /* of lines in all; -1: none */
	/* JSON text; empty: from the beginning. Kept up to date. */
	struct jobq_buf cursor;
};

void jobq_pages_release(struct jobq_pages *pages);

/*
 * Called once for each line but those that end a page; members are those of
 * the line, scanned; who wants to keep them puts another object, of the same
 * kind of memory, in their place. Any status but OK ends the asking and is
 * its result.
 */
typedef enum jobq_status jobq_page_fn(void *context,
    struct jobq_object *members, struct jobq_span line, struct jobq_err *err);

/* JOBQ_OK when all pages were handed out, or limit was reached. */
enum jobq_status jobq_pages_ask(struct jobq_pages *pages, jobq_page_fn *fn,
    void *context, struct jobq_err *err);

/* A jobq_page_fn: its context is a struct jobq_writer, which gets the line. */
enum jobq_status jobq_page_write(void *context, struct jobq_object *members,
    struct jobq_span line, struct jobq_err *err);

#endif
