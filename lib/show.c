#include "show.h"

#include "clock.h"
#include "event.h"
#include "job.h"
#include "page.h"
#include "table.h"
#include "view.h"

#include <string.h>

#include "banned.h"

#define RUNS 20	 /* the last so many runs are shown */
#define LINES 10 /* and so many lines of output */

#define LABEL 10 /* characters before what is told */

/* Longer values are cut; --json has them whole. */
#define VALUE_MAX 4000

/* A run, that is what happened under one epoch, in words. */
struct run {
	int64_t epoch;
	struct jobq_buf begun; /* when and where */
	struct jobq_buf ended; /* how */
};

struct show {
	struct jobq_buf *out;
	bool colour;
	bool local; /* times by the clock of this place */
	bool found;
	struct jobq_event event;
	struct run run[RUNS];
	size_t runs; /* in all; the last of them is at (runs - 1) % RUNS */
	struct jobq_buf line[LINES];
	size_t lines; /* likewise */
	struct jobq_buf result;
	struct jobq_buf progress;
};

static void
release(struct show *show)
{
	for (size_t i = 0; i < RUNS; i++) {
		jobq_buf_release(&show->run[i].begun);
		jobq_buf_release(&show->run[i].ended);
	}
	for (size_t i = 0; i < LINES; i++)
		jobq_buf_release(&show->line[i]);
	jobq_buf_release(&show->result);
	jobq_buf_release(&show->progress);
	jobq_event_release(&show->event);
}

/* The run of an epoch, a new one when it is not the last. */
static struct run *
find_run(struct show *show, int64_t epoch)
{
	struct run *run;

	if (show->runs > 0) {
		run = &show->run[(show->runs - 1) % RUNS];
		if (run->epoch == epoch)
			return run;
	}
	run = &show->run[show->runs++ % RUNS];
	run->epoch = epoch;
	jobq_buf_clear(&run->begun);
	jobq_buf_clear(&run->ended);
	return run;
}

/* When and where a run began, by its first event. */
static void
put_begun(const struct show *show, const struct jobq_event *event,
    struct jobq_buf *out)
{
	int64_t ms;

	if (event->at != NULL &&
	    jobq_time_parse(event->at, &ms, NULL) == JOBQ_OK)
		jobq_view_clock(out, ms, show->local);
	if (event->worker != NULL)
		jobq_buf_printf(
		    out, "%son %s", out->len > 0 ? " " : "", event->worker);
}

/* " after 1.5 s", by the member seconds of an ending. */
static void
put_seconds(const struct jobq_event *event, struct jobq_buf *out)
{
	struct jobq_span value = jobq_view_member(&event->members, "seconds");
	double seconds;

	if (value.len > 0 && jobq_json_double(value, &seconds, NULL) == JOBQ_OK)
		jobq_buf_printf(out, " after %.3f s", seconds);
}

static void
put_ending(const struct jobq_event *event, struct jobq_buf *out)
{
	struct jobq_span exit = jobq_view_member(&event->members, "exit");
	struct jobq_span signal = jobq_view_member(&event->members, "signal");
	struct jobq_span error = jobq_view_member(&event->members, "error");

	jobq_buf_puts(out, event->event);
	if (event->reason != NULL)
		jobq_buf_printf(out, " (%s", event->reason);
	if (event->reason != NULL && signal.len > 0) {
		jobq_buf_putc(out, ' ');
		jobq_view_text(out, signal);
	} else if (event->reason != NULL && exit.len > 0 &&
		   event->kind == JOBQ_EVENT_FAILED) {
		jobq_buf_putc(out, ' ');
		jobq_view_text(out, exit);
	}
	if (event->reason != NULL)
		jobq_buf_putc(out, ')');
	put_seconds(event, out);
	if (error.len > 0) {
		jobq_buf_puts(out, ": ");
		jobq_view_text(out, error);
	}
}

/* Keeps a line of output, and forgets the oldest. */
static void
keep_line(struct show *show, const char *stream, const char *text, size_t len)
{
	struct jobq_buf *line = &show->line[show->lines++ % LINES];

	jobq_buf_clear(line);
	jobq_buf_printf(line, "%s: ", stream);
	jobq_buf_add(line, text, len);
}

/* Keeps the lines of a text that may have several. */
static void
keep_text(struct show *show, const struct jobq_event *event, const char *name)
{
	struct jobq_span stream = jobq_view_member(&event->members, "stream");
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf label = JOBQ_BUF_INIT;
	const char *at;

	jobq_view_text(&text, jobq_view_member(&event->members, name));
	if (stream.len > 0)
		jobq_view_text(&label, stream);
	else
		jobq_buf_add(&label, name, strcspn(name, "_"));
	for (at = text.data; *at != '\0';) {
		size_t len = strcspn(at, "\n");

		keep_line(show, label.data, at, len);
		at += len + (at[len] == '\n');
	}
	jobq_buf_release(&text);
	jobq_buf_release(&label);
}

static void
take_progress(struct show *show, const struct jobq_event *event)
{
	struct jobq_span percent = jobq_view_member(&event->members, "percent");

	jobq_buf_clear(&show->progress);
	if (percent.len > 0) {
		jobq_view_text(&show->progress, percent);
		jobq_buf_puts(&show->progress, " % ");
	}
	jobq_view_text(
	    &show->progress, jobq_view_member(&event->members, "note"));
}

static void
take_ending(struct show *show, const struct jobq_event *event)
{
	struct run *run = find_run(show, event->epoch);

	if (run->begun.len == 0)
		put_begun(show, event, &run->begun);
	jobq_buf_clear(&run->ended);
	put_ending(event, &run->ended);
	if (show->lines == 0 && event->kind == JOBQ_EVENT_FAILED) {
		keep_text(show, event, "stdout_tail");
		keep_text(show, event, "stderr_tail");
	}
	jobq_buf_clear(&show->progress);
	jobq_buf_clear(&show->result);
	if (event->kind == JOBQ_EVENT_COMPLETED)
		jobq_view_text(
		    &show->result, jobq_view_member(&event->members, "output"));
}

static enum jobq_status
take_event(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct show *show = context;
	struct jobq_event *event = &show->event;
	struct jobq_object own = event->members;
	struct run *run;

	event->members = *members;
	*members = own;
	if (jobq_event_read(event, line.at, line.len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "the store answered a bad event");
		return JOBQ_IO;
	}
	if (event->kind == JOBQ_EVENT_STARTED) {
		run = find_run(show, event->epoch);
		put_begun(show, event, &run->begun);
		show->lines = 0;
	} else if (event->kind == JOBQ_EVENT_OUTPUT) {
		keep_text(show, event, "text");
		if (jobq_view_member(&event->members, "base64").len > 0)
			keep_line(show, "binary", "(not text)", 10);
	} else if (event->kind == JOBQ_EVENT_PROGRESS) {
		take_progress(show, event);
	} else if (jobq_event_is_ending(event->kind)) {
		take_ending(show, event);
	}
	return JOBQ_OK;
}

static void
put_row(const struct show *show, const char *label, enum jobq_shade shade,
    const char *text, size_t len)
{
	struct jobq_buf *out = show->out;
	int pad = LABEL - (int)strlen(label);

	if (len == 0)
		return;
	jobq_shade_put(
	    out, show->colour, JOBQ_SHADE_TITLE, label, strlen(label));
	jobq_buf_printf(out, "%*s", pad > 0 ? pad + 1 : 1, "");
	jobq_shade_put(
	    out, show->colour, shade, text, len > VALUE_MAX ? VALUE_MAX : len);
	if (len > VALUE_MAX)
		jobq_buf_printf(
		    out, " ... (%zu bytes; --json prints all)", len);
	jobq_buf_putc(out, '\n');
}

/* A row of a member as it is. */
static void
put_member(const struct show *show, const struct jobq_object *members,
    const char *label, const char *name)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_view_text(&text, jobq_view_member(members, name));
	put_row(show, label,
	    strcmp(name, "state") == 0 ? jobq_view_state(text.data)
				       : JOBQ_SHADE_NONE,
	    text.data, text.len);
	jobq_buf_release(&text);
}

/* A row of a member that is a time, with how far away it is. */
static void
put_time(const struct show *show, const struct jobq_object *members,
    const char *label, const char *path)
{
	struct jobq_span value = jobq_view_inner(members, path);
	int64_t ms = jobq_view_time_ms(value);
	int64_t away_ms = ms - jobq_wall_ms();
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_view_time(&text, value, show->local);
	if (ms >= 0) {
		jobq_buf_puts(&text, away_ms > 0 ? " (in " : " (");
		jobq_view_duration(&text, away_ms > 0 ? away_ms : -away_ms);
		jobq_buf_puts(&text, away_ms > 0 ? ")" : " ago)");
	}
	put_row(show, label, JOBQ_SHADE_NONE, text.data, text.len);
	jobq_buf_release(&text);
}

static void
put_attempts(const struct show *show, const struct jobq_object *members)
{
	int64_t rescues =
	    jobq_view_int(jobq_view_member(members, "rescues"), 0);
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_view_text(&text, jobq_view_member(members, "attempt"));
	jobq_buf_puts(&text, " of ");
	jobq_view_text(&text, jobq_view_member(members, "max_attempts"));
	if (rescues > 0)
		jobq_buf_printf(&text, ", rescued %lld time%s",
		    (long long)rescues, rescues == 1 ? "" : "s");
	put_row(show, "attempt", JOBQ_SHADE_NONE, text.data, text.len);
	jobq_buf_release(&text);
}

static void
put_runs(const struct show *show)
{
	size_t first = show->runs > RUNS ? show->runs - RUNS : 0;
	struct jobq_buf text = JOBQ_BUF_INIT;

	for (size_t i = first; i < show->runs; i++) {
		const struct run *run = &show->run[i % RUNS];

		jobq_buf_clear(&text);
		jobq_buf_add(&text, run->begun.data, run->begun.len);
		if (run->ended.len > 0)
			jobq_buf_printf(&text, ": %s", run->ended.data);
		put_row(show, i == first ? "runs" : "", JOBQ_SHADE_NONE,
		    text.data, text.len);
	}
	jobq_buf_release(&text);
}

static void
put_lines(const struct show *show)
{
	size_t first = show->lines > LINES ? show->lines - LINES : 0;

	for (size_t i = first; i < show->lines; i++) {
		const struct jobq_buf *line = &show->line[i % LINES];

		put_row(show, i == first ? "output" : "", JOBQ_SHADE_NONE,
		    line->data, line->len);
	}
}

static enum jobq_status
take_job(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	static const char *const plain[] = { "state", "why", "queue", "name",
		"priority", "key", "flow", "needs", "timeout", "trace", "input",
		"meta" };
	struct show *show = context;

	(void)line;
	(void)err;
	show->found = true;
	put_member(show, members, "job", "id");
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		put_member(show, members, plain[i], plain[i]);
	put_attempts(show, members);
	put_time(show, members, "pushed", "pushed_at");
	put_time(show, members, "due", "run_at");
	put_time(show, members, "expires", "expires_at");
	put_time(show, members, "ended", "ended.at");
	return JOBQ_OK;
}

/* Asks about the one job; what is a valid id needs no escapes. */
static enum jobq_status
ask(struct show *show, struct jobq_store *store, enum jobq_verb verb,
    const char *id, jobq_page_fn *fn, struct jobq_err *err)
{
	bool list = verb == JOBQ_VERB_LIST;
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pages pages = { store, verb, NULL, list ? "after" : "since",
		-1, JOBQ_BUF_INIT };
	enum jobq_status status;

	jobq_buf_printf(&request, "{%s\"ids\":[\"%s\"]",
	    list ? "\"by\":\"ids\",\"why\":1," : "", id);
	pages.request = request.data;
	status = jobq_pages_ask(&pages, fn, show, err);
	jobq_pages_release(&pages);
	jobq_buf_release(&request);
	return status;
}

enum jobq_status
jobq_show_job(struct jobq_store *store, const char *id, bool colour, bool local,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct show show = { .out = out, .colour = colour, .local = local };
	enum jobq_status status;

	status = ask(&show, store, JOBQ_VERB_LIST, id, take_job, err);
	if (status == JOBQ_OK && !show.found)
		status = jobq_fail(err, JOBQ_EMPTY, "no job %s", id);
	if (status == JOBQ_OK &&
	    jobq_adapter_has(jobq_store_adapter(store), "events"))
		status =
		    ask(&show, store, JOBQ_VERB_EVENTS, id, take_event, err);
	put_runs(&show);
	put_row(&show, "progress", JOBQ_SHADE_NONE, show.progress.data,
	    show.progress.len);
	put_lines(&show);
	put_row(&show, "result", JOBQ_SHADE_GOOD, show.result.data,
	    show.result.len);
	release(&show);
	return status;
}
