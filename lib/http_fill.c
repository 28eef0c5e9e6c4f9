#include "http_fill.h"

#include "http_client.h"

#include <ctype.h>
#include <string.h>

#include "banned.h"

/* The name between the braces that begin at text; false when it is unknown. */
static bool
placeholder(const char *text, struct jobq_span *name)
{
	const char *end = strchr(text, '}');

	if (end == NULL)
		return false;
	*name = (struct jobq_span){ text + 1, (size_t)(end - text) - 1 };
	return jobq_span_is(*name, "id") || jobq_span_is(*name, "name") ||
	       jobq_span_is(*name, "input") ||
	       (name->len > 6 && memcmp(name->at, "input.", 6) == 0 &&
		   memchr(name->at, '{', name->len) == NULL);
}

enum jobq_status
jobq_http_fill_check(const char *url, struct jobq_err *err)
{
	enum jobq_status status = jobq_http_check_url(url, err);
	const char *host = strstr(url, "://");
	const char *path, *at = url;

	if (status != JOBQ_OK)
		return status;
	path = host != NULL ? strchr(host + 3, '/') : NULL;
	while ((at = strchr(at, '{')) != NULL) {
		struct jobq_span name;

		if (path == NULL || at < path)
			return jobq_fail(err, JOBQ_CONFIG,
			    "placeholders may stand in the path and the "
			    "query, never in the scheme, host or port");
		if (!placeholder(at, &name))
			return jobq_fail(err, JOBQ_CONFIG,
			    "'%.40s' is none of {id}, {name}, {input} and "
			    "{input.path}; a brace itself is %%7B",
			    at);
		at = name.at + name.len;
	}
	return JOBQ_OK;
}

/* Adds what may stand in any part of a URL as it is, all else as %XX. */
static void
put_encoded(struct jobq_buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
			jobq_buf_putc(out, (char)c);
		else
			jobq_buf_printf(out, "%%%02X", c);
	}
}

/* Adds the value of a placeholder. */
static enum jobq_status
put_value(const struct jobq_job *job, const char *id, struct jobq_span name,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_span value;

	if (jobq_span_is(name, "id"))
		jobq_buf_puts(&text, id);
	else if (jobq_span_is(name, "name"))
		jobq_buf_puts(&text, job->name != NULL ? job->name : "default");
	else if (!jobq_json_path(&job->members, name.at, name.len, &value))
		status = jobq_fail(err, JOBQ_INVALID,
		    "missing_member: the job has no %.*s, which the URL needs",
		    (int)name.len, name.at);
	else if (value.at[0] == '{' || value.at[0] == '[')
		status = jobq_fail(err, JOBQ_INVALID,
		    "bad_argument: {%.*s} is an object or an array, which "
		    "cannot stand in a URL",
		    (int)name.len, name.at);
	else if (value.at[0] != '"')
		jobq_buf_add(&text, value.at, value.len);
	else
		status = jobq_json_string(value, &text, err);
	put_encoded(out, text.data, text.len);
	jobq_buf_release(&text);
	return status;
}

static enum jobq_status
check_part(const struct jobq_buf *url, size_t from, struct jobq_err *err)
{
	const char *part = url->len > from ? url->data + from : "";

	if (strcmp(part, "") != 0 && strcmp(part, ".") != 0 &&
	    strcmp(part, "..") != 0)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_INVALID,
	    "bad_argument: a part of the URL's path would be '%s', which is "
	    "another path",
	    part);
}

enum jobq_status
jobq_http_fill(const char *url, const struct jobq_job *job, const char *id,
    struct jobq_buf *out, struct jobq_err *err)
{
	const char *at = url;
	enum jobq_status status = JOBQ_OK;
	bool filled = false;
	bool path = true;
	size_t part = 0;

	jobq_buf_clear(out);
	for (; status == JOBQ_OK; at++) {
		struct jobq_span name;

		if (*at == '{' && placeholder(at, &name)) {
			status = put_value(job, id, name, out, err);
			filled = true;
			at = name.at + name.len;
			continue;
		}
		if (strchr("/?#", *at) != NULL) { /* its NUL, too */
			if (path && filled)
				status = check_part(out, part, err);
			path = path && *at == '/';
			filled = false;
			part = out->len + 1;
		}
		if (*at == '\0')
			break;
		jobq_buf_putc(out, *at);
	}
	return status;
}
