#include "http_token.h"

#include "file.h"

#include <sys/stat.h>
#include <ctype.h>
#include <string.h>

#include "banned.h"

#define TOKEN_MAX ((size_t)16 << 10)

enum jobq_status
jobq_http_token_put(
    const char *path, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_buf token = JOBQ_BUF_INIT;
	enum jobq_status status;
	struct stat info;

	if (path == NULL)
		return JOBQ_OK;
	status = jobq_file_check_private(path, "token file", err);
	if (status != JOBQ_OK)
		return status;
	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
		return jobq_fail(err, JOBQ_CONFIG,
		    "the token file '%s' is no regular file, so it cannot be "
		    "read for each request",
		    path);
	status = jobq_file_read(path, TOKEN_MAX, &token, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "there is no token file '%s'", path);
	while (
	    token.len > 0 && isspace((unsigned char)token.data[token.len - 1]))
		token.data[--token.len] = '\0';
	if (status == JOBQ_OK && token.len == 0)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "the token file '%s' is empty", path);
	for (size_t i = 0; i < token.len && status == JOBQ_OK; i++)
		if (token.data[i] <= ' ' || token.data[i] >= 0x7f)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "the token file '%s' has more in it than one word "
			    "of printable ASCII",
			    path);
	if (status == JOBQ_OK) {
		jobq_buf_puts(out, "Authorization: Bearer ");
		jobq_buf_add(out, token.data, token.len + 1);
	}
	if (token.data != NULL)
		explicit_bzero(token.data, token.cap);
	jobq_buf_release(&token);
	return status;
}
