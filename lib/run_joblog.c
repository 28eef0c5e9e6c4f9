/*
 * The columns are those of GNU parallel (parallel(1), --joblog): Seq Host
 * Starttime JobRuntime Send Receive Exitval Signal Command, divided by tabs.
 * Host is ":", this one; Send and Receive are the bytes of standard input and
 * output. A line is written at once, so that one that was cut can only be the
 * last.
 */
#include "run_files.h"

#include "clock.h"
#include "mem.h"

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

struct jobq_joblog {
	char *path;
	int fd;
	bool failed;
	struct jobq_buf line;
};

static enum jobq_status
write_line(struct jobq_joblog *log, struct jobq_err *err)
{
	ssize_t put = write(log->fd, log->line.data, log->line.len);

	if (put == (ssize_t)log->line.len || log->failed)
		return JOBQ_OK;
	log->failed = true;
	return jobq_fail(err, JOBQ_IO, "unable to write to job log '%s': %s",
	    log->path, put < 0 ? strerror(errno) : "no room is left");
}

enum jobq_status
jobq_joblog_open(struct jobq_joblog **out, const char *path, bool appends,
    struct jobq_err *err)
{
	struct jobq_joblog *log = jobq_xcalloc(1, sizeof *log);
	enum jobq_status status = JOBQ_OK;

	log->path = jobq_xstrdup(path);
	log->fd = open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (appends ? 0 : O_TRUNC),
	    0666);
	if (log->fd < 0)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "unable to open job log '%s': %s", path, strerror(errno));
	if (status == JOBQ_OK && lseek(log->fd, 0, SEEK_END) <= 0) {
		jobq_buf_puts(&log->line,
		    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\t"
		    "Signal\tCommand\n");
		status = write_line(log, err);
	}
	*out = log;
	return status;
}

void
jobq_joblog_close(struct jobq_joblog *log)
{
	if (log == NULL)
		return;
	if (log->fd >= 0)
		close(log->fd);
	jobq_buf_release(&log->line);
	free(log->path);
	free(log);
}

/* A word as a shell reads it back; control characters as in $'\n'. */
static void
put_word(struct jobq_buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+=:,./-";
	bool control = false;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		jobq_buf_puts(out, word);
		return;
	}
	for (const char *at = word; *at != '\0'; at++)
		control = control || (unsigned char)*at < 0x20 || *at == 0x7f;
	jobq_buf_puts(out, control ? "$'" : "'");
	for (const char *at = word; *at != '\0'; at++) {
		if (control && ((unsigned char)*at < 0x20 || *at == 0x7f))
			jobq_buf_printf(out, "\\%03o", (unsigned char)*at);
		else if (control && (*at == '\'' || *at == '\\'))
			jobq_buf_printf(out, "\\%c", *at);
		else if (*at == '\'')
			jobq_buf_puts(out, "'\\''");
		else
			jobq_buf_putc(out, *at);
	}
	jobq_buf_putc(out, '\'');
}

void
jobq_joblog_command(struct jobq_task *task, char *const *argv)
{
	jobq_buf_clear(&task->command);
	for (; *argv != NULL; argv++) {
		if (task->command.len > 0)
			jobq_buf_putc(&task->command, ' ');
		put_word(&task->command, *argv);
	}
}

enum jobq_status
jobq_joblog_add(
    struct jobq_joblog *log, const struct jobq_task *task, struct jobq_err *err)
{
	int64_t took_ms = (task->ended_ns - task->begun_ns) / 1000000;
	int64_t from_ms =
	    jobq_wall_ms() - (jobq_mono_ns() - task->begun_ns) / 1000000;
	int wait_status = task->outcome.wait_status;
	int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;

	if (task->outcome.failed || !task->outcome.known)
		code = 1;
	jobq_buf_clear(&log->line);
	jobq_buf_printf(&log->line,
	    "%llu\t:\t%lld.%03lld\t%6lld.%03lld\t%zu\t%llu\t%d\t%d\t",
	    (unsigned long long)task->seq, (long long)(from_ms / 1000),
	    (long long)(from_ms % 1000), (long long)(took_ms / 1000),
	    (long long)(took_ms % 1000), task->input.len,
	    (unsigned long long)(task->out.head.len + task->out.over_bytes),
	    code, WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0);
	if (task->command.len > 0)
		jobq_buf_add(&log->line, task->command.data, task->command.len);
	else
		jobq_buf_puts(&log->line, task->id);
	jobq_buf_putc(&log->line, '\n');
	return write_line(log, err);
}
