/*
 * The inbox: jobs that others have put there as text, which no script may
 * parse. They are read as jobq-push reads its input, and pushed by a script
 * that takes each entry away in the same step; so of two that read an entry
 * at the same time one pushes it. What is no job is kept apart, with the
 * reason, and said.
 */
#include "redis_inside.h"

#include "batch.h"
#include "job.h"
#include "line.h"
#include "log.h"

#include <string.h>

#include "banned.h"

struct gathered {
	struct jobq_batch batch;
	struct jobq_job job;
	struct jobq_buf entries; /* the ids, a JSON array's inside */
	struct jobq_buf refused;
};

static void
refuse(struct gathered *gathered, const redisReply *entry,
    const struct jobq_err *why)
{
	jobq_buf_puts(
	    &gathered->refused, gathered->refused.len == 0 ? "[" : ",[");
	jobq_json_put_lossy(&gathered->refused, entry->str, (size_t)entry->len);
	jobq_buf_putc(&gathered->refused, ',');
	jobq_json_put_lossy(&gathered->refused, why->text, strlen(why->text));
	jobq_buf_putc(&gathered->refused, ']');
	jobq_log(JOBQ_WARNING, "entry %s of the inbox is no job: %s",
	    entry->str, why->text);
}

static void
gather(
    struct gathered *gathered, const redisReply *entry, const redisReply *text)
{
	struct jobq_err why = { .text = "" };
	struct jobq_job *job = &gathered->job;
	enum jobq_status status = JOBQ_OK;

	if ((size_t)text->len > JOBQ_LINE_MAX)
		status = jobq_fail(&why, JOBQ_INVALID,
		    "it has more than %zu bytes", JOBQ_LINE_MAX);
	if (status == JOBQ_OK)
		status = jobq_object_scan(
		    &job->members, text->str, (size_t)text->len, &why);
	if (status == JOBQ_OK)
		status = jobq_job_read(job, text->str, (size_t)text->len, &why);
	if (status != JOBQ_OK) {
		refuse(gathered, entry, &why);
		return;
	}
	jobq_batch_job(&gathered->batch, job, gathered->batch.count);
	jobq_buf_puts(
	    &gathered->entries, gathered->entries.len == 0 ? "" : ",");
	jobq_json_put_lossy(&gathered->entries, entry->str, (size_t)entry->len);
}

static enum jobq_status
push(struct jobq_redis *store, struct gathered *gathered, struct jobq_err *err)
{
	static const char *const no_more[2] = { NULL, NULL };
	struct jobq_buf request = JOBQ_BUF_INIT;
	redisReply *reply = NULL;
	enum jobq_status status;

	jobq_buf_puts(&request, "{\"jobs\":[");
	for (size_t i = 0; i < gathered->batch.count; i++) {
		struct jobq_span job = jobq_batch_text(
		    &gathered->batch, &gathered->batch.entry[i]);

		if (i > 0)
			jobq_buf_putc(&request, ',');
		jobq_buf_add(&request, job.at, job.len);
	}
	jobq_buf_printf(&request, "],\"entries\":[%s],\"refused\":[%s]}",
	    gathered->entries.len == 0 ? "" : gathered->entries.data,
	    gathered->refused.len == 0 ? "" : gathered->refused.data);
	status = jobq_redis_run(
	    store, "push", request.data, request.len, no_more, &reply, err);
	if (reply != NULL)
		freeReplyObject(reply);
	jobq_buf_release(&request);
	return status;
}

enum jobq_status
jobq_redis_absorb(
    struct jobq_redis *store, const redisReply *entries, struct jobq_err *err)
{
	struct gathered gathered = { .entries = JOBQ_BUF_INIT };
	enum jobq_status status;

	jobq_batch_init(&gathered.batch, "jobs");
	for (size_t i = 1; i + 1 < entries->elements; i += 2)
		gather(&gathered, entries->element[i], entries->element[i + 1]);
	status = push(store, &gathered, err);
	jobq_batch_release(&gathered.batch);
	jobq_job_release(&gathered.job);
	jobq_buf_release(&gathered.entries);
	jobq_buf_release(&gathered.refused);
	return status;
}
