/*
 * Finds the driver of a scheme: one that is linked in (make STATIC=1), else
 * SCHEME.so in the folder of drivers (place.h). A driver is loaded once and
 * stays.
 */
#ifndef JOBQ_STORE_LOAD_H
#define JOBQ_STORE_LOAD_H

#include "buf.h"
#include "driver.h"

/* JOBQ_CONFIG names the known schemes when this is none of them. */
enum jobq_status jobq_driver_load(const char *scheme,
    const struct jobq_driver **driver, struct jobq_err *err);

/* Adds the names of all drivers there are, sorted, divided by spaces. */
void jobq_driver_names(struct jobq_buf *out);

#endif
