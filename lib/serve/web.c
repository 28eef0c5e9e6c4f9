/*
 * All that is said to libwebsockets: its loop, and WebSockets.
 *
 * It gets a connection only when its first head is whole, was checked, and is
 * that of a WebSocket. Requests are not given to it (http.c has them): version
 * 4.1 takes heads that can be read in two ways, waits for none, and loops for
 * ever when a request with a body comes right behind another. HTTP/2 is never
 * offered: there is no TLS to offer it in.
 *
 * A connection is known by its descriptor from its admission until the library
 * first asks about it, and then by the pointer the library keeps.
 */
#include "server.h"
#include "topic.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <libwebsockets.h>
#include <sys/resource.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define TICK_US 1000000
#define HURRY_US 10000
#define PIECES_AT_ONCE 16
#define MESSAGE_MOST ((size_t)64 << 10)
#define RECEIVE_BYTES 1024 /* of a message at once; each socket has it */
#define HEADS_MOST 1024	   /* of WebSockets, on their way through */
#define WATCHED_MOST 8	   /* descriptors that are no connections */
#define OWN_FDS 32	   /* of the loop and of the store, or so */

struct connection {
	struct jobq_server *server;
	struct lws *wsi; /* NULL: not seen yet */
	struct jobq_channel *channel;
};

struct web {
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct watched {
		struct lws *wsi;
		jobq_readable_fn *readable;
		void *context;
	} watched[WATCHED_MOST];
	size_t watches;
	lws_sorted_usec_list_t tick;
	int64_t second_ms; /* the next */
	struct connection **by_fd;
	size_t fds;
};

static struct web *
web_of(const struct jobq_server *server)
{
	return server->loop;
}

void
jobq_web_wake(void *context)
{
	const struct jobq_server *server = context;

	lws_cancel_service(web_of(server)->context);
}

/* --- sockets -------------------------------------------------------------- */

static struct connection *
connection_of(struct lws *wsi)
{
	struct connection *connection = lws_get_opaque_user_data(wsi);
	struct web *web = web_of(lws_context_user(lws_get_context(wsi)));
	int fd;

	if (connection != NULL)
		return connection;
	fd = lws_get_socket_fd(wsi);
	if (fd < 0 || (size_t)fd >= web->fds || web->by_fd[fd] == NULL)
		return NULL;
	connection = web->by_fd[fd];
	web->by_fd[fd] = NULL;
	connection->wsi = wsi;
	lws_set_opaque_user_data(wsi, connection);
	return connection;
}

static void
note(struct web *web, int fd, struct connection *connection)
{
	size_t room = (size_t)fd + 64;

	if ((size_t)fd >= web->fds) {
		web->by_fd =
		    jobq_xrealloc(web->by_fd, room, sizeof(*web->by_fd));
		memset(web->by_fd + web->fds, 0,
		    (room - web->fds) * sizeof(*web->by_fd));
		web->fds = room;
	}
	web->by_fd[fd] = connection;
}

void
jobq_web_admit(struct jobq_server *server, struct jobq_arrival *arrival,
    struct jobq_channel *channel)
{
	struct web *web = web_of(server);
	struct connection *connection = jobq_xcalloc(1, sizeof(*connection));
	int fd = jobq_gate_take(server->gate, arrival);

	connection->server = server;
	connection->channel = channel;
	channel->websocket = true;
	jobq_channel_open(server, channel, connection);
	note(web, fd, connection);
	if (lws_adopt_socket_vhost(web->vhost, fd) == NULL &&
	    web->by_fd[fd] == connection) {
		web->by_fd[fd] = NULL;
		jobq_channel_close(server, channel);
		free(connection);
	}
}

void
jobq_web_socket_wake(struct jobq_channel *channel)
{
	struct connection *connection = channel->connection;

	if (connection->wsi != NULL)
		lws_callback_on_writable(connection->wsi);
}

static void
end_connection(struct lws *wsi)
{
	struct connection *connection = connection_of(wsi);

	if (connection == NULL)
		return;
	jobq_channel_close(connection->server, connection->channel);
	lws_set_opaque_user_data(wsi, NULL);
	free(connection);
}

static int
close_socket(struct connection *connection)
{
	const struct jobq_channel *channel = connection->channel;

	lws_close_reason(connection->wsi,
	    (enum lws_close_status)(channel->code == 0 ? 1000 : channel->code),
	    (unsigned char *)channel->why, strlen(channel->why));
	return -1;
}

/* The client takes more; not 0 closes. */
static int
write_frames(struct connection *connection)
{
	static const char room[LWS_PRE];
	struct jobq_channel *channel = connection->channel;
	struct jobq_buf *out = &channel->out;
	int written;

	for (int i = 0; i < PIECES_AT_ONCE; i++) {
		/* The library writes the frame's head before the text. */
		jobq_buf_add(out, room, sizeof(room));
		if (!jobq_channel_fetch(channel)) {
			jobq_buf_release(out);
			return channel->closing ? close_socket(connection) : 0;
		}
		written = lws_write(connection->wsi,
		    (unsigned char *)out->data + LWS_PRE, out->len - LWS_PRE,
		    LWS_WRITE_TEXT);
		/* What is not needed soon is not kept: there are thousands. */
		jobq_buf_release(out);
		if (written < 0)
			return -1;
		if (lws_send_pipe_choked(connection->wsi))
			break;
	}
	lws_callback_on_writable(connection->wsi);
	return 0;
}

static int
take_frame(struct connection *connection, const char *bytes, size_t len)
{
	struct jobq_channel *channel = connection->channel;
	struct lws *wsi = connection->wsi;

	if (lws_frame_is_binary(wsi))
		channel->code = 1003;
	else if (channel->in.len + len > MESSAGE_MOST)
		channel->code = 1009;
	if (channel->code != 0)
		return close_socket(connection);
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

/* --- the loop ------------------------------------------------------------- */

/*
 * Each second, and more often while the topics are in a hurry: stores tell of
 * what there is to do, and not of each line of a task.
 */
static void
tick(lws_sorted_usec_list_t *sul)
{
	struct web *web = lws_container_of(sul, struct web, tick);
	struct jobq_server *server = lws_context_user(web->context);
	int64_t now_ms = jobq_mono_ms();

	if (now_ms >= web->second_ms) {
		web->second_ms = now_ms + TICK_US / 1000;
		jobq_gate_tick(server->gate);
		jobq_http_tick(server->http);
		jobq_server_tick(server);
	} else {
		jobq_topics_look(server->topics);
	}
	lws_sul_schedule(web->context, 0, &web->tick, tick,
	    jobq_topics_hurry(server->topics) ? HURRY_US : TICK_US);
}

static void
look(struct jobq_server *server)
{
	if (server->pool != NULL)
		jobq_pool_finish(server->pool);
	if (atomic_exchange(&server->rang, false)) {
		jobq_server_rang(server);
		lws_sul_schedule(web_of(server)->context, 0,
		    &web_of(server)->tick, tick, HURRY_US);
	}
}

static void
look_at_gate(void *context)
{
	jobq_gate_look(((struct jobq_server *)context)->gate);
}

static void
look_at_http(void *context)
{
	jobq_http_look(((struct jobq_server *)context)->http);
}

static void
look_at(struct lws *wsi)
{
	struct jobq_server *server = lws_context_user(lws_get_context(wsi));
	const struct web *web = web_of(server);

	for (size_t i = 0; i < web->watches; i++)
		if (web->watched[i].wsi == wsi)
			web->watched[i].readable(web->watched[i].context);
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct connection *connection;

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		look(lws_context_user(lws_get_context(wsi)));
		return 0;
	case LWS_CALLBACK_RAW_RX_FILE:
		look_at(wsi);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
	case LWS_CALLBACK_CLOSED:
		end_connection(wsi);
		return 0;
	/* What was to be a WebSocket and is none after all. */
	case LWS_CALLBACK_HTTP:
		return -1;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return connection_of(wsi) != NULL ? 0 : -1;
	case LWS_CALLBACK_ESTABLISHED:
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_RECEIVE:
		connection = connection_of(wsi);
		if (connection == NULL)
			return -1;
		return reason == LWS_CALLBACK_RECEIVE
			   ? take_frame(connection, in, len)
			   : write_frames(connection);
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ "http", on_event, 0, RECEIVE_BYTES, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

/* A WebSocket that says nothing is pinged, and then given up. */
static const lws_retry_bo_t pings = {
	.secs_since_valid_ping = 30,
	.secs_since_valid_hangup = 60,
};

static void
say(int level, const char *line)
{
	(void)level;
	jobq_log(
	    JOBQ_DEBUG, "libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

/* The library closes what it watches: it gets a descriptor of its own. */
bool
jobq_web_watch(struct jobq_server *server, int fd, jobq_readable_fn *readable,
    void *context)
{
	struct web *web = web_of(server);
	struct watched *watched = &web->watched[web->watches];
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (web->watches == WATCHED_MOST)
		JOBQ_BUG("too many descriptors are watched");
	if (own < 0)
		return false;
	watched->readable = readable;
	watched->context = context;
	watched->wsi = lws_adopt_descriptor_vhost(web->vhost,
	    LWS_ADOPT_RAW_FILE_DESC, (lws_sock_file_fd_type)own, "http", NULL);
	if (watched->wsi != NULL)
		web->watches++;
	return watched->wsi != NULL;
}

/*
 * Room for watchers, the gate, requests, and the store. Where it is not to be
 * had watchers are fewer, down to half of what there is, for others are to
 * find a place beside them.
 */
static size_t
raise_limit(struct jobq_server *server)
{
	size_t most = (size_t)server->options->most_watchers;
	size_t others = JOBQ_GATE_MOST + 1024, wanted = most + others + 128;
	size_t room;
	struct rlimit limit;

	server->watchers_most = most;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return wanted;
	room = limit.rlim_cur > 2 * OWN_FDS ? limit.rlim_cur - OWN_FDS
					    : limit.rlim_cur / 4;
	server->watchers_most =
	    room > 2 * others ? room - others : (room + 1) / 2;
	if (server->watchers_most < most)
		jobq_log(server->options->health_only ||
				 server->options->tool != NULL
			     ? JOBQ_DEBUG
			     : JOBQ_WARNING,
		    "%ju descriptors are room for %zu watchers; give it "
		    "LimitNOFILE=%zu or so",
		    (uintmax_t)limit.rlim_cur, server->watchers_most, wanted);
	else
		server->watchers_most = most;
	return limit.rlim_cur;
}

enum jobq_status
jobq_web_open(struct jobq_server *server, struct jobq_err *err)
{
	struct web *web = jobq_xcalloc(1, sizeof(*web));
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.protocols = protocols,
		.user = server,
		.vhost_name = "jobq",
		.max_http_header_data = 2 * JOBQ_HEAD_MAX,
		.max_http_header_pool = HEADS_MOST,
		.timeout_secs = 10,
		.keepalive_timeout = 60,
		.retry_and_idle_policy = &pings,
	};

	server->loop = web;
	info.fd_limit_per_thread = (unsigned)raise_limit(server);
	lws_set_log_level(
	    jobq_log_wants(JOBQ_DEBUG) ? LLL_ERR | LLL_WARN : 0, say);
	web->context = lws_create_context(&info);
	if (web->context != NULL)
		web->vhost = lws_create_vhost(web->context, &info);
	if (web->vhost == NULL || !jobq_drain_open(server) ||
	    !jobq_web_watch(
		server, jobq_gate_fd(server->gate), look_at_gate, server) ||
	    !jobq_web_watch(
		server, jobq_http_fd(server->http), look_at_http, server) ||
	    !jobq_web_watch(
		server, server->drain.signals, jobq_drain_look, server))
		return jobq_fail(err, JOBQ_IO,
		    "unable to start the loop of the server: %s",
		    strerror(errno));
	lws_sul_schedule(web->context, 0, &web->tick, tick, TICK_US);
	return JOBQ_OK;
}

void
jobq_web_serve(struct jobq_server *server)
{
	server->drain.serving = true;
	while (jobq_drain_serves(server))
		if (lws_service(web_of(server)->context, 0) < 0)
			break;
}

void
jobq_web_close(struct jobq_server *server)
{
	struct web *web = web_of(server);

	if (web == NULL)
		return;
	if (web->context != NULL)
		lws_context_destroy(web->context);
	free(web->by_fd);
	free(web);
	server->loop = NULL;
}
