/*
 * Standard input. Every whole line that a read brings is looked at once:
 * jobs become tasks, `stop` and answered `alive` lines are heard, other
 * events pass through.
 *
 * A claimed job that waits here is one that no other worker can take, so the
 * plain pipeline reads on only while a place is free, and reads little at a
 * time; what one read brought beyond the places waits as tasks, is named in
 * `alive` and gets its ending, too. Jobs of the ring do not count: claim
 * keeps their number, and its answers must be heard at all times.
 *
 * When the runner ends early, jobs that are on their way to it are released
 * rather than left to the end of their leases: in the plain pipeline what is
 * in the pipe at that moment; in the ring what comes until claim, which
 * hears of the first release, closes its side, but for no longer than a
 * second after the last task. Then the pipe is let go at once, though jobs may
 * run for a grace yet: what a writer puts into a pipe that nobody reads is
 * lost, what it cannot write it gives back.
 */
#include "run_engine.h"

#include "clock.h"
#include "line.h"
#include "mem.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define READ_BYTES ((size_t)4096)
#define READS_AT_END 512 /* more than a pipe of the usual size holds */
#define LINGER_MS 1000
#define LATER_MAX 1000 /* jobs that are to be tried again */

struct jobq_feed {
	struct jobq_run *run;
	struct jobq_reader reader;
	struct jobq_watch watch;
	struct jobq_timer linger;
	struct jobq_ids *ids;
	struct jobq_event event;
	bool ended;
	bool ring;    /* some job came from the ring */
	bool claimed; /* the last job had a lease */
};

/* Tells the writer that nobody reads; the number stays taken. */
static void
let_go(int fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null_fd < 0)
		return;
	dup2(null_fd, fd);
	close(null_fd);
}

static void
stop_reading(struct jobq_feed *feed)
{
	feed->ended = true;
	jobq_timer_stop(feed->run->loop, &feed->linger);
	jobq_watch_remove(feed->run->loop, &feed->watch);
	if (!feed->reader.eof)
		let_go(feed->reader.fd);
}

static void
bad_line(struct jobq_feed *feed, const struct jobq_err *err)
{
	struct jobq_run *run = feed->run;
	enum jobq_status status = run->options.bad_line(
	    run->options.context, feed->reader.number, err);

	if (status != JOBQ_OK)
		jobq_run_quit(run, status, NULL);
}

/* An event: what is for the runner is heard, all else passes through. */
static enum jobq_status
take_event(
    struct jobq_feed *feed, struct jobq_task *scratch, struct jobq_err *err)
{
	struct jobq_event *event = &feed->event;
	const struct jobq_span *name =
	    jobq_object_get(&scratch->job.members, "event");
	const struct jobq_buf *line = &scratch->line;
	struct jobq_object members;
	enum jobq_status status;

	if (!jobq_span_is(*name, "\"stop\"") &&
	    (!jobq_span_is(*name, "\"alive\"") ||
		jobq_object_get(&scratch->job.members, "lost") == NULL)) {
		jobq_out_line(feed->run, line->data, line->len);
		return JOBQ_OK;
	}
	/* The line was scanned as a job's: lend the event the result. */
	members = event->members;
	event->members = scratch->job.members;
	scratch->job.members = members;
	status = jobq_event_read(event, line->data, line->len, err);
	if (status == JOBQ_OK)
		jobq_leases_hear(feed->run, event);
	return status;
}

static bool
held_already(const struct jobq_run *run, const struct jobq_task *task)
{
	const struct jobq_task *other;

	for (other = run->tasks.first; other != NULL; other = other->next)
		if (other->job.has_lease &&
		    other->job.epoch == task->job.epoch &&
		    strcmp(other->id, task->id) == 0)
			return true;
	return false;
}

/* With --one others are not run: those with a lease are given back. */
static bool
has_its_one(const struct jobq_run *run)
{
	return run->options.one && run->seq > 0;
}

/*
 * Takes what was scanned into a task; it is in the list on JOBQ_OK, and not
 * wanted on JOBQ_EMPTY.
 */
static enum jobq_status
take_job(struct jobq_feed *feed, struct jobq_task *task, struct jobq_err *err)
{
	struct jobq_job *job = &task->job;
	struct jobq_run *run = feed->run;
	bool released;
	enum jobq_status status =
	    jobq_job_read(job, task->line.data, task->line.len, err);

	if (status != JOBQ_OK)
		return status;
	if (job->state != NULL && !job->has_lease && !run->options.unclaimed)
		return jobq_fail(err, JOBQ_INVALID,
		    "the job has a state (%s) but no lease: it comes from a "
		    "store and is not claimed; send it through jobq-claim, or "
		    "run it all the same with --unclaimed",
		    job->state);
	task->id = job->id;
	if (task->id == NULL) {
		jobq_ids_make(
		    feed->ids, task->line.data, task->line.len, task->given_id);
		task->id = task->given_id;
	}
	if (job->has_lease && held_already(run, task))
		return jobq_fail(err, JOBQ_INVALID,
		    "job %s of epoch %lld is here already", task->id,
		    (long long)job->epoch);
	if (!job->has_lease &&
	    (has_its_one(run) || jobq_resume_has(run->resume, task->id)))
		return JOBQ_EMPTY;
	released = has_its_one(run);
	task->seq = ++run->seq;
	feed->ring = feed->ring || job->ring;
	feed->claimed = job->has_lease;
	jobq_run_enter(run, task);
	if (released)
		jobq_task_post(task, JOBQ_QUIT);
	return JOBQ_OK;
}

static enum jobq_status
take_line(struct jobq_feed *feed, struct jobq_span line, struct jobq_err *err)
{
	struct jobq_run *run = feed->run;
	struct jobq_task *task = jobq_task_take(&run->spare, run);
	enum jobq_status status;

	jobq_buf_add(&task->line, line.at, line.len);
	status = jobq_object_scan(
	    &task->job.members, task->line.data, task->line.len, err);
	if (status == JOBQ_OK && !jobq_line_is_event(&task->job.members)) {
		status = take_job(feed, task, err);
		if (status == JOBQ_OK)
			return JOBQ_OK;
		if (status == JOBQ_EMPTY)
			status = JOBQ_OK;
	} else if (status == JOBQ_OK) {
		status = take_event(feed, task, err);
	}
	jobq_task_clear(task);
	jobq_task_list_add(&run->spare, task);
	return status;
}

/* All whole lines there are. */
static void
take_lines(struct jobq_feed *feed)
{
	struct jobq_span line;
	struct jobq_err err;

	for (;;) {
		enum jobq_status status =
		    jobq_reader_next(&feed->reader, &line, &err);

		if (status == JOBQ_EMPTY)
			break;
		if (status == JOBQ_OK)
			status = take_line(feed, line, &err);
		if (status != JOBQ_OK)
			bad_line(feed, &err);
	}
	if (feed->reader.eof)
		stop_reading(feed);
}

/* One read; false when it brought nothing. */
static bool
read_some(struct jobq_feed *feed)
{
	struct jobq_err err;
	enum jobq_status status = jobq_reader_fill(&feed->reader, &err);

	if (status == JOBQ_EMPTY)
		return false;
	if (status != JOBQ_OK) {
		stop_reading(feed);
		jobq_run_quit(feed->run, status, &err);
		return false;
	}
	take_lines(feed);
	return true;
}

/*
 * Reads what is in the pipe now, so that it can be released, and what a writer
 * puts there meanwhile; but not for ever, for it may have an endless store.
 */
static void
read_rest(struct jobq_feed *feed)
{
	int fd = feed->reader.fd;
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	struct stat info;

	if (fstat(fd, &info) != 0 || S_ISREG(info.st_mode))
		return;
	for (int reads = 0; reads < READS_AT_END && !feed->ended &&
			    poll(&poller, 1, 0) > 0 && read_some(feed);
	     reads++)
		;
}

static void
ready(void *context, unsigned what)
{
	struct jobq_feed *feed = context;

	if ((what & JOBQ_READ) != 0)
		read_some(feed);
	if (feed->ended || !has_its_one(feed->run))
		return;
	if (feed->claimed)
		read_rest(feed);
	if (!feed->ended)
		stop_reading(feed);
}

static void
linger_due(void *context)
{
	stop_reading(context);
}

void
jobq_feed_open(struct jobq_run *run)
{
	struct jobq_feed *feed = jobq_xcalloc(1, sizeof(*feed));

	feed->run = run;
	feed->ids = jobq_ids_new();
	feed->linger.due = linger_due;
	feed->linger.context = feed;
	jobq_reader_init(
	    &feed->reader, run->options.in_fd, run->options.max_line_bytes);
	feed->reader.read_bytes = READ_BYTES;
	jobq_watch_add(
	    run->loop, &feed->watch, run->options.in_fd, 0, ready, feed);
	run->feed = feed;
}

void
jobq_feed_close(struct jobq_run *run)
{
	struct jobq_feed *feed = run->feed;

	if (feed == NULL)
		return;
	if (!feed->ended)
		stop_reading(feed);
	jobq_reader_release(&feed->reader);
	jobq_event_release(&feed->event);
	jobq_ids_free(feed->ids);
	free(feed);
	run->feed = NULL;
}

bool
jobq_feed_ended(const struct jobq_run *run)
{
	return run->feed->ended;
}

/*
 * Whether a job that comes now could start, as far as others take places;
 * those in hand may be many more.
 */
static bool
has_room(const struct jobq_run *run)
{
	const struct jobq_task *task;
	size_t plain = 0;

	if (jobq_out_pending(run) > JOBQ_OUT_CROWDED_BYTES ||
	    run->later.count >= LATER_MAX)
		return false;
	for (task = run->tasks.first;
	     task != NULL && plain < run->options.places; task = task->next)
		plain += !task->job.ring;
	return plain < run->options.places;
}

void
jobq_feed_update(struct jobq_run *run)
{
	struct jobq_feed *feed = run->feed;
	bool read_on = feed->ring || run->quitting || has_room(run);

	if (feed->ended)
		return;
	jobq_watch_want(run->loop, &feed->watch, read_on ? JOBQ_READ : 0);
	if (!run->quitting || run->tasks.count > 0) {
		jobq_timer_stop(run->loop, &feed->linger);
	} else if (feed->linger.at_ms == 0) {
		jobq_timer_set(
		    run->loop, &feed->linger, jobq_mono_ms() + LINGER_MS);
	}
}

void
jobq_feed_quit(struct jobq_run *run)
{
	struct jobq_feed *feed = run->feed;

	if (feed->ended)
		return;
	if (feed->ring && !run->forced && !jobq_out_gone(run))
		return;
	if (feed->claimed)
		read_rest(feed);
	if (!feed->ended)
		stop_reading(feed);
}
