/*
 * What a foreign API calls a job, and how it wants to be told of an event, is
 * said by two jq programs of the adapter (mapping.h).
 */
#include "http_api.h"

#include "clock.h"
#include "id.h"
#include "job.h"
#include "line.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* What of a line is the store's own to say. */
static const char *const store_members[] = { "attempt", "max_attempts", "state",
	"lease", "held", "ended", NULL };

/* Checks a job's line, and takes from it what the store adds itself. */
static enum jobq_status
check_job(const struct jobq_buf *line, struct jobq_buf *out,
    struct jobq_buf *id, struct jobq_err *err)
{
	struct jobq_job job = { .id = NULL };
	char now[JOBQ_TIME_SIZE];
	enum jobq_status status;

	status = jobq_object_scan(&job.members, line->data, line->len, err);
	if (status == JOBQ_OK)
		status = jobq_job_read(&job, line->data, line->len, err);
	if (status == JOBQ_OK &&
	    (job.id == NULL || !jobq_id_valid(job.id, strlen(job.id))))
		status = jobq_fail(err, JOBQ_INVALID,
		    "its id is none: 1 to 128 of A-Za-z0-9._:@-, the first a "
		    "letter or digit");
	if (status == JOBQ_OK && line->len > JOBQ_LINE_MAX)
		status =
		    jobq_fail(err, JOBQ_INVALID, "it is longer than 1 MiB");
	if (status == JOBQ_OK) {
		jobq_buf_clear(out);
		jobq_line_strip(&job.members, store_members, out);
		if (job.run_at_ms == JOBQ_ABSENT) {
			jobq_time_format(jobq_wall_ms(), now);
			jobq_buf_printf(out, ",\"run_at\":\"%s\"", now);
		}
		jobq_buf_clear(id);
		jobq_buf_puts(id, job.id);
	}
	jobq_job_release(&job);
	return status;
}

enum jobq_status
jobq_remote_map_job(struct jobq_remote *store, struct jobq_span foreign,
    struct jobq_buf *out, struct jobq_buf *id, struct jobq_err *err)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	if (foreign.at[0] != '{')
		status = jobq_fail(err, JOBQ_INVALID, "it is no object");
	if (status == JOBQ_OK)
		status =
		    jobq_mapping_run(&store->api->job, foreign, &line, err);
	if (status == JOBQ_OK)
		status = check_job(&line, out, id, err);
	jobq_buf_release(&line);
	return status;
}

enum jobq_status
jobq_remote_map_event(struct jobq_remote *store, struct jobq_span event,
    struct jobq_buf *out, struct jobq_err *err)
{
	return jobq_mapping_run(&store->api->event, event, out, err);
}

enum jobq_status
jobq_remote_map_ready(struct jobq_remote *store, struct jobq_err *err)
{
	enum jobq_status status = jobq_mapping_ready(&store->api->job, err);

	return status == JOBQ_OK ? jobq_mapping_ready(&store->api->event, err)
				 : status;
}
