/*
 * What the two files of the "-- command" handler share: run_exec.c starts
 * processes, run_tree.c ends what they leave.
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
	char *buffer;

	struct jobq_processes children;
	struct jobq_processes all;
	int64_t all_until_ms; /* it serves until then */
	pid_t *inherited;     /* children from before we had any */
	size_t inherited_count;
	struct jobq_stray *stray;
	size_t stray_count, stray_cap;
	struct jobq_timer stray_timer;
};

void jobq_tree_open(struct jobq_run *run);
void jobq_tree_close(struct jobq_run *run);
void jobq_tree_ask(struct jobq_task *task);
void jobq_tree_kill(struct jobq_task *task);
bool jobq_tree_look(struct jobq_run *run);

#endif
