/*
 * What the files of the --post handler share: run_post.c sends requests and
 * drops them, run_post_request.c makes them, run_post_answer.c says what an
 * answer means for the job.
 */
#ifndef JOBQ_RUN_POST_H
#define JOBQ_RUN_POST_H

#include "http_client.h"
#include "jq_program.h"
#include "run_engine.h"

struct jobq_post {
	struct jobq_http *http;
	struct jobq_jq *body, *result_map; /* or NULL */
	struct jobq_buf headers;	   /* the same for all requests */
	const char *trace;		   /* of the runner itself, or NULL */
};

/* Of a task; stays with it for the next job. */
struct jobq_post_work {
	struct jobq_task *task;
	struct jobq_http_exchange *exchange; /* NULL: none is on its way */
	struct jobq_timer dropped; /* tells that, outside of the drop */
	struct jobq_buf url, headers, body;
};

/*
 * run_post_request.c. Checks the URL, the headers and the token file, and
 * makes the headers of all requests. JOBQ_CONFIG.
 */
enum jobq_status jobq_post_check(struct jobq_run *run, struct jobq_err *err);

/* Makes the URL and the body. JOBQ_INVALID: the job's own fault. */
enum jobq_status jobq_post_make(
    struct jobq_task *task, struct jobq_post_work *work, struct jobq_err *err);

/* Makes the headers. JOBQ_CONFIG: the token cannot be read any more. */
enum jobq_status jobq_post_make_headers(
    struct jobq_task *task, struct jobq_post_work *work, struct jobq_err *err);

/* run_post_answer.c. Fills in the outcome of the task, its notes, result. */
void jobq_post_judge(struct jobq_task *task, const struct jobq_post_work *work,
    const struct jobq_http_answer *answer);

#endif
