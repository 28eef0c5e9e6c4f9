/*
 * libjq behind one table of pointers, filled when the first program is
 * opened: loading it costs more than starting a command that has no program.
 *
 * A jv that is passed to libjq is consumed and one that it returns is ours,
 * with jv_copy() as the one exception; here each lives within one function.
 * What libjq prints by itself goes to callbacks. Its own printer ends a
 * result that is nested too deeply with text that is no JSON, so that
 * results are checked like any text from outside.
 */
#include "jq_program.h"

#include "file.h"
#include "json.h"
#include "library.h"
#include "mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<jq.h>)

#include <jv.h>
/* jq.h needs what jv.h declares. */
#include <jq.h>

/* jv.h has a function that calls it, which -O0 keeps; nobody calls that. */
#pragma weak jv_get_kind

#include "banned.h"

#define PROGRAM_MAX ((size_t)1 << 20)

static struct {
	__typeof__(jq_init) *init;
	__typeof__(jq_teardown) *teardown;
	__typeof__(jq_set_attr) *set_attr;
	__typeof__(jq_set_error_cb) *set_error_cb;
	__typeof__(jq_set_input_cb) *set_input_cb;
	__typeof__(jq_set_debug_cb) *set_debug_cb;
	__typeof__(jq_compile) *compile;
	__typeof__(jq_start) *start;
	__typeof__(jq_next) *next;
	__typeof__(jq_halted) *halted;
	__typeof__(jq_get_error_message) *halt_message;
	__typeof__(jv_get_kind) *kind;
	__typeof__(jv_copy) *copy;
	__typeof__(jv_free) *free;
	__typeof__(jv_invalid) *invalid;
	__typeof__(jv_invalid_has_msg) *has_message;
	__typeof__(jv_invalid_get_msg) *message;
	__typeof__(jv_array) *array;
	__typeof__(jv_array_append) *append;
	__typeof__(jv_string) *string;
	__typeof__(jv_string_value) *string_value;
	__typeof__(jv_string_length_bytes) *string_bytes;
	__typeof__(jv_parse_sized) *parse;
	__typeof__(jv_dump_string) *dump;
} libjq;

static const struct jobq_symbol symbols[] = {
	{ "jq_init", &libjq.init },
	{ "jq_teardown", &libjq.teardown },
	{ "jq_set_attr", &libjq.set_attr },
	{ "jq_set_error_cb", &libjq.set_error_cb },
	{ "jq_set_input_cb", &libjq.set_input_cb },
	{ "jq_set_debug_cb", &libjq.set_debug_cb },
	{ "jq_compile", &libjq.compile },
	{ "jq_start", &libjq.start },
	{ "jq_next", &libjq.next },
	{ "jq_halted", &libjq.halted },
	{ "jq_get_error_message", &libjq.halt_message },
	{ "jv_get_kind", &libjq.kind },
	{ "jv_copy", &libjq.copy },
	{ "jv_free", &libjq.free },
	{ "jv_invalid", &libjq.invalid },
	{ "jv_invalid_has_msg", &libjq.has_message },
	{ "jv_invalid_get_msg", &libjq.message },
	{ "jv_array", &libjq.array },
	{ "jv_array_append", &libjq.append },
	{ "jv_string", &libjq.string },
	{ "jv_string_value", &libjq.string_value },
	{ "jv_string_length_bytes", &libjq.string_bytes },
	{ "jv_parse_sized", &libjq.parse },
	{ "jv_dump_string", &libjq.dump },
	{ NULL, NULL },
};

struct jobq_jq {
	jq_state *state;
	char *path;
	struct jobq_buf complaint; /* the first one while compiling */
	struct jobq_buf text;
};

/* Replaces buf by a string as it is, by any other value as JSON. */
static void
put(struct jobq_buf *buf, jv value)
{
	int len;

	if (libjq.kind(value) != JV_KIND_STRING)
		value = libjq.dump(value, 0);
	len = libjq.string_bytes(libjq.copy(value));
	jobq_buf_clear(buf);
	jobq_buf_add(buf, libjq.string_value(value), (size_t)len);
	libjq.free(value);
}

/* The same as one line for people, without the input that jq may quote. */
static void
put_message(struct jobq_buf *buf, jv message)
{
	char *quote;

	put(buf, message);
	for (size_t i = 0; i < buf->len; i++)
		if ((unsigned char)buf->data[i] < ' ')
			buf->data[i] = ' ';
	quote = strstr(buf->data, " (while parsing '");
	if (quote != NULL)
		buf->len = (size_t)(quote - buf->data);
	while (buf->len > 0 && buf->data[buf->len - 1] == ' ')
		buf->len--;
	buf->data[buf->len] = '\0';
}

/* The first message says what is wrong, the last one only counts them. */
static void
complain(void *context, jv message)
{
	static const char prefix[] = "jq: error: ";
	struct jobq_jq *program = context;
	struct jobq_buf *text = &program->complaint;

	if (text->len > 0) {
		libjq.free(message);
		return;
	}
	put_message(text, message);
	if (strncmp(text->data, prefix, sizeof(prefix) - 1) == 0)
		jobq_buf_drop(text, sizeof(prefix) - 1);
}

static void
ignore(void *context, jv message)
{
	(void)context;
	libjq.free(message);
}

/* A program is given one value and finds no further input. */
static jv
no_input(jq_state *state, void *context)
{
	(void)state;
	(void)context;
	return libjq.invalid();
}

/* What it imports is looked for in its own folder. */
static void
set_origin(struct jobq_jq *program)
{
	char *full = realpath(program->path, NULL);
	char *slash = full != NULL ? strrchr(full, '/') : NULL;
	jv folder;

	if (slash != NULL)
		slash[slash == full] = '\0';
	folder = libjq.string(slash != NULL ? full : ".");
	libjq.set_attr(
	    program->state, libjq.string("JQ_ORIGIN"), libjq.copy(folder));
	libjq.set_attr(
	    program->state, libjq.string("PROGRAM_ORIGIN"), libjq.copy(folder));
	libjq.set_attr(program->state, libjq.string("JQ_LIBRARY_PATH"),
	    libjq.append(libjq.array(), folder));
	free(full);
}

static enum jobq_status
compile(struct jobq_jq *program, const char *text, struct jobq_err *err)
{
	program->state = libjq.init();
	if (program->state == NULL)
		return jobq_fail(err, JOBQ_AGAIN, "libjq gives no memory");
	libjq.set_error_cb(program->state, complain, program);
	libjq.set_debug_cb(program->state, ignore, NULL);
	libjq.set_input_cb(program->state, no_input, NULL);
	set_origin(program);
	if (libjq.compile(program->state, text) != 0)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_CONFIG,
	    "unable to compile the jq program '%s': %s", program->path,
	    program->complaint.len > 0 ? program->complaint.data
				       : "jq does not say why");
}

enum jobq_status
jobq_jq_open(struct jobq_jq **out, const char *path, struct jobq_err *err)
{
	struct jobq_jq *program = NULL;
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_file_read(path, PROGRAM_MAX, &text, err);

	if (status == JOBQ_EMPTY)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "unable to read the jq program '%s': there is no such file",
		    path);
	if (status == JOBQ_OK &&
	    (text.len == 0 || memchr(text.data, '\0', text.len) != NULL))
		status = jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no jq program: it is empty or has a NUL byte",
		    path);
	if (status == JOBQ_OK)
		status =
		    jobq_library_load("libjq.so.1", "libjq1", symbols, err);
	if (status == JOBQ_OK) {
		program = jobq_xcalloc(1, sizeof(*program));
		program->path = jobq_xstrdup(path);
		status = compile(program, text.data, err);
	}
	jobq_buf_release(&text);
	if (status != JOBQ_OK) {
		jobq_jq_close(program);
		return status;
	}
	*out = program;
	return JOBQ_OK;
}

void
jobq_jq_close(struct jobq_jq *program)
{
	if (program == NULL)
		return;
	if (program->state != NULL)
		libjq.teardown(&program->state);
	free(program->path);
	jobq_buf_release(&program->complaint);
	jobq_buf_release(&program->text);
	free(program);
}

/* Why there is no result; takes the value that jq_next() gave instead. */
static enum jobq_status
no_result(struct jobq_jq *program, jv ending, struct jobq_err *err)
{
	jv message;

	if (libjq.halted(program->state)) {
		libjq.free(ending);
		message = libjq.halt_message(program->state);
		if (libjq.kind(message) == JV_KIND_INVALID) {
			libjq.free(message);
			return JOBQ_EMPTY;
		}
	} else if (libjq.has_message(libjq.copy(ending))) {
		message = libjq.message(ending);
	} else {
		libjq.free(ending);
		return JOBQ_EMPTY;
	}
	put_message(&program->text, message);
	return jobq_fail(
	    err, JOBQ_INVALID, "'%s': %s", program->path, program->text.data);
}

enum jobq_status
jobq_jq_run(struct jobq_jq *program, const char *text, size_t len,
    struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_span value;
	enum jobq_status status;
	jv result;

	if (len > INT_MAX)
		return jobq_fail(err, JOBQ_INVALID,
		    "'%s': %zu bytes are too long for jq", program->path, len);
	/* It reads a text that it does not like up to a NUL. */
	jobq_buf_clear(&program->text);
	jobq_buf_add(&program->text, text, len);
	result = libjq.parse(program->text.data, (int)len);
	if (libjq.kind(result) == JV_KIND_INVALID) {
		put_message(&program->text, libjq.message(result));
		return jobq_fail(err, JOBQ_INVALID, "'%s' gets no JSON: %s",
		    program->path, program->text.data);
	}
	libjq.start(program->state, result, 0);
	result = libjq.next(program->state);
	if (libjq.kind(result) == JV_KIND_INVALID)
		return no_result(program, result, err);
	put(out, libjq.dump(result, 0));
	status = jobq_json_check(out->data, out->len, &value, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(
		    err, "'%s' gives a result that is refused", program->path);
	return status;
}

#else /* no <jq.h> */

#include "banned.h"

enum jobq_status
jobq_jq_open(struct jobq_jq **out, const char *path, struct jobq_err *err)
{
	(void)out;
	return jobq_fail(err, JOBQ_UNSUPPORTED,
	    "unable to run the jq program '%s': this jobq was built without "
	    "jq.h; install libjq-dev and build it again",
	    path);
}

void
jobq_jq_close(struct jobq_jq *program)
{
	(void)program;
}

enum jobq_status
jobq_jq_run(struct jobq_jq *program, const char *text, size_t len,
    struct jobq_buf *out, struct jobq_err *err)
{
	(void)program;
	(void)text;
	(void)len;
	(void)out;
	return jobq_fail(err, JOBQ_UNSUPPORTED, "no jq program was opened");
}

#endif
