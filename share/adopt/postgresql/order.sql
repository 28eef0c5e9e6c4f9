-- The order of claims.
--if priority
ORDER BY r.:"priority" DESC NULLS LAST, r.:"id"
--else
ORDER BY r.:"id"
--end
