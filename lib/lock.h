/*
 * Named locks of a user: one process at a time holds each, and the kernel
 * gives it back when that process is gone.
 */
#ifndef JOBQ_LOCK_H
#define JOBQ_LOCK_H

#include "status.h"

/*
 * Takes the lock of that name ([A-Za-z0-9._-]+, no leading dot) without
 * waiting. *fd holds it until it is closed. JOBQ_AGAIN when another process
 * has it, which is named; JOBQ_CONFIG for a bad name or no place to keep it.
 *
 * The file is NAME.lock in $XDG_STATE_HOME/jobq ($HOME/.local/state/jobq),
 * which cron and a login see alike; without both in $XDG_RUNTIME_DIR/jobq.
 */
enum jobq_status jobq_lock_take(
    const char *name, int *fd, struct jobq_err *err);

#endif
