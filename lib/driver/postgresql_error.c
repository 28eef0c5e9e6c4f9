/*
 * What PostgreSQL and libpq say, as our classes and in one line.
 *
 * A failed statement has its SQLSTATE. A connection that is refused has none
 * in libpq's interface, only a text; but with PQERRORS_VERBOSE the server's
 * own words in it begin with "SEVERITY:  SQLSTATE: ", in whatever language.
 * What libpq itself says there is English, for we set no locale.
 *
 * Neither a DETAIL nor a CONTEXT is shown: they may hold what is in rows.
 */
#include "postgresql_inside.h"

#include "clock.h"
#include "mem.h"

#include <string.h>

#include "banned.h"

#define STATE_LEN 5

static enum jobq_status
map_state(const char *state)
{
	static const struct {
		const char *prefix;
		enum jobq_status status;
	} map[] = {
		{ "55P03", JOBQ_AGAIN },   /* a lock was not to be had */
		{ "25006", JOBQ_AGAIN },   /* a standby, for the moment */
		{ "P0001", JOBQ_INVALID }, /* RAISE */
		{ "08", JOBQ_AGAIN },	   /* connection */
		{ "40", JOBQ_AGAIN },	   /* serialization, deadlock */
		{ "53", JOBQ_AGAIN },	   /* resources */
		{ "57", JOBQ_AGAIN },	   /* operator, shutdown, cancel */
		{ "22", JOBQ_INVALID },	   /* data */
		{ "23", JOBQ_INVALID },	   /* constraint */
		{ "54", JOBQ_INVALID },	   /* too long for an index */
		{ "28", JOBQ_CONFIG },	   /* authorization */
		{ "3D", JOBQ_CONFIG },	   /* database */
		{ "3F", JOBQ_CONFIG },	   /* schema */
		{ "42", JOBQ_CONFIG },	   /* syntax, access */
		{ "0A", JOBQ_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (strncmp(state, map[i].prefix, strlen(map[i].prefix)) == 0)
			return map[i].status;
	return JOBQ_IO;
}

/* Adds text with every run of white space as one space. */
static void
fold(struct jobq_buf *out, const char *text, size_t len)
{
	bool space = false;

	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r\n", text[i]) != NULL) {
			space = true;
			continue;
		}
		if (space && out->len > 0)
			jobq_buf_putc(out, ' ');
		space = false;
		jobq_buf_putc(out, text[i]);
	}
}

static enum jobq_status
fail(const struct jobq_pg *store, enum jobq_status status,
    const struct jobq_buf *why, struct jobq_err *err)
{
	bool own = store->adapter->version > 0; /* a schema of our own */

	return jobq_fail(err, status, "unable to use store '%s'%s%s%s: %s",
	    store->name.data, own ? " (schema " : "", own ? store->schema : "",
	    own ? ")" : "", why->len == 0 ? "no reason is known" : why->data);
}

/* Which statement it was matters to who wrote it. */
static void
put_state(struct jobq_buf *out, const char *state,
    const struct jobq_pg_sent *sent, bool place)
{
	jobq_buf_printf(out, " (SQLSTATE %s", state);
	if (place && sent != NULL && sent->text != NULL)
		jobq_buf_printf(out, ", statement %zu of %s", sent->number,
		    sent->text->name);
	jobq_buf_putc(out, ')');
}

/* No such table, no such schema. */
static bool
is_missing(const char *state)
{
	return strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0;
}

enum jobq_status
jobq_pg_failed(struct jobq_pg *store, const PGresult *result,
    const struct jobq_pg_sent *sent, struct jobq_err *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *what = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_AGAIN;

	store->state[0] = '\0';
	if (what == NULL)
		what = PQresultErrorMessage(result);
	fold(&why, what, strlen(what));
	if (hint != NULL) {
		jobq_buf_puts(&why, ": ");
		fold(&why, hint, strlen(hint));
	}
	if (state != NULL && is_missing(state) &&
	    jobq_adapter_has(store->adapter, "init"))
		jobq_buf_puts(
		    &why, ": `jobq-admin init` makes what is missing");
	if (state != NULL && strlen(state) == STATE_LEN) {
		memcpy(store->state, state, sizeof store->state);
		status = map_state(state);
		put_state(&why, state, sent, status == JOBQ_CONFIG);
	}
	status = fail(store, status, &why, err);
	jobq_buf_release(&why);
	return status;
}

/* Where "  SQLSTATE: " stands in a line, or NULL. */
static const char *
find_state(const char *line, size_t len)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i + STATE_LEN + 5 <= len; i++)
		if (strncmp(line + i, ":  ", 3) == 0 &&
		    strspn(line + i + 3, digits) == STATE_LEN &&
		    line[i + 3 + STATE_LEN] == ':')
			return line + i + 3;
	return NULL;
}

/*
 * One line of what libpq says of a connection: a server's refusal, or its
 * own. Of several servers one that may be there later is enough.
 */
static void
read_line(const char *line, size_t len, struct jobq_buf *why, char *state,
    enum jobq_status *status)
{
	static const char tried[] = "connection to server ";
	static const char later[] = "could not ";
	const char *found = find_state(line, len);
	enum jobq_status one;

	if (strncmp(line, "LOCATION:", 9) == 0)
		return;
	len -= strspn(line, "\t ");
	line += strspn(line, "\t ");
	if (why->len > 0)
		jobq_buf_putc(why, ' ');
	if (found != NULL) {
		const char *rest = found + STATE_LEN + 2;

		memcpy(state, found, STATE_LEN);
		fold(why, line, (size_t)(found - line) - 2);
		jobq_buf_putc(why, ' ');
		fold(why, rest, (size_t)(line + len - rest));
		one = map_state(state);
	} else {
		fold(why, line, len);
		if (strncmp(line, tried, strlen(tried)) != 0 &&
		    strncmp(line, later, strlen(later)) != 0)
			return;
		one = JOBQ_AGAIN;
	}
	if (*status != JOBQ_AGAIN)
		*status = one;
}

enum jobq_status
jobq_pg_refused(struct jobq_pg *store, const PGconn *conn, struct jobq_err *err)
{
	const char *text = PQerrorMessage(conn);
	struct jobq_buf why = JOBQ_BUF_INIT;
	/* Parameters that libpq does not understand have no such lines. */
	enum jobq_status status = JOBQ_CONFIG;

	store->state[0] = '\0';
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			read_line(text, len, &why, store->state, &status);
		text += len + (text[len] == '\n');
	}
	store->state[STATE_LEN] = '\0';
	if (PQconnectionNeedsPassword(conn)) {
		status = JOBQ_CONFIG;
		jobq_buf_puts(&why, ": put it into ~/.pgpass or PGPASSFILE");
	}
	if (store->state[0] != '\0')
		put_state(&why, store->state, NULL, false);
	status = fail(store, status, &why, err);
	jobq_buf_release(&why);
	return status;
}

enum jobq_status
jobq_pg_lost(struct jobq_pg *store, struct jobq_err *err)
{
	const char *text = PQerrorMessage(store->conn);
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status;

	fold(&why, text, strlen(text));
	status = fail(store, JOBQ_AGAIN, &why, err);
	jobq_buf_release(&why);
	jobq_pg_drop(store);
	return status;
}

enum jobq_status
jobq_pg_late(struct jobq_pg *store, struct jobq_err *err)
{
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status;
	int64_t ms = jobq_mono_ms() - store->begun;

	jobq_buf_printf(&why, "%s did not answer within %lld.%lld s",
	    store->place.data, (long long)(ms / 1000),
	    (long long)(ms % 1000 / 100));
	status = fail(store, JOBQ_AGAIN, &why, err);
	jobq_buf_release(&why);
	jobq_pg_drop(store);
	return status;
}

/* Adds a part of a URL; what would end it is written as %XX. */
static void
put_part(struct jobq_buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (strchr("%/?#@:&= ", *text) != NULL)
			jobq_buf_printf(out, "%%%02X", (unsigned char)*text);
		else
			jobq_buf_putc(out, *text);
}

void
jobq_pg_note_name(struct jobq_pg *store, const PGconn *conn)
{
	const char *host = PQhost(conn), *port = PQport(conn);
	const char *user = PQuser(conn), *db = PQdb(conn);
	struct jobq_buf *name = &store->name, *place = &store->place;

	host = host == NULL || *host == '\0' ? "localhost" : host;
	port = port == NULL || strcmp(port, "5432") == 0 ? "" : port;
	jobq_buf_clear(name);
	jobq_buf_clear(place);
	jobq_buf_puts(name, "postgresql://");
	if (user != NULL && *user != '\0') {
		put_part(name, user);
		jobq_buf_putc(name, '@');
	}
	if (*host != '/')
		jobq_buf_puts(name, host);
	if (*host != '/' && *port != '\0')
		jobq_buf_printf(name, ":%s", port);
	jobq_buf_putc(name, '/');
	put_part(name, db == NULL ? "" : db);
	if (*host == '/')
		jobq_buf_printf(name, "?host=%s%s%s", host,
		    *port == '\0' ? "" : "&port=", port);
	jobq_buf_printf(place, "%s%s%s", host, *port == '\0' ? "" : ":", port);
}
