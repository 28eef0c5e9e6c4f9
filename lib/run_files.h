/*
 * What the runner keeps in files beside its output: logs, the output of each
 * job, and what an earlier run has completed. Only the files of the
 * runner include this.
 */
#ifndef JOBQ_RUN_FILES_H
#define JOBQ_RUN_FILES_H

#include "run_say.h"
#include "run_task.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * run_joblog.c: a line for each job that was started, in the columns that
 * GNU parallel writes with --joblog. An existing file is replaced, unless
 * appends: then its lines stay. JOBQ_CONFIG when it cannot be opened.
 */
struct jobq_joblog;
enum jobq_status jobq_joblog_open(struct jobq_joblog **log, const char *path,
    bool appends, struct jobq_err *err);
void jobq_joblog_close(struct jobq_joblog *log);
/* Remembers what is started for a task, in words of the shell. */
void jobq_joblog_command(struct jobq_task *task, char *const *argv);
/* JOBQ_IO, and only the first time it fails. */
enum jobq_status jobq_joblog_add(struct jobq_joblog *log,
    const struct jobq_task *task, struct jobq_err *err);

/*
 * run_save.c: DIR/ID.out with all that a job writes on standard output,
 * DIR/ID.err with the same of standard error if there is any. The folder is
 * made if it is not there. JOBQ_CONFIG when it cannot be used.
 */
struct jobq_save;
enum jobq_status jobq_save_open(
    struct jobq_save **save, const char *dir, struct jobq_err *err);
void jobq_save_close(struct jobq_save *save);
/* An attempt begins; bytes of it; it is over. JOBQ_IO, once for each task. */
enum jobq_status jobq_save_begin(
    struct jobq_save *save, struct jobq_task *task, struct jobq_err *err);
enum jobq_status jobq_save_bytes(struct jobq_save *save, struct jobq_task *task,
    bool is_err, const char *bytes, size_t len, struct jobq_err *err);
void jobq_save_end(struct jobq_task *task);

/*
 * run_log.c: PREFIX_stdout.log and PREFIX_stderr.log with all that jobs write.
 * JOBQ_CONFIG when one cannot be opened. What cannot be written later is said
 * by the runner.
 */
struct jobq_output_log;
enum jobq_status jobq_output_log_open(
    struct jobq_output_log **log, const char *prefix, struct jobq_err *err);
void jobq_output_log_close(struct jobq_output_log *log);
void jobq_output_log_bytes(
    struct jobq_task *task, bool is_err, const char *bytes, size_t len);
void jobq_output_log_end(struct jobq_task *task);

/*
 * The same file: what becomes of a job, where --log-jobs asks for it.
 * again_ms: until this runner tries it again; JOBQ_ABSENT: it does not.
 */
void jobq_log_started(const struct jobq_task *task);
void jobq_log_ended(const struct jobq_task *task,
    const struct jobq_verdict *verdict, int64_t again_ms);

/*
 * run_resume.c: the ids of the jobs that an earlier run, whose events are in
 * a file, has completed. A file that is not there is an empty one; lines that
 * are no events, such as a last one that was cut, are passed over.
 * JOBQ_CONFIG, JOBQ_IO: it cannot be opened, or read.
 */
struct jobq_resume;
enum jobq_status jobq_resume_open(struct jobq_resume **resume, const char *path,
    size_t max_line_bytes, struct jobq_err *err);
void jobq_resume_close(struct jobq_resume *resume);
bool jobq_resume_has(const struct jobq_resume *resume, const char *id);

#endif
