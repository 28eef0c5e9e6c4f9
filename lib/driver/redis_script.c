/*
 * The adapter's texts as scripts of the server. Each is called by its hash;
 * a server that does not know it, for it was started anew, is given the text.
 */
#include "redis_inside.h"

#include "mem.h"

#include <sha1.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

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
	SHA1Data((const uint8_t *)new.text.data, new.text.len, new.sha);
	store->script =
	    jobq_grow(store->script, store->scripts, &store->cap, sizeof new);
	store->script[store->scripts] = new;
	*script = &store->script[store->scripts++];
	return JOBQ_OK;
}

enum jobq_status
jobq_redis_run(struct jobq_redis *store, const char *verb, const char *request,
    size_t len, const char *const more[2], redisReply **reply,
    struct jobq_err *err)
{
	struct jobq_redis_command command = { .count = 0 };
	struct jobq_redis_script *script = NULL;
	enum jobq_status status = find(store, verb, &script, err);

	if (status != JOBQ_OK)
		return status;
	jobq_redis_word(&command, "EVALSHA", 7);
	jobq_redis_word(&command, script->sha, strlen(script->sha));
	jobq_redis_word(&command, "1", 1);
	jobq_redis_word(&command, store->prefix, strlen(store->prefix));
	jobq_redis_word(&command, request, len);
	jobq_redis_word(
	    &command, store->parameters.data, store->parameters.len);
	for (size_t i = 0; i < 2 && (more[0] != NULL || more[1] != NULL); i++) {
		const char *word = more[i] == NULL ? "" : more[i];

		jobq_redis_word(&command, word, strlen(word));
	}
	status = jobq_redis_ask(store, &command, reply, err);
	if (status == JOBQ_OK && (*reply)->type == REDIS_REPLY_ERROR &&
	    strncmp((*reply)->str, "NOSCRIPT", 8) == 0) {
		freeReplyObject(*reply);
		*reply = NULL;
		command.word[0] = "EVAL";
		command.len[0] = 4;
		command.word[1] = script->text.data;
		command.len[1] = script->text.len;
		status = jobq_redis_ask(store, &command, reply, err);
	}
	if (status == JOBQ_OK && (*reply)->type != REDIS_REPLY_ARRAY) {
		status = jobq_redis_said(store, *reply, err);
		freeReplyObject(*reply);
		*reply = NULL;
	}
	return status;
}
