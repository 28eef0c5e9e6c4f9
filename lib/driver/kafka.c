/*
 * The driver of Kafka: a topic of jobs, read as a member of a group, a topic of
 * events, one of what is to be cancelled, and one of dead letters.
 *
 *   jobs ──► kafka_group ──► jobs that wait ──► claim ──► the ring
 *              ▲ commits           ▲                        │ endings
 *              │                   │ cancelled?             ▼
 *              └── kafka_settle ◄──┴── kafka_control     kafka_settle
 *                      │                                    │
 *                      └─────────► events, jobs again, dead letters
 *
 * A log has no leases: a job is held by the process that has read it, for as
 * long as the group says that its partition is ours. So it is settled where it
 * was claimed, by the ring. What a stale worker writes cannot be kept out of
 * the log, but its epoch tells (fencing: owner).
 *
 * Nothing of ours runs beside the caller: librdkafka's threads fetch and send,
 * and ring an eventfd when there is something to look at.
 */
#include "kafka_settle.h"
#include "kafka_view.h"
#include "kafka_wire.h"

#include "clock.h"
#include "line.h"
#include "text_lines.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* What goes to others is committed first, for so long at most. */
#define HEAR_MS 1000

/* What no job of a log has is not looked for. */
static enum jobq_status
check_look(const struct jobq_object *request, struct jobq_err *err)
{
	static const char *const absent[] = { "key", "flow" };

	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		if (jobq_asked_get(request, absent[i]) != NULL)
			return jobq_fail(err, JOBQ_UNSUPPORTED,
			    "%s: no job of a log has one that could be looked "
			    "for",
			    absent[i]);
	return JOBQ_OK;
}

static enum jobq_status
answer(struct jobq_kafka *store, const char *verb, const char *request,
    size_t len, const struct jobq_object *members, struct jobq_buf *out,
    struct jobq_err *err)
{
	static const struct {
		const char *verb;
		enum jobq_status (*call)(struct jobq_kafka *store,
		    const struct jobq_object *request, struct jobq_buf *out,
		    struct jobq_err *err);
	} verbs[] = {
		{ "claim", jobq_kafka_claim },
		{ "settle", jobq_kafka_settle },
		{ "push", jobq_kafka_push },
		{ "check", jobq_kafka_check },
	};

	static const enum jobq_verb looks[] = { JOBQ_VERB_LIST,
		JOBQ_VERB_EVENTS, JOBQ_VERB_STATS, JOBQ_VERB_CANCEL };
	enum jobq_status status = JOBQ_OK;

	if (strcmp(verb, "init") == 0)
		return jobq_kafka_init(store, err);
	/* The view then says what the jobs are, and keeps that it was asked. */
	if (strcmp(verb, "cancel") == 0)
		status = jobq_kafka_cancel(store, members, err);
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		if (status != JOBQ_OK ||
		    strcmp(verb, jobq_verb_name(looks[i])) != 0)
			continue;
		status = check_look(members, err);
		return status != JOBQ_OK ? status
					 : jobq_kafka_ask_view(store, looks[i],
					       request, len, out, err);
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verb, verbs[i].verb) == 0)
			return verbs[i].call(store, members, out, err);
	return status != JOBQ_OK
		   ? status
		   : jobq_fail(err, JOBQ_UNSUPPORTED,
			 "%s: a log has no verb '%s'", store->name.data, verb);
}

static enum jobq_status
kafka_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_kafka *store = handle;
	struct jobq_object members = { 0 };
	struct jobq_buf lines = JOBQ_BUF_INIT;
	enum jobq_status status;

	store->deadline = deadline;
	status = jobq_object_scan(&members, request, len, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "the request");
	if (status == JOBQ_OK && store->mode == JOBQ_STORE_CREATE &&
	    !store->made && strcmp(verb, "init") != 0)
		status = jobq_kafka_init(store, err);
	if (status == JOBQ_OK)
		status =
		    answer(store, verb, request, len, &members, &lines, err);
	if (status == JOBQ_OK)
		status = jobq_lines_hand_out(
		    (struct jobq_lines){ lines.data, lines.len },
		    store->name.data, line, context, err);
	jobq_buf_release(&lines);
	jobq_object_release(&members);
	return status;
}

static int
kafka_fd(void *handle)
{
	struct jobq_kafka *store = handle;

	/* Who only looks, and listens before that, has to be at the log. */
	if (store->mode == JOBQ_STORE_READ && store->view == NULL) {
		store->deadline = jobq_mono_ms() + HEAR_MS;
		jobq_kafka_view_look(store, NULL);
	}
	return store->bell;
}

/* What there is to hear is heard by the call that follows. */
static void
kafka_heard(void *handle)
{
	struct jobq_kafka *store = handle;
	uint64_t rung;

	if (read(store->bell, &rung, sizeof rung) < 0)
		return;
	store->deadline = jobq_mono_ms() + HEAR_MS;
	if (store->consumer != NULL)
		jobq_kafka_poll(store, 0);
	jobq_kafka_listen_turn(store);
	if (store->view != NULL)
		jobq_kafka_view_look(store, NULL);
}

static bool
kafka_listens(void *handle)
{
	const struct jobq_kafka *store = handle;

	return store->assigned;
}

static const char *
kafka_library(void)
{
	static char text[48];

	snprintf(text, sizeof text, "librdkafka %s", rd_kafka_version_str());
	return text;
}

extern const struct jobq_driver jobq_driver;

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "kafka",
	.needs_adapter = true,
	.library = kafka_library,
	.open = jobq_kafka_open,
	.call = kafka_call,
	.fd = kafka_fd,
	.heard = kafka_heard,
	.listens = kafka_listens,
	.close = jobq_kafka_close,
};
