/*
 * A program of the jq language (jq(1)), compiled once, run for many values.
 * libjq is loaded when the first one is opened.
 */
#ifndef JOBQ_JQ_PROGRAM_H
#define JOBQ_JQ_PROGRAM_H

#include "buf.h"
#include "status.h"

#include <stddef.h>

struct jobq_jq;

/*
 * Compiles the program in a file. JOBQ_CONFIG: it cannot be read or compiled
 * (what jq says of it is in err), or there is no libjq.
 */
enum jobq_status jobq_jq_open(
    struct jobq_jq **program, const char *path, struct jobq_err *err);
void jobq_jq_close(struct jobq_jq *program);

/*
 * Runs it on one JSON text (UTF-8, strictly valid); out is replaced by its
 * first result as compact JSON. JOBQ_EMPTY: it gave none. JOBQ_INVALID: it
 * failed, and err has its own message. Numbers keep what libjq keeps of them.
 */
enum jobq_status jobq_jq_run(struct jobq_jq *program, const char *text,
    size_t len, struct jobq_buf *out, struct jobq_err *err);

#endif
