/*
 * The text is divided where {event} stands, and the pieces become arguments
 * of a command that nobody runs: so a placeholder means what it means in a
 * command, and nothing that a job holds is taken for {event}.
 */
#include "run_log_text.h"

#include "mem.h"
#include "run_args.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define EVENT "{event}"
#define FIRST 2 /* piece: behind a program, and "--" as it is no option */

struct jobq_log_text {
	struct jobq_args *args;
	char **command;
};

/* How many pieces the text has; to, if not NULL, is filled with them. */
static size_t
divide(const char *text, char **to)
{
	size_t count = 0;

	for (;;) {
		const char *event = strstr(text, EVENT);

		if (event == NULL) {
			if (to != NULL)
				to[count] = jobq_xstrdup(text);
			return count + 1;
		}
		if (to != NULL)
			to[count] = jobq_xstrndup(text, (size_t)(event - text));
		count++;
		text = event + strlen(EVENT);
	}
}

struct jobq_log_text *
jobq_log_text_new(const char *text)
{
	static char program[] = "log", dashes[] = "--";
	struct jobq_log_text *made = jobq_xcalloc(1, sizeof(*made));
	size_t pieces = divide(text, NULL);

	made->command = jobq_xcalloc(FIRST + pieces + 1, sizeof(char *));
	made->command[0] = program;
	made->command[1] = dashes;
	divide(text, made->command + FIRST);
	if (jobq_args_new(&made->args, made->command, NULL) != JOBQ_OK)
		JOBQ_BUG("a command with a program is refused");
	return made;
}

void
jobq_log_text_free(struct jobq_log_text *text)
{
	if (text == NULL)
		return;
	for (size_t i = FIRST; text->command[i] != NULL; i++)
		free(text->command[i]);
	free(text->command);
	jobq_args_free(text->args);
	free(text);
}

bool
jobq_log_text_fill(struct jobq_log_text *text, const struct jobq_job *job,
    const char *id, const char *event, struct jobq_buf *out)
{
	char **argv;

	if (jobq_args_fill(text->args, job, id, &argv, NULL) != JOBQ_OK)
		return false;
	for (size_t i = FIRST; argv[i] != NULL; i++) {
		if (i > FIRST)
			jobq_buf_puts(out, event);
		jobq_buf_puts(out, argv[i]);
	}
	return true;
}
