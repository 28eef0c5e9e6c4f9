/*
 * Placeholders are found once: the command becomes a list of parts, each a
 * piece of literal text or a placeholder, each belonging to an argument. A
 * fill walks over the parts and writes all arguments into one buffer;
 * pointers are made when it has stopped growing.
 */
#include "run_args.h"

#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

enum kind { LITERAL, ID, NAME, INPUT, WHOLE, PATH };

struct part {
	enum kind kind;
	const char *text; /* in the command; a placeholder without braces */
	size_t len;
	size_t arg;
};

struct jobq_args {
	char *const *command;
	size_t count;
	struct part *part;
	size_t part_count, part_cap;
	bool *guarded; /* by argument: only placeholders, no "--" before it */
	struct jobq_buf text;
	size_t *at; /* of each argument in text */
	char **argv;
};

/* What stands between braces at text; LITERAL when it is none of ours. */
static enum kind
placeholder(const char *text, size_t *len)
{
	const char *end = strchr(text, '}');

	if (end == NULL)
		return LITERAL;
	*len = (size_t)(end - text);
	if (memchr(text, '{', *len) != NULL)
		return LITERAL;
	if (*len == 0)
		return WHOLE;
	if (*len == 2 && memcmp(text, "id", 2) == 0)
		return ID;
	if (*len == 4 && memcmp(text, "name", 4) == 0)
		return NAME;
	if (*len == 5 && memcmp(text, "input", 5) == 0)
		return INPUT;
	if (*len > 6 && memcmp(text, "input.", 6) == 0)
		return PATH;
	return LITERAL;
}

static void
add_part(struct jobq_args *args, enum kind kind, const char *text, size_t len,
    size_t arg)
{
	if (kind == LITERAL && len == 0)
		return;
	args->part = jobq_grow(args->part, args->part_count, &args->part_cap,
	    sizeof(args->part[0]));
	args->part[args->part_count++] = (struct part){ kind, text, len, arg };
}

/* Takes one argument apart; returns whether it is placeholders only. */
static bool
take_apart(struct jobq_args *args, const char *text, size_t arg)
{
	const char *from = text;
	size_t first = args->part_count;

	while (*text != '\0') {
		size_t len = 0;
		enum kind kind;

		if (text[0] == '{' && text[1] == '{' &&
		    placeholder(text + 2, &len) != LITERAL &&
		    text[2 + len + 1] == '}') {
			/* {{id}} is the text {id} */
			add_part(
			    args, LITERAL, from, (size_t)(text - from), arg);
			add_part(args, LITERAL, text + 1, len + 2, arg);
			text += len + 4;
			from = text;
			continue;
		}
		kind = text[0] == '{' ? placeholder(text + 1, &len) : LITERAL;
		if (kind == LITERAL) {
			text++;
			continue;
		}
		add_part(args, LITERAL, from, (size_t)(text - from), arg);
		add_part(args, kind, text + 1, len, arg);
		text += len + 2;
		from = text;
	}
	add_part(args, LITERAL, from, (size_t)(text - from), arg);
	for (size_t i = first; i < args->part_count; i++)
		if (args->part[i].kind == LITERAL)
			return false;
	return args->part_count > first;
}

enum jobq_status
jobq_args_new(
    struct jobq_args **out, char *const *command, struct jobq_err *err)
{
	struct jobq_args *args = jobq_xcalloc(1, sizeof(*args));
	enum jobq_status status = JOBQ_OK;
	bool dashes = false;

	args->command = command;
	while (command[args->count] != NULL)
		args->count++;
	args->guarded = jobq_xcalloc(args->count, sizeof(bool));
	args->at = jobq_xcalloc(args->count, sizeof(size_t));
	args->argv = jobq_xcalloc(args->count + 1, sizeof(char *));
	for (size_t i = 0; i < args->count; i++) {
		bool whole = take_apart(args, command[i], i);

		args->guarded[i] = whole && !dashes;
		dashes = dashes || (i > 0 && strcmp(command[i], "--") == 0);
	}
	if (args->part_count == 0 || args->part[0].arg != 0)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "the command after \"--\" is empty");
	else if (args->part[0].kind != LITERAL ||
		 args->part[0].len != strlen(command[0]))
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s': a job never chooses the program; placeholders "
		    "stand in arguments only",
		    command[0]);
	if (status != JOBQ_OK) {
		jobq_args_free(args);
		return status;
	}
	*out = args;
	return JOBQ_OK;
}

void
jobq_args_free(struct jobq_args *args)
{
	if (args == NULL)
		return;
	jobq_buf_release(&args->text);
	free(args->part);
	free(args->guarded);
	free(args->at);
	free(args->argv);
	free(args);
}

const char *
jobq_args_placeholder(const struct jobq_args *args, size_t *len)
{
	for (size_t i = 0; i < args->part_count; i++) {
		if (args->part[i].kind == LITERAL)
			continue;
		*len = args->part[i].len;
		return args->part[i].text;
	}
	return NULL;
}

/* Adds a value as an argument shows it: strings decoded, all else as is. */
static enum jobq_status
add_value(struct jobq_buf *text, struct jobq_span value,
    const struct part *part, struct jobq_err *err)
{
	enum jobq_status status;

	if (value.at[0] != '"') {
		jobq_buf_add(text, value.at, value.len);
		return JOBQ_OK;
	}
	status = jobq_json_string(value, text, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err,
		    "bad_argument: {%.*s} cannot be an argument",
		    (int)part->len, part->text);
	return status;
}

static enum jobq_status
add_part_value(struct jobq_args *args, const struct part *part,
    const struct jobq_job *job, const char *id, struct jobq_err *err)
{
	struct jobq_span value = job->input;
	bool scalar = value.len > 0 && value.at[0] != '{' && value.at[0] != '[';

	switch (part->kind) {
	case LITERAL:
		jobq_buf_add(&args->text, part->text, part->len);
		return JOBQ_OK;
	case ID:
		jobq_buf_puts(&args->text, id);
		return JOBQ_OK;
	case NAME:
		jobq_buf_puts(
		    &args->text, job->name != NULL ? job->name : "default");
		return JOBQ_OK;
	case WHOLE:
		if (!scalar) {
			jobq_buf_puts(&args->text, "{}");
			return JOBQ_OK;
		}
		break;
	case INPUT:
		break;
	case PATH:
		if (!jobq_json_path(
			&job->members, part->text, part->len, &value))
			value.len = 0;
		break;
	}
	if (value.len == 0)
		return jobq_fail(err, JOBQ_INVALID,
		    "missing_member: the job has no %.*s, which the argument "
		    "'%s' needs",
		    (int)part->len, part->text, args->command[part->arg]);
	return add_value(&args->text, value, part, err);
}

/* Refuses a value that the program would take for an option. */
static enum jobq_status
check_option(const struct jobq_args *args, size_t arg, struct jobq_err *err)
{
	const char *value = args->text.data + args->at[arg];
	struct jobq_buf shown = JOBQ_BUF_INIT;

	if (!args->guarded[arg] || value[0] != '-')
		return JOBQ_OK;
	jobq_buf_escape(&shown, value, strnlen(value, 80));
	jobq_fail(err, JOBQ_INVALID,
	    "arg_looks_like_option: '%s' for the argument '%s' begins with "
	    "'-'; put \"--\" before it in the command if it takes that",
	    shown.data, args->command[arg]);
	jobq_buf_release(&shown);
	return JOBQ_INVALID;
}

enum jobq_status
jobq_args_fill(struct jobq_args *args, const struct jobq_job *job,
    const char *id, char ***argv, struct jobq_err *err)
{
	size_t p = 0;

	jobq_buf_clear(&args->text);
	for (size_t i = 0; i < args->count; i++) {
		enum jobq_status status = JOBQ_OK;

		args->at[i] = args->text.len;
		for (; p < args->part_count && args->part[p].arg == i; p++) {
			status =
			    add_part_value(args, &args->part[p], job, id, err);
			if (status != JOBQ_OK)
				return status;
		}
		jobq_buf_putc(&args->text, '\0');
		status = check_option(args, i, err);
		if (status != JOBQ_OK)
			return status;
	}
	for (size_t i = 0; i < args->count; i++)
		args->argv[i] = args->text.data + args->at[i];
	*argv = args->argv;
	return JOBQ_OK;
}
