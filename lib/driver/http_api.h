/*
 * A foreign API of jobs as a store: the steps that its adapter names, what is
 * remembered of them, and the jq programs that map its jobs and our events.
 * http_api.c tells how it goes.
 */
#ifndef JOBQ_HTTP_API_H
#define JOBQ_HTTP_API_H

#include "asked.h"
#include "http_inside.h"
#include "json.h"
#include "mapping.h"

#define JOBQ_REMOTE_CODES 8 /* that a step gives a meaning to, of a kind */
#define JOBQ_REMOTE_SAID 64 /* what was complained of is not said again */
#define JOBQ_REMOTE_ENDINGS 1024
#define JOBQ_REMOTE_TAKEN 1024

enum jobq_remote_step_name {
	JOBQ_REMOTE_LIST,
	JOBQ_REMOTE_STARTED,
	JOBQ_REMOTE_COMPLETED,
	JOBQ_REMOTE_FAILED,
	JOBQ_REMOTE_STEPS,
};

/* One request of the API, as adapter.json describes it. */
struct jobq_remote_step {
	char *method;
	char *path; /* with {id} */
	struct curl_slist *headers;
	long stale[JOBQ_REMOTE_CODES];	 /* another was first; 0 ends it */
	long unknown[JOBQ_REMOTE_CODES]; /* there is no such job; 0 ends it */
};

/* An ending that was sent: answered, or cut so that nobody knows. */
struct jobq_remote_ending {
	char *id;
	bool completed; /* the step it went by */
	bool answered;
};

/* A job that was taken, and when. */
struct jobq_remote_taken {
	char *id;
	int64_t at_ms;
};

/* A job whose started was sent and not answered. */
struct jobq_remote_doubt {
	struct jobq_buf id; /* empty: there is none */
	struct jobq_buf line;
	bool refused; /* with a 5xx or its like, so it may well be nobody's */
};

struct jobq_remote_api {
	struct jobq_remote_step step[JOBQ_REMOTE_STEPS];
	char **lists; /* members that may hold the jobs; NULL-terminated */
	struct jobq_mapping job, event;
	bool worked; /* it has listed jobs to this process */
	struct jobq_remote_doubt doubt;
	struct jobq_remote_ending
	    ending[JOBQ_REMOTE_ENDINGS]; /* the newest ones */
	struct jobq_remote_taken taken[JOBQ_REMOTE_TAKEN];
	size_t takings;
	size_t endings; /* all that there were */
	char said[JOBQ_REMOTE_SAID][17];
	size_t sayings;
};

/* --- http_api.c --- */
/* Reads what adapter.json says of an API; of none, store->api stays NULL. */
enum jobq_status jobq_remote_api_open(
    struct jobq_remote *store, struct jobq_err *err);
void jobq_remote_api_close(struct jobq_remote *store);

/* Gives up a job that may be started and is not run here, and says so. */
void jobq_remote_doubt_drop(struct jobq_remote *store);

/* One verb, as the driver's call. */
enum jobq_status jobq_remote_api_call(struct jobq_remote *store,
    const char *verb, const char *request, size_t len, int64_t deadline,
    jobq_line_fn *line, void *context, struct jobq_err *err);

/* --- http_step.c --- */
enum jobq_status jobq_remote_steps_read(struct jobq_remote_api *api,
    const struct jobq_adapter *adapter, struct jobq_span http,
    struct jobq_err *err);
void jobq_remote_steps_release(struct jobq_remote_api *api);

/*
 * One step about a job (id and body NULL: none). As jobq_remote_ask(), and
 * whatever the API answered is JOBQ_OK.
 */
enum jobq_status jobq_remote_step(struct jobq_remote *store,
    enum jobq_remote_step_name name, const char *id,
    const struct jobq_buf *body, int64_t deadline,
    struct jobq_remote_answer *answer, struct jobq_err *err);

/* Whether a step's list of codes has this one. */
bool jobq_remote_means(const long codes[JOBQ_REMOTE_CODES], long code);

/*
 * What an answer that is no 2xx means, if the step has no word for it:
 * JOBQ_AGAIN; JOBQ_INVALID, it refuses the request; JOBQ_CONFIG, it is not
 * the API that we think it is, or not for us.
 */
enum jobq_status jobq_remote_step_failed(struct jobq_remote *store,
    enum jobq_remote_step_name name, const struct jobq_remote_answer *answer,
    struct jobq_err *err);

/* --- http_map.c --- */
/*
 * Makes of a foreign job, or of an event, what the adapter's program says.
 * JOBQ_EMPTY: the program gave none. JOBQ_INVALID: it failed, or its result
 * is none; JOBQ_CONFIG: there is no such program, or none that can be compiled.
 * out is replaced: a job is a kept line with a valid id, which goes to id.
 */
enum jobq_status jobq_remote_map_job(struct jobq_remote *store,
    struct jobq_span foreign, struct jobq_buf *out, struct jobq_buf *id,
    struct jobq_err *err);
enum jobq_status jobq_remote_map_event(struct jobq_remote *store,
    struct jobq_span event, struct jobq_buf *out, struct jobq_err *err);

/* Compiles both programs: what cannot be told of is not to be begun. */
enum jobq_status jobq_remote_map_ready(
    struct jobq_remote *store, struct jobq_err *err);

/* --- http_list.c --- */
enum jobq_status jobq_remote_list(struct jobq_remote *store,
    const struct jobq_object *request, int64_t deadline, struct jobq_buf *out,
    struct jobq_err *err);
/* --- http_claim.c --- */
enum jobq_status jobq_remote_claim(struct jobq_remote *store,
    const struct jobq_object *request, int64_t deadline, struct jobq_buf *out,
    struct jobq_err *err);

/* --- http_settle.c --- */
enum jobq_status jobq_remote_settle(struct jobq_remote *store,
    const struct jobq_object *request, int64_t deadline, struct jobq_buf *out,
    struct jobq_err *err);

/* A job was taken anew: what is remembered of its last run is over. */
void jobq_remote_forget(struct jobq_remote_api *api, const char *id);

#endif
