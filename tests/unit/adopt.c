/* Templates of adapters: conditions, values, and what is no value. */
#include "adopt.h"
#include "unit.h"

#include <string.h>

static const struct jobq_adopt_value values[] = {
	{ "table", JOBQ_ADOPT_TABLE, "app.order" },
	{ "id", JOBQ_ADOPT_COLUMN, "id" },
	{ "gone", JOBQ_ADOPT_COLUMN, NULL },
	{ "state", JOBQ_ADOPT_STATUS, "it's" },
	{ "lease", JOBQ_ADOPT_TEXT, "60" },
};

#define VALUES (sizeof values / sizeof *values)

static bool
gives(const char *template, const char *text)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	enum jobq_status status;
	bool same;

	status = jobq_adopt_fill(template, values, VALUES, &out, NULL);
	same = status == JOBQ_OK &&
	       strcmp(out.data == NULL ? "" : out.data, text) == 0;
	jobq_buf_release(&out);
	return same;
}

static bool
fails(const char *template)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };
	enum jobq_status status;

	status = jobq_adopt_fill(template, values, VALUES, &out, &err);
	jobq_buf_release(&out);
	return status == JOBQ_CONFIG && err.text[0] != '\0';
}

JOBQ_TEST(adopt_values_are_quoted_as_what_they_stand_for)
{
	check(gives("x :\"id\" y", "x \"id\" y\n"));
	check(gives(":\"table\"", "\"app\".\"order\"\n"));
	check(gives(":'table' :{table}", "'app.order' app.order\n"));
	check(gives(":'state'", "'it''s'\n"));
	check(gives("':{lease} s'", "'60 s'\n"));
	check(gives("a::{lease}", "a::{lease}\n"));
	check(gives("a:::{lease}", "a::60\n"));
}

JOBQ_TEST(adopt_what_is_no_value_stays_as_it_is)
{
	check(gives("{\"x\":\"state\"}", "{\"x\":\"state\"}\n"));
	check(gives(
	    ":\"nosuch\" :\"id' :\"\" :", ":\"nosuch\" :\"id' :\"\" :\n"));
	check(gives(":'gone' :\"i", ":'gone' :\"i\n"));
	check(gives("a::text :x :{", "a::text :x :{\n"));
	check(gives("\n\n", "\n\n"));
	check(gives("", ""));
}

JOBQ_TEST(adopt_conditions_keep_and_drop_lines)
{
	check(gives("--if id\na\n--else\nb\n--end\nc", "a\nc\n"));
	check(gives("--if gone\na\n--else\nb\n--end\nc", "b\nc\n"));
	check(gives("--if gone id\na\n--end", "a\n"));
	check(gives("--unless gone id\na\n--end", ""));
	check(gives("--unless gone nosuch\na\n--end", "a\n"));
	check(gives("--if gone\n--if id\na\n--else\nb\n--end\n--else\nc\n--end",
	    "c\n"));
	check(gives("--if id\n--if gone\na\n--else\nb\n--end\n--else\nc\n--end",
	    "b\n"));
	check(gives("-- if id\n --end\n--ends", "-- if id\n --end\n--ends\n"));
}

JOBQ_TEST(adopt_a_condition_without_its_end_is_a_mistake)
{
	check(fails("--end"));
	check(fails("--else"));
	check(fails("--if id\na"));
	check(fails("--if id\n--if id\n--if id\n--if id\n--if id\n--if id\n"
		    "--if id\n--if id\n--if id\n--end\n--end\n--end\n--end\n"
		    "--end\n--end\n--end\n--end\n--end"));
}

static bool
is_good(enum jobq_adopt_kind kind, const char *text)
{
	const struct jobq_adopt_value value = { "x", kind, text };

	return jobq_adopt_check(&value, 1, NULL) == JOBQ_OK;
}

JOBQ_TEST(adopt_names_and_statuses_are_looked_at)
{
	char name[65] = "";

	memset(name, 'a', 63);
	check(is_good(JOBQ_ADOPT_COLUMN, name));
	name[63] = 'a';
	check(!is_good(JOBQ_ADOPT_COLUMN, name));
	check(is_good(JOBQ_ADOPT_COLUMN, "_1"));
	check(!is_good(JOBQ_ADOPT_COLUMN, "1_"));
	check(!is_good(JOBQ_ADOPT_COLUMN, "a.b"));
	check(is_good(JOBQ_ADOPT_TABLE, "a.b"));
	check(!is_good(JOBQ_ADOPT_TABLE, "a.b.c"));
	check(!is_good(JOBQ_ADOPT_TABLE, "a."));
	check(is_good(JOBQ_ADOPT_STATUS, "in arbeit, für \xf0\x9f\x90\xa7"));
	check(!is_good(JOBQ_ADOPT_STATUS, "a\tb"));
	check(!is_good(JOBQ_ADOPT_STATUS, "\xc3"));
}
