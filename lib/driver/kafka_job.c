/*
 * A record of the jobs topic as a job.
 *
 * Its value is the job, as the producer wrote it (kafka_form.c). What else
 * there is to know of a job that has been here before stands in headers, all
 * numbers:
 *
 *   jobq-attempt     attempts that have failed
 *   jobq-epoch       the highest epoch that it has had in another record
 *   jobq-snoozes     how often it was put off
 *   jobq-not-before  when it is due, in ms since 1970
 *   jobq-born        when its first record was written
 *
 * An id that is missing is the record's key, if it can be one, else topic,
 * partition and offset, so that it is the same whenever the record is read.
 */
#include "kafka_job.h"
#include "kafka_wire.h"

#include "clock.h"
#include "id.h"
#include "job.h"
#include "line.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* What of a line is the store's own to say. */
static const char *const store_members[] = { "attempt", "state", "run_at",
	"lease", "held", "ended", "rescues", "why", "pushed_at", NULL };

size_t
jobq_kafka_hash(const char *id)
{
	uint32_t hash = 2166136261u;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return hash % JOBQ_KAFKA_HASH;
}

/* --- reading ------------------------------------------------------------- */

/* Anybody may write headers: no number is taken that has no place later. */
#define COUNT_MOST 1000000
#define EPOCH_MOST ((int64_t)1 << 53)
#define TIME_MOST INT64_C(253402300799000) /* the end of the year 9999 */

static int64_t
read_header(const rd_kafka_headers_t *headers, const char *name, int64_t most)
{
	const void *value;
	size_t len;
	char text[24];
	int64_t number;

	if (headers == NULL ||
	    rd_kafka_header_get_last(headers, name, &value, &len) !=
		RD_KAFKA_RESP_ERR_NO_ERROR ||
	    len >= sizeof text)
		return 0;
	memcpy(text, value, len);
	text[len] = '\0';
	return jobq_int_parse(text, 0, most, &number, NULL) == JOBQ_OK ? number
								       : 0;
}

static void
read_headers(struct jobq_kafka_job *job, const rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *headers = NULL;
	int64_t born_ms;

	job->born_ms = rd_kafka_message_timestamp(message, &type);
	if (job->born_ms <= 0 || job->born_ms > TIME_MOST)
		job->born_ms = jobq_wall_ms();
	if (rd_kafka_message_headers(message, &headers) !=
	    RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	job->failed = read_header(headers, "jobq-attempt", COUNT_MOST);
	job->before_epoch = read_header(headers, "jobq-epoch", EPOCH_MOST);
	job->snoozes = read_header(headers, "jobq-snoozes", COUNT_MOST);
	job->due_ms = read_header(headers, "jobq-not-before", TIME_MOST);
	born_ms = read_header(headers, "jobq-born", TIME_MOST);
	if (born_ms > 0)
		job->born_ms = born_ms;
}

static char *
id_of_record(
    const struct jobq_kafka_part *part, const rd_kafka_message_t *message)
{
	struct jobq_buf id = JOBQ_BUF_INIT;

	if (message->key != NULL &&
	    jobq_id_valid(message->key, message->key_len))
		return jobq_xstrndup(message->key, message->key_len);
	jobq_buf_printf(&id, "%s-%" PRId32 "-%" PRId64,
	    part->store->settings.topic[JOBQ_KAFKA_JOBS], part->number,
	    message->offset);
	/* A topic's name may be longer than an id, or begin with a '_'. */
	if (!jobq_id_valid(id.data, id.len)) {
		jobq_buf_clear(&id);
		jobq_buf_printf(&id, "record-%" PRId32 "-%" PRId64,
		    part->number, message->offset);
	}
	return jobq_buf_detach(&id);
}

/* The kept line: what the producer wrote, and an id where there is none. */
static void
keep_line(struct jobq_kafka_job *job, const struct jobq_job *read)
{
	struct jobq_buf rest = JOBQ_BUF_INIT;
	struct jobq_buf *out = &job->line;

	if (read->id != NULL) {
		jobq_line_strip(&read->members, store_members, out);
		return;
	}
	jobq_buf_printf(out, "{\"id\":\"%s\"", job->id);
	if (jobq_line_strip(&read->members, store_members, &rest)) {
		jobq_buf_putc(out, ',');
		jobq_buf_add(out, rest.data + 1, rest.len - 1);
	}
	jobq_buf_release(&rest);
}

/* The text of a record as the line of a job, checked. */
static enum jobq_status
read_line(const struct jobq_kafka *store, const struct jobq_buf *text,
    struct jobq_job *read, struct jobq_kafka_job *job, struct jobq_err *err)
{
	enum jobq_status status =
	    jobq_object_scan(&read->members, text->data, text->len, err);

	if (status == JOBQ_OK)
		status = jobq_job_read(read, text->data, text->len, err);
	if (status == JOBQ_OK && jobq_line_is_event(&read->members))
		status = jobq_fail(err, JOBQ_INVALID, "is an event");
	if (status == JOBQ_OK && read->id != NULL &&
	    !jobq_id_valid(read->id, strlen(read->id)))
		status = jobq_fail(err, JOBQ_INVALID,
		    "has no id that could be one: 1 to 128 of A-Za-z0-9._:@-");
	if (status != JOBQ_OK)
		return status;
	if (read->id != NULL) {
		free(job->id);
		job->id = jobq_xstrdup(read->id);
	}
	job->max_attempts = read->max_attempts == JOBQ_ABSENT
				? store->settings.max_attempts
				: read->max_attempts;
	keep_line(job, read);
	return JOBQ_OK;
}

static enum jobq_status
read_value(struct jobq_kafka_job *job, const rd_kafka_message_t *message,
    struct jobq_err *err)
{
	struct jobq_kafka *store = job->part->store;
	struct jobq_span value = { message->payload, message->len };
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_job read = { .id = NULL };
	enum jobq_status status = JOBQ_OK;

	if (message->len == 0)
		status = jobq_fail(err, JOBQ_INVALID, "has no value");
	else if (message->len > JOBQ_LINE_MAX)
		status = jobq_fail(err, JOBQ_INVALID, "is longer than 1 MiB");
	if (status == JOBQ_OK)
		status = jobq_kafka_form(
		    store, JOBQ_KAFKA_FORM_JOB, value, &text, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(err, JOBQ_INVALID, "is no job");
	if (status == JOBQ_OK)
		status = read_line(store, &text, &read, job, err);
	if (status != JOBQ_OK || store->mapped)
		jobq_buf_add(&job->record, value.at, value.len);
	jobq_job_release(&read);
	jobq_buf_release(&text);
	return status;
}

enum jobq_status
jobq_kafka_job_read(struct jobq_kafka_part *part,
    const rd_kafka_message_t *message, struct jobq_kafka_job **out,
    struct jobq_err *err)
{
	struct jobq_kafka_job *job = jobq_xcalloc(1, sizeof *job);
	enum jobq_status status;

	job->part = part;
	job->offset = message->offset;
	job->id = id_of_record(part, message);
	read_headers(job, message);
	status = read_value(job, message, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "record %" PRId64 " of %s [%" PRId32 "]",
		    message->offset,
		    part->store->settings.topic[JOBQ_KAFKA_JOBS], part->number);
	*out = job;
	return status;
}

/* --- the list ------------------------------------------------------------ */

void
jobq_kafka_job_add(struct jobq_kafka *store, struct jobq_kafka_job *job)
{
	struct jobq_kafka_job **head = &store->by_id[jobq_kafka_hash(job->id)];

	job->same_hash = *head;
	*head = job;
	job->previous = store->last;
	if (store->last != NULL)
		store->last->next = job;
	else
		store->first = job;
	store->last = job;
	store->jobs++;
}

void
jobq_kafka_job_free(struct jobq_kafka_job *job)
{
	free(job->id);
	free(job->worker);
	free(job->bad);
	jobq_buf_release(&job->line);
	jobq_buf_release(&job->record);
	free(job);
}

void
jobq_kafka_job_remove(struct jobq_kafka *store, struct jobq_kafka_job *job)
{
	struct jobq_kafka_job **link = &store->by_id[jobq_kafka_hash(job->id)];

	while (*link != job)
		link = &(*link)->same_hash;
	*link = job->same_hash;
	if (job->previous != NULL)
		job->previous->next = job->next;
	else
		store->first = job->next;
	if (job->next != NULL)
		job->next->previous = job->previous;
	else
		store->last = job->previous;
	store->jobs--;
	/* What is on its way points to it: the delivery frees it. */
	if (job->on_its_way > 0)
		job->part = NULL;
	else
		jobq_kafka_job_free(job);
}

struct jobq_kafka_job *
jobq_kafka_job_held(struct jobq_kafka *store, const char *id, int64_t epoch)
{
	struct jobq_kafka_job *job = store->by_id[jobq_kafka_hash(id)];

	while (
	    job != NULL && (job->state != JOBQ_KAFKA_HELD ||
			       job->epoch != epoch || strcmp(job->id, id) != 0))
		job = job->same_hash;
	return job;
}

bool
jobq_kafka_job_has_twin(
    const struct jobq_kafka *store, const struct jobq_kafka_job *job)
{
	const struct jobq_kafka_job *other =
	    store->by_id[jobq_kafka_hash(job->id)];

	while (other != NULL &&
	       (other == job || other->state == JOBQ_KAFKA_WAITING ||
		   strcmp(other->id, job->id) != 0))
		other = other->same_hash;
	return other != NULL;
}

void
jobq_kafka_job_record(const struct jobq_kafka_job *job, struct jobq_buf *out)
{
	if (job->record.len > 0) {
		jobq_buf_add(out, job->record.data, job->record.len);
		return;
	}
	jobq_buf_add(out, job->line.data, job->line.len);
	jobq_buf_putc(out, '}');
}

rd_kafka_headers_t *
jobq_kafka_job_headers(const struct jobq_kafka_job *job, int64_t failed,
    int64_t snoozes, int64_t due_ms)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(5);

	jobq_kafka_put_number(headers, "jobq-attempt", failed);
	jobq_kafka_put_number(headers, "jobq-epoch", job->epoch);
	jobq_kafka_put_number(headers, "jobq-snoozes", snoozes);
	if (due_ms > 0)
		jobq_kafka_put_number(headers, "jobq-not-before", due_ms);
	jobq_kafka_put_number(headers, "jobq-born", job->born_ms);
	return headers;
}
