-- The store is made when it is connected to (open.lua).
return {}
