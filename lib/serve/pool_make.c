#include "pool_make.h"

#include "clock.h"

#include "banned.h"

static enum jobq_status
keep_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_pool_call *call = context;

	(void)err;
	jobq_buf_add(&call->answer, line, len);
	jobq_buf_putc(&call->answer, '\n');
	return JOBQ_OK;
}

/* Each line is that of the next call. */
static enum jobq_status
give_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_pool_call **next = context;
	enum jobq_status status = JOBQ_OK;

	if (*next == NULL)
		return jobq_fail(err, JOBQ_IO,
		    "the store answered more lines than jobs were pushed");
	jobq_buf_clear(&(*next)->answer);
	status = keep_line(*next, line, len, err);
	*next = (*next)->next;
	return status;
}

static int64_t
time_left(const struct jobq_pool_call *call)
{
	return call->until_ms - jobq_mono_ms();
}

static void
make_one(struct jobq_store *store, struct jobq_pool_call *call)
{
	struct jobq_buf whole = JOBQ_BUF_INIT, *request = &call->request;
	int64_t left = time_left(call);

	if (left <= 0) {
		call->status =
		    jobq_fail(&call->err, JOBQ_AGAIN, JOBQ_POOL_BUSY);
		return;
	}
	if (call->grouped) {
		jobq_buf_puts(&whole, "{\"jobs\":[");
		jobq_buf_add(&whole, request->data, request->len);
		jobq_buf_puts(&whole, "]}");
		request = &whole;
	}
	jobq_buf_clear(&call->answer);
	call->status = jobq_store_call(
	    store, call->verb, request, left, keep_line, call, &call->err);
	jobq_buf_release(&whole);
}

/*
 * One request for all, which has as long as the last of them: who is in a
 * hurry takes no time from the others. A job that the store will not have is
 * pushed alone.
 */
static void
make_group(struct jobq_store *store, struct jobq_pool_call *calls)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pool_call *next = calls;
	struct jobq_err err = { "" };
	enum jobq_status status;
	int64_t left = 1;

	for (struct jobq_pool_call *call = calls; call; call = call->next) {
		jobq_buf_puts(&request, call == calls ? "{\"jobs\":[" : ",");
		jobq_buf_add(&request, call->request.data, call->request.len);
		if (time_left(call) > left)
			left = time_left(call);
	}
	jobq_buf_puts(&request, "]}");
	status = jobq_store_call(
	    store, JOBQ_VERB_PUSH, &request, left, give_line, &next, &err);
	if (status == JOBQ_OK && next != NULL)
		status = jobq_fail(&err, JOBQ_IO,
		    "the store answered fewer lines than jobs were pushed");
	for (struct jobq_pool_call *call = calls; call; call = call->next) {
		call->status = status;
		call->err = err;
		if (status == JOBQ_INVALID)
			make_one(store, call);
	}
	jobq_buf_release(&request);
}

void
jobq_pool_make(struct jobq_store *store, struct jobq_pool_call *calls)
{
	if (calls->next == NULL)
		make_one(store, calls);
	else
		make_group(store, calls);
}
