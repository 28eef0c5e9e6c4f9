/*
 * A request becomes a job line without a store: an id, and the input as it
 * came. Its ending comes back as an event line, of which share/serve/tool.jq
 * makes the answer, around values that are moved as text. There are at most
 * five times as many requests in hand as run at the same time; who comes then
 * is asked to come again.
 *
 * A client that goes away does not end its run: a tool may have done half of
 * its work, and who asks the same of FastAPI gets no less.
 */
#include "tool.h"

#include "event.h"
#include "id.h"
#include "jq_splice.h"
#include "mem.h"
#include "place.h"
#include "routes.h"
#include "runner.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define WAITING_MOST 4 /* for each that can run */

struct execution {
	char id[JOBQ_UUID_SIZE];
	struct jobq_request *request;
	struct execution *next;
};

struct jobq_tool {
	struct jobq_server *server;
	struct jobq_runner *runner;
	struct jobq_splice *shapes;
	struct execution *first, **end; /* as they came */
	size_t count, most;
	struct jobq_event event;
	struct jobq_buf in, out;
};

/* --- answers -------------------------------------------------------------- */

/* Answers with what the program makes of tool->in. */
static void
answer(struct jobq_tool *tool, struct jobq_request *request,
    const struct jobq_span *values, size_t count)
{
	struct jobq_err err;
	struct jobq_span whole, code, body;
	size_t cursor = 0;
	int64_t status = 0;
	enum jobq_status shaped = jobq_splice_run(
	    tool->shapes, &tool->in, values, count, &tool->out, &err);

	whole = (struct jobq_span){ tool->out.data, tool->out.len };
	if (shaped == JOBQ_OK &&
	    (!jobq_json_element(whole, &cursor, &code) ||
		jobq_json_int(code, &status, &err) != JOBQ_OK || status < 200 ||
		status > 599 || !jobq_json_element(whole, &cursor, &body)))
		shaped = jobq_fail(
		    &err, JOBQ_INVALID, "tool.jq did not give [status, body]");
	if (shaped != JOBQ_OK) {
		jobq_request_problem(request, 500, NULL, "%s", err.text);
		return;
	}
	/* A line, in place of the bracket behind it. */
	tool->out.data[body.at + body.len - tool->out.data] = '\n';
	jobq_request_answer(request, (int)status, "application/json", body.at,
	    body.len + 1,
	    status == 429 || status == 503 ? "Retry-After: 1\r\n" : NULL);
}

/* Answers with what happened to the request itself; error may be NULL. */
static void
answer_word(struct jobq_tool *tool, struct jobq_request *request,
    const char *word, const char *error, struct jobq_span value)
{
	jobq_buf_clear(&tool->in);
	jobq_buf_printf(&tool->in, "{\"answer\":\"%s\"", word);
	if (error != NULL) {
		jobq_buf_puts(&tool->in, ",\"error\":");
		jobq_json_put_lossy(&tool->in, error, strlen(error));
	}
	if (value.at != NULL) {
		jobq_buf_puts(&tool->in, ",\"body\":");
		jobq_splice_mark(tool->shapes, 0, &tool->in);
	}
	jobq_buf_putc(&tool->in, '}');
	answer(tool, request, &value, 1);
}

/* Answers with the event that has ended the job. */
static void
answer_event(struct jobq_tool *tool, struct jobq_request *request)
{
	const struct jobq_object *members = &tool->event.members;
	struct jobq_span values[JOBQ_SPLICE_MOST];
	struct jobq_buf *in = &tool->in;
	size_t count = 0;

	jobq_buf_clear(in);
	jobq_buf_puts(in, "{\"answer\":\"ending\",\"event\":{");
	for (size_t i = 0; i < members->count; i++) {
		const struct jobq_member *member = &members->member[i];
		bool moved = jobq_json_key_is(member->key, "output") ||
			     jobq_json_key_is(member->key, "base64");

		jobq_buf_puts(in, i == 0 ? "\"" : ",\"");
		jobq_buf_add(in, member->key.at, member->key.len);
		jobq_buf_puts(in, "\":");
		if (moved && count < JOBQ_SPLICE_MOST) {
			jobq_splice_mark(tool->shapes, count, in);
			values[count++] = member->value;
		} else {
			jobq_buf_add(in, member->value.at, member->value.len);
		}
	}
	jobq_buf_puts(in, "}}");
	answer(tool, request, values, count);
}

/* --- what runs ------------------------------------------------------------ */

static struct execution **
find(struct jobq_tool *tool, const char *id)
{
	struct execution **at = &tool->first;

	while (*at != NULL && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

/* Takes it out; its request lives on while it has a client. */
static void
end_execution(struct jobq_tool *tool, struct execution **at)
{
	struct execution *execution = *at;
	struct jobq_request *request = execution->request;

	*at = execution->next;
	if (*at == NULL)
		tool->end = at;
	tool->count--;
	tool->server->runs--;
	free(execution);
	request->calls--;
	if (request->calls == 0 && request->connection == NULL)
		jobq_request_free(request);
}

static void
on_line(void *context, const char *line, size_t len)
{
	struct jobq_tool *tool = context;
	struct jobq_event *event = &tool->event;
	struct jobq_err err;
	struct execution **at;

	if (jobq_object_scan(&event->members, line, len, &err) != JOBQ_OK ||
	    jobq_event_read(event, line, len, &err) != JOBQ_OK ||
	    !jobq_event_is_ending(event->kind) || event->id == NULL)
		return;
	at = find(tool, event->id);
	if (*at == NULL)
		return;
	answer_event(tool, (*at)->request);
	end_execution(tool, at);
}

static void
on_death(void *context, const char *how)
{
	struct jobq_tool *tool = context;

	while (tool->first != NULL) {
		answer_word(tool, tool->first->request, "died", how,
		    (struct jobq_span){ NULL, 0 });
		end_execution(tool, &tool->first);
	}
}

/* Adds a JSON text as one line: line ends in it are white space. */
static void
put_text(struct jobq_buf *out, struct jobq_span text)
{
	size_t from = out->len;

	jobq_buf_add(out, text.at, text.len);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
}

static void
run(struct jobq_tool *tool, struct jobq_request *request,
    struct jobq_span input)
{
	struct execution *execution = jobq_xcalloc(1, sizeof(*execution));
	struct jobq_buf *line = &tool->in;

	jobq_uuid7(execution->id);
	execution->request = request;
	*tool->end = execution;
	tool->end = &execution->next;
	tool->count++;
	tool->server->runs++;
	request->calls++;
	jobq_buf_clear(line);
	jobq_buf_printf(line, "{\"id\":\"%s\",\"input\":", execution->id);
	put_text(line, input);
	jobq_buf_putc(line, '}');
	jobq_runner_put(tool->runner, line->data, line->len);
	jobq_buf_release(&request->body);
}

/* The word for what is wrong with the body, or NULL and the input. */
static const char *
read_body(const struct jobq_buf *text, struct jobq_span *body,
    struct jobq_span *input, struct jobq_err *err)
{
	size_t cursor = 0;
	struct jobq_member member;

	*body = (struct jobq_span){ "null", 4 };
	if (text->len == 0)
		return "no body";
	if (jobq_json_check(text->data, text->len, body, err) != JOBQ_OK)
		return "no JSON";
	if (body->at[0] != '{')
		return "no object";
	/* The last one of a name counts, as it does for most. */
	while (jobq_json_member(*body, &cursor, &member))
		if (jobq_json_key_is(member.key, "input"))
			*input = member.value;
	return input->at == NULL ? "no input" : NULL;
}

void
jobq_route_execute(struct jobq_request *request)
{
	struct jobq_server *server = request->server;
	struct jobq_tool *tool = server->tool;
	struct jobq_span body, input = { NULL, 0 };
	const struct jobq_span none = { NULL, 0 };
	struct jobq_err err = { "" };
	const char *word = read_body(&request->body, &body, &input, &err);

	if (word != NULL)
		answer_word(tool, request, word, err.text, body);
	else if (server->draining)
		answer_word(
		    tool, request, "away", "the server is being stopped", none);
	else if (!jobq_runner_is_up(tool->runner))
		answer_word(tool, request, "away",
		    "jobq-run has died and is about to be started anew", none);
	else if (tool->count >= tool->most)
		answer_word(tool, request, "full",
		    "too many requests are waiting; try again", none);
	else
		run(tool, request, input);
}

/* --- for the server ------------------------------------------------------- */

static void
look(void *context)
{
	struct jobq_tool *tool = context;

	jobq_runner_look(tool->runner);
}

enum jobq_status
jobq_tool_open(struct jobq_server *server, struct jobq_err *err)
{
	static const struct jobq_runner_kind kind = { on_line, on_death };
	const struct jobq_serve_options *options = server->options;
	struct jobq_tool *tool = jobq_xcalloc(1, sizeof(*tool));
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_place_share(&path, err);

	server->tool = tool;
	tool->server = server;
	tool->end = &tool->first;
	tool->most = options->tool_places * (1 + WAITING_MOST);
	jobq_buf_puts(&path, "/serve/tool.jq");
	if (status == JOBQ_OK)
		status = jobq_splice_open(&tool->shapes, path.data, err);
	jobq_buf_release(&path);
	if (status == JOBQ_OK)
		status = jobq_runner_open(
		    &tool->runner, options->tool, &kind, tool, err);
	if (status == JOBQ_OK &&
	    !jobq_web_watch(server, jobq_runner_fd(tool->runner), look, tool))
		status = jobq_fail(err, JOBQ_IO, "unable to watch jobq-run");
	return status;
}

void
jobq_tool_close(struct jobq_server *server)
{
	struct jobq_tool *tool = server->tool;

	if (tool == NULL)
		return;
	if (tool->runner != NULL)
		jobq_runner_close(
		    tool->runner, tool->count == 0, jobq_drain_hurries(server));
	while (tool->first != NULL)
		end_execution(tool, &tool->first);
	jobq_splice_close(tool->shapes);
	jobq_event_release(&tool->event);
	jobq_buf_release(&tool->in);
	jobq_buf_release(&tool->out);
	free(tool);
	server->tool = NULL;
}

void
jobq_tool_tick(struct jobq_server *server)
{
	struct jobq_runner *runner = server->tool->runner;

	jobq_runner_tick(runner);
	if (server->status == JOBQ_OK && jobq_runner_is_hopeless(runner)) {
		server->status = jobq_fail(server->err, JOBQ_AGAIN,
		    "jobq-run has died five times within a minute");
		jobq_drain_stop(server);
	}
}

bool
jobq_tool_is_well(const struct jobq_tool *tool)
{
	return jobq_runner_is_up(tool->runner);
}
