/*
 * Shared by the files of the driver: the open store, its errors, its deadline
 * and its statements.
 */
#ifndef JOBQ_SQLITE_INSIDE_H
#define JOBQ_SQLITE_INSIDE_H

#include "adapter_sql.h"
#include "buf.h"
#include "driver.h"
#include "json.h"
#include "turn.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_sqlite {
	const struct jobq_adapter *adapter;
	struct jobq_url *url;
	char *path;
	sqlite3 *db;
	sqlite3_stmt *begin, *begin_write, *commit; /* once prepared */
	struct jobq_turn turn;
	struct jobq_sql_texts texts; /* of statements prepared once */
	int64_t deadline;
	/* The temporary tables of texts that read, that write, are there. */
	bool read_ready, write_ready;
	/* Pages in the log after the last commit, after the last checkpoint. */
	int log_pages, moved_pages;
	bool answered; /* some row came, if only one that says nothing */
	struct jobq_buf lines;
};

/* Says what SQLite's code means, and which of our classes it is. */
enum jobq_status jobq_sqlite_error(struct jobq_sqlite *store, const char *doing,
    int code, struct jobq_err *err);

/* Until when SQLite may wait and statements may run. */
void jobq_sqlite_deadline(struct jobq_sqlite *store, int64_t deadline);

/* Runs statements that answer nothing. */
enum jobq_status jobq_sqlite_execute(struct jobq_sqlite *store,
    const char *doing, const char *sql, struct jobq_err *err);

/*
 * Makes what the texts keep in memory, once, before the first of them is
 * prepared: a command that ends without asking anything does without.
 */
enum jobq_status jobq_sqlite_ready(
    struct jobq_sqlite *store, bool reads, struct jobq_err *err);

/* Prepares a statement of a text; a comment alone stays NULL. */
enum jobq_status jobq_sqlite_prepare(struct jobq_sqlite *store,
    const struct jobq_sql_text *text, struct jobq_sql_statement *statement,
    struct jobq_err *err);

/*
 * Runs the statements of a text that are meant for this request, inside the
 * caller's transaction; what they say is added to the store's lines.
 */
enum jobq_status jobq_sqlite_run(struct jobq_sqlite *store,
    struct jobq_sql_text *text, const char *request, size_t len,
    struct jobq_err *err);

/* The functions that give a request's entries as rows (sqlite_request.c). */
int jobq_sqlite_add_functions(sqlite3 *db);

/* The verbs of the doctor; what they say is added to the store's lines. */
enum jobq_status jobq_sqlite_rehearse(struct jobq_sqlite *store,
    const char *request, size_t len, struct jobq_err *err);
enum jobq_status jobq_sqlite_plan(struct jobq_sqlite *store,
    const char *request, size_t len, struct jobq_err *err);

/* The driver's open and close (driver.h). */
enum jobq_status jobq_sqlite_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_sqlite_close(void *handle);

#endif
