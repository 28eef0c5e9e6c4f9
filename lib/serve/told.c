/*
 * The store is asked for nothing once a second, by a call that has 2 s, and
 * what it said last is what is told: so nobody who asks waits for it. One that
 * hangs, and its call with it, is away once it has said nothing for 10 s.
 */
#include "told.h"

#include "clock.h"
#include "health.h"
#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define CALL_MS 2000
#define SILENT_MS 10000

struct jobq_told {
	struct jobq_health_told health;
	struct jobq_pool_call call;
	bool asked;	  /* the call is the pool's */
	int64_t heard_ms; /* 0: never yet */
	bool answers;
	struct jobq_err err; /* why it does not */
};

enum jobq_status
jobq_told_open(struct jobq_told **out, struct jobq_err *err)
{
	struct jobq_health_told health;
	enum jobq_status status = jobq_health_take(&health, err);

	*out = NULL;
	if (status == JOBQ_EMPTY)
		return JOBQ_OK;
	if (status != JOBQ_OK)
		return status;
	*out = jobq_xcalloc(1, sizeof(**out));
	(*out)->health = health;
	return JOBQ_OK;
}

void
jobq_told_free(struct jobq_told *told)
{
	if (told != NULL)
		jobq_pool_call_release(&told->call);
	free(told);
}

bool
jobq_told_asks_store(const struct jobq_told *told)
{
	return told->health.asks_store;
}

/* --- the store ------------------------------------------------------------ */

static void
heard(struct jobq_pool_call *call)
{
	struct jobq_told *told = call->context;

	told->asked = false;
	told->heard_ms = jobq_mono_ms();
	told->answers = call->status == JOBQ_OK;
	told->err = call->err;
	jobq_pool_call_release(call);
}

void
jobq_told_tick(struct jobq_told *told, struct jobq_pool *pool)
{
	struct jobq_pool_call *call = &told->call;

	if (pool == NULL || told->asked)
		return;
	*call = (struct jobq_pool_call){ .verb = JOBQ_VERB_LIST,
		.until_ms = jobq_mono_ms() + CALL_MS,
		.done = heard,
		.context = told };
	jobq_buf_puts(
	    &call->request, "{\"by\":\"ids\",\"limit\":1,\"ids\":[]}");
	told->asked = jobq_pool_put(pool, call);
	if (!told->asked)
		jobq_pool_call_release(call);
}

/* Whether the store answers; *why is set where it does not. */
static bool
store_answers(const struct jobq_told *told, struct jobq_err *why)
{
	int64_t silent_ms = jobq_mono_ms() - told->heard_ms;

	if (told->heard_ms == 0)
		jobq_fail(why, JOBQ_OK, "the store has not answered yet");
	else if (!told->answers)
		*why = told->err;
	else if (silent_ms > SILENT_MS)
		jobq_fail(why, JOBQ_OK, "the store has not answered for %lld s",
		    (long long)(silent_ms / 1000));
	else
		return true;
	return false;
}

/* --- answers -------------------------------------------------------------- */

static void
answer(struct jobq_request *request, int status, const char *body)
{
	jobq_request_answer(request, status, "application/json", body,
	    strlen(body), "Cache-Control: no-store\r\n");
}

/* The body that is ours. status is a word for programs, why is for people. */
static void
put_ready(struct jobq_buf *out, const struct jobq_health_state *state,
    const char *status, const char *why)
{
	jobq_buf_printf(out, "{\"status\":\"%s\"", status);
	if (*why != '\0') {
		jobq_buf_puts(out, ",\"error\":");
		jobq_json_put_lossy(out, why, strlen(why));
	}
	jobq_buf_printf(out,
	    ",\"stages\":{\"claim\":%d,\"run\":%d},\"circles\":%d}\n",
	    atomic_load(&state->claim), atomic_load(&state->run),
	    atomic_load(&state->circles));
}

/* NULL: it is ready. */
static const char *
find_fault(const struct jobq_told *told, struct jobq_err *why)
{
	const struct jobq_health_state *state = told->health.state;

	if (atomic_load(&state->stopping))
		return "stopping";
	if (!atomic_load(&state->ready))
		return "stages do not run";
	if (told->health.asks_store && !store_answers(told, why))
		return "the store does not answer";
	return NULL;
}

void
jobq_told_ready(struct jobq_told *told, struct jobq_request *request)
{
	const struct jobq_health_told *health = &told->health;
	struct jobq_buf body = JOBQ_BUF_INIT;
	struct jobq_err why = { "" };
	const char *fault = find_fault(told, &why);

	if (fault == NULL && health->ready != NULL)
		jobq_buf_puts(&body, health->ready);
	else if (fault != NULL && health->unready != NULL)
		jobq_health_put_unready(&body, health->unready,
		    why.text[0] != '\0' ? why.text : fault);
	else
		put_ready(&body, health->state, fault == NULL ? "ok" : fault,
		    why.text);
	answer(request, fault == NULL ? 200 : 503, body.data);
	jobq_buf_release(&body);
}

void
jobq_told_live(struct jobq_told *told, struct jobq_request *request)
{
	const char *live = told->health.live;

	answer(request, 200, live != NULL ? live : "{\"status\":\"ok\"}\n");
}
