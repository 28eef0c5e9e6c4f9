/*
 * Settings of the log and of colour come from, the first that is there:
 * an option, a variable JOBQ_*, the default. A variable is read as if its
 * option stood before all others, so it is checked in the same way.
 */
#include "command.h"

#include "buf.h"
#include "command_help.h"
#include "log.h"
#include "mem.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define EXIT_MISUSE 2
#define EXIT_TEMPORARY 75

static struct {
	bool help, version, json, dump, quiet, strict, no_input;
	int verbose;
	const char *level, *format, *file, *to_stderr, *name, *color;
	struct jobq_list stores; /* the last counts; all may hold secrets */
	uint64_t rotate_bytes, max_line;
	int64_t keep;
} given = { .rotate_bytes = 10u << 20, .keep = 5 };

static const struct jobq_opt store_options[] = {
	{ .name = "store",
	    .letter = 'S',
	    .type = JOBQ_OPT_LIST,
	    .to = &given.stores,
	    .arg = "URL",
	    .help = "the store, if not the one of JOBQ_URL" },
	JOBQ_OPT_END,
};

static const struct jobq_opt line_options[] = {
	{ .name = "strict",
	    .type = JOBQ_OPT_FLAG,
	    .to = &given.strict,
	    .help = "stop at the first bad line" },
	{ .name = "max-line",
	    .type = JOBQ_OPT_SIZE,
	    .to = &given.max_line,
	    .arg = "SIZE",
	    .help = "a line longer than this is a bad one (1MiB; 2MiB between "
		    "stages; never more)" },
	JOBQ_OPT_END,
};

static const struct jobq_opt common_options[] = {
	{ .name = "verbose",
	    .letter = 'v',
	    .type = JOBQ_OPT_COUNT,
	    .to = &given.verbose,
	    .help = "say more; twice: even more" },
	{ .name = "quiet",
	    .letter = 'q',
	    .type = JOBQ_OPT_FLAG,
	    .to = &given.quiet,
	    .help = "say only what is an error" },
	{ .name = "log-level",
	    .type = JOBQ_OPT_STRING,
	    .to = &given.level,
	    .arg = "LEVEL",
	    .choices = "DEBUG INFO WARNING ERROR CRITICAL",
	    .help = "say what is at least DEBUG, INFO, WARNING, ERROR or "
		    "CRITICAL" },
	{ .name = "log-format",
	    .type = JOBQ_OPT_CHOICE,
	    .to = &given.format,
	    .choices = "plain text json",
	    .help = "plain: no time; text: with time; json: an object a line" },
	{ .name = "log-file",
	    .type = JOBQ_OPT_STRING,
	    .to = &given.file,
	    .arg = "FILE",
	    .help = "add the log to FILE (-: stderr)" },
	{ .name = "log-stderr",
	    .type = JOBQ_OPT_CHOICE,
	    .to = &given.to_stderr,
	    .arg = "WHEN",
	    .choices = "auto always",
	    .help = "always: beside a log file, too" },
	{ .name = "log-name",
	    .type = JOBQ_OPT_STRING,
	    .to = &given.name,
	    .arg = "NAME",
	    .help = "the command's name in the log" },
	{ .name = "log-rotate",
	    .type = JOBQ_OPT_SIZE,
	    .to = &given.rotate_bytes,
	    .arg = "SIZE",
	    .help = "begin a new file at this size (10MiB; 0: never)" },
	{ .name = "log-keep",
	    .type = JOBQ_OPT_INT,
	    .to = &given.keep,
	    .arg = "N",
	    .least = 0,
	    .most = 99,
	    .help = "how many old log files stay (5)" },
	{ .name = "color",
	    .type = JOBQ_OPT_CHOICE,
	    .to = &given.color,
	    .arg = "WHEN",
	    .choices = "auto always never",
	    .help = "auto (on a terminal), always or never" },
	{ .name = "no-input",
	    .type = JOBQ_OPT_FLAG,
	    .to = &given.no_input,
	    .help = "ask no questions" },
	{ .name = "help",
	    .letter = 'h',
	    .type = JOBQ_OPT_FLAG,
	    .to = &given.help,
	    .help = "print this help" },
	{ .name = "version",
	    .type = JOBQ_OPT_FLAG,
	    .to = &given.version,
	    .help = "print the version and the drivers found (--json: as "
		    "JSON)" },
	{ .name = "dump-options", .type = JOBQ_OPT_FLAG, .to = &given.dump },
	JOBQ_OPT_END,
};

/* Only beside --version, where the command has no --json of its own. */
static const struct jobq_opt version_options[] = {
	{ .name = "json", .type = JOBQ_OPT_FLAG, .to = &given.json },
	JOBQ_OPT_END,
};

static const struct jobq_opt no_options[] = { JOBQ_OPT_END };

static struct {
	const char *name;
	char option[16]; /* argv is not const */
} variables[] = {
	{ "JOBQ_LOG_LEVEL", "--log-level" },
	{ "JOBQ_LOG_FORMAT", "--log-format" },
	{ "JOBQ_LOG_FILE", "--log-file" },
	{ "JOBQ_LOG_STDERR", "--log-stderr" },
	{ "JOBQ_LOG_NAME", "--log-name" },
	{ "JOBQ_LOG_ROTATE", "--log-rotate" },
	{ "JOBQ_LOG_KEEP", "--log-keep" },
	{ "JOBQ_COLOR", "--color" },
};

bool
jobq_colour(int fd)
{
	const char *when = given.color ? given.color : "auto";
	const char *no = getenv("NO_COLOR");
	const char *force = getenv("CLICOLOR_FORCE");
	const char *term = getenv("TERM");

	if (strcmp(when, "auto") != 0)
		return !strcmp(when, "always");
	if (no && *no)
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return term && strcmp(term, "dumb") != 0 && isatty(fd);
}

bool
jobq_shows_progress(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) &&
	       !given.quiet && given.format == NULL && term &&
	       strcmp(term, "dumb") != 0;
}

bool
jobq_may_ask(void)
{
	return !given.no_input && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool
jobq_ask(const char *format, ...)
{
	char answer[16] = "";
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(" Type yes to go on: ", stderr);
	fflush(stderr);
	return fgets(answer, sizeof answer, stdin) && !strcmp(answer, "yes\n");
}

static _Noreturn void
print_and_exit(struct jobq_buf *text, int fd, int code)
{
	FILE *stream = fd == STDOUT_FILENO ? stdout : stderr;

	fwrite(text->data, 1, text->len, stream);
	jobq_buf_release(text);
	if (fflush(stream)) {
		jobq_log(JOBQ_ERROR, "unable to write: %s", strerror(errno));
		exit(EXIT_TEMPORARY);
	}
	exit(code);
}

void
jobq_command_misuse(const struct jobq_command *command, const char *format, ...)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	va_list args;

	va_start(args, format);
	jobq_buf_vprintf(&text, format, args);
	va_end(args);
	jobq_log_code(JOBQ_CRITICAL, "usage", NULL, "%s; see %s --help",
	    text.data, command->name);
	jobq_buf_release(&text);
	exit(EXIT_MISUSE);
}

static enum jobq_status
read_variables(struct jobq_err *err)
{
	const struct jobq_opt *const tables[] = { common_options, NULL };

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		char *value = getenv(variables[i].name);
		char *argv[] = { NULL, variables[i].option, value, NULL };
		int count, after;

		if (!value || !*value)
			continue;
		enum jobq_status status =
		    jobq_opt_parse(tables, false, 3, argv, &count, &after, err);
		if (status) {
			jobq_err_prefix(err, "%s", variables[i].name);
			return status;
		}
	}
	return JOBQ_OK;
}

/* Sets up the log by what was given; also after misuse, to report that. */
static enum jobq_status
open_log(const struct jobq_command *command, struct jobq_err *err)
{
	struct jobq_log_options log = {
		.name = given.name ? given.name : command->name,
		.file = given.file,
		.also_stderr =
		    given.to_stderr && !strcmp(given.to_stderr, "always"),
		.format = JOBQ_LOG_PLAIN,
		.rotate_bytes = given.rotate_bytes,
		.rotate_keep = given.keep,
	};
	int level = command->long_running || command->reports ? JOBQ_INFO
							      : JOBQ_WARNING;
	enum jobq_status status = JOBQ_OK;

	if (given.level)
		level = jobq_level_by_name(given.level);
	if (level < 0) {
		status = jobq_fail(err, JOBQ_CONFIG,
		    "log level '%s' is none of DEBUG, INFO, WARNING, ERROR, "
		    "CRITICAL",
		    given.level);
		level = JOBQ_WARNING;
	}
	if (given.quiet)
		level = JOBQ_ERROR;
	level -= given.verbose;
	log.level = level > JOBQ_DEBUG ? (enum jobq_level)level : JOBQ_DEBUG;

	if (log.file && !strcmp(log.file, "-"))
		log.file = NULL;
	if (given.format && !strcmp(given.format, "json"))
		log.format = JOBQ_LOG_JSON;
	else if (given.format ? !strcmp(given.format, "text") : !!log.file)
		log.format = JOBQ_LOG_TEXT;
	return status ? status : jobq_log_open(&log, err);
}

static void export(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
}

void
jobq_command_export_log(void)
{
	static const char *const names[] = { "DEBUG", "INFO", "WARNING",
		"ERROR", "CRITICAL" };
	int level =
	    given.level ? jobq_level_by_name(given.level) : JOBQ_WARNING;
	char text[32];

	level = (given.quiet ? JOBQ_ERROR : level) - given.verbose;
	export("JOBQ_LOG_LEVEL", names[level > 0 ? level : 0]);
	export("JOBQ_LOG_FORMAT", given.format);
	export("JOBQ_LOG_FILE", given.file);
	export("JOBQ_LOG_STDERR", given.to_stderr);
	export("JOBQ_LOG_NAME", given.name);
	export("JOBQ_COLOR", given.color);
	snprintf(
	    text, sizeof(text), "%llu", (unsigned long long)given.rotate_bytes);
	export("JOBQ_LOG_ROTATE", text);
	snprintf(text, sizeof(text), "%lld", (long long)given.keep);
	export("JOBQ_LOG_KEEP", text);
}

/*
 * Keeps the URL of --store, and wipes passwords from the arguments, which
 * every user of the machine can list.
 */
static void
take_store(struct jobq_command *command)
{
	static char *kept;
	bool wiped = false;

	for (size_t i = 0; i < given.stores.count; i++) {
		const char *url = given.stores.item[i];
		free(kept);
		kept = jobq_xstrdup(url);
		if (!jobq_url_has_secret(url))
			continue;
		memset((char *)(uintptr_t)url, '*', strlen(url));
		wiped = true;
	}
	command->store_url = kept;
	if (wiped)
		jobq_log(JOBQ_WARNING,
		    "a password on the command line can be read by others; "
		    "give the URL in JOBQ_URL or in a settings file");
}

const char *
jobq_command_hide(const char *argument, size_t from)
{
	const char *kept = jobq_xstrdup(argument);
	char *wiped = (char *)(uintptr_t)argument + from;

	memset(wiped, '*', strlen(wiped));
	jobq_log(JOBQ_WARNING,
	    "a secret on the command line can be read by others; give it in "
	    "a file (--token-file)");
	return kept;
}

static void
check_operands(const struct jobq_command *command)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (command->count < command->least_operands)
		jobq_command_misuse(command, "an argument is missing");
	if (command->most_operands >= 0 &&
	    command->count > command->most_operands)
		jobq_command_misuse(command, "unexpected argument '%s'",
		    command->operands[command->most_operands]);
	if (!command->needs_stdin || !isatty(STDIN_FILENO))
		return;
	jobq_command_usage(command, &text);
	jobq_buf_printf(&text,
	    "\n%s: waits for lines on standard input, which is a terminal; "
	    "see %s --help\n",
	    command->name, command->name);
	print_and_exit(&text, STDERR_FILENO, EXIT_MISUSE);
}

/* Answers what asks about the command itself. */
static void
answer(const struct jobq_command *command, const struct jobq_opt *const *tables,
    bool json)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (given.help)
		jobq_command_help(command, tables + 2, &text);
	else if (given.version)
		jobq_command_version(command, json, &text);
	else if (given.dump)
		jobq_command_dump(tables, &text);
	else
		return;
	print_and_exit(&text, STDOUT_FILENO, 0);
}

/* Whether a word stands among the options. */
static bool
has_word(char **argv, const char *word)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (!strcmp(*argv, word))
			return true;
	return false;
}

/*
 * A standard descriptor that is closed would be given to the next file that
 * is opened, and lines would end up in it. Each gets /dev/null the wrong way
 * round, so that using it fails as a closed one does.
 */
static void
fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null",
			    fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
}

void
jobq_command_start(struct jobq_command *command, int argc, char **argv)
{
	struct jobq_err err, log_err;
	bool lines = command->needs_stdin || command->reads_lines;
	bool version = has_word(argv, "--version");
	bool json = has_word(argv, "--json");
	const struct jobq_opt *const tables[] = {
		command->options ? command->options : no_options,
		command->more_options ? command->more_options : no_options,
		command->uses_store ? store_options : no_options,
		lines ? line_options : no_options,
		common_options,
		version ? version_options : NULL,
		NULL,
	};

	fill_standard_descriptors();
	enum jobq_status status = read_variables(&err);
	if (!status)
		status = jobq_opt_parse(tables, command->stops_at_operand, argc,
		    argv, &command->count, &command->after_dashes, &err);
	enum jobq_status log_status = open_log(command, &log_err);
	take_store(command);
	if (status || log_status)
		jobq_command_misuse(
		    command, "%s", status ? err.text : log_err.text);
	answer(command, tables, json);
	command->operands = argv + (argc > 0);
	command->strict = given.strict;
	command->max_line_bytes = given.max_line;
	check_operands(command);
}

/* Whether all that was printed is out; a closed stdout is none if unused. */
static bool
close_stdout(void)
{
	bool lost = ferror(stdout) || fflush(stdout);
	int saved = errno;
	bool closed = !fclose(stdout) || errno == EBADF;

	if (lost)
		errno = saved;
	return !lost && closed;
}

int
jobq_command_end(struct jobq_command *command, enum jobq_status status,
    const struct jobq_err *err)
{
	bool said = status == JOBQ_INVALID && command->bad_lines;
	int code = jobq_status_exit(status);

	if (status && status != JOBQ_EMPTY && !said && *err->text)
		jobq_log_err(JOBQ_ERROR, status, err);
	if (!close_stdout()) {
		jobq_log_code(JOBQ_ERROR, "io", NULL,
		    "unable to write standard output: %s", strerror(errno));
		code = EXIT_TEMPORARY;
	}
	if (command->bad_lines && code < EXIT_MISUSE)
		code = EXIT_MISUSE;
	return code;
}
