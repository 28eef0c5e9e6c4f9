#include "doctor.h"

#include "buf.h"
#include "json.h"
#include "page.h"
#include "view.h"

#include <string.h>

#include "banned.h"

struct planning {
	const struct jobq_doctor *doctor;
	struct jobq_object line; /* of the answer */
	struct jobq_buf at;	 /* "statement N of FILE", of the last line */
	struct jobq_buf now;	 /* the same of this one */
	struct jobq_buf told;	 /* what was told last */
	struct jobq_buf shown;	 /* the plan of the first statement */
	struct jobq_buf text;
	size_t statements;
	bool bad;
};

static void
tell_whole(
    struct planning *planning, struct jobq_span table, struct jobq_span advice)
{
	struct jobq_buf *text = &planning->text;

	jobq_buf_clear(text);
	jobq_buf_printf(text, "%s reads the whole table ", planning->at.data);
	jobq_view_text(text, table);
	jobq_buf_puts(text,
	    ", so that each claim costs more the more jobs there are: make it "
	    "use an index");
	if (advice.len > 0)
		jobq_buf_puts(text, ", such as ");
	jobq_view_text(text, advice);
	planning->bad = true;
	/* A statement may read it several times. */
	if (planning->told.len == text->len &&
	    memcmp(planning->told.data, text->data, text->len) == 0)
		return;
	jobq_buf_clear(&planning->told);
	jobq_buf_add(&planning->told, text->data, text->len);
	planning->doctor->tell(
	    planning->doctor->context, "plan", false, text->data);
}

static enum jobq_status
take_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct planning *planning = context;
	struct jobq_span whole, plan;

	if (jobq_object_scan(&planning->line, line, len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "the store answered a bad line");
		return JOBQ_IO;
	}
	jobq_buf_clear(&planning->now);
	jobq_buf_puts(&planning->now, "statement ");
	jobq_view_text(
	    &planning->now, jobq_view_member(&planning->line, "statement"));
	jobq_buf_puts(&planning->now, " of ");
	jobq_view_text(
	    &planning->now, jobq_view_member(&planning->line, "file"));
	if (planning->at.len != planning->now.len ||
	    memcmp(planning->at.data, planning->now.data, planning->at.len) !=
		0) {
		jobq_buf_clear(&planning->at);
		jobq_buf_add(
		    &planning->at, planning->now.data, planning->now.len);
		planning->statements++;
	}
	plan = jobq_view_member(&planning->line, "plan");
	if (plan.len > 0 && planning->statements == 1) {
		jobq_buf_puts(
		    &planning->shown, planning->shown.len > 0 ? ", " : ": ");
		jobq_view_text(&planning->shown, plan);
	}
	whole = jobq_view_member(&planning->line, "whole");
	if (whole.len > 0)
		tell_whole(planning, whole,
		    jobq_view_member(&planning->line, "advice"));
	return JOBQ_OK;
}

enum jobq_status
jobq_doctor_plan(const struct jobq_doctor *doctor, struct jobq_store *store,
    struct jobq_err *err)
{
	struct planning planning = { .doctor = doctor };
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_err why;
	enum jobq_status status;

	if (!jobq_adapter_has(jobq_store_adapter(store), "plan"))
		return JOBQ_OK;
	jobq_buf_puts(&request, "{\"verb\":\"claim\"}");
	status = jobq_store_call(store, JOBQ_VERB_PLAN, &request, JOBQ_CALL_MS,
	    take_line, &planning, &why);
	jobq_buf_clear(&planning.text);
	if (status == JOBQ_AGAIN) {
		if (err != NULL)
			*err = why;
	} else if (status != JOBQ_OK) {
		doctor->tell(doctor->context, "plan", false, why.text);
		status = JOBQ_OK;
	} else if (!planning.bad) {
		jobq_buf_printf(&planning.text,
		    "claim reads no table of jobs or events from end to end "
		    "(%zu statement%s)%s",
		    planning.statements, planning.statements == 1 ? "" : "s",
		    planning.statements == 1 && planning.shown.len > 0
			? planning.shown.data
			: "");
		doctor->tell(doctor->context, "plan", true, planning.text.data);
	}
	jobq_object_release(&planning.line);
	jobq_buf_release(&request);
	jobq_buf_release(&planning.at);
	jobq_buf_release(&planning.now);
	jobq_buf_release(&planning.told);
	jobq_buf_release(&planning.shown);
	jobq_buf_release(&planning.text);
	return status;
}
