#include "target.h"

#include "url.h"

#include <string.h>

#include "banned.h"

/* The text up to a character or the end, which is taken off the target. */
static struct jobq_span
take_up_to(struct jobq_span *target, char ends)
{
	const char *end = memchr(target->at, ends, target->len);
	struct jobq_span part = { target->at,
		end == NULL ? target->len : (size_t)(end - target->at) };

	target->at += part.len + (end != NULL);
	target->len -= part.len + (end != NULL);
	return part;
}

void
jobq_target_read(
    struct jobq_span target, struct jobq_buf *path, struct jobq_buf *query)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_span part = take_up_to(&target, '?');

	jobq_url_decode(path, part.at, part.len);
	while (target.len > 0) {
		part = take_up_to(&target, '&');
		jobq_buf_clear(&text);
		for (size_t i = 0; i < part.len; i++)
			jobq_buf_putc(
			    &text, part.at[i] == '+' ? ' ' : part.at[i]);
		jobq_url_decode(query, text.data, text.len);
		jobq_buf_putc(query, '\0');
	}
	jobq_buf_release(&text);
}

const char *
jobq_target_find(const struct jobq_buf *query, const char *name)
{
	size_t len = strlen(name);
	const char *at = query->data;
	const char *end = at + query->len;

	for (; at != NULL && at < end; at += strlen(at) + 1)
		if (strncmp(at, name, len) == 0 && at[len] == '=')
			return at + len + 1;
	return NULL;
}
