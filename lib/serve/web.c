/*
 * All that is said to libwebsockets.
 *
 * Its loop watches the gate as one descriptor, and gets a connection only
 * with the first head whole, in hand and checked. What further requests of a
 * kept connection may differ in from how head.c reads them is looked at again
 * here. A connection is known by its descriptor from its admission until the
 * library first asks about it, and then by the pointer the library keeps.
 *
 * HTTP/2 is never offered: there is no TLS to offer it in, the gate refuses
 * its preface, and an upgrade to it is turned down.
 */
#include "server.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "web.h"

#include <libwebsockets.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define TICK_US 1000000
#define RECEIVE_BYTES 1024 /* of a message at once; each socket has it */
#define HEADS_MOST 1024

struct web {
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct lws *gate;
	lws_sorted_usec_list_t tick;
	struct connection **by_fd;
	size_t fds;
	int signals;
	int stops; /* INT and TERM that came */
	int64_t stop_by_ms;
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

/* --- connections ---------------------------------------------------------- */

static struct connection *
connection_of(struct lws *wsi)
{
	struct connection *connection = lws_get_opaque_user_data(wsi);
	struct lws_context *context = lws_get_context(wsi);
	struct jobq_server *server = lws_context_user(context);
	struct web *web = web_of(server);
	int fd;

	if (connection != NULL)
		return connection;
	fd = lws_get_socket_fd(wsi);
	if (fd < 0 || (size_t)fd >= web->fds)
		return NULL;
	connection = web->by_fd[fd];
	if (connection == NULL)
		return NULL;
	web->by_fd[fd] = NULL;
	connection->wsi = wsi;
	lws_set_opaque_user_data(wsi, connection);
	return connection;
}

void
jobq_web_admit(struct jobq_server *server, struct jobq_arrival *arrival,
    struct jobq_channel *channel)
{
	struct web *web = web_of(server);
	struct connection *connection = jobq_xcalloc(1, sizeof(*connection));
	int fd;

	connection->server = server;
	connection->door = (const struct jobq_door *)arrival->listener;
	fd = jobq_gate_take(server->gate, arrival);
	if (channel != NULL) {
		channel->websocket = true;
		jobq_web_channel_link(connection, channel);
	}
	if ((size_t)fd >= web->fds) {
		web->by_fd = jobq_xrealloc(
		    web->by_fd, (size_t)fd + 64, sizeof(*web->by_fd));
		memset(web->by_fd + web->fds, 0,
		    ((size_t)fd + 64 - web->fds) * sizeof(*web->by_fd));
		web->fds = (size_t)fd + 64;
	}
	web->by_fd[fd] = connection;
	if (lws_adopt_socket_vhost(web->vhost, fd) == NULL &&
	    web->by_fd[fd] == connection) {
		web->by_fd[fd] = NULL;
		jobq_web_channel_end(connection);
		free(connection);
	}
}

static void
end_connection(struct lws *wsi)
{
	struct connection *connection = connection_of(wsi);

	if (connection == NULL)
		return;
	jobq_web_request_end(connection);
	jobq_web_channel_end(connection);
	lws_set_opaque_user_data(wsi, NULL);
	free(connection);
}

/* --- the loop ------------------------------------------------------------- */

static void
tick(lws_sorted_usec_list_t *sul)
{
	struct web *web = lws_container_of(sul, struct web, tick);
	struct jobq_server *server = lws_context_user(web->context);

	jobq_gate_tick(server->gate);
	jobq_server_tick(server);
	lws_sul_schedule(web->context, 0, &web->tick, tick, TICK_US);
}

static void
stop(struct jobq_server *server)
{
	struct web *web = web_of(server);

	web->stops++;
	web->stop_by_ms = jobq_mono_ms() + server->options->drain_ms;
	if (web->stops > 1)
		return;
	server->draining = true;
	jobq_gate_close(server->gate);
	jobq_log(JOBQ_INFO, "stopping, %zu running, again to force",
	    server->requests);
	for (struct jobq_channel *channel = server->channels; channel != NULL;
	     channel = channel->next) {
		channel->code = 1001;
		channel->closing = true;
		jobq_channel_wake(channel);
	}
}

static void
take_signals(struct jobq_server *server)
{
	struct signalfd_siginfo info;

	while (read(web_of(server)->signals, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGUSR1)
			jobq_server_tell(server);
		else
			stop(server);
}

static void
look(struct jobq_server *server)
{
	if (server->pool != NULL)
		jobq_pool_finish(server->pool);
	if (atomic_exchange(&server->rang, false))
		jobq_server_rang(server);
}

/* What the library tells of a connection; not 0 closes it. */
static int
step(struct connection *connection, enum lws_callback_reasons reason, void *in,
    size_t len)
{
	struct jobq_channel *channel = connection->channel;

	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return jobq_web_request_begin(connection);
	case LWS_CALLBACK_HTTP_BODY:
		return jobq_web_request_body(connection, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return jobq_web_request_dispatch(connection);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		if (channel != NULL)
			return jobq_web_channel_pump(channel);
		return jobq_web_request_write(connection);
	case LWS_CALLBACK_ESTABLISHED:
		if (channel == NULL)
			return -1;
		channel->wsi = connection->wsi;
		jobq_channel_wake(channel);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return channel == NULL ? -1 : jobq_web_channel_pump(channel);
	case LWS_CALLBACK_RECEIVE:
		return channel == NULL
			   ? -1
			   : jobq_web_channel_hear(channel, in, len);
	default:
		return 0;
	}
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t len)
{
	struct jobq_server *server;
	struct connection *connection;

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		look(lws_context_user(lws_get_context(wsi)));
		return 0;
	case LWS_CALLBACK_RAW_RX_FILE:
		server = lws_context_user(lws_get_context(wsi));
		if (wsi == web_of(server)->gate)
			jobq_gate_look(server->gate);
		else
			take_signals(server);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		connection = connection_of(wsi);
		return connection != NULL && connection->channel != NULL ? 0
									 : -1;
	case LWS_CALLBACK_WSI_DESTROY:
	case LWS_CALLBACK_CLOSED:
	case LWS_CALLBACK_CLOSED_HTTP:
		end_connection(wsi);
		return 0;
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_SERVER_WRITEABLE:
	case LWS_CALLBACK_RECEIVE:
		connection = connection_of(wsi);
		return connection == NULL ? -1
					  : step(connection, reason, in, len);
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

static struct lws *
watch(struct jobq_server *server, int fd)
{
	struct web *web = web_of(server);

	return lws_adopt_descriptor_vhost(web->vhost, LWS_ADOPT_RAW_FILE_DESC,
	    (lws_sock_file_fd_type)fd, "http", NULL);
}

/* Room for watchers, the gate, and as many requests again. */
static size_t
raise_limit(const struct jobq_server *server)
{
	size_t wanted =
	    (size_t)server->options->most_watchers + 4 * JOBQ_GATE_MOST + 64;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < wanted ? limit.rlim_cur : wanted;
}

static int
open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	/* Before there are threads, so that none of them gets one. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
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
	web->signals = open_signals();
	info.fd_limit_per_thread = (unsigned)raise_limit(server);
	lws_set_log_level(
	    jobq_log_wants(JOBQ_DEBUG) ? LLL_ERR | LLL_WARN : 0, say);
	web->context = lws_create_context(&info);
	if (web->context != NULL)
		web->vhost = lws_create_vhost(web->context, &info);
	if (web->vhost != NULL)
		web->gate = watch(server, jobq_gate_fd(server->gate));
	if (web->signals < 0 || web->gate == NULL ||
	    watch(server, web->signals) == NULL)
		return jobq_fail(err, JOBQ_IO,
		    "unable to start the loop of the server: %s",
		    strerror(errno));
	lws_sul_schedule(web->context, 0, &web->tick, tick, TICK_US);
	return JOBQ_OK;
}

void
jobq_web_serve(struct jobq_server *server)
{
	struct web *web = web_of(server);

	while (web->stops < 2 &&
	       (!server->draining ||
		   ((server->requests > 0 || server->channels != NULL) &&
		       jobq_mono_ms() < web->stop_by_ms)))
		if (lws_service(web->context, 0) < 0)
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
