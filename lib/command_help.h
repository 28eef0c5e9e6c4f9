/*
 * The texts that a command gives about itself, made from its option tables:
 * --help, --version and the list of options that completions and tests read.
 * All of them add to out; command.c prints it.
 */
#ifndef JOBQ_COMMAND_HELP_H
#define JOBQ_COMMAND_HELP_H

#include "buf.h"
#include "command.h"
#include "opt.h"

#include <stdbool.h>

/* How the command is called, and its examples. */
void jobq_command_usage(
    const struct jobq_command *command, struct jobq_buf *out);

/* All of --help; common lists the tables of options that others share. */
void jobq_command_help(const struct jobq_command *command,
    const struct jobq_opt *const *common, struct jobq_buf *out);

/*
 * Name and version, then a line (or, as JSON, an element) for each driver
 * found: the only time that drivers are loaded which no URL has named.
 */
void jobq_command_version(
    const struct jobq_command *command, bool json, struct jobq_buf *out);

/* A line per option: name, letter, value, help, divided by tabs. */
void jobq_command_dump(
    const struct jobq_opt *const *tables, struct jobq_buf *out);

#endif
