/*
 * adapter.json, as jobq-adapter(7) tells it.
 */
#ifndef JOBQ_ADAPTER_JSON_H
#define JOBQ_ADAPTER_JSON_H

#include "adapter.h"

/*
 * Reads the file in the adapter's folder. JOBQ_EMPTY: there is none;
 * JOBQ_CONFIG names the member that is wrong.
 */
enum jobq_status jobq_adapter_read(
    struct jobq_adapter *adapter, struct jobq_err *err);

#endif
