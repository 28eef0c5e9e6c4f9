#include "run_call.h"

#include "mem.h"
#include "run_args.h"
#include "run_argv.h"
#include "run_dir.h"
#include "run_program.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

struct jobq_call {
	struct jobq_argv *made; /* of --argv; nothing else is set then */
	struct jobq_dir *dir;	/* of --dir, or NULL */
	char **command;		/* of --dir: args is made of it */
	struct jobq_args *args;
	struct jobq_buf path;
};

/* Its operands are the arguments behind a program that is not known yet. */
static void
make_command(struct jobq_call *call, char *const *operands)
{
	static char unknown[] = "handler";
	size_t count = 0;

	while (operands[count] != NULL)
		count++;
	call->command = jobq_xcalloc(count + 2, sizeof(char *));
	call->command[0] = unknown;
	for (size_t i = 0; i < count; i++)
		call->command[i + 1] = operands[i];
}

enum jobq_status
jobq_call_open(struct jobq_call **out, const struct jobq_run_options *options,
    struct jobq_err *err)
{
	struct jobq_call *call = jobq_xcalloc(1, sizeof(*call));
	enum jobq_status status = JOBQ_OK;

	if (options->argv_file != NULL) {
		status = jobq_argv_open(&call->made, options->argv_file, err);
	} else if (options->dir != NULL) {
		status = jobq_dir_open(&call->dir, options->dir, err);
		make_command(call, options->command);
		if (status == JOBQ_OK)
			status = jobq_args_new(&call->args, call->command, err);
	} else {
		status = jobq_args_new(&call->args, options->command, err);
		if (status == JOBQ_OK)
			status = jobq_program_find(
			    options->command[0], &call->path, err);
	}
	if (status != JOBQ_OK) {
		jobq_call_close(call);
		return status;
	}
	*out = call;
	return JOBQ_OK;
}

void
jobq_call_close(struct jobq_call *call)
{
	if (call == NULL)
		return;
	jobq_argv_close(call->made);
	jobq_dir_close(call->dir);
	jobq_args_free(call->args);
	jobq_buf_release(&call->path);
	free(call->command);
	free(call);
}

const char *
jobq_call_placeholder(const struct jobq_call *call, size_t *len)
{
	return call->args == NULL ? NULL
				  : jobq_args_placeholder(call->args, len);
}

bool
jobq_call_differs(const struct jobq_call *call)
{
	return call->made != NULL || call->dir != NULL;
}

enum jobq_status
jobq_call_fill(struct jobq_call *call, const struct jobq_job *job,
    const char *id, const char **path, char ***argv, struct jobq_err *err)
{
	const char *name = job->name != NULL ? job->name : "default";
	enum jobq_status status = JOBQ_OK;

	if (call->made != NULL)
		return jobq_argv_fill(call->made, job, path, argv, err);
	if (call->dir != NULL)
		status = jobq_dir_find(call->dir, name, &call->path, err);
	if (status == JOBQ_OK)
		status = jobq_args_fill(call->args, job, id, argv, err);
	if (status != JOBQ_OK)
		return status;
	if (call->dir != NULL)
		(*argv)[0] = call->path.data;
	*path = call->path.data;
	return JOBQ_OK;
}
