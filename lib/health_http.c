/*
 * A server of one loop: a connection is read until its head is whole,
 * answered, and closed once the client has taken the answer. Each has one
 * deadline for all of that. When all are in use a new one takes the place of
 * the oldest, so that clients who say nothing cannot hide the answer.
 */
#include "health.h"

#include "clock.h"
#include "health_store.h"
#include "json.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define CONNECTIONS 64
#define HEAD_BYTES ((size_t)8 << 10)
#define CONNECTION_MS 10000

struct connection {
	int fd;		 /* -1: free */
	uint64_t number; /* of all connections; the least is the oldest */
	int64_t until_ms;
	bool answered; /* what comes now is thrown away */
	size_t len;
	char head[HEAD_BYTES];
};

static struct connection connections[CONNECTIONS];

/* What is told: set once, for a process tells of one thing. */
static const struct jobq_health_options *options;
static const struct jobq_health_state *state;
static struct jobq_health_store store = { .fd = -1 };

static void
drop(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
}

/* An answer is far smaller than any socket's buffer: one write is all. */
static void
answer(struct connection *connection, const char *status, const char *header,
    const char *body)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_buf_printf(&text,
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nCache-Control: no-store\r\n%s"
	    "Connection: close\r\n\r\n%s",
	    status, strlen(body), header, body);
	send(connection->fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(connection->fd, SHUT_WR);
	connection->answered = true;
	jobq_buf_release(&text);
}

void
jobq_health_put_unready(
    struct jobq_buf *out, const char *body, const char *error)
{
	static const char place[] = "{error}";
	const char *at;

	while ((at = strstr(body, place)) != NULL) {
		jobq_buf_add(out, body, (size_t)(at - body));
		jobq_json_put_lossy(out, error, strlen(error));
		body = at + strlen(place);
	}
	jobq_buf_puts(out, body);
}

/* The body that is ours. status is a word for programs, why is for people. */
static void
put_ready(struct jobq_buf *out, const char *status, const char *why)
{
	jobq_buf_printf(out, "{\"status\":\"%s\"", status);
	if (why != NULL) {
		jobq_buf_puts(out, ",\"error\":");
		jobq_json_put_lossy(out, why, strlen(why));
	}
	jobq_buf_printf(out,
	    ",\"stages\":{\"claim\":%d,\"run\":%d},\"circles\":%d}\n",
	    atomic_load(&state->claim), atomic_load(&state->run),
	    atomic_load(&state->circles));
}

static void
answer_ready(struct connection *connection)
{
	struct jobq_buf body = JOBQ_BUF_INIT;
	struct jobq_err why = { "" };
	const char *status = "ok";

	if (atomic_load(&state->stopping))
		status = "stopping";
	else if (!atomic_load(&state->ready))
		status = "stages do not run";
	else if (options->asks_store &&
		 !jobq_health_store_answers(&store, &why))
		status = "the store does not answer";
	if (strcmp(status, "ok") == 0) {
		put_ready(&body, status, NULL);
		answer(connection, "200 OK", "",
		    options->ready != NULL ? options->ready : body.data);
	} else {
		if (options->unready != NULL)
			jobq_health_put_unready(&body, options->unready,
			    why.text[0] != '\0' ? why.text : status);
		else
			put_ready(&body, status,
			    why.text[0] != '\0' ? why.text : NULL);
		answer(connection, "503 Service Unavailable", "", body.data);
	}
	jobq_buf_release(&body);
}

static bool
is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* A request line: METHOD SP TARGET SP HTTP/1.x, divided by single spaces. */
static void
respond(struct connection *connection)
{
	const char *line = connection->head;
	size_t len =
	    (size_t)((const char *)memmem(line, connection->len, "\r\n", 2) -
		     line);
	const char *target = memchr(line, ' ', len);
	const char *version =
	    target == NULL
		? NULL
		: memchr(target + 1, ' ', len - (size_t)(target + 1 - line));
	size_t target_len;

	if (version == NULL || target == line || target[1] != '/' ||
	    line + len - version != 9 ||
	    memcmp(version + 1, "HTTP/1.", 7) != 0) {
		answer(connection, "400 Bad Request", "",
		    "{\"error\":\"this is no HTTP/1 request\"}\n");
		return;
	}
	if (!is(line, (size_t)(target - line), "GET")) {
		answer(connection, "405 Method Not Allowed", "Allow: GET\r\n",
		    "{\"error\":\"only GET is answered\"}\n");
		return;
	}
	target++;
	target_len = (size_t)(version - target);
	for (size_t i = 0; i < target_len; i++)
		if (target[i] == '?')
			target_len = i;
	if (is(target, target_len, "/health/live"))
		answer(connection, "200 OK", "",
		    options->live != NULL ? options->live
					  : "{\"status\":\"ok\"}\n");
	else if (is(target, target_len, "/health") ||
		 is(target, target_len, "/health/ready"))
		answer_ready(connection);
	else
		answer(connection, "404 Not Found", "",
		    "{\"error\":\"there are /health, /health/live and "
		    "/health/ready\"}\n");
}

static void
take(struct connection *connection)
{
	char *at = connection->head + connection->len;
	size_t room = HEAD_BYTES - connection->len;
	ssize_t got;

	if (connection->answered) {
		at = connection->head;
		room = HEAD_BYTES;
	}
	got = recv(connection->fd, at, room, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(connection);
		return;
	}
	if (connection->answered)
		return;
	connection->len += (size_t)got;
	if (memmem(connection->head, connection->len, "\r\n\r\n", 4) != NULL)
		respond(connection);
	else if (connection->len == HEAD_BYTES)
		answer(connection, "431 Request Header Fields Too Large", "",
		    "{\"error\":\"a request has at most 8 KiB\"}\n");
}

static void
take_connection(int listen_fd)
{
	static uint64_t numbers;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct connection *place = &connections[0];

	if (fd < 0)
		return;
	for (size_t i = 0; i < CONNECTIONS && place->fd >= 0; i++)
		if (connections[i].fd < 0 ||
		    connections[i].number < place->number)
			place = &connections[i];
	if (place->fd >= 0)
		drop(place);
	place->fd = fd;
	place->number = ++numbers;
	place->len = 0;
	place->answered = false;
	place->until_ms = jobq_mono_ms() + CONNECTION_MS;
}

/* Fills in what to wait for; how long until the next deadline, or -1. */
static int
prepare(struct pollfd *fds, int listen_fd)
{
	int64_t now_ms = jobq_mono_ms();
	int64_t wait_ms = -1;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = &connections[i];

		if (connection->fd >= 0 && connection->until_ms <= now_ms)
			drop(connection);
		fds[i] = (struct pollfd){ connection->fd, POLLIN, 0 };
		if (connection->fd >= 0 &&
		    (wait_ms < 0 || connection->until_ms - now_ms < wait_ms))
			wait_ms = connection->until_ms - now_ms;
	}
	fds[CONNECTIONS] = (struct pollfd){ listen_fd, POLLIN, 0 };
	if (options->asks_store && store.fd < 0 && store.again_ms <= now_ms)
		jobq_health_store_start(&store);
	if (options->asks_store && store.fd < 0 &&
	    (wait_ms < 0 || store.again_ms - now_ms < wait_ms))
		wait_ms = store.again_ms - now_ms;
	fds[CONNECTIONS + 1] = (struct pollfd){ store.fd, POLLIN, 0 };
	return (int)wait_ms;
}

void
jobq_health_serve(int listen_fd, const struct jobq_health_options *given,
    const struct jobq_health_state *told)
{
	struct pollfd fds[CONNECTIONS + 2];

	options = given;
	state = told;
	store.url = given->store_url;
	for (size_t i = 0; i < CONNECTIONS; i++)
		connections[i].fd = -1;
	/* One who goes away before accept must not make it wait. */
	fcntl(listen_fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		int wait_ms = prepare(fds, listen_fd);

		if (poll(fds, CONNECTIONS + 2, wait_ms) <= 0)
			continue;
		if (fds[CONNECTIONS + 1].revents != 0)
			jobq_health_store_hear(&store);
		for (size_t i = 0; i < CONNECTIONS; i++)
			if (fds[i].revents != 0)
				take(&connections[i]);
		if (fds[CONNECTIONS].revents != 0)
			take_connection(listen_fd);
	}
}
