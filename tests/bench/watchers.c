/*
 * watchers PORT PATH COUNT [SLOW]: as many WebSockets that watch one task. It
 * says "ready" when all are open. A frame that is a number is the time, in ns
 * since 1970, at which it was written: when the last of them has it, the ms
 * that took are printed. Ends when all are closed.
 *
 * SLOW further connections never say more than half a head; each that the
 * server closes is opened anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STAMPS 4096

static struct stamp {
	long long ns;
	int count;
} stamps[STAMPS];

struct watcher {
	int fd, slow, open;
	size_t len;
	char text[4096];
};

static struct sockaddr_in where;
static int epoll, count, opened, closed;
static const char *path;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
dial(struct watcher *watcher)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watcher };
	char text[1024];

	watcher->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (watcher->fd < 0 ||
	    connect(watcher->fd, (struct sockaddr *)&where, sizeof(where)) != 0)
		fail("watchers: connect");
	if (watcher->slow)
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: loc");
	else
		snprintf(text, sizeof(text),
		    "GET %s HTTP/1.1\r\nHost: localhost\r\n"
		    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		    "Sec-WebSocket-Version: 13\r\n\r\n",
		    path);
	if (write(watcher->fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, watcher->fd, &event) != 0)
		fail("watchers: write");
}

static void
take_frame(const char *text, size_t len)
{
	char number[32] = "";
	struct timespec now;
	long long ns;

	if (len == 0 || len >= sizeof(number))
		return;
	memcpy(number, text, len);
	ns = strtoll(number, NULL, 10);
	if (ns < 1000000000000000000)
		return;
	for (int i = 0; i < STAMPS; i++) {
		if (stamps[i].ns != 0 && stamps[i].ns != ns)
			continue;
		stamps[i].ns = ns;
		if (++stamps[i].count < count)
			return;
		clock_gettime(CLOCK_REALTIME, &now);
		printf("%.1f\n",
		    (double)(now.tv_sec * 1000000000LL + now.tv_nsec - ns) /
			1e6);
		fflush(stdout);
		return;
	}
}

/* Takes what is whole; frames of a server are short here. */
static void
take(struct watcher *watcher)
{
	char *at = watcher->text, *end = at + watcher->len, *blank;

	if (!watcher->open) {
		blank = memmem(at, watcher->len, "\r\n\r\n", 4);
		if (blank == NULL)
			return;
		if (memcmp(at, "HTTP/1.1 101", 12) != 0) {
			fprintf(stderr, "watchers: %.60s\n", at);
			exit(1);
		}
		at = blank + 4;
		watcher->open = 1;
		if (++opened == count) {
			puts("ready");
			fflush(stdout);
		}
	}
	while (end - at >= 2 && end - at >= 2 + (at[1] & 127)) {
		take_frame(at + 2, (size_t)(at[1] & 127));
		at += 2 + (at[1] & 127);
	}
	watcher->len = (size_t)(end - at);
	memmove(watcher->text, at, watcher->len);
}

static void
hear(struct watcher *watcher)
{
	ssize_t got = read(watcher->fd, watcher->text + watcher->len,
	    sizeof(watcher->text) - watcher->len);

	if (got > 0) {
		watcher->len += (size_t)got;
		if (watcher->slow)
			watcher->len = 0;
		else
			take(watcher);
		return;
	}
	close(watcher->fd);
	if (watcher->slow)
		dial(watcher);
	else
		closed++;
}

int
main(int argc, char **argv)
{
	struct rlimit limit = { 16384, 16384 };
	struct epoll_event events[256];
	struct watcher *all;
	int slow = argc > 4 ? atoi(argv[4]) : 0;

	if (argc < 4)
		return 2;
	where.sin_family = AF_INET;
	where.sin_port = htons((unsigned short)atoi(argv[1]));
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	path = argv[2];
	count = atoi(argv[3]);
	setrlimit(RLIMIT_NOFILE, &limit);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	all = calloc((size_t)(count + slow), sizeof(*all));
	if (epoll < 0 || all == NULL)
		fail("watchers");
	for (int i = 0; i < count + slow; i++) {
		all[i].slow = i >= count;
		dial(&all[i]);
		/* As the server takes them, or its backlog runs over. */
		while (!all[i].slow && opened < i - 32) {
			int n = epoll_wait(epoll, events, 256, 5000);

			for (int j = 0; j < n; j++)
				hear(events[j].data.ptr);
			if (n <= 0)
				fail("watchers: no answer");
		}
	}
	while (closed < count) {
		int n = epoll_wait(epoll, events, 256, -1);

		for (int j = 0; j < n; j++)
			hear(events[j].data.ptr);
	}
	free(all);
	return 0;
}
