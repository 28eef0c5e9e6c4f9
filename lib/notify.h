/*
 * What a supervisor is told, as sd_notify(3) tells it: datagrams to the
 * socket that NOTIFY_SOCKET names. Without the variable every call does
 * nothing.
 */
#ifndef JOBQ_NOTIFY_H
#define JOBQ_NOTIFY_H

#include "status.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <stdint.h>

struct jobq_notify {
	int fd; /* -1: nobody is to be told */
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* a sign of life is due so often; 0: never */
};

/* JOBQ_CONFIG when the variable names no socket that can be. */
enum jobq_status jobq_notify_open(
    struct jobq_notify *notify, struct jobq_err *err);
void jobq_notify_close(struct jobq_notify *notify);

/* Sends one datagram such as "READY=1"; one that does not go is dropped. */
void jobq_notify_send(const struct jobq_notify *notify, const char *text);

#endif
