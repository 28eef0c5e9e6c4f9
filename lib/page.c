#include "page.h"

#include "job.h"
#include "log.h"
#include "mem.h"

#include <string.h>

#include "banned.h"

#define FLUSH_BYTES ((size_t)64 << 10)

struct asking {
	struct jobq_pages *pages;
	jobq_page_fn *fn;
	void *context;
	struct jobq_object members;
	bool more;
	int64_t lines;
};

void
jobq_pages_release(struct jobq_pages *pages)
{
	jobq_buf_release(&pages->cursor);
}

/* Takes the cursor of a line that ends a page. */
static enum jobq_status
end_page(struct asking *asking, struct jobq_err *err)
{
	const struct jobq_span *after, *more;
	struct jobq_buf *cursor = &asking->pages->cursor;

	after = jobq_object_get(&asking->members, "after");
	more = jobq_object_get(&asking->members, "more");
	asking->more = more == NULL || !jobq_span_is(*more, "false");
	if (after == NULL)
		return jobq_fail(
		    err, JOBQ_IO, "the store ended a page without a cursor");
	if (asking->more && cursor->len == after->len &&
	    memcmp(cursor->data, after->at, after->len) == 0)
		return jobq_fail(err, JOBQ_IO,
		    "the store ended two pages with the same cursor");
	jobq_buf_clear(cursor);
	jobq_buf_add(cursor, after->at, after->len);
	return JOBQ_OK;
}

static void
warn(const struct jobq_object *members)
{
	const struct jobq_span *value = jobq_object_get(members, "text");
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (value != NULL && jobq_json_string(*value, &text, NULL) == JOBQ_OK)
		jobq_log(JOBQ_WARNING, "%s", text.len == 0 ? "" : text.data);
	jobq_buf_release(&text);
}

static enum jobq_status
take_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct asking *asking = context;
	const struct jobq_span *event;

	if (jobq_object_scan(&asking->members, line, len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "the store answered a bad line");
		return JOBQ_IO;
	}
	event = jobq_object_get(&asking->members, "event");
	if (event != NULL && jobq_span_is(*event, "\"page\""))
		return end_page(asking, err);
	if (event != NULL && jobq_span_is(*event, "\"warning\"")) {
		warn(&asking->members);
		return JOBQ_OK;
	}
	asking->lines++;
	return asking->fn(asking->context, &asking->members,
	    (struct jobq_span){ line, len }, err);
}

/* How many lines the next page may have. */
static int64_t
wanted(const struct asking *asking)
{
	int64_t left;

	if (asking->pages->limit < 0)
		return JOBQ_PAGE_LINES;
	left = asking->pages->limit - asking->lines;
	return left < JOBQ_PAGE_LINES ? left : JOBQ_PAGE_LINES;
}

enum jobq_status
jobq_pages_ask(struct jobq_pages *pages, jobq_page_fn *fn, void *context,
    struct jobq_err *err)
{
	struct asking asking = { .pages = pages, .fn = fn, .context = context };
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	do {
		if (pages->limit >= 0 && wanted(&asking) <= 0)
			break;
		asking.more = false;
		jobq_buf_clear(&request);
		jobq_buf_puts(&request, pages->request);
		if (request.data[request.len - 1] != '{')
			jobq_buf_putc(&request, ',');
		jobq_buf_printf(
		    &request, "\"limit\":%lld", (long long)wanted(&asking));
		if (pages->cursor.len > 0)
			jobq_buf_printf(&request, ",\"%s\":%s", pages->since,
			    pages->cursor.data);
		jobq_buf_putc(&request, '}');
		status = jobq_store_call(pages->store, pages->verb, &request,
		    JOBQ_CALL_MS, take_line, &asking, err);
	} while (status == JOBQ_OK && asking.more);
	jobq_object_release(&asking.members);
	jobq_buf_release(&request);
	return status;
}

enum jobq_status
jobq_page_write(void *context, struct jobq_object *members,
    struct jobq_span line, struct jobq_err *err)
{
	struct jobq_writer *writer = context;

	(void)members;
	jobq_writer_line(writer, line.at, line.len);
	return jobq_writer_pending(writer) < FLUSH_BYTES
		   ? JOBQ_OK
		   : jobq_writer_flush(writer, err);
}
