-- include common.lua
-- include settle-events.lua
-- include retention.lua

local events, answer = given(request.events) or {}, {}

settle(events, answer)
delete(until_time('prune', 10 + #events))
keep_seq()
ring()
return answer
