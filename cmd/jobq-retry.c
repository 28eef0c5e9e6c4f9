/* jobq-retry: lets jobs that ended without completing run again. */
#include "act.h"
#include "command.h"
#include "log.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

static bool dry_run, yes;

static const struct jobq_opt options[] = {
	{ "dry-run", 0, JOBQ_OPT_FLAG, &dry_run, NULL,
	    "say what would run again, and change nothing", 0, 0, NULL },
	{ "yes", 'y', JOBQ_OPT_FLAG, &yes, NULL,
	    "do not ask before more than 100 jobs are retried", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[--dry-run] [--yes] ID ...",
	"[--dry-run] [--yes] <lines",
	NULL,
};

static const char *const examples[] = {
	"jobq-list --state failed --queue mail | jobq-retry",
	"jobq-retry 4bf92f",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-retry",
	.summary = "let jobs that failed or were cancelled run again",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reports = true,
	.reads_lines = true,
	.most_operands = -1,
};

/* What the store could not do, or did not need to. */
static bool
say_refused(const struct jobq_answer *answer)
{
	const char *id = answer->id, *was = answer->was;
	const char *text = "job %s is %s; what it needs must complete first";

	if (strcmp(was, "unknown") == 0) {
		jobq_log_code(JOBQ_ERROR, "unknown_job", id, "no job %s", id);
		return false;
	}
	if (strcmp(was, "running") == 0) {
		jobq_log_code(
		    JOBQ_INFO, NULL, id, "job %s is running already", id);
		return true;
	}
	if (strcmp(answer->why, "key") == 0)
		text = "job %s (%s): an unfinished job of its queue has the "
		       "same key";
	else if (strcmp(was, "completed") == 0)
		text = "job %s is %s already";
	jobq_log_code(JOBQ_ERROR, "not_retried", id, text, id, was);
	return false;
}

static bool
say(const struct jobq_act *act, const struct jobq_answer *answer)
{
	const char *id = answer->id, *was = answer->was;
	bool can = strcmp(was, "failed") == 0 || strcmp(was, "cancelled") == 0;

	if (strcmp(was, "pending") == 0)
		jobq_log_code(JOBQ_INFO, NULL, id,
		    act->dry_run ? "would make job %s due at once (it is %s)"
				 : "job %s is due at once (was %s)",
		    id, was);
	else if (answer->done || (act->dry_run && can))
		jobq_log_code(JOBQ_INFO, NULL, id,
		    act->dry_run ? "would retry job %s (it is %s)"
				 : "retried job %s (was %s)",
		    id, was);
	else
		return say_refused(answer);
	return true;
}

int
main(int argc, char **argv)
{
	struct jobq_act act = {
		.command = &command,
		.verb = JOBQ_VERB_RETRY,
		.doing = "retry",
		.say = say,
	};
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	if (command.count == 0 && isatty(STDIN_FILENO))
		jobq_command_misuse(&command, "give the ids of jobs, or lines "
					      "with them on standard input");
	act.dry_run = dry_run;
	act.yes = yes;
	status = jobq_store_open(command.store_url,
	    dry_run ? JOBQ_STORE_READ : JOBQ_STORE_WRITE, &act.store, &err);
	if (status == JOBQ_OK)
		status = jobq_act_run(&act, &err);
	jobq_store_close(act.store);
	return jobq_command_end(&command, status, &err);
}
