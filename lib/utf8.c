#include "utf8.h"

#include <stdint.h>
#include <string.h>

#include "banned.h"

/* Eight bytes of ASCII at a time; the rest sequence by sequence. */
size_t
jobq_utf8_valid(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint64_t word;
		size_t step;
		int good;

		if (len - at >= sizeof(word)) {
			memcpy(&word, text + at, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof(word);
				continue;
			}
		}
		step = jobq_utf8_step(text + at, len - at, &good);
		if (!good)
			break;
		at += step;
	}
	return at;
}
