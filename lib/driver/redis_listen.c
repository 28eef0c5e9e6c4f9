/*
 * The listener: a connection of its own that does nothing but SUBSCRIBE, so
 * that a PUBLISH of the adapter's wakes who waits for jobs. Polling is
 * complete without it; whatever goes wrong here costs latency and is nobody's
 * failure. Nothing here waits: it takes one step each time that the
 * descriptor of its bell is readable.
 *
 *   (none) --timer, or the store has connected--> CONNECTING
 *   CONNECTING --connected, SUBSCRIBE sent--> TUNING
 *   TUNING --answered--> LISTENING
 *   LISTENING --other queues--> (none), at once
 *   any --failed--> (none), the timer set: 1 s, doubling to 30 s
 *
 * A channel is PREFIX:ring for all queues, PREFIX:ring:QUEUE for one. Its
 * caller looks at the store after each step; so what was told before the
 * SUBSCRIBE was answered is not missed. Keep-alives find a server that has
 * vanished.
 */
#include "redis_inside.h"

#include "json.h"
#include "mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "banned.h"

/* Connecting and the answer to SUBSCRIBE may take so long. */
#define HANGS_MS 10000

/* So many queues are listened to by name, more of them as all. */
#define MOST_QUEUES 64

/* What is told says nothing; more of it than this is not from our scripts. */
#define HEARD_MOST 1000000

void
jobq_redis_ear_init(struct jobq_redis_ear *ear)
{
	*ear = (struct jobq_redis_ear){ .conn = NULL };
	jobq_bell_init(&ear->bell);
}

void
jobq_redis_ear_release(struct jobq_redis_ear *ear)
{
	if (ear->conn != NULL)
		redisFree(ear->conn);
	jobq_bell_release(&ear->bell);
	jobq_buf_release(&ear->queues);
}

static void
hang_up(struct jobq_redis_ear *ear)
{
	if (ear->conn != NULL)
		redisFree(ear->conn);
	ear->conn = NULL;
}

/* Gives up what there is, and tries again later. */
static void
rest(struct jobq_redis_ear *ear)
{
	hang_up(ear);
	jobq_bell_later(&ear->bell);
}

static void
begin(struct jobq_redis *store)
{
	const struct jobq_redis_settings *settings = &store->settings;
	struct jobq_redis_ear *ear = &store->ear;

	if (!ear->tuned)
		return;
	ear->conn = settings->path != NULL
			? redisConnectUnixNonBlock(settings->path)
			: redisConnectNonBlock(settings->host, settings->port);
	if (ear->conn == NULL || ear->conn->err != 0) {
		rest(ear);
		return;
	}
	jobq_redis_bind(ear->conn, &ear->bound);
	ear->state = JOBQ_REDIS_CONNECTING;
	ear->unanswered = 0;
	jobq_bell_set(&ear->bell, HANGS_MS);
	jobq_bell_watch(&ear->bell, ear->conn->fd, EPOLLOUT);
}

static void
send_words(struct jobq_redis_ear *ear, const char *first, const char *second,
    const char *third)
{
	const char *words[] = { first, second, third };

	redisAppendCommandArgv(ear->conn, third == NULL ? 2 : 3, words, NULL);
	ear->unanswered++;
}

static void
subscribe(struct jobq_redis *store, const char *queue)
{
	struct jobq_buf channel = JOBQ_BUF_INIT;

	jobq_buf_printf(&channel, "%s:ring%s%s", store->prefix,
	    queue == NULL ? "" : ":", queue == NULL ? "" : queue);
	send_words(&store->ear, "SUBSCRIBE", channel.data, NULL);
	jobq_buf_release(&channel);
}

/* One queue after the other, or all. */
static void
subscribe_to_queues(struct jobq_redis *store)
{
	struct jobq_span list = { store->ear.queues.data,
		store->ear.queues.len };
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_span element;
	size_t cursor = 0, count = 0;

	while (list.len > 0 && jobq_json_element(list, &cursor, &element))
		count++;
	cursor = 0;
	if (count == 0 || count > MOST_QUEUES)
		subscribe(store, NULL);
	else
		while (jobq_json_element(list, &cursor, &element)) {
			jobq_buf_clear(&name);
			if (jobq_json_string(element, &name, NULL) == JOBQ_OK)
				subscribe(
				    store, name.len == 0 ? "" : name.data);
		}
	jobq_buf_release(&name);
}

/* Writes what is left to be; the socket is watched for what is next. */
static void
write_rest(struct jobq_redis_ear *ear)
{
	int done = 0;

	if (!jobq_redis_write(ear->conn, &done))
		rest(ear);
	else
		jobq_bell_watch(&ear->bell, ear->conn->fd,
		    done ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* Channels know no database. */
static void
connected(struct jobq_redis *store)
{
	const struct jobq_redis_settings *settings = &store->settings;
	struct jobq_redis_ear *ear = &store->ear;
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(ear->conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) !=
		0 ||
	    error != 0) {
		rest(ear);
		return;
	}
	if (settings->path == NULL)
		redisEnableKeepAlive(ear->conn);
	if (settings->password != NULL && settings->user != NULL)
		send_words(ear, "AUTH", settings->user, settings->password);
	else if (settings->password != NULL)
		send_words(ear, "AUTH", settings->password, NULL);
	subscribe_to_queues(store);
	ear->state = JOBQ_REDIS_TUNING;
	write_rest(ear);
}

/* One answer or message; false when it is an error. */
static bool
take(struct jobq_redis_ear *ear, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR)
		return false;
	if (ear->unanswered > 0)
		ear->unanswered--;
	if (ear->state == JOBQ_REDIS_TUNING && ear->unanswered == 0) {
		ear->state = JOBQ_REDIS_LISTENING;
		ear->bell.wait_ms = 0;
		jobq_bell_set(&ear->bell, 0);
	}
	return true;
}

static bool
hear(struct jobq_redis_ear *ear)
{
	char bytes[4096];
	ssize_t got = read(ear->conn->fd, bytes, sizeof bytes);
	void *reply = NULL;
	bool good;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0 ||
	    redisReaderFeed(ear->conn->reader, bytes, (size_t)got) != REDIS_OK)
		return false;
	do {
		reply = NULL;
		good =
		    ear->conn->reader->len < HEARD_MOST &&
		    redisReaderGetReply(ear->conn->reader, &reply) == REDIS_OK;
		if (reply != NULL) {
			good = good && take(ear, reply);
			freeReplyObject(reply);
		}
	} while (good && reply != NULL);
	return good;
}

void
jobq_redis_ear_tune(
    struct jobq_redis *store, const char *verb, const char *request, size_t len)
{
	static const char word[] = "\"queues\"";
	struct jobq_redis_ear *ear = &store->ear;
	struct jobq_object members = { 0 };
	struct jobq_span queues = { .at = "" };

	if (ear->bell.epoll < 0 ||
	    (strcmp(verb, "claim") != 0 && strcmp(verb, "list") != 0))
		return;
	if (memmem(request, len, word, strlen(word)) != NULL &&
	    jobq_object_scan(&members, request, len, NULL) == JOBQ_OK) {
		const struct jobq_span *found =
		    jobq_object_get(&members, "queues");

		if (found != NULL)
			queues = *found;
	}
	if (queues.len != ear->queues.len ||
	    memcmp(queues.at, ear->queues.data == NULL ? "" : ear->queues.data,
		queues.len) != 0) {
		jobq_buf_clear(&ear->queues);
		jobq_buf_add(&ear->queues, queues.at, queues.len);
		hang_up(ear);
	}
	ear->tuned = true;
	jobq_object_release(&members);
}

void
jobq_redis_ear_start(struct jobq_redis *store)
{
	struct jobq_redis_ear *ear = &store->ear;

	if (ear->bell.epoll >= 0 && ear->conn == NULL && ear->bell.wait_ms == 0)
		begin(store);
}

void
jobq_redis_ear_turn(struct jobq_redis *store)
{
	struct jobq_redis_ear *ear = &store->ear;
	bool timer, socket;

	jobq_bell_look(&ear->bell, ear->conn == NULL ? -1 : ear->conn->fd,
	    &timer, &socket);
	if (timer && ear->conn == NULL)
		begin(store);
	else if (timer && ear->state != JOBQ_REDIS_LISTENING)
		rest(ear);
	else if (socket && ear->conn != NULL &&
		 ear->state == JOBQ_REDIS_CONNECTING)
		connected(store);
	else if (socket && ear->conn != NULL) {
		if (!hear(ear))
			rest(ear);
		else if (ear->state == JOBQ_REDIS_TUNING)
			write_rest(ear);
	}
}
