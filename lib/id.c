/*
 * A UUID of version 7: 48 bits of milliseconds, the version, 12 bits that
 * count within one millisecond, the variant, 62 random bits. Each new
 * millisecond starts the count at a random number below 2048, so that at
 * least 2048 more fit; when it is full, or the clock went back, the time of
 * the last id goes on counting. The random bits come fresh from the kernel
 * for each id, so that a forked child never repeats its parent's.
 */
#include "id.h"
#include "clock.h"
#include "mem.h"

#include <sys/random.h>
#include <sys/types.h>
#include <errno.h>
#include <sha256.h>
#include <stdint.h>
#include <string.h>

#include "banned.h"

static const char hex[] = "0123456789abcdef";

static bool
letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

bool
jobq_id_valid(const char *text, size_t len)
{
	if (len < 1 || len > JOBQ_ID_MAX || !letter_or_digit(text[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		char c = text[i];

		if (!letter_or_digit(c) && c != '.' && c != '_' && c != ':' &&
		    c != '@' && c != '-')
			return false;
	}
	return true;
}

static void
random_bytes(void *out, size_t len)
{
	while (getrandom(out, len, 0) != (ssize_t)len) {
		if (errno != EINTR)
			JOBQ_BUG("the kernel has no random numbers");
	}
}

/* The milliseconds and the count of the next id. */
static uint64_t
next_tick(unsigned start, unsigned *count)
{
	static uint64_t last_ms;
	static unsigned last_count;
	uint64_t now_ms = (uint64_t)jobq_wall_ms();

	if (now_ms > last_ms) {
		last_ms = now_ms;
		last_count = start;
	} else if (++last_count > 0xfff) {
		last_ms++;
		last_count = start;
	}
	*count = last_count;
	return last_ms;
}

void
jobq_uuid7(char out[JOBQ_UUID_SIZE])
{
	unsigned char byte[16];
	unsigned count;
	uint64_t ms;
	size_t at = 0;

	random_bytes(byte + 6, 10);
	ms = next_tick((byte[6] << 8 | byte[7]) & 0x7ff, &count);
	for (int i = 0; i < 6; i++)
		byte[i] = (unsigned char)(ms >> (40 - 8 * i));
	byte[6] = (unsigned char)(0x70 | count >> 8);
	byte[7] = (unsigned char)count;
	byte[8] = (unsigned char)(0x80 | (byte[8] & 0x3f));
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[byte[i] >> 4];
		out[at++] = hex[byte[i] & 15];
	}
	out[at] = '\0';
}

void
jobq_line_hash(const char *text, size_t len, char out[17])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)text, len);
	SHA256Final(digest, &context);
	for (int i = 0; i < 8; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[16] = '\0';
}
