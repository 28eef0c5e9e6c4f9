/*
 * What goes into a coprocess: job lines, and lines that stop jobs.
 *
 * Nothing is written before the round ends: then all the jobs that came to a
 * process in this round go in with one write. Who has the first byte of a
 * job's line was given the job; who has the whole line has it in hand. What
 * a write did not take is not kept, but for the rest of a line that has
 * begun: the others wait with their tasks and are made anew for the next
 * write. So a process that does not read costs no more than one line, and a
 * job that it has seen nothing of can be taken from it.
 */
#include "run_coprocess.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define BATCH_BYTES ((size_t)64 << 10) /* what a pipe usually holds */

static struct jobq_coprocesses *
all_of(const struct jobq_coprocess *co)
{
	return co->run->own;
}

/* The job line, with the id by which it is answered. */
static void
put_line(struct jobq_buf *out, const struct jobq_task *task)
{
	static const char *const drop[] = { "id", NULL };

	if (task->job.id != NULL) {
		jobq_buf_add(out, task->line.data, task->line.len);
	} else {
		bool more = jobq_line_strip(&task->job.members, drop, out);

		jobq_buf_puts(out, more ? ",\"id\":" : "\"id\":");
		jobq_json_put_string(out, task->id, strlen(task->id));
		jobq_buf_putc(out, '}');
	}
	jobq_buf_putc(out, '\n');
}

static const char *
stop_reason(const struct jobq_task *task)
{
	switch (task->cause) {
	case JOBQ_CAUSE_TIMEOUT:
		return "timeout";
	case JOBQ_CAUSE_CANCEL:
		return "cancel";
	case JOBQ_CAUSE_LOST:
		return "lost";
	case JOBQ_CAUSE_NONE:
	case JOBQ_CAUSE_QUIT:
		break;
	}
	return "shutdown";
}

void
jobq_coprocess_put_stop(struct jobq_coprocess *co, const struct jobq_task *task)
{
	struct jobq_buf *out = &co->in;

	if (co->process.in.fd < 0)
		return;
	jobq_buf_puts(out, "{\"event\":\"stop\",\"id\":");
	jobq_json_put_string(out, task->id, strlen(task->id));
	if (task->job.has_lease) {
		jobq_buf_puts(out, ",\"epoch\":");
		jobq_buf_int(out, task->job.epoch);
	}
	jobq_buf_puts(out, ",\"reason\":\"");
	jobq_buf_puts(out, stop_reason(task));
	jobq_buf_puts(out, "\"}\n");
	jobq_coprocess_write_soon(co);
}

/* Nothing more goes in; who has not got its line whole is not given. */
void
jobq_coprocess_close_input(struct jobq_coprocess *co)
{
	jobq_coprocess_close(co, &co->process.in);
	jobq_buf_clear(&co->in);
	co->process.in_sent = 0;
	if (co->partial)
		co->given--;
	co->partial = false;
}

/* Makes the lines of those that are to be given; false: there are none. */
static bool
gather(struct jobq_coprocess *co)
{
	struct jobq_coprocesses *all = all_of(co);
	struct jobq_buf *batch = &all->batch;

	jobq_buf_clear(batch);
	all->batched = 0;
	for (size_t i = co->given; i < co->count; i++) {
		put_line(batch, co->task[i]);
		all->line_end[all->batched++] = batch->len;
		if (batch->len >= BATCH_BYTES)
			break;
	}
	return all->batched > 0;
}

/* So many bytes of what was gathered are written. */
static void
give_batch(struct jobq_coprocess *co, size_t bytes)
{
	struct jobq_coprocesses *all = all_of(co);
	size_t whole = 0;

	while (whole < all->batched && all->line_end[whole] <= bytes)
		whole++;
	co->given += whole;
	if (bytes == (whole > 0 ? all->line_end[whole - 1] : 0))
		return;
	co->given++;
	co->partial = true;
	jobq_buf_add(
	    &co->in, all->batch.data + bytes, all->line_end[whole] - bytes);
}

/* One write; false when there should be no other now. */
static bool
write_some(struct jobq_coprocess *co, bool *blocked)
{
	size_t *sent = &co->process.in_sent;
	bool rest = co->in.len > *sent;
	const struct jobq_buf *from = rest ? &co->in : &all_of(co)->batch;
	size_t start = rest ? *sent : 0;
	ssize_t put;

	if (!rest) {
		jobq_buf_clear(&co->in);
		*sent = 0;
		co->partial = false;
		if (!gather(co))
			return false;
	}
	put = write(co->process.in.fd, from->data + start, from->len - start);
	if (put < 0 && errno == EINTR)
		return true;
	if (put < 0) {
		*blocked = errno == EAGAIN;
		if (!*blocked)
			jobq_coprocess_close_input(co);
		return false;
	}
	if (rest)
		*sent += (size_t)put;
	else
		give_batch(co, (size_t)put);
	return true;
}

/* A process that reads no more, and has no job in hand, is of no use. */
static void
check_input(struct jobq_coprocess *co)
{
	if (co->state != JOBQ_COPROCESS_ALIVE || co->process.in.fd >= 0 ||
	    co->given > 0 || co->count == 0)
		return;
	co->died = true;
	co->closed = "standard input";
	jobq_coprocess_end(co, -1, JOBQ_COPROCESS_CLOSED_MS);
}

static void
write_all(struct jobq_coprocess *co)
{
	struct jobq_watch *in = &co->process.in;
	bool blocked = false;

	while (co->state == JOBQ_COPROCESS_ALIVE && in->fd >= 0 &&
	       write_some(co, &blocked))
		;
	if (in->fd >= 0)
		jobq_watch_want(co->run->loop, in, blocked ? JOBQ_WRITE : 0);
	check_input(co);
}

void
jobq_coprocess_write_soon(struct jobq_coprocess *co)
{
	co->due = all_of(co)->due = true;
}

void
jobq_coprocess_give(struct jobq_run *run)
{
	struct jobq_coprocesses *all = run->own;

	if (!all->due)
		return;
	all->due = false;
	all->begun_ns = 0;
	for (size_t i = 0; i < all->count; i++) {
		struct jobq_coprocess *co = &all->item[i];

		if (co->due)
			write_all(co);
		co->due = false;
	}
}

void
jobq_coprocess_in_ready(void *context, unsigned what)
{
	struct jobq_coprocess *co = context;

	if ((what & JOBQ_HANGUP) != 0)
		jobq_coprocess_close_input(co);
	jobq_coprocess_write_soon(co);
}
