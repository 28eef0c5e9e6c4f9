#include "web.h"

#include "answer.h"

#include <string.h>

#include "banned.h"

#define PIECES_AT_ONCE 16
#define MESSAGE_MOST ((size_t)64 << 10) /* of a WebSocket */

void
jobq_channel_wake(struct jobq_channel *channel)
{
	if (channel->wsi != NULL)
		lws_callback_on_writable(channel->wsi);
}

void
jobq_web_channel_link(
    struct connection *connection, struct jobq_channel *channel)
{
	struct jobq_server *server = connection->server;

	connection->channel = channel;
	channel->last = NULL;
	channel->next = server->channels;
	if (channel->next != NULL)
		channel->next->last = channel;
	server->channels = channel;
}

void
jobq_web_channel_end(struct connection *connection)
{
	struct jobq_channel *channel = connection->channel;

	if (channel == NULL)
		return;
	connection->channel = NULL;
	*(channel->last == NULL ? &connection->server->channels
				: &channel->last->next) = channel->next;
	if (channel->next != NULL)
		channel->next->last = channel->last;
	channel->wsi = NULL;
	jobq_buf_release(&channel->in);
	jobq_buf_release(&channel->out);
	channel->kind->gone(channel->context);
}

static int
close_socket(struct jobq_channel *channel)
{
	int code = channel->code == 0 ? 1000 : channel->code;

	lws_close_reason(channel->wsi, (enum lws_close_status)code, NULL, 0);
	return -1;
}

static int
write_out(struct jobq_channel *channel)
{
	struct jobq_buf *out = &channel->out;
	int written = lws_write(channel->wsi,
	    (unsigned char *)out->data + LWS_PRE, out->len - LWS_PRE,
	    channel->websocket ? LWS_WRITE_TEXT : LWS_WRITE_HTTP);

	/* What is not needed soon again is not kept: there are thousands. */
	jobq_buf_release(out);
	return written < 0 ? -1 : 0;
}

/* The client takes more. */
int
jobq_web_channel_pump(struct jobq_channel *channel)
{
	for (int i = 0; i < PIECES_AT_ONCE; i++) {
		if (channel->closing)
			return channel->websocket ? close_socket(channel) : -1;
		if (channel->out.len == 0) {
			jobq_web_begin(&channel->out);
			switch (channel->kind->next(
			    channel->context, &channel->out)) {
			case JOBQ_PIECE:
				break;
			case JOBQ_PIECE_NONE:
				jobq_buf_release(&channel->out);
				return 0;
			case JOBQ_PIECE_END:
				jobq_buf_release(&channel->out);
				channel->closing = true;
				continue;
			}
		}
		if (write_out(channel) != 0)
			return -1;
		if (lws_send_pipe_choked(channel->wsi))
			break;
	}
	lws_callback_on_writable(channel->wsi);
	return 0;
}

int
jobq_web_channel_hear(
    struct jobq_channel *channel, const char *bytes, size_t len)
{
	struct lws *wsi = channel->wsi;

	if (lws_frame_is_binary(wsi))
		channel->code = 1003;
	else if (channel->in.len + len > MESSAGE_MOST)
		channel->code = 1009;
	if (channel->code != 0)
		return close_socket(channel);
	jobq_buf_add(&channel->in, bytes, len);
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return 0;
	if (channel->kind->heard != NULL)
		channel->kind->heard(channel->context,
		    channel->in.len == 0 ? "" : channel->in.data,
		    channel->in.len);
	jobq_buf_release(&channel->in);
	return 0;
}

bool
jobq_web_stream(struct jobq_request *request, struct jobq_channel *channel)
{
	struct connection *connection = request->connection;

	if (connection == NULL || request->answered)
		return false;
	jobq_web_begin(&channel->out);
	jobq_answer_head(&channel->out, 200, "text/event-stream", -1, false,
	    "Cache-Control: no-store\r\n");
	channel->wsi = connection->wsi;
	jobq_web_channel_link(connection, channel);
	/* The request itself is over with its head. */
	request->answered = true;
	request->server->requests--;
	request->connection = NULL;
	connection->request = NULL;
	if (request->calls == 0)
		jobq_request_free(request);
	lws_set_timeout(channel->wsi, NO_PENDING_TIMEOUT, 0);
	lws_callback_on_writable(channel->wsi);
	return true;
}
