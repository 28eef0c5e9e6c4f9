/*
 * What an adapter's texts do is seen by doing it: a job of the doctor's own is
 * pushed, listed, claimed and settled in one transaction that the store takes
 * back, and each answer is compared with what jobq-adapter(7) says of it. The
 * job's id, which is its queue's name, too, is used by nobody else. What it
 * is claimed with is known beforehand, for the first epoch of a job is 1.
 *
 * Where nothing can be pushed, as into a table that belongs to others, the
 * first job that is ready is taken for it, with whatever is in it; its epoch
 * is known to the store alone, which puts it in the place of :epoch:, and 0 is
 * that of nobody. When a worker is quicker, the next job is tried. With no job
 * the texts are run all the same: then they are known to be understood.
 */
#include "doctor.h"

#include "buf.h"
#include "id.h"
#include "json.h"
#include "page.h"
#include "view.h"

#include <string.h>

#include "banned.h"

/* How long other writers may be kept waiting, or waited for. */
#define REHEARSAL_MS 5000

/* How often a job may be taken away before the rehearsal begins. */
#define TRIES 5

/* Bytes of a wrong member. */
#define MOST_SHOWN 100

/* None of them survives being read as a number. */
#define INPUT "[1.10,9007199254740993,1e400]"

enum { STEP_PUSH, STEP_LIST, STEP_CLAIM, STEP_STALE, STEP_SETTLE, STEP_ENDED };

struct want {
	const char *path; /* NULL: no more */
	const char *text; /* JSON, or one of these */
	bool own;	  /* only of a job that was pushed */
};

/* The id, or the worker, as a string. */
static const char ID[] = "", WORKER[] = "";

/* What is done, in this order, and what the one line of its answer has. */
static const struct step {
	const char *verb;
	const char *doing; /* for people */
	bool event;	   /* the answer is one */
	struct want want[6];
} steps[] = {
	[STEP_PUSH] = { "push", "push", false,
	    { { "id", ID, 1 }, { "queue", ID, 1 }, { "input", INPUT, 1 },
		{ "attempt", "0", 1 }, { "state", "\"pending\"", 1 } } },
	[STEP_LIST] = { "list", "list", false,
	    { { "id", ID, 0 }, { "input", INPUT, 1 }, { "attempt", "0", 1 },
		{ "state", "\"pending\"", 0 } } },
	[STEP_CLAIM] = { "claim", "claim", false,
	    { { "id", ID, 0 }, { "input", INPUT, 1 }, { "attempt", "1", 1 },
		{ "lease.epoch", "1", 1 }, { "lease.worker", WORKER, 0 } } },
	[STEP_STALE] = { "settle", "settle of another epoch", true,
	    { { "id", ID, 0 }, { "settled", "\"stale\"", 0 } } },
	[STEP_SETTLE] = { "settle", "settle", true,
	    { { "id", ID, 0 }, { "settled", "true", 0 },
		{ "state", "\"completed\"", 0 } } },
	[STEP_ENDED] = { "list", "list of what was settled", false,
	    { { "id", ID, 0 }, { "state", "\"completed\"", 0 } } },
};

#define STEPS (sizeof steps / sizeof *steps)

struct rehearsal {
	struct jobq_store *store;
	struct jobq_buf id;
	bool pushes;	 /* the job is its own */
	bool sees;	 /* there is a job */
	bool taken_away; /* another has claimed it */
	struct jobq_buf request;
	size_t step;		 /* whose answer is read */
	int lines;		 /* of it that were looked at */
	struct jobq_buf wrong;	 /* the first thing that was not as it should */
	struct jobq_object line; /* of an answer */
};

/* A worker's name may have to fit into a narrow column. */
static const char *
worker_of(const struct rehearsal *rehearsal)
{
	return rehearsal->pushes ? rehearsal->id.data : "jobq-doctor";
}

static void
put_settle(
    struct jobq_buf *out, const struct rehearsal *rehearsal, const char *epoch)
{
	struct jobq_buf line = JOBQ_BUF_INIT;

	jobq_buf_printf(&line,
	    "{\"event\":\"completed\",\"id\":\"%s\",\"epoch\":%s,"
	    "\"worker\":\"%s\",\"n\":1",
	    rehearsal->id.data, epoch, worker_of(rehearsal));
	jobq_buf_printf(out, "{\"events\":[%s,\"line\":", line.data);
	jobq_json_put_string(out, line.data, line.len);
	jobq_buf_puts(out, "}]}");
	jobq_buf_release(&line);
}

static void
put_push(struct jobq_buf *out, const char *id)
{
	struct jobq_buf line = JOBQ_BUF_INIT;

	jobq_buf_printf(&line,
	    "{\"id\":\"%s\",\"queue\":\"%s\",\"name\":\"rehearsal\","
	    "\"priority\":0,\"max_attempts\":1",
	    id, id);
	jobq_buf_printf(out, "{\"jobs\":[%s,\"line\":", line.data);
	jobq_buf_puts(&line, ",\"input\":" INPUT);
	jobq_json_put_string(out, line.data, line.len);
	jobq_buf_puts(out, "}]}");
	jobq_buf_release(&line);
}

static void
put_list(struct jobq_buf *out, const char *id)
{
	jobq_buf_printf(
	    out, "{\"by\":\"ids\",\"limit\":2,\"ids\":[\"%s\"]}", id);
}

static void
put_step(struct jobq_buf *out, size_t step, const struct rehearsal *rehearsal)
{
	const char *id = rehearsal->id.data;
	bool pushes = rehearsal->pushes;

	switch (step) {
	case STEP_PUSH:
		put_push(out, id);
		break;
	case STEP_CLAIM:
		jobq_buf_printf(out,
		    "{\"limit\":1,\"worker\":\"%s\",\"lease\":30.000,"
		    "\"ids\":[\"%s\"]}",
		    worker_of(rehearsal), id);
		break;
	case STEP_STALE:
		put_settle(out, rehearsal, pushes ? "2" : "0");
		break;
	case STEP_SETTLE:
		put_settle(out, rehearsal, pushes ? "1" : ":epoch:");
		break;
	default:
		put_list(out, id);
		break;
	}
}

/* Without fencing a stale ending counts; that is told elsewhere. */
static bool
is_left_out(const struct rehearsal *rehearsal, size_t step)
{
	if (step == STEP_PUSH)
		return !rehearsal->pushes;
	return step == STEP_STALE &&
	       jobq_store_adapter(rehearsal->store)->fencing !=
		   JOBQ_FENCING_EPOCH;
}

static void
put_request(struct rehearsal *rehearsal)
{
	struct jobq_buf *out = &rehearsal->request;
	struct jobq_buf step = JOBQ_BUF_INIT;

	jobq_buf_clear(out);
	jobq_buf_puts(out, "{\"steps\":[");
	for (size_t i = 0; i < STEPS; i++) {
		if (is_left_out(rehearsal, i))
			continue;
		jobq_buf_clear(&step);
		put_step(&step, i, rehearsal);
		jobq_buf_printf(out, "%s{\"verb\":\"%s\",\"request\":",
		    out->data[out->len - 1] == '[' ? "" : ",", steps[i].verb);
		jobq_json_put_string(out, step.data, step.len);
		jobq_buf_putc(out, '}');
	}
	jobq_buf_puts(out, "]}");
	jobq_buf_release(&step);
}

/* Compares a line with what its step should say. */
static void
compare(struct rehearsal *rehearsal, const struct step *step)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	struct jobq_buf worker = JOBQ_BUF_INIT;

	jobq_buf_printf(&id, "\"%s\"", rehearsal->id.data);
	jobq_buf_printf(&worker, "\"%s\"", worker_of(rehearsal));
	for (const struct want *want = step->want; want->path != NULL; want++) {
		const char *text = want->text == ID	  ? id.data
				   : want->text == WORKER ? worker.data
							  : want->text;
		struct jobq_span found =
		    jobq_view_inner(&rehearsal->line, want->path);

		if ((want->own && !rehearsal->pushes) ||
		    jobq_span_is(found, text) || rehearsal->wrong.len > 0)
			continue;
		jobq_buf_printf(&rehearsal->wrong, "%s gives %s as ",
		    step->doing, want->path);
		jobq_buf_add(&rehearsal->wrong, found.at,
		    found.len > MOST_SHOWN
			? jobq_utf8_valid(found.at, MOST_SHOWN)
			: found.len);
		if (found.len == 0)
			jobq_buf_puts(&rehearsal->wrong, "nothing");
		jobq_buf_printf(&rehearsal->wrong, ", not %s", text);
	}
	jobq_buf_release(&worker);
	jobq_buf_release(&id);
}

static void
end_step(struct rehearsal *rehearsal)
{
	const struct step *step = &steps[rehearsal->step];

	if (rehearsal->step == STEP_CLAIM && rehearsal->lines == 0 &&
	    !rehearsal->pushes)
		rehearsal->taken_away = true;
	if (rehearsal->lines != 1 && rehearsal->wrong.len == 0)
		jobq_buf_printf(&rehearsal->wrong,
		    "%s answers %d lines about the one job, not 1", step->doing,
		    rehearsal->lines);
	rehearsal->lines = 0;
	rehearsal->step++;
	if (rehearsal->step < STEPS && is_left_out(rehearsal, rehearsal->step))
		rehearsal->step++;
}

static enum jobq_status
take_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct rehearsal *rehearsal = context;
	enum jobq_status status;

	status = jobq_object_scan(&rehearsal->line, line, len, err);
	if (status != JOBQ_OK) {
		jobq_err_prefix(err, "the store answered a bad line");
		return JOBQ_IO;
	}
	if (rehearsal->step == STEPS)
		return JOBQ_OK;
	if (jobq_object_get(&rehearsal->line, "step") != NULL) {
		end_step(rehearsal);
	} else if ((jobq_object_get(&rehearsal->line, "event") != NULL) ==
		   steps[rehearsal->step].event) {
		rehearsal->lines++;
		compare(rehearsal, &steps[rehearsal->step]);
	}
	return JOBQ_OK;
}

static enum jobq_status
count_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	(void)line;
	(void)len;
	(void)err;
	++*(int *)context;
	return JOBQ_OK;
}

static enum jobq_status
take_id(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct rehearsal *rehearsal = context;
	enum jobq_status status;
	struct jobq_span id;

	status = jobq_object_scan(&rehearsal->line, line, len, err);
	if (status != JOBQ_OK)
		return status;
	id = jobq_view_member(&rehearsal->line, "id");
	if (jobq_object_get(&rehearsal->line, "event") != NULL || id.len == 0 ||
	    rehearsal->sees)
		return JOBQ_OK;
	rehearsal->sees = true;
	jobq_buf_clear(&rehearsal->id);
	return jobq_json_string(id, &rehearsal->id, err);
}

/* The job that it is done with. */
static enum jobq_status
choose(struct rehearsal *rehearsal, struct jobq_err *err)
{
	char unique[JOBQ_UUID_SIZE];

	jobq_buf_clear(&rehearsal->id);
	rehearsal->sees = rehearsal->pushes;
	if (rehearsal->pushes) {
		jobq_uuid7(unique);
		jobq_buf_printf(&rehearsal->id, "jobq-doctor-%s", unique);
		return JOBQ_OK;
	}
	jobq_buf_puts(&rehearsal->id, "0");
	jobq_buf_clear(&rehearsal->request);
	jobq_buf_puts(&rehearsal->request, "{\"by\":\"ready\",\"limit\":1}");
	return jobq_store_call(rehearsal->store, JOBQ_VERB_LIST,
	    &rehearsal->request, JOBQ_CALL_MS, take_id, rehearsal, err);
}

/* Whether the job is still in the store. */
static enum jobq_status
look_for_rest(struct rehearsal *rehearsal, struct jobq_err *err)
{
	enum jobq_status status;
	int left = 0;

	jobq_buf_clear(&rehearsal->request);
	put_list(&rehearsal->request, rehearsal->id.data);
	status = jobq_store_call(rehearsal->store, JOBQ_VERB_LIST,
	    &rehearsal->request, JOBQ_CALL_MS, count_line, &left, err);
	if (status == JOBQ_OK && left > 0 && rehearsal->wrong.len == 0)
		jobq_buf_printf(&rehearsal->wrong,
		    "job %s was not taken back; cancel it", rehearsal->id.data);
	return status;
}

static enum jobq_status
rehearse_once(struct rehearsal *rehearsal, struct jobq_err *err)
{
	enum jobq_status status;

	rehearsal->step = rehearsal->pushes ? STEP_PUSH : STEP_LIST;
	rehearsal->taken_away = false;
	jobq_buf_clear(&rehearsal->wrong);
	status = choose(rehearsal, err);
	if (status != JOBQ_OK)
		return status;
	put_request(rehearsal);
	status = jobq_store_call(rehearsal->store, JOBQ_VERB_REHEARSE,
	    &rehearsal->request, REHEARSAL_MS, take_line, rehearsal, err);
	if (status == JOBQ_OK && rehearsal->step < STEPS &&
	    rehearsal->wrong.len == 0)
		jobq_buf_printf(&rehearsal->wrong,
		    "the store did %zu steps of %zu", rehearsal->step, STEPS);
	return status;
}

static enum jobq_status
rehearse(struct rehearsal *rehearsal, struct jobq_err *err)
{
	enum jobq_status status;
	int tries = 0;

	do
		status = rehearse_once(rehearsal, err);
	while (status == JOBQ_OK && rehearsal->sees && rehearsal->taken_away &&
	       ++tries < TRIES);
	if (status == JOBQ_OK && rehearsal->pushes)
		status = look_for_rest(rehearsal, err);
	return status;
}

static void
tell(const struct jobq_doctor *doctor, const struct rehearsal *rehearsal,
    enum jobq_status status, const struct jobq_err *why)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	bool sees = rehearsal->sees;
	bool ok = status == JOBQ_OK && (rehearsal->wrong.len == 0 || !sees);

	if (status != JOBQ_OK)
		jobq_buf_printf(&text, "could not be done: %s", why->text);
	else if (!ok)
		jobq_buf_printf(&text, "the adapter's texts are wrong: %s",
		    rehearsal->wrong.data);
	else
		jobq_buf_printf(&text, "%slist, claim and settle %s",
		    rehearsal->pushes ? "push, " : "",
		    sees ? "do what they should; all of it was taken back"
			 : "are understood; what they do was not seen, for no "
			   "job is ready");
	doctor->tell(doctor->context, "rehearsal", ok, text.data);
	jobq_buf_release(&text);
}

enum jobq_status
jobq_doctor_rehearsal(const struct jobq_doctor *doctor, const char *url,
    const struct jobq_adapter *adapter, struct jobq_err *err)
{
	struct rehearsal rehearsal = { .store = NULL };
	struct jobq_err why;
	enum jobq_status status;

	if (!jobq_adapter_has(adapter, "rehearse")) {
		doctor->tell(doctor->context, "rehearsal", true,
		    "not checked: the adapter cannot rehearse");
		return JOBQ_OK;
	}
	rehearsal.pushes = jobq_adapter_has(adapter, "push");
	status = jobq_store_open(url, JOBQ_STORE_WRITE, &rehearsal.store, &why);
	if (status == JOBQ_OK)
		status = rehearse(&rehearsal, &why);
	tell(doctor, &rehearsal, status, &why);
	if (status == JOBQ_AGAIN && err != NULL)
		*err = why;
	jobq_store_close(rehearsal.store);
	jobq_object_release(&rehearsal.line);
	jobq_buf_release(&rehearsal.id);
	jobq_buf_release(&rehearsal.request);
	jobq_buf_release(&rehearsal.wrong);
	return status == JOBQ_AGAIN ? JOBQ_AGAIN : JOBQ_OK;
}
