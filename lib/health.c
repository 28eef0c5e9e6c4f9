/*
 * The memory has a size and a form that do not change: struct memory, then
 * the texts, each with its NUL. It is a memfd, for that survives an exec; it
 * is sealed before anybody gets it, so that who answers can neither change
 * what is told nor be killed by a file that became shorter.
 */
#include "health.h"

#include "clock.h"
#include "json.h"
#include "listen.h"
#include "mem.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* Both ends are of one build: its version stands in it. */
#define FORM 1
#define TEXTS 3

struct memory {
	uint32_t form;
	uint32_t asks_store;
	struct jobq_health_state state;
	uint32_t text_bytes[TEXTS]; /* with the NUL; 0: none was given */
	char texts[];
};

struct jobq_health {
	struct jobq_listener listener;
	int memory_fd;
	struct memory *memory;
	size_t memory_bytes;
};

/* --- bodies --------------------------------------------------------------- */

void
jobq_health_put_unready(
    struct jobq_buf *out, const char *body, const char *error)
{
	static const char place[] = "{error}";
	const char *at;

	while ((at = strstr(body, place)) != NULL) {
		jobq_buf_add(out, body, (size_t)(at - body));
		jobq_json_put_lossy(out, error, strlen(error));
		body = at + strlen(place);
	}
	jobq_buf_puts(out, body);
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

/* --- who tells ------------------------------------------------------------ */

static void
fill(struct memory *memory, const struct jobq_health_options *options,
    const size_t *text_bytes)
{
	const char *const texts[TEXTS] = { options->live, options->ready,
		options->unready };
	char *at = memory->texts;

	memory->form = FORM;
	memory->asks_store = options->asks_store;
	for (int i = 0; i < TEXTS; i++) {
		memory->text_bytes[i] = (uint32_t)text_bytes[i];
		if (text_bytes[i] > 0)
			memcpy(at, texts[i], text_bytes[i]);
		at += text_bytes[i];
	}
}

static enum jobq_status
make_memory(struct jobq_health *health,
    const struct jobq_health_options *options, struct jobq_err *err)
{
	const char *const texts[TEXTS] = { options->live, options->ready,
		options->unready };
	size_t text_bytes[TEXTS];
	void *memory = MAP_FAILED;

	health->memory_bytes = sizeof(struct memory);
	for (int i = 0; i < TEXTS; i++) {
		text_bytes[i] = texts[i] == NULL ? 0 : strlen(texts[i]) + 1;
		health->memory_bytes += text_bytes[i];
	}
	health->memory_fd =
	    memfd_create("jobq-health", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (health->memory_fd >= 0 &&
	    ftruncate(health->memory_fd, (off_t)health->memory_bytes) == 0)
		memory = mmap(NULL, health->memory_bytes,
		    PROT_READ | PROT_WRITE, MAP_SHARED, health->memory_fd, 0);
	if (memory == MAP_FAILED)
		return jobq_fail(err, JOBQ_IO, "unable to share memory: %s",
		    strerror(errno));
	health->memory = memory;
	fill(memory, options, text_bytes);
	/* Our own mapping stays writable; before Linux 5.1 all are. */
	fcntl(health->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	fcntl(health->memory_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	return JOBQ_OK;
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
	health->listener.fd = -1;
	status = make_memory(health, options, err);
	if (status == JOBQ_OK)
		status =
		    jobq_listen_open(&health->listener, options->where, err);
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
	if (health->memory != NULL)
		munmap(health->memory, health->memory_bytes);
	if (health->memory_fd >= 0)
		close(health->memory_fd);
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
	return &health->memory->state;
}

int
jobq_health_memory_fd(const struct jobq_health *health)
{
	return health->memory_fd;
}

int
jobq_health_listen_fd(const struct jobq_health *health)
{
	return health->listener.fd;
}

/* --- who answers ---------------------------------------------------------- */

/* Whether it is what fill() makes. */
static bool
is_whole(const struct memory *memory, size_t bytes)
{
	const char *at = memory->texts;
	size_t left = bytes - sizeof(*memory);

	if (memory->form != FORM)
		return false;
	for (int i = 0; i < TEXTS; i++) {
		size_t len = memory->text_bytes[i];

		if (len > left || (len > 0 && at[len - 1] != '\0'))
			return false;
		at += len;
		left -= len;
	}
	return true;
}

static const char *
text_of(const struct memory *memory, int index)
{
	const char *at = memory->texts;

	for (int i = 0; i < index; i++)
		at += memory->text_bytes[i];
	return memory->text_bytes[index] == 0 ? NULL : at;
}

enum jobq_status
jobq_health_take(struct jobq_health_told *told, struct jobq_err *err)
{
	const char *of = getenv(JOBQ_HEALTH_OF);
	const struct memory *memory = MAP_FAILED;
	struct stat info = { 0 };
	int64_t pid = 0;

	if (of == NULL ||
	    jobq_int_parse(of, 1, INT32_MAX, &pid, NULL) != JOBQ_OK ||
	    pid != getppid())
		return JOBQ_EMPTY;
	unsetenv(JOBQ_HEALTH_OF);
	if (fstat(STDIN_FILENO, &info) == 0 &&
	    (size_t)info.st_size >= sizeof(*memory))
		memory = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED,
		    STDIN_FILENO, 0);
	if (memory == MAP_FAILED || !is_whole(memory, (size_t)info.st_size))
		return jobq_fail(err, JOBQ_CONFIG,
		    "standard input is not what a jobq-work of this version "
		    "hands over for " JOBQ_HEALTH_OF);
	*told = (struct jobq_health_told){ &memory->state,
		memory->asks_store != 0, text_of(memory, 0), text_of(memory, 1),
		text_of(memory, 2) };
	return JOBQ_OK;
}
