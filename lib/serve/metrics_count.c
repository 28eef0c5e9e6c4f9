/*
 * Counting is reading the answers of the store once more, and no more of
 * them than is needed: of a push the lines are counted; the lines of a claim
 * and of a settle are scanned for their envelopes.
 *
 * An event names its job and not its queue. So the jobs that were claimed
 * through this server are remembered, with their queue and the time of their
 * start, in a table of fixed size in which a newer job takes the place of an
 * older one. An ending of a job that is not in it counts for the queue "".
 * Queues are remembered up to a number, and those after it are one.
 */
#include "metrics.h"

#include "clock.h"
#include "job.h"
#include "mem.h"
#include "stats.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define QUEUES_MOST 64
#define OTHERS "(others)" /* no queue's name: it has brackets */
#define SLOTS 4096	  /* a power of two */
#define BOUNDS 14

enum outcome {
	COMPLETED,
	FAILED,
	CANCELLED,
	OUTCOMES,
};

static const char *const outcomes[OUTCOMES] = { "completed", "failed",
	"cancelled" };

/* Upper bounds, in seconds. */
static const double job_bounds[BOUNDS] = { 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30,
	60, 300, 900, 3600, 14400, 86400 };
static const double call_bounds[BOUNDS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01,
	0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };

struct histogram {
	uint64_t bucket[BOUNDS + 1]; /* not cumulated; the last is the rest */
	double sum_s;
};

struct queue {
	char *name;
	uint64_t finished[OUTCOMES];
};

/* A job that was claimed here. */
struct slot {
	uint64_t hash; /* of its id; 0: none */
	int64_t begun_ms;
	size_t queue;
	bool lost; /* counted already */
};

struct jobq_metrics {
	struct queue queue[QUEUES_MOST + 1]; /* the first is the unknown one */
	size_t queues;
	struct slot *slot; /* SLOTS of them, once a job was claimed */
	uint64_t submitted, retries, expired, stale;
	uint64_t errors[JOBQ_VERBS];
	struct histogram run, wait, call[JOBQ_VERBS];
};

struct jobq_metrics *
jobq_metrics_new(void)
{
	struct jobq_metrics *metrics = jobq_xcalloc(1, sizeof(*metrics));

	metrics->queue[0].name = jobq_xstrdup("");
	metrics->queues = 1;
	return metrics;
}

void
jobq_metrics_free(struct jobq_metrics *metrics)
{
	if (metrics == NULL)
		return;
	for (size_t i = 0; i < metrics->queues; i++)
		free(metrics->queue[i].name);
	free(metrics->slot);
	free(metrics);
}

static void
observe(struct histogram *histogram, const double *bounds, double seconds)
{
	size_t i = 0;

	if (seconds < 0)
		seconds = 0;
	while (i < BOUNDS && seconds > bounds[i])
		i++;
	histogram->bucket[i]++;
	histogram->sum_s += seconds;
}

/* --- jobs and their queues ------------------------------------------------ */

/* FNV-1a; 0 stands for no id. */
static uint64_t
hash_of(struct jobq_span id)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < id.len; i++)
		hash = (hash ^ (unsigned char)id.at[i]) * 1099511628211u;
	return hash == 0 ? 1 : hash;
}

/* The job with this id, its JSON text, if it was claimed here. */
static struct slot *
known(const struct jobq_metrics *metrics, struct jobq_span id)
{
	uint64_t hash = hash_of(id);
	struct slot *slot =
	    metrics->slot == NULL ? NULL : &metrics->slot[hash & (SLOTS - 1)];

	return slot != NULL && slot->hash == hash ? slot : NULL;
}

static size_t
queue_of(struct jobq_metrics *metrics, struct jobq_span value)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	size_t i = 0;

	jobq_view_text(&name, value);
	if (name.len > 0)
		while (i < metrics->queues &&
		       strcmp(metrics->queue[i].name, name.data) != 0)
			i++;
	if (i == metrics->queues && i <= QUEUES_MOST) {
		metrics->queues++;
		metrics->queue[i].name = i == QUEUES_MOST
					     ? jobq_xstrdup(OTHERS)
					     : jobq_buf_detach(&name);
	} else if (i == metrics->queues) {
		i = QUEUES_MOST;
	}
	jobq_buf_release(&name);
	return i;
}

static void
count_claimed(struct jobq_metrics *metrics, const struct jobq_object *members)
{
	struct jobq_span id = jobq_view_member(members, "id");
	int64_t due_ms = jobq_view_time_ms(jobq_view_member(members, "run_at"));
	uint64_t hash = hash_of(id);

	if (metrics->slot == NULL)
		metrics->slot = jobq_xcalloc(SLOTS, sizeof(*metrics->slot));
	metrics->slot[hash & (SLOTS - 1)] = (struct slot){
		.hash = hash,
		.begun_ms = jobq_mono_ms(),
		.queue = queue_of(metrics, jobq_view_member(members, "queue")),
	};
	if (due_ms >= 0)
		observe(&metrics->wait, job_bounds,
		    (double)(jobq_wall_ms() - due_ms) / 1000);
}

static void
count_lost(struct jobq_metrics *metrics, struct jobq_span id)
{
	struct slot *slot = known(metrics, id);

	if (slot != NULL && slot->lost)
		return;
	if (slot != NULL)
		slot->lost = true;
	metrics->expired++;
}

/*
 * The pairs of a renewal that were lost. An id that stands there several
 * times was asked for its epoch (see jobs_turn.c), and nothing was lost.
 */
static void
count_all_lost(struct jobq_metrics *metrics, struct jobq_span lost)
{
	struct jobq_span pair, id = { NULL, 0 }, last = { NULL, 0 };
	size_t cursor = 0, inner, times = 0;

	while (jobq_json_element(lost, &cursor, &pair)) {
		inner = 0;
		if (!jobq_json_element(pair, &inner, &id))
			continue;
		if (times > 0 && id.len == last.len &&
		    memcmp(id.at, last.at, id.len) == 0) {
			times++;
			continue;
		}
		if (times == 1)
			count_lost(metrics, last);
		last = id;
		times = 1;
	}
	if (times == 1)
		count_lost(metrics, last);
}

/* --- lines ---------------------------------------------------------------- */

static void
count_finished(
    struct jobq_metrics *metrics, struct jobq_span id, enum outcome outcome)
{
	const struct slot *slot = known(metrics, id);

	metrics->queue[slot == NULL ? 0 : slot->queue].finished[outcome]++;
}

/* An ending that decided. */
static void
count_ending(struct jobq_metrics *metrics, const struct jobq_object *members,
    struct jobq_span event, struct jobq_span state)
{
	struct jobq_span id = jobq_view_member(members, "id");
	struct jobq_span took = jobq_view_member(members, "seconds");
	struct slot *slot = known(metrics, id);
	bool failed = jobq_span_is(event, "\"failed\"");
	double seconds;

	if (jobq_span_is(state, "\"completed\""))
		count_finished(metrics, id, COMPLETED);
	else if (jobq_span_is(state, "\"failed\""))
		count_finished(metrics, id, FAILED);
	else if (jobq_span_is(state, "\"cancelled\""))
		count_finished(metrics, id, CANCELLED);
	else if (failed)
		metrics->retries++;
	if (failed || jobq_span_is(event, "\"completed\"")) {
		if (took.len > 0 &&
		    jobq_json_double(took, &seconds, NULL) == JOBQ_OK)
			observe(&metrics->run, job_bounds, seconds);
		else if (slot != NULL)
			observe(&metrics->run, job_bounds,
			    (double)(jobq_mono_ms() - slot->begun_ms) / 1000);
	}
	if (slot != NULL)
		slot->hash = 0;
}

/* A line that is an event: the answer to one, or the store's own. */
static void
count_event(struct jobq_metrics *metrics, const struct jobq_object *members)
{
	struct jobq_span event = jobq_view_member(members, "event");
	struct jobq_span settled = jobq_view_member(members, "settled");
	struct jobq_span state = jobq_view_member(members, "state");
	struct jobq_span lost = jobq_view_member(members, "lost");
	struct jobq_span id = jobq_view_member(members, "id");
	struct slot *slot;

	if (lost.len > 0)
		count_all_lost(metrics, lost);
	if (jobq_span_is(settled, "\"stale\"")) {
		metrics->stale++;
	} else if (jobq_span_is(event, "\"stop\"")) {
		if (jobq_span_is(
			jobq_view_member(members, "reason"), "\"lost\""))
			count_lost(metrics, id);
	} else if (jobq_span_is(event, "\"started\"")) {
		slot = known(metrics, id);
		if (slot != NULL && jobq_span_is(settled, "true"))
			slot->begun_ms = jobq_mono_ms();
	} else if (state.len > 0 && jobq_span_is(settled, "true")) {
		count_ending(metrics, members, event, state);
	}
}

/* What a store made of what had lapsed; see reap in jobq-adapter(7). */
static void
count_reaped(struct jobq_metrics *metrics, const struct jobq_object *members)
{
	struct jobq_span event = jobq_view_member(members, "event");
	struct jobq_span id = jobq_view_member(members, "id");
	struct jobq_span reason = jobq_view_member(members, "reason");

	if (jobq_span_is(event, "\"failed\""))
		count_finished(metrics, id, FAILED);
	else if (jobq_span_is(event, "\"cancelled\""))
		count_finished(metrics, id, CANCELLED);
	if (!jobq_span_is(reason, "\"expired\""))
		count_lost(metrics, id);
}

/* One that waited is cancelled at once; a running one ends by an event. */
static void
count_cancelled(struct jobq_metrics *metrics, const struct jobq_object *members)
{
	struct jobq_span was = jobq_view_member(members, "was");

	if (jobq_span_is(jobq_view_member(members, "done"), "true") &&
	    (jobq_span_is(was, "\"pending\"") ||
		jobq_span_is(was, "\"blocked\"")))
		count_finished(
		    metrics, jobq_view_member(members, "id"), CANCELLED);
}

static void
count_line(struct jobq_metrics *metrics, enum jobq_verb verb,
    const struct jobq_object *members)
{
	if (verb == JOBQ_VERB_REAP)
		count_reaped(metrics, members);
	else if (verb == JOBQ_VERB_CANCEL)
		count_cancelled(metrics, members);
	else if (jobq_line_is_event(members))
		count_event(metrics, members);
	else if (verb == JOBQ_VERB_CLAIM)
		count_claimed(metrics, members);
}

static void
count_answer(struct jobq_metrics *metrics, const struct jobq_pool_call *call)
{
	/* The bulk of what is settled, and nothing to count in it. */
	static const char output[] = "{\"event\":\"output\"";
	const char *at = call->answer.data, *end = at + call->answer.len, *stop;
	struct jobq_object members = { 0 };

	for (; at != NULL && at < end; at = stop + 1) {
		size_t len;

		stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			break;
		len = (size_t)(stop - at);
		if (call->verb == JOBQ_VERB_PUSH)
			metrics->submitted++;
		else if ((len < sizeof(output) ||
			     memcmp(at, output, sizeof(output) - 1) != 0 ||
			     memmem(at, len, "\"stale\"", 7) != NULL) &&
			 jobq_object_scan(&members, at, len, NULL) == JOBQ_OK)
			count_line(metrics, call->verb, &members);
	}
	jobq_object_release(&members);
}

void
jobq_metrics_seen(
    struct jobq_metrics *metrics, const struct jobq_pool_call *call)
{
	bool dry = call->verb == JOBQ_VERB_REAP && call->request.len > 0 &&
		   strstr(call->request.data, "\"dry\"") != NULL;

	observe(&metrics->call[call->verb], call_bounds,
	    (double)call->took_us / 1e6);
	if (call->status == JOBQ_AGAIN || call->status == JOBQ_IO ||
	    call->status == JOBQ_CONFIG)
		metrics->errors[call->verb]++;
	if (call->status == JOBQ_OK && !dry &&
	    (call->verb == JOBQ_VERB_PUSH || call->verb == JOBQ_VERB_CLAIM ||
		call->verb == JOBQ_VERB_SETTLE ||
		call->verb == JOBQ_VERB_CANCEL || call->verb == JOBQ_VERB_REAP))
		count_answer(metrics, call);
}

/* --- the text ------------------------------------------------------------- */

static void
put_head(
    struct jobq_buf *out, const char *name, const char *type, const char *help)
{
	jobq_buf_printf(
	    out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
put_count(
    struct jobq_buf *out, const char *name, uint64_t count, const char *help)
{
	put_head(out, name, "counter", help);
	jobq_buf_printf(out, "%s %llu\n", name, (unsigned long long)count);
}

/* labels: of further labels, each with a comma behind it, or "". */
static void
put_histogram(struct jobq_buf *out, const char *name, const char *labels,
    const struct histogram *histogram, const double *bounds)
{
	unsigned long long count = 0;
	size_t len = strlen(labels);

	for (size_t i = 0; i <= BOUNDS; i++) {
		count += histogram->bucket[i];
		jobq_buf_printf(out, "%s_bucket{%sle=\"", name, labels);
		if (i < BOUNDS)
			jobq_buf_printf(out, "%g", bounds[i]);
		else
			jobq_buf_puts(out, "+Inf");
		jobq_buf_printf(out, "\"} %llu\n", count);
	}
	for (int i = 0; i < 2; i++) {
		jobq_buf_printf(out, "%s_%s", name, i == 0 ? "sum" : "count");
		if (len > 0)
			jobq_buf_printf(out, "{%.*s}", (int)len - 1, labels);
		if (i == 0)
			jobq_buf_printf(out, " %.9g\n", histogram->sum_s);
		else
			jobq_buf_printf(out, " %llu\n", count);
	}
}

static void
put_finished(const struct jobq_metrics *metrics, struct jobq_buf *out)
{
	static const char name[] = "jobq_jobs_finished_total";

	put_head(out, name, "counter",
	    "Jobs whose end passed through this server, by queue; the queue "
	    "of one that was not claimed through it is not known, and empty.");
	for (size_t i = 0; i < metrics->queues; i++)
		for (size_t k = 0; k < OUTCOMES; k++) {
			uint64_t count = metrics->queue[i].finished[k];

			if (count == 0 && i == 0)
				continue;
			jobq_buf_printf(out, "%s{queue=\"", name);
			jobq_stats_label(out, metrics->queue[i].name);
			jobq_buf_printf(out, "\",outcome=\"%s\"} %llu\n",
			    outcomes[k], (unsigned long long)count);
		}
}

static void
put_calls(
    const struct jobq_metrics *metrics, const char *store, struct jobq_buf *out)
{
	struct jobq_buf labels = JOBQ_BUF_INIT;

	put_head(out, "jobq_store_errors_total", "counter",
	    "Calls of the store by this server that failed.");
	for (int i = 0; i < JOBQ_VERBS; i++) {
		jobq_buf_puts(out, "jobq_store_errors_total{store=\"");
		jobq_stats_label(out, store);
		jobq_buf_printf(out, "\",verb=\"%s\"} %llu\n",
		    jobq_verb_name((enum jobq_verb)i),
		    (unsigned long long)metrics->errors[i]);
	}
	put_head(out, "jobq_store_roundtrip_seconds", "histogram",
	    "How long the store took for calls of this server.");
	for (int i = 0; i < JOBQ_VERBS; i++) {
		uint64_t count = 0;

		for (size_t k = 0; k <= BOUNDS; k++)
			count += metrics->call[i].bucket[k];
		if (count == 0)
			continue;
		jobq_buf_clear(&labels);
		jobq_buf_printf(
		    &labels, "verb=\"%s\",", jobq_verb_name((enum jobq_verb)i));
		put_histogram(out, "jobq_store_roundtrip_seconds", labels.data,
		    &metrics->call[i], call_bounds);
	}
	jobq_buf_release(&labels);
}

void
jobq_metrics_put(
    const struct jobq_metrics *metrics, const char *store, struct jobq_buf *out)
{
	put_count(out, "jobq_jobs_submitted_total", metrics->submitted,
	    "Jobs pushed through this server; one that was there already "
	    "counts again.");
	put_finished(metrics, out);
	put_count(out, "jobq_job_retries_total", metrics->retries,
	    "Failures told through this server after which the job is tried "
	    "again.");
	put_count(out, "jobq_leases_expired_total", metrics->expired,
	    "Leases that were found to have run out by a renewal, a claim or a "
	    "reap through this server.");
	put_count(out, "jobq_stale_outcomes_total", metrics->stale,
	    "Events told through this server that came too late and changed "
	    "nothing.");
	put_head(out, "jobq_job_run_seconds", "histogram",
	    "How long jobs ran whose end passed through this server: what the "
	    "end says, or since their start did.");
	put_histogram(
	    out, "jobq_job_run_seconds", "", &metrics->run, job_bounds);
	put_head(out, "jobq_job_wait_seconds", "histogram",
	    "How long jobs that were claimed through this server had been "
	    "due.");
	put_histogram(
	    out, "jobq_job_wait_seconds", "", &metrics->wait, job_bounds);
	put_calls(metrics, store, out);
}
