/*
 * The listener: a GET of /v1/bell, whose answer is an endless stream of
 * events, one each time that the store rings. Polling is complete without it;
 * whatever goes wrong here costs latency and is nobody's failure. Nothing here
 * waits: it takes one step each time that the descriptor of its bell is
 * readable.
 *
 *   (none) --asked for the descriptor, timer--> ON ITS WAY
 *   ON ITS WAY --200, text/event-stream--> UP
 *   ON ITS WAY --404, 405, 501, other types--> (none), for good
 *   any --failed, ended--> (none), the timer set: 1 s, doubling to 30 s
 *
 * libcurl's multi interface tells which sockets it wants watched and when it
 * wants to be called next; the first are watched by the bell's epoll, the
 * second is the bell's timer while a request is on its way. What the events
 * say does not matter, for the caller looks at the store after each step; so
 * does it after the one that made the stream UP, and nothing that rang before
 * is missed. Keep-alives find a server that has vanished.
 */
#include "http_inside.h"

#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "banned.h"

/* Of keep-alives: how long nothing is heard before one, and between them. */
#define KEEP_SECONDS 30L
#define KEEP_AGAIN_SECONDS 10L

/* Ready descriptors that are looked at in one step. */
#define READY 8

void
jobq_remote_ear_init(struct jobq_remote_ear *ear)
{
	*ear = (struct jobq_remote_ear){ .multi = NULL };
	jobq_bell_init(&ear->bell);
}

static void
hang_up(struct jobq_remote_ear *ear)
{
	if (ear->easy != NULL && ear->multi != NULL)
		curl_multi_remove_handle(ear->multi, ear->easy);
	curl_easy_cleanup(ear->easy);
	if (ear->multi != NULL)
		curl_multi_cleanup(ear->multi);
	curl_slist_free_all(ear->headers);
	ear->multi = NULL;
	ear->easy = NULL;
	ear->headers = NULL;
	ear->up = false;
}

void
jobq_remote_ear_release(struct jobq_remote_ear *ear)
{
	hang_up(ear);
	jobq_bell_release(&ear->bell);
}

/* Gives up what there is, and tries again later, unless it never can be. */
static void
rest(struct jobq_remote_ear *ear)
{
	hang_up(ear);
	if (ear->deaf)
		jobq_bell_set(&ear->bell, 0);
	else
		jobq_bell_later(&ear->bell);
}

static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *own)
{
	struct jobq_remote_ear *ear = context;
	uint32_t events = 0;

	(void)easy;
	(void)own;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(ear->bell.epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	jobq_bell_watch(&ear->bell, fd, events);
	return 0;
}

/* 0 stops the bell's timer, so what is due now is so in a moment. */
static int
timer_wanted(CURLM *multi, long ms, void *context)
{
	struct jobq_remote_ear *ear = context;

	(void)multi;
	jobq_bell_set(&ear->bell, ms < 0 ? 0 : ms == 0 ? 1 : ms);
	return 0;
}

static size_t
header_came(char *line, size_t size, size_t count, void *context)
{
	static const char type[] = "content-type: text/event-stream";
	struct jobq_remote_ear *ear = context;
	size_t len = size * count;
	long code = 0;

	if (len >= sizeof type - 1 &&
	    strncasecmp(line, type, sizeof type - 1) == 0)
		ear->event_stream = true;
	if (len > 2)
		return len;
	/* The empty line behind the headers. */
	curl_easy_getinfo(ear->easy, CURLINFO_RESPONSE_CODE, &code);
	if (code == 200 && ear->event_stream) {
		ear->up = true;
		ear->bell.wait_ms = 0;
	}
	ear->deaf = code == 404 || code == 405 || code == 501 ||
		    (code == 200 && !ear->event_stream);
	return len;
}

static size_t
bytes_came(char *bytes, size_t size, size_t count, void *context)
{
	const struct jobq_remote_ear *ear = context;

	(void)bytes;
	/* What is no stream is not read. */
	return ear->up ? size * count : 0;
}

static void
set_request(struct jobq_remote_ear *ear)
{
	jobq_remote_add_header(&ear->headers, "Accept: text/event-stream");
	curl_easy_setopt(ear->easy, CURLOPT_HTTPHEADER, ear->headers);
	curl_easy_setopt(ear->easy, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(ear->easy, CURLOPT_HEADERDATA, ear);
	curl_easy_setopt(ear->easy, CURLOPT_WRITEFUNCTION, bytes_came);
	curl_easy_setopt(ear->easy, CURLOPT_WRITEDATA, ear);
	curl_easy_setopt(ear->easy, CURLOPT_TCP_KEEPIDLE, KEEP_SECONDS);
	curl_easy_setopt(ear->easy, CURLOPT_TCP_KEEPINTVL, KEEP_AGAIN_SECONDS);
}

static void
begin(struct jobq_remote *store)
{
	struct jobq_remote_ear *ear = &store->ear;

	ear->event_stream = false;
	ear->multi = curl_multi_init();
	ear->easy = curl_easy_init();
	if (ear->multi == NULL || ear->easy == NULL ||
	    jobq_remote_set_up(store, ear->easy, "/v1/bell", NULL) != JOBQ_OK) {
		rest(ear);
		return;
	}
	set_request(ear);
	curl_multi_setopt(ear->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(ear->multi, CURLMOPT_SOCKETDATA, ear);
	curl_multi_setopt(ear->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(ear->multi, CURLMOPT_TIMERDATA, ear);
	if (curl_multi_add_handle(ear->multi, ear->easy) != CURLM_OK)
		rest(ear);
}

int
jobq_remote_ear_fd(struct jobq_remote *store)
{
	struct jobq_remote_ear *ear = &store->ear;

	if (ear->bell.epoll < 0 && jobq_bell_fd(&ear->bell) >= 0)
		begin(store);
	return ear->bell.epoll;
}

/* Tells libcurl what is ready; whether the request is still on its way. */
static bool
go_on(struct jobq_remote_ear *ear, const struct epoll_event *events, int count)
{
	CURLMcode code = CURLM_OK;
	uint64_t times;
	int running = 1;

	for (int i = 0; i < count && code == CURLM_OK; i++) {
		int fd = events[i].data.fd, what = 0;

		if (fd == ear->bell.timer) {
			if (read(fd, &times, sizeof times) <= 0)
				continue;
			fd = CURL_SOCKET_TIMEOUT;
		} else {
			if (events[i].events & EPOLLIN)
				what |= CURL_CSELECT_IN;
			if (events[i].events & EPOLLOUT)
				what |= CURL_CSELECT_OUT;
			if (events[i].events & (EPOLLERR | EPOLLHUP))
				what |= CURL_CSELECT_ERR;
		}
		code = curl_multi_socket_action(ear->multi, fd, what, &running);
	}
	return code == CURLM_OK && running > 0;
}

void
jobq_remote_ear_turn(struct jobq_remote *store)
{
	struct jobq_remote_ear *ear = &store->ear;
	struct epoll_event events[READY];
	bool timer, socket;

	if (ear->bell.epoll < 0)
		return;
	if (ear->multi == NULL) {
		jobq_bell_look(&ear->bell, -1, &timer, &socket);
		if (timer && !ear->deaf)
			begin(store);
	} else if (!go_on(ear, events,
		       epoll_wait(ear->bell.epoll, events, READY, 0))) {
		rest(ear);
	}
}
