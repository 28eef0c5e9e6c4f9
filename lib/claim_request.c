#include "claim_request.h"

#include "id.h"
#include "job.h"
#include "log.h"
#include "worker.h"

#include <string.h>

#include "banned.h"

#define INTERVAL_MS 1000
#define LISTENING_MS 3000

/* Where leases are not renewed waits are measured by this one. */
#define MEASURE_MS 30000

static int64_t
asked_ms(
    const struct jobq_claim_options *options, const struct jobq_store *store)
{
	return options->lease_ms > 0 ? options->lease_ms
				     : jobq_store_adapter(store)->lease_ms;
}

int64_t
jobq_claim_lease_ms(
    const struct jobq_claim_options *options, const struct jobq_store *store)
{
	return jobq_store_adapter(store)->renews ? asked_ms(options, store)
						 : MEASURE_MS;
}

/* Of UTF-8. */
static int64_t
count_characters(const char *text)
{
	int64_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

enum jobq_status
jobq_claim_worker(const struct jobq_claim_options *options,
    const struct jobq_adapter *adapter, char **worker, struct jobq_err *err)
{
	int64_t most = adapter->worker_most, count;

	*worker = jobq_worker_name(options->worker);
	count = count_characters(*worker);
	return most == 0 || count <= most
		   ? JOBQ_OK
		   : jobq_fail(err, JOBQ_CONFIG,
			 "the worker '%s' has a name of %lld characters, but "
			 "adapter '%s' has a place for %lld: give a shorter "
			 "--worker",
			 *worker, (long long)count, adapter->name,
			 (long long)most);
}

void
jobq_claim_request(const struct jobq_claim_options *options, const char *worker,
    struct jobq_store *store, int64_t limit, const char *id,
    struct jobq_buf *out)
{
	int64_t lease_ms = asked_ms(options, store);

	jobq_buf_clear(out);
	jobq_buf_printf(out, "{\"limit\":%lld,\"worker\":", (long long)limit);
	jobq_json_put_string(out, worker, strlen(worker));
	jobq_buf_printf(out, ",\"lease\":%.3f", (double)lease_ms / 1000);
	for (size_t i = 0; i < options->queues.count; i++) {
		const char *queue = options->queues.item[i];

		jobq_buf_puts(out, i == 0 ? ",\"queues\":[" : ",");
		jobq_json_put_lossy(out, queue, strlen(queue));
	}
	if (options->queues.count > 0)
		jobq_buf_putc(out, ']');
	if (options->flow != NULL) {
		jobq_buf_puts(out, ",\"flow\":");
		jobq_json_put_lossy(out, options->flow, strlen(options->flow));
	}
	if (id != NULL)
		jobq_buf_printf(out, ",\"ids\":[\"%s\"]", id);
	jobq_buf_putc(out, '}');
}

enum jobq_status
jobq_claim_id(struct jobq_span line, struct jobq_object *members,
    struct jobq_buf *id, bool *is_event, struct jobq_err *err)
{
	const struct jobq_span *value;
	enum jobq_status status;

	*is_event = false;
	jobq_buf_clear(id);
	if (line.at[0] != '{') {
		jobq_buf_add(id, line.at, line.len);
	} else {
		status = jobq_object_scan(members, line.at, line.len, err);
		if (status != JOBQ_OK)
			return status;
		*is_event = jobq_line_is_event(members);
		value = jobq_object_get(members, "id");
		if (*is_event)
			return JOBQ_OK;
		if (value == NULL)
			return jobq_fail(err, JOBQ_INVALID,
			    "the job has no \"id\" to claim it by");
		status = jobq_json_string(*value, id, err);
		if (status != JOBQ_OK)
			return status;
	}
	if (id->len == 0 || !jobq_id_valid(id->data, id->len))
		return jobq_fail(err, JOBQ_INVALID,
		    "no id of a job: 1 to 128 of A-Za-z0-9._:@-, the first a "
		    "letter or digit");
	return JOBQ_OK;
}

enum jobq_status
jobq_claim_event(struct jobq_event *event, const char *line, size_t len,
    int64_t *next_in_ms, struct jobq_err *err)
{
	const struct jobq_span *next_in;
	enum jobq_status status;
	double seconds;

	status = jobq_event_read(event, line, len, err);
	if (status == JOBQ_OK)
		jobq_claim_say_failed(event);
	if (status == JOBQ_OK && event->kind == JOBQ_EVENT_IDLE) {
		next_in = jobq_object_get(&event->members, "next_in");
		if (next_in != NULL &&
		    jobq_json_double(*next_in, &seconds, NULL) == JOBQ_OK &&
		    seconds < 1e9)
			*next_in_ms = (int64_t)(seconds * 1000) + 1;
	}
	return status;
}

void
jobq_claim_say_failed(const struct jobq_event *event)
{
	const struct jobq_span *error =
	    jobq_object_get(&event->members, "error");
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (event->kind != JOBQ_EVENT_FAILED || event->settled.len > 0 ||
	    event->id == NULL)
		return;
	if (error == NULL || jobq_json_string(*error, &text, NULL) != JOBQ_OK)
		jobq_buf_puts(&text, "the store does not say why");
	jobq_log_code(JOBQ_ERROR, event->reason, event->id,
	    "job %s failed: %s: %.*s", event->id,
	    event->reason == NULL ? "" : event->reason, (int)text.len,
	    text.data);
	jobq_buf_release(&text);
}

int64_t
jobq_claim_interval(
    const struct jobq_claim_options *options, struct jobq_store *store)
{
	if (options->interval_ms > 0)
		return options->interval_ms;
	return jobq_store_listens(store) ? LISTENING_MS : INTERVAL_MS;
}
