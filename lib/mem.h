/*
 * Memory that is there, or the process exits 75 with one line on stderr:
 * no caller has a way to go on without it. What is returned is freed with
 * free().
 */
#ifndef JOBQ_MEM_H
#define JOBQ_MEM_H

#include <stddef.h>

/* size_bytes may be 0; the result is never NULL and is not cleared. */
void *jobq_xmalloc(size_t size_bytes);

/* count * size_bytes, checked against overflow, cleared to zero. */
void *jobq_xcalloc(size_t count, size_t size_bytes);

/* Like realloc() for count elements of size_bytes, checked. */
void *jobq_xrealloc(void *memory, size_t count, size_t size_bytes);

/* Copies of a string, or of len bytes with a NUL added. */
char *jobq_xstrdup(const char *text);
char *jobq_xstrndup(const char *text, size_t len);

/*
 * Makes room for one more element in a growing array: when *count equals
 * *cap the array is doubled (from 8). Returns the array.
 */
void *jobq_grow(void *array, size_t count, size_t *cap, size_t size_bytes);

/* The same end for what else the kernel has no more of; errno says why. */
_Noreturn void jobq_mem_exhausted(const char *what);

/* A broken invariant of ours, never bad input: says where, and aborts. */
#define JOBQ_BUG(text) jobq_bug(__FILE__, __LINE__, (text))
_Noreturn void jobq_bug(const char *file, int line, const char *text);

#endif
