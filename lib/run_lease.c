/*
 * Leases: `alive`, its answers, `stop`, deadlines.
 *
 * A round of `alive` lines is written every third of the shortest lease that
 * is held: one line per worker that the leases name and hundred jobs. A round
 * is left out while the one before is still unsent.
 *
 * In the ring the answers come back. A lease is good until its seconds after
 * the last answered line was written; so of each round it is kept when it was
 * written, and an answer moves the deadlines of its jobs to that moment plus
 * their lease. Before the first answer the lease counts from the reading of
 * the job line. Past its deadline a job is lost and stopped, as are those
 * that an answer or a `stop` says are lost.
 */
#include "run_engine.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define JOBS_MAX 100 /* in a line */
#define ROUNDS 16    /* rounds whose answers are understood */
#define LEAST_MS 100

struct round {
	int64_t n;
	uint64_t place;	    /* of its end in the output */
	int64_t written_ms; /* 0: not yet */
};

struct jobq_leases {
	struct jobq_run *run;
	struct jobq_timer timer;
	int64_t n;		    /* of the last round */
	struct round round[ROUNDS]; /* round n at n % ROUNDS */
	struct jobq_buf text;
};

static int64_t
interval_ms(const struct jobq_task *task)
{
	int64_t third_ms = jobq_task_lease_ms(task) / 3;

	return third_ms > LEAST_MS ? third_ms : LEAST_MS;
}

/* Adds a line for some tasks of one worker, from *task on. */
static void
tell_some(struct jobq_leases *leases, const char *worker,
    const struct jobq_task **task)
{
	struct jobq_buf *text = &leases->text;
	int count = 0;

	jobq_buf_clear(text);
	jobq_event_begin(
	    text, JOBQ_EVENT_ALIVE, NULL, JOBQ_ABSENT, worker, leases->n);
	jobq_buf_puts(text, ",\"jobs\":[");
	for (; *task != NULL && count < JOBS_MAX; *task = (*task)->next) {
		if (!jobq_task_leased(*task) ||
		    strcmp((*task)->job.worker, worker) != 0)
			continue;
		jobq_buf_printf(text, "%s[\"%s\",%lld]", count > 0 ? "," : "",
		    (*task)->id, (long long)(*task)->job.epoch);
		count++;
	}
	jobq_buf_puts(text, "]}");
	if (count > 0)
		jobq_out_line(leases->run, text->data, text->len);
}

/* Whether no task before this one has its worker. */
static bool
first_of_worker(const struct jobq_run *run, const struct jobq_task *task)
{
	const struct jobq_task *other;

	for (other = run->tasks.first; other != task; other = other->next)
		if (jobq_task_leased(other) &&
		    strcmp(other->job.worker, task->job.worker) == 0)
			return false;
	return true;
}

static void
tell_round(struct jobq_leases *leases)
{
	struct jobq_run *run = leases->run;
	struct round *round;
	const struct jobq_task *task;

	leases->n++;
	for (task = run->tasks.first; task != NULL; task = task->next) {
		const struct jobq_task *at = task;

		if (!jobq_task_leased(task) || !first_of_worker(run, task))
			continue;
		while (at != NULL)
			tell_some(leases, task->job.worker, &at);
	}
	round = &leases->round[leases->n % ROUNDS];
	*round = (struct round){ leases->n, jobq_out_place(run), 0 };
}

static void
alive_due(void *context)
{
	struct jobq_leases *leases = context;
	struct jobq_run *run = leases->run;
	const struct round *last = &leases->round[leases->n % ROUNDS];
	const struct jobq_task *task;
	int64_t wait_ms = INT64_MAX;

	for (task = run->tasks.first; task != NULL; task = task->next)
		if (jobq_task_leased(task) && interval_ms(task) < wait_ms)
			wait_ms = interval_ms(task);
	if (wait_ms == INT64_MAX)
		return;
	if (leases->n == 0 || last->written_ms != 0)
		tell_round(leases);
	jobq_timer_set(run->loop, &leases->timer, jobq_mono_ms() + wait_ms);
}

void
jobq_leases_open(struct jobq_run *run)
{
	struct jobq_leases *leases = jobq_xcalloc(1, sizeof(*leases));

	leases->run = run;
	leases->timer.due = alive_due;
	leases->timer.context = leases;
	run->leases = leases;
}

void
jobq_leases_close(struct jobq_run *run)
{
	if (run->leases == NULL)
		return;
	jobq_timer_stop(run->loop, &run->leases->timer);
	jobq_buf_release(&run->leases->text);
	free(run->leases);
	run->leases = NULL;
}

void
jobq_leases_written(struct jobq_run *run, uint64_t place, int64_t mono_ms)
{
	struct jobq_leases *leases = run->leases;
	struct round *last = &leases->round[leases->n % ROUNDS];

	if (leases->n > 0 && last->written_ms == 0 && last->place <= place)
		last->written_ms = mono_ms;
}

static void
lapse(void *context)
{
	jobq_task_stop(context, JOBQ_CAUSE_LOST);
}

/* Only those of the ring end with their lease, and only if it has one. */
static bool
has_deadline(const struct jobq_task *task)
{
	return task->job.ring && task->job.lease_ms != JOBQ_ABSENT;
}

static void
extend(struct jobq_task *task, int64_t from_ms)
{
	int64_t until_ms = from_ms + jobq_task_lease_ms(task);

	if (!has_deadline(task) || until_ms <= task->lease_until_ms)
		return;
	task->lease_until_ms = until_ms;
	jobq_timer_set(task->run->loop, &task->lease, until_ms);
}

void
jobq_leases_enter(struct jobq_task *task)
{
	struct jobq_leases *leases = task->run->leases;
	int64_t now_ms, at_ms;

	if (!jobq_task_leased(task))
		return;
	now_ms = jobq_mono_ms();
	at_ms = now_ms + interval_ms(task);
	if (leases->timer.at_ms == 0 || at_ms < leases->timer.at_ms)
		jobq_timer_set(task->run->loop, &leases->timer, at_ms);
	task->lease.due = lapse;
	task->lease.context = task;
	extend(task, now_ms);
}

bool
jobq_leases_lapsed(const struct jobq_task *task)
{
	return has_deadline(task) && jobq_mono_ms() >= task->lease_until_ms;
}

static struct jobq_task *
find_task(const struct jobq_run *run, const char *id, int64_t epoch)
{
	struct jobq_task *task;

	for (task = run->tasks.first; task != NULL; task = task->next)
		if (task->job.has_lease && task->job.epoch == epoch &&
		    strcmp(task->id, id) == 0)
			return task;
	return NULL;
}

/* The task that a pair [id, epoch] names, or NULL. */
static struct jobq_task *
find_pair(struct jobq_leases *leases, struct jobq_span pair)
{
	struct jobq_span id, number;
	int64_t epoch;
	size_t cursor = 0;

	jobq_buf_clear(&leases->text);
	if (!jobq_json_element(pair, &cursor, &id) ||
	    !jobq_json_element(pair, &cursor, &number) ||
	    jobq_json_string(id, &leases->text, NULL) != JOBQ_OK ||
	    jobq_json_int(number, &epoch, NULL) != JOBQ_OK)
		return NULL;
	return find_task(leases->run, leases->text.data, epoch);
}

static void
hear_alive(struct jobq_leases *leases, const struct jobq_event *event)
{
	const struct round *round = NULL;
	struct jobq_task *task;
	struct jobq_span pair;
	size_t cursor = 0;

	if (event->n > 0)
		round = &leases->round[event->n % ROUNDS];
	if (round != NULL && round->n == event->n && round->written_ms != 0) {
		while (jobq_json_element(event->jobs, &cursor, &pair)) {
			task = find_pair(leases, pair);
			if (task != NULL)
				extend(task, round->written_ms);
		}
	}
	cursor = 0;
	while (jobq_json_element(event->lost, &cursor, &pair)) {
		task = find_pair(leases, pair);
		if (task != NULL)
			jobq_task_stop(task, JOBQ_CAUSE_LOST);
	}
}

void
jobq_leases_hear(struct jobq_run *run, const struct jobq_event *event)
{
	struct jobq_task *task;

	if (event->kind == JOBQ_EVENT_ALIVE) {
		hear_alive(run->leases, event);
		return;
	}
	if (event->id == NULL)
		return;
	task = find_task(run, event->id, event->epoch);
	if (task == NULL)
		return; /* it has ended, its ending is on the way */
	jobq_task_stop(
	    task, event->reason != NULL && strcmp(event->reason, "lost") == 0
		      ? JOBQ_CAUSE_LOST
		      : JOBQ_CAUSE_CANCEL);
}
