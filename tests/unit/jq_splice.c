#include "jq_splice.h"
#include "../support/unit.h"

#include <stdio.h>
#include <string.h>

/* What the program makes of an object {"v":MARK}; NULL when it fails. */
static char *
run(const char *program, const char *value)
{
	struct jobq_splice *splice = NULL;
	struct jobq_buf in = JOBQ_BUF_INIT, out = JOBQ_BUF_INIT;
	struct jobq_span values[] = { { value, strlen(value) } };
	struct jobq_err err;
	enum jobq_status status;
	FILE *file = fopen("program.jq", "w");

	check(file != NULL && fputs(program, file) >= 0);
	fclose(file);
	check_int(jobq_splice_open(&splice, "program.jq", &err), JOBQ_OK);
	jobq_buf_puts(&in, "{\"v\":");
	jobq_splice_mark(splice, 0, &in);
	jobq_buf_putc(&in, '}');
	status = jobq_splice_run(splice, &in, values, 1, &out, &err);
	jobq_splice_close(splice);
	jobq_buf_release(&in);
	if (status == JOBQ_OK)
		return jobq_buf_detach(&out);
	jobq_buf_release(&out);
	return NULL;
}

JOBQ_TEST(values_are_moved_as_they_stand)
{
	check_str(run("{a: [.v], b: .v}", "[1.10,1e400,9007199254740993]"),
	    "{\"a\":[[1.10,1e400,9007199254740993]],"
	    "\"b\":[1.10,1e400,9007199254740993]}");
}

JOBQ_TEST(a_value_as_the_name_of_a_member_is_refused)
{
	check(run("{(.v): 1}", "[1]") == NULL);
}

JOBQ_TEST(a_mark_that_the_program_has_cut_is_a_string)
{
	char *out;

	for (int cut = 1; cut < 4; cut++) {
		char program[64];

		snprintf(program, sizeof(program), "{v: .v[:-%d], w: .v}", cut);
		out = run(program, "7");
		check(out != NULL);
		check_has(out, "\"w\":7}");
	}
	/* It ends the text, too. */
	out = run(".v[:-1]", "7");
	check(out != NULL && out[0] == '"');
}
