# A job that is pushed, as a task: its input, with its id as task_id. What a
# jobq-serve puts there has that already.
(.input // "{}") as $input
| (.id | fromjson) as $id
| ($input | fromjson) as $task
| if $task | type != "object" then
	error("the input of a task must be an object")
elif $task.task_id == $id then
	$input
elif $task | has("task_id") then
	error("its task_id is not the job's id")
elif $task == {} then
	{task_id: .id}
else
	"{\"task_id\":" + .id + "," + ($input | ltrimstr("{"))
end
