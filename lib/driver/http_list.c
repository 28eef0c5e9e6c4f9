/*
 * The list of a foreign API, and what of it is asked for.
 */
#include "http_list.h"

#include "id.h"
#include "line.h"
#include "log.h"

#include <string.h>

#include "banned.h"

void
jobq_remote_found_release(struct jobq_remote_found *found)
{
	jobq_buf_release(&found->line);
	jobq_buf_release(&found->id);
	jobq_object_release(&found->members);
}

bool
jobq_remote_may_say(struct jobq_remote_api *api, struct jobq_span text)
{
	char hash[17];

	jobq_line_hash(text.at, text.len, hash);
	for (size_t i = 0; i < JOBQ_REMOTE_SAID; i++)
		if (strcmp(api->said[i], hash) == 0)
			return false;
	memcpy(api->said[api->sayings++ % JOBQ_REMOTE_SAID], hash, sizeof hash);
	return true;
}

static enum jobq_status
no_list(const struct jobq_remote *store, const char *what, struct jobq_err *err)
{
	const struct jobq_remote_step *step =
	    &store->api->step[JOBQ_REMOTE_LIST];

	return jobq_fail(err, JOBQ_AGAIN,
	    "'%s': %s %s was answered with something that is no list of jobs: "
	    "%s",
	    store->name.data, step->method, step->path, what);
}

/* An array, or an object that has one under a name that the adapter says. */
static enum jobq_status
find_list(const struct jobq_remote *store, struct jobq_remote_jobs *jobs,
    struct jobq_err *err)
{
	const struct jobq_buf *body = &jobs->answer.body;
	struct jobq_err why = { .text = "" };
	struct jobq_span whole;
	char **name = store->api->lists;

	if (jobq_json_check(body->data, body->len, &whole, &why) != JOBQ_OK)
		return no_list(store, why.text, err);
	jobs->list = whole;
	if (whole.at[0] == '[')
		return JOBQ_OK;
	for (; whole.at[0] == '{' && name != NULL && *name != NULL; name++) {
		struct jobq_member member;
		size_t cursor = 0;

		while (jobq_json_member(whole, &cursor, &member)) {
			jobs->list = member.value;
			if (jobq_json_key_is(member.key, *name) &&
			    member.value.at[0] == '[')
				return JOBQ_OK;
		}
	}
	return no_list(store, "there is no array in it", err);
}

enum jobq_status
jobq_remote_jobs_get(struct jobq_remote *store, int64_t deadline,
    struct jobq_remote_jobs *jobs, struct jobq_err *err)
{
	enum jobq_status status;

	*jobs = (struct jobq_remote_jobs){ .cursor = 0 };
	status = jobq_remote_step(
	    store, JOBQ_REMOTE_LIST, NULL, NULL, deadline, &jobs->answer, err);
	if (status == JOBQ_OK && jobs->answer.code / 100 != 2)
		status = jobq_remote_step_failed(
		    store, JOBQ_REMOTE_LIST, &jobs->answer, err);
	if (status == JOBQ_OK)
		status = find_list(store, jobs, err);
	if (status == JOBQ_OK)
		store->api->worked = true;
	return status;
}

/* --- what is asked for --------------------------------------------------- */

bool
jobq_remote_is_in(struct jobq_span list, const char *text)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_span element;
	size_t cursor = 0;
	bool found = false;

	while (!found && jobq_json_element(list, &cursor, &element)) {
		jobq_buf_clear(&name);
		found = jobq_json_string(element, &name, NULL) == JOBQ_OK &&
			name.len > 0 && strcmp(name.data, text) == 0;
	}
	jobq_buf_release(&name);
	return found;
}

/* Whether the job's member is what the request's member says. */
static bool
agrees(const struct jobq_object *request, const struct jobq_object *job,
    const char *name)
{
	const struct jobq_span *wanted = jobq_asked_get(request, name);
	const struct jobq_span *is = jobq_asked_get(job, name);
	struct jobq_buf one = JOBQ_BUF_INIT, other = JOBQ_BUF_INIT;
	bool same;

	if (wanted == NULL)
		return true;
	if (is == NULL)
		jobq_buf_puts(&other, "default");
	else
		jobq_json_string(*is, &other, NULL);
	same = jobq_json_string(*wanted, &one, NULL) == JOBQ_OK &&
	       one.len == other.len &&
	       (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
	jobq_buf_release(&one);
	jobq_buf_release(&other);
	return same;
}

static bool
of_queues(const struct jobq_object *request, const struct jobq_object *job)
{
	const struct jobq_span *queues = jobq_asked_get(request, "queues");
	const struct jobq_span *queue = jobq_asked_get(job, "queue");
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_span first;
	size_t cursor = 0;
	bool good;

	if (queues == NULL || !jobq_json_element(*queues, &cursor, &first))
		return true;
	if (queue == NULL || jobq_json_string(*queue, &name, NULL) != JOBQ_OK)
		jobq_buf_puts(&name, "default");
	jobq_buf_puts(&name, "");
	good = jobq_remote_is_in(*queues, name.data);
	jobq_buf_release(&name);
	return good;
}

static bool
ends_so(const struct jobq_object *request, const struct jobq_buf *id)
{
	const struct jobq_span *tail = jobq_asked_get(request, "tail");
	struct jobq_buf end = JOBQ_BUF_INIT;
	bool good;

	if (tail == NULL)
		return true;
	good = jobq_json_string(*tail, &end, NULL) == JOBQ_OK && end.len > 0 &&
	       end.len <= id->len &&
	       strcmp(id->data + id->len - end.len, end.data) == 0;
	jobq_buf_release(&end);
	return good;
}

bool
jobq_remote_is_wanted(
    const struct jobq_object *request, struct jobq_remote_found *found)
{
	const struct jobq_span *ids = jobq_asked_get(request, "ids");
	struct jobq_buf line = JOBQ_BUF_INIT;
	bool good = (ids == NULL || jobq_remote_is_in(*ids, found->id.data)) &&
		    ends_so(request, &found->id);

	if (good) {
		jobq_buf_add(&line, found->line.data, found->line.len);
		jobq_buf_putc(&line, '}');
		good = jobq_object_scan(&found->members, line.data, line.len,
			   NULL) == JOBQ_OK &&
		       of_queues(request, &found->members) &&
		       agrees(request, &found->members, "name") &&
		       agrees(request, &found->members, "flow");
	}
	jobq_buf_release(&line);
	return good;
}

/* What is no job is told of by its id, whatever that is. */
static void
say_passed_over(struct jobq_remote *store, struct jobq_span element,
    const struct jobq_err *why)
{
	struct jobq_span id = { "none", 4 };
	struct jobq_member member;
	size_t cursor = 0;

	if (!jobq_remote_may_say(store->api, element))
		return;
	while (jobq_json_member(element, &cursor, &member))
		if (jobq_json_key_is(member.key, "id"))
			id = member.value;
	jobq_log_code(JOBQ_WARNING, "bad_job", NULL,
	    "'%s': a job that it lists, with the id %.*s, is passed over: %s",
	    store->name.data, (int)(id.len > 160 ? 160 : id.len), id.at,
	    why->text);
}

enum jobq_status
jobq_remote_jobs_next(struct jobq_remote *store, struct jobq_remote_jobs *jobs,
    struct jobq_remote_found *found, struct jobq_err *err)
{
	struct jobq_span element;

	while (jobq_json_element(jobs->list, &jobs->cursor, &element)) {
		struct jobq_err why = { .text = "" };
		enum jobq_status status = jobq_remote_map_job(
		    store, element, &found->line, &found->id, &why);

		if (status == JOBQ_INVALID)
			say_passed_over(store, element, &why);
		if (status != JOBQ_INVALID && status != JOBQ_EMPTY) {
			return status == JOBQ_OK
				   ? JOBQ_OK
				   : jobq_fail(err, status, "%s", why.text);
		}
	}
	return JOBQ_EMPTY;
}

/* What of a list the API cannot be asked for. */
static enum jobq_status
check_list(const struct jobq_remote *store, const struct jobq_object *request,
    struct jobq_err *err)
{
	static const char *const none[] = { "key", "older_ms", "stuck_ms" };
	const struct jobq_span *by = jobq_asked_get(request, "by");
	const struct jobq_span *state = jobq_asked_get(request, "state");

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (jobq_asked_get(request, none[i]) != NULL)
			return jobq_fail(err, JOBQ_UNSUPPORTED,
			    "%s: '%s' cannot be asked for this",
			    strcmp(none[i], "key") == 0 ? "key" : "older",
			    store->name.data);
	if ((by != NULL && (jobq_span_is(*by, "\"running\"") ||
			       jobq_span_is(*by, "\"failed\""))) ||
	    (state != NULL && !jobq_span_is(*state, "\"pending\"")))
		return jobq_fail(err, JOBQ_UNSUPPORTED,
		    "states: of '%s' only jobs that are pending can be listed",
		    store->name.data);
	return JOBQ_OK;
}

/* The cursor of a page is how many jobs came before. */
enum jobq_status
jobq_remote_list(struct jobq_remote *store, const struct jobq_object *request,
    int64_t deadline, struct jobq_buf *out, struct jobq_err *err)
{
	int64_t limit = jobq_asked_number(request, "limit", JOBQ_PAGE_LINES);
	int64_t after = jobq_asked_number(request, "after", 0), seen = 0,
		count = 0;
	struct jobq_remote_jobs jobs = { .cursor = 0 };
	struct jobq_remote_found found = { .line = JOBQ_BUF_INIT };
	enum jobq_status status = check_list(store, request, err);

	if (status == JOBQ_OK)
		status = jobq_remote_jobs_get(store, deadline, &jobs, err);
	while (status == JOBQ_OK) {
		status = jobq_remote_jobs_next(store, &jobs, &found, err);
		if (status != JOBQ_OK ||
		    !jobq_remote_is_wanted(request, &found))
			continue;
		if (seen++ < after)
			continue;
		if (count == limit || out->len > JOBQ_PAGE_BYTES) {
			jobq_buf_printf(out,
			    "{\"event\":\"page\",\"after\":%lld}\n",
			    (long long)(after + count));
			break;
		}
		jobq_buf_add(out, found.line.data, found.line.len);
		jobq_buf_puts(out, ",\"attempt\":0,\"max_attempts\":1,"
				   "\"state\":\"pending\"}\n");
		count++;
	}
	jobq_remote_answer_release(&jobs.answer);
	jobq_remote_found_release(&found);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}
