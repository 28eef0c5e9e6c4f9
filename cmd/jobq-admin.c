/* jobq-admin: one-shots that make and tend a store; they may be repeated. */
#include "adopt_args.h"
#include "command.h"
#include "filter.h"
#include "line.h"
#include "log.h"
#include "page.h"
#include "view.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static int64_t older_ms = -1, limit = -1;
static bool dry_run;
static struct jobq_adopt_args adopted;

static struct jobq_opt options[3 + JOBQ_ADOPT_OPTIONS + 1] = {
	{ "older-than", 0, JOBQ_OPT_DURATION, &older_ms, "DURATION",
	    "prune whatever ended so long ago", 0, 0, NULL },
	{ "limit", 'n', JOBQ_OPT_INT, &limit, "N", "prune at most so many jobs",
	    0, INT64_MAX, NULL },
	{ "dry-run", 0, JOBQ_OPT_FLAG, &dry_run, NULL,
	    "say what would be done, and change nothing", 0, 0, NULL },
};

static const char *const synopsis[] = {
	"[--dry-run] init|reap",
	"[--dry-run] [--older-than DURATION] [--limit N] prune",
	"[--dry-run] pause|resume QUEUE ...",
	"[--dry-run] [--force] adopt --table TABLE COLUMNS STATUSES",
	NULL,
};

static const char *const examples[] = {
	"jobq-admin pause mail",
	"jobq-admin prune --older-than 1h --dry-run",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-admin",
	.summary = "make, tend, pause and resume a store",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reports = true,
	.least_operands = 1,
	.most_operands = -1,
};

struct admin;

/* What a task says of a queue or job: done, would do, was so already. */
static const struct task {
	const char *name;
	enum jobq_verb verb;
	enum jobq_status (*work)(struct admin *admin, struct jobq_err *err);
	const char *did, *would, *already;
} * task;

struct admin {
	struct jobq_store *store;
	struct jobq_writer out;
	bool print; /* lines are wanted on stdout */
	size_t count;
};

static void
say(const struct jobq_object *members)
{
	struct jobq_span done = jobq_view_member(members, "done");
	struct jobq_span reason = jobq_view_member(members, "reason");
	struct jobq_buf name = JOBQ_BUF_INIT;

	jobq_view_text(&name, jobq_view_member(members, "queue"));
	jobq_view_text(&name, jobq_view_member(members, "id"));
	if (reason.len > 0)
		jobq_buf_puts(&name, ": ");
	jobq_view_text(&name, reason);
	jobq_log(JOBQ_INFO,
	    jobq_span_is(done, "false") ? task->already
	    : dry_run			? task->would
					: task->did,
	    name.data);
	jobq_buf_release(&name);
}

static enum jobq_status
take_line(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct admin *admin = context;

	admin->count++;
	if (task->did != NULL)
		say(members);
	return admin->print ? jobq_page_write(&admin->out, members, line, err)
			    : JOBQ_OK;
}

/* members are those of the request, without braces. */
static enum jobq_status
ask(struct admin *admin, const char *members, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pages pages = { admin->store, task->verb, NULL, "after", -1,
		JOBQ_BUF_INIT };
	enum jobq_status status;

	if (limit >= 0)
		pages.limit = limit - (int64_t)admin->count;
	jobq_buf_printf(&request, "{%s%s%s", members,
	    dry_run && *members != '\0' ? "," : "", dry_run ? "\"dry\":1" : "");
	pages.request = request.data;
	status = jobq_pages_ask(&pages, take_line, admin, err);
	if (status == JOBQ_OK)
		status = jobq_writer_flush(&admin->out, err);
	jobq_pages_release(&pages);
	jobq_buf_release(&request);
	return status;
}

static enum jobq_status
init(struct admin *admin, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	const char *said = dry_run ? "would make the store" : "made store %s";

	if (jobq_store_is_there(command.store_url, &admin->store))
		said = "store %s is there already";
	else if (!dry_run)
		status = jobq_store_open(
		    command.store_url, JOBQ_STORE_CREATE, &admin->store, err);
	if (status == JOBQ_OK && !dry_run)
		status = ask(admin, "", err);
	if (status == JOBQ_OK)
		jobq_log(JOBQ_INFO, said,
		    admin->store == NULL ? "" : jobq_store_name(admin->store));
	return status;
}

/* A store does some at a time: it is asked until there is nothing to do. */
static enum jobq_status
reap_or_prune(struct admin *admin, struct jobq_err *err)
{
	char members[40] = "";
	enum jobq_status status;
	size_t before;

	if (older_ms >= 0)
		snprintf(members, sizeof members, "\"older_ms\":%lld",
		    (long long)older_ms);
	do {
		before = admin->count;
		status = ask(admin, members, err);
	} while (status == JOBQ_OK && admin->count > before && !dry_run);
	if (admin->count > 0 && task->did == NULL)
		jobq_log(JOBQ_INFO, "jobs %s: %zu",
		    dry_run ? "to delete" : "deleted", admin->count);
	return status;
}

static enum jobq_status
set_queues(struct admin *admin, struct jobq_err *err)
{
	struct jobq_buf members = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_filter_put_queues((const char *const *)command.operands + 1,
	    (size_t)command.count - 1, &members);
	status = ask(admin, members.data, err);
	jobq_buf_release(&members);
	return status;
}

static enum jobq_status
adopt(struct admin *admin, struct jobq_err *err)
{
	struct jobq_buf *said = &admin->out.buf;
	enum jobq_status status = jobq_adopt(&adopted, dry_run, said, err);

	if (status == JOBQ_OK)
		jobq_log(JOBQ_INFO, "%s", said->data);
	jobq_buf_clear(said); /* it was for people */
	return status;
}

static const struct task tasks[] = {
	{ "init", JOBQ_VERB_INIT, init, NULL, NULL, NULL },
	{ "reap", JOBQ_VERB_REAP, reap_or_prune, "reaped job %s",
	    "would reap job %s", NULL },
	{ "prune", JOBQ_VERB_PRUNE, reap_or_prune, NULL, NULL, NULL },
	{ "pause", JOBQ_VERB_PAUSE, set_queues, "paused queue %s",
	    "would pause queue %s", "queue %s is paused already" },
	{ "resume", JOBQ_VERB_RESUME, set_queues, "resumed queue %s",
	    "would resume queue %s", "queue %s was not paused" },
	{ "adopt", JOBQ_VERBS, adopt, NULL, NULL, NULL },
	{ NULL, JOBQ_VERB_INIT, NULL, NULL, NULL, NULL },
};

/* The task that the operands ask for. */
static void
find_task(void)
{
	const char *name = command.operands[0];

	task = tasks;
	while (task->name != NULL && strcmp(task->name, name) != 0)
		task++;
	if (task->name == NULL)
		jobq_command_misuse(&command,
		    "'%s' is none of init, reap, "
		    "prune, pause, resume, adopt",
		    name);
	if ((task->work == set_queues) != (command.count > 1))
		jobq_command_misuse(&command,
		    "pause and resume go with queues, the others stand alone");
	if (task->verb != JOBQ_VERB_PRUNE && (older_ms >= 0 || limit >= 0))
		jobq_command_misuse(
		    &command, "--older-than and --limit go with prune");
	if (task->work != adopt && jobq_adopt_given(&adopted))
		jobq_command_misuse(&command, "--table goes with adopt");
}

int
main(int argc, char **argv)
{
	struct admin admin = { .store = NULL };
	struct jobq_err err;
	enum jobq_status status = JOBQ_OK;

	jobq_adopt_options(&adopted, options + 3); /* behind ours */
	jobq_command_start(&command, argc, argv);
	find_task();
	admin.print = dry_run || !isatty(STDOUT_FILENO);
	jobq_writer_init(&admin.out, STDOUT_FILENO);
	if (task->work != adopt && task->work != init)
		status = jobq_store_open(
		    command.store_url, JOBQ_STORE_WRITE, &admin.store, &err);
	if (status == JOBQ_OK)
		status = task->work(&admin, &err);
	jobq_store_close(admin.store);
	jobq_writer_release(&admin.out);
	return jobq_command_end(&command, status, &err);
}
