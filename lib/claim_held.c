#include "claim_held.h"

#include "event.h"
#include "id.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define JOBS_A_LINE ((size_t)100) /* of an alive event */

/* Of one request to renew, so that many held jobs need little memory. */
#define RENEW_BYTES ((size_t)32 << 10)

void
jobq_held_release(struct jobq_held *held)
{
	for (size_t i = 0; i < held->count; i++)
		free(held->job[i].id);
	free(held->job);
	held->job = NULL;
	held->count = held->cap = 0;
}

/* Of the lease, the epoch; 0 when there is none. */
static int64_t
find_epoch(const struct jobq_span *lease)
{
	struct jobq_member member;
	size_t cursor = 0;
	int64_t epoch;

	while (lease != NULL && jobq_json_member(*lease, &cursor, &member))
		if (jobq_json_key_is(member.key, "epoch"))
			return jobq_json_int(member.value, &epoch, NULL) ==
				       JOBQ_OK
				   ? epoch
				   : 0;
	return 0;
}

/*
 * Only id and epoch: the line is the store's, and its readers check it. The
 * id stands there as it was pushed, with escapes maybe.
 */
enum jobq_status
jobq_held_add(struct jobq_held *held, const struct jobq_object *members,
    uint64_t begin, struct jobq_err *err)
{
	int64_t epoch = find_epoch(jobq_object_get(members, "lease"));
	const struct jobq_span *member = jobq_object_get(members, "id");
	struct jobq_buf id = JOBQ_BUF_INIT;

	if (epoch < 1 || member == NULL ||
	    jobq_json_string(*member, &id, NULL) != JOBQ_OK ||
	    !jobq_id_valid(id.data, id.len)) {
		jobq_buf_release(&id);
		return jobq_fail(err, JOBQ_IO,
		    "the store's answer to a claim has no id and lease");
	}
	held->job =
	    jobq_grow(held->job, held->count, &held->cap, sizeof *held->job);
	held->job[held->count++] = (struct jobq_held_job){
		.id = jobq_xstrndup(id.data, id.len),
		.epoch = epoch,
		.begin = begin,
	};
	jobq_buf_release(&id);
	return JOBQ_OK;
}

/* Marks the jobs that [[id, epoch], ...] names as gone; how many it names. */
static size_t
mark(struct jobq_held *held, size_t from, size_t to, struct jobq_span list)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	struct jobq_span pair, element;
	size_t cursor = 0, count = 0, at = from;

	/* Lists keep the order, so each search begins behind the last find. */
	while (list.len > 0 && jobq_json_element(list, &cursor, &pair)) {
		size_t inner = 0;
		int64_t epoch;

		count++;
		jobq_buf_clear(&id);
		if (!jobq_json_element(pair, &inner, &element) ||
		    jobq_json_string(element, &id, NULL) != JOBQ_OK ||
		    !jobq_json_element(pair, &inner, &element) ||
		    jobq_json_int(element, &epoch, NULL) != JOBQ_OK)
			continue;
		for (size_t tried = 0; tried < to - from; tried++) {
			struct jobq_held_job *job = &held->job[at];

			at = at + 1 < to ? at + 1 : from;
			if (job->epoch == epoch &&
			    strcmp(job->id, id.data) == 0) {
				job->gone = true;
				break;
			}
		}
	}
	jobq_buf_release(&id);
	return count;
}

/* The answers come in the order of the alive lines, 100 jobs each. */
static enum jobq_status
take_answer(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_held *held = context;
	struct jobq_event event = { 0 };
	enum jobq_status status;
	size_t to = held->answered + JOBS_A_LINE;

	status = jobq_object_scan(&event.members, line, len, err);
	if (status == JOBQ_OK)
		status = jobq_event_read(&event, line, len, err);
	if (status == JOBQ_OK && event.kind == JOBQ_EVENT_ALIVE) {
		if (to > held->count)
			to = held->count;
		/* What is lost to us has ended, or is run by others. */
		if (mark(held, held->answered, to, event.lost) +
			mark(held, held->answered, to, event.started) >
		    0)
			held->any_started = true;
		held->answered = to;
	}
	jobq_event_release(&event);
	return status;
}

static void
forget_gone(struct jobq_held *held)
{
	size_t kept = 0;

	for (size_t i = 0; i < held->count; i++)
		if (held->job[i].gone)
			free(held->job[i].id);
		else
			held->job[kept++] = held->job[i];
	held->count = kept;
}

static void
add_alive(struct jobq_batch *batch, const struct jobq_held *held, size_t from,
    struct jobq_buf *line)
{
	jobq_buf_clear(line);
	jobq_event_begin(line, JOBQ_EVENT_ALIVE, NULL, JOBQ_ABSENT,
	    held->worker, JOBQ_ABSENT);
	jobq_buf_puts(line, ",\"waiting\":true,\"jobs\":[");
	for (size_t i = from; i < held->count && i < from + JOBS_A_LINE; i++)
		jobq_buf_printf(line, "%s[\"%s\",%lld]", i > from ? "," : "",
		    held->job[i].id, (long long)held->job[i].epoch);
	jobq_buf_puts(line, "]}");
	jobq_batch_own_event(batch, line->data, line->len);
}

static enum jobq_status
refused(
    void *context, const struct jobq_entry *entry, const struct jobq_err *why)
{
	struct jobq_held *held = context;

	/* The jobs of this line stay held and are tried again. */
	(void)entry, (void)why;
	held->answered += JOBS_A_LINE;
	return JOBQ_OK;
}

enum jobq_status
jobq_held_renew(struct jobq_held *held, struct jobq_store *store,
    int64_t deadline_ms, struct jobq_err *err)
{
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	size_t from = 0;

	jobq_batch_init(&batch, "events");
	held->answered = 0;
	while (from < held->count && status == JOBQ_OK) {
		while (from < held->count && batch.text.len < RENEW_BYTES) {
			add_alive(&batch, held, from, &line);
			from += JOBS_A_LINE;
		}
		status = jobq_batch_send(&batch, store, JOBQ_VERB_SETTLE,
		    deadline_ms, take_answer, refused, held, err);
		jobq_batch_clear(&batch);
	}
	forget_gone(held);
	jobq_batch_release(&batch);
	jobq_buf_release(&line);
	return status;
}

static enum jobq_status
ignore(void *context, const char *line, size_t len, struct jobq_err *err)
{
	(void)context, (void)line, (void)len, (void)err;
	return JOBQ_OK;
}

enum jobq_status
jobq_held_give_back(struct jobq_held *held, struct jobq_store *store,
    uint64_t from, int64_t deadline_ms, size_t *count, struct jobq_err *err)
{
	struct jobq_batch batch;
	struct jobq_buf line = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	*count = 0;
	jobq_batch_init(&batch, "events");
	for (size_t i = 0; i < held->count; i++) {
		struct jobq_held_job *job = &held->job[i];

		if (job->begin < from)
			continue;
		jobq_buf_clear(&line);
		jobq_event_begin(&line, JOBQ_EVENT_RELEASED, job->id,
		    job->epoch, held->worker, JOBQ_ABSENT);
		jobq_buf_puts(&line, ",\"reason\":\"shutdown\"}");
		jobq_batch_own_event(&batch, line.data, line.len);
		job->gone = true;
		++*count;
	}
	if (*count > 0)
		status = jobq_batch_send(&batch, store, JOBQ_VERB_SETTLE,
		    deadline_ms, ignore, refused, held, err);
	forget_gone(held);
	jobq_batch_release(&batch);
	jobq_buf_release(&line);
	return status;
}
