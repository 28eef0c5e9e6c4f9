/*
 * The connection. hiredis parses and writes the protocol; the socket does not
 * block, and each wait ends at the deadline of the call. After a failure
 * whose outcome is not known the connection is dropped, and JOBQ_AGAIN says
 * so: every verb can be made again.
 *
 * What a server answers is bounded: in bytes, in elements of an array, and
 * there are no arrays in arrays, of which a short answer can have millions.
 */
#include "redis_inside.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "banned.h"

/* A page, a batch's answers and a line of the largest, twice that. */
#define RECEIVED_MOST ((size_t)32 << 20)
#define ELEMENTS_MOST 65536

#if HIREDIS_MAJOR >= 1
typedef size_t count_of_elements;
#else
typedef int count_of_elements;
#endif

static enum jobq_status
fail(struct jobq_redis *store, enum jobq_status status, const char *why,
    struct jobq_err *err)
{
	return jobq_fail(
	    err, status, "unable to use store '%s': %s", store->name.data, why);
}

void
jobq_redis_drop(struct jobq_redis *store)
{
	if (store->conn != NULL)
		redisFree(store->conn);
	store->conn = NULL;
}

static enum jobq_status
late(struct jobq_redis *store, const char *what, struct jobq_err *err)
{
	long long ms = (long long)(jobq_mono_ms() - store->begun);

	jobq_redis_drop(store);
	return jobq_fail(err, JOBQ_AGAIN,
	    "unable to use store '%s': it did not %s within %lld.%lld s",
	    store->name.data, what, ms / 1000, ms % 1000 / 100);
}

static enum jobq_status
lost(struct jobq_redis *store, int error, struct jobq_err *err)
{
	jobq_redis_drop(store);
	return fail(store, JOBQ_AGAIN,
	    error == 0 ? "the server has closed the connection"
		       : strerror(error),
	    err);
}

/* Waits for the socket; JOBQ_EMPTY when the deadline has come. */
static enum jobq_status
wait_for(struct jobq_redis *store, short events, int64_t deadline,
    struct jobq_err *err)
{
	struct pollfd fd = { .fd = store->conn->fd, .events = events };
	int64_t left;
	int ready;

	do {
		left = deadline - jobq_mono_ms();
		ready = poll(&fd, 1,
		    left < 0	       ? 0
		    : left > INT32_MAX ? INT32_MAX
				       : (int)left);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return lost(store, errno, err);
	return ready == 0 ? JOBQ_EMPTY : JOBQ_OK;
}

/* --- bounded answers --------------------------------------------------------
 */

static void *
bounded_array(const redisReadTask *task, count_of_elements elements)
{
	struct jobq_redis_bound *bound = task->privdata;

	if (task->parent != NULL)
		bound->why = "it has arrays in arrays";
	else if (elements > ELEMENTS_MOST)
		bound->why = "it is too long";
	return bound->why != NULL ? NULL
				  : bound->own.createArray(task, elements);
}

void
jobq_redis_bind(redisContext *conn, struct jobq_redis_bound *bound)
{
	bound->own = bound->bounded = *conn->reader->fn;
	bound->why = NULL;
	bound->bounded.createArray = bounded_array;
	conn->reader->fn = &bound->bounded;
	conn->reader->privdata = bound;
}

/* What hiredis says of an answer that is none. */
static enum jobq_status
not_redis(struct jobq_redis *store, struct jobq_err *err)
{
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_printf(&why, "what the server answered is not Redis's: %s",
	    store->bound.why != NULL ? store->bound.why
				     : store->conn->reader->errstr);
	status = fail(store, JOBQ_IO, why.data, err);
	jobq_buf_release(&why);
	jobq_redis_drop(store);
	return status;
}

/* Reads what is there, if only a part of an answer. */
static enum jobq_status
receive(struct jobq_redis *store, struct jobq_err *err)
{
	char bytes[65536];
	ssize_t got = read(store->conn->fd, bytes, sizeof bytes);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return JOBQ_OK;
	if (got <= 0)
		return lost(store, got < 0 ? errno : 0, err);
	store->received += (size_t)got;
	if (store->received > RECEIVED_MOST) {
		jobq_redis_drop(store);
		return fail(store, JOBQ_IO,
		    "the server's answer has more than 32 MiB", err);
	}
	return redisReaderFeed(store->conn->reader, bytes, (size_t)got) ==
		       REDIS_OK
		   ? JOBQ_OK
		   : not_redis(store, err);
}

/* hiredis writes so that SIGPIPE would end who has not ignored it. */
bool
jobq_redis_write(redisContext *conn, int *done)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t broken, pending, before;
	int error;
	bool good;

	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	sigprocmask(SIG_BLOCK, &broken, &before);
	sigpending(&pending);
	good = redisBufferWrite(conn, done) == REDIS_OK;
	error = errno;
	if (!good && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&broken, NULL, &at_once);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return good;
}

/*
 * The next answer; in the meantime what is unsent is sent. A server that
 * closes a connection may have said why before, which is an error.
 */
static enum jobq_status
answer(struct jobq_redis *store, bool unsent, redisReply **reply,
    struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	bool broken = false;
	void *got = NULL;
	int sent = 0;

	for (;;) {
		if (unsent && !jobq_redis_write(store->conn, &sent)) {
			if (errno != EPIPE)
				return lost(store, errno, err);
			broken = true;
		}
		unsent = unsent && !sent && !broken;
		if (redisReaderGetReply(store->conn->reader, &got) != REDIS_OK)
			return not_redis(store, err);
		if (got != NULL)
			break;
		status = wait_for(store, unsent ? POLLIN | POLLOUT : POLLIN,
		    store->deadline, err);
		if (status == JOBQ_EMPTY)
			return late(store, "answer", err);
		if (status == JOBQ_OK)
			status = receive(store, err);
		if (status != JOBQ_OK)
			return status;
	}
	*reply = got;
	if (!broken || (*reply)->type == REDIS_REPLY_ERROR)
		return JOBQ_OK;
	freeReplyObject(got);
	*reply = NULL;
	return lost(store, EPIPE, err);
}

void
jobq_redis_word(
    struct jobq_redis_command *command, const char *word, size_t len)
{
	command->word = jobq_grow(command->word, command->count,
	    &command->word_cap, sizeof *command->word);
	command->len = jobq_grow(command->len, command->count,
	    &command->len_cap, sizeof *command->len);
	command->word[command->count] = word;
	command->len[command->count++] = len;
}

void
jobq_redis_command_release(struct jobq_redis_command *command)
{
	free(command->word);
	free(command->len);
	*command = (struct jobq_redis_command){ .count = 0 };
}

static void
put(struct jobq_redis_command *command, const char *word)
{
	jobq_redis_word(command, word, strlen(word));
}

enum jobq_status
jobq_redis_ask(struct jobq_redis *store,
    const struct jobq_redis_command *command, redisReply **reply,
    struct jobq_err *err)
{
	store->received = 0;
	if (redisAppendCommandArgv(store->conn, (int)command->count,
		command->word, command->len) != REDIS_OK) {
		jobq_redis_drop(store);
		return fail(store, JOBQ_AGAIN, "out of memory", err);
	}
	return answer(store, true, reply, err);
}

/* --- what a server says -----------------------------------------------------
 */

static enum jobq_status
map_word(const char *text, size_t *own)
{
	static const struct {
		const char *word;
		enum jobq_status status;
		bool own;
	} map[] = {
		{ "CONFIG ", JOBQ_CONFIG, true },
		{ "INVALID ", JOBQ_INVALID, true },
		{ "UNSUPPORTED ", JOBQ_UNSUPPORTED, true },
		{ "AGAIN ", JOBQ_AGAIN, true },
		{ "NOAUTH ", JOBQ_CONFIG, false },
		{ "WRONGPASS ", JOBQ_CONFIG, false },
		{ "NOPERM ", JOBQ_CONFIG, false },
		{ "WRONGTYPE ", JOBQ_CONFIG, false },
		{ "DENIED ", JOBQ_CONFIG, false },
		{ "CROSSSLOT ", JOBQ_CONFIG, false },
		{ "MOVED ", JOBQ_CONFIG, false },
		{ "ERR Script attempted to access", JOBQ_CONFIG, false },
		{ "LOADING ", JOBQ_AGAIN, false },
		{ "BUSY ", JOBQ_AGAIN, false },
		{ "OOM ", JOBQ_AGAIN, false },
		{ "READONLY ", JOBQ_AGAIN, false },
		{ "MASTERDOWN ", JOBQ_AGAIN, false },
		{ "MISCONF ", JOBQ_AGAIN, false },
		{ "NOREPLICAS ", JOBQ_AGAIN, false },
		{ "TRYAGAIN ", JOBQ_AGAIN, false },
		{ "CLUSTERDOWN ", JOBQ_AGAIN, false },
		{ "UNKILLABLE ", JOBQ_AGAIN, false },
		{ "ERR max number of clients", JOBQ_AGAIN, false },
		{ "ERR invalid password", JOBQ_CONFIG, false },
		{ "ERR Client sent AUTH", JOBQ_CONFIG, false },
		{ "ERR AUTH ", JOBQ_CONFIG, false },
		{ "ERR DB index", JOBQ_CONFIG, false },
		{ "ERR unknown command", JOBQ_CONFIG, false },
	};

	*own = 0;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (strncmp(text, map[i].word, strlen(map[i].word)) == 0) {
			*own = map[i].own ? strlen(map[i].word) : 0;
			return map[i].status;
		}
	return JOBQ_IO;
}

enum jobq_status
jobq_redis_said(
    struct jobq_redis *store, const redisReply *reply, struct jobq_err *err)
{
	static const char missing[] =
	    ": put the password into REDISCLI_AUTH, or into the URL";
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_IO;
	const char *text;
	size_t own;

	if (reply->type != REDIS_REPLY_ERROR) {
		jobq_redis_drop(store);
		return fail(store, JOBQ_IO,
		    "the server answered with a value of an unexpected type",
		    err);
	}
	status = map_word(reply->str, &own);
	text = reply->str + own;
	if (text[strspn(text, " \r\n")] == '\0')
		text = "the server answered with an error without a text";
	jobq_buf_add(&why, text, strcspn(text, "\r\n"));
	if (strncmp(reply->str, "NOAUTH ", 7) == 0)
		jobq_buf_puts(&why, missing);
	status = fail(store, status, why.data, err);
	jobq_buf_release(&why);
	return status;
}

/* --- connecting -------------------------------------------------------------
 */

static enum jobq_status
refused(struct jobq_redis *store, int error, struct jobq_err *err)
{
	struct jobq_buf why = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (error != 0)
		jobq_buf_printf(&why, "unable to connect: %s", strerror(error));
	else
		jobq_buf_printf(&why, "unable to connect: %s",
		    store->conn == NULL ? "out of memory"
					: store->conn->errstr);
	jobq_redis_drop(store);
	status = fail(store, JOBQ_AGAIN, why.data, err);
	jobq_buf_release(&why);
	return status;
}

static enum jobq_status
connect_to(struct jobq_redis *store, struct jobq_err *err)
{
	const struct jobq_redis_settings *settings = &store->settings;
	int64_t end = jobq_mono_ms() + settings->connect_ms;
	enum jobq_status status;
	socklen_t len = sizeof(int);
	int error = 0;

	store->conn =
	    store->node != NULL
		? redisConnectNonBlock(store->node, store->node_port)
	    : settings->path != NULL
		? redisConnectUnixNonBlock(settings->path)
		: redisConnectNonBlock(settings->host, settings->port);
	if (store->conn == NULL || store->conn->err != 0)
		return refused(store,
		    store->conn != NULL && store->conn->err == REDIS_ERR_IO
			? errno
			: 0,
		    err);
	status = wait_for(
	    store, POLLOUT, end < store->deadline ? end : store->deadline, err);
	if (status == JOBQ_EMPTY)
		return late(store, "accept a connection", err);
	if (status != JOBQ_OK)
		return status;
	if (getsockopt(store->conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) !=
		0 ||
	    error != 0)
		return refused(store, error == 0 ? errno : error, err);
	if (store->node != NULL || settings->path == NULL)
		redisEnableKeepAlive(store->conn);
	jobq_redis_bind(store->conn, &store->bound);
	return JOBQ_OK;
}

/* A command that is to be answered by OK. */
static enum jobq_status
tell(struct jobq_redis *store, const struct jobq_redis_command *command,
    struct jobq_err *err)
{
	redisReply *reply = NULL;
	enum jobq_status status = jobq_redis_ask(store, command, &reply, err);

	if (status == JOBQ_OK && reply->type != REDIS_REPLY_STATUS)
		status = jobq_redis_said(store, reply, err);
	if (reply != NULL)
		freeReplyObject(reply);
	return status;
}

static enum jobq_status
greet(struct jobq_redis *store, struct jobq_err *err)
{
	const struct jobq_redis_settings *settings = &store->settings;
	struct jobq_redis_command auth = { .count = 0 };
	struct jobq_redis_command select = { .count = 0 };
	struct jobq_buf number = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	put(&auth, "AUTH");
	if (settings->user != NULL)
		put(&auth, settings->user);
	if (settings->password != NULL) {
		put(&auth, settings->password);
		status = tell(store, &auth, err);
	}
	if (status == JOBQ_OK && settings->database != 0) {
		jobq_buf_printf(&number, "%lld", settings->database);
		put(&select, "SELECT");
		put(&select, number.data);
		status = tell(store, &select, err);
	}
	jobq_redis_command_release(&auth);
	jobq_redis_command_release(&select);
	jobq_buf_release(&number);
	return status;
}

/* The adapter looks at the server, and makes the store when it may. */
static enum jobq_status
look(struct jobq_redis *store, struct jobq_err *err)
{
	static const char *const no_more[2] = { NULL, NULL };
	const char *request =
	    store->mode == JOBQ_STORE_CREATE ? "{\"create\":true}" : "{}";
	redisReply *reply = NULL;
	enum jobq_status status;

	status = jobq_redis_run(
	    store, "open", request, strlen(request), no_more, &reply, err);
	if (reply != NULL)
		freeReplyObject(reply);
	return status;
}

enum jobq_status
jobq_redis_connect(struct jobq_redis *store, struct jobq_err *err)
{
	enum jobq_status status = connect_to(store, err);

	if (status == JOBQ_OK)
		status = greet(store, err);
	if (status != JOBQ_OK)
		jobq_redis_go_home(store);
	return status;
}

bool
jobq_redis_is_closed(const redisContext *conn)
{
	struct pollfd fd = { .fd = conn->fd, .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

enum jobq_status
jobq_redis_ready(struct jobq_redis *store, struct jobq_err *err)
{
	enum jobq_status status;

	if (store->conn != NULL && jobq_redis_is_closed(store->conn))
		jobq_redis_drop(store);
	if (store->conn != NULL)
		return JOBQ_OK;
	status = jobq_redis_connect(store, err);
	if (status == JOBQ_OK)
		status = look(store, err);
	if (status != JOBQ_OK)
		jobq_redis_drop(store);
	return status;
}
