/*
 * Whatever bytes come in, the verdict about a head is the same when they come
 * one by one; a head that is good has its spans within itself, no line end
 * nor NUL in them, and a path that leads nowhere above.
 */
#include "serve/head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
need(int condition)
{
	if (!condition)
		abort();
}

static void
look_at(struct jobq_span span, const char *text, size_t len)
{
	if (span.at == NULL)
		return;
	need(span.at >= text && span.at + span.len <= text + len);
	for (size_t i = 0; i < span.len; i++)
		need(span.at[i] != '\r' && span.at[i] != '\n' &&
		     span.at[i] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *why = NULL;
	struct jobq_head head, part;
	int whole = jobq_head_check(text, len, &head, &why), got = 0;

	need(whole <= (int)len);
	need(whole >= 0 || why != NULL);
	for (size_t i = 0; i <= len && got == 0; i++)
		got = jobq_head_check(text, i, &part, &why);
	need(got == whole);
	if (whole <= 0)
		return 0;
	look_at(head.method, text, (size_t)whole);
	look_at(head.target, text, (size_t)whole);
	look_at(head.host, text, (size_t)whole);
	look_at(head.origin, text, (size_t)whole);
	look_at(head.authorization, text, (size_t)whole);
	look_at(head.fetch_site, text, (size_t)whole);
	look_at(head.length, text, (size_t)whole);
	need(head.target.len > 0 && head.target.at[0] == '/');
	need(memcmp(text + whole - 4, "\r\n\r\n", 4) == 0);
	need(!head.chunked || head.length.at == NULL);
	return 0;
}
