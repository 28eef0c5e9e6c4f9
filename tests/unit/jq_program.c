#include "jq_program.h"
#include "../support/unit.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "banned.h"

/* Builds without libjq have nothing to test here but the message. */
#if __has_include(<jq.h>)

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0);
	check_int(write(fd, text, strlen(text)), (intmax_t)strlen(text));
	close(fd);
}

static struct jobq_jq *
program(const char *text)
{
	struct jobq_jq *jq = NULL;
	struct jobq_err err = { "" };

	put_file("p.jq", text);
	if (jobq_jq_open(&jq, "p.jq", &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s", err.text);
	return jq;
}

static void
expect(struct jobq_jq *jq, const char *input, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };

	if (jobq_jq_run(jq, input, strlen(input), &out, &err) != JOBQ_OK)
		jobq_unit_fail(
		    __FILE__, __LINE__, "%s fails: %s", input, err.text);
	check_text(out.data, out.len, wanted);
	jobq_buf_release(&out);
}

static void
gives(const char *text, const char *input, const char *wanted)
{
	struct jobq_jq *jq = program(text);

	expect(jq, input, wanted);
	jobq_jq_close(jq);
}

/* The status of a run, whose message holds a word. */
static void
fails(const char *text, enum jobq_status status, const char *word)
{
	struct jobq_jq *jq = program(text);
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };

	jobq_buf_puts(&out, "old");
	check_int(jobq_jq_run(jq, "{\"a\":1}", 7, &out, &err), status);
	check_has(err.text, word);
	check_int(strchr(err.text, '\n') != NULL, 0);
	/* and the next run knows nothing of it */
	err.text[0] = '\0';
	check_int(jobq_jq_run(jq, "{\"a\":1}", 7, &out, &err), status);
	check_has(err.text, word);
	jobq_buf_release(&out);
	jobq_jq_close(jq);
}

JOBQ_TEST(jq_gives_the_first_result_as_compact_json)
{
	gives(".", "{\"b\": [1, \"\\u00e9\"], \"a\": null}",
	    "{\"b\":[1,\"\xc3\xa9\"],\"a\":null}");
	gives(".a, .b", "{\"a\":1,\"b\":2}", "1");
	gives("# only a comment\n\n.a\n", "{\"a\":\"x\"}", "\"x\"");
	gives(
	    "[.[] | strings]", "[1,\"-rf\",\"$(id)\"]", "[\"-rf\",\"$(id)\"]");
	gives("nan, 1", "null", "null");
	gives("infinite", "null", "1.7976931348623157e+308");
	gives(".", "\"a\\u0000b\"", "\"a\\u0000b\"");
}

JOBQ_TEST(jq_program_is_run_for_many_values)
{
	struct jobq_jq *jq = program("def f: .n * 2; [f, ., 1]");
	struct jobq_jq *other = program("error(\"x\")");
	struct jobq_buf out = JOBQ_BUF_INIT;

	for (int i = 0; i < 100; i++) {
		expect(jq, "{\"n\":21}", "[42,{\"n\":21},1]");
		check_int(jobq_jq_run(other, "1", 1, &out, NULL), JOBQ_INVALID);
		expect(jq, "{\"n\":0}", "[0,{\"n\":0},1]");
	}
	jobq_buf_release(&out);
	jobq_jq_close(jq);
	jobq_jq_close(other);
}

JOBQ_TEST(jq_without_a_result_is_empty)
{
	fails("empty", JOBQ_EMPTY, "");
	fails("halt", JOBQ_EMPTY, "");
	fails("select(.a == 2)", JOBQ_EMPTY, "");
}

JOBQ_TEST(jq_says_why_it_failed)
{
	fails(".a.b", JOBQ_INVALID, "Cannot index number");
	fails("error(\"no host\")", JOBQ_INVALID, "'p.jq': no host");
	fails("error({code: 7})", JOBQ_INVALID, "{\"code\":7}");
	fails("error", JOBQ_INVALID, "{\"a\":1}");
	fails("error(\"two\\nlines\")", JOBQ_INVALID, "two lines");
	fails("error(\"a\\u0000b\")", JOBQ_INVALID, "a b");
	fails("\"stop here\" | halt_error", JOBQ_INVALID, "stop here");
	fails("{n: 1} | halt_error(3)", JOBQ_INVALID, "{\"n\":1}");
	fails("input", JOBQ_INVALID, "break");
	fails("reduce range(1000) as $i (.; [.])", JOBQ_INVALID, "refused");
	fails("reduce range(65) as $i (1; [.])", JOBQ_INVALID, "refused");
}

JOBQ_TEST(jq_builtins_that_ask_outside_do_not_break)
{
	gives("[inputs]", "1", "[]");
	gives("try input catch .", "1", "\"break\"");
	gives("debug", "{\"a\":1}", "{\"a\":1}");
	gives("try input_line_number catch 0 | type", "1", "\"number\"");
	gives("try input_filename catch 0 | type", "1", "\"null\"");
	setenv("JQ_TEST", "seen", 1);
	gives("$ENV.JQ_TEST", "1", "\"seen\"");
	gives("env.JQ_TEST", "1", "\"seen\"");
	gives("$__loc__.line", "1", "1");
	gives("now > 0", "1", "true");
	gives("get_search_list | length", "1", "1");
	gives("@sh \"echo \\(.)\"", "\"a'b\"", "\"echo 'a'\\\\''b'\"");
}

JOBQ_TEST(jq_program_imports_what_stands_beside_it)
{
	struct jobq_jq *jq = NULL;
	struct jobq_err err = { "" };

	check_int(mkdir("d", 0700), 0);
	put_file("d/lib.jq", "def twice: . * 2;");
	put_file("d/main.jq", "import \"lib\" as lib; lib::twice");
	check_str(
	    jobq_jq_open(&jq, "d/main.jq", &err) == 0 ? "" : err.text, "");
	expect(jq, "4", "8");
	jobq_jq_close(jq);
	put_file("d/main.jq", "import \"nosuch\" as lib; 1");
	check_int(jobq_jq_open(&jq, "d/main.jq", &err), JOBQ_CONFIG);
	check_has(err.text, "nosuch");
}

JOBQ_TEST(jq_program_that_cannot_be_compiled_is_a_mistake_of_set_up)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{ "\n\n{a: }", "line 3" },
		{ "nosuch(1)", "nosuch/1 is not defined" },
		{ "$x", "x is not defined" },
		{ "\"", "syntax error" },
		{ "break", "syntax error" },

		{ "", "empty" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jobq_jq *jq = NULL;
		struct jobq_err err = { "" };

		put_file("bad.jq", bad[i].text);
		check_int(jobq_jq_open(&jq, "bad.jq", &err), JOBQ_CONFIG);
		check(jq == NULL);
		check_has(err.text, "'bad.jq'");
		check_has(err.text, bad[i].word);
		check(strchr(err.text, '\n') == NULL);
	}
}

JOBQ_TEST(jq_program_that_cannot_be_read_is_named)
{
	struct jobq_jq *jq = NULL;
	struct jobq_err err = { "" };

	check_int(jobq_jq_open(&jq, "nosuch.jq", &err), JOBQ_CONFIG);
	check_has(err.text, "'nosuch.jq'");
	check_int(jobq_jq_open(&jq, ".", &err), JOBQ_CONFIG);
	check_has(err.text, "directory");
}

JOBQ_TEST(jq_is_given_texts_of_a_length_and_refuses_what_is_no_json)
{
	struct jobq_jq *jq = program(".");
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };
	char *text = malloc(4);

	check(text != NULL);
	memcpy(text, "12,x", 4);
	check_int(jobq_jq_run(jq, text, 2, &out, &err), JOBQ_OK);
	check_text(out.data, out.len, "12");
	check_int(jobq_jq_run(jq, text, 4, &out, &err), JOBQ_INVALID);
	check_has(err.text, "no JSON");
	check_int(jobq_jq_run(jq, "", 0, &out, &err), JOBQ_INVALID);
	/* jq is stricter than we are here; the text itself is not told */
	check_int(jobq_jq_run(jq, "\"\\ud800\"", 8, &out, &err), JOBQ_INVALID);
	check_has(err.text, "surrogate");
	check(strstr(err.text, "parsing") == NULL);
	free(text);
	jobq_buf_release(&out);
	jobq_jq_close(jq);
}

#else

JOBQ_TEST(jq_is_said_to_be_missing)
{
	struct jobq_jq *jq = NULL;
	struct jobq_err err = { "" };

	check_int(jobq_jq_open(&jq, "p.jq", &err), JOBQ_UNSUPPORTED);
	check_has(err.text, "libjq-dev");
	jobq_jq_close(jq);
}

#endif
