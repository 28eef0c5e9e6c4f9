#include "act.h"

#include "ids.h"
#include "line.h"
#include "page.h"
#include "view.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

struct acting {
	const struct jobq_act *act;
	struct jobq_ids ids;
	struct jobq_writer out;
	bool print;	/* stdout is no terminal */
	bool confirmed; /* or nobody is there to be asked */
	bool failed;	/* one was not as asked for */
	size_t found;	/* of a dry run: the ids up to here are told */
	struct jobq_buf text[4];
};

/* A string member of an answer, which lives until the next answer. */
static const char *
member(struct acting *acting, size_t place, const struct jobq_object *members,
    const char *name)
{
	struct jobq_buf *text = &acting->text[place];

	jobq_buf_clear(text);
	jobq_view_text(text, jobq_view_member(members, name));
	return text->data;
}

static void
tell(struct acting *acting, const struct jobq_answer *answer)
{
	if (!acting->act->say(acting->act, answer))
		acting->failed = true;
}

static enum jobq_status
take_answer(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct acting *acting = context;
	struct jobq_answer answer = {
		.id = member(acting, 0, members, "id"),
		.was = member(acting, 1, members, "was"),
		.worker = member(acting, 2, members, "worker"),
		.why = member(acting, 3, members, "why"),
	};

	answer.done = jobq_span_is(jobq_view_member(members, "done"), "true");
	answer.asked_before =
	    jobq_span_is(jobq_view_member(members, "asked_before"), "true");
	tell(acting, &answer);
	return acting->print ? jobq_page_write(&acting->out, members, line, err)
			     : JOBQ_OK;
}

/* A job that a dry run found, as an answer that says nothing was done. */
static enum jobq_status
take_job(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct acting *acting = context;
	struct jobq_answer answer = {
		.id = member(acting, 0, members, "id"),
		.was = member(acting, 1, members, "state"),
		.worker = "",
		.why = "",
	};
	struct jobq_buf *out = &acting->text[2];

	(void)line;
	for (size_t i = 0; i < acting->ids.count; i++)
		if (strcmp(acting->ids.id[i], answer.id) == 0)
			acting->ids.id[i][0] = '\0';
	tell(acting, &answer);
	if (!acting->print)
		return JOBQ_OK;
	jobq_buf_clear(out);
	jobq_buf_printf(out,
	    "{\"event\":\"%s\",\"id\":\"%s\",\"was\":\"%s\","
	    "\"done\":false,\"dry\":true}",
	    acting->act->doing, answer.id, answer.was);
	return jobq_page_write(&acting->out, members,
	    (struct jobq_span){ out->data, out->len }, err);
}

/* Of a dry run: what the list did not have. */
static void
tell_unknown(struct acting *acting)
{
	for (size_t i = 0; i < acting->ids.count; i++) {
		struct jobq_answer answer = { acting->ids.id[i], "unknown", "",
			"", false, false };

		if (*answer.id != '\0')
			tell(acting, &answer);
	}
}

static void
put_request(const struct acting *acting, struct jobq_buf *out)
{
	const struct jobq_act *act = acting->act;

	jobq_buf_puts(
	    out, act->dry_run ? "{\"by\":\"ids\",\"ids\":" : "{\"ids\":");
	jobq_ids_put(&acting->ids, 0, acting->ids.count, out);
	if (act->reason == NULL || act->dry_run)
		return;
	jobq_buf_puts(out, ",\"reason\":");
	jobq_json_put_lossy(out, act->reason, strlen(act->reason));
}

/* Does it to the ids gathered so far, and forgets them. */
static enum jobq_status
act_on(struct acting *acting, struct jobq_err *err)
{
	const struct jobq_act *act = acting->act;
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pages pages = { act->store,
		act->dry_run ? JOBQ_VERB_LIST : act->verb, NULL, "after", -1,
		JOBQ_BUF_INIT };
	enum jobq_status status;

	put_request(acting, &request);
	pages.request = request.data;
	status = jobq_pages_ask(
	    &pages, act->dry_run ? take_job : take_answer, acting, err);
	if (status == JOBQ_OK && act->dry_run)
		tell_unknown(acting);
	if (status == JOBQ_OK)
		status = jobq_writer_flush(&acting->out, err);
	jobq_ids_clear(&acting->ids);
	jobq_pages_release(&pages);
	jobq_buf_release(&request);
	return status;
}

/* Lets a person confirm what is meant, once it is much. */
static enum jobq_status
confirm(struct acting *acting, size_t count, struct jobq_err *err)
{
	const struct jobq_act *act = acting->act;

	if (acting->confirmed || count <= JOBQ_ACT_UNASKED)
		return JOBQ_OK;
	acting->confirmed = true;
	if (!jobq_may_ask())
		return jobq_fail(err, JOBQ_CONFIG,
		    "more than %d jobs are meant; add --yes to %s them",
		    JOBQ_ACT_UNASKED, act->doing);
	if (!jobq_ask("%s %zu jobs?", act->doing, count))
		return jobq_fail(err, JOBQ_EMPTY, "nothing is done");
	return JOBQ_OK;
}

/* Acts once as many ids are there as go into a request, or always. */
static enum jobq_status
act_when_full(struct acting *acting, bool always, struct jobq_err *err)
{
	enum jobq_status status;

	if (acting->ids.count == 0 ||
	    (!always && acting->ids.count < JOBQ_PAGE_LINES))
		return JOBQ_OK;
	status = confirm(acting, acting->ids.count, err);
	return status == JOBQ_OK ? act_on(acting, err) : status;
}

/* The ids of standard input; once confirmed, nothing waits for more. */
static enum jobq_status
act_on_input(struct acting *acting, struct jobq_err *err)
{
	struct jobq_ids_input input;
	enum jobq_status status = JOBQ_OK;
	bool ended = false;

	jobq_ids_open(&input, acting->act->command);
	while (status == JOBQ_OK && !ended) {
		bool wait = acting->ids.count == 0 || !acting->confirmed;

		status = jobq_ids_next(&input, wait, &acting->ids, err);
		ended = status == JOBQ_EMPTY && input.reader.eof;
		if (status == JOBQ_OK)
			status = act_when_full(acting, false, err);
		else if (status == JOBQ_EMPTY)
			status = act_when_full(acting, true, err);
	}
	jobq_ids_close(&input);
	return status;
}

/* The ids that the operands mean; what they do not find is said. */
static enum jobq_status
act_on_operands(struct acting *acting, struct jobq_err *err)
{
	const struct jobq_act *act = acting->act;
	struct jobq_ids found = { NULL, 0, 0 };
	enum jobq_status status;

	status = jobq_ids_find_all(
	    act->store, act->command, &found, &acting->failed, err);
	/* The count is known at once, so that it is asked for at once. */
	if (status == JOBQ_OK && found.count > JOBQ_ACT_UNASKED)
		status = confirm(acting, found.count, err);
	for (size_t i = 0; i < found.count && status == JOBQ_OK; i++) {
		jobq_ids_add(&acting->ids, found.id[i], strlen(found.id[i]));
		status = act_when_full(acting, i + 1 == found.count, err);
	}
	jobq_ids_release(&found);
	return status;
}

enum jobq_status
jobq_act_run(const struct jobq_act *act, struct jobq_err *err)
{
	struct acting acting = { .act = act };
	const struct jobq_command *command = act->command;
	enum jobq_status status;

	acting.print = !isatty(STDOUT_FILENO);
	acting.confirmed = act->yes || act->dry_run ||
			   (!isatty(STDIN_FILENO) && !isatty(STDERR_FILENO));
	jobq_writer_init(&acting.out, STDOUT_FILENO);
	if (command->count == 0 ||
	    (command->count == 1 && strcmp(command->operands[0], "-") == 0))
		status = act_on_input(&acting, err);
	else
		status = act_on_operands(&acting, err);
	jobq_ids_release(&acting.ids);
	jobq_writer_release(&acting.out);
	for (size_t i = 0; i < sizeof acting.text / sizeof *acting.text; i++)
		jobq_buf_release(&acting.text[i]);
	return status == JOBQ_OK && acting.failed ? JOBQ_EMPTY : status;
}
