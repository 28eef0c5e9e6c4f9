/*
 * The adapter's texts as scripts of the server. Each is called by its hash;
 * a server that does not know it, for it was started anew, is given the text.
 *
 * A text with a line "-- events are words" is given the events of a request
 * as ARGV[5] and on, seven words each: event, id, epoch, worker, n, line, and
 * what else the event has, as an object, or "" where it has nothing. There,
 * the request is without them. JSON takes a script much longer than that.
 */
#include "redis_inside.h"

#include "json.h"
#include "mem.h"

#include <sha1.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define WORDS_LINE "\n-- events are words\n"

/* A call: its command, and the texts that it has words in. */
struct call {
	struct jobq_redis_command command;
	struct jobq_buf request;
	struct jobq_buf text;
	struct piece {
		size_t at, len; /* in text */
	} * piece;
	size_t pieces, cap;
};

static void
call_release(struct call *call)
{
	jobq_redis_command_release(&call->command);
	jobq_buf_release(&call->request);
	jobq_buf_release(&call->text);
	free(call->piece);
}

void
jobq_redis_scripts_release(struct jobq_redis *store)
{
	for (size_t i = 0; i < store->scripts; i++) {
		free(store->script[i].name);
		jobq_buf_release(&store->script[i].text);
	}
	free(store->script);
}

static enum jobq_status
find(struct jobq_redis *store, const char *verb,
    struct jobq_redis_script **script, struct jobq_err *err)
{
	struct jobq_redis_script new = { .name = NULL };
	struct jobq_buf file = JOBQ_BUF_INIT;
	enum jobq_status status;

	for (size_t i = 0; i < store->scripts; i++)
		if (strcmp(store->script[i].name, verb) == 0) {
			*script = &store->script[i];
			return JOBQ_OK;
		}
	jobq_buf_printf(&file, "%s.lua", verb);
	status = jobq_adapter_text(store->adapter, file.data, &new.text, err);
	jobq_buf_release(&file);
	if (status == JOBQ_EMPTY)
		return jobq_fail(err, JOBQ_CONFIG,
		    "adapter '%s' says that it has the verb '%s', but there "
		    "is no %s/%s.lua",
		    store->adapter->name, verb, store->adapter->folder, verb);
	if (status != JOBQ_OK)
		return status;
	new.name = jobq_xstrdup(verb);
	new.words = strstr(new.text.data, WORDS_LINE) != NULL;
	SHA1Data((const uint8_t *)new.text.data, new.text.len, new.sha);
	store->script =
	    jobq_grow(store->script, store->scripts, &store->cap, sizeof new);
	store->script[store->scripts] = new;
	*script = &store->script[store->scripts++];
	return JOBQ_OK;
}

/* Ends the piece that has been added to the text since the last one. */
static void
end_piece(struct call *call)
{
	const struct piece *last =
	    call->pieces == 0 ? NULL : &call->piece[call->pieces - 1];
	size_t at = last == NULL ? 0 : last->at + last->len;

	call->piece = jobq_grow(
	    call->piece, call->pieces, &call->cap, sizeof *call->piece);
	call->piece[call->pieces++] = (struct piece){ at, call->text.len - at };
}

static enum jobq_status
put_word(struct call *call, struct jobq_span value, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	if (value.at[0] == '"')
		status = jobq_json_string(value, &call->text, err);
	else if (!jobq_span_is(value, "null"))
		jobq_buf_add(&call->text, value.at, value.len);
	return status;
}

/* The words of one event. */
static enum jobq_status
put_event(struct call *call, struct jobq_span event, struct jobq_err *err)
{
	static const char *const names[] = { "event", "id", "epoch", "worker",
		"n", "line" };
	const size_t count = sizeof names / sizeof *names;
	struct jobq_span values[sizeof names / sizeof *names] = { { 0 } };
	struct jobq_buf rest = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	size_t cursor = 0, i;

	while (jobq_json_member(event, &cursor, &member)) {
		for (i = 0; i < count; i++)
			if (jobq_json_key_is(member.key, names[i]))
				break;
		if (i < count) {
			values[i] = member.value;
			continue;
		}
		jobq_buf_printf(&rest, "%s\"%.*s\":", rest.len == 0 ? "{" : ",",
		    (int)member.key.len, member.key.at);
		jobq_buf_add(&rest, member.value.at, member.value.len);
	}
	for (i = 0; i < count && status == JOBQ_OK; i++) {
		if (values[i].at != NULL)
			status = put_word(call, values[i], err);
		end_piece(call);
	}
	if (rest.len > 0) {
		jobq_buf_add(&call->text, rest.data, rest.len);
		jobq_buf_putc(&call->text, '}');
	}
	end_piece(call);
	jobq_buf_release(&rest);
	return status;
}

/* Divides a request into what it says and the words of its events. */
static enum jobq_status
divide(struct call *call, const char *request, size_t len, struct jobq_err *err)
{
	struct jobq_object members = { 0 };
	enum jobq_status status;
	struct jobq_span event;
	size_t cursor = 0;

	status = jobq_object_scan(&members, request, len, err);
	for (size_t i = 0; i < members.count && status == JOBQ_OK; i++) {
		const struct jobq_member *member = &members.member[i];

		if (jobq_json_key_is(member->key, "events")) {
			while (
			    status == JOBQ_OK &&
			    jobq_json_element(member->value, &cursor, &event))
				status = put_event(call, event, err);
			continue;
		}
		jobq_buf_printf(&call->request,
		    "%s\"%.*s\":", call->request.len == 0 ? "{" : ",",
		    (int)member->key.len, member->key.at);
		jobq_buf_add(
		    &call->request, member->value.at, member->value.len);
	}
	jobq_buf_puts(&call->request, call->request.len == 0 ? "{}" : "}");
	jobq_object_release(&members);
	return status;
}

/* The command; what it begins with is filled in later. */
static enum jobq_status
compose(struct jobq_redis *store, const struct jobq_redis_script *script,
    const char *request, size_t len, const char *const more[2],
    struct call *call, struct jobq_err *err)
{
	struct jobq_redis_command *command = &call->command;
	enum jobq_status status = JOBQ_OK;

	jobq_redis_word(command, "", 0);
	jobq_redis_word(command, "", 0);
	jobq_redis_word(command, "1", 1);
	jobq_redis_word(command, store->key, strlen(store->key));
	if (script->words)
		status = divide(call, request, len, err);
	if (script->words)
		jobq_redis_word(command, call->request.data, call->request.len);
	else
		jobq_redis_word(command, request, len);
	jobq_redis_word(command, store->parameters.data, store->parameters.len);
	for (size_t i = 0; i < 2; i++) {
		const char *word = more[i] == NULL ? "" : more[i];

		jobq_redis_word(command, word, strlen(word));
	}
	for (size_t i = 0; i < call->pieces; i++)
		jobq_redis_word(command,
		    call->text.len == 0 ? ""
					: call->text.data + call->piece[i].at,
		    call->piece[i].len);
	return status;
}

static void
begin_with(
    struct jobq_redis_command *command, const char *name, struct jobq_span text)
{
	command->word[0] = name;
	command->len[0] = strlen(name);
	command->word[1] = text.at;
	command->len[1] = text.len;
}

enum jobq_status
jobq_redis_eval(struct jobq_redis *store, struct jobq_redis *at,
    const char *verb, struct jobq_redis_command *command, redisReply **reply,
    struct jobq_err *err)
{
	struct jobq_redis_script *script = NULL;
	enum jobq_status status = find(store, verb, &script, err);

	if (status != JOBQ_OK)
		return status;
	begin_with(command, "EVALSHA",
	    (struct jobq_span){ script->sha, strlen(script->sha) });
	status = jobq_redis_ask_owner(at, command, reply, err);
	if (status == JOBQ_OK && (*reply)->type == REDIS_REPLY_ERROR &&
	    strncmp((*reply)->str, "NOSCRIPT", 8) == 0) {
		freeReplyObject(*reply);
		*reply = NULL;
		begin_with(command, "EVAL",
		    (struct jobq_span){ script->text.data, script->text.len });
		status = jobq_redis_ask_owner(at, command, reply, err);
	}
	if (status == JOBQ_OK && (*reply)->type != REDIS_REPLY_ARRAY) {
		status = jobq_redis_said(at, *reply, err);
		freeReplyObject(*reply);
		*reply = NULL;
	}
	return status;
}

enum jobq_status
jobq_redis_run(struct jobq_redis *store, const char *verb, const char *request,
    size_t len, const char *const more[2], redisReply **reply,
    struct jobq_err *err)
{
	struct jobq_redis_script *script = NULL;
	struct call call = { .pieces = 0 };
	enum jobq_status status = find(store, verb, &script, err);

	if (status == JOBQ_OK)
		status = compose(store, script, request, len, more, &call, err);
	if (status == JOBQ_OK)
		status = jobq_redis_eval(
		    store, store, verb, &call.command, reply, err);
	call_release(&call);
	return status;
}
