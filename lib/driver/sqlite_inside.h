/*
 * Shared by the two files of the driver: the open store, its errors and its
 * deadline.
 */
#ifndef JOBQ_SQLITE_INSIDE_H
#define JOBQ_SQLITE_INSIDE_H

#include "buf.h"
#include "driver.h"
#include "turn.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The statements of one file, prepared once. */
struct jobq_sqlite_text {
	char *name;
	struct jobq_sqlite_statement {
		sqlite3_stmt *prepared; /* NULL: not needed so far */
		char *sql;		/* what it is prepared from */
		/* "-- only MEMBER [VALUE]" at its top, or NULL */
		char *member, *value;
	} * statement;
	size_t count;
	bool choosy; /* some statement has such a line */
};

struct jobq_sqlite {
	const struct jobq_adapter *adapter;
	struct jobq_url *url;
	char *path;
	sqlite3 *db;
	struct jobq_turn turn;
	struct jobq_sqlite_text *texts;
	size_t text_count;
	size_t text_cap;
	int64_t deadline;
	bool ready; /* the texts' temporary tables are there */
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
    struct jobq_sqlite *store, struct jobq_err *err);

/* The driver's open and close (driver.h). */
enum jobq_status jobq_sqlite_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_sqlite_close(void *handle);

#endif
