/*
 * Sockets to listen at, as people name them: ADDR:PORT ([ADDR]:PORT for IPv6,
 * :PORT for all addresses, port 0 for any), or unix:PATH, a socket of mode
 * 0600 that takes the place of a dead one.
 */
#ifndef JOBQ_LISTEN_H
#define JOBQ_LISTEN_H

#include "buf.h"
#include "status.h"

#include <sys/types.h>
#include <stdbool.h>

struct jobq_listener {
	int fd;		       /* -1: none; close-on-exec */
	struct jobq_buf where; /* as a client names it */
	char *path; /* of a unix socket that was made here, or NULL */
	dev_t device;
	ino_t inode; /* of its file, which another may have replaced */
	bool is_unix;
	bool loopback; /* nobody on another machine can reach it */
};

/*
 * JOBQ_CONFIG when where is no such address; JOBQ_IO when it cannot be had
 * now.
 */
enum jobq_status jobq_listen_open(
    struct jobq_listener *listener, const char *where, struct jobq_err *err);

/* Takes over a socket that listens already: fd is the listener's then. */
enum jobq_status jobq_listen_adopt(
    struct jobq_listener *listener, int fd, struct jobq_err *err);

/* Removes the socket's file, unless it is another's by now, and closes. */
void jobq_listen_close(struct jobq_listener *listener);

#endif
