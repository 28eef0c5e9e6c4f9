/*
 * The listener: a connection of its own that does nothing but LISTEN, so that
 * a NOTIFY of the adapter's wakes who waits for jobs. Polling is complete
 * without it; whatever goes wrong here costs latency and is nobody's failure.
 *
 * Nothing here waits: it is a machine that takes one step each time that the
 * descriptor of its bell is readable. The bell's timer is for the next attempt
 * and for the end of one that hangs.
 *
 *   (none) --timer, or the store has connected--> CONNECTING
 *   CONNECTING --connected, LISTEN sent--> TUNING
 *   TUNING --answered--> LISTENING --other queues, LISTEN sent--> TUNING
 *   any --failed--> (none), the timer set: 1 s, doubling to 30 s
 *
 * It connects to the address that the store's own connection has reached, so
 * no name is looked up, and only once there was one. Its caller looks at the
 * store after each step; so what was told before the LISTEN was answered is
 * not missed. Keep-alives find a server that has vanished.
 *
 * A channel is jobq: and the MD5 of the schema for all queues, of SCHEMA:QUEUE
 * for one: names of queues may be longer than a channel's.
 */
#include "postgresql_inside.h"

#include "mem.h"

#include <md5.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "banned.h"

/* Connecting and the answer to LISTEN may take so long. */
#define HANGS_MS 10000

/* So many queues are listened to by name, more of them as all. */
#define MOST_QUEUES 64

void
jobq_pg_ear_init(struct jobq_pg_ear *ear)
{
	*ear = (struct jobq_pg_ear){ .conn = NULL };
	jobq_bell_init(&ear->bell);
}

void
jobq_pg_ear_release(struct jobq_pg_ear *ear)
{
	PQfinish(ear->conn);
	jobq_bell_release(&ear->bell);
	free(ear->host);
	free(ear->address);
	free(ear->port);
	jobq_buf_release(&ear->queues);
	jobq_buf_release(&ear->want);
	jobq_buf_release(&ear->sent);
}

/* libpq changes its socket at will while it connects; a closed one is out. */
static void
watch(struct jobq_pg_ear *ear, uint32_t events)
{
	jobq_bell_watch(&ear->bell, PQsocket(ear->conn), events);
}

/* Gives up what there is, and tries again later. */
static void
rest(struct jobq_pg_ear *ear)
{
	PQfinish(ear->conn);
	ear->conn = NULL;
	jobq_bell_later(&ear->bell);
}

static void
ignore_notice(void *context, const char *text)
{
	(void)context, (void)text;
}

static void
put_channel(struct jobq_buf *out, const char *schema, const char *queue)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	char hash[MD5_DIGEST_STRING_LENGTH];

	jobq_buf_printf(&name, "%s%s%s", schema, queue == NULL ? "" : ":",
	    queue == NULL ? "" : queue);
	MD5Data((const uint8_t *)name.data, name.len, hash);
	jobq_buf_printf(out, "; LISTEN \"jobq:%s\"", hash);
	jobq_buf_release(&name);
}

/* The statements that listen to an array of names, or to all. */
static void
put_statements(
    struct jobq_buf *out, const char *schema, struct jobq_span queues)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_span element;
	size_t cursor = 0, count = 0;

	jobq_buf_clear(out);
	jobq_buf_puts(out, "UNLISTEN *");
	while (count <= MOST_QUEUES && queues.len > 0 &&
	       jobq_json_element(queues, &cursor, &element)) {
		jobq_buf_clear(&name);
		if (jobq_json_string(element, &name, NULL) != JOBQ_OK)
			continue;
		put_channel(out, schema, name.len == 0 ? "" : name.data);
		count++;
	}
	if (count == 0 || count > MOST_QUEUES) {
		jobq_buf_clear(out);
		jobq_buf_puts(out, "UNLISTEN *");
		put_channel(out, schema, NULL);
	}
	jobq_buf_release(&name);
}

/* Sends what is wanted; the answer is read when it is there. */
static void
send_listen(struct jobq_pg_ear *ear)
{
	if (PQsendQuery(ear->conn, ear->want.data) == 0) {
		rest(ear);
		return;
	}
	jobq_buf_clear(&ear->sent);
	jobq_buf_add(&ear->sent, ear->want.data, ear->want.len);
	ear->state = JOBQ_PG_TUNING;
	jobq_bell_set(&ear->bell, HANGS_MS);
	ear->unsent = PQflush(ear->conn) > 0;
	watch(ear, ear->unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool
wants_other(const struct jobq_pg_ear *ear)
{
	return ear->want.len != ear->sent.len ||
	       memcmp(ear->want.data, ear->sent.data, ear->want.len) != 0;
}

static void
go_on_connecting(struct jobq_pg_ear *ear)
{
	switch (PQconnectPoll(ear->conn)) {
	case PGRES_POLLING_READING:
		watch(ear, EPOLLIN);
		break;
	case PGRES_POLLING_WRITING:
		watch(ear, EPOLLOUT);
		break;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(ear->conn, 1) == 0)
			send_listen(ear);
		else
			rest(ear);
		break;
	default:
		rest(ear);
	}
}

/* Begins to connect, once it is known where to. */
static void
begin(struct jobq_pg_ear *ear, const struct jobq_pg_settings *settings)
{
	const struct {
		const char *keyword, *value;
	} own[] = {
		{ "keepalives_idle", "10" },
		{ "keepalives_interval", "5" },
		{ "keepalives_count", "3" },
		{ "host", ear->host },
		{ "hostaddr", ear->address },
		{ "port", ear->port },
		{ "target_session_attrs", "any" },
	};
	struct jobq_pg_settings mine = { .count = 0 };

	if (ear->host == NULL || ear->want.len == 0)
		return;
	for (size_t i = 0; i < 3; i++)
		jobq_pg_set(&mine, own[i].keyword, own[i].value);
	for (size_t i = 0; i < settings->count; i++)
		jobq_pg_set(&mine, settings->keyword[i], settings->value[i]);
	for (size_t i = 3; i < sizeof own / sizeof *own; i++)
		jobq_pg_set(&mine, own[i].keyword, own[i].value);
	ear->conn = PQconnectStartParams((const char *const *)mine.keyword,
	    (const char *const *)mine.value, 0);
	jobq_pg_settings_release(&mine);
	if (PQstatus(ear->conn) == CONNECTION_BAD) {
		rest(ear);
		return;
	}
	PQsetNoticeProcessor(ear->conn, ignore_notice, NULL);
	ear->state = JOBQ_PG_CONNECTING;
	jobq_bell_set(&ear->bell, HANGS_MS);
	watch(ear, EPOLLOUT);
}

static void
keep(char **copy, const char *text)
{
	free(*copy);
	*copy = jobq_xstrdup(text == NULL ? "" : text);
}

void
jobq_pg_ear_meet(struct jobq_pg_ear *ear, const PGconn *conn)
{
	keep(&ear->host, PQhost(conn));
	keep(&ear->address, PQhostaddr(conn));
	keep(&ear->port, PQport(conn));
	ear->bell.wait_ms = 0;
}

void
jobq_pg_ear_start(
    struct jobq_pg_ear *ear, const struct jobq_pg_settings *settings)
{
	if (ear->bell.epoll >= 0 && ear->conn == NULL && ear->bell.wait_ms == 0)
		begin(ear, settings);
}

void
jobq_pg_ear_tune(struct jobq_pg_ear *ear, const char *schema, const char *verb,
    const char *request, size_t len)
{
	static const char word[] = "\"queues\"";
	struct jobq_object members = { 0 };
	const struct jobq_span *found = NULL;
	struct jobq_span queues = { .at = "" };

	if (ear->want.len > 0 && strcmp(verb, "claim") != 0 &&
	    strcmp(verb, "list") != 0)
		return;
	if (memmem(request, len, word, strlen(word)) != NULL &&
	    jobq_object_scan(&members, request, len, NULL) == JOBQ_OK)
		found = jobq_object_get(&members, "queues");
	if (found != NULL)
		queues = *found;
	if (ear->want.len == 0 || queues.len != ear->queues.len ||
	    memcmp(queues.at, ear->queues.data, queues.len) != 0) {
		jobq_buf_clear(&ear->queues);
		jobq_buf_add(&ear->queues, queues.at, queues.len);
		put_statements(&ear->want, schema, queues);
	}
	jobq_object_release(&members);
	if (ear->conn != NULL && ear->state == JOBQ_PG_LISTENING &&
	    wants_other(ear))
		send_listen(ear);
}

/* Reads what came: answers to LISTEN, and notifications, which say nothing. */
static void
hear(struct jobq_pg_ear *ear)
{
	bool ok = PQconsumeInput(ear->conn) != 0;
	int unsent = PQflush(ear->conn);
	PGnotify *notify;
	PGresult *result = NULL;

	ok = ok && unsent >= 0;
	while (ok && !PQisBusy(ear->conn)) {
		result = PQgetResult(ear->conn);
		if (result == NULL)
			break;
		ok = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	while ((notify = PQnotifies(ear->conn)) != NULL)
		PQfreemem(notify);
	if (!ok || PQstatus(ear->conn) != CONNECTION_OK) {
		rest(ear);
		return;
	}
	if (ear->unsent && unsent == 0)
		watch(ear, EPOLLIN);
	ear->unsent = unsent > 0;
	if (ear->state == JOBQ_PG_LISTENING || PQisBusy(ear->conn))
		return;
	ear->state = JOBQ_PG_LISTENING;
	ear->bell.wait_ms = 0;
	jobq_bell_set(&ear->bell, 0);
	if (wants_other(ear))
		send_listen(ear);
}

void
jobq_pg_ear_turn(
    struct jobq_pg_ear *ear, const struct jobq_pg_settings *settings)
{
	bool timer, socket;

	jobq_bell_look(&ear->bell, ear->conn == NULL ? -1 : PQsocket(ear->conn),
	    &timer, &socket);
	if (timer && ear->conn == NULL)
		begin(ear, settings);
	else if (timer && ear->state != JOBQ_PG_LISTENING)
		rest(ear);
	else if (socket && ear->state == JOBQ_PG_CONNECTING)
		go_on_connecting(ear);
	else if (socket)
		hear(ear);
}
