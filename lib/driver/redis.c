/*
 * The driver of Redis: keys under one prefix, its texts from an adapter.
 *
 * A verb is the script VERB.lua, called with KEYS[1] = the prefix, or what the
 * adapter's "slot" names, ARGV[1] = the request and ARGV[2] = the prefix and
 * the adapter's parameters, an object of strings (and what redis_script.c
 * tells).
 * A script is one step of the server, so a verb is done whole; its answer is
 * an array of lines, which the server sends when its append-only file says
 * that it may; an element that begins with a comma goes on with the line
 * before it. An answer whose first element is "inbox" is no answer yet: see
 * redis_inbox.c. One that begins with "out" has something for other nodes of a
 * cluster first: see redis_cluster.c.
 */
#include "redis_inside.h"

#include "clock.h"
#include "json.h"
#include "line.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

#include "banned.h"

/* What of a server's settings a script cannot ask for, as an object. */
static enum jobq_status
ask_settings(
    struct jobq_redis *store, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_redis_command command = { .count = 0 };
	redisReply *reply = NULL;
	enum jobq_status status;

	jobq_redis_word(&command, "CONFIG", 6);
	jobq_redis_word(&command, "GET", 3);
	jobq_redis_word(&command, "appendfsync", 11);
	status = jobq_redis_ask(store, &command, &reply, err);
	jobq_redis_command_release(&command);
	jobq_buf_putc(out, '{');
	/* Who may not ask is no worse off. */
	if (status == JOBQ_OK && reply->type == REDIS_REPLY_ARRAY &&
	    reply->elements == 2 &&
	    reply->element[1]->type == REDIS_REPLY_STRING) {
		jobq_buf_puts(out, "\"appendfsync\":");
		jobq_json_put_lossy(out, reply->element[1]->str,
		    (size_t)reply->element[1]->len);
	}
	jobq_buf_putc(out, '}');
	if (reply != NULL)
		freeReplyObject(reply);
	return status;
}

static bool
lists_inbox(const redisReply *reply)
{
	if (reply->elements == 0 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(reply->element[0]->str, "inbox") != 0)
		return false;
	for (size_t i = 1; i < reply->elements; i++)
		if (reply->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

static bool
is_line(const struct jobq_buf *text)
{
	return text->len > 0 && *text->data == '{' &&
	       memchr(text->data, '\n', text->len) == NULL;
}

/* A line is an element and those that follow it and begin with a comma. */
static enum jobq_status
hand_out(struct jobq_redis *store, const redisReply *reply, size_t first,
    jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_buf whole = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	for (size_t i = first; i < reply->elements && status == JOBQ_OK; i++) {
		const redisReply *element = reply->element[i];
		const redisReply *next =
		    i + 1 < reply->elements ? reply->element[i + 1] : NULL;

		if (element->type != REDIS_REPLY_STRING) {
			status = jobq_redis_said(store, element, err);
			break;
		}
		if (whole.len + (size_t)element->len > JOBQ_STAGE_MAX) {
			status = jobq_fail(err, JOBQ_IO,
			    "unable to use store '%s': it answered with a line "
			    "of more than %zu bytes",
			    store->name.data, JOBQ_STAGE_MAX);
			break;
		}
		jobq_buf_add(&whole, element->str, (size_t)element->len);
		if (next != NULL && next->type == REDIS_REPLY_STRING &&
		    next->len > 0 && next->str[0] == ',')
			continue;
		if (!is_line(&whole))
			status = jobq_fail(err, JOBQ_IO,
			    "unable to use store '%s': it answered with "
			    "something that is no JSON object",
			    store->name.data);
		else if (line != NULL)
			status = line(context, whole.data, whole.len, err);
		jobq_buf_clear(&whole);
	}
	jobq_buf_release(&whole);
	return status;
}

/* What cannot be written now is the next call's, if jobs were taken. */
static enum jobq_status
carry(struct jobq_redis *store, const redisReply *reply, size_t *first,
    struct jobq_err *err)
{
	struct jobq_err why = { .text = "" };
	bool may_wait = false;
	enum jobq_status status =
	    jobq_redis_carry(store, reply, first, &may_wait, &why);

	if (status == JOBQ_OK)
		return JOBQ_OK;
	if (!may_wait)
		return jobq_fail(err, status, "%s", why.text);
	jobq_log(
	    JOBQ_WARNING, "endings are not acknowledged yet: %s", why.text);
	return JOBQ_OK;
}

static enum jobq_status
redis_call(void *handle, const char *verb, const char *request, size_t len,
    int64_t deadline, jobq_line_fn *line, void *context, struct jobq_err *err)
{
	struct jobq_redis *store = handle;
	struct jobq_buf settings = JOBQ_BUF_INIT;
	const char *more[2] = { NULL, NULL };
	redisReply *reply = NULL;
	enum jobq_status status;
	size_t first = 0;

	store->begun = jobq_mono_ms();
	store->deadline = deadline;
	jobq_redis_ear_tune(store, verb, request, len);
	status = jobq_redis_ready(store, err);
	if (status == JOBQ_OK)
		jobq_redis_ear_start(store);
	if (status == JOBQ_OK && strcmp(verb, "check") == 0) {
		status = ask_settings(store, &settings, err);
		more[1] = settings.data;
	}
	if (status == JOBQ_OK)
		status = jobq_redis_run(
		    store, verb, request, len, more, &reply, err);
	if (status == JOBQ_OK && lists_inbox(reply)) {
		status = jobq_redis_absorb(store, reply, err);
		freeReplyObject(reply);
		reply = NULL;
		more[0] = "again";
		if (status == JOBQ_OK)
			status = jobq_redis_run(
			    store, verb, request, len, more, &reply, err);
	}
	if (status == JOBQ_OK)
		status = carry(store, reply, &first, err);
	if (status == JOBQ_OK)
		status = hand_out(store, reply, first, line, context, err);
	if (reply != NULL)
		freeReplyObject(reply);
	jobq_buf_release(&settings);
	return status;
}

static int
redis_fd(void *handle)
{
	struct jobq_redis *store = handle;

	return store->listens ? jobq_bell_fd(&store->ear.bell) : -1;
}

static void
redis_heard(void *handle)
{
	jobq_redis_ear_turn(handle);
}

/* Somebody has to ring, too: the adapter says that its push does. */
static bool
redis_listens(void *handle)
{
	const struct jobq_redis *store = handle;

	return store->ear.conn != NULL &&
	       store->ear.state == JOBQ_REDIS_LISTENING &&
	       jobq_adapter_hints(store->adapter, "push");
}

/* Of the headers that this was made with; the library does not tell. */
static const char *
redis_library(void)
{
	static char text[32];

	snprintf(text, sizeof text, "hiredis %d.%d.%d", HIREDIS_MAJOR,
	    HIREDIS_MINOR, HIREDIS_PATCH);
	return text;
}

extern const struct jobq_driver jobq_driver;

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "redis",
	.needs_adapter = true,
	.library = redis_library,
	.open = jobq_redis_open,
	.call = redis_call,
	.fd = redis_fd,
	.heard = redis_heard,
	.listens = redis_listens,
	.close = jobq_redis_close,
};
