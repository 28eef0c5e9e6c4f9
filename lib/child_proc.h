/*
 * What child.c and child_proc.c share: how this process stands in /proc.
 * Nobody else includes this.
 */
#ifndef JOBQ_CHILD_PROC_H
#define JOBQ_CHILD_PROC_H

#include "buf.h"
#include "status.h"

#include <sys/resource.h>
#include <sys/types.h>
#include <signal.h>
#include <stdbool.h>

struct jobq_spawner {
	pid_t self;
	void *stack; /* of the child until its exec */
	int ignored[NSIG];
	int ignored_count;
	struct rlimit fd_limit; /* as it was */
	bool fd_limit_raised;

	pid_t proc_self; /* this process as /proc numbers it */
	int depth; /* pid namespaces from that of /proc to ours, 1: same */
	int children_fd;      /* -1: the kernel lists no children */
	struct jobq_buf text; /* of a file of /proc */
};

/* JOBQ_CONFIG when there is no /proc. */
enum jobq_status jobq_proc_open(
    struct jobq_spawner *spawner, struct jobq_err *err);

#endif
