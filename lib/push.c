#include "push.h"

#include "page.h"

#include <string.h>

#include "banned.h"

static enum jobq_status
remember_id(
    struct jobq_push *push, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_job job = { 0 };
	enum jobq_status status;

	status = jobq_object_scan(&job.members, line, len, err);
	if (status == JOBQ_OK)
		status = jobq_job_read(&job, line, len, err);
	if (status == JOBQ_OK)
		jobq_ids_add(&push->ids, job.id, strlen(job.id));
	jobq_job_release(&job);
	return status;
}

static enum jobq_status
print_event(void *context, const struct jobq_event *event, struct jobq_err *err)
{
	struct jobq_push *push = context;

	jobq_writer_line(&push->out, event->line.at, event->line.len);
	return jobq_writer_flush(&push->out, err);
}

enum jobq_status
jobq_push_wait(struct jobq_push *push, struct jobq_err *err)
{
	struct jobq_follow_options follow = {
		.ids = &push->ids,
		.interval_ms = 1000,
		.event = print_event,
		.context = push,
	};

	return push->ids.count == 0 ? JOBQ_OK
				    : jobq_follow(push->store, &follow, err);
}

static enum jobq_status
print_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_push *push = context;

	push->answers++;
	if (push->wait)
		return remember_id(push, line, len, err);
	jobq_writer_line(&push->out, line, len);
	return JOBQ_OK;
}

static enum jobq_status
refuse(
    void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	struct jobq_push *push = context;

	enum jobq_status status;

	push->answers++;
	status = jobq_command_bad_line(
	    push->command, push->source, entry->number, why);
	push->stopped = status != JOBQ_OK;
	return status;
}

enum jobq_status
jobq_push_send(struct jobq_push *push, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	push->answers = 0;
	if (push->batch.count > 0 && push->store != NULL) {
		status =
		    jobq_batch_send(&push->batch, push->store, JOBQ_VERB_PUSH,
			JOBQ_CALL_MS, print_answer, refuse, push, err);
		if (status == JOBQ_OK && push->answers != push->batch.count)
			status = jobq_fail(err, JOBQ_IO,
			    "%s answered %zu lines to %zu jobs",
			    jobq_store_name(push->store), push->answers,
			    push->batch.count);
	}
	jobq_batch_clear(&push->batch);
	if (jobq_writer_flush(&push->out, status == JOBQ_OK ? err : NULL) !=
	    JOBQ_OK)
		status = status == JOBQ_OK ? JOBQ_IO : status;
	return status;
}

enum jobq_status
jobq_push_line(struct jobq_push *push, struct jobq_span line,
    unsigned long number, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (jobq_line_is_event(&push->job.members)) {
		status = jobq_push_send(push, err);
		jobq_writer_line(&push->out, line.at, line.len);
		return status == JOBQ_OK ? jobq_writer_flush(&push->out, err)
					 : status;
	}
	if (push->defaults.text.len > 0) {
		status = jobq_overlay_apply(
		    &push->defaults, &push->job.members, &push->line, err);
		line = (struct jobq_span){ push->line.data, push->line.len };
	}
	if (status == JOBQ_OK)
		status = jobq_job_read(&push->job, line.at, line.len, err);
	if (status != JOBQ_OK)
		return status;
	jobq_batch_job(&push->batch, &push->job, number);
	if (push->store == NULL) {
		jobq_buf_putc(&push->batch.scratch, '}');
		jobq_writer_line(&push->out, push->batch.scratch.data,
		    push->batch.scratch.len);
	}
	return jobq_batch_full(&push->batch) ? jobq_push_send(push, err)
					     : JOBQ_OK;
}

void
jobq_push_release(struct jobq_push *push)
{
	jobq_batch_release(&push->batch);
	jobq_writer_release(&push->out);
	jobq_job_release(&push->job);
	jobq_overlay_release(&push->defaults);
	jobq_buf_release(&push->line);
	jobq_ids_release(&push->ids);
}
