/*
 * A process of the command: what it is executed with, and whose fault it is
 * when that fails.
 */
#include "run_exec.h"

#include <errno.h>
#include <string.h>

#include "banned.h"

/* Whose fault it is that a program was found and not executed. */
static enum jobq_status
exec_failed(const struct jobq_exec *exec, int error, struct jobq_err *err)
{
	bool of_job = jobq_call_differs(exec->call) &&
		      (error == ENOENT || error == EACCES || error == ENOEXEC ||
			  error == ENOTDIR || error == ELOOP);
	const char *hint = "";

	if (error == E2BIG)
		return jobq_fail(err, JOBQ_INVALID,
		    "argument_too_long: the job makes the arguments of '%s' "
		    "or its variables longer than the kernel takes (128 KiB "
		    "each)",
		    exec->path);
	if (error == ENOEXEC)
		hint = "; a script begins with a line such as #!/bin/sh";
	else if (error == ENOENT)
		hint = "; it is gone, or the interpreter that it names";
	return jobq_fail(err, of_job ? JOBQ_INVALID : JOBQ_AGAIN,
	    "%sunable to execute '%s': %s%s", of_job ? "no_program: " : "",
	    exec->path, strerror(error), hint);
}

enum jobq_status
jobq_exec_spawn(struct jobq_exec *exec, struct jobq_child *child,
    char *const *env, const int *fd, struct jobq_err *err)
{
	struct jobq_child_spec spec = {
		.path = exec->path,
		.argv = exec->argv,
		.env = env,
		.no_pidfd = exec->brief,
	};
	bool in_exec;
	int error;

	memcpy(spec.fd, fd, sizeof(spec.fd));
	error = jobq_child_spawn(exec->spawner, child, &spec, &in_exec);
	if (error == 0)
		return JOBQ_OK;
	if (in_exec)
		return exec_failed(exec, error, err);
	return jobq_fail(
	    err, JOBQ_AGAIN, "unable to start a process: %s", strerror(error));
}
