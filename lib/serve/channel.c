#include "channel.h"

#include "server.h"

#include "banned.h"

void
jobq_channel_wake(struct jobq_channel *channel)
{
	if (channel->connection == NULL)
		return;
	if (channel->websocket)
		jobq_web_socket_wake(channel);
	else
		jobq_http_stream_wake(channel);
}

void
jobq_channel_open(
    struct jobq_server *server, struct jobq_channel *channel, void *connection)
{
	channel->connection = connection;
	channel->why = "";
	channel->last = NULL;
	channel->next = server->channels;
	if (channel->next != NULL)
		channel->next->last = channel;
	server->channels = channel;
}

void
jobq_channel_close(struct jobq_server *server, struct jobq_channel *channel)
{
	*(channel->last == NULL ? &server->channels : &channel->last->next) =
	    channel->next;
	if (channel->next != NULL)
		channel->next->last = channel->last;
	channel->connection = NULL;
	jobq_buf_release(&channel->in);
	jobq_buf_release(&channel->out);
	channel->kind->gone(channel->context);
}

bool
jobq_channel_fetch(struct jobq_channel *channel)
{
	enum jobq_piece piece;

	if (channel->closing)
		return false;
	piece = channel->kind->next(channel->context, &channel->out);
	if (piece == JOBQ_PIECE_END)
		channel->closing = true;
	return piece == JOBQ_PIECE;
}
