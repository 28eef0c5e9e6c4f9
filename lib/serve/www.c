#include "www.h"

#include "view.h"

#include <string.h>

#include "banned.h"

/* Longer ids are shown by their end, which tells them apart. */
#define ID_SHOWN 16
#define ID_END 12

static const char *const counted[JOBQ_STATS_STATES] = { "blocked", "scheduled",
	"ready", "running", "completed", "cancelled", "failed" };

void
jobq_www_escape(struct jobq_buf *out, const char *text, size_t len)
{
	struct jobq_buf plain = JOBQ_BUF_INIT;

	jobq_buf_escape(&plain, text, len);
	for (size_t i = 0; i < plain.len; i++) {
		char c = plain.data[i];

		if (c == '&')
			jobq_buf_puts(out, "&amp;");
		else if (c == '<')
			jobq_buf_puts(out, "&lt;");
		else if (c == '>')
			jobq_buf_puts(out, "&gt;");
		else if (c == '"')
			jobq_buf_puts(out, "&quot;");
		else if (c == '\'')
			jobq_buf_puts(out, "&#39;");
		else
			jobq_buf_putc(out, c);
	}
	jobq_buf_release(&plain);
}

static void
put_escaped(struct jobq_buf *out, const char *text)
{
	jobq_www_escape(out, text, strlen(text));
}

void
jobq_www_frame(const char *template, size_t len, const struct jobq_buf *main,
    struct jobq_buf *out)
{
	static const char marker[] = "<!-- main -->";
	const char *at = memmem(template, len, marker, sizeof marker - 1);
	size_t before = at == NULL ? len : (size_t)(at - template);

	jobq_buf_add(out, template, before);
	if (at == NULL)
		return;
	jobq_buf_add(out, main->data, main->len);
	before += sizeof marker - 1;
	jobq_buf_add(out, template + before, len - before);
}

void
jobq_www_message(const char *title, const char *text, struct jobq_buf *out)
{
	jobq_buf_puts(out, "<h1>");
	put_escaped(out, title);
	jobq_buf_puts(out, "</h1>\n<p class=\"empty\">");
	put_escaped(out, text);
	jobq_buf_puts(out, "</p>\n");
}

/* Opens a cell; the label stands beside it where the screen is narrow. */
static void
open_cell(struct jobq_buf *out, const char *label, const char *class)
{
	jobq_buf_printf(
	    out, "<td data-label=\"%s\" class=\"%s\">", label, class);
}

/* --- the overview --------------------------------------------------------- */

static int64_t
total_of(const struct jobq_stats *stats, size_t state)
{
	int64_t total = 0;

	for (size_t i = 0; i < stats->count; i++)
		total += stats->queue[i].count[state];
	return total;
}

/* What a state that is counted is called in a list. */
static const char *
listed(const char *state)
{
	if (strcmp(state, "scheduled") == 0 || strcmp(state, "ready") == 0)
		return "pending";
	return state;
}

static void
put_totals(const struct jobq_stats *stats, struct jobq_buf *out)
{
	jobq_buf_puts(out, "<ul class=\"totals\">\n");
	for (size_t i = 0; i < JOBQ_STATS_STATES; i++) {
		int64_t total = total_of(stats, i);

		jobq_buf_printf(out,
		    "<li class=\"%s%s\"><a href=\"jobs?state=%s\"><b>%lld</b> "
		    "<span>%s</span></a></li>\n",
		    counted[i], total == 0 ? " zero" : "", listed(counted[i]),
		    (long long)total, counted[i]);
	}
	jobq_buf_puts(out, "</ul>\n");
}

static void
put_age(struct jobq_buf *out, int64_t then_ms, int64_t now_ms)
{
	jobq_view_duration(out, now_ms - then_ms);
	jobq_buf_puts(out, " ago");
}

static void
put_queue(
    const struct jobq_queue_stats *queue, int64_t now_ms, struct jobq_buf *out)
{
	struct jobq_www_query one = { .queue = queue->queue };

	jobq_buf_printf(out, "<tr%s><th scope=\"row\"><a href=\"",
	    queue->paused_ms >= 0 ? " class=\"paused\"" : "");
	jobq_www_query_link(&one, NULL, NULL, out);
	jobq_buf_puts(out, "\"><bdi>");
	put_escaped(out, queue->queue);
	jobq_buf_puts(out, "</bdi></a></th>\n");
	for (size_t i = 0; i < JOBQ_STATS_STATES; i++)
		jobq_buf_printf(out,
		    "<td data-label=\"%s\" class=\"num %s%s\">%lld</td>",
		    counted[i], counted[i], queue->count[i] == 0 ? " zero" : "",
		    (long long)queue->count[i]);
	jobq_buf_putc(out, '\n');
	open_cell(out, "oldest", "num");
	if (queue->oldest_ready_s >= 0)
		jobq_view_duration(
		    out, (int64_t)(queue->oldest_ready_s * 1000));
	jobq_buf_puts(out, "</td>");
	open_cell(out, "asked for", "num");
	if (queue->claimed_ms >= 0)
		put_age(out, queue->claimed_ms, now_ms);
	jobq_buf_puts(out, "</td>");
	open_cell(out, "paused", "note");
	if (queue->paused_ms >= 0) {
		jobq_buf_puts(out, "paused since ");
		jobq_view_clock(out, queue->paused_ms, false);
	}
	jobq_buf_puts(out, "</td></tr>\n");
}

void
jobq_www_overview(
    const struct jobq_stats *stats, int64_t now_ms, struct jobq_buf *out)
{
	jobq_buf_puts(out, "<h1>Overview</h1>\n");
	put_totals(stats, out);
	if (stats->count == 0) {
		jobq_buf_puts(out,
		    "<p class=\"empty\">There are no queues yet. Queues "
		    "come with their first job: <code>jobq-push --name "
		    "hello --input 1</code></p>\n");
		return;
	}
	jobq_buf_puts(out, "<table class=\"cards queues\">\n<thead><tr>"
			   "<th scope=\"col\">queue</th>");
	for (size_t i = 0; i < JOBQ_STATS_STATES; i++)
		jobq_buf_printf(
		    out, "<th scope=\"col\" class=\"num\">%s</th>", counted[i]);
	jobq_buf_puts(out, "<th scope=\"col\" class=\"num\">oldest</th>"
			   "<th scope=\"col\" class=\"num\">asked for</th>"
			   "<th scope=\"col\"></th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < stats->count; i++)
		put_queue(&stats->queue[i], now_ms, out);
	jobq_buf_puts(out, "</tbody></table>\n");
}

/* --- a list ----------------------------------------------------------------
 */

/* How many jobs are in a state of a list, in this queue (NULL: in all). */
static int64_t
count_of(const struct jobq_stats *stats, const char *queue, const char *state)
{
	int64_t count = 0;

	for (size_t i = 0; i < stats->count; i++) {
		const struct jobq_queue_stats *one = &stats->queue[i];

		if (queue != NULL && strcmp(queue, one->queue) != 0)
			continue;
		for (size_t k = 0; k < JOBQ_STATS_STATES; k++)
			if (state == NULL ||
			    strcmp(listed(counted[k]), state) == 0)
				count += one->count[k];
	}
	return count;
}

static void
put_tab(const struct jobq_www_query *query, const struct jobq_stats *stats,
    const char *state, struct jobq_buf *out)
{
	const char *own = query->state;
	bool here = state == NULL ? own == NULL
				  : own != NULL && strcmp(own, state) == 0;

	jobq_buf_puts(out, "<a href=\"");
	jobq_www_query_link(query, state, NULL, out);
	jobq_buf_printf(out, "\"%s>%s", here ? " aria-current=\"page\"" : "",
	    state == NULL ? "all" : state);
	if (stats != NULL)
		jobq_buf_printf(out, " <b>%lld</b>",
		    (long long)count_of(stats, query->queue, state));
	jobq_buf_puts(out, "</a>\n");
}

static void
put_field(const char *label, const char *name, const char *value,
    struct jobq_buf *out)
{
	jobq_buf_printf(
	    out, "<label>%s <input name=\"%s\" value=\"", label, name);
	put_escaped(out, value == NULL ? "" : value);
	jobq_buf_puts(out, "\" autocomplete=\"off\"></label>\n");
}

void
jobq_www_list_begin(const struct jobq_www_query *query,
    const struct jobq_stats *stats, struct jobq_buf *out)
{
	static const char *const tabs[] = { NULL, "blocked", "pending",
		"running", "completed", "failed", "cancelled" };

	jobq_buf_puts(
	    out, "<h1>Jobs</h1>\n<nav class=\"tabs\" aria-label=\"States\">\n");
	for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++)
		put_tab(query, stats, tabs[i], out);
	jobq_buf_puts(out, "</nav>\n<form class=\"filter\" action=\"jobs\" "
			   "method=\"get\" role=\"search\">\n");
	if (query->state != NULL)
		jobq_buf_printf(out,
		    "<input type=\"hidden\" name=\"state\" value=\"%s\">\n",
		    query->state);
	put_field("queue", "queue", query->queue, out);
	put_field("name", "name", query->name, out);
	put_field("id", "id", query->id, out);
	jobq_buf_puts(out,
	    "<button>Filter</button>\n</form>\n"
	    "<table class=\"cards jobs\">\n<thead><tr>"
	    "<th scope=\"col\">id</th><th scope=\"col\">state</th>"
	    "<th scope=\"col\">queue</th><th scope=\"col\">name</th>"
	    "<th scope=\"col\" class=\"num\">try</th>"
	    "<th scope=\"col\" class=\"num\">age</th>"
	    "<th scope=\"col\">note</th></tr></thead>\n<tbody>\n");
}

static void
put_id(const char *id, size_t len, struct jobq_buf *out)
{
	size_t skip = len > ID_SHOWN ? len - ID_END : 0;

	jobq_buf_puts(out, "<th scope=\"row\"><a href=\"jobs?id=");
	put_escaped(out, id);
	jobq_buf_puts(out, "\" title=\"");
	put_escaped(out, id);
	jobq_buf_printf(out, "\">%s", skip > 0 ? "…" : "");
	put_escaped(out, id + skip);
	jobq_buf_puts(out, "</a></th>\n");
}

/* A cell of a member as it is. */
static void
put_cell(const struct jobq_object *members, const char *name,
    struct jobq_buf *text, struct jobq_buf *out)
{
	jobq_buf_clear(text);
	jobq_view_text(text, jobq_view_member(members, name));
	open_cell(out, name, name);
	jobq_buf_puts(out, "<bdi>");
	jobq_www_escape(out, text->data, text->len);
	jobq_buf_puts(out, "</bdi></td>\n");
}

static void
put_note(const struct jobq_object *members, const char *state, int64_t now_ms,
    struct jobq_buf *text, struct jobq_buf *out)
{
	struct jobq_span why = jobq_view_member(members, "why");

	jobq_buf_clear(text);
	if (why.len > 0)
		jobq_view_text(text, why);
	else
		jobq_view_note(text, members, state, now_ms, false);
	open_cell(out, "note", "note");
	jobq_buf_puts(out, "<bdi>");
	jobq_www_escape(out, text->data, text->len);
	jobq_buf_puts(out, "</bdi></td></tr>\n");
}

void
jobq_www_list_row(
    const struct jobq_object *members, int64_t now_ms, struct jobq_buf *out)
{
	int64_t pushed_ms =
	    jobq_view_time_ms(jobq_view_member(members, "pushed_at"));
	struct jobq_buf state = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_view_text(&state, jobq_view_member(members, "state"));
	jobq_view_text(&text, jobq_view_member(members, "id"));
	jobq_buf_puts(out, "<tr>");
	put_id(text.data, text.len, out);
	open_cell(out, "state", "state");
	jobq_buf_puts(out, "<span class=\"chip ");
	jobq_www_escape(out, state.data, state.len);
	jobq_buf_puts(out, "\">");
	jobq_www_escape(out, state.data, state.len);
	jobq_buf_puts(out, "</span></td>\n");
	put_cell(members, "queue", &text, out);
	put_cell(members, "name", &text, out);
	jobq_buf_clear(&text);
	jobq_view_text(&text, jobq_view_member(members, "attempt"));
	jobq_buf_putc(&text, '/');
	jobq_view_text(&text, jobq_view_member(members, "max_attempts"));
	open_cell(out, "try", "num");
	jobq_www_escape(out, text.data, text.len);
	jobq_buf_puts(out, "</td>");
	open_cell(out, "age", "num");
	if (pushed_ms >= 0)
		jobq_view_duration(out, now_ms - pushed_ms);
	jobq_buf_puts(out, "</td>\n");
	put_note(members, state.data, now_ms, &text, out);
	jobq_buf_release(&state);
	jobq_buf_release(&text);
}

void
jobq_www_list_end(const struct jobq_www_query *query, size_t rows,
    const char *after, struct jobq_buf *out)
{
	jobq_buf_puts(out, "</tbody></table>\n");
	if (rows == 0)
		jobq_buf_printf(out, "<p class=\"empty\">%s</p>\n",
		    query->id != NULL	   ? "There is no job with this id."
		    : query->after != NULL ? "No more jobs."
					   : "No jobs like this.");
	jobq_buf_puts(out, "<nav class=\"pages\" aria-label=\"Pages\">\n");
	if (query->after != NULL) {
		jobq_buf_puts(out, "<a href=\"");
		jobq_www_query_link(query, query->state, NULL, out);
		jobq_buf_puts(out, "\">First page</a>\n");
	}
	if (after != NULL) {
		jobq_buf_puts(out, "<a rel=\"next\" href=\"");
		jobq_www_query_link(query, query->state, after, out);
		jobq_buf_puts(out, "\">Next page</a>\n");
	}
	jobq_buf_puts(out, "</nav>\n");
}
