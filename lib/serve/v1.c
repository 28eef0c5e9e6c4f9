/*
 * POST /v1/VERB: the store's verbs as they are. A request is checked strictly
 * before the store gets it (lines.c), and goes there byte for byte.
 */
#include "routes.h"
#include "server.h"

#include "answer.h"
#include "lines.h"

#include <string.h>

#include "banned.h"

/* Those that are work; the doctor's are for who stands at the store. */
static const enum jobq_verb verbs[] = { JOBQ_VERB_INIT, JOBQ_VERB_PUSH,
	JOBQ_VERB_LIST, JOBQ_VERB_CLAIM, JOBQ_VERB_SETTLE, JOBQ_VERB_CANCEL,
	JOBQ_VERB_RETRY, JOBQ_VERB_STATS, JOBQ_VERB_EVENTS, JOBQ_VERB_REAP,
	JOBQ_VERB_PRUNE, JOBQ_VERB_PAUSE, JOBQ_VERB_RESUME, JOBQ_VERB_CHECK };

/* Of these nothing is changed by any store. */
static const enum jobq_verb reading[] = { JOBQ_VERB_LIST, JOBQ_VERB_STATS,
	JOBQ_VERB_EVENTS };

bool
jobq_verb_reads(const char *name)
{
	for (size_t i = 0; i < sizeof(reading) / sizeof(*reading); i++)
		if (strcmp(jobq_verb_name(reading[i]), name) == 0)
			return true;
	return false;
}

/* The member of that name, of which there may be but one: who reads the first
 * and who reads the last must find the same. */
static enum jobq_status
find_once(const struct jobq_object *members, const char *name,
    const struct jobq_span **value, struct jobq_err *err)
{
	*value = NULL;
	for (size_t i = 0; i < members->count; i++) {
		if (!jobq_json_key_is(members->member[i].key, name))
			continue;
		if (*value != NULL)
			return jobq_fail(err, JOBQ_INVALID,
			    "member \"%s\" stands there twice", name);
		*value = &members->member[i].value;
	}
	return JOBQ_OK;
}

/* Checks what a store believes; all else it looks at by itself. */
static enum jobq_status
check_request(
    const struct jobq_buf *body, enum jobq_verb verb, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	const struct jobq_span *jobs = NULL, *events = NULL;
	enum jobq_status status =
	    jobq_object_scan(&members, body->data, body->len, err);

	if (status == JOBQ_OK)
		status = find_once(&members, "jobs", &jobs, err);
	if (status == JOBQ_OK)
		status = find_once(&members, "events", &events, err);
	if (status == JOBQ_OK && jobs != NULL && verb == JOBQ_VERB_PUSH)
		status = jobq_lines_check(*jobs, true, err);
	if (status == JOBQ_OK && events != NULL &&
	    (verb == JOBQ_VERB_SETTLE || verb == JOBQ_VERB_CLAIM))
		status = jobq_lines_check(*events, false, err);
	jobq_object_release(&members);
	return status;
}

static void
answer(struct jobq_request *request, struct jobq_pool_call *call)
{
	if (call->status != JOBQ_OK)
		jobq_request_failed(request, call->status, &call->err);
	else
		jobq_request_answer(request, 200, "application/x-ndjson",
		    call->answer.data, call->answer.len, NULL);
}

void
jobq_route_verb(struct jobq_request *request)
{
	struct jobq_err err;
	enum jobq_status status;
	size_t i = 0, count = sizeof(verbs) / sizeof(*verbs);

	while (i < count &&
	       strcmp(jobq_verb_name(verbs[i]), request->id.data) != 0)
		i++;
	if (i == count) {
		jobq_request_problem(request, 404, "unsupported",
		    "there is no verb '%s'", request->id.data);
		return;
	}
	if (request->body.len == 0)
		jobq_buf_puts(&request->body, "{}");
	status = check_request(&request->body, verbs[i], &err);
	if (status == JOBQ_OK)
		jobq_request_call(
		    request, verbs[i], &request->body, false, answer);
	else
		jobq_request_failed(request, status, &err);
	jobq_buf_release(&request->body);
}
