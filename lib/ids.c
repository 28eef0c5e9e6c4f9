#include "ids.h"

#include "id.h"
#include "log.h"
#include "mem.h"
#include "page.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

void
jobq_ids_add(struct jobq_ids *ids, const char *id, size_t len)
{
	ids->id = jobq_grow(ids->id, ids->count, &ids->cap, sizeof *ids->id);
	ids->id[ids->count++] = jobq_xstrndup(id, len);
}

void
jobq_ids_clear(struct jobq_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		free(ids->id[i]);
	ids->count = 0;
}

void
jobq_ids_release(struct jobq_ids *ids)
{
	jobq_ids_clear(ids);
	free(ids->id);
	*ids = (struct jobq_ids){ NULL, 0, 0 };
}

void
jobq_ids_put(
    const struct jobq_ids *ids, size_t begin, size_t end, struct jobq_buf *out)
{
	jobq_buf_putc(out, '[');
	for (size_t i = begin; i < end; i++) {
		if (i > begin)
			jobq_buf_putc(out, ',');
		jobq_json_put_string(out, ids->id[i], strlen(ids->id[i]));
	}
	jobq_buf_putc(out, ']');
}

/* Adds the string member "id" of a line; JOBQ_INVALID when it is none. */
static enum jobq_status
take_id(const struct jobq_object *members, struct jobq_buf *text,
    struct jobq_ids *ids, struct jobq_err *err)
{
	const struct jobq_span *id = jobq_object_get(members, "id");

	if (id == NULL)
		return jobq_fail(err, JOBQ_INVALID, "the line has no \"id\"");
	jobq_buf_clear(text);
	if (jobq_json_string(*id, text, NULL) != JOBQ_OK ||
	    !jobq_id_valid(text->data, text->len))
		return jobq_fail(
		    err, JOBQ_INVALID, "its \"id\" is not the id of a job");
	jobq_ids_add(ids, text->data, text->len);
	return JOBQ_OK;
}

static enum jobq_status
take_answer(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	(void)line;
	status = take_id(members, &text, context, err);
	jobq_buf_release(&text);
	return status == JOBQ_INVALID ? JOBQ_IO : status;
}

/* Asks for the jobs that an id, or the end of one, means: at most 2. */
static enum jobq_status
look_up(struct jobq_store *store, bool tail, const char *id,
    struct jobq_ids *found, struct jobq_err *err)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pages pages = { store, JOBQ_VERB_LIST, NULL, "after", 2,
		JOBQ_BUF_INIT };
	enum jobq_status status;

	/* What is a valid id needs no escapes. */
	if (tail)
		jobq_buf_printf(
		    &request, "{\"by\":\"tail\",\"tail\":\"%s\"", id);
	else
		jobq_buf_printf(
		    &request, "{\"by\":\"ids\",\"ids\":[\"%s\"]", id);
	pages.request = request.data;
	status = jobq_pages_ask(&pages, take_answer, found, err);
	jobq_pages_release(&pages);
	jobq_buf_release(&request);
	return status;
}

/* What an id may end in need not begin with a letter or digit. */
static bool
tail_valid(const char *text)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	bool valid;

	jobq_buf_printf(&id, "x%s", text);
	valid = id.len > JOBQ_ID_TAIL && jobq_id_valid(id.data, id.len);
	jobq_buf_release(&id);
	return valid;
}

enum jobq_status
jobq_ids_find(struct jobq_store *store, const char *operand,
    struct jobq_ids *found, struct jobq_err *err)
{
	struct jobq_ids all = { NULL, 0, 0 };
	enum jobq_status status = JOBQ_OK;

	if (jobq_id_valid(operand, strlen(operand)))
		status = look_up(store, false, operand, &all, err);
	if (status == JOBQ_OK && all.count == 0 && tail_valid(operand))
		status = look_up(store, true, operand, &all, err);
	if (status == JOBQ_OK && all.count == 1)
		jobq_ids_add(found, all.id[0], strlen(all.id[0]));
	else if (status == JOBQ_OK && all.count == 0)
		status = jobq_fail(err, JOBQ_EMPTY, "no job %s", operand);
	else if (status == JOBQ_OK)
		status = jobq_fail(err, JOBQ_EMPTY,
		    "%s is the end of several ids, such as %s and %s; give "
		    "more of it",
		    operand, all.id[0], all.id[1]);
	jobq_ids_release(&all);
	return status;
}

enum jobq_status
jobq_ids_find_all(struct jobq_store *store, const struct jobq_command *command,
    struct jobq_ids *found, bool *missing, struct jobq_err *err)
{
	for (int i = 0; i < command->count; i++) {
		const char *operand = command->operands[i];
		enum jobq_status status;

		status = jobq_ids_find(store, operand, found, err);
		if (status == JOBQ_EMPTY) {
			jobq_log_code(JOBQ_ERROR, "unknown_job", operand, "%s",
			    err->text);
			*missing = true;
		} else if (status != JOBQ_OK) {
			return status;
		}
	}
	return JOBQ_OK;
}

void
jobq_ids_open(struct jobq_ids_input *input, struct jobq_command *command)
{
	*input = (struct jobq_ids_input){ .command = command };
	jobq_reader_init(&input->reader, STDIN_FILENO,
	    jobq_command_max_line(command, JOBQ_STAGE_MAX));
	input->reader.any_text = true;
}

void
jobq_ids_close(struct jobq_ids_input *input)
{
	jobq_reader_release(&input->reader);
	jobq_object_release(&input->members);
	jobq_buf_release(&input->text);
}

/* Whether input is there; waits for it when told so. */
static bool
has_arrived(int fd, bool wait)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, wait ? -1 : 0) > 0 || wait;
}

/* A line of input: an id, or an object with one. */
static enum jobq_status
take_line(struct jobq_ids_input *input, struct jobq_span line,
    struct jobq_ids *ids, struct jobq_err *err)
{
	enum jobq_status status;

	while (line.len > 0 && strchr(" \t", line.at[0]) != NULL) {
		line.at++;
		line.len--;
	}
	while (line.len > 0 && strchr(" \t", line.at[line.len - 1]) != NULL)
		line.len--;
	if (jobq_id_valid(line.at, line.len)) {
		jobq_ids_add(ids, line.at, line.len);
		return JOBQ_OK;
	}
	if (line.len > 0 && line.at[0] != '{')
		return jobq_fail(err, JOBQ_INVALID,
		    "neither the id of a job nor a JSON object");
	status = jobq_object_scan(&input->members, line.at, line.len, err);
	if (status == JOBQ_OK)
		status = take_id(&input->members, &input->text, ids, err);
	return status;
}

enum jobq_status
jobq_ids_next(struct jobq_ids_input *input, bool wait, struct jobq_ids *ids,
    struct jobq_err *err)
{
	struct jobq_reader *reader = &input->reader;
	struct jobq_span line;
	struct jobq_err bad;
	enum jobq_status status;

	for (;;) {
		status = jobq_reader_next(reader, &line, &bad);
		if (status == JOBQ_OK)
			status = take_line(input, line, ids, &bad);
		if (status == JOBQ_OK)
			return JOBQ_OK;
		if (status == JOBQ_INVALID) {
			status = jobq_command_bad_line(
			    input->command, "stdin", reader->number, &bad);
			if (status == JOBQ_OK)
				continue;
			*err = bad;
			return status;
		}
		if (reader->eof || !has_arrived(reader->fd, wait))
			return JOBQ_EMPTY;
		status = jobq_reader_fill(reader, err);
		if (status != JOBQ_OK && (status != JOBQ_EMPTY || !wait))
			return status;
	}
}

enum jobq_status
jobq_ids_read(
    struct jobq_command *command, struct jobq_ids *ids, struct jobq_err *err)
{
	struct jobq_ids_input input;
	enum jobq_status status = JOBQ_OK;

	jobq_ids_open(&input, command);
	while (status == JOBQ_OK)
		status = jobq_ids_next(&input, true, ids, err);
	jobq_ids_close(&input);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}
