/*
 * Shared by the files of the driver: the store, its connection, and its
 * errors.
 */
#ifndef JOBQ_POSTGRESQL_INSIDE_H
#define JOBQ_POSTGRESQL_INSIDE_H

#include "adapter_sql.h"
#include "buf.h"
#include "driver.h"
#include "json.h"
#include "postgresql_listen.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parameters of libpq, as it wants them; of equal names the last counts. */
struct jobq_pg_settings {
	char **keyword; /* NULL-terminated, as is value */
	char **value;
	size_t count;
	size_t keyword_cap, value_cap;
};

struct jobq_pg {
	const struct jobq_adapter *adapter;
	enum jobq_store_mode mode;
	const char *schema; /* as are names and values, the URL's own */
	bool listens;
	struct jobq_pg_ear ear;
	struct jobq_pg_settings settings;
	struct jobq_sql_value *value;
	struct jobq_sql_texts texts;
	int64_t connect_ms;	     /* the most that connecting may take */
	PGconn *conn;		     /* in pipeline mode; NULL: none */
	bool dismissed;		     /* by the server, which ends it */
	bool checked;		     /* the store's version, the facts */
	struct jobq_buf name, place; /* the store and its server, for people */
	int64_t begun, deadline;     /* of the call */
	/* What is sent and not answered, in this order. */
	struct jobq_pg_sent {
		const struct jobq_sql_text *text; /* NULL: BEGIN and the like */
		size_t number;			  /* its statement, from 1 */
		size_t step; /* of a rehearsal that it ends, from 1; or 0 */
	} * sent;
	size_t sent_count, sent_cap;
	bool answered; /* some row came, if only one that says nothing */
	char state[6]; /* SQLSTATE of the last failure, or "" */
	struct jobq_buf lines;
};

/* --- postgresql_open.c: the driver's open and close (driver.h) --- */

enum jobq_status jobq_pg_open(struct jobq_url *url,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    void **handle, struct jobq_err *err);
void jobq_pg_close(void *handle);

void jobq_pg_set(
    struct jobq_pg_settings *settings, const char *keyword, const char *value);
void jobq_pg_settings_release(struct jobq_pg_settings *settings);

/* --- postgresql_connect.c --- */

/*
 * A connection that can be used, be it a new one, to a store of the adapter's
 * version, be it made just now.
 */
enum jobq_status jobq_pg_ready(struct jobq_pg *store, struct jobq_err *err);
void jobq_pg_drop(struct jobq_pg *store);

/* --- postgresql_trip.c: statements sent together, and their answers --- */

/*
 * Begins a trip; with transaction its statements are one that
 * jobq_pg_finish() ends by the given word.
 */
enum jobq_status jobq_pg_begin(
    struct jobq_pg *store, bool transaction, struct jobq_err *err);

/* Sends a statement of a text, from 0; request must be NUL-terminated. */
enum jobq_status jobq_pg_send(struct jobq_pg *store,
    const struct jobq_sql_text *text, size_t index, const char *request,
    struct jobq_err *err);

/*
 * Sends how, "COMMIT" or "ROLLBACK" or NULL, waits for all answers, and adds
 * the lines in them to the store's. After a failure nothing was done, or it
 * is not known (JOBQ_AGAIN).
 */
enum jobq_status jobq_pg_finish(
    struct jobq_pg *store, const char *how, struct jobq_err *err);

/*
 * Waits for the answers to what was sent and adds their lines; the
 * transaction goes on.
 */
enum jobq_status jobq_pg_wait(struct jobq_pg *store, struct jobq_err *err);

/*
 * Runs a text without parameters as one transaction, each of its pieces any
 * number of statements. What it warns of is added to the store's lines.
 */
enum jobq_status jobq_pg_script(struct jobq_pg *store,
    const struct jobq_sql_text *text, struct jobq_err *err);

/* --- postgresql_check.c: what the doctor asks; adds to the lines --- */

enum jobq_status jobq_pg_rehearse(struct jobq_pg *store, const char *request,
    size_t len, struct jobq_err *err);
enum jobq_status jobq_pg_plan(struct jobq_pg *store, const char *request,
    size_t len, struct jobq_err *err);

/* --- postgresql_error.c --- */

/* What a result that is a failure means; notes its SQLSTATE. */
enum jobq_status jobq_pg_failed(struct jobq_pg *store, const PGresult *result,
    const struct jobq_pg_sent *sent, struct jobq_err *err);

/* A connection that could not be made. */
enum jobq_status jobq_pg_refused(
    struct jobq_pg *store, const PGconn *conn, struct jobq_err *err);

/* One that is lost, or on which nothing came in time; it is dropped. */
enum jobq_status jobq_pg_lost(struct jobq_pg *store, struct jobq_err *err);
enum jobq_status jobq_pg_late(struct jobq_pg *store, struct jobq_err *err);

/* How the store and its server are called, by what libpq knows of them. */
void jobq_pg_note_name(struct jobq_pg *store, const PGconn *conn);

#endif
