# What the control topic says, as what jobq knows of it.
select(.signal == "\"STOP\"") | {event: "\"cancel\"", id: .task_id}
