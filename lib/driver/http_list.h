/*
 * The jobs that a foreign API lists, one after the other as kept lines. A part
 * of http_api.h.
 */
#ifndef JOBQ_HTTP_LIST_H
#define JOBQ_HTTP_LIST_H

#include "http_api.h"

/* The jobs that were listed, and how far they were gone through. */
struct jobq_remote_jobs {
	struct jobq_remote_answer answer;
	struct jobq_span list;
	size_t cursor;
};

/* A job that is looked at: its kept line and its id. */
struct jobq_remote_found {
	struct jobq_buf line, id;
	struct jobq_object members; /* memory to look into the line with */
};

void jobq_remote_found_release(struct jobq_remote_found *found);

/* Asks for the list; jobs->answer is the caller's to release. */
enum jobq_status jobq_remote_jobs_get(struct jobq_remote *store,
    int64_t deadline, struct jobq_remote_jobs *jobs, struct jobq_err *err);

/*
 * The next one that is a job; of others it is said once why they are none.
 * JOBQ_EMPTY: there is no more.
 */
enum jobq_status jobq_remote_jobs_next(struct jobq_remote *store,
    struct jobq_remote_jobs *jobs, struct jobq_remote_found *found,
    struct jobq_err *err);

/* Whether the request's ids, tail, queues, name and flow have this job. */
bool jobq_remote_is_wanted(
    const struct jobq_object *request, struct jobq_remote_found *found);

/* Whether a list has the string. */
bool jobq_remote_is_in(struct jobq_span list, const char *text);

/* True once for each text, so that nothing is complained of at each look. */
bool jobq_remote_may_say(struct jobq_remote_api *api, struct jobq_span text);

#endif
