/*
 * GET /metrics. The store is asked for its counts at most once a second,
 * however many ask this server; what it said last counts until the next
 * answer. A store that cannot count, or does not answer, takes nothing away
 * from what is counted here.
 */
#include "metrics.h"

#include "routes.h"
#include "server.h"

#include "clock.h"
#include "command.h"
#include "stats.h"
#include "view.h"

#include <string.h>

#include "banned.h"

#define COUNTS_MS 1000
#define QUEUES_MOST 256 /* that are told of */

static void
put_gauge(
    struct jobq_buf *out, const char *name, size_t value, const char *help)
{
	jobq_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %zu\n", name,
	    help, name, name, value);
}

static void
put_watchers(const struct jobq_server *server, struct jobq_buf *out)
{
	put_gauge(out, "jobq_watchers", server->watchers,
	    "Clients that watch a task here.");
	jobq_buf_printf(out,
	    "# HELP jobq_watcher_dropped_events_total Events that clients of "
	    "this server were too slow for.\n"
	    "# TYPE jobq_watcher_dropped_events_total counter\n"
	    "jobq_watcher_dropped_events_total %llu\n",
	    (unsigned long long)server->dropped);
}

/* What the URL of the store begins with; nothing while it was not there. */
static void
put_scheme(const struct jobq_server *server, struct jobq_buf *out)
{
	struct jobq_object about = { 0 };
	struct jobq_span name;

	jobq_buf_puts(out, "");
	if (jobq_object_scan(&about, server->about.data, server->about.len,
		NULL) == JOBQ_OK) {
		name = jobq_view_member(&about, "store");
		jobq_view_text(out, name);
		out->len = strcspn(out->data, ":");
		out->data[out->len] = '\0';
	}
	jobq_object_release(&about);
}

static void
answer(struct jobq_request *request)
{
	const struct jobq_server *server = request->server;
	struct jobq_buf store = JOBQ_BUF_INIT, out = JOBQ_BUF_INIT;

	put_scheme(server, &store);
	jobq_buf_add(&out, server->counts.data, server->counts.len);
	jobq_metrics_put(server->metrics, store.data, &out);
	put_watchers(server, &out);
	jobq_buf_puts(&out,
	    "# HELP jobq_build_info What this server is.\n"
	    "# TYPE jobq_build_info gauge\n"
	    "jobq_build_info{version=\"" JOBQ_VERSION "\"} 1\n");
	jobq_request_answer(request, 200,
	    "text/plain; version=0.0.4; charset=utf-8", out.data, out.len,
	    NULL);
	jobq_buf_release(&out);
	jobq_buf_release(&store);
}

static void
read_counts(struct jobq_server *server, const struct jobq_buf *text)
{
	const char *at = text->data, *end = at + text->len, *stop;
	struct jobq_object members = { 0 };
	struct jobq_stats stats = { 0 };
	size_t more = 0;

	for (; at != NULL && at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			break;
		if (stats.count == QUEUES_MOST)
			more++;
		else if (jobq_object_scan(&members, at, (size_t)(stop - at),
			     NULL) == JOBQ_OK)
			jobq_stats_take(&stats, &members);
	}
	jobq_buf_clear(&server->counts);
	jobq_stats_prometheus(&stats, &server->counts);
	put_gauge(&server->counts, "jobq_queues_left_out", more,
	    "Queues of the store beyond those that are told of.");
	jobq_stats_release(&stats);
	jobq_object_release(&members);
}

static void
heard(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_server *server = request->server;

	server->counts_asked = false;
	server->counts_until_ms = jobq_mono_ms() + COUNTS_MS;
	if (call->status == JOBQ_OK)
		read_counts(server, &call->answer);
	else
		jobq_buf_clear(&server->counts);
	answer(request);
}

void
jobq_route_metrics(struct jobq_request *request)
{
	struct jobq_server *server = request->server;
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (server->pool == NULL || jobq_mono_ms() < server->counts_until_ms ||
	    (server->counts_asked && server->counts.len > 0)) {
		answer(request);
		return;
	}
	jobq_buf_puts(&text, "{}");
	jobq_request_call(request, JOBQ_VERB_STATS, &text, false, heard);
	server->counts_asked = !request->answered;
}
