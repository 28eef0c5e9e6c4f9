/*
 * Ending processes, those included that a process of ours left behind.
 *
 * A process of ours, a job's own or a coprocess, leads a session and a group.
 * It stays unreaped until its task, or what it left, has ended, so that
 * neither number can go to anyone else. Signals go to the group at once, then
 * to all descendants outside of it. Those whose parents are gone have become
 * children of this process: each belongs to the one of ours whose session it
 * is in, else to the one that its environment names, a job by its id and
 * epoch, a coprocess by its directory.
 *
 * A child that belongs to none is a stray: left over by one that has ended,
 * or could not be told apart. It is left alone as long as one of ours is
 * there that was when it was first seen, for it may belong to that one; then
 * it is asked to end, and killed after the grace. Children that this process
 * had before it began are not ours to end; then neither are strays, which
 * may be theirs, nor are they where this process is the init of a container.
 */
#include "run_exec.h"

#include "clock.h"
#include "mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define FRESH_MS 20    /* a list of all processes serves for so long, */
#define FRESH_FACTOR 4 /* and for so many times what it took to make */
#define STRAY_MS 100
#define STRAY_ABANDON_MS 10000
#define STRAY_ABANDON_FORCED_MS 500

static void
stray_due(void *context)
{
	struct jobq_run *run = context;

	run->look = true;
}

void
jobq_tree_open(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;

	exec->stray_timer.due = stray_due;
	exec->stray_timer.context = run;
	jobq_processes_children(exec->spawner, &exec->children);
	exec->inherited = jobq_xcalloc(exec->children.count, sizeof(pid_t));
	for (size_t i = 0; i < exec->children.count; i++)
		exec->inherited[exec->inherited_count++] =
		    exec->children.item[i].pid;
}

void
jobq_tree_close(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;

	jobq_timer_stop(run->loop, &exec->stray_timer);
	jobq_processes_release(&exec->children);
	jobq_processes_release(&exec->all);
	free(exec->inherited);
	free(exec->stray);
}

static const struct jobq_processes *
all_processes(struct jobq_exec *exec)
{
	int64_t now_ms = jobq_mono_ms();
	int64_t fresh_ms;

	if (now_ms >= exec->all_until_ms) {
		jobq_processes_all(exec->spawner, &exec->all);
		fresh_ms = (jobq_mono_ms() - now_ms) * FRESH_FACTOR;
		exec->all_until_ms =
		    jobq_mono_ms() +
		    (fresh_ms > FRESH_MS ? fresh_ms : FRESH_MS);
	}
	return &exec->all;
}

void
jobq_tree_add(struct jobq_run *run, struct jobq_task_process *process)
{
	struct jobq_exec *exec = run->exec;

	process->prev = exec->last;
	process->next = NULL;
	if (exec->last != NULL)
		exec->last->next = process;
	else
		exec->first = process;
	exec->last = process;
}

void
jobq_tree_remove(struct jobq_run *run, struct jobq_task_process *process)
{
	struct jobq_exec *exec = run->exec;

	if (process->prev != NULL)
		process->prev->next = process->next;
	else
		exec->first = process->next;
	if (process->next != NULL)
		process->next->prev = process->prev;
	else
		exec->last = process->prev;
	process->prev = process->next = NULL;
}

/* Whether this is one of ours; from *near on, for lists are alike. */
static bool
is_main(
    const struct jobq_exec *exec, pid_t pid, struct jobq_task_process **near)
{
	struct jobq_task_process *begin = *near != NULL ? *near : exec->first;
	struct jobq_task_process *process = begin;

	if (begin == NULL)
		return false;
	do {
		struct jobq_task_process *next =
		    process->next != NULL ? process->next : exec->first;

		if (process->child.pid == pid) {
			*near = next;
			return true;
		}
		process = next;
	} while (process != begin);
	return false;
}

static bool
is_text(const struct jobq_buf *text, const char *wanted)
{
	return text->len > 0 && strcmp(text->data, wanted) == 0;
}

static bool
is_epoch(const struct jobq_buf *text, const struct jobq_job *job)
{
	struct jobq_buf wanted = JOBQ_BUF_INIT;
	bool same;

	if (!job->has_lease)
		return text->len == 0;
	jobq_buf_int(&wanted, job->epoch);
	same = is_text(text, wanted.data);
	jobq_buf_release(&wanted);
	return same;
}

/* The one of ours that a process names in its environment, or NULL. */
static struct jobq_task_process *
named_by(const struct jobq_exec *exec, const struct jobq_process *process)
{
	struct jobq_buf id = JOBQ_BUF_INIT;
	struct jobq_buf epoch = JOBQ_BUF_INIT;
	struct jobq_buf tmpdir = JOBQ_BUF_INIT;
	struct jobq_task_process *ours;

	jobq_process_env(process, "JOBQ_ID", &id);
	jobq_process_env(process, "JOBQ_EPOCH", &epoch);
	jobq_process_env(process, "JOBQ_TMPDIR", &tmpdir);
	for (ours = exec->first; ours != NULL; ours = ours->next)
		if (ours->task != NULL ? is_text(&id, ours->task->id) &&
					     is_epoch(&epoch, &ours->task->job)
				       : is_text(&tmpdir, ours->tmpdir))
			break;
	jobq_buf_release(&id);
	jobq_buf_release(&epoch);
	jobq_buf_release(&tmpdir);
	return ours;
}

/* The one of ours that an adopted process belongs to, or NULL. */
static struct jobq_task_process *
owner(const struct jobq_exec *exec, const struct jobq_process *process)
{
	pid_t session = jobq_process_session(process);
	struct jobq_task_process *ours;

	for (ours = exec->first; ours != NULL; ours = ours->next)
		if (ours->child.pid == session)
			return ours;
	return exec->first != NULL ? named_by(exec, process) : NULL;
}

static bool
is_inherited(const struct jobq_exec *exec, pid_t pid)
{
	for (size_t i = 0; i < exec->inherited_count; i++)
		if (exec->inherited[i] == pid)
			return true;
	return false;
}

static void
signal_all(
    struct jobq_run *run, const struct jobq_task_process *ours, int number)
{
	struct jobq_exec *exec = run->exec;
	const struct jobq_child *child = &ours->child;
	const struct jobq_processes *all = all_processes(exec);
	struct jobq_task_process *near = NULL;

	jobq_processes_children(exec->spawner, &exec->children);
	jobq_tree_signal(all, child->pid, child->pid, number);
	for (size_t i = 0; i < exec->children.count; i++) {
		const struct jobq_process *process = &exec->children.item[i];

		if (!is_main(exec, process->pid, &near) &&
		    !is_inherited(exec, process->pid) &&
		    owner(exec, process) == ours)
			jobq_tree_signal(all, process->pid, child->pid, number);
	}
	jobq_child_signal(child, number);
	if (number == SIGTERM)
		jobq_child_signal(child, SIGCONT);
}

void
jobq_tree_ask(struct jobq_run *run, struct jobq_task_process *process)
{
	signal_all(run, process, SIGTERM);
}

void
jobq_tree_kill(struct jobq_run *run, struct jobq_task_process *process)
{
	signal_all(run, process, SIGKILL);
}

/* --- strays -------------------------------------------------------------- */

static struct jobq_stray *
stray_of(struct jobq_run *run, pid_t pid)
{
	struct jobq_exec *exec = run->exec;

	for (size_t i = 0; i < exec->stray_count; i++)
		if (exec->stray[i].pid == pid)
			return &exec->stray[i];
	exec->stray = jobq_grow(exec->stray, exec->stray_count,
	    &exec->stray_cap, sizeof(exec->stray[0]));
	exec->stray[exec->stray_count] =
	    (struct jobq_stray){ .pid = pid, .serial = run->serial };
	return &exec->stray[exec->stray_count++];
}

/* Whether one of ours is still there that was when the stray was seen. */
static bool
may_be_owned(const struct jobq_exec *exec, const struct jobq_stray *stray)
{
	const struct jobq_task_process *ours;

	for (ours = exec->first; ours != NULL; ours = ours->next)
		if (ours->serial <= stray->serial)
			return true;
	return false;
}

/* Asks, kills, abandons; false when it is abandoned. */
static bool
end_stray(struct jobq_run *run, struct jobq_stray *stray)
{
	struct jobq_exec *exec = run->exec;
	int64_t now_ms = jobq_mono_ms();
	bool begin = stray->kill_at_ms == 0;

	if (begin)
		stray->kill_at_ms = now_ms + run->options.grace_ms;
	if (run->forced && stray->kill_at_ms > now_ms)
		stray->kill_at_ms = now_ms;
	if (stray->kill_at_ms > now_ms) {
		if (begin)
			jobq_tree_signal(
			    all_processes(exec), stray->pid, 0, SIGTERM);
	} else {
		if (stray->abandon_at_ms == 0)
			stray->abandon_at_ms =
			    now_ms + (run->forced ? STRAY_ABANDON_FORCED_MS
						  : STRAY_ABANDON_MS);
		if (now_ms >= stray->abandon_at_ms)
			return false;
		jobq_tree_signal(all_processes(exec), stray->pid, 0, SIGKILL);
	}
	jobq_timer_set(run->loop, &exec->stray_timer, now_ms + STRAY_MS);
	return true;
}

bool
jobq_tree_end_strays(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;
	size_t kept = 0;
	bool left = false;

	for (size_t i = 0; i < exec->stray_count; i++) {
		if (!exec->stray[i].seen)
			continue;
		exec->stray[i].seen = false;
		exec->stray[kept++] = exec->stray[i];
	}
	exec->stray_count = kept;
	if (exec->stray_count == 0 || exec->inherited_count > 0 ||
	    getpid() == 1)
		return false;
	for (size_t i = 0; i < exec->stray_count; i++)
		if (may_be_owned(exec, &exec->stray[i]) ||
		    end_stray(run, &exec->stray[i]))
			left = true;
	return left;
}

/* --- a look -------------------------------------------------------------- */

/* One of them has ended: its number may come back as that of another. */
static void
disinherit(struct jobq_exec *exec, pid_t pid)
{
	for (size_t i = 0; i < exec->inherited_count; i++)
		if (exec->inherited[i] == pid)
			exec->inherited[i] =
			    exec->inherited[--exec->inherited_count];
}

static void
look_at(struct jobq_run *run, const struct jobq_process *process)
{
	struct jobq_exec *exec = run->exec;
	struct jobq_task_process *ours;

	if (is_inherited(exec, process->pid)) {
		if (jobq_process_reap(process))
			disinherit(exec, process->pid);
		return;
	}
	if (jobq_process_reap(process))
		return;
	ours = owner(exec, process);
	if (ours != NULL)
		ours->left = true;
	else
		stray_of(run, process->pid)->seen = true;
}

void
jobq_tree_mark(struct jobq_run *run)
{
	struct jobq_exec *exec = run->exec;
	struct jobq_task_process *near = NULL;
	struct jobq_task_process *ours;

	for (ours = exec->first; ours != NULL; ours = ours->next)
		ours->left = false;
	jobq_processes_children(exec->spawner, &exec->children);
	for (size_t i = 0; i < exec->children.count; i++)
		if (!is_main(exec, exec->children.item[i].pid, &near))
			look_at(run, &exec->children.item[i]);
}
