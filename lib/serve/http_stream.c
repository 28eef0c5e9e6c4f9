/*
 * Answers that go on: events, as the client takes them (server-sent events,
 * WHATWG HTML, section 9.2). Nothing is read of their connections any more.
 */
#include "http_inside.h"

#include "answer.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <errno.h>

#include "banned.h"

#define PIECES_AT_ONCE 16

/* Asked for anew, room that is there is told of again. */
static void
want_stream(struct connection *connection)
{
	connection->wants = 0;
	jobq_http_want(connection, EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void
jobq_http_stream_wake(struct jobq_channel *channel)
{
	want_stream(channel->connection);
}

void
jobq_http_stream_write(struct connection *connection)
{
	struct jobq_channel *channel = connection->channel;
	struct jobq_buf *out = &channel->out;
	ssize_t sent;

	for (int i = 0; i < PIECES_AT_ONCE; i++) {
		if (out->len == 0 && !jobq_channel_fetch(channel)) {
			connection->dead = channel->closing;
			return;
		}
		sent = send(connection->fd, out->data + channel->sent,
		    out->len - channel->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0) {
			connection->dead =
			    (errno != EAGAIN && errno != EINTR) ||
			    channel->closing;
			return;
		}
		channel->sent += (size_t)sent;
		if (channel->sent < out->len)
			continue;
		/* What is not needed soon is not kept: there are thousands. */
		jobq_buf_release(out);
		channel->sent = 0;
	}
	want_stream(connection);
}

bool
jobq_http_stream(struct jobq_request *request, struct jobq_channel *channel)
{
	struct connection *connection = request->connection;

	if (request->head_only)
		jobq_request_answer(
		    request, 200, "text/event-stream", NULL, 0, NULL);
	if (connection == NULL || request->answered)
		return false;
	jobq_answer_head(&channel->out, 200, "text/event-stream", -1, false,
	    "Cache-Control: no-store\r\n");
	connection->channel = channel;
	jobq_channel_open(request->server, channel, connection);
	request->answered = true;
	jobq_http_end_request(connection);
	jobq_buf_release(&connection->in);
	jobq_http_go_on(connection, STREAM, 0);
	connection->http->count--;
	want_stream(connection);
	return true;
}
