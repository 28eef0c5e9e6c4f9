/*
 * Whatever bytes come in, what is said to people is printable text without
 * controls, and what is written as a JSON string is one.
 */
#include "buf.h"
#include "json.h"

#include <stdint.h>
#include <stdlib.h>

#include "banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_buf json = JOBQ_BUF_INIT;
	struct jobq_span value;

	jobq_buf_escape(&text, (const char *)bytes, len);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
			abort();
	if (jobq_utf8_valid(text.data, text.len) != text.len)
		abort();
	jobq_json_put_lossy(&json, (const char *)bytes, len);
	if (jobq_json_check(json.data, json.len, &value, NULL))
		abort();
	if (value.len != json.len)
		abort();
	jobq_buf_release(&text);
	jobq_buf_release(&json);
	return 0;
}
