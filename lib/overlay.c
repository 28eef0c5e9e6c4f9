#include "overlay.h"

#include "job.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

void
jobq_overlay_release(struct jobq_overlay *overlay)
{
	jobq_buf_release(&overlay->text);
}

static void
put_name(struct jobq_overlay *overlay, const char *name)
{
	jobq_buf_puts(&overlay->text, overlay->text.len == 0 ? "{" : ",");
	jobq_json_put_string(&overlay->text, name, strlen(name));
	jobq_buf_putc(&overlay->text, ':');
}

void
jobq_overlay_text(
    struct jobq_overlay *overlay, const char *name, const char *text)
{
	if (text == NULL)
		return;
	put_name(overlay, name);
	jobq_json_put_lossy(&overlay->text, text, strlen(text));
}

void
jobq_overlay_int(struct jobq_overlay *overlay, const char *name, int64_t number)
{
	if (number == JOBQ_ABSENT)
		return;
	put_name(overlay, name);
	jobq_buf_int(&overlay->text, number);
}

void
jobq_overlay_json(
    struct jobq_overlay *overlay, const char *name, const char *json)
{
	if (json == NULL)
		return;
	put_name(overlay, name);
	jobq_buf_puts(&overlay->text, json);
}

/* A null counts as absent, here as everywhere. */
static bool
has_member(const struct jobq_object *members, const char *name)
{
	const struct jobq_span *value = jobq_object_get(members, name);

	return value != NULL && !jobq_span_is(*value, "null");
}

/* The names of wanted members that the line lacks, NULL-terminated. */
static char **
find_lacking(
    const struct jobq_object *members, const struct jobq_object *wanted)
{
	char **names = jobq_xcalloc(wanted->count + 1, sizeof *names);
	size_t count = 0;

	for (size_t i = 0; i < wanted->count; i++) {
		struct jobq_span key = wanted->member[i].key;
		char *name = jobq_xstrndup(key.at, key.len);

		if (has_member(members, name))
			free(name);
		else
			names[count++] = name;
	}
	return names;
}

enum jobq_status
jobq_overlay_apply(const struct jobq_overlay *overlay,
    struct jobq_object *members, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_object wanted = { 0 };
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;
	char **lacking;
	bool more;

	jobq_buf_add(&text, overlay->text.data, overlay->text.len);
	jobq_buf_puts(&text, text.len == 0 ? "{}" : "}");
	status = jobq_object_scan(&wanted, text.data, text.len, err);
	jobq_buf_clear(out);
	lacking = find_lacking(members, &wanted);
	more = jobq_line_strip(members, (const char *const *)lacking, out);
	for (char **name = lacking; *name != NULL; name++) {
		const struct jobq_span *value = jobq_object_get(&wanted, *name);

		if (more)
			jobq_buf_putc(out, ',');
		jobq_json_put_string(out, *name, strlen(*name));
		jobq_buf_putc(out, ':');
		jobq_buf_add(out, value->at, value->len);
		more = true;
		free(*name);
	}
	free(lacking);
	jobq_buf_putc(out, '}');
	jobq_object_release(&wanted);
	jobq_buf_release(&text);
	if (status == JOBQ_OK)
		status = jobq_object_scan(members, out->data, out->len, err);
	return status;
}
