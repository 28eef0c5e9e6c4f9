/*
 * The id of what a client pushes under a key of its own (Idempotency-Key), so
 * that a push repeated after a lost answer is the same job.
 */
#ifndef JOBQ_SERVE_KEY_H
#define JOBQ_SERVE_KEY_H

#include "id.h"

#include <stddef.h>

/*
 * A UUID of version 8 (RFC 9562, section 5.8) made of the first bits of the
 * key's SHA-256; without a key (len 0) a new one of version 7.
 */
void jobq_key_id(const char *key, size_t len, char out[JOBQ_UUID_SIZE]);

#endif
