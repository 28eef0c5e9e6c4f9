/*
 * What every command does around its work: options all share, --help,
 * --version, the log, the last word and the exit code. A main() declares its
 * struct jobq_command and option table, starts, works, and ends.
 */
#ifndef JOBQ_COMMAND_H
#define JOBQ_COMMAND_H

#include "opt.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBQ_VERSION "0.1.0"

struct jobq_command {
	const char *name;    /* jobq-claim */
	const char *summary; /* one line, as in the page's NAME */
	/* One or more lines; what stands behind the name in SYNOPSIS. */
	const char *const *synopsis; /* NULL-terminated */
	const char *const *examples; /* NULL-terminated, at least two */
	const struct jobq_opt *options;
	const struct jobq_opt *more_options; /* a table it shares, or NULL */
	bool uses_store;		     /* adds --store */
	bool long_running;     /* logs from INFO on unless told otherwise */
	bool reports;	       /* so does it: it says what it changed */
	bool reads_lines;      /* adds --strict, as needs_stdin does */
	bool stops_at_operand; /* options behind the first are not ours */
	int least_operands;
	int most_operands; /* -1: any number */
	bool needs_stdin;  /* on a terminal: short help, exit 2 */

	/* Filled in by jobq_command_start(): */
	const char *store_url; /* as given by --store, or NULL */
	char **operands;
	int count;		 /* of operands */
	int after_dashes;	 /* how many of them stood behind "--" */
	bool strict;		 /* --strict */
	uint64_t max_line_bytes; /* --max-line; 0: not given */
	bool bad_lines;		 /* set by jobq_command_bad_line() */
};

/*
 * Parses argv, answers --help and --version (and exits 0), sets up the log.
 * On misuse says so on stderr and exits 2: it returns only when there is
 * work to do. SIGPIPE is left as it was.
 */
void jobq_command_start(struct jobq_command *command, int argc, char **argv);

/*
 * Sets the variables that hand the options of the log on to the commands that
 * this one starts.
 */
void jobq_command_export_log(void);

/*
 * Reports a bad line of input as "NAME: FILE:NUMBER: reason" and remembers
 * it, so that the command exits 2 in the end. Returns JOBQ_INVALID with
 * --strict, where the caller stops at once, else JOBQ_OK.
 */
enum jobq_status jobq_command_bad_line(struct jobq_command *command,
    const char *file, unsigned long number, const struct jobq_err *err);

/*
 * The exit code of main(): prints err when status is a failure that has
 * something to say (EMPTY is silent), closes stdout and checks it. After bad
 * lines it is at least 2 unless it is 75.
 */
int jobq_command_end(struct jobq_command *command, enum jobq_status status,
    const struct jobq_err *err);

/*
 * Wipes an argument that holds a secret from its from-th byte on, because all
 * users of the machine can list it, and says so. Returns it as it was; the
 * copy is never freed.
 */
const char *jobq_command_hide(const char *argument, size_t from);

/* Misuse found by the command itself: message, hint at --help, exit 2. */
_Noreturn void jobq_command_misuse(const struct jobq_command *command,
    const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Whether a person can be asked: stdin and stderr are terminals, and there is
 * no --no-input.
 */
bool jobq_may_ask(void);

/* Asks on stderr; only the answer "yes" is true. */
bool jobq_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The longest line to read: --max-line, but never more than most_bytes. */
size_t jobq_command_max_line(
    const struct jobq_command *command, size_t most_bytes);

/* Whether colour is wanted on this fd (habit 13). */
bool jobq_colour(int fd);

/*
 * Whether a line that tells how it goes may be drawn on standard error: that
 * is a terminal, standard output is not, and nobody asked for less or JSON.
 */
bool jobq_shows_progress(void);

#endif
