# A cancel, as the workers know it.
{task_id: .id, signal: "\"STOP\""}
