/*
 * What handlers that start processes share: run_exec.c starts one for each
 * job, run_coprocess.c those that live between jobs, run_tree.c ends both and
 * what they leave.
 */
#ifndef JOBQ_RUN_EXEC_H
#define JOBQ_RUN_EXEC_H

#include "oom.h"
#include "run_call.h"
#include "run_engine.h"
#include "run_env.h"

/* A child of this process that no job is known for. */
struct jobq_stray {
	pid_t pid;
	uint64_t serial;    /* of the last start when it was first seen */
	int64_t kill_at_ms; /* once it was asked to end; 0: not yet */
	int64_t abandon_at_ms;
	bool seen; /* at the latest look */
};

struct jobq_exec {
	struct jobq_spawner *spawner;
	struct jobq_call *call;
	struct jobq_env *env;
	struct jobq_env_from from;
	const char *path; /* in call, as argv */
	char **argv;
	const struct jobq_task *filled_for; /* whom they are filled for */
	int null_fd;
	struct jobq_oom oom;
	uint64_t oom_kills;   /* as last read, */
	int64_t oom_until_ms; /* which serves until then */
	char *buffer;

	struct jobq_task_process *first, *last; /* that are not reaped */

	bool brief; /* the next process is taken to be, see run_pipes.c */
	struct jobq_task_process *brief_first; /* all that are stand behind */
	struct jobq_timer brief_timer;

	struct jobq_processes children;
	struct jobq_processes all;
	int64_t all_until_ms; /* it serves until then */
	pid_t *inherited;     /* children from before we had any */
	size_t inherited_count;
	struct jobq_stray *stray;
	size_t stray_count, stray_cap;
	struct jobq_timer stray_timer;
};

/* run->exec, for the options' command; jobq_exec_close() in any case. */
enum jobq_status jobq_exec_init(struct jobq_run *run, struct jobq_err *err);
void jobq_exec_close(struct jobq_run *run);

#define JOBQ_EXEC_READ_BYTES ((size_t)64 << 10) /* of exec->buffer */
#define JOBQ_EXEC_READS_AT_END 17 /* what a pipe can hold, and a bit */

/*
 * Executes the command with arguments and environment as they are, and ends
 * of pipes as descriptors. JOBQ_INVALID: the arguments are too long.
 */
enum jobq_status jobq_exec_spawn(struct jobq_exec *exec,
    struct jobq_child *child, char *const *env, const int *fd,
    struct jobq_err *err);

void jobq_tree_open(struct jobq_run *run);
void jobq_tree_close(struct jobq_run *run);

/* A process whose child was started, until that is reaped or abandoned. */
void jobq_tree_add(struct jobq_run *run, struct jobq_task_process *process);
void jobq_tree_remove(struct jobq_run *run, struct jobq_task_process *process);

/* Signals it and all it started. */
void jobq_tree_ask(struct jobq_run *run, struct jobq_task_process *process);
void jobq_tree_kill(struct jobq_run *run, struct jobq_task_process *process);

/* Reaps what was adopted, and tells each process whether it left anything. */
void jobq_tree_mark(struct jobq_run *run);

/*
 * Takes care of children that belong to no process; returns whether some are
 * to be waited for.
 */
bool jobq_tree_end_strays(struct jobq_run *run);

#endif
