#include "files.h"

#include "file.h"
#include "id.h"
#include "mem.h"
#include "routes.h"
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define FILES_MOST 64
#define FILE_BYTES ((size_t)1 << 20)

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".txt", "text/plain; charset=utf-8" },
};

/* NULL for what is not served. */
static const char *
type_of(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	const char *dot = strrchr(name, '.');

	if (dot == NULL || name[0] == '.' || name[0] == '-' ||
	    name[strspn(name, plain)] != '\0')
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].ending, dot) == 0)
			return types[i].type;
	return NULL;
}

static enum jobq_status
read_file(struct jobq_files *files, const char *folder, const char *name,
    struct jobq_err *err)
{
	struct jobq_file *file;
	struct jobq_buf path = JOBQ_BUF_INIT;
	enum jobq_status status;
	char hash[17];

	if (type_of(name) == NULL || files->count == FILES_MOST)
		return JOBQ_OK;
	files->file = jobq_grow(
	    files->file, files->count, &files->cap, sizeof(*files->file));
	file = &files->file[files->count++];
	*file = (struct jobq_file){ .name = jobq_xstrdup(name),
		.type = type_of(name) };
	jobq_buf_printf(&path, "%s/%s", folder, name);
	status = jobq_file_read(path.data, FILE_BYTES, &file->text, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "'%s' is gone already", path.data);
	jobq_line_hash(file->text.data == NULL ? "" : file->text.data,
	    file->text.len, hash);
	file->etag[0] = file->etag[17] = '"';
	memcpy(file->etag + 1, hash, 16);
	jobq_buf_release(&path);
	return status;
}

enum jobq_status
jobq_files_read(
    struct jobq_files *files, const char *folder, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	const struct dirent *entry;
	DIR *dir = opendir(folder);

	if (dir == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "the page is not installed: unable to read the folder "
		    "'%s': %s",
		    folder, strerror(errno));
	while (status == JOBQ_OK && (entry = readdir(dir)) != NULL)
		status = read_file(files, folder, entry->d_name, err);
	closedir(dir);
	return status;
}

void
jobq_files_release(struct jobq_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->file[i].name);
		jobq_buf_release(&files->file[i].text);
	}
	free(files->file);
	*files = (struct jobq_files){ NULL, 0, 0 };
}

const struct jobq_file *
jobq_files_find(const struct jobq_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->file[i].name, name) == 0)
			return &files->file[i];
	return NULL;
}

static void
serve(struct jobq_request *request, const char *name)
{
	const struct jobq_file *file =
	    jobq_files_find(&request->server->files, name);
	struct jobq_buf more = JOBQ_BUF_INIT;

	if (file == NULL) {
		jobq_request_problem(
		    request, 404, NULL, "there is no file '%s' here", name);
		return;
	}
	/* It is asked for again each time, and mostly not sent again. */
	jobq_buf_printf(
	    &more, "Cache-Control: no-cache\r\nETag: %s\r\n", file->etag);
	if (request->known.len > 0 &&
	    strstr(request->known.data, file->etag) != NULL)
		jobq_request_answer(
		    request, 304, file->type, NULL, 0, more.data);
	else
		jobq_request_answer(request, 200, file->type, file->text.data,
		    file->text.len, more.data);
	jobq_buf_release(&more);
}

void
jobq_route_file(struct jobq_request *request)
{
	serve(request, request->id.data);
}

void
jobq_route_docs(struct jobq_request *request)
{
	serve(request, "docs.html");
}

void
jobq_route_openapi(struct jobq_request *request)
{
	serve(request, "openapi.json");
}
