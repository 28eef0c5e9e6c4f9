/*
 * Jobs that wait for their context, and what becomes of them: the line with
 * the context in it, or an ending in its place. An ending that is made here is
 * the first event of its job and the last, so its n is 1.
 */
#include "fetch_inside.h"

#include "clock.h"
#include "http_fill.h"
#include "http_text.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define LEASE_MS 30000 /* of one that has no seconds */

struct jobq_fetch_job *
jobq_fetch_job_new(struct jobq_fetch *fetch, struct jobq_span line)
{
	struct jobq_fetch_job *job = jobq_xcalloc(1, sizeof(*job));

	job->fetch = fetch;
	jobq_buf_add(&job->line, line.at, line.len);
	return job;
}

void
jobq_fetch_job_free(struct jobq_fetch_job *job)
{
	jobq_buf_release(&job->line);
	jobq_job_release(&job->job);
	free(job);
}

void
jobq_fetch_job_forget(struct jobq_fetch_job *job)
{
	struct jobq_fetch *fetch = job->fetch;
	struct jobq_fetch_get *get = job->get;

	*(job->prev != NULL ? &job->prev->next : &fetch->first) = job->next;
	*(job->next != NULL ? &job->next->prev : &fetch->last) = job->prev;
	fetch->held--;
	fetch->held_bytes -= job->line.len;
	jobq_timer_stop(fetch->loop, &job->deadline);
	jobq_fetch_job_free(job);
	jobq_fetch_get_leave(get);
}

/* --- endings ------------------------------------------------------------- */

static void
put_ending(const struct jobq_fetch_job *job, enum jobq_event_kind kind,
    const char *reason, struct jobq_buf *out)
{
	bool leased = job->job.has_lease;

	jobq_event_begin(out, kind, job->id,
	    leased ? job->job.epoch : JOBQ_ABSENT,
	    leased ? job->job.worker : NULL, 1);
	jobq_buf_printf(out, ",\"reason\":\"%s\"", reason);
}

static void
drop(const struct jobq_fetch_job *job, enum jobq_event_kind kind,
    const char *reason)
{
	struct jobq_buf line = JOBQ_BUF_INIT;

	put_ending(job, kind, reason, &line);
	jobq_buf_putc(&line, '}');
	jobq_fetch_out_line(job->fetch, line.data, line.len);
	jobq_buf_release(&line);
}

void
jobq_fetch_job_drop(
    struct jobq_fetch_job *job, enum jobq_event_kind kind, const char *reason)
{
	drop(job, kind, reason);
	jobq_fetch_job_forget(job);
}

/* Fails a job; retry_after_ms 0: as the store has it. */
static void
fail(const struct jobq_fetch_job *job, const char *reason, bool retry,
    int64_t retry_after_ms, const struct jobq_err *err)
{
	struct jobq_buf line = JOBQ_BUF_INIT;

	put_ending(job, JOBQ_EVENT_FAILED, reason, &line);
	jobq_buf_puts(&line, ",\"error\":");
	jobq_json_put_lossy(&line, err->text, strlen(err->text));
	jobq_buf_printf(&line, ",\"retry\":%s", retry ? "true" : "false");
	if (retry && retry_after_ms > 0)
		jobq_buf_printf(&line, ",\"retry_after\":%lld",
		    (long long)((retry_after_ms + 999) / 1000));
	jobq_buf_putc(&line, '}');
	jobq_fetch_out_line(job->fetch, line.data, line.len);
	jobq_buf_release(&line);
	job->fetch->any_failed = true;
	jobq_log_code(JOBQ_INFO, "fetch_failed", job->id, "job %s: %s", job->id,
	    err->text);
}

void
jobq_fetch_stop(struct jobq_fetch *fetch, const struct jobq_event *event)
{
	bool lost = event->reason != NULL && strcmp(event->reason, "lost") == 0;
	struct jobq_fetch_job *job, *next;

	for (job = fetch->first; job != NULL; job = next) {
		next = job->next;
		if (event->id == NULL || !job->job.has_lease ||
		    job->job.epoch != event->epoch ||
		    strcmp(job->id, event->id) != 0)
			continue;
		jobq_fetch_job_drop(job,
		    lost ? JOBQ_EVENT_RELEASED : JOBQ_EVENT_CANCELLED,
		    lost ? "lost" : "cancel");
	}
}

void
jobq_fetch_release_all(struct jobq_fetch *fetch)
{
	while (fetch->first != NULL)
		jobq_fetch_job_drop(
		    fetch->first, JOBQ_EVENT_RELEASED, "shutdown");
}

/* Half of its lease is over: the other half is for what starts it. */
static void
lapse(void *context)
{
	struct jobq_fetch_job *job = context;
	struct jobq_buf url = JOBQ_BUF_INIT;
	struct jobq_err err;

	jobq_http_show_url(job->get->url, &url);
	jobq_fail(&err, JOBQ_AGAIN,
	    "GET %.256s: no answer within half of the "
	    "job's lease%s%s",
	    url.data, job->get->why.text[0] != '\0' ? "; before that: " : "",
	    job->get->why.text);
	jobq_buf_release(&url);
	fail(job, "http", true, 0, &err);
	jobq_fetch_job_forget(job);
}

/* --- contexts ------------------------------------------------------------ */

/* Writes the line with this context in it; the job may be one not held. */
static void
pass(const struct jobq_fetch_job *job, const struct jobq_buf *context)
{
	static const char *const own[] = { "context", NULL };
	struct jobq_buf line = JOBQ_BUF_INIT;
	struct jobq_err err;
	bool comma;

	comma = jobq_line_strip(&job->job.members, own, &line);
	jobq_buf_printf(&line, "%s\"context\":", comma ? "," : "");
	jobq_buf_add(&line, context->data, context->len);
	jobq_buf_putc(&line, '}');
	if (line.len <= JOBQ_STAGE_MAX) {
		jobq_fetch_out_line(job->fetch, line.data, line.len);
	} else {
		jobq_fail(&err, JOBQ_INVALID,
		    "the context of %zu bytes makes the line longer than %zu "
		    "bytes",
		    context->len, JOBQ_STAGE_MAX);
		fail(job, "http", false, 0, &err);
	}
	jobq_buf_release(&line);
}

void
jobq_fetch_serve(struct jobq_fetch_get *get)
{
	struct jobq_fetch_job *job, *next;

	for (job = get->fetch->first; job != NULL; job = next) {
		next = job->next;
		if (job->get != get)
			continue;
		pass(job, &get->body);
		jobq_fetch_job_forget(job);
	}
}

void
jobq_fetch_fail(struct jobq_fetch_get *get, bool retry)
{
	struct jobq_fetch_job *job, *next;

	for (job = get->fetch->first; job != NULL; job = next) {
		next = job->next;
		if (job->get != get)
			continue;
		fail(job, "http", retry, get->retry_after_ms, &get->why);
		jobq_fetch_job_forget(job);
	}
}

static void
hold(struct jobq_fetch_job *job, struct jobq_fetch_get *get)
{
	struct jobq_fetch *fetch = job->fetch;
	int64_t lease_ms = job->job.lease_ms;

	job->get = get;
	job->prev = fetch->last;
	*(fetch->last != NULL ? &fetch->last->next : &fetch->first) = job;
	fetch->last = job;
	fetch->held++;
	fetch->held_bytes += job->line.len;
	if (!job->job.has_lease)
		return;
	if (lease_ms == JOBQ_ABSENT)
		lease_ms = LEASE_MS;
	job->deadline.due = lapse;
	job->deadline.context = job;
	jobq_timer_set(
	    fetch->loop, &job->deadline, jobq_mono_ms() + lease_ms / 2);
}

void
jobq_fetch_job_enter(struct jobq_fetch *fetch, struct jobq_fetch_job *job)
{
	struct jobq_buf url = JOBQ_BUF_INIT;
	struct jobq_fetch_get *get;
	struct jobq_err err;

	if (job->id == NULL) {
		jobq_ids_make(
		    fetch->ids, job->line.data, job->line.len, job->given_id);
		job->id = job->given_id;
	}
	if (fetch->quitting) {
		drop(job, JOBQ_EVENT_RELEASED, "shutdown");
		jobq_fetch_job_free(job);
		return;
	}
	if (jobq_http_fill(fetch->options.url, &job->job, job->id, &url,
		&err) != JOBQ_OK) {
		fail(job, "spawn", false, 0, &err);
		jobq_fetch_job_free(job);
		jobq_buf_release(&url);
		return;
	}
	get = jobq_fetch_get_find(fetch, url.data);
	jobq_buf_release(&url);
	if (get->state != JOBQ_GET_DONE) {
		hold(job, get);
		return;
	}
	pass(job, &get->body);
	jobq_fetch_job_free(job);
	jobq_fetch_get_leave(get);
}
