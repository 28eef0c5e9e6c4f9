/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. What is wrong is cut into maximal bad parts (Unicode 15, section
 * 3.9, table 3-8), so that all who replace it agree on how often.
 */
#ifndef JOBQ_UTF8_H
#define JOBQ_UTF8_H

#include <stddef.h>

/*
 * Looks at the sequence that begins at text (len is at least 1). *good says
 * whether it is a valid one; the result is its length, or that of the bad
 * part, at least 1 either way.
 */
static inline size_t
jobq_utf8_step(const char *text, size_t len, int *good)
{
	const unsigned char *byte = (const unsigned char *)text;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t need;
	size_t i;

	*good = 0;
	if (byte[0] < 0x80) {
		*good = 1;
		return 1;
	}
	if (byte[0] < 0xc2 || byte[0] > 0xf4)
		return 1;
	if (byte[0] < 0xe0) {
		need = 2;
	} else if (byte[0] < 0xf0) {
		need = 3;
		if (byte[0] == 0xe0)
			low = 0xa0;
		else if (byte[0] == 0xed)
			high = 0x9f;
	} else {
		need = 4;
		if (byte[0] == 0xf0)
			low = 0x90;
		else if (byte[0] == 0xf4)
			high = 0x8f;
	}
	for (i = 1; i < need; i++) {
		if (i == len || byte[i] < low || byte[i] > high)
			return i;
		low = 0x80;
		high = 0xbf;
	}
	*good = 1;
	return need;
}

/* The length of the first bytes, of len, that are valid UTF-8. */
size_t jobq_utf8_valid(const char *text, size_t len);

#endif
