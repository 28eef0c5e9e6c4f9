#include "listen.h"

#include "mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define BACKLOG 1024

static enum jobq_status
failed(const char *where, struct jobq_err *err)
{
	bool busy = errno == EADDRINUSE;

	return jobq_fail(err, busy ? JOBQ_IO : JOBQ_CONFIG,
	    "unable to listen at '%s': %s", where, strerror(errno));
}

/*
 * Whether nobody answers at the path any more. Where somebody does, but does
 * not get to it, connecting would wait.
 */
static bool
is_dead(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat info;
	bool dead = false;

	if (fd < 0)
		return false;
	if (lstat(address->sun_path, &info) == 0 && S_ISSOCK(info.st_mode) &&
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) !=
		0)
		dead = errno == ECONNREFUSED;
	close(fd);
	return dead;
}

/* Learns where a socket listens, with the port that was chosen. */
static enum jobq_status
look_at(struct jobq_listener *listener, struct jobq_err *err)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_in *four = (const void *)&address;
	const struct sockaddr_in6 *six = (const void *)&address;
	const struct sockaddr_un *path = (const void *)&address;
	socklen_t len = sizeof(address);
	char host[64], port[16];

	if (getsockname(listener->fd, (struct sockaddr *)&address, &len) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "descriptor %d is no socket to listen at: %s", listener->fd,
		    strerror(errno));
	listener->is_unix = address.ss_family == AF_UNIX;
	listener->loopback = listener->is_unix;
	if (listener->is_unix) {
		jobq_buf_printf(&listener->where, "unix:%.*s",
		    (int)sizeof(path->sun_path), path->sun_path);
		return JOBQ_OK;
	}
	listener->loopback = address.ss_family == AF_INET6
				 ? IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)
				 : ntohl(four->sin_addr.s_addr) >> 24 == 127;
	if (getnameinfo((struct sockaddr *)&address, len, host, sizeof(host),
		port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		jobq_buf_printf(&listener->where,
		    address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
	return JOBQ_OK;
}

static enum jobq_status
listen_unix(
    struct jobq_listener *listener, const char *path, struct jobq_err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct sockaddr *to = (const struct sockaddr *)&address;
	size_t len = strlen(path);
	struct stat info;
	mode_t before;
	int result;

	if (len == 0 || len >= sizeof(address.sun_path))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no path of a socket: it has 1 to %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, len);
	if (is_dead(&address))
		unlink(path);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return failed(path, err);
	before = umask(0177);
	result = bind(listener->fd, to, sizeof(address));
	umask(before);
	if (result != 0)
		return failed(path, err);
	listener->path = jobq_xstrdup(path);
	if (lstat(path, &info) == 0) {
		listener->device = info.st_dev;
		listener->inode = info.st_ino;
	}
	return listen(listener->fd, BACKLOG) == 0 ? look_at(listener, err)
						  : failed(path, err);
}

/* Divides ADDR:PORT, [ADDR]:PORT or :PORT; the copy is the caller's. */
static enum jobq_status
divide(const char *where, char **host, const char **port, struct jobq_err *err)
{
	const char *colon = strrchr(where, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - where);

	if (colon == NULL || colon[1] == '\0' ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is neither ADDR:PORT nor unix:PATH", where);
	*port = colon + 1;
	if (len >= 2 && where[0] == '[' && where[len - 1] == ']')
		*host = jobq_xstrndup(where + 1, len - 2);
	else
		*host = jobq_xstrndup(where, len);
	return JOBQ_OK;
}

static int
try_address(const struct addrinfo *info)
{
	const int one = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static enum jobq_status
listen_tcp(
    struct jobq_listener *listener, const char *where, struct jobq_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	const char *port = NULL;
	char *host = NULL;
	enum jobq_status status = divide(where, &host, &port, err);
	int result;

	if (status != JOBQ_OK)
		return status;
	result = getaddrinfo(*host != '\0' ? host : NULL, port, &hints, &list);
	free(host);
	if (result != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to listen at '%s': %s", where,
		    gai_strerror(result));
	for (const struct addrinfo *info = list;
	     info != NULL && listener->fd < 0; info = info->ai_next)
		listener->fd = try_address(info);
	if (listener->fd < 0)
		status = failed(where, err);
	else
		status = look_at(listener, err);
	freeaddrinfo(list);
	return status;
}

enum jobq_status
jobq_listen_open(
    struct jobq_listener *listener, const char *where, struct jobq_err *err)
{
	enum jobq_status status;

	*listener = (struct jobq_listener){ .fd = -1 };
	status = strncmp(where, "unix:", 5) == 0
		     ? listen_unix(listener, where + 5, err)
		     : listen_tcp(listener, where, err);
	if (status != JOBQ_OK)
		jobq_listen_close(listener);
	return status;
}

enum jobq_status
jobq_listen_adopt(struct jobq_listener *listener, int fd, struct jobq_err *err)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	*listener = (struct jobq_listener){ .fd = fd };
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 ||
	    !listens || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "descriptor %d, handed over to be listened at, is no "
		    "listening socket",
		    fd);
	return look_at(listener, err);
}

void
jobq_listen_close(struct jobq_listener *listener)
{
	struct stat info;

	/* Before the close, after which another may have the inode. */
	if (listener->path != NULL && lstat(listener->path, &info) == 0 &&
	    info.st_dev == listener->device && info.st_ino == listener->inode)
		unlink(listener->path);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->path);
	jobq_buf_release(&listener->where);
	listener->path = NULL;
	listener->fd = -1;
}
