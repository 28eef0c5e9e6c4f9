/*
 * What a foreign API calls a job, and how it wants to be told of an event, is
 * said by two jq programs of the adapter.
 *
 * libjq does not keep numbers as they are written (2^53+1, 1.10, 1e400), nor
 * lone surrogates. So no value of a user passes through it: a program gets an
 * object of the top-level members whose values are strings that hold their
 * JSON text, and gives one of the same kind. It says which text goes where;
 * here the texts are put back as they are. A member that is null it does not
 * see, so that  .input // .payload  is what it seems to be.
 */
#include "http_api.h"

#include "clock.h"
#include "id.h"
#include "job.h"
#include "line.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* What of a line is the store's own to say. */
static const char *const store_members[] = { "attempt", "max_attempts", "state",
	"lease", "held", "ended", NULL };

/* The program of the adapter, or of what it stands on, compiled once. */
static enum jobq_status
open_program(struct jobq_remote *store, const char *file,
    struct jobq_jq **program, struct jobq_err *err)
{
	const struct jobq_adapter *adapter = store->adapter;
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	if (*program != NULL)
		return JOBQ_OK;
	for (; adapter != NULL; adapter = adapter->under) {
		jobq_buf_clear(&path);
		jobq_buf_printf(&path, "%s/%s", adapter->folder, file);
		if (access(path.data, F_OK) == 0)
			break;
	}
	status = jobq_jq_open(program, path.data, err);
	jobq_buf_release(&path);
	return status;
}

/* Outside of strings a line break is white space, and in a string is none. */
static void
put_one_line(struct jobq_buf *out, struct jobq_span text)
{
	size_t begin = out->len;

	jobq_buf_add(out, text.at, text.len);
	for (size_t i = begin; i < out->len; i++)
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
}

/* The members of an object as strings that hold their texts. */
static void
put_texts(struct jobq_buf *out, struct jobq_span object)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_member member;
	size_t cursor = 0;
	bool any = false;

	jobq_buf_clear(out);
	jobq_buf_putc(out, '{');
	while (jobq_json_member(object, &cursor, &member)) {
		if (jobq_span_is(member.value, "null"))
			continue;
		jobq_buf_clear(&text);
		put_one_line(&text, member.value);
		jobq_buf_puts(out, any ? ",\"" : "\"");
		jobq_buf_add(out, member.key.at, member.key.len);
		jobq_buf_puts(out, "\":");
		jobq_json_put_string(out, text.data, text.len);
		any = true;
	}
	jobq_buf_putc(out, '}');
	jobq_buf_release(&text);
}

/* An id that is a number is the string of its digits. */
static bool
is_number(const struct jobq_member *member, const struct jobq_buf *text)
{
	return jobq_json_key_is(member->key, "id") && text->len > 0 &&
	       strchr("-0123456789", text->data[0]) != NULL;
}

/* The other way round: the object that the program's strings are texts of. */
static enum jobq_status
put_object(struct jobq_buf *out, const struct jobq_buf *result, bool job,
    struct jobq_err *err)
{
	struct jobq_span object = { result->data, result->len }, value;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	size_t cursor = 0;

	jobq_buf_clear(out);
	if (object.len == 0 || object.at[0] != '{')
		return jobq_fail(err, JOBQ_INVALID, "its result is no object");
	jobq_buf_putc(out, '{');
	while (
	    status == JOBQ_OK && jobq_json_member(object, &cursor, &member)) {
		bool digits;

		jobq_buf_clear(&text);
		if (jobq_span_is(member.value, "null"))
			continue;
		if (jobq_json_string(member.value, &text, NULL) != JOBQ_OK ||
		    jobq_json_check(text.data, text.len, &value, NULL) !=
			JOBQ_OK) {
			status = jobq_fail(err, JOBQ_INVALID,
			    "its member \"%.*s\" is no string that holds JSON "
			    "text",
			    (int)(member.key.len > 64 ? 64 : member.key.len),
			    member.key.at);
			break;
		}
		digits = job && is_number(&member, &text);
		jobq_buf_puts(out, out->len > 1 ? ",\"" : "\"");
		jobq_buf_add(out, member.key.at, member.key.len);
		jobq_buf_puts(out, digits ? "\":\"" : "\":");
		put_one_line(out, value);
		if (digits)
			jobq_buf_putc(out, '"');
	}
	jobq_buf_putc(out, '}');
	jobq_buf_release(&text);
	return status;
}

/* Runs a program; what is wrong with its result is said with its name. */
static enum jobq_status
map(struct jobq_remote *store, const char *file, struct jobq_jq **program,
    struct jobq_span object, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_remote_api *api = store->api;
	enum jobq_status status = open_program(store, file, program, err);

	if (status != JOBQ_OK)
		return status;
	put_texts(&api->texts, object);
	status = jobq_jq_run(
	    *program, api->texts.data, api->texts.len, &api->result, err);
	if (status != JOBQ_OK)
		return status;
	status =
	    put_object(out, &api->result, program == &store->api->job, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "%s/%s", store->adapter->folder, file);
	return status;
}

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
		    map(store, "job.jq", &store->api->job, foreign, &line, err);
	if (status == JOBQ_OK)
		status = check_job(&line, out, id, err);
	jobq_buf_release(&line);
	return status;
}

enum jobq_status
jobq_remote_map_event(struct jobq_remote *store, struct jobq_span event,
    struct jobq_buf *out, struct jobq_err *err)
{
	return map(store, "event.jq", &store->api->event, event, out, err);
}

enum jobq_status
jobq_remote_map_ready(struct jobq_remote *store, struct jobq_err *err)
{
	enum jobq_status status =
	    open_program(store, "job.jq", &store->api->job, err);

	return status == JOBQ_OK
		   ? open_program(store, "event.jq", &store->api->event, err)
		   : status;
}
