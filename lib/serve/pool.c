/*
 * Calls stand in one queue, in the order of their coming. A thread takes the
 * first; of grouped pushes it takes all that wait, and as long as it is at
 * it no other thread takes one, so that those which come meanwhile gather
 * for the next write: one commit for as many as there are, and none waits
 * for others to come.
 *
 * One more thread waits for the store's hints, on a connection of its own.
 */
#include "pool.h"

#include "about.h"
#include "pool_make.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define AWAY_MS 1000 /* before a hearer that lost its store tries again */
#define MADE_MS 5000 /* for the first look at the store */
#define HEAR_MS 600000

struct queue {
	struct jobq_pool_call *first, **end;
};

struct jobq_pool {
	struct jobq_pool_options options;
	pthread_mutex_t lock;
	pthread_cond_t come;
	struct queue waiting, done;
	size_t count;
	bool grouping; /* a thread is at a group, and takes the next, too */
	bool called;   /* a thread was woken for one, and is on its way */
	bool stopping;
	bool left; /* threads hang, and own what they work at from then on */
	pthread_t *thread;
	size_t threads, running;
	int stop_fd;
	int ended_fd; /* readable when the last of them has ended */
	/* What the first look at the store gave. */
	struct jobq_store *first;
	struct jobq_buf about;
	enum jobq_status opened;
	struct jobq_err opened_err;
};

static void
put(struct queue *queue, struct jobq_pool_call *call)
{
	call->next = NULL;
	*queue->end = call;
	queue->end = &call->next;
}

void
jobq_pool_call_release(struct jobq_pool_call *call)
{
	jobq_buf_release(&call->request);
	jobq_buf_release(&call->answer);
}

/*
 * Takes out the calls to be made next, in their order: one, or a group. The
 * lock is held.
 */
static struct jobq_pool_call *
take(struct jobq_pool *pool)
{
	struct jobq_pool_call *taken = NULL, **end = &taken, **at;
	size_t count = 0, bytes = 0;

	for (at = &pool->waiting.first; *at != NULL;) {
		struct jobq_pool_call *call = *at;

		if ((call->grouped && pool->grouping) ||
		    (taken != NULL && !call->grouped)) {
			at = &call->next;
			continue;
		}
		if (count > 0 &&
		    (count == JOBQ_PAGE_LINES ||
			bytes + call->request.len > JOBQ_PAGE_BYTES))
			break;
		*at = call->next;
		call->next = NULL;
		*end = call;
		end = &call->next;
		count++;
		bytes += call->request.len;
		if (!call->grouped)
			break;
	}
	pool->waiting.end = &pool->waiting.first;
	while (*pool->waiting.end != NULL)
		pool->waiting.end = &(*pool->waiting.end)->next;
	pool->count -= count;
	if (taken != NULL && taken->grouped) {
		pool->grouping = true;
		pool->called = false;
	}
	return taken;
}

static void
make(struct jobq_pool *pool, struct jobq_store **store,
    struct jobq_pool_call *calls)
{
	int64_t begun_ns = jobq_mono_ns();
	enum jobq_status status = JOBQ_OK;
	struct jobq_err err = { "" };

	if (*store == NULL)
		status = jobq_store_open(
		    pool->options.url, pool->options.mode, store, &err);
	if (status != JOBQ_OK) {
		for (struct jobq_pool_call *call = calls; call;
		     call = call->next) {
			call->status = status;
			call->err = err;
		}
	} else {
		jobq_pool_make(*store, calls);
	}
	for (struct jobq_pool_call *call = calls; call; call = call->next)
		call->took_us = (jobq_mono_ns() - begun_ns) / 1000;
}

static void
ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		jobq_log(JOBQ_DEBUG, "eventfd: %s", strerror(errno));
}

/* The last that a thread does. */
static void
end_thread(struct jobq_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	if (--pool->running == 0)
		ring(pool->ended_fd);
	pthread_mutex_unlock(&pool->lock);
}

/* Waits for all threads; false: some hang, and are left alone. */
static bool
end_threads(struct jobq_pool *pool)
{
	uint64_t ended;

	if (pool->threads == 0)
		return true;
	pool->options.await(pool->options.context, pool->ended_fd);
	pthread_mutex_lock(&pool->lock);
	pool->left = pool->running > 0;
	pool->stopping |= pool->left;
	pthread_mutex_unlock(&pool->lock);
	if (pool->left)
		return false;
	while (pool->threads > 0)
		pthread_join(pool->thread[--pool->threads], NULL);
	return read(pool->ended_fd, &ended, sizeof(ended)) > 0;
}

static void *
work(void *context)
{
	struct jobq_pool *pool = context;
	struct jobq_pool_call *calls, *next;
	struct jobq_store *store;

	pthread_mutex_lock(&pool->lock);
	store = pool->first;
	pool->first = NULL;
	while (!pool->stopping) {
		calls = take(pool);
		if (calls == NULL) {
			pthread_cond_wait(&pool->come, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		make(pool, &store, calls);
		pthread_mutex_lock(&pool->lock);
		if (pool->left)
			break;
		if (calls->grouped) {
			pool->grouping = false;
			/* While this one gives back what is done. */
			if (pool->count > 0)
				pthread_cond_signal(&pool->come);
		}
		for (; calls != NULL; calls = next) {
			next = calls->next;
			put(&pool->done, calls);
		}
		pool->options.wake(pool->options.context);
	}
	pthread_mutex_unlock(&pool->lock);
	jobq_store_close(store);
	end_thread(pool);
	return NULL;
}

/* Hears the store until it is lost, or the pool ends (false). */
static bool
hear(struct jobq_pool *pool, struct jobq_store *store)
{
	struct pollfd fds[2] = { { .fd = pool->stop_fd, .events = POLLIN },
		{ .events = POLLIN } };

	for (;;) {
		fds[1].fd = jobq_store_fd(store);
		if (poll(fds, 2, HEAR_MS) < 0 && errno != EINTR)
			return true;
		if (fds[0].revents != 0)
			return false;
		if (fds[1].revents == 0)
			continue;
		jobq_store_heard(store);
		pthread_mutex_lock(&pool->lock);
		if (!pool->stopping)
			pool->options.rang(pool->options.context);
		pthread_mutex_unlock(&pool->lock);
	}
}

static void *
hear_always(void *context)
{
	struct jobq_pool *pool = context;
	struct pollfd stop = { .fd = pool->stop_fd, .events = POLLIN };
	struct jobq_store *store;
	bool goes_on = true;

	while (goes_on) {
		store = NULL;
		if (jobq_store_open(pool->options.url, JOBQ_STORE_READ, &store,
			NULL) == JOBQ_OK)
			goes_on = hear(pool, store);
		jobq_store_close(store);
		if (goes_on && poll(&stop, 1, AWAY_MS) > 0)
			goes_on = false;
	}
	end_thread(pool);
	return NULL;
}

/* The first look at the store. */
static void *
open_first(void *context)
{
	struct jobq_pool *pool = context;
	struct jobq_err *err = &pool->opened_err;
	enum jobq_status status = jobq_store_open(
	    pool->options.url, pool->options.mode, &pool->first, err);

	if (status == JOBQ_OK) {
		jobq_about_put(pool->first, &pool->about);
		if (pool->options.mode == JOBQ_STORE_CREATE)
			status = jobq_store_make(pool->first, MADE_MS, err);
	}
	if (status == JOBQ_AGAIN || status == JOBQ_IO) {
		jobq_log(JOBQ_WARNING, "the store is away: %s", err->text);
		status = JOBQ_OK;
	}
	pool->opened = status;
	end_thread(pool);
	return NULL;
}

static enum jobq_status
start(struct jobq_pool *pool, void *(*routine)(void *), struct jobq_err *err)
{
	bool started;

	pthread_mutex_lock(&pool->lock);
	started = pthread_create(
		      &pool->thread[pool->threads], NULL, routine, pool) == 0;
	pool->threads += started;
	pool->running += started;
	pthread_mutex_unlock(&pool->lock);
	if (started)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_IO, "unable to start threads for the store");
}

/* False: the server is being stopped, and the store hangs. */
static bool
look_first(
    struct jobq_pool *pool, enum jobq_status *status, struct jobq_err *err)
{
	*status = start(pool, open_first, err);
	if (*status != JOBQ_OK)
		return true;
	if (!end_threads(pool))
		return false;
	*status = pool->opened;
	if (*status != JOBQ_OK)
		*err = pool->opened_err;
	return true;
}

enum jobq_status
jobq_pool_open(const struct jobq_pool_options *options, struct jobq_pool **out,
    struct jobq_buf *about, struct jobq_err *err)
{
	struct jobq_pool *pool = jobq_xcalloc(1, sizeof(*pool));
	size_t workers = options->threads, hearers = options->rang != NULL;
	enum jobq_status status = JOBQ_OK;

	pool->options = *options;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->come, NULL);
	pool->waiting.end = &pool->waiting.first;
	pool->done.end = &pool->done.first;
	pool->stop_fd = eventfd(0, EFD_CLOEXEC);
	pool->ended_fd = eventfd(0, EFD_CLOEXEC);
	pool->thread =
	    jobq_xcalloc(1 + workers + hearers, sizeof(*pool->thread));
	if (pool->stop_fd < 0 || pool->ended_fd < 0)
		status = jobq_fail(err, JOBQ_IO,
		    "unable to make an eventfd: %s", strerror(errno));
	if (status == JOBQ_OK && !options->opens_later &&
	    !look_first(pool, &status, err)) {
		*out = pool;
		return JOBQ_OK;
	}
	jobq_buf_add(about, pool->about.data, pool->about.len);
	for (size_t i = 0; i < workers + hearers && status == JOBQ_OK; i++)
		status = start(pool, i < workers ? work : hear_always, err);
	if (status == JOBQ_OK)
		*out = pool;
	else
		jobq_pool_close(pool);
	return status;
}

/* Ends all threads; those that do not end are left alone. */
static bool
stop(struct jobq_pool *pool)
{
	bool whole;

	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->come);
	pthread_mutex_unlock(&pool->lock);
	ring(pool->stop_fd);
	whole = end_threads(pool);
	pthread_mutex_lock(&pool->lock);
	for (struct jobq_pool_call *call = pool->waiting.first, *next;
	     call != NULL; call = next) {
		next = call->next;
		call->status = jobq_fail(
		    &call->err, JOBQ_AGAIN, "the server is being stopped");
		put(&pool->done, call);
	}
	pool->waiting.first = NULL;
	pthread_mutex_unlock(&pool->lock);
	jobq_pool_finish(pool);
	return whole;
}

bool
jobq_pool_close(struct jobq_pool *pool)
{
	if (pool == NULL)
		return true;
	if (!stop(pool))
		return false;
	jobq_store_close(pool->first);
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->come);
	if (pool->stop_fd >= 0)
		close(pool->stop_fd);
	if (pool->ended_fd >= 0)
		close(pool->ended_fd);
	jobq_buf_release(&pool->about);
	free(pool->thread);
	free(pool);
	return true;
}

bool
jobq_pool_put(struct jobq_pool *pool, struct jobq_pool_call *call)
{
	bool taken;

	pthread_mutex_lock(&pool->lock);
	taken = pool->count < pool->options.most_calls && !pool->stopping;
	if (taken) {
		put(&pool->waiting, call);
		pool->count++;
		if (!call->grouped) {
			pthread_cond_signal(&pool->come);
		} else if (!pool->grouping && !pool->called) {
			pool->called = true;
			pthread_cond_signal(&pool->come);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return taken;
}

void
jobq_pool_expire(struct jobq_pool *pool)
{
	int64_t now_ms = jobq_mono_ms();
	struct jobq_pool_call *call, **at = &pool->waiting.first;

	pthread_mutex_lock(&pool->lock);
	while (*at != NULL) {
		call = *at;
		if (call->until_ms > now_ms) {
			at = &call->next;
			continue;
		}
		*at = call->next;
		pool->count--;
		call->status =
		    jobq_fail(&call->err, JOBQ_AGAIN, JOBQ_POOL_BUSY);
		put(&pool->done, call);
	}
	pool->waiting.end = at;
	pthread_mutex_unlock(&pool->lock);
	jobq_pool_finish(pool);
}

void
jobq_pool_finish(struct jobq_pool *pool)
{
	struct jobq_pool_call *call, *next;

	pthread_mutex_lock(&pool->lock);
	call = pool->done.first;
	pool->done.first = NULL;
	pool->done.end = &pool->done.first;
	pthread_mutex_unlock(&pool->lock);
	for (; call != NULL; call = next) {
		next = call->next;
		pool->options.seen(pool->options.context, call);
		call->done(call);
	}
}
