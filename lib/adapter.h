/*
 * An adapter is a folder of texts in a store's own language, one per verb,
 * with an adapter.json that says what it can do. It is found as told in
 * jobq-adapter(7): $JOBQ_ADAPTER_PATH, XDG data folders, then the place of
 * the running command, never the working directory.
 */
#ifndef JOBQ_ADAPTER_H
#define JOBQ_ADAPTER_H

#include "buf.h"
#include "status.h"
#include "url.h"

#include <stdbool.h>
#include <stdint.h>

enum jobq_fencing {
	JOBQ_FENCING_EPOCH, /* the store compares epoch and worker */
	JOBQ_FENCING_OWNER, /* readers tell stale endings by the epoch */
	JOBQ_FENCING_NONE,
};

/* What a URL may set for the texts. */
struct jobq_adapter_parameter {
	char *name;
	char *value; /* when the URL does not */
};

struct jobq_adapter {
	char *name;
	char *folder; /* absolute path */
	char *driver; /* the scheme it is made for */
	enum jobq_fencing fencing;
	bool ring;	     /* what is claimed is settled there only */
	bool renews;	     /* false: leases have no seconds */
	int64_t lease_ms;    /* default lease */
	int64_t version;     /* of the schema; 0: has none */
	int64_t worker_most; /* characters of a worker's name; 0: no limit */
	char **verbs;	     /* NULL-terminated names */
	char **reads;	     /* verbs that write nothing */
	char **hints;	     /* verbs after which others should look again */
	char **cannot;	     /* NULL-terminated sentences */
	struct jobq_adapter_parameter *parameter;
	size_t parameters;
	char *when; /* JSON: what else holds for values of parameters; NULL */
	char *slot; /* a parameter: see jobq_adapter_slot(); NULL */
	char *base; /* the name of the adapter that has the other texts; NULL */
	struct jobq_adapter *under; /* that adapter; owned */
	int bases_left;		    /* how many more may stand below */
};

/*
 * Finds and reads an adapter. name is [a-z0-9-]+ or a path that begins with
 * "/" or "./". JOBQ_CONFIG says where it was looked for, or what is wrong
 * with its adapter.json.
 */
enum jobq_status jobq_adapter_open(
    const char *name, struct jobq_adapter **adapter, struct jobq_err *err);
void jobq_adapter_free(struct jobq_adapter *adapter);

/*
 * Makes of the adapter what its "when" says for the parameters that a URL
 * has, or for their defaults. Once, before anything in it is looked at;
 * nothing is taken from the URL.
 */
enum jobq_status jobq_adapter_apply(struct jobq_adapter *adapter,
    const struct jobq_url *url, struct jobq_err *err);

bool jobq_adapter_has(const struct jobq_adapter *adapter, const char *verb);
bool jobq_adapter_reads(const struct jobq_adapter *adapter, const char *verb);
bool jobq_adapter_hints(const struct jobq_adapter *adapter, const char *verb);

/*
 * The value of the parameter of this number: what the URL says, which is taken
 * from it, or else its default; either's own. JOBQ_CONFIG: it is not at most
 * 63 of A-Z a-z 0-9 _ . : { } -
 */
enum jobq_status jobq_adapter_take(const struct jobq_adapter *adapter,
    size_t number, struct jobq_url *url, const char **value,
    struct jobq_err *err);

/*
 * The parameter whose value is a key, beside which a cluster keeps all others;
 * NULL: there is none. An adapter has that of its base, unless it says its own.
 */
const char *jobq_adapter_slot(const struct jobq_adapter *adapter);

/*
 * Adds the text FOLDER/file to out, each line "-- include NAME" replaced by
 * that file's text. A file that is not in the adapter's own folder is looked
 * for in its base, also when a text of the base includes it. JOBQ_EMPTY when
 * there is none, JOBQ_CONFIG when it cannot be read.
 */
enum jobq_status jobq_adapter_text(const struct jobq_adapter *adapter,
    const char *file, struct jobq_buf *out, struct jobq_err *err);

#endif
