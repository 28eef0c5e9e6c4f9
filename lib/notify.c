#include "notify.h"

#include "clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Half of WATCHDOG_USEC, if it is meant for this process. */
static int64_t
watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t number;

	if (usec == NULL)
		return 0;
	if (pid != NULL &&
	    (jobq_int_parse(pid, 1, INT32_MAX, &number, NULL) != JOBQ_OK ||
		number != getpid()))
		return 0;
	if (jobq_int_parse(usec, 1, INT64_MAX, &number, NULL) != JOBQ_OK)
		return 0;
	return number < 4000 ? 1 : number / 2000;
}

enum jobq_status
jobq_notify_open(struct jobq_notify *notify, struct jobq_err *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);

	*notify = (struct jobq_notify){ .fd = -1 };
	if (len == 0)
		return JOBQ_OK;
	if ((path[0] != '/' && path[0] != '@') || len < 2 ||
	    len >= sizeof(notify->to.sun_path))
		return jobq_fail(err, JOBQ_CONFIG,
		    "NOTIFY_SOCKET is '%s', which is neither an absolute path "
		    "nor '@' and a name, or is too long",
		    path);
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, path, len);
	/* An abstract name begins with a NUL and has none at its end. */
	notify->to_len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		notify->to.sun_path[0] = '\0';
	else
		notify->to_len++;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0)
		return jobq_fail(err, JOBQ_IO, "unable to make a socket: %s",
		    strerror(errno));
	notify->watchdog_ms = watchdog_ms();
	return JOBQ_OK;
}

void
jobq_notify_close(struct jobq_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void
jobq_notify_send(const struct jobq_notify *notify, const char *text)
{
	if (notify->fd >= 0)
		sendto(notify->fd, text, strlen(text),
		    MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&notify->to, notify->to_len);
}
