/*
 * The driver of exec:PATH?adapter=NAME: a store that is any program, one
 * process per call. The protocol is told in jobq-adapter(7).
 *
 * The program is the file "store" in the adapter's folder. It gets the verb
 * as its argument, the request on stdin, PATH and the other parameters of
 * the URL in its environment (never on its command line, which everybody can
 * read), and answers with lines on stdout and an exit code. The answer is
 * whole when stdout and stderr are closed and the program has ended; only
 * then, and only after exit code 0, are its lines handed out. It runs in a
 * group of its own: ^C in a terminal does not tear a write, and when time is
 * up, or the program has left processes behind, the group is killed.
 *
 * PATH, if there is one, is a file or folder that must exist unless the
 * store may be made; a store that is elsewhere leaves it empty and takes
 * parameters. The verb init, where the adapter has it, is called at each
 * opening that may make the store.
 */
#include "buf.h"
#include "clock.h"
#include "driver.h"
#include "exec_process.h"
#include "json.h"
#include "line.h"
#include "mem.h"
#include "text_lines.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "banned.h"

#define PROGRAM "store"
#define VARIABLE "JOBQ_STORE_"
#define INIT_MS 5000

/* A page may overrun its size by the line that fills it. */
#define ANSWER_BYTES (JOBQ_PAGE_BYTES + JOBQ_STAGE_MAX + 65536)

struct exec_store {
	char *program;
	char **environment; /* NULL-terminated */
	size_t count;
	size_t cap;
};

static void
store_add(struct exec_store *store, char *setting)
{
	store->environment = jobq_grow(store->environment, store->count,
	    &store->cap, sizeof *store->environment);
	store->environment[store->count++] = setting;
}

static void
exec_close(void *handle)
{
	struct exec_store *store = handle;

	for (size_t i = 0; i < store->count; i++)
		free(store->environment[i]);
	free(store->environment);
	free(store->program);
	free(store);
}

/* JOBQ_STORE_NAME=value, for a parameter name=value of the URL. */
static enum jobq_status
store_parameter(struct exec_store *store, struct jobq_parameter *parameter,
    struct jobq_err *err)
{
	struct jobq_buf setting = JOBQ_BUF_INIT;
	const char *name = parameter->name;

	if (*name == '\0' || strcmp(name, "path") == 0 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") !=
		strlen(name))
		return jobq_fail(err, JOBQ_CONFIG,
		    "exec: cannot take a parameter '%s'; names are made of "
		    "a-z 0-9 _ - and the path stands before the '?'",
		    name);
	jobq_buf_puts(&setting, VARIABLE);
	for (; *name != '\0'; name++) {
		if (*name == '-')
			jobq_buf_putc(&setting, '_');
		else if (*name >= 'a' && *name <= 'z')
			jobq_buf_putc(&setting, (char)(*name - 'a' + 'A'));
		else
			jobq_buf_putc(&setting, *name);
	}
	jobq_buf_printf(&setting, "=%s", parameter->value);
	store_add(store, jobq_buf_detach(&setting));
	parameter->taken = true;
	return JOBQ_OK;
}

/*
 * What the program inherits: our environment, in which nothing but the URL
 * sets a variable of the store's.
 */
static enum jobq_status
store_environment(struct exec_store *store, struct jobq_url *url,
    const char *path, struct jobq_err *err)
{
	struct jobq_buf setting = JOBQ_BUF_INIT;
	enum jobq_status status;

	for (char **old = environ; *old != NULL; old++)
		if (strncmp(*old, VARIABLE, strlen(VARIABLE)) != 0)
			store_add(store, jobq_xstrdup(*old));
	jobq_buf_printf(&setting, VARIABLE "PATH=%s", path);
	store_add(store, jobq_buf_detach(&setting));
	for (size_t i = 0; i < url->count; i++) {
		if (url->parameter[i].taken)
			continue;
		status = store_parameter(store, &url->parameter[i], err);
		if (status != JOBQ_OK)
			return status;
	}
	store->environment = jobq_grow(store->environment, store->count,
	    &store->cap, sizeof *store->environment);
	store->environment[store->count] = NULL;
	return JOBQ_OK;
}

/*
 * The codes of sysexits.h, and 1 for a negative answer. Interpreters exit
 * with 1 or 2 when a program of theirs dies, and say why; that must never
 * pass for an answer, so 1 is one only in silence.
 */
static enum jobq_status
status_of_exit(int code, const char *word)
{
	switch (code) {
	case 0:
		return JOBQ_OK;
	case 1:
		return word == NULL ? JOBQ_EMPTY : JOBQ_IO;
	case 64:
		return JOBQ_CONFIG;
	case 65:
		return JOBQ_INVALID;
	case 69:
		return JOBQ_UNSUPPORTED;
	case 75:
		return JOBQ_AGAIN;
	default:
		return JOBQ_IO;
	}
}

/* The last line that is not empty of what was said on stderr, if any. */
static const char *
call_last_word(struct jobq_buf *said)
{
	char *newline;

	while (said->len > 0 && strchr(" \t\r\n", said->data[said->len - 1]))
		said->data[--said->len] = '\0';
	if (said->len == 0)
		return NULL;
	newline = memrchr(said->data, '\n', said->len);
	return newline == NULL ? said->data : newline + 1;
}

static enum jobq_status
call_verdict(struct jobq_exec_process *call, struct jobq_err *err)
{
	const char *word = call_last_word(&call->said);
	enum jobq_status status;

	if (WIFSIGNALED(call->code))
		return jobq_fail(err, JOBQ_IO,
		    "'%s %s' was killed by signal %d", call->program,
		    call->argument, WTERMSIG(call->code));
	status = status_of_exit(WEXITSTATUS(call->code), word);
	if (status == JOBQ_OK)
		return JOBQ_OK;
	if (word != NULL)
		return jobq_fail(err, status, "'%s %s': %s", call->program,
		    call->argument, word);
	return jobq_fail(err, status, "'%s %s' exited with %d", call->program,
	    call->argument, WEXITSTATUS(call->code));
}

static enum jobq_status
call_lines(const struct jobq_exec_process *call, jobq_line_fn *line,
    void *context, struct jobq_err *err)
{
	struct jobq_lines lines = { call->answer.data, call->answer.len };
	struct jobq_buf whose = JOBQ_BUF_INIT;
	enum jobq_status status;

	jobq_buf_printf(&whose, "'%s %s'", call->program, call->argument);
	status = jobq_lines_hand_out(lines, whose.data, line, context, err);
	jobq_buf_release(&whose);
	return status;
}

static enum jobq_status
exec_call(void *handle, const char *verb, const char *request,
    size_t request_len, int64_t deadline, jobq_line_fn *line, void *context,
    struct jobq_err *err)
{
	const struct exec_store *store = handle;
	struct jobq_exec_process call = {
		.program = store->program,
		.argument = verb,
		.environment = store->environment,
		.request = request,
		.left = request_len,
		.most_bytes = ANSWER_BYTES,
		.deadline = deadline,
	};
	enum jobq_status status;

	status = jobq_exec_process_run(&call, err);
	if (status == JOBQ_OK)
		status = call_verdict(&call, err);
	if (status == JOBQ_OK)
		status = call_lines(&call, line, context, err);
	jobq_exec_process_release(&call);
	return status;
}

/* Whether the program and what PATH names are there. */
static enum jobq_status
store_check(const struct exec_store *store, const char *path,
    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
    struct jobq_err *err)
{
	if (access(store->program, X_OK) != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "adapter '%s' has no program that can be run at '%s': %s",
		    adapter->name, store->program, strerror(errno));
	if (*path == '\0' || mode == JOBQ_STORE_CREATE ||
	    access(path, F_OK) == 0)
		return JOBQ_OK;
	if (errno == ENOENT || errno == ENOTDIR)
		return jobq_fail(err, JOBQ_CONFIG,
		    "there is no store at '%s'; jobq-admin init makes one",
		    path);
	return jobq_fail(err, JOBQ_CONFIG, "unable to look at '%s': %s", path,
	    strerror(errno));
}

static enum jobq_status
exec_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct exec_store *store = jobq_xcalloc(1, sizeof *store);
	struct jobq_buf program = JOBQ_BUF_INIT;
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct sigaction children;
	enum jobq_status status;

	jobq_buf_printf(&program, "%s/" PROGRAM, adapter->folder);
	store->program = jobq_buf_detach(&program);
	jobq_buf_puts(&path, "");
	status = jobq_url_path(url, &path, err);
	if (status == JOBQ_OK)
		status = store_check(store, path.data, adapter, mode, err);
	if (status == JOBQ_OK)
		status = store_environment(store, url, path.data, err);
	jobq_buf_release(&path);
	/* Ignored, as some parents leave it, it would lose exit codes. */
	if (sigaction(SIGCHLD, NULL, &children) == 0 &&
	    children.sa_handler == SIG_IGN)
		signal(SIGCHLD, SIG_DFL);
	if (status == JOBQ_OK && mode == JOBQ_STORE_CREATE &&
	    jobq_adapter_has(adapter, "init"))
		status = exec_call(store, "init", "{}", 2,
		    jobq_mono_ms() + INIT_MS, NULL, NULL, err);
	if (status != JOBQ_OK) {
		exec_close(store);
		return status;
	}
	*handle = store;
	return JOBQ_OK;
}

const struct jobq_driver jobq_driver = {
	.abi = JOBQ_DRIVER_ABI,
	.scheme = "exec",
	.needs_adapter = true,
	.open = exec_open,
	.call = exec_call,
	.close = exec_close,
};
