/*
 * The steps of a foreign API: what adapter.json says of them under "http",
 * and how they are made.
 */
#include "http_api.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* An API that lists all it has at once may have much. */
#define LIST_BYTES ((size_t)16 << 20)
#define ANSWER_BYTES ((size_t)1 << 20)

static const char *const names[JOBQ_REMOTE_STEPS] = {
	[JOBQ_REMOTE_LIST] = "list",
	[JOBQ_REMOTE_STARTED] = "started",
	[JOBQ_REMOTE_COMPLETED] = "completed",
	[JOBQ_REMOTE_FAILED] = "failed",
};

static enum jobq_status
bad_step(const struct jobq_adapter *adapter, const char *name, const char *must,
    struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "%s/adapter.json: \"http\": \"%s\" must %s", adapter->folder, name,
	    must);
}

/* The string at value, or NULL: it is none, or has a line break. */
static char *
read_string(struct jobq_span value)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (jobq_json_string(value, &text, NULL) != JOBQ_OK ||
	    (text.len > 0 && strpbrk(text.data, "\r\n") != NULL)) {
		jobq_buf_release(&text);
		return NULL;
	}
	return jobq_buf_detach(&text);
}

static bool
read_headers(struct curl_slist **list, struct jobq_span value)
{
	struct jobq_buf line = JOBQ_BUF_INIT;
	struct jobq_member member;
	size_t cursor = 0;
	bool good = value.at[0] == '{';

	while (good && jobq_json_member(value, &cursor, &member)) {
		char *text = read_string(member.value);

		good = text != NULL &&
		       memchr(member.key.at, '\\', member.key.len) == NULL;
		jobq_buf_clear(&line);
		jobq_buf_add(&line, member.key.at, member.key.len);
		jobq_buf_printf(&line, ": %s", good ? text : "");
		if (good)
			jobq_remote_add_header(list, line.data);
		free(text);
	}
	jobq_buf_release(&line);
	return good;
}

static bool
read_codes(long codes[JOBQ_REMOTE_CODES], struct jobq_span value)
{
	struct jobq_span element;
	size_t cursor = 0, count = 0;
	int64_t code = 0;

	if (value.at[0] != '[')
		return false;
	while (jobq_json_element(value, &cursor, &element)) {
		if (count == JOBQ_REMOTE_CODES - 1 ||
		    jobq_json_int(element, &code, NULL) != JOBQ_OK ||
		    code < 400 || code > 499)
			return false;
		codes[count++] = (long)code;
	}
	return true;
}

static bool
read_lists(struct jobq_remote_api *api, struct jobq_span value)
{
	struct jobq_span element;
	size_t cursor = 0, count = 0, cap = 0;
	char *name = NULL;

	if (value.at[0] != '[')
		return false;
	do {
		bool more = jobq_json_element(value, &cursor, &element);

		name = more ? read_string(element) : NULL;
		if (more && name == NULL)
			return false;
		api->lists =
		    jobq_grow(api->lists, count, &cap, sizeof *api->lists);
		api->lists[count] = name;
		api->lists[count + (name != NULL)] = NULL;
		count++;
	} while (name != NULL);
	return true;
}

static enum jobq_status
read_member(struct jobq_remote_api *api, const struct jobq_adapter *adapter,
    enum jobq_remote_step_name name, const struct jobq_member *member,
    struct jobq_err *err)
{
	struct jobq_remote_step *step = &api->step[name];
	struct jobq_span value = member->value;

	if (jobq_json_key_is(member->key, "method")) {
		free(step->method);
		step->method = read_string(value);
		if (step->method == NULL ||
		    step->method[strspn(
			step->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
			return bad_step(adapter, names[name],
			    "have a \"method\" such as POST", err);
	} else if (jobq_json_key_is(member->key, "path")) {
		free(step->path);
		step->path = read_string(value);
	} else if (jobq_json_key_is(member->key, "headers")) {
		if (!read_headers(&step->headers, value))
			return bad_step(adapter, names[name],
			    "have \"headers\" as an object of strings", err);
	} else if (jobq_json_key_is(member->key, "stale") ||
		   jobq_json_key_is(member->key, "unknown")) {
		if (!read_codes(jobq_json_key_is(member->key, "stale")
				    ? step->stale
				    : step->unknown,
			value))
			return bad_step(adapter, names[name],
			    "have at most 7 codes from 400 to 499 as "
			    "\"stale\" and as \"unknown\"",
			    err);
	} else if (name != JOBQ_REMOTE_LIST ||
		   !jobq_json_key_is(member->key, "in") || api->lists != NULL ||
		   !read_lists(api, value)) {
		return bad_step(adapter, names[name],
		    "have method, path, headers, stale, unknown, and where it "
		    "is \"list\" an array of names as \"in\"; no others",
		    err);
	}
	return JOBQ_OK;
}

static enum jobq_status
read_step(struct jobq_remote_api *api, const struct jobq_adapter *adapter,
    enum jobq_remote_step_name name, struct jobq_span value,
    struct jobq_err *err)
{
	struct jobq_remote_step *step = &api->step[name];
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	size_t cursor = 0;

	while (status == JOBQ_OK && jobq_json_member(value, &cursor, &member))
		status = read_member(api, adapter, name, &member, err);
	if (status != JOBQ_OK)
		return status;
	if (step->path == NULL || step->path[0] != '/')
		return bad_step(adapter, names[name],
		    "have a \"path\" that begins with '/'", err);
	if (step->method == NULL)
		step->method =
		    jobq_xstrdup(name == JOBQ_REMOTE_LIST ? "GET" : "POST");
	return JOBQ_OK;
}

enum jobq_status
jobq_remote_steps_read(struct jobq_remote_api *api,
    const struct jobq_adapter *adapter, struct jobq_span http,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;

	for (int i = 0; i < JOBQ_REMOTE_STEPS && status == JOBQ_OK; i++) {
		size_t cursor = 0;
		bool found = false;

		while (!found && jobq_json_member(http, &cursor, &member))
			found = jobq_json_key_is(member.key, names[i]);
		status =
		    found && member.value.at[0] == '{'
			? read_step(api, adapter, (enum jobq_remote_step_name)i,
			      member.value, err)
			: bad_step(adapter, names[i], "be an object", err);
	}
	return status;
}

void
jobq_remote_steps_release(struct jobq_remote_api *api)
{
	for (size_t i = 0; api->lists != NULL && api->lists[i] != NULL; i++)
		free(api->lists[i]);
	free(api->lists);
	for (int i = 0; i < JOBQ_REMOTE_STEPS; i++) {
		free(api->step[i].method);
		free(api->step[i].path);
		curl_slist_free_all(api->step[i].headers);
	}
}

/* The path with the id in place of {id}; ids need few escapes. */
static void
put_path(struct jobq_buf *out, const char *path, const char *id)
{
	static const char mark[] = "{id}";
	const char *at;

	while (id != NULL && (at = strstr(path, mark)) != NULL) {
		jobq_buf_add(out, path, (size_t)(at - path));
		for (const char *c = id; *c != '\0'; c++)
			if (*c == ':' || *c == '@')
				jobq_buf_printf(out, "%%%02X", (unsigned)*c);
			else
				jobq_buf_putc(out, *c);
		path = at + sizeof mark - 1;
	}
	jobq_buf_puts(out, path);
}

enum jobq_status
jobq_remote_step(struct jobq_remote *store, enum jobq_remote_step_name name,
    const char *id, const struct jobq_buf *body, int64_t deadline,
    struct jobq_remote_answer *answer, struct jobq_err *err)
{
	const struct jobq_remote_step *step = &store->api->step[name];
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_remote_request request = {
		.method = step->method,
		.body = body == NULL ? NULL : body->data,
		.len = body == NULL ? 0 : body->len,
		.headers = step->headers,
		.most_bytes =
		    name == JOBQ_REMOTE_LIST ? LIST_BYTES : ANSWER_BYTES,
		.cuts = name != JOBQ_REMOTE_LIST,
		.once = name != JOBQ_REMOTE_LIST,
		.deadline = deadline,
	};
	enum jobq_status status;

	put_path(&path, step->path, id);
	request.path = path.data;
	status = jobq_remote_ask(store, &request, answer, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "%s %s", step->method, path.data);
	jobq_buf_release(&path);
	return status;
}

bool
jobq_remote_means(const long codes[JOBQ_REMOTE_CODES], long code)
{
	for (size_t i = 0; i < JOBQ_REMOTE_CODES && codes[i] != 0; i++)
		if (codes[i] == code)
			return true;
	return false;
}

enum jobq_status
jobq_remote_step_failed(struct jobq_remote *store,
    enum jobq_remote_step_name name, const struct jobq_remote_answer *answer,
    struct jobq_err *err)
{
	const struct jobq_remote_step *step = &store->api->step[name];
	const char *advice = "";
	enum jobq_status status = JOBQ_AGAIN;
	long code = answer->code;

	/* What has worked before is away, and not set up wrongly. */
	if (code == 401 || code == 403) {
		status = store->api->worked ? JOBQ_AGAIN : JOBQ_CONFIG;
		advice = "; it wants to know who asks: name a token file with "
			 "?token_file= or JOBQ_TOKEN_FILE";
	} else if (code < 400 || code == 405 ||
		   (name == JOBQ_REMOTE_LIST && code < 500 && code != 408 &&
		       code != 429)) {
		status = store->api->worked ? JOBQ_AGAIN : JOBQ_CONFIG;
		advice = code < 400 ? "; redirects are not followed: use the "
				      "URL that it leads to"
				    : "; is this the API's URL?";
	} else if (code < 500 && code != 408 && code != 429) {
		status = JOBQ_INVALID;
	}
	return jobq_fail(err, status, "'%s': %s %s was answered %ld%s",
	    store->name.data, step->method, step->path, code, advice);
}
