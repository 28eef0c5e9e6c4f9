#include "stats.h"

#include "mem.h"
#include "table.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "banned.h"

static const char *const states[JOBQ_STATS_STATES] = { "blocked", "scheduled",
	"ready", "running", "completed", "cancelled", "failed" };

static const struct jobq_column columns[] = {
	{ .title = "QUEUE", .least = 8 },
	{ .title = "BLOCKED", .right = true },
	{ .title = "SCHEDULED", .right = true },
	{ .title = "READY", .right = true },
	{ .title = "RUNNING", .right = true },
	{ .title = "COMPLETED", .right = true },
	{ .title = "CANCELLED", .right = true },
	{ .title = "FAILED", .right = true },
	{ .title = "NOTE", .least = 8 },
};

#define COLUMNS (sizeof columns / sizeof *columns)

void
jobq_stats_take(struct jobq_stats *stats, const struct jobq_object *members)
{
	struct jobq_span oldest = jobq_view_member(members, "oldest_ready");
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_queue_stats *queue;

	stats->queue = jobq_grow(
	    stats->queue, stats->count, &stats->cap, sizeof *stats->queue);
	queue = &stats->queue[stats->count++];
	jobq_view_text(&name, jobq_view_member(members, "queue"));
	queue->queue = jobq_buf_detach(&name);
	for (size_t i = 0; i < JOBQ_STATS_STATES; i++)
		queue->count[i] =
		    jobq_view_int(jobq_view_member(members, states[i]), 0);
	if (oldest.len == 0 ||
	    jobq_json_double(oldest, &queue->oldest_ready_s, NULL) != JOBQ_OK)
		queue->oldest_ready_s = -1;
	queue->claimed_ms =
	    jobq_view_time_ms(jobq_view_member(members, "claimed_at"));
	queue->paused_ms =
	    jobq_view_time_ms(jobq_view_member(members, "paused_at"));
}

void
jobq_stats_release(struct jobq_stats *stats)
{
	for (size_t i = 0; i < stats->count; i++)
		free(stats->queue[i].queue);
	free(stats->queue);
	*stats = (struct jobq_stats){ NULL, 0, 0 };
}

static void
put_note(const struct jobq_queue_stats *queue, bool local, struct jobq_buf *out)
{
	if (queue->paused_ms >= 0) {
		jobq_buf_puts(out, "paused since ");
		jobq_view_clock(out, queue->paused_ms, local);
	} else if (queue->oldest_ready_s >= 0) {
		jobq_buf_puts(out, "oldest ready for ");
		jobq_view_duration(
		    out, (int64_t)(queue->oldest_ready_s * 1000));
	}
}

static void
put_numbers(struct jobq_table *table, const int64_t *count, bool total)
{
	static const enum jobq_shade shades[JOBQ_STATS_STATES] = {
		[3] = JOBQ_SHADE_BUSY,
		[6] = JOBQ_SHADE_BAD,
	};
	struct jobq_buf text = JOBQ_BUF_INIT;

	for (size_t i = 0; i < JOBQ_STATS_STATES; i++) {
		jobq_buf_clear(&text);
		jobq_buf_int(&text, count[i]);
		jobq_table_text(table, text.data,
		    total	    ? JOBQ_SHADE_TITLE
		    : count[i] == 0 ? JOBQ_SHADE_DIM
				    : shades[i]);
	}
	jobq_buf_release(&text);
}

void
jobq_stats_table(const struct jobq_stats *stats, size_t screen, bool colour,
    bool local, struct jobq_buf *out)
{
	int64_t total[JOBQ_STATS_STATES] = { 0 };
	struct jobq_buf note = JOBQ_BUF_INIT;
	struct jobq_table table;

	jobq_table_init(&table, columns, COLUMNS, screen, colour);
	for (size_t i = 0; i < stats->count; i++) {
		const struct jobq_queue_stats *queue = &stats->queue[i];

		jobq_buf_clear(&note);
		jobq_buf_puts(&note, "");
		put_note(queue, local, &note);
		jobq_table_text(&table, queue->queue, JOBQ_SHADE_NONE);
		put_numbers(&table, queue->count, false);
		jobq_table_text(&table, note.data,
		    queue->paused_ms >= 0 ? JOBQ_SHADE_BAD : JOBQ_SHADE_DIM);
		for (size_t k = 0; k < JOBQ_STATS_STATES; k++)
			total[k] += queue->count[k];
	}
	jobq_table_text(&table, "total", JOBQ_SHADE_TITLE);
	put_numbers(&table, total, true);
	jobq_table_text(&table, "", JOBQ_SHADE_NONE);
	jobq_table_put(&table, out);
	jobq_table_release(&table);
	jobq_buf_release(&note);
}

void
jobq_stats_label(struct jobq_buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			jobq_buf_puts(out, "\\n");
		else if (*text == '"' || *text == '\\')
			jobq_buf_printf(out, "\\%c", *text);
		else
			jobq_buf_putc(out, *text);
	}
}

static void
put_head(struct jobq_buf *out, const char *name, const char *help)
{
	jobq_buf_printf(
	    out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void
put_sample(struct jobq_buf *out, const char *name, const char *queue,
    const char *state, double value)
{
	jobq_buf_printf(out, "%s{queue=\"", name);
	jobq_stats_label(out, queue);
	if (state != NULL)
		jobq_buf_printf(out, "\",state=\"%s", state);
	jobq_buf_printf(out, "\"} %.15g\n", value);
}

/* A metric of which each queue has one sample, or none when it is below 0. */
static void
put_metric(const struct jobq_stats *stats, const char *name, const char *help,
    double (*value)(const struct jobq_queue_stats *), struct jobq_buf *out)
{
	put_head(out, name, help);
	for (size_t i = 0; i < stats->count; i++) {
		double number = value(&stats->queue[i]);

		if (number >= 0)
			put_sample(
			    out, name, stats->queue[i].queue, NULL, number);
	}
}

static double
oldest_ready(const struct jobq_queue_stats *queue)
{
	return queue->oldest_ready_s < 0 ? 0 : queue->oldest_ready_s;
}

static double
paused(const struct jobq_queue_stats *queue)
{
	return queue->paused_ms >= 0;
}

static double
claimed(const struct jobq_queue_stats *queue)
{
	return queue->claimed_ms < 0 ? -1 : (double)queue->claimed_ms / 1000;
}

void
jobq_stats_prometheus(const struct jobq_stats *stats, struct jobq_buf *out)
{
	put_head(out, "jobq_jobs", "Jobs of a queue by state.");
	for (size_t i = 0; i < stats->count; i++)
		for (size_t k = 0; k < JOBQ_STATS_STATES; k++)
			put_sample(out, "jobq_jobs", stats->queue[i].queue,
			    states[k], (double)stats->queue[i].count[k]);
	put_metric(stats, "jobq_queue_oldest_age_seconds",
	    "How long the oldest ready job of a queue has waited.",
	    oldest_ready, out);
	put_metric(stats, "jobq_queue_paused", "Whether a queue is paused.",
	    paused, out);
	put_metric(stats, "jobq_queue_claimed_timestamp_seconds",
	    "When a worker last asked for jobs of a queue.", claimed, out);
}
