/*
 * Statements that go to the server together, and their answers.
 *
 * The connection is always in pipeline mode. A statement of its own is its
 * own transaction; several are sent between BEGIN and COMMIT, and one Sync
 * behind them, without waiting in between. When one of them fails, the server
 * passes over the rest to the Sync, the COMMIT too; then a second trip rolls
 * back. No session is left with any state, so a pooler may give each
 * transaction another one. Statements are unnamed.
 *
 * The socket never blocks: while answers are waited for, what is not sent yet
 * is sent, and the call's deadline ends both. What was asked then goes on in
 * the server or not; the connection is closed, and nobody knows.
 */
#include "postgresql_inside.h"

#include "clock.h"
#include "mem.h"

#include <poll.h>
#include <string.h>

#include "banned.h"

static enum jobq_status
send_query(struct jobq_pg *store, const char *sql, const char *request,
    struct jobq_pg_sent sent, struct jobq_err *err)
{
	int count = request != NULL ? 1 : 0;

	if (PQsendQueryParams(store->conn, sql, count, NULL,
		request != NULL ? &request : NULL, NULL, NULL, 0) == 0)
		return jobq_pg_lost(store, err);
	store->sent = jobq_grow(store->sent, store->sent_count,
	    &store->sent_cap, sizeof *store->sent);
	store->sent[store->sent_count++] = sent;
	return JOBQ_OK;
}

enum jobq_status
jobq_pg_begin(struct jobq_pg *store, bool transaction, struct jobq_err *err)
{
	struct jobq_pg_sent sent = { .text = NULL };

	store->sent_count = 0;
	return transaction ? send_query(store, "BEGIN", NULL, sent, err)
			   : JOBQ_OK;
}

enum jobq_status
jobq_pg_send(struct jobq_pg *store, const struct jobq_sql_text *text,
    size_t index, const char *request, struct jobq_err *err)
{
	struct jobq_pg_sent sent = { .text = text, .number = index + 1 };
	const char *sql = text->statement[index].sql;

	/* What has no parameter takes none. */
	if (strstr(sql, "$1") == NULL)
		request = NULL;
	return send_query(store, sql, request, sent, err);
}

/* Waits until there is a result, or the NULL behind one. */
static enum jobq_status
wait_for_result(struct jobq_pg *store, struct jobq_err *err)
{
	while (PQisBusy(store->conn)) {
		struct pollfd fd = { PQsocket(store->conn), POLLIN, 0 };
		int64_t left = store->deadline - jobq_mono_ms();
		int unsent = PQflush(store->conn);

		if (unsent < 0)
			return jobq_pg_lost(store, err);
		if (unsent > 0)
			fd.events |= POLLOUT;
		if (left <= 0)
			return jobq_pg_late(store, err);
		if (poll(&fd, 1, left > 1000000 ? 1000000 : (int)left) <= 0)
			continue;
		if ((fd.revents & ~POLLOUT) != 0 &&
		    PQconsumeInput(store->conn) == 0)
			return jobq_pg_lost(store, err);
	}
	return JOBQ_OK;
}

static void
keep_lines(struct jobq_pg *store, const PGresult *result)
{
	int rows = PQntuples(result);

	if (rows > 0)
		store->answered = true;
	for (int row = 0; row < rows && PQnfields(result) > 0; row++) {
		if (PQgetisnull(result, row, 0))
			continue;
		jobq_buf_add(&store->lines, PQgetvalue(result, row, 0),
		    (size_t)PQgetlength(result, row, 0));
		jobq_buf_putc(&store->lines, '\n');
	}
}

/* One result; JOBQ_EMPTY after the last one. */
static enum jobq_status
take_result(struct jobq_pg *store, const PGresult *result,
    const struct jobq_pg_sent *sent, struct jobq_err *err)
{
	switch (PQresultStatus(result)) {
	case PGRES_PIPELINE_SYNC:
		return JOBQ_EMPTY;
	case PGRES_TUPLES_OK:
		keep_lines(store, result);
		return JOBQ_OK;
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
	case PGRES_PIPELINE_ABORTED:
		return JOBQ_OK;
	case PGRES_FATAL_ERROR:
		return jobq_pg_failed(store, result, sent, err);
	default:
		/* COPY, which only the end of the connection ends. */
		jobq_pg_drop(store);
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s/%s: a statement must not copy", store->adapter->folder,
		    sent != NULL && sent->text != NULL ? sent->text->name
						       : "init.sql");
	}
}

static void
end_query(struct jobq_pg *store, size_t at)
{
	if (at < store->sent_count && store->sent[at].step > 0)
		jobq_buf_printf(
		    &store->lines, "{\"step\":%zu}\n", store->sent[at].step);
}

/* All answers to the Sync; the first failure counts. */
static enum jobq_status
collect(struct jobq_pg *store, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK, one = JOBQ_OK;
	size_t at = 0;
	bool ended = false; /* the last query */

	while (one != JOBQ_EMPTY) {
		PGresult *result;

		one = wait_for_result(store, status == JOBQ_OK ? err : NULL);
		if (one != JOBQ_OK)
			return status != JOBQ_OK ? status : one;
		result = PQgetResult(store->conn);
		if (result == NULL) {
			if (ended)
				break;
			ended = true;
			end_query(store, at++);
			continue;
		}
		ended = false;
		one = take_result(store, result,
		    at < store->sent_count ? &store->sent[at] : NULL,
		    status == JOBQ_OK ? err : NULL);
		PQclear(result);
		if (one != JOBQ_OK && one != JOBQ_EMPTY && status == JOBQ_OK)
			status = one;
		if (store->conn == NULL)
			return status;
	}
	if (one == JOBQ_EMPTY)
		return status;
	one = jobq_pg_lost(store, status == JOBQ_OK ? err : NULL);
	return status != JOBQ_OK ? status : one;
}

static enum jobq_status
sync_and_collect(struct jobq_pg *store, struct jobq_err *err)
{
	if (PQpipelineSync(store->conn) == 0)
		return jobq_pg_lost(store, err);
	return collect(store, err);
}

enum jobq_status
jobq_pg_wait(struct jobq_pg *store, struct jobq_err *err)
{
	enum jobq_status status = sync_and_collect(store, err);

	store->sent_count = 0;
	return status;
}

/* Leaves the connection as it was before a transaction that failed. */
static void
roll_back(struct jobq_pg *store)
{
	struct jobq_pg_sent sent = { .text = NULL };

	store->sent_count = 0;
	if (send_query(store, "ROLLBACK", NULL, sent, NULL) == JOBQ_OK)
		sync_and_collect(store, NULL);
}

/* A pooler may pass on what a session before this one has asked for. */
static void
forget_notifies(PGconn *conn)
{
	PGnotify *notify;

	while ((notify = PQnotifies(conn)) != NULL)
		PQfreemem(notify);
}

enum jobq_status
jobq_pg_finish(struct jobq_pg *store, const char *how, struct jobq_err *err)
{
	struct jobq_pg_sent sent = { .text = NULL };
	char state[sizeof store->state];
	enum jobq_status status = JOBQ_OK;

	store->state[0] = '\0';
	if (how != NULL)
		status = send_query(store, how, NULL, sent, err);
	if (status == JOBQ_OK)
		status = sync_and_collect(store, err);
	memcpy(state, store->state, sizeof state);
	if (store->conn != NULL &&
	    PQtransactionStatus(store->conn) != PQTRANS_IDLE)
		roll_back(store);
	if (store->conn != NULL &&
	    PQtransactionStatus(store->conn) != PQTRANS_IDLE)
		jobq_pg_drop(store);
	memcpy(store->state, state, sizeof state);
	if (store->conn != NULL)
		forget_notifies(store->conn);
	/* A server that takes no writes is not the one that is wanted. */
	if (store->conn != NULL && strcmp(state, "25006") == 0)
		jobq_pg_drop(store);
	return status;
}

/* What a script warns of becomes a line, for people. */
static void
note_warning(void *context, const PGresult *result)
{
	struct jobq_pg *store = context;
	const char *severity =
	    PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (severity == NULL || strcmp(severity, "WARNING") != 0 ||
	    text == NULL)
		return;
	jobq_buf_puts(&store->lines, "{\"event\":\"warning\",\"text\":");
	jobq_json_put_lossy(&store->lines, text, strlen(text));
	jobq_buf_puts(&store->lines, "}\n");
}

/* The answers to a script: results, and a NULL at their end. */
static enum jobq_status
collect_script(struct jobq_pg *store, const struct jobq_pg_sent *sent,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	PGresult *result;

	for (;;) {
		enum jobq_status one =
		    wait_for_result(store, status == JOBQ_OK ? err : NULL);

		if (one != JOBQ_OK)
			return status != JOBQ_OK ? status : one;
		result = PQgetResult(store->conn);
		if (result == NULL)
			return status;
		/* Nobody wants what they answer. */
		if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		    status == JOBQ_OK)
			status = take_result(store, result, sent, err);
		PQclear(result);
		if (store->conn == NULL)
			return status;
	}
}

enum jobq_status
jobq_pg_script(struct jobq_pg *store, const struct jobq_sql_text *text,
    struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf sql = JOBQ_BUF_INIT;
	PQnoticeReceiver old;
	enum jobq_status status;

	status = jobq_sql_members(text, "{}", 2, &members, err);
	jobq_buf_puts(&sql, "BEGIN;\n");
	for (size_t i = 0; i < text->count; i++)
		if (jobq_sql_wants(
			&store->texts, &text->statement[i], &members))
			jobq_buf_printf(
			    &sql, "%s\n;\n", text->statement[i].sql);
	jobq_buf_puts(&sql, "COMMIT");
	old = PQsetNoticeReceiver(store->conn, note_warning, store);
	if (status == JOBQ_OK && (PQexitPipelineMode(store->conn) == 0 ||
				     PQsendQuery(store->conn, sql.data) == 0))
		status = jobq_pg_lost(store, err);
	if (status == JOBQ_OK) {
		status = collect_script(store, NULL, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(
			    err, "%s/%s", store->adapter->folder, text->name);
	}
	if (store->conn != NULL)
		PQsetNoticeReceiver(store->conn, old, NULL);
	if (status == JOBQ_OK && PQenterPipelineMode(store->conn) == 0)
		status = jobq_pg_lost(store, err);
	/* What is left of a script that failed ends with its connection. */
	if (status != JOBQ_OK && store->conn != NULL)
		jobq_pg_drop(store);
	jobq_object_release(&members);
	jobq_buf_release(&sql);
	return status;
}
