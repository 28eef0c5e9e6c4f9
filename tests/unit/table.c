#include "table.h"

#include "../support/unit.h"

static const struct jobq_column columns[] = {
	{ .title = "ID", .least = 3, .keep_end = true },
	{ .title = "N", .right = true },
	{ .title = "TEXT", .least = 4 },
};

/* The rows of a table of that width, each cell a letter, number and text. */
static void
put(struct jobq_table *table, const char *id, const char *n, const char *text)
{
	jobq_table_text(table, id, JOBQ_SHADE_NONE);
	jobq_table_text(table, n, JOBQ_SHADE_BAD);
	jobq_table_text(table, text, JOBQ_SHADE_NONE);
}

static void
check_table(size_t screen, bool colour, const char *wanted)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_table table;

	jobq_table_init(&table, columns, 3, screen, colour);
	put(&table, "abcdef", "1", "short");
	put(&table, "b", "22", "\xc3\xa9\xc3\xa9\xc3\xa9 a longer text");
	put(&table, "c", "", "");
	jobq_table_put(&table, &out);
	check_str(out.data, wanted);
	jobq_buf_release(&out);
	jobq_table_release(&table);
}

JOBQ_TEST(table_columns_are_as_wide_as_what_they_hold)
{
	check_table(0, false,
	    "ID       N  TEXT\n"
	    "abcdef   1  short\n"
	    "b       22  \xc3\xa9\xc3\xa9\xc3\xa9 a longer text\n"
	    "c\n");
}

JOBQ_TEST(
    table_a_narrow_screen_cuts_texts_at_their_end_and_ids_at_their_beginning)
{
	check_table(18, false,
	    "ID       N  TEXT\n"
	    "abcdef   1  short\n"
	    "b       22  \xc3\xa9\xc3\xa9\xc3\xa9 ..\n"
	    "c\n");
	check_table(13, false,
	    "ID    N  TEXT\n"
	    "def   1  sh..\n"
	    "b    22  \xc3\xa9\xc3\xa9..\n"
	    "c\n");
}

JOBQ_TEST(table_a_screen_narrower_than_the_least_gets_the_least)
{
	check_table(5, false,
	    "ID    N  TEXT\n"
	    "def   1  sh..\n"
	    "b    22  \xc3\xa9\xc3\xa9..\n"
	    "c\n");
}

JOBQ_TEST(table_colour_stands_around_the_text_alone)
{
	check_table(0, true,
	    "\033[1mID\033[0m       \033[1mN\033[0m  \033[1mTEXT\033[0m\n"
	    "abcdef   \033[31m1\033[0m  short\n"
	    "b       \033[31m22\033[0m  \xc3\xa9\xc3\xa9\xc3\xa9 a longer "
	    "text\n"
	    "c\n");
}

JOBQ_TEST(table_control_characters_are_escaped_and_count_as_they_stand)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_table table;

	jobq_table_init(&table, columns, 3, 0, false);
	put(&table, "a\033", "1", "\n");
	jobq_table_put(&table, &out);
	check_str(out.data, "ID     N  TEXT\na\\x1b  1  \\x0a\n");
	jobq_buf_release(&out);
	jobq_table_release(&table);
}

JOBQ_TEST(table_later_rows_keep_the_widths_and_have_no_titles)
{
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_table table;

	jobq_table_init(&table, columns, 3, 0, false);
	jobq_table_put(&table, &out);
	check_int(out.len, 0);
	put(&table, "abcdef", "1", "x");
	jobq_table_put(&table, &out);
	jobq_buf_clear(&out);
	put(&table, "a", "2", "x");
	jobq_table_put(&table, &out);
	check_str(out.data, "a       2  x\n");
	jobq_buf_release(&out);
	jobq_table_release(&table);
}
