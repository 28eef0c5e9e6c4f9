#include "opt.h"

#include "unit.h"

#include <string.h>

#include "banned.h"

static bool flag;
static int count;
static const char *name, *choice;
static struct jobq_list queues;
static int64_t number, any, lease, grace, at;
static uint64_t size;

static const struct jobq_opt own[] = {
	{ .name = "flag",
	    .letter = 'f',
	    .type = JOBQ_OPT_FLAG,
	    .to = &flag,
	    .help = "a flag" },
	{ .name = "verbose",
	    .letter = 'v',
	    .type = JOBQ_OPT_COUNT,
	    .to = &count,
	    .help = "more" },
	{ .name = "name",
	    .letter = 'n',
	    .type = JOBQ_OPT_STRING,
	    .to = &name,
	    .arg = "NAME",
	    .help = "a name" },
	{ .name = "queue",
	    .type = JOBQ_OPT_LIST,
	    .to = &queues,
	    .arg = "NAME",
	    .help = "a queue" },
	{ .name = "jobs",
	    .letter = 'j',
	    .type = JOBQ_OPT_INT,
	    .to = &number,
	    .arg = "N",
	    .help = "places",
	    .least = 1,
	    .most = 64 },
	{ .name = "any",
	    .type = JOBQ_OPT_INT,
	    .to = &any,
	    .arg = "N",
	    .help = "any number" },
	JOBQ_OPT_END,
};

static const struct jobq_opt common[] = {
	{ .name = "lease",
	    .type = JOBQ_OPT_DURATION,
	    .to = &lease,
	    .arg = "DURATION",
	    .help = "a lease",
	    .least = 1000 },
	{ .name = "grace",
	    .type = JOBQ_OPT_NO_DURATION,
	    .to = &grace,
	    .arg = "DURATION",
	    .help = "or none",
	    .least = 1000 },
	{ .name = "size",
	    .type = JOBQ_OPT_SIZE,
	    .to = &size,
	    .arg = "SIZE",
	    .help = "a size" },
	{ .name = "stdin",
	    .type = JOBQ_OPT_CHOICE,
	    .to = &choice,
	    .help = "what is read",
	    .choices = "input job none" },
	{ .name = "at",
	    .type = JOBQ_OPT_TIME,
	    .to = &at,
	    .arg = "TIME",
	    .help = "when" },
	{ .name = "hidden", .type = JOBQ_OPT_FLAG, .to = &flag },
	JOBQ_OPT_END,
};

static const struct jobq_opt *const tables[] = { own, common, NULL };

static char *argv[32];
static int operands, after;
static struct jobq_err err;

/* Parses the words of a text behind a command's name. */
static enum jobq_status
parse_up_to(bool stop_at_operand, const char *text)
{
	char *rest = strdup(text);
	int argc = 1;

	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " "))
		if (*word)
			argv[argc++] = word;
	argv[argc] = NULL;
	return jobq_opt_parse(
	    tables, stop_at_operand, argc, argv, &operands, &after, &err);
}

static enum jobq_status
parse(const char *text)
{
	return parse_up_to(false, text);
}

/* That the words are refused, and what is said about them. */
static void
refused(const char *text, const char *says)
{
	check_int(parse(text), JOBQ_CONFIG);
	check_has(err.text, says);
}

JOBQ_TEST(every_type_of_option_is_stored)
{
	check_int(
	    parse("--flag --name x --queue a --jobs 3 --any -5 --lease 2s "
		  "--size 64KiB --stdin job --at 1970-01-01T00:00:01Z"),
	    JOBQ_OK);
	check(flag);
	check_str(name, "x");
	check_int(queues.count, 1);
	check_int(number, 3);
	check_int(any, -5);
	check_int(lease, 2000);
	check_int(size, 65536);
	check_str(choice, "job");
	check_int(at, 1000);
	check_int(operands, 0);
}

JOBQ_TEST(a_value_may_stand_behind_an_equals_sign_or_a_letter)
{
	check_int(parse("--name=a=b -j4"), JOBQ_OK);
	check_str(name, "a=b");
	check_int(number, 4);
	check_int(parse("--name= -j 5"), JOBQ_OK);
	check_str(name, "");
	check_int(number, 5);
	check_int(parse("-n -x"), JOBQ_OK);
	check_str(name, "-x");
}

JOBQ_TEST(letters_stand_together)
{
	check_int(parse("-vvfvj2"), JOBQ_OK);
	check_int(count, 3);
	check(flag);
	check_int(number, 2);
}

JOBQ_TEST(operands_and_options_stand_in_any_order)
{
	check_int(parse("a -f b --name x - c"), JOBQ_OK);
	check_int(operands, 4);
	check_str(argv[1], "a");
	check_str(argv[2], "b");
	check_str(argv[3], "-");
	check_str(argv[4], "c");
	check_str(argv[5], NULL);
	check_int(after, 0);
}

JOBQ_TEST(two_dashes_end_the_options)
{
	check_int(parse("a --name x -- -f -- b"), JOBQ_OK);
	check(!flag);
	check_int(operands, 4);
	check_int(after, 3);
	check_str(argv[2], "-f");
	check_str(argv[3], "--");
	check_str(argv[4], "b");
	check_int(parse("a --"), JOBQ_OK);
	check_int(operands, 1);
	check_int(after, 0);
}

JOBQ_TEST(two_dashes_can_be_a_value)
{
	check_int(parse("--name -- a"), JOBQ_OK);
	check_str(name, "--");
	check_int(operands, 1);
	check_int(after, 0);
}

JOBQ_TEST(parsing_can_stop_at_the_first_operand)
{
	check_int(parse_up_to(true, "-v run -f -- x"), JOBQ_OK);
	check_int(count, 1);
	check(!flag);
	check_int(operands, 4);
	check_str(argv[1], "run");
	check_str(argv[2], "-f");
	check_str(argv[3], "--");
}

JOBQ_TEST(the_last_one_wins_and_a_list_keeps_all)
{
	check_int(parse("--name a --queue x --name b --queue=y"), JOBQ_OK);
	check_str(name, "b");
	check_int(queues.count, 2);
	check_str(queues.item[0], "x");
	check_str(queues.item[1], "y");
}

JOBQ_TEST(a_list_grows)
{
	for (int i = 0; i < 100; i++)
		check_int(parse("--queue a --queue b"), JOBQ_OK);
	check_int(queues.count, 200);
	check_str(queues.item[199], "b");
}

JOBQ_TEST(names_are_never_abbreviated)
{
	refused("--nam x", "unknown option '--nam' (did you mean '--name'?)");
}

JOBQ_TEST(an_unknown_option_is_named_and_the_nearest_suggested)
{
	refused(
	    "--quene=a", "unknown option '--quene' (did you mean '--queue'?)");
	refused("--elase 1", "did you mean '--lease'?");
	refused("-Z", "unknown option '-Z'");
	check_int(parse("--completely-else"), JOBQ_CONFIG);
	check_str(err.text, "unknown option '--completely-else'");
	check_int(parse("--=x"), JOBQ_CONFIG);
}

JOBQ_TEST(an_option_without_help_is_taken_but_not_suggested)
{
	check_int(parse("--hidden"), JOBQ_OK);
	check(flag);
	check_int(parse("--hiden"), JOBQ_CONFIG);
	check_str(err.text, "unknown option '--hiden'");
}

JOBQ_TEST(a_missing_and_a_superfluous_value_are_refused)
{
	refused("--name", "option '--name' needs a value: NAME");
	refused("-n", "option '-n' needs a value: NAME");
	refused("--stdin", "option '--stdin' needs a value: input job none");
	refused("--flag=yes", "option '--flag' takes no value");
	check(!flag);
}

JOBQ_TEST(a_bad_value_is_refused_with_the_option)
{
	refused("--jobs 0", "--jobs: ");
	refused("--jobs 65", "'65'");
	refused("--jobs 1x", "'1x'");
	refused("-j -1", "--jobs: ");
	refused("--any 9223372036854775808", "--any: ");
	refused("--lease 999ms", "'999ms' is too short, the least is 1000ms");
	refused("--lease none", "--lease: ");
	refused("--grace 1ms", "too short");
	refused("--size 1XiB", "--size: ");
	refused("--stdin jo", "--stdin: 'jo' is none of: input job none");
	refused("--stdin=", "--stdin: '' is none of");
	refused("--at noon", "--at: ");
}

JOBQ_TEST(none_is_a_duration_only_where_it_is_allowed)
{
	check_int(parse("--grace none"), JOBQ_OK);
	check_int(grace, -1);
	check_int(parse("--grace 1.5s"), JOBQ_OK);
	check_int(grace, 1500);
}

JOBQ_TEST(the_nearest_name_is_near)
{
	check_str(jobq_opt_nearest(tables, "leas"), "lease");
	check_str(jobq_opt_nearest(tables, "elase"), "lease");
	check_str(jobq_opt_nearest(tables, "graze"), "grace");
	check_str(jobq_opt_nearest(tables, "stidn"), "stdin");
	check_str(jobq_opt_nearest(tables, "verb"), "verbose");
	check_str(jobq_opt_nearest(tables, "x"), NULL);
	check_str(jobq_opt_nearest(tables, ""), NULL);
	check_str(jobq_opt_nearest(tables, "something"), NULL);
	check_str(jobq_opt_nearest(tables,
		      "a-name-that-is-longer-than-any-option-could-ever-be"),
	    NULL);
}
