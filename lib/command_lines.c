/* How commands that read lines deal with them. */
#include "command.h"

#include "log.h"

#include "banned.h"

size_t
jobq_command_max_line(const struct jobq_command *command, size_t most_bytes)
{
	uint64_t given_bytes = command->max_line_bytes;

	return given_bytes == 0 || given_bytes > most_bytes
		   ? most_bytes
		   : (size_t)given_bytes;
}

enum jobq_status
jobq_command_bad_line(struct jobq_command *command, const char *file,
    unsigned long number, const struct jobq_err *err)
{
	command->bad_lines = true;
	jobq_log_code(JOBQ_ERROR, "bad_line", NULL, "%s:%lu: %s", file, number,
	    err->text);
	return command->strict ? JOBQ_INVALID : JOBQ_OK;
}
