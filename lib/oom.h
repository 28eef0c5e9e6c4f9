/*
 * How often the kernel has killed for want of memory in this process's
 * control group (cgroups(7), both versions; the jobs are in the same group
 * unless they leave it). Linux tells nothing else about it: the process is
 * just killed by KILL.
 */
#ifndef JOBQ_OOM_H
#define JOBQ_OOM_H

#include <stdint.h>

struct jobq_oom {
	int fd; /* -1: the group does not tell */
};

void jobq_oom_open(struct jobq_oom *oom);
void jobq_oom_close(struct jobq_oom *oom);

/* The number of kills so far; 0 when nobody tells. */
uint64_t jobq_oom_kills(const struct jobq_oom *oom);

#endif
