#include "serve.h"

#include "clock.h"
#include "command.h"
#include "health.h"
#include "log.h"
#include "mem.h"
#include "notify.h"
#include "place.h"
#include "metrics.h"
#include "server.h"
#include "stop.h"
#include "tool.h"
#include "told.h"
#include "topic.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define DEFAULT_LISTEN "127.0.0.1:8000"
#define THREADS 4
#define CALLS_MOST 4096
#define SIGN_S 15   /* between signs of life on a stream */
#define HANDED_FD 3 /* the first of systemd's */

static enum jobq_status
check_door(const struct jobq_serve_options *options,
    const struct jobq_door *door, struct jobq_err *err)
{
	if (door->reach != JOBQ_REACH_NETWORK || options->token_file != NULL)
		return JOBQ_OK;
	if (!options->open)
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s can be reached from other machines: give a "
		    "--token-file, or say --open to let everybody in",
		    door->listener.where.data);
	jobq_log(JOBQ_WARNING, "%s is open: whoever reaches it can %s",
	    door->listener.where.data,
	    options->tool != NULL ? "run the tool"
	    : options->read_only
		? "read every job of the store"
		: "read, push, cancel and settle every job of the store");
	return JOBQ_OK;
}

static struct jobq_door *
add_door(struct jobq_server *server)
{
	server->door = jobq_xrealloc(
	    server->door, server->doors + 1, sizeof(*server->door));
	server->door[server->doors] = (struct jobq_door){ .listener.fd = -1 };
	return &server->door[server->doors++];
}

static enum jobq_status
open_door(struct jobq_server *server, const char *where, bool health,
    struct jobq_err *err)
{
	struct jobq_door *door = add_door(server);
	enum jobq_status status = jobq_listen_open(&door->listener, where, err);

	if (status != JOBQ_OK)
		return status;
	door->reach = health			? JOBQ_REACH_HEALTH
		      : door->listener.loopback ? JOBQ_REACH_LOCAL
						: JOBQ_REACH_NETWORK;
	return check_door(server->options, door, err);
}

static enum jobq_status
adopt_door(struct jobq_server *server, int fd, struct jobq_err *err)
{
	struct jobq_door *door = add_door(server);
	enum jobq_status status = jobq_listen_adopt(&door->listener, fd, err);

	if (status != JOBQ_OK)
		return status;
	door->reach = server->options->health_only ? JOBQ_REACH_HEALTH
		      : door->listener.loopback	   ? JOBQ_REACH_LOCAL
						   : JOBQ_REACH_NETWORK;
	return check_door(server->options, door, err);
}

/* The sockets that systemd hands over, sd_listen_fds(3). */
static enum jobq_status
adopt_doors(struct jobq_server *server, size_t *count, struct jobq_err *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t number = 0, listed = 0;
	enum jobq_status status = JOBQ_OK;

	*count = 0;
	if (pid == NULL || fds == NULL ||
	    jobq_int_parse(pid, 1, INT32_MAX, &number, NULL) != JOBQ_OK ||
	    number != getpid() ||
	    jobq_int_parse(fds, 1, 64, &listed, NULL) != JOBQ_OK)
		return JOBQ_OK;
	for (int i = 0; i < listed && status == JOBQ_OK; i++) {
		status = adopt_door(server, HANDED_FD + i, err);
		++*count;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return status;
}

static enum jobq_status
open_doors(struct jobq_server *server, struct jobq_err *err)
{
	const struct jobq_serve_options *options = server->options;
	size_t adopted;
	enum jobq_status status = adopt_doors(server, &adopted, err);

	for (size_t i = 0; i < options->listen.count && status == JOBQ_OK; i++)
		status = open_door(server, options->listen.item[i], false, err);
	if (options->listen.count == 0 && adopted == 0 &&
	    !options->health_only && status == JOBQ_OK)
		status = open_door(server, DEFAULT_LISTEN, false, err);
	for (size_t i = 0; i < options->health.count && status == JOBQ_OK; i++)
		status = open_door(server, options->health.item[i], true, err);
	if (status == JOBQ_OK && server->told != NULL)
		status = adopt_door(server, JOBQ_HEALTH_LISTEN_FD, err);
	if (status == JOBQ_OK && server->doors == 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "--health-only needs --health, or a socket that a "
		    "supervisor hands over; see jobq-serve --help");
	return status;
}

static void
rang(void *context)
{
	struct jobq_server *server = context;

	atomic_store(&server->rang, true);
	jobq_web_wake(server);
}

static void
seen(void *context, const struct jobq_pool_call *call)
{
	struct jobq_server *server = context;

	jobq_metrics_seen(server->metrics, call);
	jobq_health_seen(server, call);
}

static enum jobq_status
open_pool(struct jobq_server *server, struct jobq_err *err)
{
	struct jobq_pool_options options = {
		.url = server->options->store_url,
		.mode = JOBQ_STORE_CREATE,
		.threads = THREADS,
		.most_calls = CALLS_MOST,
		.wake = jobq_web_wake,
		.rang = rang,
		.await = jobq_drain_await,
		.seen = seen,
		.context = server,
	};
	enum jobq_status status;

	if (server->options->read_only)
		options.mode = JOBQ_STORE_READ;
	/* There the store is its worker's, and away or not is the answer. */
	if (server->told != NULL) {
		if (!jobq_told_asks_store(server->told))
			return JOBQ_OK;
		options.mode = JOBQ_STORE_READ;
		options.threads = 1;
		options.opens_later = true;
		options.rang = NULL;
	}
	jobq_buf_puts(&server->about,
	    "{\"name\":\"jobq-serve\",\"version\":\"" JOBQ_VERSION "\"");
	if (server->options->read_only)
		jobq_buf_puts(&server->about, ",\"writes\":false");
	status = jobq_pool_open(&options, &server->pool, &server->about, err);
	jobq_buf_puts(&server->about, "}\n");
	return status;
}

/* Without them the server is one all the same. */
static void
read_files(struct jobq_server *server)
{
	struct jobq_buf folder = JOBQ_BUF_INIT;
	struct jobq_err err;
	enum jobq_status status = jobq_place_share(&folder, &err);

	if (status == JOBQ_OK) {
		jobq_buf_puts(&folder, "/www");
		status = jobq_files_read(&server->files, folder.data, &err);
	}
	if (status != JOBQ_OK)
		jobq_log(JOBQ_WARNING, "%s", err.text);
	jobq_buf_release(&folder);
}

static void
tell_start(const struct jobq_server *server)
{
	/* jobq-work has said so itself. */
	for (size_t i = 0; i < server->doors; i++)
		jobq_log(server->told != NULL ? JOBQ_DEBUG : JOBQ_INFO,
		    "listening at %s%s", server->door[i].listener.where.data,
		    server->door[i].reach == JOBQ_REACH_HEALTH
			? " (health alone)"
			: "");
	jobq_notify_send(&server->notify, "READY=1\nSTATUS=serving");
}

static void
close_doors(struct jobq_server *server)
{
	for (size_t i = 0; i < server->doors; i++)
		jobq_listen_close(&server->door[i].listener);
}

/* False: some threads hang in the store, and what they may use is left. */
static bool
close_server(struct jobq_server *server)
{
	/* Calls that are done answer requests, which the loop still has. */
	jobq_tool_close(server);
	if (!jobq_pool_close(server->pool)) {
		jobq_log(JOBQ_WARNING,
		    "the store hangs; what it was asked may yet be done");
		close_doors(server);
		return false;
	}
	jobq_told_free(server->told);
	jobq_web_close(server);
	jobq_drain_close(server);
	jobq_http_free(server->http);
	jobq_topics_free(server->topics);
	jobq_stops_free(server->stops);
	jobq_gate_free(server->gate);
	close_doors(server);
	free(server->door);
	jobq_buf_release(&server->about);
	jobq_buf_release(&server->counts);
	jobq_metrics_free(server->metrics);
	jobq_files_release(&server->files);
	jobq_notify_close(&server->notify);
	return true;
}

enum jobq_status
jobq_serve(
    const struct jobq_serve_options *options, bool *left, struct jobq_err *err)
{
	struct jobq_server server = { .options = options,
		.where =
		    options->tool != NULL ? JOBQ_ROUTE_TOOL : JOBQ_ROUTE_STORE,
		.drain = { .signals = -1 },
		.err = err };
	enum jobq_status status = JOBQ_OK;

	server.topics = jobq_topics_new(&server);
	server.stops = jobq_stops_new(&server);
	server.metrics = jobq_metrics_new();
	server.guard.allowed_hosts = &options->allowed_hosts;
	if (options->health_only)
		status = jobq_told_open(&server.told, err);
	if (status == JOBQ_OK)
		status = jobq_notify_open(&server.notify, err);
	if (status == JOBQ_OK && options->token_file != NULL)
		status = jobq_guard_read_token(
		    &server.guard, options->token_file, err);
	if (status == JOBQ_OK)
		status = open_doors(&server, err);
	if (status == JOBQ_OK) {
		server.gate = jobq_gate_new(
		    jobq_server_arrived, jobq_server_gives_way, &server);
		server.http = jobq_http_new(&server);
		if (server.gate == NULL || server.http == NULL)
			status = jobq_fail(err, JOBQ_IO,
			    "unable to make an epoll descriptor: %s",
			    strerror(errno));
	}
	if (status == JOBQ_OK) {
		status = jobq_web_open(&server, err);
	}
	if (status == JOBQ_OK)
		status = options->tool != NULL ? jobq_tool_open(&server, err)
					       : open_pool(&server, err);
	if (options->tool == NULL && !options->health_only)
		read_files(&server);
	/* Unless a stop has come while the store was waited for. */
	if (status == JOBQ_OK && !server.draining) {
		if (server.told != NULL)
			jobq_told_tick(server.told, server.pool);
		for (size_t i = 0; i < server.doors; i++)
			jobq_gate_listen(server.gate, &server.door[i].listener);
		tell_start(&server);
		jobq_web_serve(&server);
		status = server.status;
	}
	jobq_notify_send(&server.notify, "STOPPING=1");
	*left = !close_server(&server);
	return status;
}

void
jobq_server_rang(struct jobq_server *server)
{
	jobq_bells_ring(server, false);
	jobq_topics_rang(server->topics);
}

void
jobq_server_tick(struct jobq_server *server)
{
	int64_t second = jobq_mono_ms() / 1000;

	if (server->told != NULL)
		jobq_told_tick(server->told, server->pool);
	if (server->notify.watchdog_ms > 0)
		jobq_notify_send(&server->notify, "WATCHDOG=1");
	if (server->pool != NULL)
		jobq_pool_expire(server->pool);
	/* Hints may be lost, and some stores have none. */
	jobq_topics_look(server->topics);
	jobq_stops_tick(server->stops);
	jobq_watch_tick(server, second % SIGN_S == 0);
	if (server->tool != NULL)
		jobq_tool_tick(server);
	if (second % SIGN_S == 0)
		jobq_bells_ring(server, true);
}

void
jobq_server_tell(const struct jobq_server *server)
{
	size_t channels = 0;

	for (const struct jobq_channel *channel = server->channels;
	     channel != NULL; channel = channel->next)
		channels++;
	jobq_log(JOBQ_WARNING,
	    "%zu requests wait for the store, %zu streams and sockets are "
	    "open, %zu connections have not asked yet",
	    server->requests, channels, jobq_gate_count(server->gate));
}
