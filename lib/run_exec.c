/*
 * The handler of "-- command": one process per job, from its start to its
 * end; run_pipes.c is what goes on between.
 */
#include "run_exec.h"
#include "run_pipes.h"

#include "clock.h"
#include "mem.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Our ends, the pidfd, the directory, files of the output. */
#define FDS_PER_PLACE 8
#define FDS_MORE 72 /* the ends of the child that is being started, too */

#define OOM_FRESH_MS 10

/* Of many short jobs not each asks anew. */
static uint64_t
oom_kills(struct jobq_exec *exec, bool fresh)
{
	int64_t now_ms = jobq_mono_ms();

	if (fresh || now_ms >= exec->oom_until_ms) {
		exec->oom_kills = jobq_oom_kills(&exec->oom);
		exec->oom_until_ms = now_ms + OOM_FRESH_MS;
	}
	return exec->oom_kills;
}

static enum jobq_status
prepare(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_exec *exec = task->run->exec;
	const char *from = task->run->options.env_from;
	enum jobq_status status = jobq_call_fill(
	    exec->call, &task->job, task->id, &exec->path, &exec->argv, err);

	if (status == JOBQ_OK && from != NULL)
		status = jobq_env_from_take(&exec->from, from, &task->job, err);
	exec->filled_for = status == JOBQ_OK ? task : NULL;
	return status;
}

static enum jobq_status
spawn(struct jobq_task *task, struct jobq_ends *ends, const char *tmpdir,
    struct jobq_err *err)
{
	struct jobq_exec *exec = task->run->exec;
	enum jobq_status status = jobq_exec_spawn(exec, &task->process.child,
	    jobq_env_fill(exec->env, &task->job, task->id, tmpdir, &exec->from),
	    ends->theirs, err);

	if (status != JOBQ_OK)
		return status;
	task->process.task = task;
	task->process.serial = task->run->serial + 1; /* it gets this one */
	jobq_tree_add(task->run, &task->process);
	return JOBQ_OK;
}

static enum jobq_status
start(struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_run *run = task->run;
	struct jobq_exec *exec = run->exec;
	struct jobq_tmpdir *tmpdir = &run->tmpdir[task->place];
	uint64_t limit = run->options.output_limit_bytes;
	struct jobq_ends ends;
	enum jobq_status status = jobq_tmpdir_ready(tmpdir, err);

	if (status == JOBQ_OK && exec->filled_for != task)
		status = prepare(task, err);
	if (status == JOBQ_OK)
		status = jobq_ends_open(task, &ends, err);
	if (status != JOBQ_OK)
		return status;
	jobq_stream_begin(&task->out, (size_t)limit);
	jobq_stream_begin(&task->err, (size_t)limit);
	task->process.oom_kills = oom_kills(exec, false);
	task->begun_ns = jobq_mono_ns();
	status = spawn(task, &ends, tmpdir->path, err);
	if (status == JOBQ_OK) {
		jobq_pipes_begin(task, &ends);
		if (run->joblog != NULL)
			jobq_joblog_command(task, exec->argv);
	}
	jobq_ends_close(&ends, exec);
	return status;
}

/* --- end ----------------------------------------------------------------- */

static void
finish(struct jobq_task *task)
{
	struct jobq_task_process *process = &task->process;
	struct jobq_outcome *outcome = &task->outcome;
	struct rusage usage;

	jobq_pipes_end(task);
	jobq_tree_remove(task->run, process);
	outcome->known = process->exited && jobq_child_reap(&process->child,
						&outcome->wait_status, &usage);
	if (!outcome->known) {
		/* It is found as a stray when it exits. */
		jobq_child_forget(&process->child);
		return;
	}
	outcome->user_us =
	    usage.ru_utime.tv_sec * 1000000L + usage.ru_utime.tv_usec;
	outcome->sys_us =
	    usage.ru_stime.tv_sec * 1000000L + usage.ru_stime.tv_usec;
	outcome->max_rss_bytes = usage.ru_maxrss * 1024;
	outcome->oom = WIFSIGNALED(outcome->wait_status) &&
		       WTERMSIG(outcome->wait_status) == SIGKILL &&
		       task->kill_at_ms == 0 &&
		       oom_kills(task->run->exec, true) > process->oom_kills;
}

static void
ask(struct jobq_task *task)
{
	jobq_tree_ask(task->run, &task->process);
}

static void
kill_all(struct jobq_task *task)
{
	jobq_tree_kill(task->run, &task->process);
}

static bool
look(struct jobq_run *run)
{
	struct jobq_task *task;
	struct jobq_task *next;

	jobq_tree_mark(run);
	for (task = run->tasks.first;
	     task != NULL && task->state != JOBQ_WAITING; task = next) {
		next = task->next;
		if (task->state == JOBQ_CLEANING ||
		    task->state == JOBQ_SWEEPING)
			jobq_task_post(
			    task, task->process.left ? JOBQ_LEFT : JOBQ_ALONE);
	}
	return jobq_tree_end_strays(run);
}

void
jobq_exec_close(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;

	if (exec == NULL)
		return;
	jobq_tree_close(run);
	jobq_pipes_close(run);
	jobq_call_close(exec->call);
	jobq_env_free(exec->env);
	jobq_env_from_release(&exec->from);
	jobq_spawner_close(exec->spawner);
	if (exec->null_fd >= 0)
		close(exec->null_fd);
	jobq_oom_close(&exec->oom);
	free(exec->buffer);
	free(exec);
	run->exec = NULL;
}

static const struct jobq_handler handler = {
	.output_is_result = true,
	.prepare = prepare,
	.start = start,
	.ask = ask,
	.kill = kill_all,
	.closed = jobq_pipes_closed,
	.shut = jobq_pipes_shut,
	.pause = jobq_pipes_pause,
	.child_exited = jobq_pipes_look,
	.look = look,
	.finish = finish,
	.close = jobq_exec_close,
};

enum jobq_status
jobq_exec_init(struct jobq_run *run, struct jobq_err *err)
{
	struct jobq_exec *exec = jobq_xcalloc(1, sizeof(*exec));
	enum jobq_status status;

	run->exec = exec;
	exec->null_fd = -1;
	exec->oom.fd = -1;
	status = jobq_call_open(&exec->call, &run->options, err);
	if (status == JOBQ_OK)
		status = jobq_spawner_open(&exec->spawner,
		    run->options.places * FDS_PER_PLACE + FDS_MORE, err);
	if (status != JOBQ_OK)
		return status;
	exec->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (exec->null_fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to open /dev/null: %s",
		    strerror(errno));
	exec->env = jobq_env_new(run->options.clean_env);
	jobq_oom_open(&exec->oom);
	exec->buffer = jobq_xmalloc(JOBQ_EXEC_READ_BYTES);
	jobq_tree_open(run);
	jobq_pipes_open(run);
	return JOBQ_OK;
}

enum jobq_status
jobq_exec_open(struct jobq_run *run, struct jobq_err *err)
{
	run->handler = &handler;
	return jobq_exec_init(run, err);
}
