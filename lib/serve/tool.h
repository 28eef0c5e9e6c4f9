/*
 * A tool in place of a store: each POST /execute is one job of a jobq-run.
 */
#ifndef JOBQ_SERVE_TOOL_H
#define JOBQ_SERVE_TOOL_H

#include "status.h"

#include <stdbool.h>

struct jobq_server;
struct jobq_tool;

/* Opens the tool of the server's options into server->tool. */
enum jobq_status jobq_tool_open(
    struct jobq_server *server, struct jobq_err *err);

/* Before the loop is closed, which then lets go of the requests. */
void jobq_tool_close(struct jobq_server *server);

/* Every second. Ends the server, with JOBQ_AGAIN, when the tool is hopeless. */
void jobq_tool_tick(struct jobq_server *server);

/* Whether a request would be run now. */
bool jobq_tool_is_well(const struct jobq_tool *tool);

#endif
