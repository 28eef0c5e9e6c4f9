/* jobq-cancel: calls jobs off. */
#include "act.h"
#include "command.h"
#include "log.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

static const char *reason;
static bool dry_run, yes;

static const struct jobq_opt options[] = {
	{ "reason", 'r', JOBQ_OPT_STRING, &reason, "TEXT",
	    "why; it is kept with the job", 0, 0, NULL },
	{ "dry-run", 0, JOBQ_OPT_FLAG, &dry_run, NULL,
	    "say what would be cancelled, and cancel nothing", 0, 0, NULL },
	{ "yes", 'y', JOBQ_OPT_FLAG, &yes, NULL,
	    "do not ask before more than 100 jobs are cancelled", 0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"[--reason TEXT] [--dry-run] [--yes] ID ...",
	"[--reason TEXT] [--dry-run] [--yes] <lines",
	NULL,
};

static const char *const examples[] = {
	"jobq-cancel --reason 'wrong file' 4bf92f",
	"jobq-list --queue mail --state pending | jobq-cancel",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-cancel",
	.summary = "call jobs off",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reports = true,
	.reads_lines = true,
	.most_operands = -1,
};

/* A running job is only asked to stop, by its worker's next look. */
static void
say_running(const struct jobq_act *act, const struct jobq_answer *answer)
{
	const char *text = "asked job %s to stop (running on %s)";

	if (act->dry_run) {
		jobq_log_code(JOBQ_INFO, NULL, answer->id,
		    "would ask job %s to stop (it is running)", answer->id);
		return;
	}
	if (answer->asked_before)
		text = "job %s was asked to stop before (running on %s)";
	jobq_log_code(
	    JOBQ_INFO, NULL, answer->id, text, answer->id, answer->worker);
}

static bool
say(const struct jobq_act *act, const struct jobq_answer *answer)
{
	const char *id = answer->id, *was = answer->was;

	if (strcmp(was, "unknown") == 0) {
		jobq_log_code(JOBQ_ERROR, "unknown_job", id, "no job %s", id);
		return false;
	}
	if (strcmp(was, "completed") == 0 || strcmp(was, "failed") == 0) {
		jobq_log_code(JOBQ_ERROR, "ended_job", id, "job %s %s already",
		    id, *was == 'c' ? "is completed" : "has failed");
		return false;
	}
	if (strcmp(was, "cancelled") == 0)
		jobq_log_code(
		    JOBQ_INFO, NULL, id, "job %s is cancelled already", id);
	else if (strcmp(was, "running") == 0)
		say_running(act, answer);
	else
		jobq_log_code(JOBQ_INFO, NULL, id,
		    act->dry_run ? "would cancel job %s (it is %s)"
				 : "cancelled job %s (was %s)",
		    id, was);
	return true;
}

int
main(int argc, char **argv)
{
	struct jobq_act act = {
		.command = &command,
		.verb = JOBQ_VERB_CANCEL,
		.doing = "cancel",
		.say = say,
	};
	struct jobq_err err;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	if (command.count == 0 && isatty(STDIN_FILENO))
		jobq_command_misuse(&command, "give the ids of jobs, or lines "
					      "with them on standard input");
	act.reason = reason;
	act.dry_run = dry_run;
	act.yes = yes;
	status = jobq_store_open(command.store_url,
	    dry_run ? JOBQ_STORE_READ : JOBQ_STORE_WRITE, &act.store, &err);
	if (status == JOBQ_OK)
		status = jobq_act_run(&act, &err);
	jobq_store_close(act.store);
	return jobq_command_end(&command, status, &err);
}
