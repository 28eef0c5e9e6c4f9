/*
 * A log file that is begun anew when it has grown to a size: FILE becomes
 * FILE.1, that FILE.2 and so on. Several processes may write to one; how they
 * agree is told in rotate.c. Fields may be read.
 */
#ifndef JOBQ_ROTATE_H
#define JOBQ_ROTATE_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobq_rotate {
	const char *file;     /* outlives it */
	uint64_t limit_bytes; /* 0: it grows without end */
	int64_t keep;	      /* how many old files stay, 0 to 99 */
	int fd;		      /* -1: not open */
};

#define JOBQ_ROTATE_INIT       \
	{                      \
		NULL, 0, 0, -1 \
	}

/* Opens the file that is set; JOBQ_CONFIG says why it cannot. */
enum jobq_status jobq_rotate_open(
    struct jobq_rotate *rotate, struct jobq_err *err);

/*
 * Adds bytes that stay together in one file, by one write where the system
 * takes them so. False when not all could be written, errno says why.
 */
bool jobq_rotate_write(
    struct jobq_rotate *rotate, const char *bytes, size_t len);

void jobq_rotate_close(struct jobq_rotate *rotate);

/* Writes it all, waiting a while for a descriptor that is full. */
bool jobq_write_all(int fd, const char *bytes, size_t len);

#endif
