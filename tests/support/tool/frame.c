/*
 * A command that is nothing but what all commands share: it prints what it
 * was given, as lines, says one message of each level, and takes every line
 * of its input that is not "good" for a bad one.
 */
#include "command.h"
#include "json.h"
#include "line.h"
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static int64_t number = 7;
static const char *mode = "input";
static const char *answer = "ok";
static bool listen, cmdline;

static const struct jobq_opt options[] = {
	{ .name = "number",
	    .letter = 'n',
	    .type = JOBQ_OPT_INT,
	    .to = &number,
	    .arg = "N",
	    .help = "a number (7)",
	    .least = 1,
	    .most = 9 },
	{ .name = "mode",
	    .type = JOBQ_OPT_CHOICE,
	    .to = &mode,
	    .help = "a word",
	    .choices = "input job none" },
	{ .name = "answer",
	    .type = JOBQ_OPT_STRING,
	    .to = &answer,
	    .arg = "STATUS",
	    .help = "end with this status" },
	{ .name = "listen",
	    .type = JOBQ_OPT_FLAG,
	    .to = &listen,
	    .help = "read lines" },
	{ .name = "cmdline",
	    .type = JOBQ_OPT_FLAG,
	    .to = &cmdline,
	    .help = "print what others see of the arguments" },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = { "[-n N] [WORD ...]", "--listen", NULL };
static const char *const examples[] = { "frame -n 3", "frame --listen", NULL };

static struct jobq_command command = {
	.name = "frame",
	.summary = "shows what commands share",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
	.reads_lines = true,
	.most_operands = 3,
};

static enum jobq_status
read_lines(struct jobq_err *err)
{
	struct jobq_reader reader;
	struct jobq_span line;
	enum jobq_status status;

	jobq_reader_init(&reader, STDIN_FILENO, JOBQ_LINE_MAX);
	for (;;) {
		status = jobq_reader_get(&reader, &line, err);
		if (status)
			break;
		if (line.len == 4 && !memcmp(line.at, "good", 4)) {
			puts("good");
			continue;
		}
		jobq_fail(err, JOBQ_INVALID, "not good");
		status = jobq_command_bad_line(
		    &command, "stdin", reader.number, err);
		if (status)
			break;
	}
	jobq_reader_release(&reader);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

static void
print_cmdline(void)
{
	FILE *file = fopen("/proc/self/cmdline", "re");
	int c;

	if (!file)
		return;
	for (c = getc(file); c != EOF; c = getc(file))
		putchar(c ? c : ' ');
	putchar('\n');
	fclose(file);
}

static void
print_given(void)
{
	printf("number %d\nmode %s\nstore %s\nstrict %d\ncolour %d\n",
	    (int)number, mode, command.store_url ? command.store_url : "-",
	    command.strict, jobq_colour(STDOUT_FILENO));
	printf("after %d of %d\n", command.after_dashes, command.count);
	for (int i = 0; i < command.count; i++)
		printf("operand %s\n", command.operands[i]);
}

int
main(int argc, char **argv)
{
	struct jobq_err err = { "asked to end so" };
	enum jobq_status status = JOBQ_OK;

	command.needs_stdin = argc > 1 && !strcmp(argv[1], "--listen");
	jobq_command_start(&command, argc, argv);
	jobq_log(JOBQ_DEBUG, "debug");
	jobq_log(JOBQ_INFO, "info");
	jobq_log(JOBQ_WARNING, "warning");
	jobq_log(JOBQ_ERROR, "error");
	jobq_log(JOBQ_CRITICAL, "critical");
	if (cmdline)
		print_cmdline();
	else if (listen)
		status = read_lines(&err);
	else
		print_given();
	if (!status)
		status = (enum jobq_status)jobq_status_by_name(answer);
	return jobq_command_end(&command, status, &err);
}
