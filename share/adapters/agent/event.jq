# An event as a record of progress; the record's headers have the rest of it.
# Of what an agent writes on standard error only why it failed is progress.
def why: (.error // .reason // "\"it does not say why\"") | fromjson;

(.event | fromjson) as $event
| if $event == "started" then .update = "\"Starting...\""
elif $event == "output" then
	.update = if .stream == "\"stderr\"" then null else .text // .base64 end
elif $event == "completed" then .update = "\"DONE\""
elif $event == "cancelled" then .update = "\"STOPPED\""
elif $event == "failed" then
	.update = ((if .state == "\"failed\"" then "FAILED: "
		else "failed, and is tried again: " end) + why | tojson)
elif $event == "progress" then
	.update = (.note // (.percent | strings | . + "%" | tojson) // null)
elif $event == "released" or $event == "snoozed" then
	.update = "\"Waiting to be run again\""
else .update = null end
| select(.update != null)
| {task_id: .id, update}
