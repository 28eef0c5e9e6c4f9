/*
 * What jq gives is scanned like any text from outside: only an array of
 * strings becomes arguments. A number is refused, as libjq may have changed
 * it; so what stands in an argument was made a string by the program.
 */
#include "run_argv.h"

#include "jq_program.h"
#include "mem.h"
#include "run_program.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

struct jobq_argv {
	struct jobq_jq *program;
	char *file;
	struct jobq_buf array; /* as JSON */
	struct jobq_buf text;  /* the arguments, each with its NUL */
	struct jobq_buf path;
	size_t *at; /* of each argument in text */
	size_t at_cap;
	char **argv;
	size_t argv_cap;
};

enum jobq_status
jobq_argv_open(struct jobq_argv **out, const char *file, struct jobq_err *err)
{
	struct jobq_jq *program = NULL;
	enum jobq_status status = jobq_jq_open(&program, file, err);

	if (status != JOBQ_OK)
		return status;
	*out = jobq_xcalloc(1, sizeof(**out));
	(*out)->program = program;
	(*out)->file = jobq_xstrdup(file);
	return JOBQ_OK;
}

void
jobq_argv_close(struct jobq_argv *made)
{
	if (made == NULL)
		return;
	jobq_jq_close(made->program);
	jobq_buf_release(&made->array);
	jobq_buf_release(&made->text);
	jobq_buf_release(&made->path);
	free(made->file);
	free(made->at);
	free(made->argv);
	free(made);
}

/* What a value is, for people. */
static const char *
kind(struct jobq_span value)
{
	switch (value.at[0]) {
	case '"':
		return "a string";
	case '{':
		return "an object";
	case '[':
		return "an array";
	case 't':
	case 'f':
		return "a boolean";
	case 'n':
		return "null";
	default:
		return "a number";
	}
}

/* Takes the strings of the array; *count says how many there are. */
static enum jobq_status
take_strings(struct jobq_argv *made, size_t *count, struct jobq_err *err)
{
	struct jobq_span array = { made->array.data, made->array.len };
	struct jobq_span value;
	size_t cursor = 0;

	*count = 0;
	jobq_buf_clear(&made->text);
	if (array.at[0] != '[')
		return jobq_fail(err, JOBQ_INVALID,
		    "bad_argument: '%s' gives %s for this job and not an array "
		    "of strings",
		    made->file, kind(array));
	while (jobq_json_element(array, &cursor, &value)) {
		if (value.at[0] != '"')
			return jobq_fail(err, JOBQ_INVALID,
			    "bad_argument: element [%zu] of what '%s' "
			    "gives is %s and not a string; tostring makes one",
			    *count, made->file, kind(value));
		made->at = jobq_grow(
		    made->at, *count, &made->at_cap, sizeof(made->at[0]));
		made->at[(*count)++] = made->text.len;
		if (jobq_json_string(value, &made->text, err) != JOBQ_OK) {
			jobq_err_prefix(err,
			    "bad_argument: element [%zu] of what '%s' "
			    "gives cannot be an argument",
			    *count - 1, made->file);
			return JOBQ_INVALID;
		}
		jobq_buf_putc(&made->text, '\0');
	}
	if (*count == 0 || made->text.data[0] == '\0')
		return jobq_fail(err, JOBQ_INVALID,
		    "bad_argument: '%s' gives %s, but the first element names "
		    "the program",
		    made->file,
		    *count == 0 ? "an empty array" : "an empty first element");
	return JOBQ_OK;
}

static enum jobq_status
make(struct jobq_argv *made, const struct jobq_job *job, struct jobq_err *err)
{
	enum jobq_status status = jobq_jq_run(
	    made->program, job->line.at, job->line.len, &made->array, err);

	if (status == JOBQ_EMPTY)
		return jobq_fail(err, JOBQ_INVALID,
		    "bad_argument: '%s' gives nothing for this job and not an "
		    "array of strings",
		    made->file);
	if (status == JOBQ_INVALID)
		jobq_err_prefix(
		    err, "argv_failed: no command could be made for this job");
	return status;
}

enum jobq_status
jobq_argv_fill(struct jobq_argv *made, const struct jobq_job *job,
    const char **path, char ***argv, struct jobq_err *err)
{
	size_t count;
	enum jobq_status status = make(made, job, err);

	if (status == JOBQ_OK)
		status = take_strings(made, &count, err);
	if (status != JOBQ_OK)
		return status;
	if (made->argv_cap <= count) {
		made->argv_cap = 2 * count + 8;
		made->argv = jobq_xrealloc(
		    made->argv, made->argv_cap, sizeof(made->argv[0]));
	}
	for (size_t i = 0; i < count; i++)
		made->argv[i] = made->text.data + made->at[i];
	made->argv[count] = NULL;
	status = jobq_program_find(made->argv[0], &made->path, err);
	if (status != JOBQ_OK) {
		jobq_err_prefix(err, "no_program");
		return JOBQ_INVALID;
	}
	*path = made->path.data;
	*argv = made->argv;
	return JOBQ_OK;
}
