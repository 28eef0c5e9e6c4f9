/*
 * One run of a program that gets an argument and a request on stdin and has
 * until a deadline to answer on stdout. It is in a process group of its own,
 * of which nothing is left when the run is over.
 */
#ifndef JOBQ_EXEC_PROCESS_H
#define JOBQ_EXEC_PROCESS_H

#include "buf.h"
#include "status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct jobq_exec_process {
	/* The caller's, set before the run. */
	const char *program; /* absolute path */
	const char *argument;
	char *const *environment;
	const char *request;
	size_t left;	   /* bytes of the request */
	size_t most_bytes; /* of the answer */
	int64_t deadline;  /* monotonic, ms */

	/* Of the run; released by jobq_exec_process_release(). */
	struct jobq_buf answer;
	struct jobq_buf said; /* on stderr, its end */
	int code;	      /* as waitpid() gives it */

	/* The run's own. */
	pid_t pid;	    /* and the id of its group */
	int in, out, error; /* our ends of the pipes, -1 once closed */
};

/*
 * JOBQ_OK when the program has ended, whatever its code. JOBQ_AGAIN: it did
 * not end in time and was killed, or the system has no room for it.
 * JOBQ_CONFIG: it cannot be started. JOBQ_IO: it answers without end.
 */
enum jobq_status jobq_exec_process_run(
    struct jobq_exec_process *call, struct jobq_err *err);
void jobq_exec_process_release(struct jobq_exec_process *call);

#endif
