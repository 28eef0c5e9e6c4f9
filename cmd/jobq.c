/*
 * jobq: the list of the commands, and one name for all of them. "jobq run x"
 * becomes jobq-run, of the same folder, with the arguments behind "run".
 */
#include "buf.h"
#include "command.h"
#include "opt.h"
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* In the order of a pipeline, and as a table that a mistyped name is near. */
static const struct jobq_opt commands[] = {
	{ .name = "lines", .help = "turn lines of text into job lines" },
	{ .name = "push", .help = "put jobs into the store" },
	{ .name = "poll", .help = "print the jobs that are ready" },
	{ .name = "claim", .help = "take jobs from the store" },
	{ .name = "fetch",
	    .help = "give jobs what a URL answers as their context" },
	{ .name = "run",
	    .help = "run a command for each job and print what happens" },
	{ .name = "report", .help = "settle what jobq-run says in the store" },
	{ .name = "work", .help = "keep claiming and running jobs" },
	{ .name = "serve",
	    .help = "serve a store, tasks and a page over HTTP" },
	{ .name = "list",
	    .help = "show jobs, one job whole, or how many there are" },
	{ .name = "watch", .help = "follow what happens to jobs" },
	{ .name = "cancel", .help = "call jobs off" },
	{ .name = "retry",
	    .help = "let jobs that failed or were cancelled run again" },
	{ .name = "admin", .help = "make, tend, pause and resume a store" },
	{ .name = "doctor",
	    .help = "check a store, the settings and the commands" },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = {
	"COMMAND [ARGUMENT ...]",
	"help COMMAND",
	"",
	NULL,
};

static const char *const examples[] = {
	"seq 3 | jobq lines | jobq push",
	"jobq poll | jobq claim | jobq run -- echo {} | jobq report",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq",
	.summary = "a job processor made of small filters",
	.synopsis = synopsis,
	.examples = examples,
	.stops_at_operand = true,
	.most_operands = -1,
};

static void
print_list(void)
{
	printf("jobq: %s\n\nCommands, in the order of a pipeline:\n\n",
	    command.summary);
	for (const struct jobq_opt *c = commands; c->name; c++)
		printf("  jobq %-8s %s\n", c->name, c->help);
	printf("\nTry, in this order:\n\n");
	for (const char *const *e = examples; *e; e++)
		printf("  %s\n", *e);
	printf("\njobq help COMMAND tells more; so does jobq(7)\n");
}

static void
check_name(const char *name)
{
	const struct jobq_opt *const tables[] = { commands, NULL };
	const char *near;

	for (const struct jobq_opt *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return;
	near = jobq_opt_nearest(tables, name);
	if (near)
		jobq_command_misuse(&command,
		    "there is no command '%s' (did you mean '%s'?)", name,
		    near);
	jobq_command_misuse(&command, "there is no command '%s'", name);
}

/* Returns only when the command could not be started. */
static enum jobq_status
become(const char *name, char **argv, struct jobq_err *err)
{
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_place_commands(&path, err);

	if (status)
		return status;
	jobq_buf_printf(&path, "/jobq-%s", name);
	argv[0] = path.data;
	execv(path.data, argv);
	status = jobq_fail(err, JOBQ_CONFIG, "unable to run %s: %s", path.data,
	    strerror(errno));
	jobq_buf_release(&path);
	return status;
}

/* Pages stand beside the shared data, in a tree and in a PREFIX alike. */
static void
try_page(const char *name, const char *folder)
{
	struct jobq_buf path = JOBQ_BUF_INIT;

	if (!jobq_place_share(&path, NULL)) {
		jobq_buf_printf(&path, "/../%s/jobq-%s.1", folder, name);
		if (!access(path.data, R_OK))
			execlp("man", "man", "-l", path.data, (char *)NULL);
	}
	jobq_buf_release(&path);
}

/* The page, or --help where there is no page or nothing to show it with. */
static enum jobq_status
help(const char *name, struct jobq_err *err)
{
	char option[] = "--help";
	char *argv[] = { NULL, option, NULL };

	try_page(name, "man");
	try_page(name, "man/man1");
	return become(name, argv, err);
}

int
main(int argc, char **argv)
{
	struct jobq_err err;
	enum jobq_status status = JOBQ_OK;
	char **words;

	jobq_command_start(&command, argc, argv);
	words = command.operands;
	if (!command.count || (command.count == 1 && !strcmp(*words, "help"))) {
		print_list();
	} else if (!strcmp(*words, "help")) {
		check_name(words[1]);
		status = help(words[1], &err);
	} else {
		check_name(*words);
		status = become(*words, words, &err);
	}
	return jobq_command_end(&command, status, &err);
}
