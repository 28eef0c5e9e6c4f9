/*
 * Child processes, and what they leave behind. Linux only: vfork-like clone,
 * pidfds, the subreaper and /proc stand behind this header.
 *
 * Each child is the leader of a session and a group of its own, dies with
 * its parent, and begins with four descriptors, no signal blocked and none
 * ignored. Whatever its descendants do, they end up as children of this
 * process when their own parents are gone, and are found here.
 *
 * A pid is never signalled after it was reaped: a child is signalled only
 * before its reap, any other process through a pidfd after a second look.
 * All calls are made from the main thread.
 */
#ifndef JOBQ_CHILD_H
#define JOBQ_CHILD_H

#include "buf.h"
#include "status.h"

#include <sys/resource.h>
#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#define JOBQ_CHILD_FDS 4 /* standard input, output, error, and 3 */

/* What this process must know and be in order to have children. */
struct jobq_spawner;

/*
 * Becomes a subreaper, takes descriptors 0 to 3 out of use where they are
 * free, lets no descriptor that was inherited through an exec, remembers
 * which signals are ignored, lets SIGCHLD be no longer, and raises the soft
 * limit of descriptors to fds_needed (children get the old one). JOBQ_CONFIG
 * without /proc, or when the hard limit is lower.
 */
enum jobq_status jobq_spawner_open(
    struct jobq_spawner **spawner, size_t fds_needed, struct jobq_err *err);
void jobq_spawner_close(struct jobq_spawner *spawner);

struct jobq_child {
	pid_t pid; /* of its session and group, too; 0: there is none */
	int pidfd; /* readable once it has exited; -1: none */
};

struct jobq_child_spec {
	const char *path; /* is executed as it is, without a search */
	char *const *argv;
	char *const *env;
	int fd[JOBQ_CHILD_FDS]; /* become 0 to 3; they stay the caller's */
	bool no_pidfd; /* it is made by jobq_child_watch(), if at all */
};

/*
 * Starts a child. Returns 0, or the errno of what failed, exec included;
 * then nothing was started. *failed_in_exec tells the two apart.
 */
int jobq_child_spawn(struct jobq_spawner *spawner, struct jobq_child *child,
    const struct jobq_child_spec *spec, bool *failed_in_exec);

/* Makes the pidfd where there is none yet; false: not now. */
bool jobq_child_watch(struct jobq_child *child);

/* Whether a child has exited (or is none); it is not reaped by this. */
bool jobq_child_exited(const struct jobq_child *child);

/* Gives up a child that cannot be reaped: it is none of ours any more. */
void jobq_child_forget(struct jobq_child *child);

/* Signals the child's whole group; the child must not have been reaped. */
void jobq_child_signal(const struct jobq_child *child, int signal_number);

/*
 * Takes the exit status (as of waitpid) and the use of resources of a child
 * that has exited, and closes its pidfd. False when it has not exited.
 */
bool jobq_child_reap(
    struct jobq_child *child, int *wait_status, struct rusage *usage);

struct jobq_process {
	pid_t pid;
	/* As /proc numbers them, which is not our way in a pid namespace
	 * whose /proc was not mounted anew. */
	pid_t proc_pid, proc_parent;
	size_t parent; /* its index in a list of all; SIZE_MAX: not in it */
};

struct jobq_processes {
	struct jobq_process *item;
	size_t count, cap;
};

void jobq_processes_release(struct jobq_processes *list);

/* The children of this process, adopted ones included: one read. */
void jobq_processes_children(
    struct jobq_spawner *spawner, struct jobq_processes *list);

/* All processes there are; reads all of /proc, so only to signal a tree. */
void jobq_processes_all(
    struct jobq_spawner *spawner, struct jobq_processes *list);

/* The session of a process, -1 when it is gone. */
pid_t jobq_process_session(const struct jobq_process *process);

/* Adds the value of a variable of its environment; false without one. */
bool jobq_process_env(const struct jobq_process *process, const char *name,
    struct jobq_buf *value);

/* Reaps an adopted process if it has exited; true when it is gone. */
bool jobq_process_reap(const struct jobq_process *process);

/*
 * Signals the process root and its descendants, found in a list of all
 * processes, except those of one group (0: none is left out). With SIGTERM
 * a SIGCONT follows, so that a stopped process can end.
 */
void jobq_tree_signal(const struct jobq_processes *all, pid_t root,
    pid_t but_group, int signal_number);

#endif
