/* jobq-list: jobs by what they have in common, one job whole, or counts. */
#include "clock.h"
#include "command.h"
#include "filter.h"
#include "ids.h"
#include "line.h"
#include "log.h"
#include "page.h"
#include "show.h"
#include "stats.h"
#include "view.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

static struct jobq_filter filter = JOBQ_FILTER_INIT;

static struct {
	const char *format;
	int64_t limit;
	bool stats, prometheus, json, table, local;
} given = { .limit = -1 };

static const struct jobq_opt options[] = {
	{ "state", 's', JOBQ_OPT_CHOICE, &filter.state, "STATE",
	    "blocked, pending, running, completed, failed or cancelled", 0, 0,
	    "blocked pending running completed failed cancelled" },
	{ "queue", 'Q', JOBQ_OPT_LIST, &filter.queues, "QUEUE",
	    "only jobs of this queue; may stand several times", 0, 0, NULL },
	{ "name", 'N', JOBQ_OPT_STRING, &filter.name, "NAME",
	    "only jobs of this name", 0, 0, NULL },
	{ "flow", 0, JOBQ_OPT_STRING, &filter.flow, "FLOW",
	    "only jobs of this flow", 0, 0, NULL },
	{ "key", 'k', JOBQ_OPT_STRING, &filter.key, "KEY",
	    "only jobs with this key", 0, 0, NULL },
	{ "older-than", 0, JOBQ_OPT_DURATION, &filter.older_ms, "DURATION",
	    "only jobs pushed at least so long ago", 0, 0, NULL },
	{ "stuck", 0, JOBQ_OPT_DURATION, &filter.stuck_ms, "DURATION",
	    "only unfinished jobs that nothing was heard of for so long", 0, 0,
	    NULL },
	{ "stats", 0, JOBQ_OPT_FLAG, &given.stats, NULL,
	    "count the jobs of each queue by state", 0, 0, NULL },
	{ "limit", 'n', JOBQ_OPT_INT, &given.limit, "N", "at most so many jobs",
	    0, INT64_MAX, NULL },
	{ "format", 0, JOBQ_OPT_CHOICE, &given.format, "FORMAT",
	    "table, lines, or prometheus (of --stats)", 0, 0,
	    "table lines prometheus" },
	{ "json", 0, JOBQ_OPT_FLAG, &given.json, NULL,
	    "the same as --format lines", 0, 0, NULL },
	{ "table", 0, JOBQ_OPT_FLAG, &given.table, NULL,
	    "the same as --format table", 0, 0, NULL },
	{ "local", 0, JOBQ_OPT_FLAG, &given.local, NULL,
	    "times in a table by the clock of this place", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[options]",
	"[options] ID ...",
	"[options] --stats",
	NULL,
};

static const char *const examples[] = {
	"jobq-list --state failed | jobq-retry",
	"jobq-list 4bf92f",
	"jobq-list --stats --format prometheus",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-list",
	.summary = "show jobs, one job whole, or how many there are",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.most_operands = -1,
};

struct list {
	struct jobq_store *store;
	struct jobq_writer out;
	struct jobq_table table;
	struct jobq_stats stats;
	int64_t now_ms;
	bool as_table, colour;
};

static enum jobq_status
take_row(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct list *list = context;

	(void)line;
	jobq_view_row(&list->table, members, list->now_ms, given.local);
	if (list->table.count < JOBQ_PAGE_LINES * JOBQ_VIEW_COLUMNS)
		return JOBQ_OK;
	jobq_table_put(&list->table, &list->out.buf);
	return jobq_writer_flush(&list->out, err);
}

static enum jobq_status
take_stats(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	(void)line;
	(void)err;
	jobq_stats_take(&((struct list *)context)->stats, members);
	return JOBQ_OK;
}

/* Lines go out as they are, unless fn makes something else of them. */
static enum jobq_status
ask(struct list *list, enum jobq_verb verb, const struct jobq_buf *request,
    jobq_page_fn *fn, struct jobq_err *err)
{
	struct jobq_pages pages = { list->store, verb, request->data, "after",
		given.limit, JOBQ_BUF_INIT };
	enum jobq_status status;

	status = fn != NULL
		     ? jobq_pages_ask(&pages, fn, list, err)
		     : jobq_pages_ask(&pages, jobq_page_write, &list->out, err);
	jobq_pages_release(&pages);
	return status;
}

static enum jobq_status
list_jobs(struct list *list, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_filter_put(&filter, &request);
	status = ask(list, JOBQ_VERB_LIST, &request,
	    list->as_table ? take_row : NULL, err);
	jobq_table_put(&list->table, &list->out.buf);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
list_stats(struct list *list, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_putc(&request, '{');
	jobq_filter_put_queues(
	    filter.queues.item, filter.queues.count, &request);
	status = ask(list, JOBQ_VERB_STATS, &request,
	    given.prometheus || list->as_table ? take_stats : NULL, err);
	if (status == JOBQ_OK && given.prometheus)
		jobq_stats_prometheus(&list->stats, &list->out.buf);
	else if (status == JOBQ_OK && list->as_table)
		jobq_stats_table(&list->stats, list->table.screen, list->colour,
		    given.local, &list->out.buf);
	jobq_buf_release(&request);
	return status;
}

/* One job whole: its line with the reason why, or all about it for people. */
static enum jobq_status
list_one(struct list *list, const char *id, bool first, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (list->as_table) {
		if (!first)
			jobq_buf_putc(&list->out.buf, '\n');
		return jobq_show_job(list->store, id, list->colour, given.local,
		    &list->out.buf, err);
	}
	/* What is a valid id needs no escapes. */
	jobq_buf_printf(
	    &request, "{\"by\":\"ids\",\"why\":1,\"ids\":[\"%s\"]", id);
	status = ask(list, JOBQ_VERB_LIST, &request, NULL, err);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
list_ids(struct list *list, struct jobq_err *err)
{
	struct jobq_ids ids = { NULL, 0, 0 };
	bool missing = false;
	enum jobq_status status;

	status = jobq_ids_find_all(list->store, &command, &ids, &missing, err);
	for (size_t i = 0; i < ids.count && status == JOBQ_OK; i++)
		status = list_one(list, ids.id[i], i == 0, err);
	jobq_ids_release(&ids);
	return status == JOBQ_OK && missing ? JOBQ_EMPTY : status;
}

static void
check_options(void)
{
	bool narrows = jobq_filter_narrows(&filter);

	if (given.format == NULL && (given.json || given.table))
		given.format = given.json ? "lines" : "table";
	if (given.format != NULL && strcmp(given.format, "prometheus") == 0)
		given.stats = given.prometheus = true;
	if (command.count > 0 &&
	    (narrows || given.stats || filter.queues.count > 0))
		jobq_command_misuse(&command,
		    "ids and options that choose jobs do not go together");
	if (given.stats && narrows)
		jobq_command_misuse(&command,
		    "of the options that choose jobs only --queue goes with "
		    "--stats");
}

int
main(int argc, char **argv)
{
	struct list list = { .now_ms = jobq_wall_ms() };
	struct jobq_err err;
	enum jobq_status status, flushed = JOBQ_OK;

	jobq_command_start(&command, argc, argv);
	check_options();
	list.as_table = given.format != NULL
			    ? strcmp(given.format, "table") == 0
			    : isatty(STDOUT_FILENO);
	list.colour = jobq_colour(STDOUT_FILENO);
	jobq_writer_init(&list.out, STDOUT_FILENO);
	jobq_table_init(&list.table, jobq_view_columns, JOBQ_VIEW_COLUMNS,
	    jobq_screen_width(STDOUT_FILENO), list.colour);
	status = jobq_store_open(
	    command.store_url, JOBQ_STORE_READ, &list.store, &err);
	if (status == JOBQ_OK)
		status = command.count > 0 ? list_ids(&list, &err)
			 : given.stats	   ? list_stats(&list, &err)
					   : list_jobs(&list, &err);
	if (status == JOBQ_OK || status == JOBQ_EMPTY)
		flushed = jobq_writer_flush(&list.out, &err);
	jobq_store_close(list.store);
	jobq_writer_release(&list.out);
	jobq_table_release(&list.table);
	jobq_stats_release(&list.stats);
	return jobq_command_end(&command, flushed ? flushed : status, &err);
}
