#include "mapping.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

void
jobq_mapping_release(struct jobq_mapping *mapping)
{
	jobq_jq_close(mapping->program);
	mapping->program = NULL;
	jobq_buf_release(&mapping->texts);
	jobq_buf_release(&mapping->result);
}

/* The path of the program, in the adapter or in what it stands on. */
static bool
find(const struct jobq_mapping *mapping, struct jobq_buf *path)
{
	const struct jobq_adapter *adapter = mapping->adapter;

	for (; adapter != NULL; adapter = adapter->under) {
		jobq_buf_clear(path);
		jobq_buf_printf(path, "%s/%s", adapter->folder, mapping->file);
		if (access(path->data, F_OK) == 0)
			return true;
	}
	return false;
}

bool
jobq_mapping_is_there(const struct jobq_mapping *mapping)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	bool there = find(mapping, &path);

	jobq_buf_release(&path);
	return there;
}

enum jobq_status
jobq_mapping_ready(struct jobq_mapping *mapping, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (mapping->program != NULL)
		return JOBQ_OK;
	find(mapping, &path);
	status = jobq_jq_open(&mapping->program, path.data, err);
	jobq_buf_release(&path);
	return status;
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
		jobq_json_put_flat(&text, member.value);
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
put_object(const struct jobq_mapping *mapping, struct jobq_buf *out,
    struct jobq_err *err)
{
	struct jobq_span object = { mapping->result.data, mapping->result.len };
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	struct jobq_span value;
	size_t cursor = 0;

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
		digits = mapping->ids && is_number(&member, &text);
		jobq_buf_puts(out, out->len > 1 ? ",\"" : "\"");
		jobq_buf_add(out, member.key.at, member.key.len);
		jobq_buf_puts(out, digits ? "\":\"" : "\":");
		jobq_json_put_flat(out, value);
		if (digits)
			jobq_buf_putc(out, '"');
	}
	jobq_buf_putc(out, '}');
	jobq_buf_release(&text);
	return status;
}

/* One string that holds the text of a whole object. */
static enum jobq_status
put_whole(const struct jobq_mapping *mapping, struct jobq_buf *out,
    struct jobq_err *err)
{
	struct jobq_span result = { mapping->result.data, mapping->result.len };
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span value = { NULL, 0 };
	enum jobq_status status = jobq_json_string(result, &text, NULL);

	if (status == JOBQ_OK)
		status = jobq_json_check(text.data, text.len, &value, NULL);
	if (status != JOBQ_OK || value.at[0] != '{')
		status = jobq_fail(err, JOBQ_INVALID,
		    "its result is a string that holds no object");
	else
		jobq_json_put_flat(out, value);
	jobq_buf_release(&text);
	return status;
}

enum jobq_status
jobq_mapping_run(struct jobq_mapping *mapping, struct jobq_span object,
    struct jobq_buf *out, struct jobq_err *err)
{
	enum jobq_status status = jobq_mapping_ready(mapping, err);
	char first;

	if (status != JOBQ_OK)
		return status;
	put_texts(&mapping->texts, object);
	status = jobq_jq_run(mapping->program, mapping->texts.data,
	    mapping->texts.len, &mapping->result, err);
	if (status != JOBQ_OK)
		return status;
	jobq_buf_clear(out);
	first = mapping->result.len == 0 ? '\0' : mapping->result.data[0];
	if (first == '{')
		status = put_object(mapping, out, err);
	else if (first == '"')
		status = put_whole(mapping, out, err);
	else
		status =
		    jobq_fail(err, JOBQ_INVALID, "its result is no object");
	if (status != JOBQ_OK)
		jobq_err_prefix(
		    err, "%s/%s", mapping->adapter->folder, mapping->file);
	return status;
}
