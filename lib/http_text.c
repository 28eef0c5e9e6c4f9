#include "http_text.h"

#include "clock.h"
#include "url.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "banned.h"

#define HEADERS_MAX ((size_t)64 << 10)

void
jobq_http_add_header(struct jobq_buf *headers, const char *line, size_t len)
{
	const char *end = line + len;
	const char *value = memchr(line, ':', len);

	if (value == NULL || value == line ||
	    headers->len + len + 2 > HEADERS_MAX ||
	    memchr(line, '\0', len) != NULL)
		return;
	for (const char *at = line; at < value; at++)
		jobq_buf_putc(headers, (char)tolower((unsigned char)*at));
	jobq_buf_putc(headers, '\0');
	value++;
	while (value < end && isspace((unsigned char)*value))
		value++;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	jobq_buf_add(headers, value, (size_t)(end - value));
	jobq_buf_putc(headers, '\0');
}

bool
jobq_http_header(const struct jobq_buf *headers, size_t *cursor,
    const char **name, const char **value)
{
	if (*cursor >= headers->len)
		return false;
	*name = headers->data + *cursor;
	*value = *name + strlen(*name) + 1;
	*cursor = (size_t)(*value + strlen(*value) + 1 - headers->data);
	return true;
}

const char *
jobq_http_find(const struct jobq_buf *headers, const char *name)
{
	const char *found, *value;
	size_t cursor = 0;

	while (jobq_http_header(headers, &cursor, &found, &value))
		if (strcmp(found, name) == 0)
			return value;
	return NULL;
}

bool
jobq_http_date(const char *text, int64_t *wall_ms)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm parts = { 0 };
		const char *end = strptime(text, forms[i], &parts);

		if (end == NULL || *end != '\0')
			continue;
		*wall_ms = (int64_t)timegm(&parts) * 1000;
		return true;
	}
	return false;
}

/* Digits only, as seconds; as many as most_ms are enough. */
static bool
read_seconds(const char *text, int64_t most_ms, int64_t *ms)
{
	int64_t seconds = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (seconds <= most_ms / 1000)
			seconds = 10 * seconds + (*text - '0');
	}
	*ms = seconds * 1000;
	return true;
}

bool
jobq_http_retry_after(
    const struct jobq_buf *headers, int64_t most_ms, int64_t *ms)
{
	const char *text = jobq_http_find(headers, "retry-after");
	const char *date = jobq_http_find(headers, "date");
	int64_t now_ms, then_ms, wait_ms;

	if (text == NULL)
		return false;
	if (!read_seconds(text, most_ms, &wait_ms)) {
		if (!jobq_http_date(text, &then_ms))
			return false;
		if (date == NULL || !jobq_http_date(date, &now_ms))
			now_ms = jobq_wall_ms();
		wait_ms = then_ms - now_ms;
	}
	if (wait_ms < 0)
		wait_ms = 0;
	*ms = wait_ms < most_ms ? wait_ms : most_ms;
	return true;
}

void
jobq_http_show_url(const char *url, struct jobq_buf *out)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	const char *from, *slashes;

	/* It finds the password of a malformed one, too. */
	jobq_url_redact(url, &text);
	from = text.data != NULL ? text.data : "";
	slashes = strstr(from, "://");
	if (slashes != NULL) {
		const char *host = slashes + 3;
		const char *at = memrchr(host, '@', strcspn(host, "/?#"));

		jobq_buf_add(out, from, (size_t)(host - from));
		from = at != NULL ? at + 1 : host;
	}
	jobq_buf_add(out, from, strcspn(from, "?#"));
	jobq_buf_release(&text);
}
