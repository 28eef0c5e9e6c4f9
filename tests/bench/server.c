/*
 * server FILE: an HTTP server that is never what is waited for. It listens on
 * a free port of 127.0.0.1, writes the port to FILE, and gives each request,
 * once its body has come, the same small answer; connections are kept. It
 * ends with its parent. What it understands is what its clients here send:
 * a Content-Length, and no request before the last one's answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 1024 /* a descriptor is the place of its connection */
#define EVENTS 64

static const char answer[] = "HTTP/1.1 200 OK\r\n"
			     "Content-Type: application/json\r\n"
			     "Content-Length: 11\r\n"
			     "\r\n"
			     "{\"ok\":true}";

static struct connection {
	size_t len;
	char in[8192];
} connection[CONNECTIONS];

static int epoll_fd;

static void
die(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	exit(75);
}

static int
listen_on(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)address, size) != 0 ||
	    listen(fd, CONNECTIONS) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) != 0)
		die("listen");
	return fd;
}

/* The file is there only when it has the whole port in it. */
static void
tell_port(const char *path, int port)
{
	char early[4096];
	FILE *file;

	snprintf(early, sizeof(early), "%s.new", path);
	file = fopen(early, "w");
	if (file == NULL || fprintf(file, "%d\n", port) < 0 ||
	    fclose(file) != 0 || rename(early, path) != 0)
		die(path);
}

static void
watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		die("epoll_ctl");
}

static void
take_connection(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int on = 1;

	if (fd < 0)
		return;
	if (fd >= CONNECTIONS) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection[fd].len = 0;
	watch(fd);
}

/* Bytes of the request, once all its headers are there; else 0. */
static size_t
request_size(const struct connection *from)
{
	static const char name[] = "\r\nContent-Length:";
	const char *end = memmem(from->in, from->len, "\r\n\r\n", 4);
	const char *length;
	size_t headers;

	if (end == NULL)
		return 0;
	headers = (size_t)(end - from->in) + 4;
	length = memmem(from->in, headers, name, sizeof(name) - 1);
	if (length != NULL)
		headers += strtoul(length + sizeof(name) - 1, NULL, 10);
	return headers;
}

/* False when the connection is to be closed. */
static bool
serve(int fd)
{
	struct connection *from = &connection[fd];
	ssize_t got =
	    read(fd, from->in + from->len, sizeof(from->in) - from->len);
	size_t size;

	if (got <= 0)
		return false;
	from->len += (size_t)got;
	size = request_size(from);
	if (size == 0 || size > from->len)
		return from->len < sizeof(from->in);
	from->len = 0;
	return write(fd, answer, sizeof(answer) - 1) ==
	       (ssize_t)sizeof(answer) - 1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener;

	if (argc != 2) {
		fprintf(stderr, "usage: server FILE\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = listen_on(&address);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch(listener);
	tell_port(argv[1], ntohs(address.sin_port));
	for (;;) {
		struct epoll_event event[EVENTS];
		int count = epoll_wait(epoll_fd, event, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (event[i].data.fd == listener)
				take_connection(listener);
			else if (!serve(event[i].data.fd))
				close(event[i].data.fd);
		}
	}
}
