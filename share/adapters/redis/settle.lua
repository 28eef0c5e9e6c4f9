-- include common.lua
-- include settle-events.lua
-- include retention.lua

local events, answer = given(request.events) or {}, {}

settle(events, answer)
delete_finished(10 + #events)
keep_log()
ring()
return answer
