/*
 * Claiming at a foreign API, as http_api.c tells: what is listed is taken by
 * telling the API that it is started.
 */
#include "http_list.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/*
 * A list may be older than what was asked of the API before, so a job that
 * this process took is not taken again for so long.
 */
#define TAKEN_MS 60000

/* How a started ended. */
enum outcome {
	TAKEN,
	LOST, /* somebody else has it, or nobody will */
};

struct claim {
	struct jobq_remote *store;
	const struct jobq_object *request;
	int64_t begun, deadline;
	int64_t limit;
	struct jobq_span worker; /* its JSON text */
	int64_t taken;
	int64_t passed; /* that others have, or that we hold already */
	struct jobq_buf *out;
};

/* Which worker an answer names: 1 ours, 0 another, -1 none. */
static int
whose(struct jobq_span worker, const struct jobq_buf *body)
{
	static const char *const paths[] = { "worker", "job.worker",
		"data.worker" };
	struct jobq_object members = { 0 };
	struct jobq_buf ours = JOBQ_BUF_INIT, theirs = JOBQ_BUF_INIT;
	struct jobq_span named;
	int verdict = -1;

	if (jobq_object_scan(&members, body->data, body->len, NULL) == JOBQ_OK)
		for (size_t i = 0; i < 3 && verdict < 0; i++) {
			jobq_buf_clear(&theirs);
			if (!jobq_json_path(
				&members, paths[i], strlen(paths[i]), &named) ||
			    jobq_json_string(named, &theirs, NULL) != JOBQ_OK ||
			    theirs.len == 0)
				continue;
			jobq_json_string(worker, &ours, NULL);
			jobq_buf_puts(&ours, "");
			verdict = strcmp(ours.data, theirs.data) == 0;
		}
	jobq_object_release(&members);
	jobq_buf_release(&ours);
	jobq_buf_release(&theirs);
	return verdict;
}

static bool
is_doubted(const struct claim *claim, const struct jobq_remote_found *found)
{
	const struct jobq_remote_doubt *doubt = &claim->store->api->doubt;

	return doubt->id.len > 0 && strcmp(doubt->id.data, found->id.data) == 0;
}

static void
set_doubt(
    struct claim *claim, const struct jobq_remote_found *found, bool refused)
{
	struct jobq_remote_doubt *doubt = &claim->store->api->doubt;

	/* One that was cut stays so, whatever its repetition was answered. */
	if (is_doubted(claim, found))
		return;
	jobq_remote_doubt_drop(claim->store);
	jobq_buf_add(&doubt->id, found->id.data, found->id.len);
	jobq_buf_clear(&doubt->line);
	jobq_buf_add(&doubt->line, found->line.data, found->line.len);
	doubt->refused = refused;
}

/* A started was answered that another was first: it may have been us. */
static enum outcome
decide(struct claim *claim, const struct jobq_remote_found *found,
    const struct jobq_remote_answer *answer)
{
	const struct jobq_remote_doubt *doubt = &claim->store->api->doubt;
	const char *id = found->id.data, *name = claim->store->name.data;
	int verdict;

	if (!is_doubted(claim, found))
		return LOST;
	verdict = whose(claim->worker, &answer->body);
	if (verdict >= 0)
		return verdict == 1 ? TAKEN : LOST;
	if (doubt->refused) {
		jobq_log_code(JOBQ_WARNING, "unanswered", id,
		    "job %s is not run: '%s' refused that it is started, and "
		    "now says that it is; if nobody runs it, look there",
		    id, name);
		return LOST;
	}
	jobq_log_code(JOBQ_WARNING, "unanswered", id,
	    "job %s is run: '%s' did not answer when it was started, and now "
	    "says %ld, which is taken for our own first try",
	    id, name, answer->code);
	return TAKEN;
}

static enum jobq_status
judge(struct claim *claim, const struct jobq_remote_found *found,
    const struct jobq_remote_answer *answer, enum outcome *outcome,
    struct jobq_err *err)
{
	struct jobq_remote *store = claim->store;
	const struct jobq_remote_step *step =
	    &store->api->step[JOBQ_REMOTE_STARTED];
	struct jobq_span id = { found->id.data, found->id.len };
	struct jobq_err why = { .text = "" };
	enum jobq_status status;

	*outcome = LOST;
	if (answer->code / 100 == 2)
		*outcome = TAKEN;
	else if (jobq_remote_means(step->stale, answer->code))
		*outcome = decide(claim, found, answer);
	else if (!jobq_remote_means(step->unknown, answer->code)) {
		status = jobq_remote_step_failed(
		    store, JOBQ_REMOTE_STARTED, answer, &why);
		if (status != JOBQ_INVALID) {
			/* By 502 and 504 a proxy says that no answer came. */
			if (answer->code >= 500)
				set_doubt(claim, found,
				    answer->code != 502 && answer->code != 504);
			return jobq_fail(err, status, "%s", why.text);
		}
		if (jobq_remote_may_say(store->api, id))
			jobq_log_code(JOBQ_WARNING, "bad_job", found->id.data,
			    "job %s is passed over: %s", found->id.data,
			    why.text);
	}
	if (is_doubted(claim, found))
		jobq_buf_clear(&store->api->doubt.id);
	return JOBQ_OK;
}

/* What event.jq makes of a started. */
static enum jobq_status
make_body(struct claim *claim, const struct jobq_remote_found *found,
    struct jobq_buf *body, struct jobq_err *err)
{
	struct jobq_buf event = JOBQ_BUF_INIT;
	struct jobq_span whole;
	enum jobq_status status;

	jobq_buf_printf(&event,
	    "{\"event\":\"started\",\"id\":\"%s\",\"epoch\":1,\"worker\":",
	    found->id.data);
	jobq_buf_add(&event, claim->worker.at, claim->worker.len);
	jobq_buf_putc(&event, '}');
	whole = (struct jobq_span){ event.data, event.len };
	status = jobq_remote_map_event(claim->store, whole, body, err);
	if (status == JOBQ_EMPTY) {
		jobq_buf_clear(body);
		jobq_buf_puts(body, "{}");
		status = JOBQ_OK;
	}
	jobq_buf_release(&event);
	/* The job is not to blame that the program fails. */
	return status == JOBQ_INVALID ? JOBQ_CONFIG : status;
}

/* One that is not answered is sent once more at once. */
static enum jobq_status
start_job(struct claim *claim, const struct jobq_remote_found *found,
    enum outcome *outcome, struct jobq_err *err)
{
	struct jobq_remote *store = claim->store;
	struct jobq_buf body = JOBQ_BUF_INIT;
	struct jobq_remote_answer answer;
	enum jobq_status status = make_body(claim, found, &body, err);
	bool again = status == JOBQ_OK;

	for (int tries = 0; again && tries < 2; tries++) {
		status = jobq_remote_step(store, JOBQ_REMOTE_STARTED,
		    found->id.data, &body, claim->deadline, &answer, err);
		again = status != JOBQ_OK && answer.sent;
		if (again)
			set_doubt(claim, found, false);
		again = again && jobq_mono_ms() < claim->deadline;
		if (status == JOBQ_OK)
			status = judge(claim, found, &answer, outcome, err);
		jobq_remote_answer_release(&answer);
	}
	jobq_buf_release(&body);
	return status;
}

static bool
is_taken(const struct jobq_remote_api *api, const char *id)
{
	int64_t since = jobq_mono_ms() - TAKEN_MS;

	for (size_t i = 0; i < JOBQ_REMOTE_TAKEN && i < api->takings; i++)
		if (api->taken[i].at_ms > since &&
		    strcmp(api->taken[i].id, id) == 0)
			return true;
	return false;
}

static void
note_taken(struct jobq_remote_api *api, const char *id)
{
	struct jobq_remote_taken *taken =
	    &api->taken[api->takings++ % JOBQ_REMOTE_TAKEN];

	free(taken->id);
	taken->id = jobq_xstrdup(id);
	taken->at_ms = jobq_mono_ms();
}

static void
hand_over(struct claim *claim, const struct jobq_remote_found *found)
{
	const struct jobq_span *ring = jobq_asked_get(claim->request, "ring");

	jobq_buf_add(claim->out, found->line.data, found->line.len);
	jobq_buf_puts(claim->out, ",\"attempt\":1,\"max_attempts\":1,"
				  "\"state\":\"running\",\"lease\":{"
				  "\"epoch\":1,\"worker\":");
	jobq_buf_add(claim->out, claim->worker.at, claim->worker.len);
	if (ring != NULL && jobq_span_is(*ring, "true"))
		jobq_buf_puts(claim->out, ",\"ring\":true");
	jobq_buf_puts(claim->out, "}}\n");
	jobq_remote_forget(claim->store->api, found->id.data);
	note_taken(claim->store->api, found->id.data);
	claim->taken++;
}

static enum jobq_status
take_job(struct claim *claim, const struct jobq_remote_found *found,
    struct jobq_err *err)
{
	enum outcome outcome = LOST;
	enum jobq_status status = start_job(claim, found, &outcome, err);

	if (status == JOBQ_OK && outcome == TAKEN)
		hand_over(claim, found);
	else if (status == JOBQ_OK)
		claim->passed++;
	return status;
}

/* Whether the worker of the request has this job, as the ring says. */
static bool
is_held(const struct jobq_object *request, const char *id)
{
	const struct jobq_span *held = jobq_asked_get(request, "held");
	struct jobq_span pair;
	size_t cursor = 0;

	while (held != NULL && jobq_json_element(*held, &cursor, &pair))
		if (jobq_remote_is_in(pair, id))
			return true;
	return false;
}

/*
 * Before anything new: a job whose started was not answered. One that is
 * listed still waits, and is like any other.
 */
static enum jobq_status
settle_doubt(
    struct claim *claim, struct jobq_remote_jobs *jobs, struct jobq_err *err)
{
	struct jobq_remote_doubt *doubt = &claim->store->api->doubt;
	const struct jobq_span *ids = jobq_asked_get(claim->request, "ids");
	struct jobq_remote_found found = { .line = JOBQ_BUF_INIT };
	enum jobq_status status = JOBQ_OK;
	bool listed = false;

	if (doubt->id.len == 0 ||
	    (ids != NULL && !jobq_remote_is_in(*ids, doubt->id.data)))
		return JOBQ_OK;
	while (status == JOBQ_OK && !listed) {
		status = jobq_remote_jobs_next(claim->store, jobs, &found, err);
		listed = status == JOBQ_OK &&
			 strcmp(found.id.data, doubt->id.data) == 0;
	}
	jobs->cursor = 0;
	if (listed) {
		jobq_buf_clear(&doubt->id);
	} else if (status == JOBQ_EMPTY) {
		jobq_buf_clear(&found.id);
		jobq_buf_add(&found.id, doubt->id.data, doubt->id.len);
		jobq_buf_clear(&found.line);
		jobq_buf_add(&found.line, doubt->line.data, doubt->line.len);
		status = take_job(claim, &found, err);
	}
	jobq_remote_found_release(&found);
	return status;
}

/* What is taken already is handed over before half of the time is gone. */
static bool
has_time(const struct claim *claim)
{
	int64_t half = (claim->deadline - claim->begun) / 2;

	return claim->taken == 0 || jobq_mono_ms() < claim->begun + half;
}

static enum jobq_status
take_jobs(
    struct claim *claim, struct jobq_remote_jobs *jobs, struct jobq_err *err)
{
	struct jobq_remote_found found = { .line = JOBQ_BUF_INIT };
	enum jobq_status status = settle_doubt(claim, jobs, err);

	while (status == JOBQ_OK && claim->taken < claim->limit &&
	       has_time(claim) && claim->out->len < JOBQ_PAGE_BYTES) {
		status = jobq_remote_jobs_next(claim->store, jobs, &found, err);
		if (status != JOBQ_OK ||
		    !jobq_remote_is_wanted(claim->request, &found))
			continue;
		if (is_held(claim->request, found.id.data) ||
		    is_taken(claim->store->api, found.id.data))
			claim->passed++;
		else
			status = take_job(claim, &found, err);
	}
	if (status == JOBQ_EMPTY) {
		jobq_buf_printf(claim->out,
		    "{\"event\":\"idle\",\"unfinished\":%lld}\n",
		    (long long)(claim->passed + claim->taken));
		status = JOBQ_OK;
	} else if (status != JOBQ_OK && claim->taken > 0) {
		jobq_log_code(JOBQ_WARNING, "backend_unreachable", NULL,
		    "%s; %lld jobs were claimed before", err->text,
		    (long long)claim->taken);
		status = JOBQ_OK;
	}
	jobq_remote_found_release(&found);
	return status;
}

enum jobq_status
jobq_remote_claim(struct jobq_remote *store, const struct jobq_object *request,
    int64_t deadline, struct jobq_buf *out, struct jobq_err *err)
{
	const struct jobq_span *worker = jobq_asked_get(request, "worker");
	struct jobq_err why = { .text = "" };
	struct claim claim = {
		.store = store,
		.request = request,
		.begun = jobq_mono_ms(),
		.deadline = deadline,
		.limit = jobq_asked_number(request, "limit", 0),
		.out = out,
	};
	struct jobq_remote_jobs jobs = { .cursor = 0 };
	enum jobq_status status;

	status = jobq_remote_settle(store, request, deadline, out, err);
	if (status != JOBQ_OK || claim.limit <= 0)
		return status;
	if (worker == NULL || worker->at[0] != '"')
		return jobq_fail(
		    err, JOBQ_INVALID, "a claim must name its worker");
	claim.worker = *worker;
	status = jobq_remote_map_ready(store, &why);
	if (status == JOBQ_OK)
		status = jobq_remote_jobs_get(store, deadline, &jobs, &why);
	if (status == JOBQ_OK)
		status = take_jobs(&claim, &jobs, &why);
	if (status != JOBQ_OK)
		jobq_fail(err, status, "%s", why.text);
	jobq_remote_answer_release(&jobs.answer);
	return status;
}
