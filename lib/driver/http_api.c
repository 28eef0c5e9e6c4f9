/*
 * A foreign API of jobs as a store: what adapter.json has as "http" says how
 * its jobs are listed and how it is told that one is started, completed or
 * failed.
 *
 *   list    GETs the jobs that wait
 *   claim   settles its events, lists, and then sends started for one job
 *           after the other, until enough of them were answered 2xx
 *   settle  sends completed or failed for an ending; started and what
 *           happens during a run the API knows already or does not want
 *
 * The API has no leases and compares nothing that we could rely on: the epoch
 * is always 1, and a started that is answered 2xx is the claim. An answer that
 * is lost is therefore the one thing to be careful with, for the API may have
 * done what it was asked for:
 *
 * - A started without an answer is sent again at once, and in the claims that
 *   follow, until it is answered. When another seems to have been first, who
 *   that is decides, if the answer names it; else it is taken for our own
 *   first try, and that is said. A job that is listed again waits still.
 * - An ending without an answer is sent again by whoever settles. That the job
 *   is not running, or not there, is then our own first try, too. Endings that
 *   were answered are remembered, so that settling a batch again does not send
 *   them twice.
 *
 * POSTs go on connections of their own, so that libcurl does not send one
 * twice by itself.
 */
#include "http_api.h"

#include "line.h"
#include "log.h"
#include "mem.h"
#include "text_lines.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

enum jobq_status
jobq_remote_api_open(struct jobq_remote *store, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_object object = { 0 };
	const struct jobq_span *http = NULL;
	enum jobq_status status;

	status = jobq_adapter_text(store->adapter, "adapter.json", &text, err);
	if (status == JOBQ_OK)
		status = jobq_object_scan(&object, text.data, text.len, err);
	if (status == JOBQ_OK)
		http = jobq_object_get(&object, "http");
	if (http != NULL && http->at[0] != '{')
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s/adapter.json: \"http\" must be an object of steps",
		    store->adapter->folder);
	else if (http != NULL) {
		store->api = jobq_xcalloc(1, sizeof *store->api);
		store->api->job = (struct jobq_mapping){
			.adapter = store->adapter, .file = "job.jq", .ids = true
		};
		store->api->event =
		    (struct jobq_mapping){ .adapter = store->adapter,
			    .file = "event.jq" };
		status = jobq_remote_steps_read(
		    store->api, store->adapter, *http, err);
	}
	jobq_object_release(&object);
	jobq_buf_release(&text);
	return status;
}

void
jobq_remote_doubt_drop(struct jobq_remote *store)
{
	struct jobq_buf *id = &store->api->doubt.id;

	if (id->len > 0)
		jobq_log_code(JOBQ_ERROR, "unanswered", id->data,
		    "job %s may be started at '%s', which did not answer, and "
		    "is not run here: look whether it has to be started again",
		    id->data, store->name.data);
	jobq_buf_clear(id);
}

void
jobq_remote_api_close(struct jobq_remote *store)
{
	struct jobq_remote_api *api = store->api;

	if (api == NULL)
		return;
	jobq_remote_doubt_drop(store);
	for (size_t i = 0; i < JOBQ_REMOTE_ENDINGS; i++)
		free(api->ending[i].id);
	for (size_t i = 0; i < JOBQ_REMOTE_TAKEN; i++)
		free(api->taken[i].id);
	jobq_buf_release(&api->doubt.id);
	jobq_buf_release(&api->doubt.line);
	jobq_mapping_release(&api->job);
	jobq_mapping_release(&api->event);
	jobq_remote_steps_release(api);
	free(api);
	store->api = NULL;
}

enum jobq_status
jobq_remote_api_call(struct jobq_remote *store, const char *verb,
    const char *request, size_t len, int64_t deadline, jobq_line_fn *line,
    void *context, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	struct jobq_buf lines = JOBQ_BUF_INIT;
	enum jobq_status status;

	status = jobq_object_scan(&members, request, len, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "the request");
	else if (strcmp(verb, "list") == 0)
		status =
		    jobq_remote_list(store, &members, deadline, &lines, err);
	else if (strcmp(verb, "claim") == 0)
		status =
		    jobq_remote_claim(store, &members, deadline, &lines, err);
	else if (strcmp(verb, "settle") == 0)
		status =
		    jobq_remote_settle(store, &members, deadline, &lines, err);
	else
		status = jobq_fail(err, JOBQ_UNSUPPORTED,
		    "%s: no API of jobs has the verb '%s' here; list, claim "
		    "and settle are known",
		    store->adapter->name, verb);
	if (status == JOBQ_OK)
		status = jobq_lines_hand_out(
		    (struct jobq_lines){ lines.data, lines.len },
		    store->name.data, line, context, err);
	jobq_buf_release(&lines);
	jobq_object_release(&members);
	return status;
}
