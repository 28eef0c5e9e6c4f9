-- The group is made when the store is connected to (open.lua).
return {}
