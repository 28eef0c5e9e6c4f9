/*
 * GET / and GET /jobs: the frame of share/www with what can be read without
 * a script. First the store counts, then it lists; a store that cannot count
 * is no obstacle to a list. With a token nothing of the store is shown, for a
 * browser has none to send here: the scripts ask for it.
 */
#include "moment.h"
#include "routes.h"
#include "server.h"
#include "www.h"

#include "answer.h"
#include "clock.h"
#include "file.h"
#include "place.h"

#include <string.h>

#include "banned.h"

#define FRAME_MAX_BYTES 65536

/* Answers with the frame around what was made. */
static void
answer(struct jobq_request *request, int status, const struct jobq_buf *main)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_buf frame = JOBQ_BUF_INIT;
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };
	enum jobq_status read = jobq_place_share(&path, &err);

	jobq_buf_puts(&path, "/www/index.html");
	if (read == JOBQ_OK)
		read = jobq_file_read(path.data, FRAME_MAX_BYTES, &frame, &err);
	if (read == JOBQ_OK) {
		jobq_www_frame(frame.data, frame.len, main, &out);
		jobq_request_answer(request, status, "text/html; charset=utf-8",
		    out.data, out.len, "Cache-Control: no-store\r\n");
	} else {
		jobq_request_problem(request, 500, NULL,
		    "the page is not there: unable to read '%s'", path.data);
	}
	jobq_buf_release(&path);
	jobq_buf_release(&frame);
	jobq_buf_release(&out);
}

static void
say(struct jobq_request *request, int status, const char *title,
    const char *text)
{
	struct jobq_buf main = JOBQ_BUF_INIT;

	jobq_www_message(title, text, &main);
	answer(request, status, &main);
	jobq_buf_release(&main);
}

/* Calls with each line of an answer, scanned. */
static void
each_line(const struct jobq_buf *answer,
    void (*take)(void *context, struct jobq_object *members), void *context)
{
	struct jobq_object members = { NULL, 0, 0 };
	struct jobq_lines lines = { answer->data, answer->len };
	struct jobq_span line;

	while (jobq_lines_next(&lines, &line))
		if (jobq_object_scan(&members, line.at, line.len, NULL) ==
		    JOBQ_OK)
			take(context, &members);
	jobq_object_release(&members);
}

static void
take_stats(void *context, struct jobq_object *members)
{
	if (jobq_object_get(members, "event") == NULL)
		jobq_stats_take(context, members);
}

struct list {
	struct jobq_buf *out;
	struct jobq_buf after;
	int64_t now_ms;
	size_t rows;
};

static void
take_job(void *context, struct jobq_object *members)
{
	struct list *list = context;
	const struct jobq_span *after = jobq_object_get(members, "after");

	if (jobq_object_get(members, "event") == NULL) {
		jobq_www_list_row(members, list->now_ms, list->out);
		list->rows++;
	} else if (after != NULL) {
		jobq_buf_add(&list->after, after->at, after->len);
	}
}

/* The request's state is what stands above the rows. */
static void
listed(struct jobq_request *request, struct jobq_pool_call *call)
{
	struct jobq_www_query query;
	struct jobq_buf main = JOBQ_BUF_INIT;
	struct list list = { &main, JOBQ_BUF_INIT, jobq_wall_ms(), 0 };

	if (call->status != JOBQ_OK) {
		say(request, jobq_answer_status(call->status),
		    "This did not work", call->err.text);
		return;
	}
	if (jobq_www_query_read(&query, &request->query, NULL) == JOBQ_OK) {
		jobq_buf_puts(&main, request->state);
		each_line(&call->answer, take_job, &list);
		jobq_www_list_end(&query, list.rows,
		    query.id == NULL && list.after.len > 0 ? list.after.data
							   : NULL,
		    &main);
		answer(request, 200, &main);
	}
	jobq_www_query_release(&query);
	jobq_buf_release(&list.after);
	jobq_buf_release(&main);
}

static void
list_with(struct jobq_request *request, const struct jobq_stats *stats)
{
	struct jobq_www_query query;
	struct jobq_buf head = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (jobq_www_query_read(&query, &request->query, NULL) == JOBQ_OK) {
		jobq_www_list_begin(&query, stats, &head);
		request->state = jobq_buf_detach(&head);
		jobq_www_query_request(&query, &text);
		jobq_request_call(
		    request, JOBQ_VERB_LIST, &text, false, listed);
	}
	jobq_www_query_release(&query);
	jobq_buf_release(&text);
}

static void
counted(struct jobq_request *request, struct jobq_pool_call *call)
{
	bool list = strcmp(request->path.data, "/") != 0;
	bool uncounted = call->status == JOBQ_UNSUPPORTED;
	struct jobq_stats stats = { NULL, 0, 0 };
	struct jobq_buf main = JOBQ_BUF_INIT;

	if (uncounted && !list) {
		say(request, 200, "Overview",
		    "This store does not count its jobs: see the list of "
		    "them.");
		return;
	}
	if (call->status != JOBQ_OK && !uncounted) {
		say(request, jobq_answer_status(call->status),
		    "This did not work", call->err.text);
		return;
	}
	each_line(&call->answer, take_stats, &stats);
	if (list) {
		list_with(request, uncounted ? NULL : &stats);
	} else {
		jobq_www_overview(&stats, jobq_wall_ms(), &main);
		answer(request, 200, &main);
	}
	jobq_stats_release(&stats);
	jobq_buf_release(&main);
}

void
jobq_route_www(struct jobq_request *request)
{
	struct jobq_www_query query;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };

	if (request->server->guard.has_token) {
		say(request, 200, "A token is needed",
		    "This server asks for a token, which only the scripts of "
		    "this page can send.");
	} else if (jobq_www_query_read(&query, &request->query, &err) !=
		   JOBQ_OK) {
		say(request, 400, "This did not work", err.text);
		jobq_www_query_release(&query);
	} else {
		jobq_www_query_release(&query);
		jobq_buf_puts(&text, "{}");
		jobq_request_call(
		    request, JOBQ_VERB_STATS, &text, false, counted);
	}
	jobq_buf_release(&text);
}
