/*
 * The driver of fail:STATUS, a store that answers every verb with that
 * status, so that what a command does about it can be tried: fail:again is a
 * store that is away, fail:io one whose disk is broken.
 */
#include "buf.h"
#include "driver.h"
#include "mem.h"

#include <stdlib.h>

#include "banned.h"

static enum jobq_status
fail_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_buf known = JOBQ_BUF_INIT;
	int status = jobq_status_by_name(url->rest);
	int *answer;

	(void)adapter;
	(void)mode;
	if (status < 0) {
		for (int i = JOBQ_OK; i <= JOBQ_IO; i++)
			jobq_buf_printf(&known, " %s",
			    jobq_status_name((enum jobq_status)i));
		jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no status that fail: knows; these are:%s",
		    url->rest, known.data);
		jobq_buf_release(&known);
		return JOBQ_CONFIG;
	}
	answer = jobq_xmalloc(sizeof *answer);
	*answer = status;
	*handle = answer;
	return JOBQ_OK;
}

static enum jobq_status
fail_call(void *handle, const char *verb, const char *request,
    size_t request_len, int64_t deadline, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	enum jobq_status status = (enum jobq_status) * (int *)handle;

	(void)request;
	(void)request_len;
	(void)deadline;
	(void)line;
	(void)context;
	if (status == JOBQ_OK)
		return JOBQ_OK;
	return jobq_fail(err, status, "%s answered '%s', as fail:%s does", verb,
	    jobq_status_name(status), jobq_status_name(status));
}

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "fail",
	.open = fail_open,
	.call = fail_call,
	.close = free,
};
