#include "command_help.h"

#include "json.h"
#include "store_load.h"

#include <string.h>

#include "banned.h"

#define TEXT_COLUMN 30 /* where the words about an option begin */
#define LINE_WIDTH 80

void
jobq_command_usage(const struct jobq_command *command, struct jobq_buf *out)
{
	const char *word = "Usage:";

	for (const char *const *s = command->synopsis; s && *s; s++) {
		jobq_buf_printf(out, "%s %s%s%s\n", word, command->name,
		    **s ? " " : "", *s);
		word = "      ";
	}
	jobq_buf_puts(out, "\nExamples:\n");
	for (const char *const *e = command->examples; e && *e; e++)
		jobq_buf_printf(out, "  %s\n", *e);
}

/* Adds words, each line of them from TEXT_COLUMN on. */
static void
put_words(struct jobq_buf *out, const char *words, size_t column)
{
	while (*words) {
		size_t len = strcspn(words, " ");
		if (column > TEXT_COLUMN && column + 1 + len > LINE_WIDTH) {
			jobq_buf_printf(out, "\n%*s", TEXT_COLUMN, "");
			column = TEXT_COLUMN;
		} else if (column > TEXT_COLUMN) {
			jobq_buf_putc(out, ' ');
			column++;
		}
		jobq_buf_add(out, words, len);
		column += len;
		words += len;
		words += strspn(words, " ");
	}
	jobq_buf_putc(out, '\n');
}

static void
put_choices(struct jobq_buf *out, const char *choices)
{
	for (; *choices; choices++)
		jobq_buf_putc(out, *choices == ' ' ? '|' : *choices);
}

static void
put_option(struct jobq_buf *out, const struct jobq_opt *opt)
{
	size_t start = out->len;

	if (opt->letter)
		jobq_buf_printf(out, "  -%c, ", opt->letter);
	else
		jobq_buf_puts(out, "      ");
	jobq_buf_printf(out, "--%s", opt->name);
	if (opt->arg) {
		jobq_buf_printf(out, " %s", opt->arg);
	} else if (opt->choices) {
		jobq_buf_putc(out, ' ');
		put_choices(out, opt->choices);
	}
	size_t width = out->len - start;
	if (width + 2 > TEXT_COLUMN) {
		jobq_buf_putc(out, '\n');
		width = 0;
	}
	jobq_buf_printf(out, "%*s", (int)(TEXT_COLUMN - width), "");
	put_words(out, opt->help, TEXT_COLUMN);
}

/* An option without help is not for people. */
static void
put_table(struct jobq_buf *out, const struct jobq_opt *table)
{
	for (const struct jobq_opt *o = table; o && o->name; o++)
		if (o->help)
			put_option(out, o);
}

void
jobq_command_help(const struct jobq_command *command,
    const struct jobq_opt *const *common, struct jobq_buf *out)
{
	jobq_buf_printf(out, "%s - %s\n\n", command->name, command->summary);
	jobq_command_usage(command, out);
	if (command->options && command->options->name) {
		jobq_buf_puts(out, "\nOptions:\n");
		put_table(out, command->options);
		put_table(out, command->more_options);
	}
	jobq_buf_puts(out, "\nOptions of every command:\n");
	for (; *common; common++)
		put_table(out, *common);
	jobq_buf_printf(out, "\nMore in %s(1) and jobq(7)\n", command->name);
}

void
jobq_command_dump(const struct jobq_opt *const *tables, struct jobq_buf *out)
{
	for (; *tables; tables++) {
		for (const struct jobq_opt *o = *tables; o->name; o++) {
			if (!o->help)
				continue;
			jobq_buf_printf(out, "%s\t", o->name);
			if (o->letter)
				jobq_buf_putc(out, o->letter);
			jobq_buf_putc(out, '\t');
			if (o->choices)
				put_choices(out, o->choices);
			else if (o->arg)
				jobq_buf_puts(out, o->arg);
			jobq_buf_printf(out, "\t%s\n", o->help);
		}
	}
}

static void
put_driver(struct jobq_buf *out, bool json, const char *scheme)
{
	const struct jobq_driver *driver;
	const char *library;

	if (jobq_driver_load(scheme, &driver, NULL))
		return;
	library = driver->library ? driver->library() : NULL;
	if (!json) {
		jobq_buf_printf(out, "driver %s%s%s\n", scheme,
		    library ? ": " : "", library ? library : "");
		return;
	}
	if (out->data[out->len - 1] == '}')
		jobq_buf_putc(out, ',');
	jobq_buf_puts(out, "{\"scheme\":");
	jobq_json_put_string(out, scheme, strlen(scheme));
	if (library) {
		jobq_buf_puts(out, ",\"library\":");
		jobq_json_put_string(out, library, strlen(library));
	}
	jobq_buf_putc(out, '}');
}

void
jobq_command_version(
    const struct jobq_command *command, bool json, struct jobq_buf *out)
{
	struct jobq_buf names = JOBQ_BUF_INIT;

	const char *format =
	    json ? "{\"name\":\"%s\",\"version\":\"%s\",\"drivers\":["
		 : "%s %s\n";

	jobq_buf_printf(out, format, command->name, JOBQ_VERSION);
	jobq_driver_names(&names);
	for (char *name = names.data; name && *name;) {
		size_t len = strcspn(name, " ");
		char *next = name + len + (name[len] == ' ');
		name[len] = '\0';
		put_driver(out, json, name);
		name = next;
	}
	jobq_buf_release(&names);
	if (json)
		jobq_buf_puts(out, "]}\n");
}
