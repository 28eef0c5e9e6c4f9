/*
 * A connection reads a head, then a body, is then answered, and begins anew
 * with what has come meanwhile. While its answer is not there nothing is read
 * of it, so that what it can make this process keep is one request; and while
 * it does not take its answer nothing more is done for it.
 */
#include "http_inside.h"

#include "answer.h"
#include "clock.h"
#include "mem.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define EVENTS_AT_ONCE 256
#define CONNECTIONS_MOST 1024
#define READ_BYTES ((size_t)16 << 10)

#define HEAD_MS 10000
#define IDLE_MS 60000
#define BODY_MS 30000
#define BODY_BYTES_PER_S 16384
#define WRITE_MS 30000
#define LEAVE_MS 1000

void
jobq_http_want(struct connection *connection, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };

	if (connection->open && connection->wants == events)
		return;
	epoll_ctl(connection->http->epoll,
	    connection->open ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->fd,
	    &event);
	connection->open = true;
	connection->wants = events;
}

void
jobq_http_go_on(struct connection *connection, enum step step, int64_t ms)
{
	connection->step = step;
	connection->until_ms = ms == 0 ? INT64_MAX : jobq_mono_ms() + ms;
}

/* --- ends ----------------------------------------------------------------- */

void
jobq_http_end_request(struct connection *connection)
{
	struct jobq_request *request = connection->request;

	if (request == NULL)
		return;
	connection->http->unsent -= connection->unsent;
	connection->unsent = 0;
	connection->request = NULL;
	request->connection = NULL;
	connection->http->server->requests--;
	if (request->calls == 0)
		jobq_request_free(request);
}

void
jobq_http_end(struct connection *connection)
{
	struct jobq_http *http = connection->http;

	jobq_http_end_request(connection);
	if (connection->channel != NULL)
		jobq_channel_close(http->server, connection->channel);
	if (connection->step != STREAM)
		http->count--;
	*(connection->last == NULL ? &http->connections
				   : &connection->last->next) =
	    connection->next;
	*(connection->next == NULL ? &http->oldest : &connection->next->last) =
	    connection->last;
	close(connection->fd);
	jobq_buf_release(&connection->in);
	free(connection);
}

/*
 * No more is sent; what the client still sends is thrown away for a moment,
 * for a close with unread bytes takes the last answer away from it.
 */
static void
leave(struct connection *connection)
{
	jobq_buf_release(&connection->in);
	connection->unfinished = false;
	if (shutdown(connection->fd, SHUT_WR) != 0)
		connection->dead = true;
	jobq_http_go_on(connection, LEAVE, LEAVE_MS);
	jobq_http_want(connection, EPOLLIN);
}

/* --- answers -------------------------------------------------------------- */

/* Writes what fits; false: not all of it. */
static bool
write_answer(struct connection *connection)
{
	struct jobq_request *request = connection->request;
	struct jobq_buf *out = &request->out;
	ssize_t sent;
	bool closes;

	while (request->sent < out->len) {
		sent = send(connection->fd, out->data + request->sent,
		    out->len - request->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			jobq_http_go_on(connection, WRITE, WRITE_MS);
			jobq_http_want(connection, EPOLLOUT);
			jobq_http_note_unsent(connection);
			return false;
		}
		if (sent < 0) {
			connection->dead = true;
			return false;
		}
		request->sent += (size_t)sent;
	}
	closes = request->closes;
	jobq_http_end_request(connection);
	if (closes)
		leave(connection);
	else
		jobq_http_go_on(connection, HEAD,
		    connection->in.len > 0 ? HEAD_MS : IDLE_MS);
	return !closes;
}

/* --- requests ------------------------------------------------------------- */

static void
begin(struct connection *connection, const struct jobq_head *head)
{
	static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct jobq_request *request = jobq_xcalloc(1, sizeof(*request));

	connection->request = request;
	connection->http->server->requests++;
	request->connection = connection;
	request->server = connection->http->server;
	request->begun_ms = jobq_mono_ms();
	request->dispatching = true;
	jobq_http_read(request, connection->door, head);
	if (!request->answered && head->expects &&
	    (request->body_length > 0 || request->chunked) &&
	    send(connection->fd, go, sizeof(go) - 1,
		MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(go) - 1)
		connection->dead = true;
	jobq_http_go_on(connection, BODY, BODY_MS);
}

static void
dispatch(struct connection *connection)
{
	struct jobq_request *request = connection->request;

	jobq_http_go_on(connection, WAIT, 0);
	if (!request->answered)
		request->route->handle(request);
	/* Unless a stream has taken the connection over, and it is gone. */
	if (connection->step == WAIT)
		request->dispatching = false;
}

/* What are no chunks is answered, too. */
static bool
take_chunks(struct connection *connection, struct jobq_request *request)
{
	struct jobq_buf *in = &connection->in;
	size_t used;
	int status = jobq_chunks_take(&request->chunks, in->data, in->len,
	    request->route->body_bytes, &request->body, &used);

	jobq_buf_drop(in, used);
	if (status == 0)
		return false;
	if (status == 200)
		return true;
	request->closes = true;
	jobq_request_problem(request, status, NULL,
	    status == 413 ? "the body has more than %zu bytes"
			  : "the body does not come in chunks as it should, "
			    "of at most %zu bytes in all",
	    request->route->body_bytes);
	return true;
}

/* False when more of the body must come. */
static bool
take_body(struct connection *connection, struct jobq_request *request)
{
	struct jobq_buf *in = &connection->in;

	if (request->chunked)
		return take_chunks(connection, request);
	if (in->len < request->body_length)
		return false;
	jobq_buf_add(&request->body, in->data, request->body_length);
	jobq_buf_drop(in, request->body_length);
	if (in->len == 0 && in->cap > 4 * READ_BYTES)
		jobq_buf_release(in);
	return true;
}

/*
 * Does what can be done with what has been read; false when more must come,
 * or room to write in, or an answer.
 */
static bool
advance(struct connection *connection)
{
	struct jobq_buf *in = &connection->in;
	struct jobq_request *request = connection->request;
	struct jobq_buf answer = JOBQ_BUF_INIT;
	struct jobq_head head;
	const char *why = "";
	int size;

	switch (connection->step) {
	case HEAD:
		if (in->len == 0)
			return false;
		size = jobq_head_check(in->data, in->len, &head, &why);
		if (size == 0)
			return false;
		if (size > 0) {
			begin(connection, &head);
			jobq_buf_drop(in, (size_t)size);
			return true;
		}
		jobq_answer_problem(&answer, -size, NULL, why, strlen(why));
		if (send(connection->fd, answer.data, answer.len,
			MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			connection->dead = true;
		jobq_buf_release(&answer);
		leave(connection);
		return false;
	case BODY:
		if (!request->answered && !take_body(connection, request))
			return false;
		dispatch(connection);
		return true;
	case WAIT:
		return request != NULL && request->answered &&
		       write_answer(connection);
	case WRITE:
	case STREAM:
	case LEAVE:
		break;
	}
	return false;
}

static void
work(struct connection *connection)
{
	while (!connection->dead && advance(connection))
		;
	if (connection->dead)
		return;
	jobq_http_note_unfinished(connection);
	if (connection->step == HEAD || connection->step == BODY)
		jobq_http_want(connection, EPOLLIN);
}

/* Reads some; a head's time begins with its first byte. */
static void
take_in(struct connection *connection)
{
	struct jobq_buf *in = &connection->in;
	bool fresh = in->len == 0;
	ssize_t got;

	jobq_buf_reserve(in, READ_BYTES);
	got =
	    recv(connection->fd, in->data + in->len, READ_BYTES, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		connection->dead = true;
		return;
	}
	in->len += (size_t)got;
	if (connection->step == HEAD && fresh)
		jobq_http_go_on(connection, HEAD, HEAD_MS);
	else if (connection->step == BODY)
		connection->until_ms =
		    connection->request->begun_ms + BODY_MS +
		    (int64_t)(in->len + connection->request->body.len) * 1000 /
			BODY_BYTES_PER_S;
	work(connection);
}

static void
throw_away(struct connection *connection)
{
	char bytes[4096];
	ssize_t got = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		connection->dead = true;
}

/* --- the loop ------------------------------------------------------------- */

void
jobq_http_answered(struct jobq_request *request)
{
	struct connection *connection = request->connection;

	if (connection == NULL)
		return;
	work(connection);
	if (connection->dead)
		jobq_http_end(connection);
}

static void
serve(struct connection *connection, uint32_t events)
{
	switch (connection->step) {
	case HEAD:
	case BODY:
		take_in(connection);
		break;
	case WAIT:
		/*
		 * What comes now is for later. Most clients send nothing, so
		 * only of those who do it is not asked for any more.
		 */
		if (events & (EPOLLHUP | EPOLLERR))
			connection->dead = true;
		else
			jobq_http_want(connection, 0);
		break;
	case WRITE:
		if (write_answer(connection))
			work(connection);
		break;
	case STREAM:
		if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			connection->dead = true;
		else
			jobq_http_stream_write(connection);
		break;
	case LEAVE:
		throw_away(connection);
		break;
	}
	if (connection->dead)
		jobq_http_end(connection);
}

void
jobq_http_look(struct jobq_http *http)
{
	struct epoll_event event;

	/* One at a time: what one does may end another. */
	for (int i = 0;
	     i < EVENTS_AT_ONCE && epoll_wait(http->epoll, &event, 1, 0) == 1;
	     i++)
		serve(event.data.ptr, event.events);
}

void
jobq_http_tick(struct jobq_http *http)
{
	static const char late[] = "the request took too long to come";
	int64_t now_ms = jobq_mono_ms();
	struct jobq_buf answer = JOBQ_BUF_INIT;
	struct connection *next;

	jobq_answer_problem(&answer, 408, NULL, late, sizeof(late) - 1);
	for (struct connection *connection = http->connections;
	     connection != NULL; connection = next) {
		next = connection->next;
		if (connection->step == HEAD && connection->in.len == 0)
			jobq_buf_release(&connection->in);
		if (connection->until_ms > now_ms)
			continue;
		if ((connection->step == HEAD && connection->in.len > 0) ||
		    connection->step == BODY) {
			connection->dead =
			    send(connection->fd, answer.data, answer.len,
				MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
			jobq_http_end_request(connection);
			leave(connection);
		} else {
			connection->dead = true;
		}
		if (connection->dead)
			jobq_http_end(connection);
	}
	jobq_buf_release(&answer);
}

void
jobq_http_admit(struct jobq_http *http, int fd, const struct jobq_door *door)
{
	struct connection *connection = jobq_xcalloc(1, sizeof(*connection));
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	connection->http = http;
	connection->door = door;
	connection->fd = fd;
	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0)
		connection->counted =
		    jobq_gate_peer(&address, connection->peer);
	connection->next = http->connections;
	*(connection->next == NULL ? &http->oldest : &connection->next->last) =
	    connection;
	http->connections = connection;
	if (++http->count > CONNECTIONS_MOST)
		jobq_http_make_room(http);
	if (http->connections != connection)
		return;
	jobq_http_go_on(connection, HEAD, HEAD_MS);
	take_in(connection);
	if (connection->dead)
		jobq_http_end(connection);
}

struct jobq_http *
jobq_http_new(struct jobq_server *server)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct jobq_http *http;

	if (epoll < 0)
		return NULL;
	http = jobq_xcalloc(1, sizeof(*http));
	http->server = server;
	http->epoll = epoll;
	return http;
}

void
jobq_http_free(struct jobq_http *http)
{
	if (http == NULL)
		return;
	while (http->connections != NULL)
		jobq_http_end(http->connections);
	close(http->epoll);
	free(http);
}

int
jobq_http_fd(const struct jobq_http *http)
{
	return http->epoll;
}
