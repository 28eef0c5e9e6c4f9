/* The memory of tasks, and the lists they stand in. */
#include "run_engine.h"

#include "mem.h"

#include <stdlib.h>

#include "banned.h"

/* Texts longer than this are not kept from one job to the next. */
#define KEEP_BYTES ((size_t)64 << 10)

void
jobq_task_list_add(struct jobq_task_list *list, struct jobq_task *task)
{
	task->prev = list->last;
	task->next = NULL;
	if (list->last != NULL)
		list->last->next = task;
	else
		list->first = task;
	list->last = task;
	list->count++;
}

void
jobq_task_list_remove(struct jobq_task_list *list, struct jobq_task *task)
{
	if (task->prev != NULL)
		task->prev->next = task->next;
	else
		list->first = task->next;
	if (task->next != NULL)
		task->next->prev = task->prev;
	else
		list->last = task->prev;
	task->prev = task->next = NULL;
	list->count--;
}

static void
step_due(void *context)
{
	jobq_task_post(context, JOBQ_DUE);
}

static void
timeout_due(void *context)
{
	jobq_task_stop(context, JOBQ_CAUSE_TIMEOUT);
}

struct jobq_task *
jobq_task_take(struct jobq_task_list *spare, struct jobq_run *run)
{
	struct jobq_task *task = spare->last;

	if (task != NULL) {
		jobq_task_list_remove(spare, task);
		return task;
	}
	task = jobq_xcalloc(1, sizeof(*task));
	task->run = run;
	task->step.due = step_due;
	task->step.context = task;
	task->timeout.due = timeout_due;
	task->timeout.context = task;
	task->save_fd[0] = task->save_fd[1] = -1;
	task->process.child.pidfd = -1;
	task->process.exit.fd = -1;
	task->process.in.fd = -1;
	task->process.out.fd = -1;
	task->process.err.fd = -1;
	task->process.note.fd = -1;
	jobq_task_clear(task);
	return task;
}

static void
clear_text(struct jobq_buf *text)
{
	if (text->cap > KEEP_BYTES)
		jobq_buf_release(text);
	else
		jobq_buf_clear(text);
}

static void
clear_notes(struct jobq_notes *notes)
{
	clear_text(&notes->line);
	for (int i = 0; i < JOBQ_PROGRESS_MEMBERS; i++)
		clear_text(&notes->progress[i]);
	clear_text(&notes->output);
	clear_text(&notes->cancel);
	clear_text(&notes->error);
	notes->snooze_ms = JOBQ_ABSENT;
	notes->retry_after_ms = JOBQ_ABSENT;
	notes->dropped = 0;
	notes->skipping = false;
	notes->complained = false;
}

void
jobq_task_clear_attempt(struct jobq_task *task)
{
	task->state = JOBQ_WAITING;
	task->cause = JOBQ_CAUSE_NONE;
	task->place = SIZE_MAX;
	task->serial = 0;
	task->lease_until_ms = 0;
	task->kill_at_ms = 0;
	task->abandon_at_ms = 0;
	task->begun_ns = 0;
	task->ended_ns = 0;
	task->outcome = (struct jobq_outcome){ 0 };
	task->process.in_sent = 0;
	task->process.exited = false;
	task->process.left = false;
	task->pipe_held = false;
	task->asked = false;
	task->err_next = false;
	clear_text(&task->input);
	clear_text(&task->command);
	clear_notes(&task->notes);
	jobq_stream_begin(&task->out, 0);
	jobq_stream_begin(&task->err, 0);
}

void
jobq_task_clear(struct jobq_task *task)
{
	jobq_task_clear_attempt(task);
	task->n = 0;
	task->tries = 0;
	task->id = NULL;
	clear_text(&task->line);
}

void
jobq_task_free(struct jobq_task *task)
{
	jobq_buf_release(&task->line);
	jobq_buf_release(&task->input);
	jobq_buf_release(&task->command);
	jobq_buf_release(&task->log_part[0]);
	jobq_buf_release(&task->log_part[1]);
	jobq_job_release(&task->job);
	jobq_stream_release(&task->out);
	jobq_stream_release(&task->err);
	jobq_buf_release(&task->notes.line);
	for (int i = 0; i < JOBQ_PROGRESS_MEMBERS; i++)
		jobq_buf_release(&task->notes.progress[i]);
	jobq_buf_release(&task->notes.output);
	jobq_buf_release(&task->notes.cancel);
	jobq_buf_release(&task->notes.error);
	free(task);
}

bool
jobq_task_leased(const struct jobq_task *task)
{
	return task->job.has_lease && task->job.worker != NULL;
}

int64_t
jobq_task_lease_ms(const struct jobq_task *task)
{
	return task->job.lease_ms != JOBQ_ABSENT ? task->job.lease_ms : 30000;
}
