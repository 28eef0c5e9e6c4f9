/*
 * Finding the program that a process is to execute.
 */
#ifndef JOBQ_RUN_PROGRAM_H
#define JOBQ_RUN_PROGRAM_H

#include "buf.h"
#include "status.h"

/*
 * Why a path is no program that can be executed: a text for people, or NULL
 * when it is one. Symbolic links are followed.
 */
const char *jobq_program_fault(const char *path);

/*
 * Finds a program as execvp() does, without running it; path is replaced.
 * JOBQ_CONFIG: there is none.
 */
enum jobq_status jobq_program_find(
    const char *name, struct jobq_buf *path, struct jobq_err *err);

/*
 * What a shell exits with when it is to run this program: 127 when it is not
 * found, 126 when it cannot be run; 0: neither.
 */
int jobq_program_missing_code(const char *name);

#endif
