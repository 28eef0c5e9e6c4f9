#include "head.h"

#include <string.h>
#include <strings.h>

#include "banned.h"

struct walk {
	struct jobq_head *head;
	const char **why;
	unsigned lengths, encodings;
	bool old;   /* HTTP/1.0 */
	bool keeps; /* Connection: keep-alive */
};

static int
refuse(struct walk *walk, int status, const char *why)
{
	*walk->why = why;
	return -status;
}

/* RFC 9110, section 5.6.2. */
static bool
is_token(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

static bool
is(struct jobq_span span, const char *word)
{
	return span.len == strlen(word) &&
	       strncasecmp(span.at, word, span.len) == 0;
}

/*
 * A path and a query: no control character, no space, nothing beyond ASCII,
 * no %00, and no segment that is ".." in any spelling.
 */
static bool
target_is_good(struct jobq_span target)
{
	size_t dots = 0, segment = 0;
	bool path = true;

	if (target.len == 0 || target.at[0] != '/')
		return false;
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.at[i];

		if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\')
			return false;
		if (c == '%') {
			if (target.len - i < 3 ||
			    !is_hex((unsigned char)target.at[i + 1]) ||
			    !is_hex((unsigned char)target.at[i + 2]) ||
			    memcmp(target.at + i + 1, "00", 2) == 0)
				return false;
			if (memcmp(target.at + i, "%2", 2) == 0 &&
			    (target.at[i + 2] | 32) == 'e') {
				c = '.';
				i += 2;
			}
		}
		if (path && (c == '/' || c == '?')) {
			if (dots == 2 && segment == 2)
				return false;
			dots = segment = 0;
			path = c == '/';
		} else {
			segment++;
			dots += c == '.';
		}
	}
	return !path || dots != 2 || segment != 2;
}

static int
check_request_line(struct walk *walk, struct jobq_span line)
{
	static const char http[] = "HTTP/1.";
	const char *space = memchr(line.at, ' ', line.len);
	const char *end = line.at + line.len;
	const char *last;

	if (space == NULL || space == line.at)
		return refuse(walk, 400, "the request line has no method");
	walk->head->method =
	    (struct jobq_span){ line.at, (size_t)(space - line.at) };
	for (const char *c = line.at; c < space; c++)
		if (!is_token((unsigned char)*c))
			return refuse(walk, 400, "the method is no token");
	last = memchr(space + 1, ' ', (size_t)(end - space - 1));
	if (last == NULL)
		return refuse(
		    walk, 400, "the request line has no version of HTTP");
	walk->head->target =
	    (struct jobq_span){ space + 1, (size_t)(last - space - 1) };
	last++;
	if (end - last != (int)sizeof(http) ||
	    memcmp(last, http, sizeof(http) - 1) != 0 ||
	    (end[-1] != '0' && end[-1] != '1'))
		return refuse(walk,
		    end - last > 4 && !memcmp(last, "HTTP", 4) ? 505 : 400,
		    "only HTTP/1.1 is spoken here");
	walk->old = end[-1] == '0';
	if (!target_is_good(walk->head->target))
		return refuse(walk, 400, "the path is not a plain one");
	return 0;
}

static int
take_length(struct walk *walk, struct jobq_span value)
{
	if (walk->lengths++ > 0)
		return refuse(walk, 400, "two headers Content-Length");
	if (value.len == 0 || value.len > 15)
		return refuse(walk, 400, "Content-Length is no number");
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] < '0' || value.at[i] > '9')
			return refuse(walk, 400, "Content-Length is no number");
	walk->head->length = value;
	return 0;
}

/* Where the value of a header that is only noted goes; NULL for others. */
static struct jobq_span *
place_of(struct jobq_head *head, struct jobq_span name)
{
	const struct {
		const char *name;
		struct jobq_span *place;
	} noted[] = {
		{ "host", &head->host },
		{ "origin", &head->origin },
		{ "authorization", &head->authorization },
		{ "content-type", &head->type },
		{ "idempotency-key", &head->key },
		{ "last-event-id", &head->event_id },
		{ "jobq-deadline", &head->deadline },
		{ "sec-fetch-site", &head->fetch_site },
		{ "upgrade", &head->upgrade },
	};

	for (size_t i = 0; i < sizeof(noted) / sizeof(*noted); i++)
		if (is(name, noted[i].name))
			return noted[i].place;
	return NULL;
}

/* Whether a list such as "keep-alive, Upgrade" has a word. */
static bool
lists(struct jobq_span list, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0, end; i < list.len; i = end + 1) {
		while (
		    i < list.len && (list.at[i] == ' ' || list.at[i] == '\t'))
			i++;
		for (end = i; end < list.len && list.at[end] != ',';)
			end++;
		if (end - i >= len &&
		    strncasecmp(list.at + i, word, len) == 0 &&
		    strspn(list.at + i + len, " \t") >= end - i - len)
			return true;
	}
	return false;
}

static int
take_header(struct walk *walk, struct jobq_span name, struct jobq_span value)
{
	struct jobq_head *head = walk->head;
	struct jobq_span *place = place_of(head, name);

	if (place != NULL) {
		if (place->at != NULL)
			return refuse(walk, 400,
			    "a header stands twice that may stand once");
		*place = value;
	} else if (is(name, "content-length")) {
		return take_length(walk, value);
	} else if (is(name, "accept")) {
		head->accept = value;
	} else if (is(name, "if-none-match")) {
		head->known = value;
	} else if (is(name, "transfer-encoding")) {
		walk->encodings++;
		head->chunked = is(value, "chunked");
	} else if (is(name, "connection")) {
		if (lists(value, "close"))
			head->closes = true;
		else if (lists(value, "keep-alive"))
			walk->keeps = true;
	} else if (is(name, "expect")) {
		head->expects = is(value, "100-continue");
	}
	return 0;
}

static int
check_header_line(struct walk *walk, struct jobq_span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct jobq_span name, value;

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return refuse(walk, 400, "a header is folded");
	if (colon == NULL || colon == line.at)
		return refuse(walk, 400, "a header has no name");
	name = (struct jobq_span){ line.at, (size_t)(colon - line.at) };
	for (size_t i = 0; i < name.len; i++)
		if (!is_token((unsigned char)name.at[i]))
			return refuse(
			    walk, 400, "the name of a header is no token");
	value = (struct jobq_span){ colon + 1, line.len - name.len - 1 };
	while (value.len > 0 && (*value.at == ' ' || *value.at == '\t'))
		value.at++, value.len--;
	while (value.len > 0 && (value.at[value.len - 1] == ' ' ||
				    value.at[value.len - 1] == '\t'))
		value.len--;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return refuse(
			    walk, 400, "a header has a control character");
	}
	return take_header(walk, name, value);
}

static int
check_whole(struct walk *walk)
{
	if (walk->head->host.at == NULL && !walk->old)
		return refuse(walk, 400, "there is no header Host");
	if (walk->old && !walk->keeps)
		walk->head->closes = true;
	walk->head->websocket = is(walk->head->upgrade, "websocket");
	if (walk->encodings == 0)
		return 0;
	if (walk->lengths > 0)
		return refuse(walk, 400,
		    "both Content-Length and Transfer-Encoding are given");
	if (walk->encodings > 1 || !walk->head->chunked)
		return refuse(walk, 501,
		    "no other Transfer-Encoding than "
		    "chunked is known");
	if (walk->old)
		return refuse(walk, 400, "HTTP/1.0 knows no Transfer-Encoding");
	return 0;
}

/* The end of a line that has come whole, NULL when it has not. */
static const char *
find_end(const char *from, const char *end, bool *bad)
{
	const char *lf = memchr(from, '\n', (size_t)(end - from));
	const char *cr =
	    memchr(from, '\r', (size_t)((lf == NULL ? end : lf) - from));

	*bad = lf != NULL ? cr != lf - 1 : cr != NULL && cr != end - 1;
	return lf == NULL ? NULL : lf - 1;
}

int
jobq_head_check(
    const char *text, size_t len, struct jobq_head *head, const char **why)
{
	struct walk walk = { .head = head, .why = why };
	const char *end = text + len, *at = text, *stop, *had;
	size_t lines = 0, first = 0;
	bool bad;
	int status;

	*head = (struct jobq_head){ 0 };
	for (;; at = stop + 2, lines++) {
		stop = find_end(at, end, &bad);
		if (bad)
			return refuse(
			    &walk, 400, "a line does not end in CRLF");
		/* What has come of the line, without what may be its end. */
		had = stop != NULL ? stop : end;
		if (stop == NULL && had > at && had[-1] == '\r')
			had--;
		if (lines == 0 && (size_t)(had - at) > JOBQ_HEAD_LINE_MAX)
			return refuse(&walk, 414,
			    "the request line is longer than 8 KiB");
		if (lines > 0 && (size_t)(had - text) - first > JOBQ_HEAD_MAX)
			return refuse(
			    &walk, 431, "the headers are longer than 16 KiB");
		if (stop == NULL)
			return 0;
		if (lines > JOBQ_HEAD_LINES_MAX && stop > at)
			return refuse(&walk, 431, "more than 100 headers");
		if (stop == at && lines > 0)
			break;
		status =
		    lines == 0
			? check_request_line(&walk,
			      (struct jobq_span){ at, (size_t)(stop - at) })
			: check_header_line(&walk,
			      (struct jobq_span){ at, (size_t)(stop - at) });
		if (status != 0)
			return status;
		if (lines == 0)
			first = (size_t)(stop + 2 - text);
	}
	status = check_whole(&walk);
	return status != 0 ? status : (int)(stop + 2 - text);
}
