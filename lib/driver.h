/*
 * What a driver is: a const table that knows one client library. It is
 * loaded from lib/jobq/drivers/SCHEME.so on first use and never unloaded;
 * its one exported symbol is jobq_driver. Everything else about stores
 * happens above it, in store.c.
 */
#ifndef JOBQ_DRIVER_H
#define JOBQ_DRIVER_H

#include "adapter.h"
#include "status.h"
#include "store.h"
#include "url.h"

#define JOBQ_DRIVER_ABI 2

struct jobq_driver {
	unsigned abi;
	const char *scheme;
	/* Needs an adapter (a folder of texts) to be opened. */
	bool needs_adapter;
	/* For --version: the client library and its version, or NULL. */
	const char *(*library)(void);
	/*
	 * Opens; *handle is the driver's. adapter and url outlive the
	 * handle. Parameters that are the driver's are taken from url.
	 */
	enum jobq_status (*open)(struct jobq_url *url,
	    const struct jobq_adapter *adapter, enum jobq_store_mode mode,
	    void **handle, struct jobq_err *err);
	/*
	 * One verb, by name; lines go to line() when the store has done all
	 * of it. deadline is CLOCK_MONOTONIC in ms.
	 */
	enum jobq_status (*call)(void *handle, const char *verb,
	    const char *request, size_t request_len, int64_t deadline,
	    jobq_line_fn *line, void *context, struct jobq_err *err);
	int (*fd)(void *handle);     /* may be NULL: -1 */
	void (*heard)(void *handle); /* may be NULL */
	/* Whether all that makes a job ready is heard; may be NULL: no. */
	bool (*listens)(void *handle);
	void (*close)(void *handle);
};

#endif
