#include "about.h"

#include "json.h"

#include <string.h>

#include "banned.h"

void
jobq_about_put(const struct jobq_store *store, struct jobq_buf *out)
{
	const struct jobq_adapter *adapter = jobq_store_adapter(store);
	const char *name = jobq_store_name(store);

	jobq_buf_puts(out, ",\"store\":");
	jobq_json_put_lossy(out, name, strlen(name));
	jobq_buf_puts(out, ",\"adapter\":");
	jobq_json_put_lossy(out, adapter->name, strlen(adapter->name));
	jobq_buf_puts(out, ",\"verbs\":[");
	for (size_t i = 0; adapter->verbs[i] != NULL; i++) {
		jobq_buf_puts(out, i == 0 ? "" : ",");
		jobq_json_put_lossy(
		    out, adapter->verbs[i], strlen(adapter->verbs[i]));
	}
	jobq_buf_puts(out, "],\"cannot\":[");
	for (size_t i = 0; adapter->cannot[i] != NULL; i++) {
		jobq_buf_puts(out, i == 0 ? "" : ",");
		jobq_json_put_lossy(
		    out, adapter->cannot[i], strlen(adapter->cannot[i]));
	}
	jobq_buf_putc(out, ']');
}
