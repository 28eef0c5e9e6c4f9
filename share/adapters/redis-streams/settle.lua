-- include common.lua
-- include json.lua
-- include job.lua
-- include result.lua
-- include ending.lua
-- include settle-events.lua

local events, answer = given(request.events) or {}, {}

carry_due()
settle(events, answer)
prune(10 + #events)
ring()
return behind_outbox(answer, false)
