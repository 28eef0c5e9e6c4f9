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

#include "batch.h"
#include "clock.h"
#include "json.h"
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

static const char busy[] = "the store was too busy to do it in time";

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
	pthread_t *thread; /* behind the workers the hearer, if any */
	size_t threads;
	int stop_fd;
	struct jobq_store *first; /* opened before there were threads */
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

static enum jobq_status
keep_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_pool_call *call = context;

	(void)err;
	jobq_buf_add(&call->answer, line, len);
	jobq_buf_putc(&call->answer, '\n');
	return JOBQ_OK;
}

/* Each line is that of the next call. */
static enum jobq_status
give_line(void *context, const char *line, size_t len, struct jobq_err *err)
{
	struct jobq_pool_call **next = context;
	enum jobq_status status = JOBQ_OK;

	if (*next == NULL)
		return jobq_fail(err, JOBQ_IO,
		    "the store answered more lines than jobs were pushed");
	jobq_buf_clear(&(*next)->answer);
	status = keep_line(*next, line, len, err);
	*next = (*next)->next;
	return status;
}

static int64_t
time_left(const struct jobq_pool_call *call)
{
	return call->until_ms - jobq_mono_ms();
}

static void
make_one(struct jobq_store *store, struct jobq_pool_call *call)
{
	struct jobq_buf whole = JOBQ_BUF_INIT, *request = &call->request;
	int64_t left = time_left(call);

	if (left <= 0) {
		call->status = jobq_fail(&call->err, JOBQ_AGAIN, "%s", busy);
		return;
	}
	if (call->grouped) {
		jobq_buf_puts(&whole, "{\"jobs\":[");
		jobq_buf_add(&whole, request->data, request->len);
		jobq_buf_puts(&whole, "]}");
		request = &whole;
	}
	jobq_buf_clear(&call->answer);
	call->status = jobq_store_call(
	    store, call->verb, request, left, keep_line, call, &call->err);
	jobq_buf_release(&whole);
}

/*
 * One request for all, which has as long as the last of them: who is in a
 * hurry takes no time from the others. A job that the store will not have is
 * pushed alone.
 */
static void
make_group(struct jobq_store *store, struct jobq_pool_call *calls)
{
	struct jobq_buf request = JOBQ_BUF_INIT;
	struct jobq_pool_call *next = calls;
	struct jobq_err err = { "" };
	enum jobq_status status;
	int64_t left = 1;

	for (struct jobq_pool_call *call = calls; call; call = call->next) {
		jobq_buf_puts(&request, call == calls ? "{\"jobs\":[" : ",");
		jobq_buf_add(&request, call->request.data, call->request.len);
		if (time_left(call) > left)
			left = time_left(call);
	}
	jobq_buf_puts(&request, "]}");
	status = jobq_store_call(
	    store, JOBQ_VERB_PUSH, &request, left, give_line, &next, &err);
	if (status == JOBQ_OK && next != NULL)
		status = jobq_fail(&err, JOBQ_IO,
		    "the store answered fewer lines than jobs were pushed");
	for (struct jobq_pool_call *call = calls; call; call = call->next) {
		call->status = status;
		call->err = err;
		if (status == JOBQ_INVALID)
			make_one(store, call);
	}
	jobq_buf_release(&request);
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
	} else if (calls->next == NULL) {
		make_one(*store, calls);
	} else {
		make_group(*store, calls);
	}
	for (struct jobq_pool_call *call = calls; call; call = call->next)
		call->took_us = (jobq_mono_ns() - begun_ns) / 1000;
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
		pool->options.rang(pool->options.context);
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
	return NULL;
}

/* What clients may know of the store, in JSON. */
static void
tell_about(const struct jobq_store *store, struct jobq_buf *out)
{
	const struct jobq_adapter *adapter = jobq_store_adapter(store);
	const char *name = jobq_store_name(store);

	jobq_buf_puts(out, ",\"store\":");
	jobq_json_put_lossy(out, name, strlen(name));
	jobq_buf_puts(out, ",\"adapter\":");
	jobq_json_put_lossy(out, adapter->name, strlen(adapter->name));
	jobq_buf_puts(out, ",\"verbs\":[");
	for (size_t i = 0; adapter->verbs[i] != NULL; i++) {
		jobq_buf_puts(out, i == 0 ? "" : ",");
		jobq_json_put_lossy(
		    out, adapter->verbs[i], strlen(adapter->verbs[i]));
	}
	jobq_buf_puts(out, "],\"cannot\":[");
	for (size_t i = 0; adapter->cannot[i] != NULL; i++) {
		jobq_buf_puts(out, i == 0 ? "" : ",");
		jobq_json_put_lossy(
		    out, adapter->cannot[i], strlen(adapter->cannot[i]));
	}
	jobq_buf_putc(out, ']');
}

static enum jobq_status
open_first(struct jobq_pool *pool, struct jobq_buf *about, struct jobq_err *err)
{
	struct jobq_err why;
	enum jobq_status status = jobq_store_open(
	    pool->options.url, pool->options.mode, &pool->first, &why);

	if (status == JOBQ_OK) {
		tell_about(pool->first, about);
		if (pool->options.mode == JOBQ_STORE_CREATE)
			status = jobq_store_make(pool->first, MADE_MS, &why);
	}
	if (status == JOBQ_AGAIN || status == JOBQ_IO) {
		jobq_log(JOBQ_WARNING, "the store is away: %s", why.text);
		return JOBQ_OK;
	}
	if (status != JOBQ_OK)
		*err = why;
	return status;
}

static void
start(struct jobq_pool *pool)
{
	size_t workers = pool->options.threads;
	size_t wanted = workers + (pool->options.rang != NULL);

	pool->thread = jobq_xcalloc(wanted, sizeof(*pool->thread));
	for (size_t i = 0; i < wanted; i++) {
		bool hears = i == workers;

		if (pthread_create(&pool->thread[i], NULL,
			hears ? hear_always : work, pool) != 0)
			return;
		pool->threads++;
	}
}

enum jobq_status
jobq_pool_open(const struct jobq_pool_options *options, struct jobq_pool **out,
    struct jobq_buf *about, struct jobq_err *err)
{
	struct jobq_pool *pool = jobq_xcalloc(1, sizeof(*pool));
	enum jobq_status status;

	pool->options = *options;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->come, NULL);
	pool->waiting.end = &pool->waiting.first;
	pool->done.end = &pool->done.first;
	pool->stop_fd = eventfd(0, EFD_CLOEXEC);
	status = options->opens_later ? JOBQ_OK : open_first(pool, about, err);
	if (status == JOBQ_OK) {
		start(pool);
		if (pool->threads < 1 + (options->rang != NULL))
			status = jobq_fail(err, JOBQ_IO,
			    "unable to start threads for the store");
	}
	if (status != JOBQ_OK) {
		jobq_pool_close(pool);
		return status;
	}
	*out = pool;
	return JOBQ_OK;
}

void
jobq_pool_close(struct jobq_pool *pool)
{
	const uint64_t one = 1;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->come);
	pthread_mutex_unlock(&pool->lock);
	if (write(pool->stop_fd, &one, sizeof(one)) < 0)
		jobq_log(JOBQ_DEBUG, "eventfd: %s", strerror(errno));
	for (size_t i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	for (struct jobq_pool_call *call = pool->waiting.first, *next;
	     call != NULL; call = next) {
		next = call->next;
		call->status = jobq_fail(
		    &call->err, JOBQ_AGAIN, "the server is being stopped");
		put(&pool->done, call);
	}
	jobq_pool_finish(pool);
	jobq_store_close(pool->first);
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->come);
	close(pool->stop_fd);
	free(pool->thread);
	free(pool);
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
		call->status = jobq_fail(&call->err, JOBQ_AGAIN, "%s", busy);
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
