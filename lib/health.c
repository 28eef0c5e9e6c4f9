#include "health.h"

#include "buf.h"
#include "child.h"
#include "json.h"
#include "listen.h"
#include "mem.h"

#include <sys/mman.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

struct jobq_health {
	const struct jobq_health_options *options;
	struct jobq_listener listener;
	struct jobq_health_state *state;
};

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
	enum jobq_status status = check_bodies(options, err);

	if (status != JOBQ_OK)
		return status;
	health = jobq_xcalloc(1, sizeof(*health));
	health->options = options;
	health->listener.fd = -1;
	health->state = mmap(NULL, sizeof(*health->state),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (health->state == MAP_FAILED) {
		health->state = NULL;
		status = jobq_fail(err, JOBQ_IO, "unable to share memory: %s",
		    strerror(errno));
	} else {
		status =
		    jobq_listen_open(&health->listener, options->where, err);
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
	jobq_listen_close(&health->listener);
	if (health->state != NULL)
		munmap(health->state, sizeof(*health->state));
	free(health);
}

const char *
jobq_health_where(const struct jobq_health *health)
{
	return health->listener.where.data;
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
	pid_t pid = jobq_child_fork(health->listener.fd);

	if (pid != 0)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	/* In place of standard output, which whoever forks again closes. */
	if (open("/dev/null", O_WRONLY | O_CLOEXEC) < 0)
		_exit(1);
	jobq_health_serve(health->listener.fd, health->options, health->state);
}
