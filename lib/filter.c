#include "filter.h"

#include "json.h"

#include <string.h>

#include "banned.h"

bool
jobq_filter_narrows(const struct jobq_filter *filter)
{
	return filter->state != NULL || filter->name != NULL ||
	       filter->flow != NULL || filter->key != NULL ||
	       filter->older_ms >= 0 || filter->stuck_ms >= 0;
}

static void
put_text(struct jobq_buf *out, const char *member, const char *text)
{
	if (text == NULL)
		return;
	jobq_buf_printf(out, ",\"%s\":", member);
	jobq_json_put_lossy(out, text, strlen(text));
}

static void
put_ms(struct jobq_buf *out, const char *member, int64_t ms)
{
	if (ms >= 0)
		jobq_buf_printf(out, ",\"%s\":%lld", member, (long long)ms);
}

void
jobq_filter_put_queues(
    const char *const *queue, size_t count, struct jobq_buf *out)
{
	jobq_buf_puts(out, "\"queues\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			jobq_buf_putc(out, ',');
		jobq_json_put_lossy(out, queue[i], strlen(queue[i]));
	}
	jobq_buf_putc(out, ']');
}

void
jobq_filter_put(const struct jobq_filter *filter, struct jobq_buf *out)
{
	const char *state = filter->state == NULL ? "" : filter->state;
	const char *by = "all";

	if (filter->flow != NULL)
		by = "flow";
	else if (strcmp(state, "failed") == 0 || strcmp(state, "running") == 0)
		by = state;
	jobq_buf_printf(out, "{\"by\":\"%s\",", by);
	jobq_filter_put_queues(filter->queues.item, filter->queues.count, out);
	put_text(out, "state", filter->state);
	put_text(out, "name", filter->name);
	put_text(out, "flow", filter->flow);
	put_text(out, "key", filter->key);
	put_ms(out, "older_ms", filter->older_ms);
	put_ms(out, "stuck_ms", filter->stuck_ms);
}
