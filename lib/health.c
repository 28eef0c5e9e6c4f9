#include "health.h"

#include "buf.h"
#include "child.h"
#include "json.h"
#include "mem.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define BACKLOG 128

struct jobq_health {
	const struct jobq_health_options *options;
	int fd;
	char *path; /* of a socket file that is ours; NULL: none */
	struct jobq_buf where;
	struct jobq_health_state *state;
};

static enum jobq_status
failed(const char *where, struct jobq_err *err)
{
	bool busy = errno == EADDRINUSE;

	return jobq_fail(err, busy ? JOBQ_IO : JOBQ_CONFIG,
	    "unable to listen at '%s': %s", where, strerror(errno));
}

/* Whether nobody answers at the path any more. */
static bool
is_dead(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

static enum jobq_status
listen_unix(struct jobq_health *health, const char *path, struct jobq_err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct sockaddr *to = (const struct sockaddr *)&address;
	size_t len = strlen(path);
	mode_t before;
	int result;

	if (len == 0 || len >= sizeof(address.sun_path))
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no path of a socket: it has 1 to %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, len);
	if (is_dead(&address))
		unlink(path);
	health->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (health->fd < 0)
		return failed(path, err);
	before = umask(0177);
	result = bind(health->fd, to, sizeof(address));
	umask(before);
	if (result != 0)
		return failed(path, err);
	health->path = jobq_xstrdup(path);
	jobq_buf_printf(&health->where, "unix:%s", path);
	return listen(health->fd, BACKLOG) == 0 ? JOBQ_OK : failed(path, err);
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

/* The address as it has become, with the port that was chosen. */
static void
name_address(struct jobq_health *health)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64], port[16];

	if (getsockname(health->fd, (struct sockaddr *)&address, &len) == 0 &&
	    getnameinfo((struct sockaddr *)&address, len, host, sizeof(host),
		port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		jobq_buf_printf(&health->where,
		    address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		    port);
}

static enum jobq_status
listen_tcp(struct jobq_health *health, const char *where, struct jobq_err *err)
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
	for (const struct addrinfo *info = list; info != NULL && health->fd < 0;
	     info = info->ai_next)
		health->fd = try_address(info);
	if (health->fd < 0)
		status = failed(where, err);
	else
		name_address(health);
	freeaddrinfo(list);
	return status;
}

static enum jobq_status
check_body(const char *name, const char *text, size_t len, struct jobq_err *err)
{
	struct jobq_span value;

	if (jobq_json_check(text, len, &value, err) == JOBQ_OK)
		return JOBQ_OK;
	jobq_err_prefix(err, "--health-%s is no JSON", name);
	return JOBQ_CONFIG;
}

static enum jobq_status
check_bodies(const struct jobq_health_options *options, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;

	if (options->live != NULL)
		status = check_body(
		    "live", options->live, strlen(options->live), err);
	if (status == JOBQ_OK && options->ready != NULL)
		status = check_body(
		    "ready", options->ready, strlen(options->ready), err);
	if (status == JOBQ_OK && options->unready != NULL) {
		jobq_health_put_unready(&text, options->unready, "");
		status = check_body("unready", text.data, text.len, err);
	}
	jobq_buf_release(&text);
	return status;
}

enum jobq_status
jobq_health_open(const struct jobq_health_options *options,
    struct jobq_health **out, struct jobq_err *err)
{
	struct jobq_health *health;
	const char *where = options->where;
	enum jobq_status status = check_bodies(options, err);

	if (status != JOBQ_OK)
		return status;
	health = jobq_xcalloc(1, sizeof(*health));
	health->options = options;
	health->fd = -1;
	health->state = mmap(NULL, sizeof(*health->state),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (health->state == MAP_FAILED) {
		health->state = NULL;
		status = jobq_fail(err, JOBQ_IO, "unable to share memory: %s",
		    strerror(errno));
	} else if (strncmp(where, "unix:", 5) == 0) {
		status = listen_unix(health, where + 5, err);
	} else {
		status = listen_tcp(health, where, err);
	}
	if (status != JOBQ_OK) {
		jobq_health_close(health);
		return status;
	}
	*out = health;
	return JOBQ_OK;
}

void
jobq_health_close(struct jobq_health *health)
{
	if (health == NULL)
		return;
	if (health->fd >= 0)
		close(health->fd);
	if (health->path != NULL)
		unlink(health->path);
	if (health->state != NULL)
		munmap(health->state, sizeof(*health->state));
	free(health->path);
	jobq_buf_release(&health->where);
	free(health);
}

const char *
jobq_health_where(const struct jobq_health *health)
{
	return health->where.data == NULL ? "" : health->where.data;
}

struct jobq_health_state *
jobq_health_state(struct jobq_health *health)
{
	return health->state;
}

pid_t
jobq_health_start(struct jobq_health *health)
{
	/* Above all it must hold no end of a pipe between the stages. */
	pid_t pid = jobq_child_fork(health->fd);

	if (pid != 0)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	/* In place of standard output, which whoever forks again closes. */
	if (open("/dev/null", O_WRONLY | O_CLOEXEC) < 0)
		_exit(1);
	jobq_health_serve(health->fd, health->options, health->state);
}
