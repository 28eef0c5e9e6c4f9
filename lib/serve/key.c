#include "key.h"

#include <sys/types.h>
#include <sha2.h>
#include <stdint.h>

#include "banned.h"

void
jobq_key_id(const char *key, size_t len, char out[JOBQ_UUID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX context;
	size_t at = 0;

	if (len == 0) {
		jobq_uuid7(out);
		return;
	}
	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)key, len);
	SHA256Final(digest, &context);
	digest[6] = (unsigned char)(0x80 | (digest[6] & 0x0f));
	digest[8] = (unsigned char)(0x80 | (digest[8] & 0x3f));
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = hex[digest[i] >> 4];
		out[at++] = hex[digest[i] & 15];
	}
	out[at] = '\0';
}
